"""Runs experts on few and on many tokens, and compares bits and values.

Prints one line per model: `NAME: right, same bits`, or what is not so. Works in
the current folder.
"""

import os
import pathlib
import subprocess

import numpy as np

from oracle import storage

TOKENS = 11  # more than are split
N, D, D_OUT = 40, 24, 35
TOLERANCE = {"f32": 1e-5, "bf16": 1e-2}
# Two heads of 12 ranks make parts of 8 and 4; three of 5 make parts of a head.
# `rows` overrides how many are read together.
MODELS = {
    "plain": dict(h=8, k=3, e=1, element="f32"),
    "narrow": dict(h=2, k=12, e=1, element="bf16"),
    "gated": dict(h=3, k=5, e=4, element="f32", gated=True),
    "outputs": dict(h=2, k=12, e=3, element="bf16", layout="output_major"),
    "override": dict(
        h=2, k=12, e=1, element="f32",
        schedule="block = [1, 0, 0], inner = [0, 1, 5], registers = [3, 2], split = 4",
    ),
}  # fmt: skip


def write_ir(h, k, e, element, gated=False, layout="neuron_major", schedule=""):
    tables = {"down": (N, e, D), "up": (N, e, D_OUT)}
    if layout == "output_major":
        tables["up"] = (N, D_OUT, e)
    if gated:
        tables["gate"] = (N, e, D)
    types = {n: f"tensor<{'x'.join(map(str, s))}x{element}>" for n, s in tables.items()}
    lines = ["module @Experts {"]
    for name, type in types.items():
        lines.append(f"ml_program.global private @{name}(#ml_program.extern : {type}) : {type}")
    x, y = f"tensor<?x{D}x{element}>", f"tensor<?x{D_OUT}x{element}>"
    i, g, u = f"tensor<?x{h}x{k}xi32>", f"tensor<?x{h}x{k}xf32>", f"tensor<?x{h}x{k}x{e}xf32>"
    lines.append(
        f'func.func @forward(%x: {x} {{peermla.name = "x", peermla.dims = ["T", ""]}}, '
        f'%i: {i} {{peermla.name = "indices", peermla.dims = ["T", "", ""]}}, '
        f'%g: {g} {{peermla.name = "gates", peermla.dims = ["T", "", ""]}}) -> '
        f'({y} {{peermla.name = "y", peermla.dims = ["T", ""]}}, '
        f'{u} {{peermla.name = "neurons", peermla.dims = ["T", "", "", ""]}}) '
        "attributes {peermla.entry} {"
    )
    for name, type in types.items():
        lines.append(f"%{name} = ml_program.global_load_const @{name} : {type}")
    attribute = f"{{peermla.schedule = #tile.schedule<{schedule}>}}" if schedule else ""
    gate = f"gate(%gate : {types['gate']})" if gated else ""
    lines += [
        "%c0 = arith.constant 0 : index",
        f"%T = tensor.dim %x, %c0 : {x}",
        f"%y = tensor.empty(%T) : {y}",
        f"%u = tensor.empty(%T) : {u}",
        f"%0:2 = peer.expert_mlp silu up_layout({layout}) {attribute}",
        f"ins(%x, %i, %g, %down, %up : {x}, {i}, {g}, {types['down']}, {types['up']}) {gate}",
        f"outs(%y, %u : {y}, {u}) -> {y}, {u}",
        f"return %0#0, %0#1 : {y}, {u}",
        "} }",
    ]
    pathlib.Path("m.mlir").write_text("\n".join(lines))
    return tables


def run(inputs, first, last, threads):
    part = {n: storage.Tensor(t.dtype, t.values[first:last]) for n, t in inputs.items()}
    storage.save("in.safetensors", part)
    command = ["peermla-run", "m.so", "--entry=forward", "--inputs=in.safetensors"]
    command += ["--weights=w.safetensors", "--outputs=out.safetensors"]
    environment = os.environ | {"OMP_NUM_THREADS": str(threads)}
    subprocess.run(command, check=True, env=environment)
    return storage.load("out.safetensors")


def expected(inputs, weights, layout):
    x, gates = inputs["x"].wide(), inputs["gates"].wide()
    rows = {name: tensor.wide()[inputs["indices"].values] for name, tensor in weights.items()}
    if layout == "output_major":
        rows["up"] = rows["up"].swapaxes(-1, -2)
    down = np.einsum("td,thked->thke", x, rows["down"])
    inner = np.einsum("td,thked->thke", x, rows["gate"]) if "gate" in rows else down
    neurons = inner / (1 + np.exp(-inner)) * (down if "gate" in rows else 1)
    return np.einsum("thk,thke,thkeo->to", gates, neurons, rows["up"]), neurons


def check(element, layout="neuron_major", **options):
    rng = np.random.default_rng(5)
    tables = write_ir(element=element, layout=layout, **options)
    subprocess.run(["peermla-compile", "m.mlir", "-o", "m.so"], check=True)
    weights = {
        name: storage.round_to(rng.standard_normal(shape) / np.sqrt(D), element)
        for name, shape in tables.items()
    }
    storage.save("w.safetensors", weights)
    shape = (TOKENS, options["h"], options["k"])
    inputs = {
        "x": storage.round_to(rng.standard_normal((TOKENS, D)), element),
        "indices": storage.Tensor("i32", rng.integers(0, N, shape).astype(np.int32)),
        "gates": storage.Tensor("f32", rng.standard_normal(shape).astype(np.float32)),
    }
    many = run(inputs, 0, TOKENS, threads=1)
    y, neurons = expected(inputs, weights, layout)
    for name, exact in (("y", y), ("neurons", neurons)):
        error = np.linalg.norm(many[name].wide() - exact) / np.linalg.norm(exact)
        if not error <= TOLERANCE[element]:
            return f"wrong, error {error:.1e} of {name}"
    for first, last, threads in ((3, 4, 2), (0, 8, 3), (2, 11, 3)):
        few = run(inputs, first, last, threads)
        for name, tensor in few.items():
            if not np.array_equal(tensor.values, many[name].values[first:last]):
                return f"right, other bits of {name} in tokens {first} to {last}"
    return "right, same bits"


for name, options in MODELS.items():
    print(f"{name}: {check(**options)}", flush=True)
