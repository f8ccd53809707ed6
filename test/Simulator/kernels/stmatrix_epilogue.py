"""y = x rounded to bf16, 32 x 16: each of two warps has 16 x 16 numbers as `mma` leaves
them, and the other warp writes them in whole rows.

 * A lane has pairs of neighbours in rows l / 4 and l / 4 + 8, in columns 2 (l mod 4) and
   8 more: the four matrices of 8 x 8 that `stmatrix` stores by rows.
 * Lane l names the row l mod 8 of matrix l / 8.
 * Behind a barrier each lane has 16 bytes of the other warp's rows.
"""

import sys

import numpy as np

import ptx
import tensors
from builder import GLOBAL, SHARED, Kernel
from fault import Fault

WARPS, TILE = 2, 16
STORE = "nvvm.stmatrix"
LAYOUT = (
    "{layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, "
    "eltType = #nvvm.ld_st_matrix_elt_type<b16>}"
)


def build(inline_ptx=False, barrier=True, pitch=2 * TILE, warp_bytes=2 * TILE * TILE):
    """Rows are `pitch` bytes apart where they are stored, warps `warp_bytes`."""
    kernel = Kernel(
        "stmatrix_epilogue", {"x": GLOBAL, "y": GLOBAL}, 32 * WARPS, {"tiles": WARPS * 2 * TILE * TILE}
    )
    thread, tiles = kernel.register("tid.x"), kernel.shared["tiles"]
    lane, warp = kernel.remainder(thread, 32), kernel.divide(thread, 32)

    def load_pair(down, right):
        row = kernel.add(kernel.add(kernel.multiply(warp, TILE), kernel.divide(lane, 4)), down)
        column = kernel.add(kernel.multiply(kernel.remainder(lane, 4), 2), right)
        index = kernel.add(kernel.multiply(row, TILE), column)
        low = kernel.load("%x", index, GLOBAL, "f32"), "f32"
        high = kernel.load("%x", kernel.add(index, 1), GLOBAL, "f32"), "f32"
        (pair,) = ptx.evaluate(kernel, "cvt.rn.bf16x2.f32 $0, $1, $2;", "i32", high, low)
        return pair

    pairs = [load_pair(down, right) for right in (0, 8) for down in (0, 8)]
    matrix = kernel.divide(lane, 8)
    row = kernel.add(kernel.remainder(lane, 8), kernel.multiply(kernel.remainder(matrix, 2), 8))
    offset = kernel.add(kernel.multiply(row, pitch), kernel.multiply(kernel.divide(matrix, 2), 16))
    place = kernel.address(tiles, kernel.add(offset, kernel.multiply(warp, warp_bytes)))
    if inline_ptx:
        store = "stmatrix.sync.aligned.m8n8.x4.shared.b16 [$0], {$1, $2, $3, $4};"
        ptx.emit(kernel, store, (place, SHARED), *((pair, "i32") for pair in pairs))
    else:
        kernel.line(f"{STORE} {place}, {', '.join(pairs)} {LAYOUT} : {SHARED}, i32, i32, i32, i32")
    if barrier:
        kernel.line("nvvm.barrier0")
    # Vectors of 16 bytes, those of the other warp.
    index = kernel.binary("xori", thread, 32)
    kernel.store(kernel.load(tiles, index, kind="vector<4xi32>"), "%y", index, GLOBAL, "vector<4xi32>")
    return kernel.text()


VARIANTS = {"by an op": {}, "by inline PTX": {"inline_ptx": True}}
FAULTS = {
    "no barrier before the reads": Fault(
        {"barrier": False}, "race", STORE, "the other warp need not have stored", against="llvm.load",
        also=("uninitialized",),
    ),
    "rows of 24 bytes": Fault(
        {"pitch": 24}, "misaligned", STORE, "rows of stmatrix lie at multiples of 16 bytes",
        also=("uninitialized", "race"),
    ),
    "warps too far apart": Fault(
        {"warp_bytes": 2 * TILE * TILE + 16}, "out-of-bounds", STORE, "the last row ends behind the tiles",
        also=("uninitialized",),
    ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    x = np.random.default_rng(0).standard_normal((WARPS * TILE, TILE)).astype(np.float32)
    options = ["--parameters=x,y", f"--block={32 * WARPS}", f"--output=y:bf16:{WARPS * TILE}x{TILE}"]
    return options, {"x": x}, tensors.round_to_bf16(x)


if __name__ == "__main__":
    sys.stdout.write(build())
