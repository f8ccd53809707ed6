"""The C interface of compiled models, declared for ctypes.

Mirrors `include/peermla/Runtime/Peermla.h`, which says what everything means;
only the shape of structs and functions is here.
"""

from __future__ import annotations

from ctypes import (
    CFUNCTYPE,
    POINTER,
    Structure,
    c_char_p,
    c_int32,
    c_int64,
    c_size_t,
    c_uint8,
    c_uint16,
    c_uint32,
    c_uint64,
    c_void_p,
)

API_VERSION = 1

OK = 0
# The statuses that say that an argument of the caller does not fit.
ARGUMENT_STATUSES = frozenset({1, 5})

KINDS = ("in", "inout", "out")


class DLDevice(Structure):
    _fields_ = [("device_type", c_int32), ("device_id", c_int32)]


class DLDataType(Structure):
    _fields_ = [("code", c_uint8), ("bits", c_uint8), ("lanes", c_uint16)]


class DLTensor(Structure):
    _fields_ = [
        ("data", c_void_p),
        ("device", DLDevice),
        ("ndim", c_int32),
        ("dtype", DLDataType),
        ("shape", POINTER(c_int64)),
        ("strides", POINTER(c_int64)),
        ("byte_offset", c_uint64),
    ]


class Dim(Structure):
    _fields_ = [("symbol", c_int32), ("extent", c_int64)]


class Argument(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("kind", c_int32),
        ("dtype", DLDataType),
        ("ndim", c_int32),
        ("shape", POINTER(Dim)),
    ]


class Entry(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("num_arguments", c_int32),
        ("arguments", POINTER(Argument)),
        ("num_symbols", c_int32),
        ("symbols", POINTER(c_char_p)),
    ]


class Weight(Structure):
    _fields_ = [
        ("name", c_char_p),
        ("dtype", DLDataType),
        ("ndim", c_int32),
        ("shape", POINTER(c_int64)),
    ]


class Description(Structure):
    _fields_ = [
        ("model", c_char_p),
        ("compiler", c_char_p),
        ("num_entries", c_int32),
        ("entries", POINTER(Entry)),
        ("num_weights", c_int32),
        ("weights", POINTER(Weight)),
        ("num_levels", c_int32),
        ("levels", POINTER(c_char_p)),
    ]


Warn = CFUNCTYPE(None, c_void_p, c_char_p)


class SessionOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint64),
        ("weights", c_char_p),
        ("device", c_char_p),
        ("level", c_char_p),
        ("threads", c_int32),
        ("pool", c_void_p),
        ("warn", Warn),
        ("warn_state", c_void_p),
    ]


class ContextOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint64),
        ("workspace", c_void_p),
        ("workspace_size", c_size_t),
        ("stream", c_void_p),
    ]


class SessionInfo(Structure):
    _fields_ = [
        ("device", c_char_p),
        ("level", c_char_p),
        ("threads", c_int32),
        ("weight_bytes", c_uint64),
    ]


_Status = c_int32
_Handle = c_void_p


class Api(Structure):
    """The table of functions. Calls release the interpreter's lock."""

    _fields_ = [
        ("version", c_uint32),
        ("struct_size", c_uint32),
        ("model", _Handle),
        ("last_message", CFUNCTYPE(c_char_p)),
        ("describe", CFUNCTYPE(_Status, _Handle, POINTER(POINTER(Description)))),
        ("find_entry", CFUNCTYPE(_Status, _Handle, c_char_p, POINTER(c_int32))),
        (
            "session_create",
            CFUNCTYPE(_Status, _Handle, POINTER(SessionOptions), POINTER(_Handle)),
        ),
        ("session_destroy", CFUNCTYPE(_Status, _Handle)),
        ("session_info", CFUNCTYPE(_Status, _Handle, POINTER(SessionInfo))),
        ("read_error_word", CFUNCTYPE(_Status, _Handle, POINTER(c_uint64))),
        ("clear_error_word", CFUNCTYPE(_Status, _Handle)),
        (
            "workspace_size",
            CFUNCTYPE(_Status, _Handle, c_int32, POINTER(c_int64), c_int32, POINTER(c_size_t)),
        ),
        (
            "context_create",
            CFUNCTYPE(_Status, _Handle, POINTER(ContextOptions), POINTER(_Handle)),
        ),
        (
            "context_reserve",
            CFUNCTYPE(_Status, _Handle, c_int32, POINTER(c_int64), c_int32),
        ),
        ("context_destroy", CFUNCTYPE(_Status, _Handle)),
        (
            "call",
            CFUNCTYPE(_Status, _Handle, c_int32, POINTER(POINTER(DLTensor)), c_int32),
        ),
    ]
