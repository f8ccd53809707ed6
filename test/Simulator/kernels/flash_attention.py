"""O = softmax(scale Q K^T) V in bf16 with f32 sums, for sm_90a: one producer
warp, one warpgroup of consumers, head dimension 64.

 * A block has 64 queries of one head. Keys and values come in tiles of 64 rows
   through rings of two slots; `k_arrived[s]`, `v_arrived[s]` complete when a
   tile is there, `k_consumed[s]`, `v_consumed[s]` when four warps released it.
 * Per tile: S = Q K^T by wgmma; the online softmax in registers; P is rounded
   to bf16 and written to shared memory in the 128-byte swizzle; O = O + P V by
   wgmma, with V read across its rows. A proxy fence and a named barrier of the
   consumers lie between the writes of P and the product.
 * Keys beyond `keys` arrive as zeros; their scores become -inf.
 * scale is that of exp2: 1 / sqrt(64) times log2(e).

Tensors are [heads, rows, 64]; maps have the boxes 1 x 64 x 64.
"""

import sys

from builder import GLOBAL, SHARED, Kernel, struct

TILE, WIDTH, SLOTS = 64, 64, 2
TILE_BYTES = TILE * WIDTH * 2
REGISTERS = WIDTH // 2
CONSUMERS, PRODUCERS = 128, 32
CONSUMER_BARRIER = 1
RINGS = ("k_arrived", "k_consumed", "v_arrived", "v_consumed")


