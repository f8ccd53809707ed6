"""Cases of what a warp does together: shuffles, votes, reductions, matches,
elections, ldmatrix, stmatrix and mma.sync."""

import itertools

import oracle
import values
from probe import Probe, registers

ALL = 0xFFFFFFFF
# Lanes that take part, in partial cases: the others do not execute it.
PARTIAL = 0x0FF0F3C5


def signed(mask):
    return mask - 2**32 if mask >= 2**31 else mask


def collective(family, variant, text, results, mask=ALL, architecture="sm_80", source=None):
    """`text` has results first, then the value and the mask. Lanes outside the
    mask write zeros."""
    kernel = Probe(family, variant)
    value = kernel.input(0)
    member = kernel.binary("andi", kernel.binary("shrui", signed(mask), kernel.thread), 1)
    takes_part = kernel.compare("ne", member, 0)
    kernel.outputs = 32 * results
    for index in range(results):
        kernel.outputs = 32 * index
        kernel.output(kernel.constant(0))
    with kernel.when(takes_part):
        got = kernel.ptx(text, results, [value, signed(mask)])
        kernel.outputs = 0
        for register in got:
            kernel.output(register)
    kernel.outputs = 32 * results
    words = values.random_words(f"{family}.{variant}", 32) if source is None else source
    return kernel.case(architecture, words)


def shuffles():
    for kind, mask in itertools.product(("up", "down", "bfly", "idx"), (ALL, PARTIAL)):
        # Clamp and segment mask: whole warps, then segments of 8 lanes.
        for width, clamp in ((32, 0 if kind == "up" else 31), (8, 0x1800 | (0 if kind == "up" else 7))):
            for distance in (1, 3, 9, 31):
                # A source lane must take part, or the value is undefined.
                if mask == PARTIAL and not reads_members(kind, distance, clamp, mask):
                    continue
                yield collective(
                    "shfl", f"{kind}.w{width}.d{distance}.{'all' if mask == ALL else 'partial'}",
                    f"{{ .reg .pred p; shfl.sync.{kind}.b32 $0|p, $2, {distance}, {clamp}, $3; "
                    "selp.b32 $1, 1, 0, p; }", 2, mask)


def reads_members(kind, distance, clamp, mask):
    """Every lane of `mask` reads from a lane of `mask`, by PTX's formulae."""
    segment, limit = (clamp >> 8) & 31, clamp & 31
    for lane in range(32):
        if not mask >> lane & 1:
            continue
        highest = (lane & segment) | (limit & ~segment & 31)
        lowest = lane & segment
        source = {"up": lane - distance, "down": lane + distance, "bfly": lane ^ distance,
                  "idx": lowest | (distance & ~segment & 31)}[kind]
        valid = source >= highest if kind == "up" else source <= highest
        if not mask >> (source if valid else lane) & 1:
            return False
    return True


def votes():
    masks = {"all": ALL, "partial": PARTIAL}
    for label, mask in masks.items():
        for kind in ("any", "all", "uni"):
            # Random values vote for few lanes; zero and one are the corners.
            for bit, threshold in (("few", 7), ("every", 0)):
                yield collective(
                    "vote", f"{kind}.{bit}.{label}",
                    f"{{ .reg .pred p, q; .reg .b32 t; and.b32 t, $1, {threshold}; "
                    f"setp.eq.u32 p, t, 0; vote.sync.{kind}.pred q, p, $2; selp.b32 $0, 1, 0, q; }}",
                    1, mask)
        yield collective(
            "vote", f"ballot.{label}",
            "{ .reg .pred p; .reg .b32 t; and.b32 t, $1, 1; setp.ne.u32 p, t, 0; "
            "vote.sync.ballot.b32 $0, p, $2; }", 1, mask)
        for operation in ("add.s32", "add.u32", "min.s32", "min.u32", "max.s32", "max.u32",
                          "and.b32", "or.b32", "xor.b32"):
            yield collective("redux", f"{operation}.{label}",
                             f"redux.sync.{operation} $0, $1, $2;", 1, mask)
        few = values.random_words(f"match.{label}", 32) & 3
        yield collective("match", f"any.{label}", "match.any.sync.b32 $0, $1, $2;", 1, mask,
                         source=few)
        for same in (True, False):
            words = few * 0 + 5 if same else few
            yield collective(
                "match", f"all.{'same' if same else 'different'}.{label}",
                "{ .reg .pred p; match.all.sync.b32 $0|p, $2, $3; selp.b32 $1, 1, 0, p; }", 2,
                mask, source=words)
        yield collective(
            "elect", label,
            "{ .reg .pred p; elect.sync $0|p, $3; selp.b32 $1, 1, 0, p; }", 2, mask, "sm_90a")


