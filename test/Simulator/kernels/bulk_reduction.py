"""y[i] += sum over blocks and rounds of (i + round): `cp.reduce.async.bulk` adds rows of
shared memory to global memory.

 * Lanes write a row; each fences its writes for the asynchronous proxy, and behind
   a barrier one lane starts the addition.
 * Before the next row, `wait_group.read` of that lane and a barrier say that the
   row has been read.
"""

import sys

import numpy as np

import ptx
from builder import GLOBAL, SHARED, Kernel
from fault import Fault

BLOCKS, ROUNDS, LANES, COLUMNS = 5, 3, 32, 128
ADD = "cp.reduce.async.bulk.global.shared::cta.bulk_group.add.s32"
COPY = "cp.async.bulk.global.shared::cta.bulk_group"


def build(operation=ADD, fences=True, barrier=True, waits=True, awaits_end=True, size=4 * COLUMNS):
    """Starts `operation` with `size` bytes."""
    kernel = Kernel("bulk_reduction", {"y": GLOBAL}, LANES, {"row": 4 * COLUMNS})
    lane, row = kernel.register("tid.x"), kernel.shared["row"]
    leads = kernel.compare("eq", lane, 0)
    with kernel.loop(0, ROUNDS) as loop:
        if waits:
            with kernel.when(leads):
                kernel.line("nvvm.cp.async.bulk.wait_group 0 {read}")
        kernel.line("nvvm.barrier0")
        for part in range(COLUMNS // LANES):
            column = kernel.add(lane, part * LANES)
            kernel.store(kernel.add(loop.index, column), row, column)
        if fences:
            ptx.emit(kernel, "fence.proxy.async.shared::cta;")
        if barrier:
            kernel.line("nvvm.barrier0")
        with kernel.when(leads):
            ptx.emit(kernel, f"{operation} [$0], [$1], {size};", ("%y", GLOBAL), (row, SHARED))
            kernel.line("nvvm.cp.async.bulk.commit.group")
    if awaits_end:
        with kernel.when(leads):
            kernel.line("nvvm.cp.async.bulk.wait_group 0")
    return kernel.text()


VARIANTS = {"as it is": {}}
FAULTS = {
    "no proxy fence": Fault(
        {"fences": False}, "race", ADD, "the addition need not see what lanes wrote", against="llvm.store",
    ),
    "no barrier before the addition": Fault(
        {"barrier": False}, "race", ADD, "other lanes still write", against="llvm.store",
        also=("uninitialized",),
    ),
    "no wait before the next row": Fault(
        {"waits": False}, "race", "llvm.store", "the addition before may still read", against=ADD,
    ),
    "copies instead of adding": Fault(
        {"operation": COPY}, "race", COPY, "blocks overwrite what others wrote", against=COPY,
    ),
    "ends with an addition in flight": Fault(
        {"awaits_end": False}, "exit", ADD, "shared memory ends with the block",
    ),
    "more than there is": Fault(
        {"size": 4 * COLUMNS + 16}, "out-of-bounds", ADD, "row and y have 512 bytes",
    ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    options = ["--parameters=y", f"--grid={BLOCKS}", f"--block={LANES}", "--inout=y"]
    rounds = np.arange(ROUNDS)[:, None]
    return options, {"y": np.zeros(COLUMNS, np.int32)}, BLOCKS * (rounds + np.arange(COLUMNS)).sum(axis=0)


if __name__ == "__main__":
    sys.stdout.write(build())
