"""Experts from one op to the simulator: runs the passes, executes the kernel with
every check in every mode of asynchrony, and compares with float64. Rows that no
token chose hold NaN, and some retrievals name experts that do not exist. Where a
row is whole pieces, each sector of memory is asked for once."""

import dataclasses
import math
import re
import subprocess

import numpy as np

import tensors
from products import kernel_module, rounded, run, run_cases

PIPELINE = (
    "builtin.module(func.func(peermla-tile-and-fuse,canonicalize,cse),peermla-tiled-to-tile,canonicalize,cse,"
    "gpu.module(func.func(affine-expand-index-ops,lower-affine,peermla-assign-layouts,peermla-stage-copies,"
    "canonicalize,cse,peermla-carry-loads,canonicalize,cse,peermla-place-barriers)),peermla-tile-to-nvvm,"
    "gpu.module(peermla-expand-math,convert-scf-to-cf,convert-vector-to-llvm,convert-to-llvm,"
    "reconcile-unrealized-casts,canonicalize,cse))"
)
MODES = (["--async=eager"], ["--async=lazy"], ["--async=random", "--seed=5"])
ACTIVATIONS = {
    "gelu": np.vectorize(lambda v: 0.5 * v * (1 + math.erf(v / math.sqrt(2)))),
    "relu": lambda v: np.maximum(v, 0),
    "silu": lambda v: v / (1 + np.exp(-v)),
}


@dataclasses.dataclass
class Case:
    """Experts of e neurons over d columns, h x k retrievals of T tokens."""

    name: str
    d: int
    dtype: str
    warps: int
    step: int
    h: int = 2
    k: int = 5
    e: int = 1
    T: int = 2
    N: int = 23
    activation: str = "gelu"
    gated: bool = False
    output_major: bool = False
    d_out: int = 0
    whole: bool = False  # rows of whole pieces

    def source(self):
        d, t, e = self.d, self.dtype, self.e
        out = self.d_out or d
        up = f"tensor<?x{out}x{e}x{t}>" if self.output_major else f"tensor<?x{e}x{out}x{t}>"
        down, ids, gates = f"tensor<?x{e}x{d}x{t}>", f"tensor<?x{self.h}x{self.k}xi32>", f"tensor<?x{self.h}x{self.k}xf32>"
        schedule = f"#tile.schedule<block = [1, 0, 0], registers = [{self.step}, 1], warps = [{self.warps}, 1]>"
        layout = " up_layout(output_major)" if self.output_major else ""
        gate = f" gate(%gate : {down})" if self.gated else ""
        return f"""
func.func @f(%x: tensor<?x{d}x{t}>, %ids: {ids}, %g: {gates}, %down: {down}, %up: {up}, %gate: {down}, %y: tensor<?x{out}x{t}>) -> tensor<?x{out}x{t}> {{
  %r = peer.expert_mlp {self.activation}{layout} {{peermla.id = "experts", peermla.schedule = {schedule}}}
      ins(%x, %ids, %g, %down, %up : tensor<?x{d}x{t}>, {ids}, {gates}, {down}, {up}){gate}
      outs(%y : tensor<?x{out}x{t}>) -> tensor<?x{out}x{t}>
  return %r : tensor<?x{out}x{t}>
}}
"""


CASES = [
    Case("bf16_whole_rows", 1024, "bf16", warps=4, step=8, h=1, k=24, whole=True),
    Case("bf16_two_pieces", 1024, "bf16", warps=2, step=4, h=3, k=7, activation="silu", whole=True),
    Case("bf16_tail_of_a_row", 520, "bf16", warps=2, step=8, e=2, activation="relu"),
    Case("bf16_pieces_of_2_bytes", 35, "bf16", warps=1, step=8, k=4, d_out=33),
    Case("f16_gated", 264, "f16", warps=1, step=4, e=3, gated=True, activation="silu"),
    Case("f32_output_major", 129, "f32", warps=2, step=2, e=3, output_major=True, d_out=126),
    Case("f32_one_step", 127, "f32", warps=1, step=32, h=1, k=9, d_out=128),
    Case("f32_one_slot", 1, "f32", warps=1, step=1, h=1, k=1, d_out=2),
    Case("f32_more_slots_than_threads", 12, "f32", warps=1, step=8, h=5, k=3, e=3),
]


