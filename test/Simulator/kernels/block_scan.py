"""y[b, i] = x[b, 0] + ... + x[b, i] of integers: a block scans a row, 128 numbers a
round.

 * A lane adds what the lane 1, 2, 4, 8 and 16 below has: then it has the sum of
   its warp up to itself.
 * The last lane of each warp leaves its sum in shared memory. Behind a barrier
   all threads add those of the warps before theirs, and what earlier rounds left.
 * A second barrier ends these reads: the next round overwrites the sums.
"""

import sys

import numpy as np

from builder import ALL_LANES, GLOBAL, Kernel
from fault import Fault

ROWS, ROUNDS, THREADS, WARPS = 3, 3, 128, 4


def build(barrier_before=True, barrier_behind=True, warps_in_barrier=WARPS):
    kernel = Kernel("block_scan", {"x": GLOBAL, "y": GLOBAL}, THREADS, {"sums": 4 * WARPS})
    thread, row = kernel.register("tid.x"), kernel.register("ctaid.x")
    lane, warp = kernel.remainder(thread, 32), kernel.divide(thread, 32)
    lanes, clamp = kernel.constant(ALL_LANES), kernel.constant(0)
    with kernel.loop(0, ROUNDS, carried=[(0, "i32")]) as loop:
        first = kernel.add(kernel.multiply(row, ROUNDS * THREADS), kernel.multiply(loop.index, THREADS))
        index = kernel.add(first, thread)
        total = kernel.load("%x", index, GLOBAL)
        for distance in (1, 2, 4, 8, 16):
            other = kernel.value(
                f"nvvm.shfl.sync up {lanes}, {total}, {kernel.constant(distance)}, {clamp} : i32 -> i32"
            )
            is_there = kernel.compare("uge", lane, distance)
            total = kernel.add(total, kernel.select(is_there, other, 0))
        with kernel.when(kernel.compare("eq", lane, 31)):
            kernel.store(total, kernel.shared["sums"], warp)
        if barrier_before and warps_in_barrier == WARPS:
            kernel.line("nvvm.barrier0")
        elif barrier_before:
            with kernel.when(kernel.compare("ult", warp, warps_in_barrier)):
                kernel.line("nvvm.barrier0")
        before = after = loop.values[0]
        for other_warp in range(WARPS):
            other = kernel.load(kernel.shared["sums"], other_warp)
            is_before = kernel.compare("ult", other_warp, warp)
            before = kernel.add(before, kernel.select(is_before, other, 0))
            after = kernel.add(after, other)
        if barrier_behind:
            kernel.line("nvvm.barrier0")
        kernel.store(kernel.add(total, before), "%y", index, GLOBAL)
        loop.next = [after]
    return kernel.text()


VARIANTS = {"as it is": {}}
FAULTS = {
    "no barrier before the reads": Fault(
        {"barrier_before": False}, "race", "llvm.store", "a warp's sum is read before it is there",
        against="llvm.load", also=("uninitialized",),
    ),
    "no barrier behind the reads": Fault(
        {"barrier_behind": False}, "race", "llvm.store", "the next round overwrites sums that are read",
        against="llvm.load",
    ),
    "one warp goes by the barrier": Fault(
        {"warps_in_barrier": 3}, "race", "llvm.store", "its second barrier is the first of the others",
        against="llvm.load", also=("uninitialized",),
    ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    x = np.random.default_rng(0).integers(-9, 10, (ROWS, ROUNDS * THREADS)).astype(np.int32)
    options = ["--parameters=x,y", f"--grid={ROWS}", f"--block={THREADS}",
               f"--output=y:i32:{ROWS}x{ROUNDS * THREADS}"]
    return options, {"x": x}, np.cumsum(x, axis=1)


if __name__ == "__main__":
    sys.stdout.write(build())
