"""y[m, n] = sum_k a[m, k] b[n, k] of e4m3 with f32 sums, 64 x 32 x 64, for sm_90a: one
warpgroup, two products.

 * TMA brings both operands, rows of 64 bytes, in the swizzle of 64 bytes that the
   descriptors name. Eight rows are 512 bytes: the stride.
 * A step is 32 numbers, 32 bytes within the swizzle.
"""

import sys

import numpy as np

from builder import GLOBAL, Kernel, struct
from fault import Fault

M, N, K, STEP = 64, 32, 64, 32
REGISTERS = N // 2
LOAD = "nvvm.cp.async.bulk.tensor.shared.cluster.global"
PRODUCT = "nvvm.wgmma.mma_async"


def build(awaits_tiles=True, fences=True, commits=True, waits=True, swizzle=64, stride=512, step=STEP):
    """Waits for the tiles, then for the products; `swizzle` and `stride` are those of
    the descriptors."""
    kernel = Kernel(
        "fp8_product", {"a": "!llvm.ptr", "b": "!llvm.ptr", "y": GLOBAL}, 128,
        {"a_tile": M * K, "b_tile": N * K, "arrived": 8},
    )
    a_tile, b_tile, arrived = kernel.shared.values()
    thread = kernel.register("tid.x")
    leads = kernel.compare("eq", thread, 0)
    with kernel.when(leads):
        kernel.initialise(arrived, 1)
        kernel.line("nvvm.fence.mbarrier.init")
    kernel.line("nvvm.barrier0")
    with kernel.when(leads):
        kernel.expect(arrived, (M + N) * K)
        kernel.load_tile(a_tile, "%a", arrived, [0, 0])
        kernel.load_tile(b_tile, "%b", arrived, [0, 0])
    if awaits_tiles:
        kernel.wait(arrived, 0)

    a = kernel.descriptor(a_tile, 16, stride, swizzle)
    b = kernel.descriptor(b_tile, 16, stride, swizzle)
    kind = struct(REGISTERS)
    sums = kernel.pack([kernel.constant("0.0", "f32")] * REGISTERS, kind)
    if fences:
        kernel.line("nvvm.wgmma.fence.aligned")
    for index in range(K // STEP):
        a_step = kernel.binary("addi", a, index * step // 16, "i64")
        b_step = kernel.binary("addi", b, index * step // 16, "i64")
        sums = kernel.value(
            f"{PRODUCT} {a_step}, {b_step}, {sums}, <m = {M}, n = {N}, k = {STEP}>, D [<f32>, <one>], "
            f"A [<e4m3>, <one>, <row>], B [<e4m3>, <one>, <col>] : {kind} -> {kind}"
        )
    if commits:
        kernel.line("nvvm.wgmma.commit.group.sync.aligned")
    if waits:
        kernel.line("nvvm.wgmma.wait.group.sync.aligned 0")

    lane, warp = kernel.remainder(thread, 32), kernel.divide(thread, 32)
    row = kernel.add(kernel.multiply(warp, 16), kernel.divide(lane, 4))
    column = kernel.multiply(kernel.remainder(lane, 4), 2)
    for register in range(REGISTERS):
        this_row = kernel.add(row, 8 * (register // 2 % 2))
        this_column = kernel.add(column, 8 * (register // 4) + register % 2)
        value = kernel.extract(sums, register, kind)
        kernel.store(value, "%y", kernel.add(kernel.multiply(this_row, N), this_column), GLOBAL, "f32")
    return kernel.text()


VARIANTS = {"as it is": {}}
FAULTS = {
    "no wait for the tiles": Fault(
        {"awaits_tiles": False}, "race", PRODUCT, "the tiles are multiplied while they arrive", against=LOAD,
        also=("uninitialized", "exit"),
    ),
    "no wgmma.fence": Fault(
        {"fences": False}, "accumulator", PRODUCT, "the zeros need not be in the registers yet",
    ),
    "no commit": Fault(
        {"commits": False}, "accumulator", "llvm.extractvalue", "the wait covers committed products alone",
        also=("exit",),
    ),
    "no wait": Fault(
        {"waits": False}, "accumulator", "llvm.extractvalue", "the sums need not be there yet",
        also=("exit",),
    ),
    "describes a swizzle of 128 bytes": Fault(
        {"swizzle": 128}, "uninitialized", PRODUCT, "its rows reach past the tile", also=("race",),
    ),
    "describes twice the stride": Fault(
        {"stride": 1024}, "out-of-bounds", PRODUCT, "the tile ends before", also=("uninitialized", "race"),
    ),
    "a step of 64 bytes": Fault(
        {"step": 64}, "uninitialized", PRODUCT, "the second step reaches past the tile", also=("race",),
    ),
}

NUMBERS = np.array([-2, -1.5, -1, -0.5, 0, 0.5, 1, 1.5, 2])
E4M3 = np.array([0xC0, 0xBC, 0xB8, 0xB0, 0, 0x30, 0x38, 0x3C, 0x40], np.uint8)


def launch():
    """The options, the inputs, and what must come out as y."""
    generator = np.random.default_rng(0)
    a, b = (generator.integers(0, len(NUMBERS), shape) for shape in ((M, K), (N, K)))
    maps = [f"--tensor-map={name}:box={K}x{rows},swizzle=64" for name, rows in (("a", M), ("b", N))]
    options = ["--parameters=a,b,y", "--block=128", f"--output=y:f32:{M}x{N}", *maps]
    return options, {"a": E4M3[a], "b": E4M3[b]}, NUMBERS[a] @ NUMBERS[b].T


if __name__ == "__main__":
    sys.stdout.write(build())
