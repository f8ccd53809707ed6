"""Writes or prints small safetensors files, without any package.

    tensors.py write FILE NAME:F32:2x3:1,2,3,4,5,6 ...
    tensors.py print FILE
"""

import json
import struct
import sys

FORMATS = {"F32": "f", "I32": "i", "I64": "q"}


def write(path, specs):
    header, data = {}, b""
    for spec in specs:
        name, dtype, extents, values = spec.split(":")
        convert = float if dtype == "F32" else int
        numbers = [convert(value) for value in values.split(",") if value]
        packed = struct.pack(f"<{len(numbers)}{FORMATS[dtype]}", *numbers)
        header[name] = {
            "dtype": dtype,
            "shape": [int(extent) for extent in extents.split("x")],
            "data_offsets": [len(data), len(data) + len(packed)],
        }
        data += packed
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def show(path):
    with open(path, "rb") as file:
        (size,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(size))
        data = file.read()
    for name, entry in header.items():
        begin, end = entry["data_offsets"]
        count = (end - begin) // struct.calcsize(FORMATS[entry["dtype"]])
        values = struct.unpack(
            f"<{count}{FORMATS[entry['dtype']]}", data[begin:end]
        )
        print(name, entry["dtype"], entry["shape"], *values)


if sys.argv[1] == "write":
    write(sys.argv[2], sys.argv[3:])
else:
    show(sys.argv[2])
