"""Attention from mla.online_attention to the simulator: ragged batches, over keys of
each head, over keys that heads share and over paged caches, with every check in every
mode of asynchrony, compared with float64."""

import dataclasses
import re
import subprocess

import numpy as np

import products
import tensors


@dataclasses.dataclass
class Case:
    name: str
    lengths: tuple  # new tokens of each sequence
    dtype: str
    heads: int = 2
    depth: int = 192
    width: int = 128
    causal: bool = True
    keys: int = 64
    past: tuple = ()  # tokens before them, in a cache
    page: int = 0
    shared: bool = False  # heads share their keys, whose first columns are values
    parts: int = 0
    block: tuple = (64, 1)  # tokens and heads
    warps: tuple = (4, 1)
    instructions: str = "mma_sync"
    roles: tuple = ()
    poison: tuple = ()  # (operand, new token, value): one column of its row, of the last head

    def rows(self):
        """Types of queries and of results, and the results' names."""
        h, v = self.heads, self.width
        query = f"tensor<?x{h}x{self.depth}x{self.dtype}>"
        if self.parts:
            return query, {"y": f"tensor<{self.parts}x?x{h}x{v}xf32>", "lse": f"tensor<{self.parts}x?x{h}xf32>"}
        if self.shared:
            return query, {"y": f"tensor<?x{h}x{v}x{self.dtype}>", "lse": f"tensor<?x{h}xf32>"}
        return query, {"y": f"tensor<?x{h}x{v}x{self.dtype}>"}

    def source(self):
        query, results = self.rows()
        block = [1, *self.block] if self.parts else self.block
        schedule = (f"#tile.schedule<block = {list(block)}, inner = [{self.keys}], warps = {list(self.warps)}, stages = 2, instructions = {self.instructions}" + (f", roles = {list(self.roles)}>" if self.roles else ">"))
        inputs = {"q": query, "k": query if not self.shared else f"tensor<?x{self.depth}x{self.dtype}>"}
        paged = values = ""
        if self.page:
            inputs["k"] = f"tensor<?x?x{self.depth}x{self.dtype}>"
        if not self.shared:
            inputs["v"] = f"tensor<?x{self.heads}x{self.width}x{self.dtype}>"
            values = f"values(%v : {inputs['v']})"
        inputs["cu"] = "tensor<?xi32>"
        if self.page:
            inputs |= {"past": "tensor<?xi32>", "table": "tensor<?x?xi32>"}
            paged = "paged(%past, %table : tensor<?xi32>, tensor<?x?xi32>)"
        types = ", ".join(results.values())
        empties = [f"  %e{name} = tensor.empty(%T) : {type_}" for name, type_ in results.items()]
        split = f"parts({self.parts} by {self.keys}) " if self.parts else ""
        return "\n".join([
            f"func.func @attend({', '.join(f'%{name}: {type_}' for name, type_ in inputs.items())}) -> ({types}) {{",
            "  %c0 = arith.constant 0 : index",
            f"  %T = tensor.dim %q, %c0 : {query}", *empties,
            f"  %o:{len(results)} = mla.online_attention {'causal ' if self.causal else ''}scale({self.depth ** -0.5}) {split}"
            f'{{peermla.id = "attention", peermla.schedule = {schedule}}}',
            f"      ins(%q, %k : {query}, {inputs['k']}) {values} ragged(%cu : tensor<?xi32>) {paged}",
            f"      outs({', '.join('%e' + name for name in results)} : {types}) -> {types}",
            f"  return {', '.join(f'%o#{i}' for i in range(len(results)))} : {types}", "}", ""])


def cached(name, lengths, past, dtype, page, **options):
    usual = {"shared": True, "heads": 16, "depth": 48, "width": 32, "block": (1, 16), "warps": (1, 4)}
    return Case(name, lengths, dtype, past=past, page=page, **(usual | options))


# Two warpgroups share the columns, a third copies the rows that a table names.
COPIERS = {"keys": 64, "warps": (4, 2), "instructions": "wgmma", "roles": (0, 0)}

