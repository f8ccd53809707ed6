"""Cases of bulk copies in one dimension and of reductions into global memory, of
lines and of tiles."""

import numpy as np

import copies
import oracle
import values
from probe import SHARED, Probe, TensorMap

WORDS = 96
# The operations and types that the manual allows for lines. Sums of 16-bit
# floating-point numbers must say that they keep subnormal numbers.
REDUCTIONS = {
    **{f"add.{kind}": kind for kind in ("u32", "s32", "u64", "f32", "f64")},
    **{f"add.noftz.{kind}": kind for kind in ("f16", "bf16")},
    **{f"{operation}.{kind}": kind for operation in ("min", "max")
       for kind in ("u32", "s32", "u64", "s64", "f16", "bf16")},
    **{f"{operation}.u32": "u32" for operation in ("inc", "dec")},
    **{f"{operation}.{kind}": kind for operation in ("and", "or", "xor") for kind in ("b32", "b64")},
}
TILE_REDUCTIONS = ("add", "min", "max", "inc", "dec", "and", "or", "xor")


def order_for_the_copy(kernel):
    """What threads stored is seen by the copy."""
    kernel.line("nvvm.fence.proxy {kind = #nvvm.proxy_kind<async>}")
    kernel.line("nvvm.barrier0")
    return kernel.compare("eq", kernel.thread, 0)


def wide(kernel, base, index):
    place = kernel.word(base, index)
    return kernel.value(f"llvm.ptrtoint {place} : !llvm.ptr<1> to i64")


def lines():
    for size in (16, 48, 4 * WORDS):
        words = values.random_words(f"bulk-load.{size}", 2 * WORDS)
        kernel = Probe("bulk-load", str(size), shared=4 * WORDS, barriers=1)
        kernel.copy_in(WORDS)
        leads = order_for_the_copy(kernel)
        barrier = kernel.value(f"llvm.ptrtoint {kernel.barriers} : {SHARED} to i32")
        with kernel.when(leads):
            kernel.initialise(kernel.barriers, 1)
            kernel.line("nvvm.fence.mbarrier.init")
            kernel.expect(kernel.barriers, size)
            kernel.ptx("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
                       "[$0], [$3], $1, [$2];", 0, [kernel.shared_address(), size, barrier],
                       [wide(kernel, "%in", WORDS)])
        kernel.line("nvvm.barrier0")
        kernel.wait(kernel.barriers, 0)
        kernel.copy_out(WORDS)
        expected = words[:WORDS].copy()
        expected[: size // 4] = words[WORDS : WORDS + size // 4]
        yield kernel.case("sm_90a", words, expected=expected)

        words = values.random_words(f"bulk-store.{size}", 2 * WORDS)
        yield store("bulk-store", str(size), words, size,
                    "cp.async.bulk.global.shared::cta.bulk_group [$2], [$0], $1;",
                    lambda old, new: new)


def store(family, variant, words, size, text, combine):
    """`out` holds the second half of `in`, then `text` brings `size` bytes of
    shared memory, which are the first of `in`, to it."""
    kernel = Probe(family, variant, shared=4 * WORDS)
    kernel.copy_in(WORDS)
    for index in range(WORDS // kernel.threads):
        kernel.output(kernel.input(index, WORDS))
    leads = order_for_the_copy(kernel)
    with kernel.when(leads):
        kernel.ptx(text, 0, [kernel.shared_address(), size], [wide(kernel, "%out", 0)])
        kernel.line("nvvm.cp.async.bulk.commit.group")
        kernel.line("nvvm.cp.async.bulk.wait_group 0")
    count = size // 4
    expected = words[WORDS:].copy()
    expected[:count] = combine(expected[:count].copy(), words[:count].copy()).view(np.uint32)
    return kernel.case("sm_90a", words, expected=expected)


def reductions():
    for variant, kind in REDUCTIONS.items():
        operation = variant.split(".")[0]
        generator = values.probe.generator(f"bulk-reduce.{variant}")
        if kind in ("f32", "f16", "bf16"):
            words = np.frombuffer(values.small(generator, kind, 8 * WORDS), np.uint32)
        elif kind == "f64":
            words = generator.integers(-4, 5, WORDS).astype(np.float64).view(np.uint32)
        else:
            words = values.random_words(f"bulk-reduce.{variant}", 2 * WORDS)
        text = (f"cp.reduce.async.bulk.global.shared::cta.bulk_group.{variant} [$2], [$0], $1;")
        yield store("bulk-reduce", variant, words, 4 * WORDS, text,
                    lambda old, new, operation=operation, kind=kind:
                    oracle.reduce_elements(operation, kind, old, new))


def tiles():
    shapes = [(72,), (40, 12), (24, 6, 5), (16, 5, 4, 3), (16, 4, 3, 3, 2)]
    for shape in shapes:
        yield reduce_tile(f"add.{len(shape)}d", "add", shape)
    for operation in TILE_REDUCTIONS:
        yield reduce_tile(f"{operation}.2d.edges", operation, (40, 12), at=(-4, 9))


def reduce_tile(variant, operation, shape, at=None):
    rank = len(shape)
    box, at = (16, 4, 2, 2, 2)[:rank], at or (8, 1, 1, 1, 0)[:rank]
    name = f"tma-reduce.{variant}"
    kernel = Probe("tma-reduce", variant, shared=4 * 544, has_map=True)
    kernel.copy_in(544)
    leads = order_for_the_copy(kernel)
    corner = ", ".join(kernel.constant(place) for place in at)
    with kernel.when(leads):
        kernel.line(f"nvvm.cp.async.bulk.tensor.reduce %map, {kernel.data}, box[{corner}] "
                    f"{{redKind = #nvvm.tma_redux_kind<{operation}>, mode = #nvvm.tma_store_mode<tile>}} "
                    f": !llvm.ptr, {SHARED}")
        kernel.line("nvvm.cp.async.bulk.commit.group")
        kernel.line("nvvm.cp.async.bulk.wait_group 0")
    kernel.copy_out(32)
    kind = np.uint32 if operation in ("inc", "dec") else np.int32
    described = TensorMap(copies.tensor(name, shape[::-1], kind), box, (), 0, False, True)
    words = values.random_words(name, 544)
    expected = oracle.copy_tile(words, described, at, 544, True, operation)
    return kernel.case("sm_90a", words, tensor_map=described, expected=expected)


def cases():
    yield from lines()
    yield from reductions()
    yield from tiles()
