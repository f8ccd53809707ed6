"""y[w] = the sum of 100 w + l over the first 16 lanes l of warp w: half a warp exchanges.

 * The 16 lanes exchange in a branch of their own, by shuffles whose mask names them.
   The last one leaves the sum in shared memory.
 * `bar.warp.sync` joins the warp again; `elect.sync` chooses the lane that takes the
   sum away, which need not be the last member.
"""

import sys

import numpy as np

from builder import ALL_LANES, GLOBAL, Kernel
from fault import Fault

WARPS, MEMBERS = 2, 16
SHUFFLE = "nvvm.shfl.sync"


def build(mask=(1 << MEMBERS) - 1, distances=(8, 4, 2, 1), syncs=True, barrier_in_branch=False):
    """Lanes named by `mask` exchange with those at these `distances`."""
    kernel = Kernel("partial_warp", {"y": GLOBAL}, 32 * WARPS, {"sums": 4 * WARPS})
    thread, sums = kernel.register("tid.x"), kernel.shared["sums"]
    lane, warp = kernel.remainder(thread, 32), kernel.divide(thread, 32)
    lanes, clamp = kernel.constant(mask), kernel.constant(31)
    with kernel.when(kernel.compare("ult", lane, MEMBERS)):
        total = kernel.add(kernel.multiply(warp, 100), lane)
        for distance in distances:
            other = kernel.value(
                f"{SHUFFLE} bfly {lanes}, {total}, {kernel.constant(distance)}, {clamp} : i32 -> i32"
            )
            total = kernel.add(total, other)
        with kernel.when(kernel.compare("eq", lane, MEMBERS - 1)):
            kernel.store(total, sums, warp)
        if barrier_in_branch:
            kernel.line("nvvm.barrier0")
    if syncs:
        kernel.line(f"nvvm.bar.warp.sync {kernel.constant(ALL_LANES)} : i32")
    elected = kernel.value("nvvm.elect.sync -> i1")
    with kernel.when(elected):
        kernel.store(kernel.load(sums, warp), "%y", warp, GLOBAL)
    return kernel.text()


VARIANTS = {"as it is": {}}
FAULTS = {
    "a mask of the whole warp": Fault(
        {"mask": ALL_LANES}, "divergence", SHUFFLE, "the other half is elsewhere",
        against="nvvm.bar.warp.sync", also=("deadlock",),
    ),
    "a mask of half the members": Fault(
        {"mask": 0xFF}, "divergence", SHUFFLE, "the mask must name the lane itself", also=("deadlock",),
    ),
    "reads from the other half": Fault(
        {"distances": (16, 8, 4, 2, 1)}, "divergence", SHUFFLE, "it does not take part",
    ),
    "no bar.warp.sync": Fault(
        {"syncs": False}, "race", "llvm.load", "that lanes elect orders no memory", against="llvm.store",
        also=("uninitialized",),
    ),
    "a barrier in the branch": Fault(
        {"barrier_in_branch": True}, "deadlock", "nvvm.barrier0", "the other half waits for the warp elsewhere",
        also=("divergence",),
    ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    options = ["--parameters=y", f"--block={32 * WARPS}", f"--output=y:i32:{WARPS}"]
    return options, {}, 100 * MEMBERS * np.arange(WARPS) + MEMBERS * (MEMBERS - 1) // 2


if __name__ == "__main__":
    sys.stdout.write(build())