CASES = [
    Case("causal_ragged", (70, 1, 130), "bf16"),
    Case("full_ragged", (65, 0, 64), "bf16", causal=False, heads=1),
    Case("small_odd_f16", (5, 33), "f16", depth=20, width=12, heads=3),
    Case("causal_f32", (40, 90), "f32", depth=48, width=64, heads=1, keys=32),
    Case("wide_f32", (33, 66), "f32", heads=1, keys=32),
    Case("poisoned_values", (70, 68, 3), "bf16", depth=64, width=72,
         poison=(("v", 5, np.nan), ("v", 69, np.inf), ("v", 71, -np.inf), ("v", 137, np.nan))),
    Case("poisoned_keys", (40, 33), "f16", depth=24, width=16,
         poison=(("k", 12, np.nan), ("v", 3, np.inf), ("v", 60, np.nan))),
    Case("poisoned_f32", (66, 2), "f32", depth=16, width=24, heads=1, keys=32,
         poison=(("v", 64, np.nan), ("k", 30, np.nan), ("v", 67, np.inf))),
    Case("poisoned_full", (70, 9), "bf16", depth=64, width=64, causal=False, poison=(("v", 69, np.nan),)),
    Case("latent", (37, 0, 70), "bf16", shared=True, heads=5, depth=80, width=64, block=(12, 5), warps=(2, 2)),
    cached("decode", (1, 1, 1, 1), (0, 63, 64, 130), "bf16", 16),
    cached("decode_published", (1, 1), (65, 127), "bf16", 64, depth=576, width=512, keys=32),
    cached("decode_64_heads", (1,), (40,), "bf16", 64, depth=576, width=512, heads=64, keys=32, block=(1, 64), warps=(2, 4)),
    cached("step_no_rope", (3, 1, 0, 70), (61, 0, 5, 20), "f16", 1, heads=3, depth=64, width=64, block=(5, 3)),
    cached("step_f32", (2, 5), (30, 0), "f32", 48, heads=20, depth=24, width=20, keys=32, block=(1, 20), warps=(2, 4)),
    cached("published_f32", (1, 1), (65, 30), "f32", 64, depth=576, width=512, keys=16, warps=(1, 2)),
    cached("parts", (1, 2, 1), (300, 126, 0), "bf16", 64, heads=4, parts=3, block=(4, 4)),
    cached("head_groups", (1, 2), (70, 1), "bf16", 7, heads=40, depth=80, width=72, block=(1, 20), warps=(2, 4)),
    cached("poisoned_cache", (4, 2), (62, 5), "bf16", 16, heads=6, block=(4, 6), warps=(2, 4),
           poison=(("k", 1, np.nan), ("k", 5, np.inf))),
    Case("wgmma_causal_ragged", (70, 1, 130), "bf16", instructions="wgmma"),
    Case("wgmma_full_ragged", (65, 0, 64), "f16", causal=False, heads=1, instructions="wgmma"),
    Case("wgmma_small_odd", (5, 33), "bf16", depth=20, width=12, heads=3, instructions="wgmma"),
    Case("roles_causal_ragged", (70, 1, 130), "bf16", keys=80, block=(128, 1), warps=(8, 1), instructions="wgmma", roles=(24, 240)),
    Case("roles_full_one_group", (65, 0, 64), "bf16", causal=False, heads=1, instructions="wgmma", roles=(0, 0)),
    cached("roles_decode", (1, 1), (65, 270), "bf16", 64, depth=576, width=512, heads=64, block=(1, 64),
           **COPIERS | {"roles": (88, 208)}),
    cached("roles_step_parts", (2, 0, 1), (300, 126, 0), "f16", 7, depth=160, width=128, heads=40, parts=3, block=(1, 40), **COPIERS),
    cached("roles_odd_rows", (1, 1, 3), (230, 64, 1), "bf16", 1, depth=133, width=120, heads=33, block=(1, 33), **COPIERS),
    cached("roles_poisoned_cache", (4, 2), (62, 5), "bf16", 16, depth=128, width=128, heads=12, block=(5, 12), **COPIERS,
           poison=(("k", 1, np.nan), ("k", 5, np.inf))),
    cached("roles_mma_sync", (1, 3, 1), (65, 270, 0), "bf16", 7, roles=(0, 0)),
    cached("roles_mma_sync_f32", (2, 5), (300, 0), "f32", 48, heads=20, depth=24, width=20, keys=32, block=(1, 20), warps=(2, 4), roles=(0, 0)),
    Case("wgmma_poisoned", (70, 68, 3), "bf16", depth=64, width=72, instructions="wgmma",
         poison=(("v", 5, np.nan), ("v", 69, np.inf), ("v", 71, -np.inf), ("v", 137, np.nan))),
]


def attend(case, q, keys, values):
    """In float64, what bounds the error of rounding, and lse."""
    shape = (*q.shape[:2], case.width)
    out, size, lse = np.zeros(shape), np.zeros(shape), np.full(shape[:2], -np.inf)
    begin = 0
    for length, k, v in zip(case.lengths, keys, values, strict=True):
        rows = slice(begin, begin + length)
        begin += length
        if not length:
            continue
        scores = np.einsum("thd,jhd->htj", q[rows], k) * q.shape[2] ** -0.5
        if case.causal:
            seen = np.arange(len(k)) <= len(k) - length + np.arange(length)[:, None]
            scores = np.where(seen, scores, -np.inf)
        top = scores.max(-1, keepdims=True)
        p = np.exp(scores - top)
        total = p.sum(-1, keepdims=True)
        lse[rows] = (top + np.log(total))[..., 0].T
        out[rows] = np.einsum("htj,jhd->thd", p / total, v)
        size[rows] = np.einsum("htj,jhd->thd", p / total, np.abs(v))
    return out, size, lse


