"""Compares models with their rewritten forms, both under the reference.

Prints one line per case and rewrite: `NAME REWRITE: agrees`, or by how much it
differs. Works in the current folder.
"""

import json
import pathlib
import subprocess

import numpy as np

import inputs as make_inputs
from cases import CASES
from oracle import checkpoint, storage



def kernels(deterministic):
    """The passes that cut ops, keys and tokens into work items."""
    split = f"peermla-split-keys{{deterministic={deterministic}}}"
    return ["peermla-select-schedules", split, "peermla-tile-and-fuse"]


DECOMPOSE = ["peermla-decompose-retrieve"]
CLEAN = ["canonicalize", "cse", "peermla-fuse-elementwise"]
REWRITES = {
    "decompose": DECOMPOSE + CLEAN,
    "absorb": ["peermla-choose-attention-form{form=absorb}"] + CLEAN,
    "default": ["peermla-choose-attention-form"] + DECOMPOSE + CLEAN,
    "kernels": ["peermla-choose-attention-form"] + CLEAN + kernels("false"),
    "deterministic kernels": ["peermla-choose-attention-form"] + CLEAN + kernels("true"),
}
# What is compared. By default attention over new keys (forward) is expanded and
# attention over a paged cache absorbed.
PAIRS = [
    ("peer_layer/l2_both_per_head", "decompose", ("forward", "retrieve")),
    ("peer_layer/dimensions_3", "decompose", ("forward", "retrieve")),
    ("peer_layer/gated", "decompose", ("forward",)),
    ("mla_layer/base", "default", ("forward", "step")),
    ("mla_layer/base", "absorb", ("forward",)),
    ("mla_layer/dr_0", "default", ("forward", "step")),
    ("mla_layer/dr_0", "absorb", ("forward",)),
    ("mla_layer/pages", "default", ("step",)),
    ("mla_layer/base", "kernels", ("forward", "step")),
    ("mla_layer/pages", "kernels", ("step",)),
    ("mla_layer/pages", "deterministic kernels", ("step",)),
    ("peer_mla/start_layer_1", "default", ("step",)),
]
TOLERANCE = 1e-6


def evaluate(model, entry, tensors):
    storage.save(pathlib.Path("in.safetensors"), tensors)
    command = ["peermla-run", model, "--device=reference", f"--entry={entry}"]
    command += ["--inputs=in.safetensors", "--weights=m", "--outputs=out.safetensors"]
    subprocess.run(command, check=True)
    return {name: t.wide() for name, t in storage.load(pathlib.Path("out.safetensors")).items()}


def difference(left, right):
    """The largest distance, relative to the largest element; NaN equals NaN."""
    if left.shape != right.shape or (np.isnan(left) != np.isnan(right)).any():
        return np.inf
    if not left.size:
        return 0.0
    scale = max(np.nanmax(np.abs(left), initial=0.0), 1e-30)
    return np.nanmax(np.abs(left - right), initial=0.0) / scale


def compare(case, rewrite, entries):
    folder = pathlib.Path("m")
    folder.mkdir(exist_ok=True)
    config = case.config | {"torch_dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(config))
    weights = checkpoint.random(case.config, "f32", 1, case.query_bias, case.edit)
    storage.save(folder / "model.safetensors", weights)
    subprocess.run(["peermla-import", "m", "-o", "model.mlir"], check=True)
    pipeline = "builtin.module(func.func(" + ",".join(REWRITES[rewrite]) + "))"
    subprocess.run(
        ["peermla-opt", "model.mlir", "-o", "rewritten.mlir", f"--pass-pipeline={pipeline}"],
        check=True,
    )
    worst, rng = 0.0, np.random.default_rng(3)
    architecture = case.config["architectures"][0]
    for entry in entries:
        base = "forward" if entry == "retrieve" else entry
        call = max(
            (c for c in case.calls if c.entry == base and not (c.rejects or c.chunks)),
            key=lambda c: c.T if architecture == "PeerLayer" else sum(c.lengths),
        )
        tensors = make_inputs.make(case.config, call, "f32", rng).tensors
        before = evaluate("model.mlir", entry, tensors)
        after = evaluate("rewritten.mlir", entry, tensors)
        worst = max([worst] + [difference(before[name], after[name]) for name in before])
    return worst


def main():
    by_name = {case.name: case for case in CASES}
    for name, rewrite, entries in PAIRS:
        worst = compare(by_name[name], rewrite, entries)
        verdict = "agrees" if worst <= TOLERANCE else f"differs by {worst:.2g}"
        print(f"{name} {rewrite}: {verdict}", flush=True)


main()
