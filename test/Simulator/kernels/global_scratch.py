"""y[r, b, t] = the sum of x[r, b, u] over u = t, t xor 1, t xor 32, t xor 33: a block adds
through a part of global memory that is its own, round by round.

 * A thread leaves its number there; behind a barrier of the warp it adds that of the
   thread beside it.
 * The same with the thread of the other warp, behind a barrier of the block.
 * A third barrier ends these reads: the next round overwrites the numbers.
"""

import sys

import numpy as np

from builder import ALL_LANES, GLOBAL, Kernel
from fault import Fault

ROUNDS, BLOCKS, THREADS = 3, 2, 64


def build(within_warp="warp", across_warps="block", behind_reads="block"):
    """Each of these barriers is one of the "warp", of the "block", or None."""
    kernel = Kernel("global_scratch", {"x": GLOBAL, "pairs": GLOBAL, "sums": GLOBAL, "y": GLOBAL}, THREADS, {})
    thread, block = kernel.register("tid.x"), kernel.register("ctaid.x")

    def meet(scope):
        if scope == "warp":
            kernel.line(f"nvvm.bar.warp.sync {kernel.constant(ALL_LANES)} : i32")
        elif scope == "block":
            kernel.line("nvvm.barrier0")

    def exchange(value, scratch, distance, scope):
        """`value` plus that of another thread."""
        first = kernel.multiply(block, THREADS)
        kernel.store(value, scratch, kernel.add(first, thread), GLOBAL)
        meet(scope)
        other = kernel.add(first, kernel.binary("xori", thread, distance))
        return kernel.add(value, kernel.load(scratch, other, GLOBAL))

    with kernel.loop(0, ROUNDS) as loop:
        index = kernel.add(kernel.multiply(loop.index, BLOCKS * THREADS), kernel.multiply(block, THREADS))
        index = kernel.add(index, thread)
        pair = exchange(kernel.load("%x", index, GLOBAL), "%pairs", 1, within_warp)
        kernel.store(exchange(pair, "%sums", 32, across_warps), "%y", index, GLOBAL)
        meet(behind_reads)
    return kernel.text()


VARIANTS = {"a barrier of the warp": {}, "barriers of the block": {"within_warp": "block"}}
RACE = {"kind": "race", "op": "llvm.store", "against": "llvm.load"}
FAULTS = {
    "none in the warp": Fault({"within_warp": None}, why="lanes need not run together", **RACE),
    "none in the block": Fault({"across_warps": None}, why="the other warp need not have written", **RACE),
    "the warp's for the block's": Fault({"across_warps": "warp"}, why="it holds one warp alone", **RACE),
    "none behind the reads": Fault(
        {"behind_reads": None}, why="the next round overwrites sums that are read", **RACE,
    ),
    "the warp's behind the reads": Fault(
        {"behind_reads": "warp"}, why="the other warp may still read", **RACE,
    ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    x = np.random.default_rng(0).integers(-9, 10, (ROUNDS, BLOCKS, THREADS)).astype(np.int32)
    options = ["--parameters=x,pairs,sums,y", f"--grid={BLOCKS}", f"--block={THREADS}",
               f"--output=pairs:i32:{BLOCKS}x{THREADS}", f"--output=sums:i32:{BLOCKS}x{THREADS}",
               f"--output=y:i32:{ROUNDS}x{BLOCKS}x{THREADS}"]
    threads = np.arange(THREADS)
    pairs = x + x[..., threads ^ 1]
    return options, {"x": x}, pairs + pairs[..., threads ^ 32]


if __name__ == "__main__":
    sys.stdout.write(build())
