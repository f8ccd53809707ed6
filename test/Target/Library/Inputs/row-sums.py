"""Writes the weights and inputs of row-sums.mlir: w = 1, x = FIRST, FIRST + 1, ...

    row-sums.py FOLDER ROWS [FIRST]
"""

import json
import struct
import sys


def write(path, name, shape, values):
    data = struct.pack(f"<{len(values)}f", *values)
    entry = {"dtype": "F32", "shape": shape, "data_offsets": [0, len(data)]}
    text = json.dumps({name: entry}).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


folder, rows = sys.argv[1], int(sys.argv[2])
first = int(sys.argv[3]) if len(sys.argv) > 3 else 0
write(f"{folder}/weights", "w", [64], [1.0] * 64)
write(f"{folder}/inputs", "x", [rows, 64], range(first, first + 64 * rows))
