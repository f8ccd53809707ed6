"""Attention from mla.online_attention to the simulator: ragged batches with every
check in every mode of asynchrony, compared with float64."""

import dataclasses
import re
import subprocess

import numpy as np

import products
import tensors


@dataclasses.dataclass
class Case:
    name: str
    lengths: tuple
    dtype: str
    heads: int = 2
    depth: int = 192
    width: int = 128
    causal: bool = True
    keys: int = 64
    poison: tuple = ()  # (operand, token, value): one column of one head's row

    def source(self):
        h, d, v, t = self.heads, self.depth, self.width, self.dtype
        q, o = f"tensor<?x{h}x{d}x{t}>", f"tensor<?x{h}x{v}x{t}>"
        schedule = f"#tile.schedule<block = [64, 1], inner = [{self.keys}], warps = [4, 1], stages = 2>"
        return f"""func.func @attend(%q: {q}, %k: {q}, %v: {o}, %cu: tensor<?xi32>) -> {o} {{
  %c0 = arith.constant 0 : index
  %T = tensor.dim %q, %c0 : {q}
  %e = tensor.empty(%T) : {o}
  %o = mla.online_attention {"causal " if self.causal else ""}scale({d ** -0.5}) {{peermla.id = "attention", peermla.schedule = {schedule}}}
      ins(%q, %k : {q}, {q}) values(%v : {o}) ragged(%cu : tensor<?xi32>) outs(%e : {o}) -> {o}
  return %o : {o}
}}
"""


CASES = [
    Case("causal_ragged", (70, 1, 130), "bf16"),
    Case("full_ragged", (65, 0, 64), "bf16", causal=False, heads=1),
    Case("small_odd_f16", (5, 33), "f16", depth=20, width=12, heads=3),
    Case("causal_f32", (40, 90), "f32", depth=48, width=64, heads=1, keys=32),
    Case("poisoned_values", (70, 68, 3), "bf16", depth=64, width=72,
         poison=(("v", 5, np.nan), ("v", 69, np.inf), ("v", 71, -np.inf), ("v", 137, np.nan))),
    Case("poisoned_keys", (40, 33), "f16", depth=24, width=16, poison=(("k", 12, np.nan), ("v", 3, np.inf), ("v", 60, np.nan))),
    Case("poisoned_f32", (66, 2), "f32", depth=16, width=24, heads=1, keys=32, poison=(("v", 64, np.nan), ("k", 30, np.nan), ("v", 67, np.inf))),
    Case("poisoned_full", (70, 9), "bf16", depth=64, width=64, causal=False, poison=(("v", 69, np.nan),)),
]


def attend(q, k, v, lengths, causal):
    """In float64, and what bounds the error of rounding."""
    out, size = np.zeros((*q.shape[:2], v.shape[2])), np.zeros((*q.shape[:2], v.shape[2]))
    begin = 0
    for length in lengths:
        rows = slice(begin, begin + length)
        scores = np.einsum("thd,jhd->htj", q[rows], k[rows]) * q.shape[2] ** -0.5
        if causal:
            scores = np.where(np.tril(np.ones((length, length), bool)), scores, -np.inf)
        if length:
            p = np.exp(scores - scores.max(-1, keepdims=True))
            p /= p.sum(-1, keepdims=True)
            out[rows] = np.einsum("htj,jhd->thd", p, v[rows])
            size[rows] = np.einsum("htj,jhd->thd", p, np.abs(v[rows]))
        begin += length
    return out, size


def poisoned(case, shape):
    """Which rows of the result see a number that is none."""
    rows = np.zeros(shape[:2], bool)
    ends = np.cumsum(case.lengths)
    for _, token, _ in case.poison:
        end = ends[np.searchsorted(ends, token, side="right")]
        first = token if case.causal else end - case.lengths[np.searchsorted(ends, token, side="right")]
        rows[first:end, case.heads - 1] = True
    return rows