def poisoned(case, shape):
    """Which rows of the result see a number that is none."""
    rows = np.zeros(shape[:2], bool)
    ends = np.cumsum(case.lengths)
    for _, token, _ in case.poison:
        end = ends[np.searchsorted(ends, token, side="right")]
        first = token if case.causal else end - case.lengths[np.searchsorted(ends, token, side="right")]
        rows[first:end, slice(None) if case.shared else case.heads - 1] = True
    return rows


def work_items(lengths, tokens):
    items, begin = [], 0
    for sequence, length in enumerate(lengths):
        items += [(sequence, begin + first, min(tokens, length - first)) for first in range(0, length, tokens)]
        begin += length
    rows = len(lengths) + -(-begin // tokens)
    return np.array(items + [(0, 0, 0)] * (rows - len(items)), np.int32)


def paged(case, rows, past, random):
    """A cache with the rows of each sequence in shuffled blocks and no numbers in
    all others, and the table of blocks."""
    page = case.page
    lengths = [old + new for old, new in zip(past, case.lengths, strict=True)]
    needed = [-(-length // page) for length in lengths]
    blocks = random.permutation(sum(needed) + 2)
    none = np.full((len(blocks), page, case.depth), np.nan)
    cache = products.rounded(none, case.dtype)[0]
    table = np.full((len(lengths), max(needed) + 1), 2**30, np.int32)
    used = 0
    for sequence, (count, own) in enumerate(zip(needed, rows, strict=True)):
        table[sequence, :count] = blocks[used:used + count]
        used += count
        for position, row in enumerate(own):
            cache[table[sequence, position // page], position % page] = row
    return cache, table


def inputs(case, random):
    """Operands by name, and queries, keys and values of each sequence in float64."""
    total = sum(case.lengths)
    past = case.past or (0,) * len(case.lengths)
    q, q64 = products.rounded(random.standard_normal((total, case.heads, case.depth)), case.dtype)
    bounds = np.cumsum((0, *case.lengths)).astype(np.int32)
    given = {"q": q, "cu": bounds}
    key_heads = 1 if case.shared else case.heads
    keys, values, stored = [], [], {"k": [], "v": []}
    for old, new in zip(past, case.lengths, strict=True):
        for name, width in (("k", case.depth), ("v", case.width)):
            x, x64 = products.rounded(random.standard_normal((old + new, key_heads, width)), case.dtype)
            stored[name].append(x)
            {"k": keys, "v": values}[name].append(np.repeat(x64, case.heads // key_heads, axis=1))
    if case.shared:
        values = [k[:, :, :case.width] for k in keys]
    for operand, token, value in case.poison:
        sequence = np.searchsorted(bounds, token, side="right") - 1
        row = past[sequence] + token - bounds[sequence]
        stored[operand][sequence][row, -1, 1] = products.rounded(np.array([value]), case.dtype)[0][0]
    if case.page:
        given["k"], given["table"] = paged(case, [k[:, 0] for k in stored["k"]], past, random)
        given["past"] = np.array(past, np.int32)
    elif case.shared:
        given["k"] = np.concatenate(stored["k"])[:, 0]
    else:
        given |= {name: np.concatenate(stored[name]) for name in ("k", "v")}
    return given, q64, keys, values


def parameters(case, lowered, given, items):
    """Tensors and numbers of the kernel by parameter, in order."""
    launch = re.search(r"tile\.launch @\w+::@\w+ blocks\((.*?)\) ins\((.*?) : (.*?)\) outs", lowered)
    if not launch:
        raise SystemExit(f"{case.name}: no launch in\n{lowered[:3000]}")
    order = re.search(r"func\.func @attend\((.*?)\) ->", lowered).group(1)
    arguments = re.findall(r"(%\w+): tensor", order)
    names = dict(zip(arguments, re.findall(r"%(\w+): tensor", case.source().split("{")[0]), strict=True))
    arrays, kinds = {}, []
    for operand, type_ in zip(launch.group(2).split(", "), launch.group(3).split(", "), strict=True):
        name = names.get(operand, "items")
        arrays[name] = given.get(name, items)
        kinds.append((name, type_, arrays[name].shape))
    total = sum(case.lengths)
    for name, type_ in case.rows()[1].items():
        kinds.append((name, type_, [total if n == "?" else int(n) for n in re.findall(r"(\?|\d+)x", type_)]))
    numbers = {}
    for name, type_, shape in kinds:
        extents = re.findall(r"(\?|\d+)x", type_)
        for what in ("size", "stride"):
            for dim, extent in enumerate(extents):
                if what == "size" and extent == "?":
                    numbers[f"{name}_size{dim}"] = shape[dim]
                if what == "stride" and "?" in extents[dim + 1:]:
                    numbers[f"{name}_stride{dim}"] = int(np.prod(shape[dim + 1:]))
    return arrays, kinds, numbers


def merge(case, y, lse):
    """One result from those of the parts; empty ones have left nothing."""
    y = np.where(np.isneginf(lse)[..., None], 0, y)
    top = lse.max(0)
    weights = np.exp(lse - np.where(np.isneginf(top), 0, top))
    total = weights.sum(0)
    with np.errstate(divide="ignore"):
        merged = top + np.log(total)
    return np.einsum("pth,pthd->thd", weights / np.where(total == 0, 1, total), y), np.where(total == 0, -np.inf, merged)


def check(case, arguments):
    random = np.random.default_rng(5)
    path = arguments.work / case.name
    path.with_suffix(".mlir").write_text(case.source())
    lowered = products.run(arguments.tools / "peermla-opt", path.with_suffix(".mlir"), f"-pass-pipeline={products.pipeline(case)}")
    path.with_suffix(".kernel.mlir").write_text(products.kernel_module(lowered))
    given, q64, keys, values = inputs(case, random)
    wanted, size, wanted_lse = attend(case, q64, keys, values)
    reached = poisoned(case, wanted.shape)
    items = work_items(case.lengths, case.block[0])
    arrays, kinds, numbers = parameters(case, lowered, given, items)
    maps, copies, mapping = products.tensor_maps(lowered, [arrays.get(name) for name, _, _ in kinds])
    tensors.write(path.with_suffix(".in"), arrays | copies)
    shared = re.search(r"tile\.shared_bytes = (\d+)", lowered).group(1)
    outputs = [f"--output={name}:{'f32' if name == 'lse' or case.parts else case.dtype}:{'x'.join(map(str, shape))}"
               for name, _, shape in kinds if name in ("y", "lse")]
    # Loops of one iteration are no dimensions of the grid.
    grid = "x".join(map(str, [len(items), *(n for n in (-(-case.heads // case.block[1]), case.parts) if n > 1)]))
    worst = 0.0
    for mode in products.MODES[: arguments.modes]:
        done = subprocess.run(
            [str(arguments.tools / "peermla-sim"), str(path.with_suffix(".kernel.mlir")), "--kernel=attention",
             f"--grid={grid}", f"--block={products.threads(lowered)}", f"--shared={shared}",
             f"--parameters={','.join([*(name for name, _, _ in kinds), *numbers, *maps])}", f"--args={path.with_suffix('.in')}",
             *outputs, f"--outputs={path.with_suffix('.out')}", *mode,
             *(f"--set={name}={number}" for name, number in numbers.items()), *mapping],
            capture_output=True, text=True, check=False)
        if done.returncode or done.stderr.strip():
            raise SystemExit(f"{case.name} {mode}: {done.stderr[-4000:]}")
        results = tensors.read(path.with_suffix(".out"))
        y = results["y"]
        y = tensors.from_bf16(y) if y.dtype == np.uint16 else y
        if case.parts:
            y, results["lse"] = merge(case, y.astype(np.float64), results["lse"].astype(np.float64))
        step = {"f32": 1e-5, "f16": 2.0**-11, "bf16": 2.0**-8}[case.dtype]
        bound = step * (size + np.abs(wanted))
        if not np.array_equal(np.isfinite(y).all(-1), ~reached):
            raise SystemExit(f"{case.name} {mode}: not finite: {np.argwhere(~np.isfinite(y).all(-1) != reached)[:8].tolist()}")
        worst = max(worst, float(np.max((np.abs(y - wanted) / bound)[~reached])))
        if "lse" in results and not np.allclose(results["lse"][~reached], wanted_lse[~reached], rtol=1e-5, atol=1e-5):
            raise SystemExit(f"{case.name} {mode}: lse is off by {np.max(np.abs(results['lse'] - wanted_lse)[~reached]):.3g}")
    if not worst <= 1:
        raise SystemExit(f"{case.name}: error {worst:.3g} of the bound")
    return worst


if __name__ == "__main__":
    products.run_cases(CASES, check, "attention is", __doc__)
