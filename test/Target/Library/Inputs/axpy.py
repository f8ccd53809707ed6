"""Calls the library of axpy.mlir through ctypes, without any package."""

import ctypes
import sys

library = ctypes.CDLL(sys.argv[1])
get_api = library.peermla_Axpy_api
get_api.restype = ctypes.c_void_p
get_api.argtypes = [ctypes.c_uint32]


class DLTensor(ctypes.Structure):
    _fields_ = [
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.POINTER(ctypes.c_int64)),
        ("strides", ctypes.POINTER(ctypes.c_int64)),
        ("byte_offset", ctypes.c_uint64),
    ]


class Api(ctypes.Structure):
    _fields_ = [("version", ctypes.c_uint32), ("struct_size", ctypes.c_uint32)] + [
        (name, ctypes.c_void_p)
        for name in (
            "model last_message describe find_entry session_create session_destroy "
            "session_info read_error_word clear_error_word workspace_size "
            "context_create context_reserve context_destroy call"
        ).split()
    ]


api = Api.from_address(get_api(1))


def call(name, *arguments):
    """Calls a function of the table; every argument here is a word."""
    words = [ctypes.c_void_p] * len(arguments)
    status = ctypes.CFUNCTYPE(ctypes.c_int, *words)(getattr(api, name))(*arguments)
    if status != 0:
        message = ctypes.CFUNCTYPE(ctypes.c_char_p)(api.last_message)()
        raise RuntimeError(f"{name}: {message.decode()}")


x = (ctypes.c_float * 1000)(*range(1000))
y = (ctypes.c_float * 1000)()
shape = (ctypes.c_int64 * 1)(1000)
tensors = [
    DLTensor(ctypes.addressof(data), 1, 0, 1, 2, 32, 1, shape) for data in (x, y)
]
arguments = (ctypes.c_void_p * 2)(*map(ctypes.addressof, tensors))
session, context = ctypes.c_void_p(), ctypes.c_void_p()
call("session_create", api.model, None, ctypes.addressof(session))
call("context_create", session.value, None, ctypes.addressof(context))
call("call", context.value, 0, ctypes.addressof(arguments), 2)
print(f"y[999] = {y[999]}")
call("context_destroy", context.value)
call("session_destroy", session.value)
print(f"version 0: {get_api(0)}")
