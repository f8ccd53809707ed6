"""y[m, n] = sum_k a[m, k] b[n, k] in bf16 with f32 sums, 64 x 16 x 32, for sm_90a: A comes
from registers, by inline PTX.

 * TMA brings b, rows of 64 bytes in a swizzle of 64; a thread loads its part of a.
 * The second product adds to the registers of the first; `wgmma.wait_group` takes
   the sums through itself, so that nothing reads them before it.
"""

import sys

import numpy as np

import ptx
import tensors
from builder import GLOBAL, Kernel
from fault import Fault

M, N, K, STEP = 64, 16, 32, 16
REGISTERS = N // 2
PRODUCT = "wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16"
WAIT = "wgmma.wait_group.sync.aligned"


def build(fences=True, commits=True, waits=True, stride=512):
    """`stride` is that of the descriptor."""
    kernel = Kernel(
        "wgmma_registers", {"a": GLOBAL, "b": "!llvm.ptr", "y": GLOBAL}, 128,
        {"b_tile": N * K * 2, "arrived": 8},
    )
    b_tile, arrived = kernel.shared.values()
    thread = kernel.register("tid.x")
    leads = kernel.compare("eq", thread, 0)
    with kernel.when(leads):
        kernel.initialise(arrived, 1)
        kernel.line("nvvm.fence.mbarrier.init")
    kernel.line("nvvm.barrier0")
    with kernel.when(leads):
        kernel.expect(arrived, N * K * 2)
        kernel.load_tile(b_tile, "%b", arrived, [0, 0])
    kernel.wait(arrived, 0)

    lane, warp = kernel.remainder(thread, 32), kernel.divide(thread, 32)
    row = kernel.add(kernel.multiply(warp, 16), kernel.divide(lane, 4))
    column = kernel.multiply(kernel.remainder(lane, 4), 2)

    def load_pair(row_offset, column_offset):
        first = kernel.multiply(kernel.add(row, row_offset), K)
        pair = kernel.divide(kernel.add(kernel.add(first, column), column_offset), 2)
        return kernel.load("%a", pair, GLOBAL), "i32"

    parts = [
        [load_pair(down, step + right) for right in (0, 8) for down in (0, 8)] for step in range(0, K, STEP)
    ]
    b = kernel.descriptor(b_tile, 16, stride, 64)
    registers = ", ".join(f"${index}" for index in range(REGISTERS))
    sums = ()
    if fences:
        kernel.line("nvvm.wgmma.fence.aligned")
    for index, part in enumerate(parts):
        b_step = kernel.binary("addi", b, 2 * index, "i64"), "i64"
        # The first product clears the sums.
        product = f"{PRODUCT} {{{registers}}}, {{$8, $9, $10, $11}}, $12, {index}, 1, 1, 0;"
        sums = ptx.evaluate(kernel, product, "f32", *part, b_step, count=REGISTERS, tied=sums)
    if commits:
        kernel.line("nvvm.wgmma.commit.group.sync.aligned")
    if waits:
        sums = ptx.evaluate(kernel, f"{WAIT} 0;", "f32", count=REGISTERS, tied=sums)

    for register in range(REGISTERS):
        this_row = kernel.add(row, 8 * (register // 2 % 2))
        this_column = kernel.add(column, 8 * (register // 4) + register % 2)
        index = kernel.add(kernel.multiply(this_row, N), this_column)
        kernel.store(sums[register], "%y", index, GLOBAL, "f32")
    return kernel.text()


VARIANTS = {"as it is": {}}
FAULTS = {
    "no wgmma.fence": Fault(
        {"fences": False}, "accumulator", PRODUCT, "A need not be in the registers yet",
    ),
    "no commit": Fault(
        {"commits": False}, "accumulator", WAIT, "the wait covers committed products alone", also=("exit",),
    ),
    "no wait": Fault({"waits": False}, "exit", PRODUCT, "nothing says when the sums are there"),
    "describes twice the stride": Fault(
        {"stride": 1024}, "uninitialized", PRODUCT, "the tile ends before", also=("out-of-bounds", "race"),
    ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    generator = np.random.default_rng(0)
    a, b = (tensors.round_to_bf16(generator.integers(-8, 9, (rows, K)) / 8) for rows in (M, N))
    left, right = (tensors.from_bf16(x).astype(np.float64) for x in (a, b))
    options = ["--parameters=a,b,y", "--block=128", f"--output=y:f32:{M}x{N}",
               f"--tensor-map=b:box={K}x{N},swizzle=64"]
    return options, {"a": a, "b": b}, left @ right.T


if __name__ == "__main__":
    sys.stdout.write(build())
