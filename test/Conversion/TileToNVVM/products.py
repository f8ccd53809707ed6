"""Matrix products from tensors to the simulator: generates kernels with a
schedule, runs the passes, executes them with every check in every mode of
asynchrony, and compares with float64."""

import argparse
import dataclasses
import itertools
import pathlib
import re
import subprocess

import numpy as np

import tensors

PIPELINE = (
    "builtin.module(func.func(peermla-tile-and-fuse,canonicalize,cse,peermla-tile-contractions),"
    "canonicalize,cse,peermla-tiled-to-tile,canonicalize,cse,"
    "gpu.module(func.func(affine-expand-index-ops,lower-affine,peermla-assign-layouts,peermla-stage-copies{shared-bytes=166912},"
    "peermla-prefetch-copies,canonicalize,cse)),peermla-use-tensor-copies,gpu.module(func.func(peermla-specialize-warps,canonicalize,cse,"
    "peermla-peel-masks,canonicalize,cse,peermla-overlap-products,peermla-release-slots,canonicalize,cse)),peermla-tile-to-nvvm,"
    "gpu.module(peermla-warpgroups-to-nvvm,peermla-expand-math,convert-scf-to-cf,convert-vector-to-llvm,convert-to-llvm,reconcile-unrealized-casts,"
    "canonicalize,cse))"
)


