"""What must be known of a shared library before it is loaded.

The dynamic loader trusts a file: a truncated one ends the process. So its
segments are compared with its size first, and the name of its one export, which
contains the model's, is found.
"""

from __future__ import annotations

import mmap
import re
import struct

from .errors import Error

__all__ = ["find_api"]

_EXPORT = re.compile(rb"\0(peermla_[A-Za-z0-9_]+_api)(?=\0)")
_LOAD = 1


def _check_segments(data: mmap.mmap) -> None:
    """Raises unless the parts of a 64-bit ELF file that are loaded are there."""
    try:
        if data[:5] != b"\x7fELF\x02":
            raise Error("it is not a 64-bit ELF file")
        (offset,) = struct.unpack_from("<Q", data, 32)
        size, count = struct.unpack_from("<HH", data, 54)
        for i in range(count):
            kind, _, start, _, _, length = struct.unpack_from("<IIQQQQ", data, offset + i * size)
            if kind == _LOAD and start + length > len(data):
                raise Error(
                    f"expected {start + length} bytes, got {len(data)}: the file is truncated"
                )
    except struct.error:
        raise Error(f"its headers do not fit its {len(data)} bytes") from None


def find_api(path: str) -> list[str]:
    """The names that the export of the library at `path` can have."""
    try:
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as data:
            _check_segments(data)
            return sorted({match[1].decode() for match in _EXPORT.finditer(data)})
    except ValueError:
        raise Error("the file is empty") from None
    except OSError as error:
        raise Error(error.strerror) from error
