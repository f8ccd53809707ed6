"""y[0] = 0 + 1 + ... : each block adds its number to y under a lock.

 * A block takes the lock by compare-and-swap from 0 to 1, and tries until it has it.
 * A fence acquires what the block before it wrote; another one releases y before
   the lock is given back by a volatile store, which is a relaxed one.
"""

import sys

import numpy as np

import ptx
from builder import GLOBAL, Kernel
from fault import Fault

BLOCKS = 9


def build(acquires=True, releases=True, volatile=True, scope="gpu"):
    """`scope` is that of the swap and of the fences."""
    kernel = Kernel("spin_lock", {"lock": GLOBAL, "y": GLOBAL}, 32, {})
    block = kernel.register("ctaid.x")
    with kernel.when(kernel.compare("eq", kernel.register("tid.x"), 0)):
        kernel.line("scf.while : () -> () {")
        swap = f"atom.relaxed.{scope}.global.cas.b32 $0, [$1], 0, 1;"
        (before,) = ptx.evaluate(kernel, swap, "i32", ("%lock", GLOBAL))
        kernel.line(f"scf.condition({kernel.compare('ne', before, 0)})")
        kernel.line("} do { scf.yield }")
        if acquires:
            ptx.emit(kernel, f"fence.acq_rel.{scope};")
        kernel.store(kernel.add(kernel.load("%y", 0, GLOBAL), block), "%y", 0, GLOBAL)
        if releases:
            ptx.emit(kernel, f"fence.acq_rel.{scope};")
        zero = kernel.constant(0)
        kernel.line(f"llvm.store {'volatile ' if volatile else ''}{zero}, %lock : i32, {GLOBAL}")
    return kernel.text()


VARIANTS = {"as it is": {}, "in the whole system": {"scope": "sys"}}
FAULTS = {
    "no fence behind the swap": Fault(
        {"acquires": False}, "race", "llvm.load", "what the last holder wrote need not be seen",
        against="llvm.store",
    ),
    "no fence before the store": Fault(
        {"releases": False}, "race", "llvm.load", "the lock may be seen as free before the sum is",
        against="llvm.store",
    ),
    "a plain store": Fault(
        {"volatile": False}, "race", "atom.relaxed.gpu.global.cas.b32",
        "a weak store conflicts with the swaps of others", against="llvm.store",
    ),
    "swap and fences of the block": Fault(
        {"scope": "cta"}, "race", "llvm.load", "they order nothing between blocks",
        against="llvm.store",
    ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    options = ["--parameters=lock,y", f"--grid={BLOCKS}", "--block=32", "--inout=lock", "--inout=y"]
    zero = np.zeros(1, np.int32)
    return options, {"lock": zero, "y": zero}, np.array([BLOCKS * (BLOCKS - 1) // 2])


if __name__ == "__main__":
    sys.stdout.write(build())
