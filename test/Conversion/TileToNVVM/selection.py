"""Retrieval from one op to the simulator: runs the passes, executes the kernel with
every check in every mode of asynchrony. Factors are small integers, so that scores
are exact and often equal: indices are those of a sort of all sums by score, then by
index. The gates are compared with float64. A token with a NaN has NaN gates, an
infinite one indices in range, and no other token sees either."""

import dataclasses
import re
import subprocess

import numpy as np

import tensors
from products import kernel_module, rounded, run, run_cases

PIPELINE = (
    "builtin.module(func.func(peermla-decompose-retrieve,peermla-tile-and-fuse,canonicalize,cse),peermla-tiled-to-tile,"
    "canonicalize,cse,gpu.module(func.func(affine-expand-index-ops,lower-affine,peermla-assign-layouts,"
    "peermla-stage-copies,peermla-prefetch-copies,canonicalize,cse,peermla-place-barriers)),peermla-tile-to-nvvm,"
    "gpu.module(peermla-expand-math,convert-scf-to-cf,convert-vector-to-llvm,convert-to-llvm,"
    "reconcile-unrealized-casts,canonicalize,cse))"
)
MODES = (["--async=eager"], ["--async=lazy"], ["--async=random", "--seed=3"])


@dataclasses.dataclass
class Case:
    """k of the sums of n sub-keys of `width` columns, for h heads of T tokens."""

    name: str
    n: tuple
    k: int
    dtype: str
    width: int = 24
    h: int = 2
    T: int = 70
    tokens: int = 32
    warps: tuple = (2, 4)
    scanned: int = 128  # keys that lanes scan together
    function: str = "softmax"
    factors: str = "few"  # or "equal", "ascending"
    scores: bool = False
    per_head: bool = False

    def source(self):
        keys = [f"tensor<{f'{self.h}x' if self.per_head else ''}{n}x{self.width}x{self.dtype}>" for n in self.n]
        query = f"tensor<?x{self.h}x{self.width * len(self.n)}x{self.dtype}>"
        g, i = (f"tensor<?x{self.h}x{self.k}x{t}>" for t in ("f32", "i32"))
        outs = [("g", g), ("i", i)] + [("s", g)] * self.scores
        types = ", ".join(t for _, t in outs)
        arguments = [f"%k{j}: {t}" for j, t in enumerate(keys)] + [f"%{o}: {t}" for o, t in outs]
        schedule = f"#tile.schedule<block = [{self.tokens}, 1], inner = {[64, self.scanned]}, warps = {list(self.warps)}, stages = 2>"
        return f"""
func.func @f(%q: {query}, {", ".join(arguments)}) -> ({types}) {{
  %r:{len(outs)} = peer.retrieve {self.function} {{peermla.id = "retrieve", peermla.schedule = {schedule}}}
      ins(%q, {", ".join(f"%k{j}" for j in range(len(keys)))} : {query}, {", ".join(keys)})
      outs({", ".join("%" + o for o, _ in outs)} : {types}) -> {types}
  return {", ".join(f"%r#{j}" for j in range(len(outs)))} : {types}
}}
"""


CASES = [
    Case("two_dimensions", (70, 130), 16, "bf16", h=1),
    Case("scores_and_64_tokens", (64, 129), 8, "f16", tokens=64, warps=(4, 2), T=129, scores=True, h=1, width=12),
    Case("all_equal", (300, 9), 16, "f32", factors="equal", function="sigmoid", T=3),
    Case("ascending", (190,), 5, "bf16", factors="ascending", function="relu", h=1),
    Case("three_dimensions", (5, 66, 9), 12, "f32", tokens=16, warps=(1, 8), T=9),
    Case("k_of_all", (3, 4), 12, "bf16", T=65, h=1),
    Case("keys_per_head", (20, 33), 32, "f16", T=5, h=3, per_head=True, scores=True),
    Case("pairs", (2, 3), 2, "bf16", T=1, width=7),
    Case("one", (70, 12), 1, "bf16", tokens=16, warps=(1, 1), h=1, T=18),
    # All scores of a dimension at once, or blocks of one length, not all full.
    Case("one_block", (70, 500), 16, "bf16", scanned=512, h=1),
    Case("one_block_of_16_lanes", (1100,), 20, "f16", tokens=16, warps=(1, 8), scanned=1152, h=1, T=19, scores=True),
    Case("blocks", (384, 150), 3, "bf16", h=1, T=33),
    Case("blocks_of_a_product", (200, 130), 16, "bf16", scanned=64, h=1, T=33),
    Case("blocks_of_equals", (400, 9), 16, "f32", scanned=192, factors="equal", T=3),
    Case("blocks_ascending", (320,), 32, "bf16", tokens=16, warps=(1, 4), factors="ascending", h=1, T=17),
    # Lists of more than 32, also of most of all keys.
    Case("long_lists", (600, 70), 64, "bf16", scanned=640, h=1, scores=True),
    Case("long_lists_of_equals", (9, 65, 3), 64, "f32", factors="equal", T=3),
    Case("longer_lists", (1100,), 130, "f16", tokens=16, warps=(1, 8), scanned=1152, h=1, T=19),
    Case("longest_lists", (300,), 256, "bf16", tokens=16, warps=(1, 8), scanned=320, h=1, T=17, scores=True),
]


