"""C[m, n] = sum_k A[m, k] B[n, k] in bf16 with f32 sums, for sm_90a: TMA brings
the operands, one warpgroup multiplies, software-pipelined.

 * A block makes a 64 x 64 tile of C. A piece is 64 rows by 64 columns (128
   bytes, TMA's and the descriptors' 128-byte swizzle) of A and of B.
 * Pieces lie in a ring of three slots. `arrived[s]` completes when both tiles of
   slot s are there; `consumed[s]` when all four warps are done with them.
 * The products of round i run while thread 0 refills the slot of round i - 1:
   `wait_group 1` says that those of round i - 1 have ended.

K is a multiple of 64; rows beyond M and N arrive as zeros.
"""

import sys

from builder import GLOBAL, Kernel, struct

TILE, PIECE, SLOTS = 64, 64, 3
PIECE_BYTES = TILE * PIECE * 2
REGISTERS = TILE // 2


def build():
    kernel = Kernel(
        "wgmma_gemm",
        {"a": "!llvm.ptr", "b": "!llvm.ptr", "c": GLOBAL, "m": "i32", "n": "i32", "k": "i32"},
        threads=128,
        shared={
            "a_pieces": SLOTS * PIECE_BYTES,
            "b_pieces": SLOTS * PIECE_BYTES,
            "arrived": 8 * SLOTS,
            "consumed": 8 * SLOTS,
        },
    )
    thread = kernel.register("tid.x")
    lane, warp = kernel.remainder(thread, 32), kernel.divide(thread, 32)
    first_row = kernel.multiply(kernel.register("ctaid.x"), TILE)
    first_column = kernel.multiply(kernel.register("ctaid.y"), TILE)
    pieces = kernel.divide("%k", PIECE)
    leads = kernel.compare("eq", thread, 0)
    leads_warp = kernel.compare("eq", lane, 0)

    def barrier(name, slot):
        return kernel.address(kernel.shared[name], kernel.multiply(slot, 8))

    def piece(name, slot):
        return kernel.address(kernel.shared[name], kernel.multiply(slot, PIECE_BYTES))

    def start_loads(index, slot):
        kernel.expect(barrier("arrived", slot), 2 * PIECE_BYTES)
        column = kernel.multiply(index, PIECE)
        for name, source, row in (("a_pieces", "%a", first_row), ("b_pieces", "%b", first_column)):
            kernel.load_tile(piece(name, slot), source, barrier("arrived", slot), [column, row])

    with kernel.when(leads):
        for slot in range(SLOTS):
            kernel.initialise(barrier("arrived", kernel.constant(slot)), 1)
            kernel.initialise(barrier("consumed", kernel.constant(slot)), 4)
        kernel.line("nvvm.fence.mbarrier.init")
    kernel.line("nvvm.barrier0")
    with kernel.when(leads):
        for slot in range(SLOTS - 1):
            with kernel.when(kernel.compare("slt", slot, pieces)):
                start_loads(kernel.constant(slot), kernel.constant(slot))

    zero = kernel.constant("0.0", "f32")
    kind = struct(REGISTERS)
    sums = kernel.pack([zero] * REGISTERS, kind)
    # The slot of this round and its parity; those of the round that is loaded
    # two rounds ahead, whose slot was never consumed the first time.
    carried = [(sums, kind), (0, "i32"), (0, "i32"), (SLOTS - 1, "i32"), (1, "i32")]
    with kernel.loop(0, pieces, carried=carried) as loop:
        sums, slot, parity, ahead_slot, ahead_parity = loop.values
        kernel.wait(barrier("arrived", slot), parity)
        a = kernel.descriptor(piece("a_pieces", slot), 16, 1024)
        b = kernel.descriptor(piece("b_pieces", slot), 16, 1024)
        kernel.line("nvvm.wgmma.fence.aligned")
        for step in range(PIECE // 16):
            # 16 columns are 32 bytes, two units of a descriptor's address.
            a_step = kernel.binary("addi", a, 2 * step, "i64")
            b_step = kernel.binary("addi", b, 2 * step, "i64")
            sums = kernel.multiply_tiles(a_step, b_step, sums, TILE)
        kernel.line("nvvm.wgmma.commit.group.sync.aligned")
        kernel.line("nvvm.wgmma.wait.group.sync.aligned 1")
        # The products of the round before have ended.
        is_later = kernel.compare("sgt", loop.index, 0)
        with kernel.when(is_later):
            with kernel.when(leads_warp):
                kernel.arrive(barrier("consumed", ahead_slot))
        index = kernel.add(loop.index, SLOTS - 1)
        with kernel.when(kernel.compare("slt", index, pieces)):
            with kernel.when(leads):
                kernel.wait(barrier("consumed", ahead_slot), ahead_parity)
                start_loads(index, ahead_slot)
        loop.next = [
            sums,
            *kernel.next_slot(slot, parity, SLOTS),
            *kernel.next_slot(ahead_slot, ahead_parity, SLOTS),
        ]
    kernel.line("nvvm.wgmma.wait.group.sync.aligned 0")

    row = kernel.add(kernel.add(first_row, kernel.multiply(warp, 16)), kernel.divide(lane, 4))
    column = kernel.add(first_column, kernel.multiply(kernel.remainder(lane, 4), 2))
    for half in range(2):
        this_row = kernel.add(row, 8 * half)
        with kernel.when(kernel.compare("slt", this_row, "%m")):
            for register in range(REGISTERS):
                if register // 2 % 2 != half:
                    continue
                this_column = kernel.add(column, 8 * (register // 4) + register % 2)
                with kernel.when(kernel.compare("slt", this_column, "%n")):
                    offset = kernel.add(kernel.multiply(this_row, "%n"), this_column)
                    value = kernel.extract(loop.values[0], register, kind)
                    target = kernel.address("%c", offset, GLOBAL, "f32")
                    kernel.line(f"llvm.store {value}, {target} : f32, {GLOBAL}")
    return kernel.text()


if __name__ == "__main__":
    sys.stdout.write(build())
