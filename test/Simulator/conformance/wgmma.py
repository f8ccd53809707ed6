"""Cases of wgmma. Shared memory is filled with small numbers from end to end, so
that a case needs no layout of its own: whatever the descriptors address is an
operand, and any other decoding gives other sums."""

import dataclasses
import itertools

import oracle
import values
from probe import Probe, registers

A_WORDS, B_WORDS = 3072, 8192
SWIZZLES = {0: 0, 128: 1, 64: 2, 32: 3}
K = {"bf16": 16, "f16": 16, "tf32": 8, "e4m3": 32, "e5m2": 32, "s8": 32, "u8": 32}


@dataclasses.dataclass
class Operand:
    """A matrix descriptor, byte offsets as in the PTX manual."""

    swizzle: int = 128
    leading: int = 16
    stride: int = 1024
    advance: int = 0
    transposed: bool = False

    def describe(self, kernel, offset):
        """The 64 bits; the data is aligned for every swizzle."""
        fields = (self.leading >> 4) << 16 | (self.stride >> 4) << 32
        fields |= SWIZZLES[self.swizzle] << 62
        if fields >= 2**63:
            fields -= 2**64
        place = self.value_of(kernel, offset)
        return kernel.binary("ori", place, fields, "i64")

    def value_of(self, kernel, offset):
        place = kernel.address(kernel.data, offset + self.advance)
        whole = kernel.value(f"llvm.ptrtoint {place} : !llvm.ptr<3> to i64")
        return kernel.binary("shrui", kernel.binary("andi", whole, 0x3FFFF, "i64"), 4, "i64")


def product(variant, a, b, n=64, kinds=("bf16", "bf16", "f32"), scales=(1, 1), clear=False,
            in_registers=False):
    left, right, sums = kinds
    kernel = Probe("wgmma", variant, threads=128, shared=4 * (A_WORDS + B_WORDS))
    kernel.copy_in(A_WORDS + B_WORDS)
    start = A_WORDS + B_WORDS
    count = n // 4 if sums == "f16" else n // 2
    accumulators = [kernel.input(index, start) for index in range(count)]
    fragment = [kernel.input(count + index, start) for index in range(4)] if in_registers else []
    # Ordinary stores come before reads by the asynchronous proxy.
    kernel.line("nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, "
                "space = #nvvm.shared_space<cta>}")
    kernel.line("nvvm.barrier0")
    descriptors = [] if in_registers else [a.describe(kernel, 0)]
    descriptors.append(b.describe(kernel, 4 * A_WORDS))
    kernel.line("nvvm.wgmma.fence.aligned")
    # Results, A in registers, the switch of scale-d, descriptors.
    left_text = registers(count, 4) if in_registers else f"${count + 1}"
    switch = count + len(fragment)
    right_text = f"${switch + 1 + len(descriptors) - 1}"
    tail = [] if sums == "s32" else [str(scale) for scale in scales]
    if left in ("bf16", "f16"):
        tail += ([] if in_registers else [str(int(a.transposed))]) + [str(int(b.transposed))]
    text = (f"{{ .reg .pred p; setp.ne.b32 p, ${switch}, 0; "
            f"wgmma.mma_async.sync.aligned.m64n{n}k{K[left]}.{sums}.{left}.{right} "
            f"{registers(0, count)}, {left_text}, {right_text}, {', '.join(['p', *tail])}; }}")
    running = kernel.ptx(text, count, [*fragment, 0 if clear else 1], descriptors, accumulators)
    kernel.line("nvvm.wgmma.commit.group.sync.aligned")
    for register in kernel.ptx("wgmma.wait_group.sync.aligned 0;", count, tied=running):
        kernel.output(register)
    generator = values.probe.generator(f"wgmma.{variant}")
    content = values.small(generator, left, 4 * A_WORDS) + values.small(generator, right, 4 * B_WORDS)
    content += values.small(generator, sums, 512 * count)
    if in_registers:
        content += values.small(generator, left, 512 * 4)
    expected = oracle.warpgroup_product(content, a, b, n, kinds, K[left], scales, clear,
                                        in_registers, A_WORDS, B_WORDS)
    return kernel.case("sm_90a", values.np.frombuffer(content, "uint32"), expected=expected)


def layouts():
    """Swizzles, strides of atoms and steps inside an atom, K-major."""
    for swizzle in SWIZZLES:
        pitch = max(swizzle, 16)
        strides = [8 * pitch, 8 * pitch + 1024 - (8 * pitch) % 1024] if pitch < 128 else [1024, 2048]
        for stride in strides:
            leading = [128, 384] if swizzle == 0 else [16]
            for lead in leading:
                for advance in range(0, max(swizzle, 32), 32):
                    # Strides of A and B differ in the second form of each.
                    a = Operand(swizzle, lead, 8 * pitch if stride > 1024 else stride, advance)
                    if a.leading + 8 * a.stride > 4 * A_WORDS:
                        continue
                    b = Operand(swizzle, lead, stride, advance)
                    yield f"k.sw{swizzle}.lbo{lead}.sbo{stride}.step{advance}", a, b


def transposed_layouts():
    """MN-major: an atom is `swizzle` bytes of M or N by 8 of K."""
    for swizzle in SWIZZLES:
        size = max(swizzle, 16) * 8
        for leading, stride in ((size, 4 * size), (2 * size, size)):
            atoms = 128 // max(swizzle, 16)
            if (atoms - 1) * max(leading, stride) + 2 * max(leading, stride) > 4 * A_WORDS:
                continue
            b = Operand(swizzle, leading, stride, 0, True)
            yield f"mn.sw{swizzle}.lbo{leading}.sbo{stride}", b, b


def cases():
    plain = Operand()
    for label, a, b in (*layouts(), *transposed_layouts()):
        yield product(f"ss.{label}", a, b)
        yield product(f"rs.{label}", a, b, in_registers=True)
    mixed = Operand(transposed=True, leading=1024, stride=1024)
    yield product("ss.a-mn", mixed, plain)
    yield product("ss.b-mn", plain, mixed)
    for n in range(8, 257, 8):
        yield product(f"ss.n{n}", plain, plain, n)
    for n in (8, 96, 256):
        yield product(f"rs.n{n}", plain, plain, n, in_registers=True)
    for left, right in itertools.product((1, -1), repeat=2):
        for clear, in_registers in itertools.product((False, True), repeat=2):
            label = f"{'rs' if in_registers else 'ss'}.scale{left}.{right}.{'zero' if clear else 'one'}"
            yield product(label, plain, plain, 16, scales=(left, right), clear=clear,
                          in_registers=in_registers)
    kinds = [("f16", "f16", "f32"), ("f16", "f16", "f16"), ("tf32", "tf32", "f32")]
    kinds += [(a, b, d) for a in ("e4m3", "e5m2") for b in ("e4m3", "e5m2") for d in ("f32", "f16")]
    kinds += [(a, b, "s32") for a in ("s8", "u8") for b in ("s8", "u8")]
    for kind in kinds:
        for swizzle, in_registers in itertools.product((0, 128), (False, True)):
            operand = Operand(swizzle, 128, 256) if swizzle == 0 else plain
            label = f"{'rs' if in_registers else 'ss'}.{'.'.join(kind)}.sw{swizzle}"
            yield product(label, operand, operand, 16, kind, in_registers=in_registers)
