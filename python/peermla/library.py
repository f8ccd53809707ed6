"""A compiled model, loaded into the process.

    library = peermla.Library("model.so")      # or what peermla.compile returns
    print(library.describe())
    session = library.load(weights="checkpoint/")

Needs the file of the library only, not the compiler.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import tempfile
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from . import _abi
from .elf import find_api
from .errors import ArgumentError, Error
from .tensors import dtype_name

if TYPE_CHECKING:
    from .session import Session

__all__ = ["Argument", "Dim", "Entry", "Library", "Weight"]


@dataclass(frozen=True)
class Dim:
    """One dimension: `extent`, plus the value of `symbol` in a call if it has one."""

    symbol: str | None
    extent: int

    def __str__(self) -> str:
        if self.symbol is None:
            return str(self.extent)
        return f"{self.symbol}+{self.extent}" if self.extent else self.symbol


@dataclass(frozen=True)
class Argument:
    """A tensor of an entry. `kind` is "in", "inout" (updated in place) or "out"."""

    name: str
    kind: str
    dtype: str
    shape: tuple[Dim, ...]

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype} [{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True)
class Entry:
    """A function of a model. Equal symbols in shapes have equal values in a call."""

    name: str
    index: int
    arguments: tuple[Argument, ...]
    symbols: tuple[str, ...]

    @cached_property
    def inputs(self) -> tuple[Argument, ...]:
        """What a caller must pass: arguments of kind "in" and "inout"."""
        return tuple(a for a in self.arguments if a.kind != "out")

    @cached_property
    def outputs(self) -> tuple[Argument, ...]:
        return tuple(a for a in self.arguments if a.kind == "out")

    def __str__(self) -> str:
        def show(argument: Argument) -> str:
            return f"{argument}, updated" if argument.kind == "inout" else str(argument)

        inputs = "; ".join(map(show, self.inputs))
        outputs = "; ".join(map(show, self.outputs))
        return f"{self.name}({inputs})" + (f" -> {outputs}" if outputs else "")


@dataclass(frozen=True)
class Weight:
    """A tensor of the checkpoint."""

    name: str
    dtype: str
    shape: tuple[int, ...]

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype} [{', '.join(map(str, self.shape))}]"


def _dtype(dtype: _abi.DLDataType) -> str:
    return dtype_name(dtype.code, dtype.bits)


def _make_argument(argument: _abi.Argument, symbols: tuple[str, ...]) -> Argument:
    dims = (argument.shape[d] for d in range(argument.ndim))
    return Argument(
        argument.name.decode(),
        _abi.KINDS[argument.kind],
        _dtype(argument.dtype),
        tuple(Dim(symbols[d.symbol] if d.symbol >= 0 else None, d.extent) for d in dims),
    )


def _make_entry(entry: _abi.Entry, index: int) -> Entry:
    symbols = tuple(entry.symbols[i].decode() for i in range(entry.num_symbols))
    arguments = (entry.arguments[i] for i in range(entry.num_arguments))
    return Entry(
        entry.name.decode(), index, tuple(_make_argument(a, symbols) for a in arguments), symbols
    )


def _make_weight(weight: _abi.Weight) -> Weight:
    return Weight(weight.name.decode(), _dtype(weight.dtype), tuple(weight.shape[: weight.ndim]))


class _Loader:
    """Loads files so that a path whose file was replaced gives the new one: the
    dynamic loader knows libraries by path."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loaded: dict[str, tuple[int, int]] = {}

    def load(self, path: str) -> ctypes.CDLL:
        status = os.stat(path)
        identity = (status.st_dev, status.st_ino)
        with self._lock:
            if self._loaded.setdefault(path, identity) == identity:
                return ctypes.CDLL(path, mode=os.RTLD_LOCAL | os.RTLD_NOW)
        with tempfile.TemporaryDirectory(prefix="peermla-") as folder:
            copy = os.path.join(folder, os.path.basename(path))
            shutil.copyfile(path, copy)
            return ctypes.CDLL(copy, mode=os.RTLD_LOCAL | os.RTLD_NOW)


_loader = _Loader()


class Library:
    """A compiled model.

    Attributes: `path` of the file, `header` (the C header beside it, if it is
    there), `model` (name), `compiler`, `levels` (CPU levels in the file),
    `entries` by name, `weights`, and `report`, if it was compiled with one.
    """

    report: dict[str, Any] | None = None

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Loads the library at `path`; it stays loaded until the process ends."""
        self.path = os.path.abspath(path)
        try:
            self._api = self._load()
        except (Error, OSError) as error:
            raise Error(f"cannot load '{self.path}': {error}") from error
        header = os.path.splitext(self.path)[0] + ".h"
        self.header = header if os.path.exists(header) else None
        self._describe()

    def _load(self) -> Any:
        names = find_api(self.path)
        if not names:
            raise Error("it is no model, it has no symbol peermla_<model>_api")
        library = _loader.load(self.path)
        for name in names:
            function = getattr(library, name, None)
            if function is None:
                continue
            function.restype = ctypes.POINTER(_abi.Api)
            function.argtypes = [ctypes.c_uint32]
            table = function(_abi.API_VERSION)
            if not table:
                raise Error(f"it has no version {_abi.API_VERSION} of the interface")
            return table.contents
        raise Error(f"it does not export {', '.join(names)}")

    def _describe(self) -> None:
        pointer = ctypes.POINTER(_abi.Description)()
        self.check(self._api.describe(self._api.model, ctypes.byref(pointer)))
        description = pointer.contents
        self.model: str = description.model.decode()
        self.compiler: str = description.compiler.decode()
        self.levels = tuple(description.levels[i].decode() for i in range(description.num_levels))
        entries = (
            _make_entry(description.entries[i], i) for i in range(description.num_entries)
        )
        self.entries: dict[str, Entry] = {entry.name: entry for entry in entries}
        self.weights = tuple(
            _make_weight(description.weights[i]) for i in range(description.num_weights)
        )

    def check(self, status: int) -> None:
        """Raises an `Error` with the library's message unless `status` is 0."""
        if status == _abi.OK:
            return
        message = self._api.last_message().decode(errors="backslashreplace")
        raise (ArgumentError if status in _abi.ARGUMENT_STATUSES else Error)(message)

    def load(
        self,
        weights: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        *,
        threads: int | None = None,
        level: str | None = None,
        device: str | None = None,
    ) -> Session:
        """Makes a session: weights in memory, ready to run.

        `weights` is a safetensors file, its index, a folder with either, or a
        mapping of names to arrays (a `state_dict`, for example), which are
        copied. `threads` is the number of threads of a call (default: what
        OpenMP would use); `level` one of `levels` (default: the variable
        PEERMLA_CPU_LEVEL, else the best that this machine has). `device` is
        `cpu` (default); for libraries compiled with `simulate`, `sim` or
        `sim:TARGET`: kernels of a GPU run on the CPU with checks, and what these
        find is raised; for libraries with code for it, `cuda` or `cuda:NUMBER`.
        For both, arrays are aligned to 16 bytes.
        """
        from .session import Session

        return Session(self, weights, threads=threads, level=level, device=device)

    def describe(self) -> str:
        """Entries, with names, types and shapes, and weights, as text."""
        lines = [f"model {self.model} by {self.compiler}, for {', '.join(self.levels)}"]
        lines += [f"  {entry}" for entry in self.entries.values()]
        lines += ["weights", *(f"  {weight}" for weight in self.weights)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<peermla.Library {self.model} in {self.path}>"
