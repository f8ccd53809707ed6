"""y = the transpose of x, in f32: TMA brings tiles, threads transpose them, TMA
takes them away.

 * A block has 32 rows of x and goes through their tiles. `arrived` completes when
   a tile is there.
 * Before the threads write the transposed tile, `wait_group.read` of the thread
   that stores and a barrier say that the store before has read the last one.
 * What threads write, TMA sees behind `fence.proxy.async` of each of them and a
   barrier.
"""

import sys

import numpy as np

from builder import GLOBAL, SHARED, Kernel
from fault import Fault

TILE, THREADS, TILES, BLOCKS = 32, 64, 3, 2
TILE_BYTES = TILE * TILE * 4
PROXY_FENCE = "nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, space = #nvvm.shared_space<cta>}"
LOAD = "nvvm.cp.async.bulk.tensor.shared.cluster.global"
STORE = "nvvm.cp.async.bulk.tensor.global.shared.cta"


def build(fences="all threads", barrier=True, waits=True, commits=True, awaits_end=True, parity=0,
          size=TILE_BYTES):
    """`fences` says who executes the proxy fence; `parity` is that of the first
    wait, and `size` what it expects."""
    kernel = Kernel(
        "tma_transpose", {"x": "!llvm.ptr", "y": "!llvm.ptr"}, THREADS,
        {"tile": TILE_BYTES, "transposed": TILE_BYTES, "arrived": 8},
    )
    tile, transposed, arrived = kernel.shared.values()
    thread = kernel.register("tid.x")
    leads = kernel.compare("eq", thread, 0)
    row = kernel.multiply(kernel.register("ctaid.x"), TILE)

    with kernel.when(leads):
        kernel.initialise(arrived, 1)
        kernel.line("nvvm.fence.mbarrier.init")
    kernel.line("nvvm.barrier0")
    with kernel.loop(0, TILES) as loop:
        column = kernel.multiply(loop.index, TILE)
        with kernel.when(leads):
            kernel.expect(arrived, size)
            kernel.load_tile(tile, "%x", arrived, [column, row])
        kernel.wait(arrived, kernel.binary("andi", kernel.add(loop.index, parity), 1))
        if waits:
            with kernel.when(leads):
                kernel.line("nvvm.cp.async.bulk.wait_group 0 {read}")
        kernel.line("nvvm.barrier0")
        with kernel.loop(0, TILE * TILE // THREADS) as part:
            index = kernel.add(kernel.multiply(part.index, THREADS), thread)
            to_row, to_column = kernel.remainder(index, TILE), kernel.divide(index, TILE)
            place = kernel.add(kernel.multiply(to_row, TILE), to_column)
            kernel.store(kernel.load(tile, index, kind="f32"), transposed, place, kind="f32")
        if fences == "all threads":
            kernel.line(PROXY_FENCE)
        if barrier:
            kernel.line("nvvm.barrier0")
        with kernel.when(leads):
            if fences == "the thread that stores":
                kernel.line(PROXY_FENCE)
            box = f"box[{row}, {column}]"
            kernel.line(f"{STORE} %y, {transposed}, {box} : !llvm.ptr, {SHARED}")
            if commits:
                kernel.line("nvvm.cp.async.bulk.commit.group")
    if awaits_end:
        with kernel.when(leads):
            kernel.line("nvvm.cp.async.bulk.wait_group 0")
    return kernel.text()


VARIANTS = {
    "all fence": {},
    "the issuer fences behind the barrier": {"fences": "the thread that stores"},
}
FAULTS = {
    "no proxy fence": Fault(
        {"fences": "nobody"}, "race", STORE, "TMA need not see what threads wrote", against="llvm.store",
    ),
    "no barrier before the store": Fault(
        {"barrier": False}, "race", STORE, "other threads still write", against="llvm.store",
        also=("uninitialized",),
    ),
    "no wait before the next tile": Fault(
        {"waits": False}, "race", "llvm.store", "the store before may still read", against=STORE,
    ),
    "no commit": Fault(
        {"commits": False}, "race", "llvm.store", "the wait covers committed stores alone", against=STORE,
        also=("exit", "async"),
    ),
    "ends with a store in flight": Fault(
        {"awaits_end": False}, "exit", STORE, "shared memory ends with the block",
    ),
    "waits for the other parity": Fault(
        {"parity": 1}, "race", "llvm.load", "the phase before the first counts as completed", against=LOAD,
        also=("uninitialized", "barrier", "deadlock"), everywhere=False,
    ),
    "expects too few bytes": Fault(
        {"size": TILE_BYTES - 96}, "deadlock", "nvvm.mbarrier.try_wait.parity",
        "the count of bytes never comes to zero",
    ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    rows, columns = BLOCKS * TILE, TILES * TILE
    x = np.random.default_rng(0).standard_normal((rows, columns)).astype(np.float32)
    maps = [f"--tensor-map={name}:box={TILE}x{TILE}" for name in "xy"]
    options = ["--parameters=x,y", f"--grid={BLOCKS}", f"--block={THREADS}",
               f"--output=y:f32:{columns}x{rows}", *maps]
    return options, {"x": x}, x.T


if __name__ == "__main__":
    sys.stdout.write(build())
