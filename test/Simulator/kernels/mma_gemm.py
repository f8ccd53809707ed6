"""C[m, n] = sum_k A[m, k] B[n, k] in bf16 with f32 sums, for sm_80.

 * A block of four warps makes a 64 x 64 tile of C; warp w its rows 16w .. 16w+15.
 * `cp.async` brings 64 x 32 pieces of A and B into a ring of three slots, two
   pieces ahead; every round commits one group, so that `wait_group 1` always
   means: the piece of this round is there. Rows beyond M and N become zeros.
 * One barrier a round suffices: it ends the reads of the slot that the next
   copies of this round overwrite.
 * Rows of a piece are 80 bytes apart, so that the eight rows that `ldmatrix`
   reads at a time lie in different banks.

K is a multiple of 32, N is even.
"""

import sys

from builder import GLOBAL, SHARED, Kernel, struct

TILE, PIECE, SLOTS, PITCH = 64, 32, 3, 80
PIECE_BYTES = TILE * PITCH


def build():
    kernel = Kernel(
        "mma_gemm",
        {"a": GLOBAL, "b": GLOBAL, "c": GLOBAL, "m": "i32", "n": "i32", "k": "i32"},
        threads=128,
        shared={"a_pieces": SLOTS * PIECE_BYTES, "b_pieces": SLOTS * PIECE_BYTES},
    )
    thread = kernel.register("tid.x")
    lane, warp = kernel.remainder(thread, 32), kernel.divide(thread, 32)
    first_row = kernel.multiply(kernel.register("ctaid.x"), TILE)
    first_column = kernel.multiply(kernel.register("ctaid.y"), TILE)
    pieces = kernel.divide("%k", PIECE)

    def start_copy(piece, slot):
        """Each thread copies two times 16 bytes of both operands."""
        with kernel.when(kernel.compare("slt", piece, pieces)):
            for tile, source, first, limit in (
                ("a_pieces", "%a", first_row, "%m"),
                ("b_pieces", "%b", first_column, "%n"),
            ):
                for part in range(2):
                    index = kernel.add(thread, 128 * part)
                    row, chunk = kernel.divide(index, 4), kernel.remainder(index, 4)
                    global_row = kernel.add(first, row)
                    inside = kernel.compare("slt", global_row, limit)
                    size = kernel.select(inside, 16, 0)
                    column = kernel.add(
                        kernel.multiply(piece, PIECE), kernel.multiply(chunk, 8)
                    )
                    safe_row = kernel.select(inside, global_row, 0)
                    offset = kernel.add(kernel.multiply(safe_row, "%k"), column)
                    origin = kernel.address(source, offset, GLOBAL, "bf16")
                    place = kernel.add(kernel.multiply(row, PITCH), kernel.multiply(chunk, 16))
                    place = kernel.add(place, kernel.multiply(slot, PIECE_BYTES))
                    target = kernel.address(kernel.shared[tile], place)
                    kernel.line(
                        f"nvvm.cp.async.shared.global {target}, {origin}, 16, cache = cg, {size} "
                        f": {SHARED}, {GLOBAL}, i32"
                    )
        kernel.line("nvvm.cp.async.commit.group")

    def load_matrices(tile, slot, row, column_bytes):
        """Four 8 x 8 matrices, one address a lane."""
        place = kernel.add(kernel.multiply(row, PITCH), column_bytes)
        place = kernel.add(place, kernel.multiply(slot, PIECE_BYTES))
        kind = struct(4, "i32")
        loaded = kernel.value(
            f"nvvm.ldmatrix {kernel.address(kernel.shared[tile], place)} {{num = 4 : i32, "
            "layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, "
            f"eltType = #nvvm.ld_st_matrix_elt_type<b16>}} : ({SHARED}) -> {kind}"
        )
        return [kernel.extract(loaded, index, kind) for index in range(4)]

    start_copy(kernel.constant(0), kernel.constant(0))
    start_copy(kernel.constant(1), kernel.constant(1))

    zero = kernel.constant("0.0", "f32")
    with kernel.loop(0, pieces, carried=[(zero, "f32")] * 32) as loop:
        slot = kernel.remainder(loop.index, SLOTS)
        kernel.line("nvvm.cp.async.wait.group 1")
        kernel.line("nvvm.barrier0")
        ahead = kernel.add(loop.index, 2)
        start_copy(ahead, kernel.remainder(ahead, SLOTS))
        sums = list(loop.values)
        # A: lanes 0-15 address the rows, left half; 16-31 the right one.
        a_row = kernel.add(kernel.multiply(warp, 16), kernel.remainder(lane, 16))
        a_column = kernel.multiply(kernel.divide(lane, 16), 16)
        # B: two groups of eight rows, both halves of each.
        b_lane_row = kernel.add(
            kernel.remainder(lane, 8), kernel.multiply(kernel.divide(lane, 16), 8)
        )
        b_column = kernel.multiply(kernel.remainder(kernel.divide(lane, 8), 2), 16)
        for step in range(PIECE // 16):
            a = load_matrices("a_pieces", slot, a_row, kernel.add(a_column, 32 * step))
            for pair in range(TILE // 16):
                b_row = kernel.add(b_lane_row, 16 * pair)
                b = load_matrices("b_pieces", slot, b_row, kernel.add(b_column, 32 * step))
                for half in range(2):
                    first = 4 * (2 * pair + half)
                    kind = struct(4)
                    product = kernel.value(
                        f"nvvm.mma.sync A[{', '.join(a)}] B[{b[2 * half]}, {b[2 * half + 1]}] "
                        f"C[{', '.join(sums[first:first + 4])}] "
                        "{layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, "
                        "multiplicandAPtxType = #nvvm.mma_type<bf16>, "
                        "multiplicandBPtxType = #nvvm.mma_type<bf16>, "
                        "shape = #nvvm.shape<m = 16, n = 8, k = 16>} "
                        f": (i32, i32, f32) -> {kind}"
                    )
                    for index in range(4):
                        sums[first + index] = kernel.extract(product, index, kind)
        loop.next = sums

    # Register r of column group j is row lane/4 (+ 8), column 8j + 2 (lane % 4).
    row = kernel.add(first_row, kernel.multiply(warp, 16))
    row = kernel.add(row, kernel.divide(lane, 4))
    column = kernel.add(first_column, kernel.multiply(kernel.remainder(lane, 4), 2))
    for half in range(2):
        this_row = kernel.add(row, 8 * half)
        with kernel.when(kernel.compare("slt", this_row, "%m")):
            for group in range(8):
                this_column = kernel.add(column, 8 * group)
                with kernel.when(kernel.compare("slt", this_column, "%n")):
                    offset = kernel.add(kernel.multiply(this_row, "%n"), this_column)
                    pair = [loop.values[4 * group + 2 * half + index] for index in range(2)]
                    both = kernel.value(f"vector.from_elements {', '.join(pair)} : vector<2xf32>")
                    target = kernel.address("%c", offset, GLOBAL, "f32")
                    kernel.line(
                        f"llvm.store {both}, {target} {{alignment = 8 : i64}} "
                        f": vector<2xf32>, {GLOBAL}"
                    )
    return kernel.text()


if __name__ == "__main__":
    sys.stdout.write(build())
