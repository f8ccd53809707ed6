"""y[n] += how often n is in x: blocks count in shared memory, then add to y.

 * The bins of a block are set to zero; a barrier later its threads count by atomic
   additions, for bins are hit by many threads.
 * Behind a second barrier each thread adds one bin to that in global memory,
   again atomically, for other blocks do so at the same time.
"""

import sys

import numpy as np

import ptx
from builder import GLOBAL, SHARED, Kernel
from fault import Fault

BLOCKS, THREADS, ROUNDS, BINS = 4, 128, 4, 64


def build(barrier_before=True, barrier_behind=True, counts="llvm", adds_atomically=True, scope="device"):
    """`counts` is how a thread counts: by an op of "llvm", by "ptx", or not
    atomically ("plain"); `scope` is that of the additions to y."""
    kernel = Kernel("histogram", {"x": GLOBAL, "y": GLOBAL}, THREADS, {"bins": 4 * BINS})
    thread, block = kernel.register("tid.x"), kernel.register("ctaid.x")
    bins, one = kernel.shared["bins"], kernel.constant(1)
    has_bin = kernel.compare("ult", thread, BINS)
    with kernel.when(has_bin):
        kernel.store(0, bins, thread)
    if barrier_before:
        kernel.line("nvvm.barrier0")
    with kernel.loop(0, ROUNDS) as loop:
        first = kernel.multiply(kernel.add(kernel.multiply(block, ROUNDS), loop.index), THREADS)
        number = kernel.load("%x", kernel.add(first, thread), GLOBAL)
        count = kernel.address(bins, number, element="i32")
        if counts == "llvm":
            kernel.value(f"llvm.atomicrmw add {count}, {one} monotonic : {SHARED}, i32")
        elif counts == "ptx":
            ptx.emit(kernel, "red.relaxed.cta.shared.add.u32 [$0], 1;", (count, SHARED))
        else:
            kernel.store(kernel.add(kernel.load(bins, number), 1), bins, number)
    if barrier_behind:
        kernel.line("nvvm.barrier0")
    with kernel.when(has_bin):
        count = kernel.load(bins, thread)
        if adds_atomically:
            target = kernel.address("%y", thread, GLOBAL, "i32")
            kernel.value(
                f'llvm.atomicrmw add {target}, {count} syncscope("{scope}") monotonic : {GLOBAL}, i32'
            )
        else:
            kernel.store(kernel.add(kernel.load("%y", thread, GLOBAL), count), "%y", thread, GLOBAL)
    return kernel.text()


VARIANTS = {"by an op of LLVM": {}, "by inline PTX": {"counts": "ptx"}}
FAULTS = {
    "no barrier before counting": Fault(
        {"barrier_before": False}, "race", "llvm.store", "a bin is counted in before it is zero",
        against="llvm.atomicrmw", also=("uninitialized",),
    ),
    "no barrier behind counting": Fault(
        {"barrier_behind": False}, "race", "llvm.load", "a bin is read while others count",
        against="llvm.atomicrmw",
    ),
    "counts without atomics": Fault(
        {"counts": "plain"}, "race", "llvm.load", "two threads may read the same count",
        against="llvm.store",
    ),
    "adds without atomics": Fault(
        {"adds_atomically": False}, "race", "llvm.load", "two blocks may read the same sum",
        against="llvm.store",
    ),
    "adds atomically in its block": Fault(
        {"scope": "block"}, "race", "llvm.atomicrmw", "another block's addition need not be seen",
        against="llvm.atomicrmw",
    ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    x = np.random.default_rng(0).integers(0, BINS, BLOCKS * ROUNDS * THREADS).astype(np.int32)
    options = ["--parameters=x,y", f"--grid={BLOCKS}", f"--block={THREADS}", "--inout=y"]
    return options, {"x": x, "y": np.zeros(BINS, np.int32)}, np.bincount(x, minlength=BINS)


if __name__ == "__main__":
    sys.stdout.write(build())
