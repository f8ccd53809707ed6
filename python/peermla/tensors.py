"""Arrays of all kinds as one: address, shape, strides, element type.

`view` takes NumPy arrays (bfloat16 by `ml_dtypes`), PyTorch tensors, and whatever
has `__dlpack__`, without copying; sequences of Python numbers are copied.
Results are made by `empty`, for NumPy or PyTorch. PyTorch is never imported
here: who has one of its tensors has imported it.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import Any

import numpy as np

from . import _abi
from .errors import ArgumentError

__all__ = ["View", "current_stream", "dtype_name", "empty", "view"]

# Type codes of DLPack.
_INT, _UINT, _FLOAT, _BFLOAT, _COMPLEX, _BOOL = 0, 1, 2, 4, 5, 6
_CPU, _CUDA = 1, 2
_LETTERS = {_INT: "i", _UINT: "u", _FLOAT: "f", _BFLOAT: "bf", _COMPLEX: "c", _BOOL: "b"}
_CODES = {"i": _INT, "u": _UINT, "f": _FLOAT, "c": _COMPLEX, "b": _BOOL}


def dtype_name(code: int, bits: int) -> str:
    """`f32`, `bf16`, `i32`, ... of a DLPack type."""
    return f"{_LETTERS.get(code, '?')}{bits}"


@dataclass(frozen=True)
class View:
    """Memory of an array, which `owner` keeps alive.

    `strides` count elements; None means contiguous in row-major order.
    """

    owner: Any
    address: int
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    code: int
    bits: int
    device: tuple[int, int] = (_CPU, 0)
    read_only: bool = False

    @property
    def dtype(self) -> str:
        return dtype_name(self.code, self.bits)

    @property
    def _is_on_gpu(self) -> bool:
        return self.device[0] == _CUDA

    @property
    def is_integer(self) -> bool:
        return self.code in (_INT, _UINT)

    @property
    def is_contiguous(self) -> bool:
        if self.strides is None or 0 in self.shape:
            return True
        expected = 1
        for extent, stride in zip(reversed(self.shape), reversed(self.strides)):
            if extent != 1 and stride != expected:
                return False
            expected *= extent
        return True

    def bits_array(self) -> np.ndarray:
        """The same memory as a NumPy array; integers keep their type, all else
        becomes unsigned integers of the same width."""
        if self.device[0] != _CPU:
            raise ArgumentError(
                f"expected an array on the CPU (DLPack device type {_CPU}), "
                f"got device type {self.device[0]}"
            )
        width = self.bits // 8
        dtype = np.dtype(f"{'i' if self.code == _INT else 'u'}{width}")
        if isinstance(self.owner, np.ndarray):
            return self.owner.view(dtype)
        strides = self.strides or _row_major(self.shape)
        if 0 in self.shape:
            return np.empty(self.shape, dtype)
        span = 1 + sum((n - 1) * s for n, s in zip(self.shape, strides))
        memory = (ctypes.c_uint8 * (span * width)).from_address(self.address)
        array = np.ndarray(self.shape, dtype, memory, 0, [s * width for s in strides])
        array.flags.writeable = not self.read_only
        return array

    def contiguous(self) -> View:
        """This view, or one of a copy if this is not contiguous."""
        if self.is_contiguous:
            return self
        if self._is_on_gpu and is_torch(self.owner):
            return view(self.owner.contiguous(), "")
        return self._with(np.ascontiguousarray(self.bits_array()))

    def _with(self, copy: np.ndarray) -> View:
        """A view of `copy`, which holds elements of the same type."""
        return View(copy, copy.ctypes.data, copy.shape, None, self.code, self.bits)

    def as_i32(self, subject: str) -> View:
        """A copy with elements of type i32; refuses values that do not fit."""
        on_gpu = self._is_on_gpu and is_torch(self.owner)
        values = self.owner if on_gpu else self.bits_array()
        limits = np.iinfo(np.int32)
        if prod(self.shape):
            low, high = int(values.min()), int(values.max())
            if low < limits.min or high > limits.max:
                worst = low if low < limits.min else high
                raise ArgumentError(
                    f"{subject} expects integers in "
                    f"[{limits.min}, {limits.max}], got {worst} in {self.dtype}"
                )
        if on_gpu:
            return view(values.int().contiguous(), subject)
        copy = np.ascontiguousarray(values, np.int32)
        return View(copy, copy.ctypes.data, copy.shape, None, _INT, 32)

    def fill(self, tensor: _abi.DLTensor) -> Any:
        """Writes this view into a struct of C; returns what must live as long."""
        extents = ctypes.c_int64 * len(self.shape)
        shape = extents(*self.shape)
        strides = None if self.strides is None else extents(*self.strides)
        tensor.data = self.address
        tensor.device = self.device
        tensor.ndim = len(self.shape)
        tensor.dtype = (self.code, self.bits, 1)
        tensor.shape = shape
        tensor.strides = strides
        return self.owner, shape, strides


def _row_major(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(prod(shape[i + 1 :]) for i in range(len(shape)))


def _torch_of(value: Any) -> Any:
    """The module torch if `value` is one of its tensors, else None."""
    torch = sys.modules.get("torch")
    return torch if torch is not None and isinstance(value, torch.Tensor) else None


def is_torch(value: Any) -> bool:
    """Whether `value` is a tensor of PyTorch."""
    return _torch_of(value) is not None


def view(value: Any, subject: str) -> View:
    """The memory of `value`. `subject` is what messages call it, such as "argument 'x'"."""
    if isinstance(value, np.ndarray):
        return _view_numpy(value, subject)
    torch = _torch_of(value)
    if torch:
        return _view_torch(torch, value, subject)
    if hasattr(value, "__dlpack__"):
        return _view_dlpack(value, subject)
    if isinstance(value, (Sequence, int, np.generic)) and not isinstance(value, (str, bytes)):
        return _view_numpy(np.asarray(value), subject)
    raise ArgumentError(
        f"{subject} expects an array with __dlpack__ or a sequence of numbers, "
        f"got {type(value).__name__}"
    )


@lru_cache(maxsize=64)
def _numpy_code(dtype: np.dtype) -> int | None:
    """The code of DLPack for a type of NumPy, if there is one."""
    if dtype.name == "bfloat16":
        return _BFLOAT
    return _CODES.get(dtype.kind) if dtype.isnative else None


def _view_numpy(array: np.ndarray, subject: str) -> View:
    code = _numpy_code(array.dtype)
    if code is None:
        raise ArgumentError(f"{subject} expects numbers in native order, got {array.dtype}")
    size = array.itemsize
    # A stride of part of an element can only be a field of a record.
    if any(stride % size for stride in array.strides):
        array = np.ascontiguousarray(array)
    return View(
        array,
        array.__array_interface__["data"][0],
        array.shape,
        tuple(stride // size for stride in array.strides),
        code,
        size * 8,
        read_only=not array.flags.writeable,
    )


def _view_torch(torch: Any, tensor: Any, subject: str) -> View:
    if tensor.layout != torch.strided:
        raise ArgumentError(f"{subject} expects a dense tensor, got {tensor.layout}")
    if tensor.is_neg() or tensor.is_conj():
        tensor = tensor.resolve_neg().resolve_conj()
    dtype = tensor.dtype
    if dtype == torch.bfloat16:
        code = _BFLOAT
    elif dtype == torch.bool:
        code = _BOOL
    elif dtype.is_complex:
        code = _COMPLEX
    elif dtype.is_floating_point:
        code = _FLOAT
    else:
        code = _INT if dtype.is_signed else _UINT
    device = (_CPU, 0)
    if tensor.device.type != "cpu":
        device = tuple(int(part) for part in tensor.__dlpack_device__())
    return View(
        tensor,
        tensor.data_ptr(),
        tuple(tensor.shape),
        tensor.stride(),
        code,
        dtype.itemsize * 8,
        device,
    )


_get_pointer = ctypes.pythonapi.PyCapsule_GetPointer
_get_pointer.restype = ctypes.c_void_p
_get_pointer.argtypes = [ctypes.py_object, ctypes.c_char_p]


def _view_dlpack(value: Any, subject: str) -> View:
    # The capsule stays unconsumed and frees its tensor when the view goes. A
    # DLManagedTensor begins with its DLTensor.
    capsule = value.__dlpack__()
    tensor = _abi.DLTensor.from_address(_get_pointer(capsule, b"dltensor"))
    if tensor.dtype.lanes != 1:
        raise ArgumentError(
            f"{subject} expects scalar elements, got vectors of {tensor.dtype.lanes}"
        )
    rank = tensor.ndim
    return View(
        (value, capsule),
        (tensor.data or 0) + tensor.byte_offset,
        tuple(tensor.shape[:rank]),
        tuple(tensor.strides[:rank]) if tensor.strides else None,
        tensor.dtype.code,
        tensor.dtype.bits,
        (tensor.device.device_type, tensor.device.device_id),
    )


def _numpy_dtype(dtype: str, subject: str) -> np.dtype:
    if dtype != "bf16":
        return np.dtype(f"{dtype[0]}{int(dtype[1:]) // 8}")
    try:
        import ml_dtypes
    except ImportError:
        raise ArgumentError(
            f"{subject} is bf16, which NumPy lacks: "
            "pass PyTorch tensors, or install ml_dtypes"
        ) from None
    return np.dtype(ml_dtypes.bfloat16)


def torch_dtype(dtype: str) -> Any:
    """The type of PyTorch with the name `dtype`."""
    torch = sys.modules["torch"]
    names = {"f": f"float{dtype[1:]}", "b": "bfloat16", "i": f"int{dtype[1:]}"}
    return getattr(torch, names[dtype[0]])


def empty(shape: tuple[int, ...], dtype: str, subject: str, like: Any) -> Any:
    """A new array whose elements nobody has set: a tensor of PyTorch on the device
    of `like` if that is one, else an array of NumPy."""
    torch = _torch_of(like)
    if torch:
        return torch.empty(shape, dtype=torch_dtype(dtype), device=like.device)
    return np.empty(shape, _numpy_dtype(dtype, subject))


def current_stream(device: int) -> int | None:
    """The stream in which PyTorch works now on a GPU; None, the default one, if no
    tensor of PyTorch can be there."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return None
    return torch.cuda.current_stream(device).cuda_stream or None
