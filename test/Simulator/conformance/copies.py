"""Cases of copies and of the barriers that they complete on: cp.async, mbarrier
and TMA."""

import itertools
import math

import numpy as np

import oracle
import values
from probe import SHARED, Probe, TensorMap


def ampere_copies():
    for size in (4, 8, 16):
        for valid in sorted({0, 1, size // 2, size - 1, size}):
            for caching in ("ca", "cg") if size == 16 else ("ca",):
                variant = f"{caching}.{size}.valid{valid}"
                kernel = Probe("cp-async", variant, shared=512)
                kernel.copy_in(128)
                offset = kernel.multiply(kernel.thread, 16)
                target = kernel.add(kernel.shared_address(), offset)
                source = kernel.address("%in", kernel.add(offset, 512), "!llvm.ptr<1>")
                wide = kernel.value(f"llvm.ptrtoint {source} : !llvm.ptr<1> to i64")
                kernel.ptx(f"cp.async.{caching}.shared.global [$0], [$2], {size}, $1;", 0,
                           [target, valid], [wide])
                kernel.line("nvvm.cp.async.commit.group")
                kernel.line("nvvm.cp.async.wait.group 0")
                kernel.copy_out(128)
                words = values.random_words(f"cp-async.{variant}", 256)
                yield kernel.case("sm_80", words, expected=oracle.copy_pieces(words, size, valid))


# What one thread does to a barrier of COUNT arrivals; every state and every
# test is an output.
TRACES = {
    "one": (1, ["test 0", "arrive", "test 0", "test 1", "arrive", "test 1", "test 0"]),
    "three": (3, ["arrive", "arrive", "test 0", "arrive", "test 0", "arrive", "test 1"]),
    "count": (5, ["arrive 3", "test 0", "arrive 2", "test 0", "arrive 4", "arrive", "test 1"]),
    "tx": (1, ["expect 64", "test 0", "arrive", "test 0", "complete 48", "test 0", "complete 16",
               "test 0", "test 1"]),
    "tx-first": (2, ["expect 32", "complete 32", "test 0", "arrive", "arrive", "test 0"]),
    "arrive-tx": (1, ["arrive-expect 16", "test 0", "complete 16", "test 0", "arrive", "test 1"]),
    "drop": (2, ["drop", "arrive", "test 0", "arrive", "test 1"]),
}


def barriers():
    for label, (count, steps) in TRACES.items():
        kernel = Probe("mbarrier", label, barriers=1)
        barrier = kernel.value(f"llvm.ptrtoint {kernel.barriers} : {SHARED} to i32")
        leads = kernel.compare("eq", kernel.thread, 0)
        with kernel.when(leads):
            kernel.ptx("mbarrier.init.shared.b64 [$0], $1;", 0, [barrier, count])
            for step in steps:
                verb, _, text = step.partition(" ")
                number = int(text or 1)
                if verb == "test":
                    got = kernel.ptx("{ .reg .pred p; mbarrier.test_wait.parity.shared.b64 p, [$1], $2; "
                                     "selp.b32 $0, 1, 0, p; }", 1, [barrier, number])[0]
                    place = kernel.word("%out", kernel.outputs)
                    kernel.line(f"llvm.store {got}, {place} : i32, !llvm.ptr<1>")
                    kernel.outputs += 1
                    continue
                form = {
                    "arrive": "{ .reg .b64 s; mbarrier.arrive.shared.b64 s, [$0], $1; }",
                    "drop": "{ .reg .b64 s; mbarrier.arrive_drop.shared.b64 s, [$0], $1; }",
                    "arrive-expect":
                        "{ .reg .b64 s; mbarrier.arrive.expect_tx.shared.b64 s, [$0], $1; }",
                    "expect": "mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [$0], $1;",
                    "complete": "mbarrier.complete_tx.relaxed.cta.shared::cta.b64 [$0], $1;",
                }[verb]
                kernel.ptx(form, 0, [barrier, number])
            kernel.ptx("mbarrier.inval.shared.b64 [$0];", 0, [barrier])
        yield kernel.case("sm_90a", np.zeros(1, np.uint32),
                          expected=oracle.trace_barrier(count, steps))


def tensor(name, shape, kind):
    bits = values.probe.generator(name).integers(0, 2**31, shape)
    unsigned = np.dtype(f"u{np.dtype(kind).itemsize}")
    return bits.astype(unsigned).view(kind)


def tensor_copy(variant, shape, box, at, swizzle=0, strides=(), kind=np.uint16, stores=False,
                fills_nan=False):
    """One tile at `at`; both count from the innermost dimension. A load shows
    the shared memory, beyond the tile, too; a store shows the tensor."""
    rank = len(shape)
    steps = strides or (1,) * rank
    extents = [math.ceil(extent / step) for extent, step in zip(box, steps)]
    size = math.prod(extents) * np.dtype(kind).itemsize
    words = math.ceil(size / 4 / 32) * 32 + 32
    family = "tma-store" if stores else "tma-load"
    kernel = Probe(family, variant, shared=4 * words, has_map=True, barriers=1)
    kernel.copy_in(words)
    kernel.line("nvvm.fence.proxy {kind = #nvvm.proxy_kind<async.shared>, "
                "space = #nvvm.shared_space<cta>}")
    kernel.line("nvvm.barrier0")
    leads = kernel.compare("eq", kernel.thread, 0)
    corner = ", ".join(kernel.constant(place) for place in at)
    if stores:
        with kernel.when(leads):
            kernel.line(f"nvvm.cp.async.bulk.tensor.global.shared.cta %map, {kernel.data}, "
                        f"box[{corner}] : !llvm.ptr, {SHARED}")
            kernel.line("nvvm.cp.async.bulk.commit.group")
            kernel.line("nvvm.cp.async.bulk.wait_group 0")
        kernel.copy_out(32)
    else:
        with kernel.when(leads):
            kernel.initialise(kernel.barriers, 1)
            kernel.line("nvvm.fence.mbarrier.init")
            kernel.expect(kernel.barriers, size)
            kernel.load_tile(kernel.data, "%map", kernel.barriers, list(at))
        kernel.line("nvvm.barrier0")
        kernel.wait(kernel.barriers, 0)
        kernel.copy_out(words)
    name = f"{family}.{variant}"
    described = TensorMap(tensor(name, shape[::-1], kind), box, strides, swizzle, fills_nan, stores)
    content = values.random_words(name, words)
    # Which NaN fills a tile is not written down.
    expected = None if fills_nan else oracle.copy_tile(content, described, at, words, stores)
    return kernel.case("sm_90a", content, tensor_map=described, expected=expected)


def tensor_copies():
    shapes = [(72,), (40, 12), (24, 6, 5), (16, 5, 4, 3), (16, 4, 3, 3, 2)]
    for shape, stores in itertools.product(shapes, (False, True)):
        rank = len(shape)
        box = (16, 4, 2, 2, 2)[:rank]
        places = {"inside": (8, 1, 1, 1, 0), "negative": (-8, -2, -1, -1, -1),
                  "beyond": (shape[0] - 8, *(extent - 1 for extent in shape[1:])),
                  "outside": (shape[0] + 8, *(0 for _ in shape[1:]))}
        for label, at in places.items():
            yield tensor_copy(f"{rank}d.{label}", shape, box, at[:rank], stores=stores)
    for swizzle, stores in itertools.product((32, 64, 128), (False, True)):
        for label, at in (("inside", (0, 1)), ("edges", (-4, 9))):
            yield tensor_copy(f"sw{swizzle}.{label}", (80, 20), (swizzle // 2, 16), at, swizzle,
                              stores=stores)
            # Rows narrower than the swizzle are not padded.
            yield tensor_copy(f"sw{swizzle}.narrow.{label}", (80, 20), (8, 16), at, swizzle,
                              stores=stores)
    for strides in ((1, 2), (1, 3), (2, 1), (4, 2)):
        yield tensor_copy(f"strides{strides[0]}x{strides[1]}", (80, 20), (32, 8), (-2, 15), 0, strides)
    for kind in (np.uint8, np.int32, np.float32, np.float16):
        width = np.dtype(kind).itemsize
        yield tensor_copy(f"{np.dtype(kind).name}", (160 // width, 9), (32 // width, 4),
                          (144 // width, 7), 32, (), kind)
    for kind in (np.uint16, np.float16, np.float32):
        yield tensor_copy(f"nan.{np.dtype(kind).name}", (40, 9), (16, 4), (32, 7), 0, (), kind,
                          fills_nan=True)


def cases():
    yield from ampere_copies()
    yield from barriers()
    yield from tensor_copies()
