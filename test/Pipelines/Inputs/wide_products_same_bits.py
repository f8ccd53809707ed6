"""Products in large tiles, compared with those in small ones and with NumPy.

For each large tile and mode of the simulator a line `NAME: right, same bits`, or what
is not so. The last tiles are not full, and there are epilogues of several kinds; `odd`
has rows that tensor copies cannot bring, `few` a sum of one step. Works in the current
folder.
"""

import os
import pathlib
import subprocess

import numpy as np

from oracle import storage

T, N = 150, 328
TOLERANCE = 1e-2
# Terms of the sum, whether the weight lies in columns, and what is made of the sum.
PRODUCTS = {
    "plain": (264, False, "plain"),
    "cast": (328, False, "cast"),
    "columns": (264, True, "cast"),
    "active": (264, False, "silu"),
    "biased": (264, False, "silu_of_biased"),
    "gated": (200, False, "gated_and_added"),
    "odd": (262, False, "cast"),
    "few": (40, False, "cast"),
}
TILES = {
    f"128 x {columns}": f"* = block = [128, {columns}, 0], inner = [64], warps = [8, 1], "
    f"stages = {stages}, instructions = wgmma, roles = [24, 240]"
    for columns, stages in ((256, 4), (128, 3))
}
# Bodies of epilogues of a sum `%s`, as MLIR, and in NumPy.
EPILOGUES = {
    "cast": ("%r = arith.truncf %s : f32 to bf16", lambda s, bias, gate, more: s),
    "silu": (
        """%1 = arith.negf %s : f32
           %2 = math.exp %1 : f32
           %3 = arith.addf %2, %one : f32
           %4 = arith.divf %s, %3 : f32
           %r = arith.truncf %4 : f32 to bf16""",
        lambda s, bias, gate, more: s / (1 + np.exp(-s)),
    ),
    "silu_of_biased": (
        """%1 = arith.extf %bias : bf16 to f32
           %2 = arith.addf %s, %1 : f32
           %3 = arith.negf %2 : f32
           %4 = math.exp %3 : f32
           %5 = arith.addf %4, %one : f32
           %6 = arith.divf %2, %5 : f32
           %r = arith.truncf %6 : f32 to bf16""",
        lambda s, bias, gate, more: (s + bias) / (1 + np.exp(-(s + bias))),
    ),
    "gated_and_added": (
        """%1 = arith.extf %gate : bf16 to f32
           %2 = arith.extf %more : bf16 to f32
           %3 = arith.mulf %s, %1 : f32
           %4 = arith.addf %3, %2 : f32
           %r = arith.truncf %4 : f32 to bf16""",
        lambda s, bias, gate, more: s * gate + more,
    ),
}


def shape_of_weight(terms, in_columns):
    return (terms, N) if in_columns else (N, terms)


def type_of(*shape, element="bf16"):
    return f"tensor<{'x'.join(map(str, shape))}x{element}>"


