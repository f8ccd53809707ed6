"""y[i, l] = 100 i + (l xor 1): warp 0 writes a row at a time, warp 1 reads it from
shared memory.

 * Barrier `FULL`: warp 0 arrives when a row is there, and goes on; warp 1 waits.
 * Barrier `EMPTY`: warp 1 arrives when it has read the row, and once before the
   first; warp 0 waits before it writes the next one.
"""

import sys

import numpy as np

import ptx
from builder import GLOBAL, Kernel
from fault import Fault

ROWS, LANES, THREADS = 4, 32, 64
FULL, EMPTY = 1, 2


def build(arrivals=THREADS, waits_at=FULL, consumer="bar.sync", empty_at_first=True, arrives_early=False):
    """Warp 0 arrives for `arrivals` threads; warp 1 meets it at barrier
    `waits_at` by the instruction `consumer`."""
    kernel = Kernel("named_barriers", {"y": GLOBAL}, THREADS, {"row": 4 * LANES})
    thread, row = kernel.register("tid.x"), kernel.shared["row"]
    lane, warp = kernel.remainder(thread, LANES), kernel.divide(thread, LANES)
    with kernel.when(kernel.compare("eq", warp, 0)):
        with kernel.loop(0, ROWS) as loop:
            ptx.emit(kernel, f"bar.sync {EMPTY}, {THREADS};")
            if arrives_early:
                ptx.emit(kernel, f"bar.arrive {FULL}, {arrivals};")
            kernel.store(kernel.add(lane, kernel.multiply(loop.index, 100)), row, lane)
            if not arrives_early:
                ptx.emit(kernel, f"bar.arrive {FULL}, {arrivals};")
    with kernel.when(kernel.compare("eq", warp, 1)):
        if empty_at_first:
            ptx.emit(kernel, f"bar.arrive {EMPTY}, {THREADS};")
        with kernel.loop(0, ROWS) as loop:
            ptx.emit(kernel, f"{consumer} {waits_at}, {THREADS};")
            value = kernel.load(row, kernel.binary("xori", lane, 1))
            kernel.store(value, "%y", kernel.add(kernel.multiply(loop.index, LANES), lane), GLOBAL)
            with kernel.when(kernel.compare("slt", loop.index, ROWS - 1)):
                ptx.emit(kernel, f"bar.arrive {EMPTY}, {THREADS};")
    return kernel.text()


VARIANTS = {"as it is": {}}
FAULTS = {
    "arrives for three warps": Fault(
        {"arrivals": 96}, "barrier", "bar.arrive", "the two parties disagree, and there are two warps",
        also=("deadlock",),
    ),
    "nobody says that it is empty": Fault(
        {"empty_at_first": False}, "deadlock", "bar.sync", "each warp waits for the other",
    ),
    "waits at another barrier": Fault(
        {"waits_at": 3}, "deadlock", "bar.sync", "nobody arrives there",
    ),
    "arrives where it must wait": Fault(
        {"consumer": "bar.arrive"}, "race", "llvm.load", "an arrival acquires nothing",
        against="llvm.store", also=("uninitialized", "deadlock"),
    ),
    "arrives before it writes": Fault(
        {"arrives_early": True}, "race", "llvm.store", "the arrival releases what came before it",
        against="llvm.load", also=("uninitialized",),
    ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    options = ["--parameters=y", f"--block={THREADS}", f"--output=y:i32:{ROWS}x{LANES}"]
    return options, {}, 100 * np.arange(ROWS)[:, None] + (np.arange(LANES) ^ 1)


if __name__ == "__main__":
    sys.stdout.write(build())
