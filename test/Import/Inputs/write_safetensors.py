"""Writes a safetensors file of zeros: write_safetensors.py FILE NAME:DTYPE:SHAPE ...

SHAPE is like 2x3; DTYPE as in the format (F32, BF16, I64, ...). A FILE that ends
in .index.json becomes an index instead, with arguments NAME:FILE.
"""

import json
import math
import struct
import sys

SIZES = {"F32": 4, "F16": 2, "BF16": 2, "F64": 8, "I64": 8, "F8_E4M3": 1}


def write_index(path, arguments):
    weight_map = dict(argument.rsplit(":", 1) for argument in arguments)
    with open(path, "w") as file:
        json.dump({"metadata": {}, "weight_map": weight_map}, file)


def write_tensors(path, arguments):
    header, offset = {}, 0
    for argument in arguments:
        name, dtype, shape = argument.rsplit(":", 2)
        shape = [int(extent) for extent in shape.split("x")]
        end = offset + math.prod(shape) * SIZES[dtype]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + bytes(offset))


if __name__ == "__main__":
    path, *arguments = sys.argv[1:]
    write = write_index if path.endswith(".index.json") else write_tensors
    write(path, arguments)