def write_ir():
    rows, sums = type_of("?", N), type_of("?", N, element="f32")
    weights = {name: type_of(*shape_of_weight(*p[:2])) for name, p in PRODUCTS.items()}
    weights["bias"] = type_of(N)
    inputs = {f"x{terms}": type_of("?", terms) for terms, _, _ in PRODUCTS.values()}
    inputs |= {"gate": rows, "more": rows}
    results = {n: sums if p[2] == "plain" else rows for n, p in PRODUCTS.items()}

    def described(name):
        return f'{{peermla.name = "{name}", peermla.dims = ["T", ""]}}'

    arguments = ", ".join(f"%{name}: {type} {described(name)}" for name, type in inputs.items())
    made = ", ".join(f"{type} {described(name)}" for name, type in results.items())
    lines = [
        "#all = affine_map<(t, n) -> (t, n)>",
        "#column = affine_map<(t, n) -> (n)>",
        "#x = affine_map<(t, n, k) -> (t, k)>",
        "#rows = affine_map<(t, n, k) -> (n, k)>",
        "#columns = affine_map<(t, n, k) -> (k, n)>",
        "#y = affine_map<(t, n, k) -> (t, n)>",
        "module @Products {",
        *(f"ml_program.global private @{name}(#ml_program.extern : {type}) : {type}"
          for name, type in weights.items()),
        f"func.func @forward({arguments}) -> ({made}) attributes {{peermla.entry}} {{",
        *(f"%w_{name} = ml_program.global_load_const @{name} : {type}"
          for name, type in weights.items()),
        "%c0 = arith.constant 0 : index",
        "%zero = arith.constant 0.0 : f32",
        "%one = arith.constant 1.0 : f32",
        f"%T = tensor.dim %gate, %c0 : {rows}",
        f"%sums = tensor.empty(%T) : {sums}",
        f"%rows = tensor.empty(%T) : {rows}",
        f"%none = linalg.fill ins(%zero : f32) outs(%sums : {sums}) -> {sums}",
    ]  # fmt: skip
    for name, (terms, in_columns, epilogue) in PRODUCTS.items():
        product = "plain" if epilogue == "plain" else "sum"
        lines += [
            f"%{name}_{product} = linalg.matmul",
            f"indexing_maps = [#x, {'#columns' if in_columns else '#rows'}, #y]",
            f'{{peermla.id = "{name}"}}',
            f"ins(%x{terms}, %w_{name} : {inputs[f'x{terms}']}, {weights[name]})",
            f"outs(%none : {sums}) -> {sums}",
        ]
        if epilogue != "plain":
            lines += [
                f"%{name}_{epilogue} = linalg.generic {{indexing_maps = "
                "[#all, #column, #all, #all, #all], "
                'iterator_types = ["parallel", "parallel"]}',
                f"ins(%{name}_sum, %w_bias, %gate, %more : {sums}, {weights['bias']}, "
                f"{rows}, {rows}) outs(%rows : {rows}) {{",
                "^bb0(%s: f32, %bias: bf16, %gate_: bf16, %more_: bf16, %o: bf16):",
                EPILOGUES[epilogue][0].replace("%gate ", "%gate_ ").replace("%more ", "%more_ "),
                f"linalg.yield %r : bf16 }} -> {rows}",
            ]
    values = ", ".join(f"%{name}_{p[2]}" for name, p in PRODUCTS.items())
    lines += [f"return {values} : {', '.join(results.values())}", "} }"]
    pathlib.Path("m.mlir").write_text("\n".join(lines))


def build(output, *more):
    """Compiles for the simulator; ptxas would only take time."""
    command = ["peermla-compile", "m.mlir", "--target=sm_90a", "--simulate", "-o", output, *more]
    subprocess.run(command, check=True, env=os.environ | {"PEERMLA_PTXAS": ""}, stderr=subprocess.DEVNULL)


def run(library, mode):
    command = ["peermla-run", library, "--entry=forward", "--device=sim:sm_90a"]
    command += ["--inputs=in.safetensors", "--weights=w.safetensors", "--outputs=out.safetensors"]
    subprocess.run(command, check=True, env=os.environ | {"PEERMLA_SIM_ASYNC": mode})
    return storage.load("out.safetensors")


def make_values():
    rng = np.random.default_rng(3)
    inputs = {
        f"x{terms}": storage.round_to(rng.standard_normal((T, terms)), "bf16")
        for terms, _, _ in PRODUCTS.values()
    }
    for name in ("gate", "more"):
        inputs[name] = storage.round_to(rng.standard_normal((T, N)), "bf16")
    weights = {"bias": storage.round_to(rng.standard_normal(N), "bf16")}
    for name, (terms, in_columns, _) in PRODUCTS.items():
        values = rng.standard_normal(shape_of_weight(terms, in_columns)) / np.sqrt(terms)
        weights[name] = storage.round_to(values, "bf16")
    storage.save("in.safetensors", inputs)
    storage.save("w.safetensors", weights)
    return inputs, weights


def expected(inputs, weights):
    wide = {name: tensor.wide() for name, tensor in (inputs | weights).items()}
    results = {}
    for name, (terms, in_columns, epilogue) in PRODUCTS.items():
        sums = wide[f"x{terms}"] @ (wide[name] if in_columns else wide[name].T)
        rest = (wide["bias"], wide["gate"], wide["more"])
        results[name] = sums if epilogue == "plain" else EPILOGUES[epilogue][1](sums, *rest)
    return results


def compare(large, small, exact):
    for name, values in exact.items():
        error = np.linalg.norm(large[name].wide() - values) / np.linalg.norm(values)
        if not error <= TOLERANCE:
            return f"wrong, error {error:.1e} of {name}"
    for name in exact:
        if not np.array_equal(large[name].values, small[name].values):
            return f"right, other bits of {name}"
    return "right, same bits"


write_ir()
exact = expected(*make_values())
build("small.so")
small = run("small.so", "eager")
for tile, schedule in TILES.items():
    build("large.so", f"--schedule={schedule}")
    for mode in ("eager", "lazy"):
        print(f"{tile}, {mode}: {compare(run('large.so', mode), small, exact)}", flush=True)
