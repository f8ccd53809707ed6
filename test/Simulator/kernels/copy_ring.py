"""y[l] = sum_i x[i, 4 (l xor 9)] in f32, for sm_90: one warp copies, another adds.

 * `cp.async` brings rows of 128 numbers into a ring of two slots, 16 bytes per
   lane of warp 0. `full[s]` completes when the copies of all its lanes have
   arrived (`cp.async.mbarrier.arrive.noinc`).
 * Lane l of warp 1 reads what lane l xor 9 copied; `empty[s]` completes when all
   its lanes have read slot s.
"""

import sys

import numpy as np

from builder import GLOBAL, SHARED, Kernel
from fault import Fault

SLOTS, SLOT_BYTES, LANES, ROWS = 2, 512, 32, 5
COPY = "nvvm.cp.async.shared.global"


def build(releases_early=False, counts_itself=False):
    """`releases_early`: a slot counts as read before it is; `counts_itself`: the
    arrival of a copy adds to the arrivals that are expected."""
    kernel = Kernel(
        "copy_ring",
        {"x": GLOBAL, "y": GLOBAL, "rows": "i32"},
        threads=2 * LANES,
        shared={"slots": SLOTS * SLOT_BYTES, "full": 8 * SLOTS, "empty": 8 * SLOTS},
    )
    thread = kernel.register("tid.x")
    lane, warp = kernel.remainder(thread, LANES), kernel.divide(thread, LANES)

    def barrier(name, slot):
        return kernel.address(kernel.shared[name], kernel.multiply(slot, 8))

    def place(slot, owner):
        offset = kernel.add(kernel.multiply(slot, SLOT_BYTES), kernel.multiply(owner, 16))
        return kernel.address(kernel.shared["slots"], offset)

    with kernel.when(kernel.compare("eq", thread, 0)):
        for slot in range(SLOTS):
            kernel.initialise(barrier("full", kernel.constant(slot)), LANES)
            kernel.initialise(barrier("empty", kernel.constant(slot)), LANES)
    kernel.line("nvvm.barrier0")
    with kernel.when(kernel.compare("eq", warp, 0)):
        # No slot has been read the first time.
        with kernel.loop(0, "%rows", carried=[(0, "i32"), (1, "i32")]) as loop:
            slot, parity = loop.values
            kernel.wait(barrier("empty", slot), parity)
            index = kernel.add(kernel.multiply(loop.index, 4 * LANES), kernel.multiply(lane, 4))
            origin = kernel.address("%x", index, GLOBAL, "f32")
            kernel.line(
                f"{COPY} {place(slot, lane)}, {origin}, 16, cache = cg : {SHARED}, {GLOBAL}"
            )
            counting = "false" if counts_itself else "true"
            kernel.line(
                f"nvvm.cp.async.mbarrier.arrive {barrier('full', slot)} {{noinc = {counting}}} : {SHARED}"
            )
            loop.next = list(kernel.next_slot(slot, parity, SLOTS))
    with kernel.when(kernel.compare("eq", warp, 1)):
        zero = kernel.constant("0.0", "f32")
        with kernel.loop(0, "%rows", carried=[(0, "i32"), (0, "i32"), (zero, "f32")]) as loop:
            slot, parity, total = loop.values
            kernel.wait(barrier("full", slot), parity)
            if releases_early:
                kernel.arrive(barrier("empty", slot))
            source = place(slot, kernel.binary("xori", lane, 9))
            value = kernel.value(f"llvm.load {source} : {SHARED} -> f32")
            total = kernel.value(f"arith.addf {total}, {value} : f32")
            if not releases_early:
                kernel.arrive(barrier("empty", slot))
            loop.next = [*kernel.next_slot(slot, parity, SLOTS), total]
        target = kernel.address("%y", lane, GLOBAL, "f32")
        kernel.line(f"llvm.store {loop.values[2]}, {target} : f32, {GLOBAL}")
    return kernel.text()


VARIANTS = {"as it is": {}}
FAULTS = {
    "releases a slot before it reads": Fault(
        {"releases_early": True}, "race", COPY, "the slot is overwritten while it is read",
        against="llvm.load",
    ),
    "arrivals that count themselves": Fault(
        {"counts_itself": True}, "deadlock", "nvvm.mbarrier.try_wait.parity",
        "each adds one to those expected, and takes it away",
    ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    x = (np.random.default_rng(4).integers(-64, 65, (ROWS, LANES, 4)) / 8).astype(np.float32)
    options = ["--parameters=x,y,rows", f"--block={2 * LANES}", f"--set=rows={ROWS}",
               f"--output=y:f32:{LANES}"]
    return options, {"x": x}, x[:, np.arange(LANES) ^ 9, 0].sum(axis=0, dtype=np.float64)


if __name__ == "__main__":
    sys.stdout.write(build())
