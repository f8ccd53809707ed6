"""y[0] = the sum of x, 32 integers: a warp adds through shared memory.

 * Each lane leaves its number, and a zero 32 places above. Then it adds five times
   what lies 16, 8, 4, 2 and 1 places above its own.
 * The lanes of a warp run independently: `bar.warp.sync` must part the writes from
   the reads behind them and the reads from the writes behind them. That an access
   is volatile orders nothing.
"""

import sys

import numpy as np

from builder import ALL_LANES, GLOBAL, SHARED, Kernel
from fault import Fault

LANES = 32


def build(sync_before=True, sync_behind=True, volatile=False):
    """Synchronises before the reads of a step and behind them."""
    kernel = Kernel("warp_reduction", {"x": GLOBAL, "y": GLOBAL}, LANES, {"sums": 8 * LANES})
    lane, sums = kernel.register("tid.x"), kernel.shared["sums"]
    word = "volatile " if volatile else ""

    def read(place):
        source = kernel.address(sums, place, element="i32")
        return kernel.value(f"llvm.load {word}{source} : {SHARED} -> i32")

    def write(value, place):
        target = kernel.address(sums, place, element="i32")
        kernel.line(f"llvm.store {word}{value}, {target} : i32, {SHARED}")

    def synchronise():
        kernel.line(f"nvvm.bar.warp.sync {kernel.constant(ALL_LANES)} : i32")

    write(kernel.load("%x", lane, GLOBAL), lane)
    write(kernel.constant(0), kernel.add(lane, LANES))
    for distance in (16, 8, 4, 2, 1):
        if sync_before:
            synchronise()
        total = kernel.add(read(lane), read(kernel.add(lane, distance)))
        if sync_behind:
            synchronise()
        write(total, lane)
    with kernel.when(kernel.compare("eq", lane, 0)):
        kernel.store(read(lane), "%y", 0, GLOBAL)
    return kernel.text()


VARIANTS = {"plain": {}, "volatile": {"volatile": True}}
FAULTS = {
    "no bar.warp.sync before the reads": Fault(
        {"sync_before": False}, "race", "llvm.store", "a lane above need not have written yet",
        against="llvm.load", also=("uninitialized",),
    ),
    "no bar.warp.sync behind the reads": Fault(
        {"sync_behind": False}, "race", "llvm.store", "a lane below may still read the old sum",
        against="llvm.load",
    ),
    "volatile instead of bar.warp.sync": Fault(
        {"sync_before": False, "sync_behind": False, "volatile": True}, "race", "llvm.store",
        "the lanes need not run in step", against="llvm.load", also=("uninitialized",),
    ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    x = np.random.default_rng(0).integers(-9, 10, LANES).astype(np.int32)
    return ["--parameters=x,y", f"--block={LANES}", "--output=y:i32:1"], {"x": x}, x.sum(keepdims=True)


if __name__ == "__main__":
    sys.stdout.write(build())
