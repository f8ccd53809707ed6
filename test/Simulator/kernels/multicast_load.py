"""y[b] = x, 16 x 32 in f32: each of the two blocks of a cluster brings half of x and
TMA leaves it in the shared memory of both.

 * `arrived` of each block completes when both halves are there: it counts the
   bytes of the other block's load, too.
 * The cluster barrier makes both mbarriers be there before a load uses them.
"""

import sys

import numpy as np

import ptx
from builder import GLOBAL, SHARED, Kernel
from fault import Fault

BLOCKS, LANES, ROWS, COLUMNS = 2, 32, 16, 32
BYTES = ROWS * COLUMNS * 4
LOAD = "cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::complete_tx::bytes.multicast::cluster"


def build(size=BYTES, fences=True, first_barrier="cluster", mask=0b11, waits=True):
    """The block expects `size` bytes; `mask` are the blocks that a load goes to."""
    kernel = Kernel("multicast_load", {"x": "!llvm.ptr", "y": GLOBAL}, LANES, {"tile": BYTES, "arrived": 8})
    tile, arrived = kernel.shared.values()
    thread, rank = kernel.register("tid.x"), kernel.register("cluster.ctarank")
    leads = kernel.compare("eq", thread, 0)
    with kernel.when(leads):
        kernel.initialise(arrived, 1)
        if fences:
            kernel.line("nvvm.fence.mbarrier.init")
        kernel.expect(arrived, size)
    if first_barrier == "cluster":
        ptx.emit(kernel, ptx.CLUSTER_BARRIER)
    else:
        kernel.line("nvvm.barrier0")
    with kernel.when(leads):
        half = kernel.address(tile, kernel.multiply(rank, BYTES // 2))
        row = kernel.multiply(rank, ROWS // 2)
        blocks = f"{{ .reg .b16 blocks; mov.b16 blocks, {mask};"
        load = f"{blocks} {LOAD} [$0], [$1, {{0, $3}}], [$2], blocks; }}"
        ptx.emit(kernel, load, (half, SHARED), ("%x", "!llvm.ptr"), (arrived, SHARED), (row, "i32"))
    if waits:
        kernel.wait(arrived, 0)
    first = kernel.multiply(kernel.register("ctaid.x"), ROWS * COLUMNS)
    with kernel.loop(0, ROWS) as loop:
        index = kernel.add(kernel.multiply(loop.index, COLUMNS), thread)
        value = kernel.load(tile, index, kind="f32")
        kernel.store(value, "%y", kernel.add(first, index), GLOBAL, "f32")
    return kernel.text()


VARIANTS = {"as it is": {}}
FAULTS = {
    "expects the half that it loads": Fault(
        {"size": BYTES // 2}, "race", "llvm.load", "the other half is not waited for", against=LOAD,
        also=("uninitialized", "exit", "out-of-bounds"), everywhere=False,
    ),
    "no fence.mbarrier_init": Fault(
        {"fences": False}, "race", LOAD, "TMA need not see the mbarrier", against="nvvm.mbarrier.init",
    ),
    "a barrier of the block at the start": Fault(
        {"first_barrier": "block"}, "race", LOAD, "the other block need not have started",
        against="nvvm.mbarrier.init", also=("barrier",),
    ),
    "the first block alone": Fault(
        {"mask": 0b01}, "deadlock", "nvvm.mbarrier.try_wait.parity", "nothing arrives in the second",
    ),
    "a third block": Fault(
        {"mask": 0b111}, "out-of-bounds", LOAD, "the cluster has two", also=("deadlock",),
    ),
    "no wait": Fault(
        {"waits": False}, "race", LOAD, "the tile is read while it arrives", against="llvm.load",
        also=("uninitialized", "exit", "out-of-bounds"),
    ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    x = np.random.default_rng(0).standard_normal((ROWS, COLUMNS)).astype(np.float32)
    options = ["--parameters=x,y", f"--grid={BLOCKS}", f"--cluster={BLOCKS}", f"--block={LANES}",
               f"--output=y:f32:{BLOCKS}x{ROWS}x{COLUMNS}", f"--tensor-map=x:box={COLUMNS}x{ROWS // 2}"]
    return options, {"x": x}, np.stack([x] * BLOCKS)


if __name__ == "__main__":
    sys.stdout.write(build())