def matrix_moves():
    for count, transposed in itertools.product((1, 2, 4), (False, True)):
        variant = f"x{count}{'.trans' if transposed else ''}"
        form = f"sync.aligned.m8n8.x{count}{'.trans' if transposed else ''}.shared.b16"
        for pitch in (16, 48):
            name = f"{variant}.pitch{pitch}"
            # Rows in a scrambled order, each 16 bytes.
            def row(kernel):
                lane = kernel.remainder(kernel.multiply(kernel.thread, 5), 32)
                offset = kernel.multiply(lane, pitch)
                start = kernel.shared_address()
                return kernel.add(start, offset)
            kernel = Probe("ldmatrix", name, shared=2048)
            kernel.copy_in(512)
            for register in kernel.ptx(f"ldmatrix.{form} {registers(0, count)}, [${count}];", count,
                                       [row(kernel)]):
                kernel.output(register)
            words = values.random_words(f"ldmatrix.{name}", 512)
            yield kernel.case("sm_80", words, expected=oracle.move_matrices(
                words, count, transposed, pitch, stores=False))
            kernel = Probe("stmatrix", name, shared=2048)
            kernel.copy_in(512)
            fragment = [kernel.input(index, 512) for index in range(count)]
            kernel.ptx(f"stmatrix.{form} [${count}], {registers(0, count)};", 0,
                       [*fragment, row(kernel)])
            kernel.copy_out(512)
            words = values.random_words(f"stmatrix.{name}", 512 + 32 * count)
            yield kernel.case("sm_90a", words, expected=oracle.move_matrices(
                words, count, transposed, pitch, stores=True))


def products():
    rows = [("bf16", "bf16", "f32", 8), ("bf16", "bf16", "f32", 16), ("f16", "f16", "f32", 8),
            ("f16", "f16", "f32", 16), ("f16", "f16", "f16", 8), ("f16", "f16", "f16", 16),
            ("tf32", "tf32", "f32", 4), ("tf32", "tf32", "f32", 8)]
    rows += [(a, b, "s32", k) for a in ("s8", "u8") for b in ("s8", "u8") for k in (16, 32)]
    rows += [(a, b, "f32", 32) for a in ("e4m3", "e5m2") for b in ("e4m3", "e5m2")]
    for a, b, d, k in rows:
        for saturates in (False, True) if d == "s32" else (False,):
            variant = f"m16n8k{k}.{d}.{a}.{b}{'.satfinite' if saturates else ''}"
            # Registers of the fragments.
            width = values.BITS[a]
            count_a, count_b = 16 * k * width // 1024, 8 * k * width // 1024
            count_d = 2 if d == "f16" else 4
            kernel = Probe("mma", variant)
            operands = [kernel.input(index) for index in range(count_a + count_b + count_d)]
            form = f"mma.sync.aligned.m16n8k{k}.row.col{'.satfinite' if saturates else ''}.{d}.{a}.{b}.{d}"
            places = [count_d, count_d + count_a, count_d + count_a + count_b]

            def operand(place, count):
                return registers(place, count) if count > 1 else f"{{${place}}}"
            text = (f"{form} {registers(0, count_d)}, {operand(places[0], count_a)}, "
                    f"{operand(places[1], count_b)}, {registers(places[2], count_d)};")
            for register in kernel.ptx(text, count_d, operands):
                kernel.output(register)
            generator = values.probe.generator(f"mma.{variant}")
            content = values.small(generator, a, 128 * count_a)
            content += values.small(generator, b, 128 * count_b)
            if saturates:
                # Sums beyond the limits of s32.
                content += (generator.choice([2**31 - 100, -(2**31) + 100], 32 * count_d)
                            .astype("int32").tobytes())
            else:
                content += values.small(generator, d, 128 * count_d)
            architecture = "sm_89" if a in ("e4m3", "e5m2") else "sm_80"
            words = values.np.frombuffer(content, "uint32")
            yield kernel.case(architecture, words, expected=oracle.multiply(
                words, (a, b, d), k, (count_a, count_b, count_d), saturates))


def cases():
    yield from shuffles()
    yield from votes()
    yield from matrix_moves()
    yield from products()
