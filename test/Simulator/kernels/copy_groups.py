"""y[l] = sum of x[i, l xor 5, j] over i and j in f32: a warp copies ahead of itself.

 * `cp.async` brings 16 bytes per lane and row into a ring of three slots, two rows
   ahead.
 * Every round commits one group, empty or not, so that `wait_group 1` always
   means: the row of this round is there. Behind a barrier it is there for all.
 * The barrier also ends the reads of the slot that the round refills.
"""

import sys

import numpy as np

from builder import GLOBAL, SHARED, Kernel
from fault import Fault

ROWS, LANES, COLUMNS = 7, 32, 4
SLOT_BYTES = LANES * COLUMNS * 4
COPY = "nvvm.cp.async.shared.global"


def build(pending=1, barrier=True, commits_always=True, slots=3):
    """`pending` groups may be in flight behind the wait."""
    kernel = Kernel("copy_groups", {"x": GLOBAL, "y": GLOBAL}, LANES, {"rows": slots * SLOT_BYTES})
    lane = kernel.register("tid.x")

    def place(row, owner):
        slot = kernel.multiply(kernel.remainder(row, slots), SLOT_BYTES)
        return kernel.address(kernel.shared["rows"], kernel.add(slot, kernel.multiply(owner, 16)))

    def commit():
        kernel.line("nvvm.cp.async.commit.group")

    def start(row):
        with kernel.when(kernel.compare("slt", row, ROWS)):
            index = kernel.multiply(kernel.add(kernel.multiply(row, LANES), lane), COLUMNS)
            origin = kernel.address("%x", index, GLOBAL, "f32")
            kernel.line(f"{COPY} {place(row, lane)}, {origin}, 16, cache = cg : {SHARED}, {GLOBAL}")
            if not commits_always:
                commit()
        if commits_always:
            commit()

    start(kernel.constant(0))
    start(kernel.constant(1))
    zero = kernel.constant("0.0", "f32")
    with kernel.loop(0, ROWS, carried=[(zero, "f32")]) as loop:
        kernel.line(f"nvvm.cp.async.wait.group {pending}")
        if barrier:
            kernel.line("nvvm.barrier0")
        source = place(loop.index, kernel.binary("xori", lane, 5))
        total = loop.values[0]
        for column in range(COLUMNS):
            number = kernel.load(source, column, kind="f32")
            total = kernel.value(f"arith.addf {total}, {number} : f32")
        start(kernel.add(loop.index, 2))
        loop.next = [total]
    kernel.store(loop.values[0], "%y", lane, GLOBAL, "f32")
    return kernel.text()


VARIANTS = {"three slots": {}, "four slots": {"slots": 4}}
FAULTS = {
    "waits for a group too few": Fault(
        {"pending": 2}, "race", "llvm.load", "the row of this round may be in flight", against=COPY,
        also=("uninitialized", "exit"),
    ),
    "no barrier behind the wait": Fault(
        {"barrier": False}, "race", COPY, "a lane waits for its own copies alone", against="llvm.load",
        also=("uninitialized",),
    ),
    "commits only what it copies": Fault(
        {"commits_always": False}, "race", "llvm.load", "the last waits leave the last row in flight",
        against=COPY, also=("exit",),
    ),
    "a slot too few": Fault(
        {"slots": 2}, "race", COPY, "the slot that is refilled is the one that is read",
        against="llvm.load",
    ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    x = np.random.default_rng(0).integers(-8, 9, (ROWS, LANES, COLUMNS)).astype(np.float32)
    options = ["--parameters=x,y", f"--block={LANES}", f"--output=y:f32:{LANES}"]
    return options, {"x": x}, x.sum((0, 2))[np.arange(LANES) ^ 5]


if __name__ == "__main__":
    sys.stdout.write(build())
