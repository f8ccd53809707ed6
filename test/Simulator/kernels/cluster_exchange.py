"""y[b, l] = 100 (r xor 1) + (l xor 3), r being the rank of block b in its cluster of
two: each block leaves its row in the shared memory of the other.

 * An mbarrier in each block tells it that its row is there: two arrivals of the
   other block, or the bytes of its `st.async`.
 * The cluster barrier makes both mbarriers be there before they are used.
 * `bar.warp.sync` collects the stores of all lanes before two of them arrive.

No barrier is needed at the end: what a block waits for is the last that the other
one does to its memory.
"""

import sys

import numpy as np

import ptx
from builder import ALL_LANES, GLOBAL, SHARED, Kernel
from fault import Fault

BLOCKS, LANES = 4, 32
ROW_BYTES = 4 * LANES
STORE = "st.shared::cluster.u32"
ARRIVAL = "mbarrier.arrive.release.cluster.shared::cluster.b64"
WAIT = "mbarrier.try_wait.parity.acquire.cluster.shared::cta.b64"


def build(asynchronous=False, first_barrier="cluster", fences=True, collects=True, arrivals=2, size=ROW_BYTES):
    """Stores `asynchronous`ly, expecting `size` bytes, or else expects so many
    `arrivals`."""
    kernel = Kernel("cluster_exchange", {"y": GLOBAL}, LANES, {"row": ROW_BYTES, "arrived": 8})
    row, arrived = kernel.shared.values()
    lane, rank = kernel.register("tid.x"), kernel.register("cluster.ctarank")
    other = kernel.binary("xori", rank, 1)
    with kernel.when(kernel.compare("eq", lane, 0)):
        kernel.initialise(arrived, 1 if asynchronous else arrivals)
        if fences:
            kernel.line("nvvm.fence.mbarrier.init")
        if asynchronous:
            kernel.expect(arrived, size)
    if first_barrier == "cluster":
        ptx.emit(kernel, ptx.CLUSTER_BARRIER)
    else:
        kernel.line("nvvm.barrier0")

    def map_to_other(pointer):
        (mapped,) = ptx.evaluate(
            kernel, "mapa.shared::cluster.u32 $0, $1, $2;", "i32", (pointer, SHARED), (other, "i32")
        )
        return mapped, "i32"

    value = kernel.add(kernel.multiply(rank, 100), lane), "i32"
    target = map_to_other(kernel.address(row, lane, element="i32"))
    theirs = map_to_other(arrived)
    if asynchronous:
        store = "st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.u32 [$0], $1, [$2];"
        ptx.emit(kernel, store, target, value, theirs)
    else:
        ptx.emit(kernel, f"{STORE} [$0], $1;", target, value)
        if collects:
            kernel.line(f"nvvm.bar.warp.sync {kernel.constant(ALL_LANES)} : i32")
        with kernel.when(kernel.compare("ult", lane, 2)):
            ptx.emit(kernel, f"{ARRIVAL} _, [$0];", theirs)
    wait = f"{{ .reg .pred p; again: {WAIT} p, [$0], 0; @p bra done; bra again; done: }}"
    ptx.emit(kernel, wait, (arrived, SHARED))
    result = kernel.load(row, kernel.binary("xori", lane, 3))
    index = kernel.add(kernel.multiply(kernel.register("ctaid.x"), LANES), lane)
    kernel.store(result, "%y", index, GLOBAL)
    return kernel.text()


VARIANTS = {"by arrivals": {}, "by asynchronous stores": {"asynchronous": True}}
FAULTS = {
    "arrives for itself alone": Fault(
        {"collects": False}, "race", "llvm.load", "two lanes do not speak for the others", against=STORE,
        also=("uninitialized", "out-of-bounds"),
    ),
    "expects three arrivals": Fault({"arrivals": 3}, "deadlock", WAIT, "two come"),
    "expects one arrival": Fault(
        {"arrivals": 1}, "deadlock", WAIT, "two come: a late wait is for the phase after them",
        also=("race", "exit", "uninitialized", "out-of-bounds"),
    ),
    "no fence.mbarrier_init": Fault(
        {"fences": False}, "race", ARRIVAL, "another block need not see the mbarrier",
        against="nvvm.mbarrier.init",
    ),
    "a barrier of the block at the start": Fault(
        {"first_barrier": "block"}, "race", ARRIVAL, "the other block need not have started",
        against="nvvm.mbarrier.init", also=("barrier",),
    ),
    "expects too few bytes": Fault(
        {"asynchronous": True, "size": ROW_BYTES - 4}, "exit", "nvvm.mbarrier.init",
        "the last store belongs to a phase that nobody waits for", also=("race", "uninitialized", "out-of-bounds"),
        everywhere=False,
    ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    options = ["--parameters=y", f"--grid={BLOCKS}", "--cluster=2", f"--block={LANES}",
               f"--output=y:i32:{BLOCKS}x{LANES}"]
    rank = np.arange(BLOCKS)[:, None] % 2
    return options, {}, 100 * (rank ^ 1) + (np.arange(LANES) ^ 3)


if __name__ == "__main__":
    sys.stdout.write(build())