@dataclasses.dataclass
class Case:
    """Y[M, N] = f(X[M, K] W), W as N x K or K x N; f adds and rounds."""

    name: str
    m: int
    n: int
    k: int
    dtype: str
    transpose: bool = True
    block: tuple = (128, 128)
    warps: tuple = (4, 2)
    inner: int = 64
    stages: int = 3
    epilogue: str = "none"  # or "bias", "residual", "round", "rope"
    heads: int = 1  # of the rotation; its columns are the last half of a head's
    # What X goes through first: "scale" of each column, root mean square "norm", or
    # "softmax" in base 2, which no model has in front of a product.
    prologue: str = "none"
    dynamic: bool = True
    instructions: str = "mma_sync"
    roles: tuple = ()

    def rows(self):
        return "?" if self.dynamic else str(self.m)

    def source(self):
        m, n, k, t = self.rows(), self.n, self.k, self.dtype
        w = f"{n}x{k}" if self.transpose else f"{k}x{n}"
        w_map = "(n, k)" if self.transpose else "(k, n)"
        schedule = (
            f"#tile.schedule<block = [{self.block[0]}, {self.block[1]}EXTRA], inner = [{self.inner}], "
            f"warps = [{self.warps[0]}, {self.warps[1]}], stages = {self.stages}, instructions = {self.instructions}"
            + (f", roles = {list(self.roles)}>" if self.roles else ">")
        )
        tail, rope = self.epilogue != "none", self.epilogue == "rope"
        out = t if self.epilogue in ("round", "residual", "rope") else "f32"
        root = f"peermla.schedule = {schedule.replace('EXTRA', '' if tail else ', 0')}"
        columns = n // self.heads
        result_type = f"tensor<{m}x{self.heads}x{columns}x{out}>" if rope else f"tensor<{m}x{n}x{out}>"
        size = "(%m)" if self.dynamic else "()"
        lines = [
            f"func.func @multiply(%x: tensor<{m}x{k}x{t}>, %w: tensor<{w}x{t}>, %bias: tensor<{n}xf32>,",
            f"    %res: tensor<{m}x{n}x{out}>, %scale: tensor<{k}xf32>, %table: tensor<{m}x{self.rotated()}xf32>) "
            f"-> {result_type} {{",
            "  %c0 = arith.constant 0 : index",
            "  %zero = arith.constant 0.0 : f32",
            f"  %m = tensor.dim %x, %c0 : tensor<{m}x{k}x{t}>",
            f"  %e = tensor.empty{size} : tensor<{m}x{n}xf32>",
            f"  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<{m}x{n}xf32>) -> tensor<{m}x{n}xf32>",
        ]
        x = "%x"
        if self.prologue != "none":
            x = "%s"
            lines += self.prologue_lines(m, k, t, size)
        lines += [
            "  %p = linalg.matmul indexing_maps = [affine_map<(m, n, k) -> (m, k)>, "
            f"affine_map<(m, n, k) -> {w_map}>, affine_map<(m, n, k) -> (m, n)>]"
            + ("" if tail else f' {{peermla.id = "product", {root}}}'),
            f"      ins({x}, %w : tensor<{m}x{k}x{t}>, tensor<{w}x{t}>) outs(%z : tensor<{m}x{n}xf32>) "
            f"-> tensor<{m}x{n}xf32>",
        ]
        result = "%p"
        if tail:
            result = "%y"
            kinds = {
                "bias": ("(j)", "%bias", f"tensor<{n}xf32>", "f32",
                         ["%0 = arith.addf %a, %c : f32", "linalg.yield %0 : f32"]),
                "residual": ("(i, j)", "%res", f"tensor<{m}x{n}x{out}>", out,
                             ["%0 = arith.addf %a, %c : f32", "linalg.yield %0 : f32"] if out == "f32" else
                             [f"%0 = arith.extf %c : {out} to f32", "%1 = arith.addf %a, %0 : f32",
                              f"%2 = arith.truncf %1 : f32 to {out}", f"linalg.yield %2 : {out}"]),
                "round": ("(j)", "%bias", f"tensor<{n}xf32>", "f32",
                          [f"%0 = arith.truncf %a : f32 to {out}", f"linalg.yield %0 : {out}"] if out != "f32" else
                          ["%0 = arith.addf %a, %c : f32", "linalg.yield %0 : f32"]),
            }
            other_map, other, other_type, element, body = kinds["round" if rope else self.epilogue]
            lines += [
                f"  %ye = tensor.empty{size} : tensor<{m}x{n}x{out}>",
                "  %y = linalg.generic {indexing_maps = [affine_map<(i, j) -> (i, j)>, "
                f"affine_map<(i, j) -> {other_map}>, affine_map<(i, j) -> (i, j)>], "
                'iterator_types = ["parallel", "parallel"]} '
                f"ins(%p, {other} : tensor<{m}x{n}xf32>, {other_type}) outs(%ye : tensor<{m}x{n}x{out}>) "
                + (" {" if rope else f'attrs = {{peermla.id = "product", {root}}} {{'),
                f"  ^bb0(%a: f32, %c: {element}, %o: {out}):", *("    " + line for line in body),
                f"  }} -> tensor<{m}x{n}x{out}>",
            ]
        if rope:
            result = "%r"
            size = "[%m, " if self.dynamic else f"[{m}, "
            lines += [
                f"  %heads = tensor.expand_shape %y [[0], [1, 2]] output_shape {size}{self.heads}, {columns}] "
                f": tensor<{m}x{n}x{out}> into {result_type}",
                f"  %re = tensor.empty{'(%m)' if self.dynamic else '()'} : {result_type}",
                f'  %r = mla.rope {{peermla.id = "product", {root}}} ins(%heads, %table : {result_type}, '
                f"tensor<{m}x{self.rotated()}xf32>) outs(%re : {result_type}) -> {result_type}",
            ]
        lines += [f"  return {result} : {result_type}", "}"]
        return "\n".join(lines) + "\n", out

    def rotated(self):
        """Columns of a head that a rotation turns."""
        return self.n // self.heads // 4 * 2

    def rope_of(self, product, table):
        """Heads of the rounded product, or of one with a bias in f32, with their last columns rotated."""
        dr = self.rotated()
        heads = rounded(product.astype(np.float32), self.dtype)[1].reshape(self.m, self.heads, -1).copy()
        even, odd = heads[:, :, -dr::2].copy(), heads[:, :, 1 - dr :: 2].copy()
        cos, sin = (half[:, None, :] for half in (table[:, : dr // 2], table[:, dr // 2 :]))
        heads[:, :, -dr::2], heads[:, :, 1 - dr :: 2] = even * cos - odd * sin, even * sin + odd * cos
        return heads.reshape(self.m, self.n)

    def prologue_lines(self, m, k, t, size):
        """%s from %x: sums over its rows, then its elements."""
        ij, i, j = (f"affine_map<(i, j) -> {to}>" for to in ("(i, j)", "(i)", "(j)"))
        widen = "%v = arith.extf %a : {0} to f32" if t != "f32" else "%v = arith.addf %a, %nought : {0}"
        lines = ["  %nought = arith.constant -0.0 : f32", "  %low = arith.constant -1.0e30 : f32"]

        def rows(result, init, inputs, body):
            """A sum or maximum over rows; `inputs` are vectors along rows beside X."""
            names = "".join(f", {name}" for name in inputs)
            types = "".join(f", tensor<{m}xf32>" for _ in inputs)
            arguments = "".join(f", %r{number}: f32" for number in range(len(inputs)))
            return [
                f"  {result}e = tensor.empty{size} : tensor<{m}xf32>",
                f"  {result}z = linalg.fill ins({init} : f32) outs({result}e : tensor<{m}xf32>) -> tensor<{m}xf32>",
                f"  {result} = linalg.generic {{indexing_maps = [{', '.join([ij] + [i] * (len(inputs) + 1))}], "
                f'iterator_types = ["parallel", "reduction"]}} ins(%x{names} : tensor<{m}x{k}x{t}>{types}) '
                f"outs({result}z : tensor<{m}xf32>) {{",
                f"  ^bb0(%a: {t}{arguments}, %o: f32):", "    " + widen.format(t), *("    " + line for line in body),
                "    linalg.yield %n : f32", f"  }} -> tensor<{m}xf32>",
            ]

        if self.prologue == "scale":
            vectors, body = [], ["%n = arith.mulf %v, %c : f32"]
        elif self.prologue == "norm":
            vectors = ["%q"]
            lines += [f"  %count = arith.constant {k}.0 : f32", "  %eps = arith.constant 1.0e-6 : f32"]
            lines += rows("%q", "%zero", [], ["%w2 = arith.mulf %v, %v : f32", "%n = arith.addf %o, %w2 : f32"])
            body = ["%mean = arith.divf %r0, %count : f32", "%shifted = arith.addf %mean, %eps : f32",
                    "%root = math.rsqrt %shifted : f32", "%u = arith.mulf %v, %root : f32",
                    "%n = arith.mulf %u, %c : f32"]
        else:
            vectors = ["%q", "%l"]
            difference = ["%d = arith.subf %v, %r0 : f32", "%p2 = math.exp2 %d : f32"]
            lines += rows("%q", "%low", [], ["%n = arith.maximumf %o, %v : f32"])
            lines += rows("%l", "%zero", ["%q"], [*difference, "%n = arith.addf %o, %p2 : f32"])
            body = [*difference, "%u = arith.divf %p2, %r1 : f32", "%n = arith.mulf %u, %c : f32"]
        body = [widen.format(t), *body]
        body += [f"%last = arith.truncf %n : f32 to {t}", f"linalg.yield %last : {t}"] if t != "f32" else ["linalg.yield %n : f32"]
        names = "".join(f", {name}" for name in vectors)
        types = "".join(f", tensor<{m}xf32>" for _ in vectors)
        arguments = "".join(f", %r{number}: f32" for number in range(len(vectors)))
        return lines + [
            f"  %xe = tensor.empty{size} : tensor<{m}x{k}x{t}>",
            f"  %s = linalg.generic {{indexing_maps = [{', '.join([ij, j] + [i] * len(vectors) + [ij])}], "
            'iterator_types = ["parallel", "parallel"]} '
            f"ins(%x, %scale{names} : tensor<{m}x{k}x{t}>, tensor<{k}xf32>{types}) outs(%xe : tensor<{m}x{k}x{t}>) {{",
            f"  ^bb0(%a: {t}, %c: f32{arguments}, %o: {t}):", *("    " + line for line in body),
            f"  }} -> tensor<{m}x{k}x{t}>",
        ]

    def prologue_of(self, x, scale):
        """The same in float64, rounded as the rows are."""
        if self.prologue == "none":
            return x
        if self.prologue == "norm":
            x = x / np.sqrt(np.mean(x * x, axis=1, keepdims=True) + 1e-6)
        if self.prologue == "softmax":
            x = np.exp2(x - x.max(axis=1, keepdims=True))
            x = x / x.sum(axis=1, keepdims=True)
        return x * scale


CASES = [
    Case("bf16", 70, 192, 192, "bf16"),
    Case("bf16_rounded_one_step", 33, 128, 48, "bf16", epilogue="round", stages=2),
    Case("bf16_columns", 64, 136, 130, "bf16", transpose=False, epilogue="bias"),
    Case("bf16_odd", 5, 37, 35, "bf16", epilogue="residual", block=(64, 64), warps=(4, 1)),
    Case("bf16_narrow_pieces", 17, 60, 148, "bf16", epilogue="residual", block=(64, 64), warps=(2, 2), stages=4),
    Case("bf16_prologue", 40, 72, 136, "bf16", epilogue="round", prologue="scale", block=(64, 64), warps=(4, 1), stages=2),
    Case("f16_static", 192, 64, 256, "f16", dynamic=False, epilogue="residual", block=(128, 64), warps=(8, 1)),
    Case("wgmma", 70, 192, 192, "bf16", warps=(4, 1), instructions="wgmma"),
    Case("wgmma_groups_along_rows", 129, 128, 130, "f16", warps=(8, 1), epilogue="round", instructions="wgmma"),
    Case("wgmma_groups_along_columns", 63, 127, 65, "bf16", block=(64, 128), epilogue="residual", instructions="wgmma"),
    Case("wgmma_columns", 64, 136, 130, "bf16", transpose=False, epilogue="bias", warps=(4, 2), instructions="wgmma"),
    Case("wgmma_wide", 65, 250, 72, "bf16", transpose=False, block=(64, 256), warps=(4, 1), stages=2, instructions="wgmma"),
    Case("wgmma_odd", 5, 37, 35, "f16", epilogue="residual", block=(64, 64), warps=(4, 1), instructions="wgmma"),
    Case("wgmma_prologue", 40, 72, 136, "bf16", epilogue="round", prologue="scale", block=(64, 64), warps=(4, 1), stages=2, instructions="wgmma"),
    Case("bf16_norm", 40, 72, 200, "bf16", prologue="norm", block=(64, 64), warps=(2, 2), stages=2),
    Case("wgmma_norm", 70, 136, 328, "bf16", epilogue="round", prologue="norm", block=(64, 128), warps=(4, 1), instructions="wgmma"),
    Case("wgmma_norm_static", 128, 64, 48, "f16", dynamic=False, prologue="norm", block=(64, 64), warps=(4, 1), instructions="wgmma"),
    Case("wgmma_softmax", 70, 72, 200, "f16", epilogue="bias", prologue="softmax", block=(64, 64), warps=(4, 1), instructions="wgmma"),
    Case("wgmma_norm_rope", 70, 288, 136, "bf16", epilogue="rope", heads=3, prologue="norm", block=(64, 1), warps=(4, 1), instructions="wgmma"),
    Case("bf16_rope", 33, 384, 72, "bf16", epilogue="rope", heads=2, block=(64, 1), warps=(2, 2), stages=2),
    Case("f16_rope_static", 80, 128, 64, "f16", dynamic=False, epilogue="rope", heads=2, block=(64, 1), warps=(4, 1), stages=2),
    Case("roles", 130, 192, 520, "bf16", warps=(8, 1), stages=4, instructions="wgmma", roles=(24, 240)),
    Case("roles_columns_one_group", 63, 136, 200, "f16", transpose=False, block=(64, 128), warps=(4, 1), epilogue="bias", instructions="wgmma", roles=(0, 0)),
    Case("roles_rope", 130, 256, 328, "bf16", epilogue="rope", heads=2, block=(128, 1), warps=(8, 1), stages=4, instructions="wgmma", roles=(24, 240)),
    Case("f32", 70, 96, 100, "f32", block=(64, 64), warps=(2, 2), stages=2),
    Case("f32_parts_and_rest", 70, 96, 100, "f32", inner=80, block=(64, 64), warps=(2, 2), stages=2),
    Case("f32_many_sums", 70, 120, 100, "f32", inner=32, block=(64, 128), warps=(2, 2), stages=2),
    Case("f32_many_sums_columns", 9, 130, 40, "f32", inner=32, transpose=False, block=(64, 128), warps=(2, 2), stages=2),
    Case("f32_columns", 9, 70, 72, "f32", transpose=False, epilogue="bias", block=(64, 64), warps=(4, 1), stages=2),
    Case("f32_norm", 20, 64, 167, "f32", prologue="norm", block=(64, 64), warps=(2, 2), stages=2),
    Case("f32_softmax", 20, 64, 72, "f32", prologue="softmax", epilogue="residual", block=(64, 64), warps=(4, 1), stages=2),
    Case("f32_rope", 20, 120, 72, "f32", epilogue="rope", heads=3, block=(64, 1), warps=(4, 1), stages=2),
    Case("f32_prologue", 20, 64, 67, "f32", prologue="scale", epilogue="residual", block=(64, 64), warps=(4, 1), stages=2),
]

# The pass that writes instructions of warpgroups as PTX.
WARPGROUPS = "peermla-warpgroups-to-nvvm,"
MODES = (["--async=eager"], ["--async=lazy"], ["--async=random", "--seed=3"])


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stderr[-4000:]}")
    return done.stdout


def pipeline(case):
    """With the shared memory of the GPU that the instructions are for."""
    return PIPELINE.replace("166912", "232448") if case.instructions == "wgmma" else PIPELINE


def threads(lowered):
    return re.search(r"nvvm.reqntid = array<i32: (\d+)>", lowered).group(1)


def kernel_module(text):
    """The gpu.module of a module, with its braces."""
    start = text.index("gpu.module")
    depth, end = 0, text.index("{", start)
    while True:
        depth += {"{": 1, "}": -1}.get(text[end], 0)
        end += 1
        if depth == 0:
            return text[start:end]


def tensor_maps(lowered, arrays):
    """The kernel's tensor maps: names of their parameters, copies of their tensors
    under these names, and options of the simulator. `arrays` is in the order of the
    kernel's parameters."""
    names, tensors_, options = [], {}, []
    for box, operand in re.findall(r"\{box = array<i64: ([\d, ]*)>, operand = (\d+) : i64\}", lowered):
        name = f"map{len(names)}"
        names.append(name)
        tensors_[name] = arrays[int(operand)]
        options.append(f"--tensor-map={name}:box={'x'.join(reversed(box.split(', ')))},swizzle=128")
    return names, tensors_, options


def rounded(values, dtype):
    """The storage of `values` and what it stands for in float64."""
    if dtype == "bf16":
        bits = tensors.round_to_bf16(values)
        return bits, tensors.from_bf16(bits).astype(np.float64)
    stored = values.astype({"f16": np.float16, "f32": np.float32}[dtype])
    return stored, stored.astype(np.float64)


def check(case, arguments):
    random = np.random.default_rng(7)
    text, out = case.source()
    path = arguments.work / case.name
    path.with_suffix(".mlir").write_text(text)
    lowered = run(arguments.tools / "peermla-opt", path.with_suffix(".mlir"), f"-pass-pipeline={pipeline(case)}")
    path.with_suffix(".kernel.mlir").write_text(kernel_module(lowered))
    # The simulator takes frag ops as they are, too, with the same bytes.
    forms = [".kernel.mlir"]
    if case.instructions == "wgmma":
        text = run(arguments.tools / "peermla-opt", path.with_suffix(".mlir"),
                   f"-pass-pipeline={PIPELINE.replace(WARPGROUPS, '')}")
        assert "frag.wgmma" in text, f"{case.name}: no frag ops"
        forms.append(".frag.mlir")
        path.with_suffix(forms[-1]).write_text(kernel_module(text))

    x, x64 = rounded(random.standard_normal((case.m, case.k)), case.dtype)
    shape = (case.n, case.k) if case.transpose else (case.k, case.n)
    w, w64 = rounded(random.standard_normal(shape), case.dtype)
    bias = random.standard_normal(case.n).astype(np.float32)
    res, res64 = rounded(random.standard_normal((case.m, case.n)), out)
    scale = (1 + random.random(case.k)).astype(np.float32)
    if case.prologue != "none":
        x64 = rounded(case.prologue_of(x64, scale).astype(np.float32), case.dtype)[1]
    product = x64 @ (w64.T if case.transpose else w64)
    size = np.abs(x64) @ np.abs(w64.T if case.transpose else w64)
    table = random.standard_normal((case.m, case.rotated())).astype(np.float32)
    wanted = product + {"bias": bias.astype(np.float64), "residual": res64}.get(case.epilogue, 0.0)

    if case.epilogue == "rope":
        biased = product + bias if case.dtype == "f32" else product
        wanted = case.rope_of(biased, table.astype(np.float64))
    # Parameters as the launch has them; %argN are those of the function.
    launch = re.search(r"tile\.launch @\w+::@\w+ blocks\((.*?)\) ins\((.*?) : .*?\) outs", lowered)
    if not launch:
        raise SystemExit(f"{case.name}: no launch in\n{lowered[:4000]}")
    known = {"%arg0": x, "%arg1": w, "%arg2": bias, "%arg3": res, "%arg4": scale, "%arg5": table}
    operands = [name.strip() for name in launch.group(2).split(",")]
    names, given, options, dynamic = [], {}, [], []
    for number, operand in enumerate(operands):
        if operand in known:
            names.append(f"t{number}")
            given[names[-1]] = known[operand]
            if case.dynamic and operand in ("%arg0", "%arg3", "%arg5"):
                dynamic.append(f"--set=d{number}={case.m}")
        else:
            names.append(f"s{number}")
            options.append(f"--set=s{number}={case.m}")
    names.append("y")
    if case.dynamic:
        dynamic.append(f"--set=dy={case.m}")
    names += [option[6:].split("=")[0] for option in dynamic]
    options += dynamic
    maps, copies, mapping = tensor_maps(lowered, [known.get(operand) for operand in operands])
    names += maps
    options += mapping
    tensors.write(path.with_suffix(".in"), given | copies)
    shared = re.search(r"tile\.shared_bytes = (\d+)", lowered).group(1)
    columns = case.heads if case.epilogue == "rope" else -(-case.n // case.block[1])
    grid = [-(-case.m // case.block[0]), columns]
    dtype = {"bf16": "bf16", "f16": "f16", "f32": "f32"}[out]
    worst = 0.0
    bits = []
    for mode, form in itertools.product(MODES[: arguments.modes], forms):
        done = subprocess.run(
            [str(arguments.tools / "peermla-sim"), str(path.with_suffix(form)), "--kernel=product",
             f"--grid={grid[0]}x{grid[1]}", f"--block={threads(lowered)}", f"--shared={shared}",
             f"--parameters={','.join(names)}", f"--args={path.with_suffix('.in')}",
             f"--output=y:{dtype}:{case.m}x{case.n}", f"--outputs={path.with_suffix('.out')}", *mode, *options],
            capture_output=True, text=True, check=False)
        if done.returncode or done.stderr.strip():
            raise SystemExit(f"{case.name}{form} {mode}: {done.stderr[-4000:]}")
        bits.append(path.with_suffix(".out").read_bytes())
        y = tensors.read(path.with_suffix(".out"))["y"]
        y = tensors.from_bf16(y) if y.dtype == np.uint16 else y
        # Sums of K products in f32; the last rounding is that of the result.
        step = {"f32": 0.0, "f16": 2.0**-11, "bf16": 2.0**-8}[out]
        bound = 1e-6 * (size + 1) + step * (np.abs(wanted) + 1e-3)
        # f32 and f64 may differ in which way an element is rounded on the way.
        ulp = {"f32": 2.0**-23, "f16": 2.0**-10, "bf16": 2.0**-7}[case.dtype]
        if case.prologue not in ("none", "scale"):
            bound = bound + ulp * np.abs(x64).max() * np.abs(w64).max()
        if case.epilogue == "rope":
            bound = bound + ulp * np.abs(product).max() * np.abs(table).max()
        worst = max(worst, float(np.max(np.abs(y - wanted) / bound)))
    if len(set(bits)) > 1:
        raise SystemExit(f"{case.name}: bits depend on the mode or the form")
    if not worst <= 1:
        raise SystemExit(f"{case.name}: error {worst:.3g} of the bound")
    return worst


def assemble(case, arguments):
    """Registers that ptxas reports; no spills, no stack, no notes."""
    path = arguments.work / case.name
    text = kernel_module(run(arguments.tools / "peermla-opt", path.with_suffix(".kernel.mlir"), "--convert-nvvm-to-llvm"))
    path.with_suffix(".module.mlir").write_text("module " + text[text.index("{"):] + "\n")
    run("mlir-translate", "--mlir-to-llvmir", path.with_suffix(".module.mlir"), "-o", path.with_suffix(".ll"))
    is_new = getattr(case, "instructions", "mma_sync") == "wgmma" or getattr(case, "roles", ())
    chip = "sm_90a" if is_new else "sm_80"
    run("opt", "-O3", "-mtriple=nvptx64-nvidia-cuda", f"-mcpu={chip}", path.with_suffix(".ll"), "-o", path.with_suffix(".bc"))
    run("llc", "-O3", "-mtriple=nvptx64-nvidia-cuda", f"-mcpu={chip}", "-mattr=+ptx80", path.with_suffix(".bc"), "-o", path.with_suffix(".ptx"))
    done = subprocess.run([arguments.ptxas, f"-arch={chip}", "-v", path.with_suffix(".ptx"), "-o", path.with_suffix(".cubin")],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{case.name}: {done.stderr}")
    stack, stores, loads = (int(n) for n in re.search(
        r"(\d+) bytes stack frame, (\d+) bytes spill stores, (\d+) bytes spill loads", done.stderr).groups())
    registers = int(re.search(r"Used (\d+) registers", done.stderr).group(1))
    # C75xx: products that were made to run one after the other.
    if stack or stores or loads or "(C75" in done.stderr:
        raise SystemExit(f"{case.name}: {done.stderr}")
    return registers


def run_cases(cases, check, what, description, found="error {:.3f} of the bound"):
    """The command line of a generator of kernels: checks each case, and with
    ptxas counts its registers. `found` says what `check` returned."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--tools", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--ptxas", default="")
    parser.add_argument("--only", default="")
    parser.add_argument("--modes", type=int, default=len(MODES), help="modes of asynchrony to execute in")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    for case in cases:
        if arguments.only not in case.name:
            continue
        worst = check(case, arguments)
        registers = f", {assemble(case, arguments)} registers" if arguments.ptxas else ""
        print(f"{case.name}: {found.format(worst)}{registers}")
    print(f"all {what} right")


if __name__ == "__main__":
    run_cases(CASES, check, "products are", __doc__)