def work_items(lengths, tokens):
    items, begin = [], 0
    for sequence, length in enumerate(lengths):
        items += [(sequence, begin + first, min(tokens, length - first)) for first in range(0, length, tokens)]
        begin += length
    rows = len(lengths) + -(-begin // tokens)
    return np.array(items + [(0, 0, 0)] * (rows - len(items)), np.int32)


def check(case, arguments):
    random = np.random.default_rng(5)
    path = arguments.work / case.name
    path.with_suffix(".mlir").write_text(case.source())
    lowered = products.run(arguments.tools / "peermla-opt", path.with_suffix(".mlir"), f"-pass-pipeline={products.PIPELINE}")
    path.with_suffix(".kernel.mlir").write_text(products.kernel_module(lowered))
    total = sum(case.lengths)
    q, q64 = products.rounded(random.standard_normal((total, case.heads, case.depth)), case.dtype)
    k, k64 = products.rounded(random.standard_normal((total, case.heads, case.depth)), case.dtype)
    v, v64 = products.rounded(random.standard_normal((total, case.heads, case.width)), case.dtype)
    wanted, size = attend(q64, k64, v64, case.lengths, case.causal)
    reached = poisoned(case, wanted.shape)
    for operand, token, value in case.poison:
        array = {"k": k, "v": v}[operand]
        array[token, -1, 1] = products.rounded(np.array([value]), case.dtype)[0][0]
    items = work_items(case.lengths, 64)
    bounds = np.cumsum((0, *case.lengths)).astype(np.int32)
    known = {"%arg0": q, "%arg1": k, "%arg2": v, "%arg3": bounds}
    launch = re.search(r"tile\.launch @\w+::@\w+ blocks\((.*?)\) ins\((.*?) : (.*?)\) outs", lowered)
    if not launch:
        raise SystemExit(f"{case.name}: no launch in\n{lowered[:3000]}")
    operands = [name.strip() for name in launch.group(2).split(",")]
    types = [name.strip() for name in launch.group(3).split(", ")]
    names, given, options, dynamic = [], {}, [], []
    for number, (operand, type_) in enumerate(zip(operands, types, strict=True)):
        if type_.startswith("tensor"):
            array = known.get(operand, items)
            names.append(f"t{number}")
            given[names[-1]] = array
            dynamic += [f"--set=d{number}={array.shape[0]}"] * type_.count("?")
        else:
            raise SystemExit(f"{case.name}: unexpected scalar {operand}")
    names.append("y")
    dynamic.append(f"--set=dy={total}")
    names += [option[6:].split("=")[0] for option in dynamic]
    tensors.write(path.with_suffix(".in"), given)
    shared = re.search(r"tile\.shared_bytes = (\d+)", lowered).group(1)
    worst = 0.0
    for mode in products.MODES[: arguments.modes]:
        done = subprocess.run(
            [str(arguments.tools / "peermla-sim"), str(path.with_suffix(".kernel.mlir")), "--kernel=attention",
             f"--grid={len(items)}x{case.heads}", "--block=128", f"--shared={shared}",
             f"--parameters={','.join(names)}", f"--args={path.with_suffix('.in')}",
             f"--output=y:{case.dtype}:{total}x{case.heads}x{case.width}", f"--outputs={path.with_suffix('.out')}",
             *mode, *options, *dynamic],
            capture_output=True, text=True, check=False)
        if done.returncode or done.stderr.strip():
            raise SystemExit(f"{case.name} {mode}: {done.stderr[-4000:]}")
        y = tensors.read(path.with_suffix(".out"))["y"]
        y = tensors.from_bf16(y) if y.dtype == np.uint16 else y
        step = {"f32": 1e-5, "f16": 2.0**-11, "bf16": 2.0**-8}[case.dtype]
        bound = step * (size + np.abs(wanted))
        if not np.array_equal(np.isfinite(y).all(-1), ~reached):
            raise SystemExit(f"{case.name} {mode}: not finite: {np.argwhere(~np.isfinite(y).all(-1) != reached)[:8].tolist()}")
        worst = max(worst, float(np.max((np.abs(y - wanted) / bound)[~reached])))
    if not worst <= 1:
        raise SystemExit(f"{case.name}: error {worst:.3g} of the bound")
    return worst


if __name__ == "__main__":
    products.run_cases(CASES, check, "attention is", __doc__)
