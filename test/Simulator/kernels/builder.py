"""Builds the text of a GPU kernel: scf, arith, vector and math inside an
`llvm.func`, beside nvvm ops. `LOWERING` are the passes that leave LLVM and NVVM.

A kernel is a sequence of method calls that each append an operation and return
the name of its result. Operands are such names, or Python integers, which
become constants at the top of the function. Every loop and branch is a `with`.
"""

import contextlib

SHARED, GLOBAL = "!llvm.ptr<3>", "!llvm.ptr<1>"
ALL_LANES = -1
# Bytes of a swizzle, and what a matrix descriptor says in their place.
SWIZZLES = {0: 0, 128: 1, 64: 2, 32: 3}

LOWERING = [
    "--convert-scf-to-cf",
    "--convert-vector-to-llvm",
    "--convert-math-to-llvm",
    "--convert-arith-to-llvm",
    "--convert-cf-to-llvm",
    "--reconcile-unrealized-casts",
]


def struct(count, element="f32"):
    """The type of `count` registers."""
    return f"!llvm.struct<({', '.join([element] * count)})>"


class Kernel:
    """One kernel. `parameters` maps names to types, `shared` names to bytes."""

    def __init__(self, name, parameters, threads, shared):
        self.lines, self.constants, self.count, self.indent = [], {}, 0, 2
        self.head = []
        for symbol, size in shared.items():
            self.head.append(
                f"  llvm.mlir.global internal @{symbol}() {{addr_space = 3 : i32, "
                f"alignment = {1024 if size >= 1024 else 16} : i64}} : !llvm.array<{size} x i8>"
            )
        signature = ", ".join(f"%{key}: {kind}" for key, kind in parameters.items())
        self.head.append(
            f"  llvm.func @{name}({signature}) attributes {{gpu.kernel, nvvm.kernel, "
            f"nvvm.reqntid = array<i32: {threads}, 1, 1>}} {{"
        )
        self.shared = {
            symbol: self.value(f"llvm.mlir.addressof @{symbol} : {SHARED}") for symbol in shared
        }

    def text(self):
        """The module."""
        constants = [f"    {name} = {text}" for text, name in self.constants.items()]
        body = ["gpu.module @kernels {", *self.head, *constants, *self.lines]
        return "\n".join([*body, "    llvm.return", "  }", "}", ""])

    # Statements ---------------------------------------------------------------

    def line(self, text):
        self.lines.append("  " * self.indent + text)

    def comment(self, text):
        self.line(f"// {text}")

    def fresh(self):
        self.count += 1
        return f"%v{self.count}"

    def value(self, text):
        name = self.fresh()
        self.line(f"{name} = {text}")
        return name

    def constant(self, value, kind="i32"):
        text = f"arith.constant {value} : {kind}"
        return self.constants.setdefault(text, f"%c{len(self.constants)}")

    def operand(self, value, kind="i32"):
        return self.constant(value, kind) if isinstance(value, (int, float)) else value

    @contextlib.contextmanager
    def block(self, opening):
        self.line(opening + " {")
        self.indent += 1
        yield
        self.indent -= 1
        self.line("}")

    def when(self, condition):
        """`with kernel.when(c):` runs its body where c holds."""
        return self.block(f"scf.if {condition}")

    @contextlib.contextmanager
    def loop(self, low, high, step=1, carried=()):
        """Yields an object whose `index` and `values` are the loop's, and whose
        `next` the body sets to the carried values of the next round. After the
        loop, `values` are the results. `carried` lists (initial value, type)."""
        loop = Loop()
        loop.index, result = self.fresh(), self.fresh()
        loop.values = [self.fresh() for _ in carried]
        kinds = ", ".join(kind for _, kind in carried)
        text = (
            f"scf.for {loop.index} = {self.operand(low)} to {self.operand(high)} "
            f"step {self.operand(step)}"
        )
        if carried:
            pairs = zip(loop.values, carried)
            initial = ", ".join(f"{name} = {self.operand(first)}" for name, (first, _) in pairs)
            text = f"{result}:{len(carried)} = {text} iter_args({initial}) -> ({kinds})"
        with self.block(f"{text} : i32"):
            yield loop
            if carried:
                self.line(f"scf.yield {', '.join(map(self.operand, loop.next))} : {kinds}")
        loop.values = [f"{result}#{index}" for index in range(len(carried))]

    # Integers -----------------------------------------------------------------

    def binary(self, name, left, right, kind="i32"):
        return self.value(
            f"arith.{name} {self.operand(left, kind)}, {self.operand(right, kind)} : {kind}"
        )

    def add(self, left, right):
        return self.binary("addi", left, right)

    def subtract(self, left, right):
        return self.binary("subi", left, right)

    def multiply(self, left, right):
        return self.binary("muli", left, right)

    def divide(self, left, right):
        return self.binary("divui", left, right)

    def remainder(self, left, right):
        return self.binary("remui", left, right)

    def compare(self, predicate, left, right):
        return self.value(
            f"arith.cmpi {predicate}, {self.operand(left)}, {self.operand(right)} : i32"
        )

    def select(self, condition, yes, no, kind="i32"):
        yes, no = self.operand(yes, kind), self.operand(no, kind)
        return self.value(f"arith.select {condition}, {yes}, {no} : {kind}")

    def next_slot(self, slot, parity, stages):
        """The slot after `slot` in a ring of mbarriers, and its parity: it
        flips whenever the ring starts again."""
        following = self.add(slot, 1)
        wraps = self.compare("eq", following, stages)
        flipped = self.binary("xori", parity, 1)
        return self.select(wraps, 0, following), self.select(wraps, flipped, parity)

    # Threads and memory -------------------------------------------------------

    def register(self, name):
        return self.value(f"nvvm.read.ptx.sreg.{name} : i32")

    def address(self, base, offset, space=SHARED, element="i8"):
        return self.value(
            f"llvm.getelementptr {base}[{self.operand(offset)}] : ({space}, i32) -> {space}, {element}"
        )

    def load(self, base, index, space=SHARED, kind="i32"):
        """Element `index` of those at `base`."""
        return self.value(f"llvm.load {self.address(base, index, space, kind)} : {space} -> {kind}")

    def store(self, value, base, index, space=SHARED, kind="i32"):
        target = self.address(base, index, space, kind)
        self.line(f"llvm.store {self.operand(value)}, {target} : {kind}, {space}")

    def shuffle_xor(self, value, distance):
        lanes, clamp = self.constant(ALL_LANES), self.constant(31)
        return self.value(
            f"nvvm.shfl.sync bfly {lanes}, {value}, {self.operand(distance)}, {clamp} : f32 -> f32"
        )

    # Barriers -----------------------------------------------------------------

    def initialise(self, barrier, arrivals):
        self.line(f"nvvm.mbarrier.init {barrier}, {self.operand(arrivals)} : {SHARED}, i32")

    def arrive(self, barrier):
        self.line(f"nvvm.mbarrier.arrive {barrier} : {SHARED}")

    def expect(self, barrier, size):
        self.line(f"nvvm.mbarrier.arrive.expect_tx {barrier}, {self.operand(size)} : {SHARED}, i32")

    def wait(self, barrier, parity):
        ticks = self.constant(10_000_000)
        self.line(
            f"nvvm.mbarrier.try_wait.parity {barrier}, {self.operand(parity)}, {ticks} "
            f": {SHARED}, i32, i32"
        )

    def load_tile(self, target, tensor_map, barrier, coordinates):
        """Starts a TMA load that completes on `barrier`."""
        target = self.value(f"llvm.addrspacecast {target} : {SHARED} to !llvm.ptr<7>")
        box = ", ".join(map(self.operand, coordinates))
        self.line(
            f"nvvm.cp.async.bulk.tensor.shared.cluster.global {target}, {tensor_map}, {barrier}, "
            f"box[{box}] : !llvm.ptr<7>, !llvm.ptr"
        )

    # Warpgroup matrix products ------------------------------------------------

    def descriptor(self, pointer, leading, stride, swizzle=128):
        """Describes an operand in shared memory; the two byte offsets are those
        of the PTX manual."""
        fields = (leading >> 4) << 16 | (stride >> 4) << 32 | SWIZZLES[swizzle] << 62
        # Constants are signed.
        fields -= (fields >> 63) << 64
        whole = self.value(f"llvm.ptrtoint {pointer} : {SHARED} to i64")
        start = self.binary("shrui", self.binary("andi", whole, 0x3FFFF, "i64"), 4, "i64")
        return self.binary("ori", start, fields, "i64")

    def multiply_tiles(self, a, b, accumulator, n, transposed_b=False, clear=False):
        """One 64 x n x 16 product of bf16 tiles."""
        kind = struct(n // 2)
        return self.value(
            f"nvvm.wgmma.mma_async {a}, {b}, {accumulator}, <m = 64, n = {n}, k = 16>, "
            f"D [<f32>, <{'zero' if clear else 'one'}>], A [<bf16>, <one>, <row>], "
            f"B [<bf16>, <one>, <{'row' if transposed_b else 'col'}>] : {kind} -> {kind}"
        )

    def extract(self, registers, index, kind):
        return self.value(f"llvm.extractvalue {registers}[{index}] : {kind}")

    def pack(self, values, kind):
        registers = self.value(f"llvm.mlir.undef : {kind}")
        for index, value in enumerate(values):
            registers = self.value(f"llvm.insertvalue {value}, {registers}[{index}] : {kind}")
        return registers


class Loop:
    """The names of one loop; see `Kernel.loop`."""
