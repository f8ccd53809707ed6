"""Writes arrays in memory as a safetensors file, whatever framework they are of."""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import prod
from typing import Any, BinaryIO

import numpy as np

from .errors import ArgumentError
from .tensors import view

__all__ = ["write"]

_DTYPES = {
    "f64": "F64",
    "f32": "F32",
    "f16": "F16",
    "bf16": "BF16",
    "i64": "I64",
    "i32": "I32",
    "i16": "I16",
    "i8": "I8",
    "u8": "U8",
    "b8": "BOOL",
}


def write(file: BinaryIO, arrays: Mapping[str, Any]) -> None:
    """Writes `arrays` in their order."""
    views = {name: view(value, f"weight '{name}'") for name, value in arrays.items()}
    header, end = {}, 0
    for name, array in views.items():
        if array.dtype not in _DTYPES:
            raise ArgumentError(
                f"weight '{name}' expects one of {', '.join(_DTYPES)}, got {array.dtype}"
            )
        begin, end = end, end + prod(array.shape) * array.bits // 8
        header[name] = {
            "dtype": _DTYPES[array.dtype],
            "shape": array.shape,
            "data_offsets": [begin, end],
        }
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write(len(text).to_bytes(8, "little"))
    file.write(text)
    for array in views.values():
        file.write(array.contiguous().bits_array().reshape(-1).view(np.uint8))