class Attention:
    def __init__(self):
        parameters = dict.fromkeys(("q", "k", "v"), "!llvm.ptr") | {
            "o": GLOBAL,
            "queries": "i32",
            "keys": "i32",
            "scale": "f32",
        }
        shared = {"q_tile": TILE_BYTES, "p_tile": TILE_BYTES}
        shared |= {"k_tiles": SLOTS * TILE_BYTES, "v_tiles": SLOTS * TILE_BYTES}
        shared |= {"q_arrived": 8} | dict.fromkeys(RINGS, 8 * SLOTS)
        self.kernel = kernel = Kernel(
            "flash_attention", parameters, CONSUMERS + PRODUCERS, shared
        )
        self.thread = kernel.register("tid.x")
        self.head = kernel.register("ctaid.y")
        self.first_row = kernel.multiply(kernel.register("ctaid.x"), TILE)
        self.tiles = kernel.divide(kernel.add("%keys", TILE - 1), TILE)

    def barrier(self, name, slot):
        return self.kernel.address(self.kernel.shared[name], self.kernel.multiply(slot, 8))

    def tile(self, name, slot):
        return self.kernel.address(
            self.kernel.shared[name], self.kernel.multiply(slot, TILE_BYTES)
        )

    def build(self):
        kernel = self.kernel
        with kernel.when(kernel.compare("eq", self.thread, 0)):
            kernel.initialise(kernel.shared["q_arrived"], 1)
            for slot in range(SLOTS):
                for name in RINGS:
                    arrivals = 1 if name.endswith("arrived") else 4
                    kernel.initialise(self.barrier(name, kernel.constant(slot)), arrivals)
            kernel.line("nvvm.fence.mbarrier.init")
        kernel.line("nvvm.barrier0")
        with kernel.when(kernel.compare("eq", self.thread, CONSUMERS)):
            self.produce()
        with kernel.when(kernel.compare("ult", self.thread, CONSUMERS)):
            self.consume()
        return kernel.text()

    def produce(self):
        kernel = self.kernel
        kernel.expect(kernel.shared["q_arrived"], TILE_BYTES)
        kernel.load_tile(
            kernel.shared["q_tile"], "%q", kernel.shared["q_arrived"], [0, self.first_row, self.head]
        )
        # The first use of a slot waits for the phase before the first.
        with kernel.loop(0, self.tiles, carried=[(0, "i32"), (1, "i32")]) as loop:
            slot, parity = loop.values
            row = kernel.multiply(loop.index, TILE)
            for name in ("k", "v"):
                kernel.wait(self.barrier(f"{name}_consumed", slot), parity)
                arrived = self.barrier(f"{name}_arrived", slot)
                kernel.expect(arrived, TILE_BYTES)
                target = self.tile(f"{name}_tiles", slot)
                kernel.load_tile(target, f"%{name}", arrived, [0, row, self.head])
            loop.next = kernel.next_slot(slot, parity, SLOTS)

    def consume(self):
        kernel = self.kernel
        kind = struct(REGISTERS)
        lane, warp = kernel.remainder(self.thread, 32), kernel.divide(self.thread, 32)
        self.leads_warp = kernel.compare("eq", lane, 0)
        # Fragment row r of a thread: row + 8r of the tile, columns 8j + column.
        self.row = kernel.add(kernel.multiply(warp, 16), kernel.divide(lane, 4))
        self.column = kernel.multiply(kernel.remainder(lane, 4), 2)
        self.q = kernel.descriptor(kernel.shared["q_tile"], 16, 1024)
        self.p = kernel.descriptor(kernel.shared["p_tile"], 16, 1024)
        zero = kernel.constant("0.0", "f32")
        lowest = kernel.constant("0xFF800000", "f32")
        output = kernel.pack([zero] * REGISTERS, kind)
        kernel.wait(kernel.shared["q_arrived"], 0)

        carried = [(output, kind), (0, "i32"), (0, "i32")]
        carried += [(lowest, "f32")] * 2 + [(zero, "f32")] * 2
        with kernel.loop(0, self.tiles, carried=carried) as loop:
            output, slot, parity = loop.values[:3]
            highest, total = loop.values[3:5], loop.values[5:7]
            scores = self.score(loop.index, slot, parity)
            weights, highest, total, shrink = self.softmax(scores, highest, total)
            old = [kernel.extract(output, index, kind) for index in range(REGISTERS)]
            rescaled = [
                kernel.binary("mulf", value, shrink[index // 2 % 2], "f32")
                for index, value in enumerate(old)
            ]
            self.store_weights(weights)
            output = self.accumulate(kernel.pack(rescaled, kind), slot, parity)
            loop.next = [output, *kernel.next_slot(slot, parity, SLOTS), *highest, *total]
        self.store(loop.values[0], loop.values[5:7], kind)

    def release(self, barrier):
        """One arrival a warp: a wait covers the products of its own warp only."""
        with self.kernel.when(self.leads_warp):
            self.kernel.arrive(barrier)

    def score(self, index, slot, parity):
        """The registers of S for one tile; -inf beyond the last key."""
        kernel, kind = self.kernel, struct(REGISTERS)
        kernel.wait(self.barrier("k_arrived", slot), parity)
        k = kernel.descriptor(self.tile("k_tiles", slot), 16, 1024)
        scores = kernel.value(f"llvm.mlir.undef : {kind}")
        kernel.line("nvvm.wgmma.fence.aligned")
        for step in range(WIDTH // 16):
            q_step = kernel.binary("addi", self.q, 2 * step, "i64")
            k_step = kernel.binary("addi", k, 2 * step, "i64")
            scores = kernel.multiply_tiles(q_step, k_step, scores, TILE, clear=step == 0)
        kernel.line("nvvm.wgmma.commit.group.sync.aligned")
        kernel.line("nvvm.wgmma.wait.group.sync.aligned 0")
        self.release(self.barrier("k_consumed", slot))
        first = kernel.add(kernel.multiply(index, TILE), self.column)
        lowest = kernel.constant("0xFF800000", "f32")
        masked = []
        for register in range(REGISTERS):
            key = kernel.add(first, 8 * (register // 4) + register % 2)
            value = kernel.extract(scores, register, kind)
            exists = kernel.compare("slt", key, "%keys")
            masked.append(kernel.select(exists, value, lowest, "f32"))
        return masked

    def softmax(self, scores, highest, total):
        """exp2 of the scaled scores less the running maximum of each row."""
        kernel = self.kernel
        weights, new_highest, new_total, shrink = [None] * REGISTERS, [], [], []
        for half in range(2):
            mine = [index for index in range(REGISTERS) if index // 2 % 2 == half]
            best = scores[mine[0]]
            for index in mine[1:]:
                best = kernel.binary("maxnumf", best, scores[index], "f32")
            for distance in (1, 2): # the four lanes of a row
                other = kernel.shuffle_xor(best, distance)
                best = kernel.binary("maxnumf", best, other, "f32")
            best = kernel.binary("mulf", best, "%scale", "f32")
            best = kernel.binary("maxnumf", best, highest[half], "f32")
            difference = kernel.binary("subf", highest[half], best, "f32")
            factor = kernel.value(f"math.exp2 {difference} : f32")
            added = kernel.binary("mulf", total[half], factor, "f32")
            for index in mine:
                scaled = kernel.binary("mulf", scores[index], "%scale", "f32")
                exponent = kernel.binary("subf", scaled, best, "f32")
                weights[index] = kernel.value(f"math.exp2 {exponent} : f32")
                added = kernel.binary("addf", added, weights[index], "f32")
            new_highest.append(best)
            new_total.append(added)
            shrink.append(factor)
        return weights, new_highest, new_total, shrink

    def store_weights(self, weights):
        """P as TMA would have written it: piece j of row r lies at j ^ (r % 8)."""
        kernel = self.kernel
        for register in range(0, REGISTERS, 2):
            row = kernel.add(self.row, 8 * (register // 2 % 2))
            piece = kernel.binary("xori", kernel.remainder(row, 8), register // 4)
            place = kernel.add(kernel.multiply(row, 128), kernel.multiply(piece, 16))
            place = kernel.add(place, kernel.multiply(self.column, 2))
            pair = weights[register : register + 2]
            both = kernel.value(f"vector.from_elements {', '.join(pair)} : vector<2xf32>")
            rounded = kernel.value(f"arith.truncf {both} : vector<2xf32> to vector<2xbf16>")
            target = kernel.address(kernel.shared["p_tile"], place)
            kernel.line(
                f"llvm.store {rounded}, {target} {{alignment = 4 : i64}} : vector<2xbf16>, {SHARED}"
            )
        kernel.line(
            "nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, "
            "space = #nvvm.shared_space<cta>}"
        )
        kernel.line(
            f"nvvm.barrier id = {kernel.constant(CONSUMER_BARRIER)} "
            f"number_of_threads = {kernel.constant(CONSUMERS)}"
        )

    def accumulate(self, output, slot, parity):
        kernel = self.kernel
        kernel.wait(self.barrier("v_arrived", slot), parity)
        v = kernel.descriptor(self.tile("v_tiles", slot), TILE_BYTES, 1024)
        kernel.line("nvvm.wgmma.fence.aligned")
        for step in range(TILE // 16):
            p_step = kernel.binary("addi", self.p, 2 * step, "i64")
            # 16 rows of V are 2048 bytes, 128 units.
            v_step = kernel.binary("addi", v, 128 * step, "i64")
            output = kernel.multiply_tiles(p_step, v_step, output, WIDTH, transposed_b=True)
        kernel.line("nvvm.wgmma.commit.group.sync.aligned")
        kernel.line("nvvm.wgmma.wait.group.sync.aligned 0")
        self.release(self.barrier("v_consumed", slot))
        return output

    def store(self, output, total, kind):
        kernel = self.kernel
        for half in range(2):
            whole = total[half]
            for distance in (1, 2):
                other = kernel.shuffle_xor(whole, distance)
                whole = kernel.binary("addf", whole, other, "f32")
            row = kernel.add(self.first_row, kernel.add(self.row, 8 * half))
            with kernel.when(kernel.compare("slt", row, "%queries")):
                line = kernel.add(kernel.multiply(self.head, "%queries"), row)
                offset = kernel.add(kernel.multiply(line, WIDTH), self.column)
                for register in range(REGISTERS):
                    if register // 2 % 2 != half:
                        continue
                    value = kernel.extract(output, register, kind)
                    value = kernel.binary("divf", value, whole, "f32")
                    place = kernel.add(offset, 8 * (register // 4) + register % 2)
                    target = kernel.address("%o", place, GLOBAL, "f32")
                    kernel.line(f"llvm.store {value}, {target} : f32, {GLOBAL}")


if __name__ == "__main__":
    sys.stdout.write(Attention().build())