def inputs(case):
    random = np.random.default_rng(5)
    D = len(case.n)
    query = random.integers(-2, 3, (case.T, case.h, D, case.width)).astype(np.float64)
    keys = [random.integers(-2, 3, (case.h if case.per_head else 1, n, case.width)).astype(np.float64) for n in case.n]
    if case.factors == "equal":
        keys = [np.ones_like(k) for k in keys]
    if case.factors == "ascending":  # every key beats all before it
        query = np.zeros_like(query)
        query[..., :2] = (16, 1)
        for k in keys:
            number = np.arange(k.shape[1])
            k[..., 0], k[..., 1] = number // 16, number % 16
    poison = {}
    if case.T > 60:
        poison = {4: np.nan, 7: np.inf, case.T - 1: np.nan}
        for t, value in poison.items():
            query[t, :, :, 1] = value
    return query, keys, poison


def best(case, query, keys):
    """Scores and indices of the k best for one token and head."""
    total = np.zeros(1)
    for i, k in enumerate(keys):
        total = (total[:, None] + (k @ query[i])[None, :]).reshape(-1)
    order = np.lexsort((np.arange(total.size), -total))[: case.k]
    return total[order], order


def gates_of(case, scores):
    if case.function == "sigmoid":
        return 1 / (1 + np.exp(-scores))
    if case.function == "relu":
        return np.maximum(scores, 0)
    powers = np.exp(scores - scores.max())
    return powers / powers.sum()


def judge(case, query, keys, poison, out):
    """The worst error of gates, relative to 1e-5 of the largest."""
    indices, gates, worst = out["i"], out["g"], 0.0
    if indices.min() < 0 or indices.max() >= np.prod(case.n):
        raise SystemExit(f"{case.name}: indices out of range")
    for t, h in np.ndindex(case.T, case.h):
        if t in poison:
            if np.isnan(poison[t]) and not np.isnan(gates[t, h]).all():
                raise SystemExit(f"{case.name}: gates of token {t} hide a NaN")
            continue
        scores, order = best(case, query[t, h], [k[h if case.per_head else 0] for k in keys])
        if not np.array_equal(indices[t, h], order):
            raise SystemExit(f"{case.name}: token {t}, head {h}: {indices[t, h]} instead of {order}")
        if case.scores and not np.array_equal(out["s"][t, h], scores):
            raise SystemExit(f"{case.name}: token {t}, head {h}: scores {out['s'][t, h]} instead of {scores}")
        wanted = gates_of(case, scores)
        error = np.max(np.abs(gates[t, h] - wanted)) / (1e-5 * max(np.max(wanted), 1e-30))
        worst = max(worst, float(error)) if error == error else np.inf
    if not worst <= 1:
        raise SystemExit(f"{case.name}: error {worst:.3g} of the bound")
    return worst


def check(case, arguments):
    path = arguments.work / case.name
    path.with_suffix(".mlir").write_text(case.source())
    lowered = run(arguments.tools / "peermla-opt", path.with_suffix(".mlir"), f"-pass-pipeline={PIPELINE}")
    path.with_suffix(".kernel.mlir").write_text(kernel_module(lowered))
    query, keys, poison = inputs(case)
    stored = [rounded(query.reshape(case.T, case.h, -1), case.dtype)[0]]
    stored += [rounded(k if case.per_head else k[0], case.dtype)[0] for k in keys]

    launch = re.search(r"tile\.launch @\w+::@(\w+) blocks\((.*?)\) ins\((.*?) : (.*?)\) outs", lowered)
    if not launch:
        raise SystemExit(f"{case.name}: no launch in\n{lowered[:4000]}")
    # Sub-queries are views of the queries; those of the launch are packed.
    names, given, options, dynamic, next_query = [], {}, [], [], 0
    types = [t.strip() for t in launch.group(4).split(", ")]
    for number, (operand, kind) in enumerate(zip(launch.group(3).split(","), types)):
        operand = operand.strip()
        if kind == "index":
            names.append(f"n{number}")
            options.append(f"--set=n{number}={case.T}")
            continue
        names.append(f"t{number}")
        if kind.startswith("tensor<?"):
            part = query[:, :, next_query] if len(case.n) > 1 else query.reshape(case.T, case.h, -1)
            given[names[-1]] = rounded(part, case.dtype)[0]
            dynamic.append(f"--set=d{number}={case.T}")
            next_query += 1
        else:
            given[names[-1]] = stored[int(re.match(r"%arg(\d+)", operand).group(1))]
    outs = [("g", "f32"), ("i", "i32")] + [("s", "f32")] * case.scores
    names += [o for o, _ in outs]
    dynamic += [f"--set=y{o}={case.T}" for o, _ in outs]
    names += [option[6:].split("=")[0] for option in dynamic]
    tensors.write(path.with_suffix(".in"), given)
    shared = re.search(r"tile\.shared_bytes = (\d+)", lowered).group(1)
    worst = 0.0
    for mode in MODES[: arguments.modes]:
        done = subprocess.run(
            [str(arguments.tools / "peermla-sim"), str(path.with_suffix(".kernel.mlir")), f"--kernel={launch.group(1)}",
             f"--grid={-(-case.T // case.tokens)}x{case.h}", f"--block={32 * np.prod(case.warps)}", f"--shared={shared}",
             f"--parameters={','.join(names)}", f"--args={path.with_suffix('.in')}",
             *[f"--output={o}:{t}:{case.T}x{case.h}x{case.k}" for o, t in outs],
             f"--outputs={path.with_suffix('.out')}", "--counters", *mode, *options, *dynamic],
            capture_output=True, text=True, check=False)
        if done.returncode or done.stderr.strip():
            raise SystemExit(f"{case.name} {mode}: {done.stdout[-4000:]}{done.stderr[-4000:]}")
        worst = max(worst, judge(case, query, keys, poison, tensors.read(path.with_suffix(".out"))))
    path.with_suffix(".counters").write_text(done.stdout)
    return worst


if __name__ == "__main__":
    run_cases(CASES, check, "selections are", __doc__,
              found="exact indices, gates at {:.3f} of the bound")
