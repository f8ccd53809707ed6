"""y[b, t] = parts[b xor 1, t], after all blocks have written their parts: a barrier of the
grid.

 * Behind a barrier of its block, one thread adds 1 to a counter; the addition
   releases what the block wrote.
 * It polls the counter until all blocks have arrived; the load acquires what they
   wrote, and a second barrier hands it to the block.
"""

import sys

import numpy as np

import ptx
from builder import GLOBAL, Kernel
from fault import Fault

BLOCKS, THREADS = 4, 64


def build(barrier_before=True, barrier_behind=True, arrival="release.gpu", poll="acquire.gpu", arrivals=BLOCKS):
    """`arrival` and `poll` are the orders and scopes of the addition and of the load
    that waits for so many `arrivals`."""
    kernel = Kernel("grid_barrier", {"count": GLOBAL, "parts": GLOBAL, "y": GLOBAL}, THREADS, {})
    thread, block = kernel.register("tid.x"), kernel.register("ctaid.x")

    def place(of):
        return kernel.add(kernel.multiply(of, THREADS), thread)

    kernel.store(place(block), "%parts", place(block), GLOBAL)
    if barrier_before:
        kernel.line("nvvm.barrier0")
    with kernel.when(kernel.compare("eq", thread, 0)):
        ptx.emit(kernel, f"red.{arrival}.global.add.u32 [$0], 1;", ("%count", GLOBAL))
        kernel.line("scf.while : () -> () {")
        (count,) = ptx.evaluate(kernel, f"ld.{poll}.global.u32 $0, [$1];", "i32", ("%count", GLOBAL))
        kernel.line(f"scf.condition({kernel.compare('ult', count, arrivals)})")
        kernel.line("} do { scf.yield }")
    if barrier_behind:
        kernel.line("nvvm.barrier0")
    value = kernel.load("%parts", place(kernel.binary("xori", block, 1)), GLOBAL)
    kernel.store(value, "%y", place(block), GLOBAL)
    return kernel.text()


VARIANTS = {"of the device": {}, "of the system": {"arrival": "release.sys", "poll": "acquire.sys"}}
READ = {"kind": "race", "op": "llvm.load", "against": "llvm.store"}
FAULTS = {
    "no barrier before the arrival": Fault(
        {"barrier_before": False}, why="one thread does not speak for the others", **READ,
    ),
    "no barrier behind the poll": Fault(
        {"barrier_behind": False}, why="only one thread has waited", **READ,
    ),
    "a relaxed arrival": Fault({"arrival": "relaxed.gpu"}, why="it releases nothing", **READ),
    "a relaxed poll": Fault({"poll": "relaxed.gpu"}, why="it acquires nothing", **READ),
    "an arrival in its block": Fault(
        {"arrival": "release.cta"}, why="it releases nothing to other blocks", **READ,
    ),
    "one block more": Fault({"arrivals": BLOCKS + 1}, "deadlock", "ld.acquire.gpu.global.u32", "it never comes"),
    # In some orders the last one arrives before the others look.
    "one block less": Fault(
        {"arrivals": BLOCKS - 1}, why="the last one need not have written", hidden=True, **READ,
    ),
    "a plain poll": Fault(
        {"poll": "weak"}, "race", "ld.weak.global.u32", "the counter changes meanwhile",
        against="red.release.gpu.global.add.u32",
    ),
    "its own arrival alone": Fault({"arrivals": 1}, why="the others need not have written", **READ),
}


def launch():
    """The options, the inputs, and what must come out as y."""
    shape = f"{BLOCKS}x{THREADS}"
    options = ["--parameters=count,parts,y", f"--grid={BLOCKS}", f"--block={THREADS}", "--inout=count",
               f"--output=parts:i32:{shape}", f"--output=y:i32:{shape}"]
    parts = np.arange(BLOCKS * THREADS).reshape(BLOCKS, THREADS)
    return options, {"count": np.zeros(1, np.int32)}, parts[np.arange(BLOCKS) ^ 1]


if __name__ == "__main__":
    sys.stdout.write(build())