def check(case, arguments):
    random = np.random.default_rng(11)
    path = arguments.work / case.name
    path.with_suffix(".mlir").write_text(case.source())
    lowered = run(arguments.tools / "peermla-opt", path.with_suffix(".mlir"), f"-pass-pipeline={PIPELINE}")
    path.with_suffix(".kernel.mlir").write_text(kernel_module(lowered))

    out = case.d_out or case.d
    x, x64 = rounded(random.standard_normal((case.T, case.d)), case.dtype)
    ids = random.integers(1, case.N - 1, (case.T, case.h, case.k)).astype(np.int32)
    gates = random.random((case.T, case.h, case.k)).astype(np.float32)
    if case.h * case.k > 3:
        ids[0, 0, 1], ids[-1, -1, -1], ids[-1, 0, 0] = -1, case.N, -(2**31)
    shapes = [(case.N, case.e, case.d), (case.N, case.e, out), (case.N, case.e, case.d)]
    tables = [random.standard_normal(shape) / math.sqrt(shape[-1]) for shape in shapes]
    unread = np.setdiff1d(np.arange(case.N), ids)
    for table in tables:
        table[unread] = np.nan
    if case.output_major:
        tables[1] = np.ascontiguousarray(tables[1].transpose(0, 2, 1))
    (down, down64), (up, up64), (gate, gate64) = (rounded(table, case.dtype) for table in tables)
    if case.output_major:
        up64 = up64.transpose(0, 2, 1)
    wanted, size = np.zeros((case.T, out)), np.zeros((case.T, out))
    for t, h, k in np.ndindex(ids.shape):
        expert = ids[t, h, k]
        if not 0 <= expert < case.N:
            continue
        u = down64[expert] @ x64[t]
        if case.gated:
            u = ACTIVATIONS[case.activation](gate64[expert] @ x64[t]) * u
        else:
            u = ACTIVATIONS[case.activation](u)
        wanted[t] += gates[t, h, k] * (u @ up64[expert])
        size[t] += gates[t, h, k] * (np.abs(down64[expert]) @ np.abs(x64[t]) @ np.abs(up64[expert]))

    launch = re.search(r"tile\.launch @\w+::@(\w+) blocks\((.*?)\) ins\((.*?) : .*?\) outs", lowered)
    if not launch:
        raise SystemExit(f"{case.name}: no launch in\n{lowered[:4000]}")
    known = dict(enumerate([x, ids, gates, down, up, gate]))
    names, given, dynamic = [], {}, []
    for operand in launch.group(3).split(","):
        number = int(operand.strip().removeprefix("%arg"))
        names.append(f"t{number}")
        given[names[-1]] = known[number]
        dynamic.append(f"--set=d{number}={len(known[number])}")
    names.append("y")
    dynamic.append(f"--set=dy={case.T}")
    names += [option[6:].split("=")[0] for option in dynamic]
    tensors.write(path.with_suffix(".in"), given)
    shared = re.search(r"tile\.shared_bytes = (\d+)", lowered).group(1)
    worst = 0.0
    for mode in MODES[: arguments.modes]:
        done = subprocess.run(
            [str(arguments.tools / "peermla-sim"), str(path.with_suffix(".kernel.mlir")), f"--kernel={launch.group(1)}",
             f"--grid={case.T}", f"--block={32 * case.warps}", f"--shared={shared}", f"--parameters={','.join(names)}",
             f"--args={path.with_suffix('.in')}", f"--output=y:{case.dtype}:{case.T}x{out}",
             f"--outputs={path.with_suffix('.out')}", "--counters", *mode, *dynamic],
            capture_output=True, text=True, check=False)
        if done.returncode or done.stderr.strip():
            raise SystemExit(f"{case.name} {mode}: {done.stdout[-4000:]}{done.stderr[-4000:]}")
        sectors, ideal = (int(n) for n in re.search(r"sectors: (\d+), ideal (\d+)", done.stdout).groups())
        wavefronts, least = (int(n) for n in re.search(r"wavefronts: (\d+), ideal (\d+)", done.stdout).groups())
        if wavefronts != least or (case.whole and sectors > 1.005 * ideal):
            raise SystemExit(f"{case.name}: {sectors} sectors instead of {ideal}, {wavefronts} wavefronts instead of {least}")
        y = tensors.read(path.with_suffix(".out"))["y"]
        y = tensors.from_bf16(y) if y.dtype == np.uint16 else y
        # Sums in f32; the result is rounded once.
        rounding = {"f32": 0.0, "f16": 2.0**-11, "bf16": 2.0**-8}[case.dtype]
        bound = 1e-6 * (size + 1) + rounding * np.abs(wanted)
        error = np.max(np.abs(y - wanted) / bound)
        worst = max(worst, float(error)) if error == error else math.inf
    if not worst <= 1:
        raise SystemExit(f"{case.name}: error {worst:.3g} of the bound")
    return worst


if __name__ == "__main__":
    run_cases(CASES, check, "experts are", __doc__)
