"""Safetensors files of NumPy arrays, bf16 included: those are `BFloat16`."""

import json
import pathlib
import struct

import numpy as np

NAMES = {"float32": "F32", "float16": "F16", "int32": "I32", "uint32": "U32", "uint16": "BF16", "uint8": "U8"}


def round_to_bf16(values):
    """The bits of the nearest bf16, ties to even, as uint16."""
    bits = np.asarray(values, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def from_bf16(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def write(path, tensors):
    """Writes `tensors`, a dictionary of arrays; uint16 arrays are bf16."""
    header, data = {}, b""
    for name, array in tensors.items():
        content = np.ascontiguousarray(array).tobytes()
        header[name] = {
            "dtype": NAMES[array.dtype.name],
            "shape": list(array.shape),
            "data_offsets": [len(data), len(data) + len(content)],
        }
        data += content
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def read(path):
    content = pathlib.Path(path).read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    data = content[8 + size :]
    types = {value: key for key, value in NAMES.items()}
    tensors = {}
    for name, entry in json.loads(content[8 : 8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = entry["data_offsets"]
        flat = np.frombuffer(data[begin:end], types[entry["dtype"]])
        tensors[name] = flat.reshape(entry["shape"])
    return tensors
