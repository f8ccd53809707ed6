"""The kernels that the simulator is tested with, each with a launch, inputs and
what must come out."""

import dataclasses
import math
import pathlib
import subprocess
import sys

import numpy as np

import tensors

KERNELS = pathlib.Path(__file__).parent / "kernels"
sys.path.insert(0, str(KERNELS))

import builder
import copy_ring
import flash_attention
import mma_gemm
import wgmma_gemm


@dataclasses.dataclass
class Case:
    """`text` is the kernel before it is lowered; `options` are those of
    peermla-sim; `reference` is compared with the output within `tolerance`."""

    name: str
    text: str
    options: list[str]
    inputs: dict[str, np.ndarray]
    output: str
    reference: np.ndarray
    tolerance: float
    architecture: str
    # Pitches, sizes of slots and their number: see mutants.py.
    layout: tuple[int, ...] = ()

    def is_right(self, result):
        error = np.abs(result.astype(np.float64) - self.reference)
        return bool(np.all(error <= self.tolerance))


def lower(text, tools):
    """The kernel, or several with `// -----` between them, as NVVM and LLVM."""
    done = subprocess.run(
        [tools / "peermla-opt", "-split-input-file", *builder.LOWERING],
        input=text, capture_output=True, text=True, check=False,
    )
    if done.returncode:
        raise RuntimeError(f"lowering failed: {done.stderr}")
    return done.stdout


def small_numbers(generator, *shape):
    """Numbers whose products and sums are exact, in bf16."""
    return tensors.round_to_bf16(generator.integers(-8, 9, shape) / 8)


def block_reduction():
    generator = np.random.default_rng(1)
    values = (generator.integers(-64, 65, (3, 333)) / 8).astype(np.float32)
    return Case(
        "block_reduction",
        (KERNELS / "block_reduction.mlir").read_text(),
        ["--parameters=in,out,columns", "--grid=3", "--block=128", "--set=columns=333",
         "--output=out:f32:3"],
        {"in": values}, "out", values.sum(axis=1, dtype=np.float64), 0.0, "sm_80",
    )


def copies():
    options, inputs, reference = copy_ring.launch()
    return Case("copy_ring", copy_ring.build(), options, inputs, "y", reference, 0.0, "sm_90a",
                (copy_ring.SLOT_BYTES,))


def gemm(name, text, shape, architecture, options, layout):
    m, n, k = shape
    generator = np.random.default_rng(2)
    a, b = small_numbers(generator, m, k), small_numbers(generator, n, k)
    left, right = (tensors.from_bf16(x).astype(np.float64) for x in (a, b))
    sizes = [f"--set={key}={value}" for key, value in zip("mnk", shape)]
    grid = f"--grid={math.ceil(m / 64)}x{math.ceil(n / 64)}"
    return Case(
        name, text, ["--parameters=a,b,c,m,n,k", grid, "--block=128", *sizes,
                     f"--output=c:f32:{m}x{n}", *options],
        {"a": a, "b": b}, "c", left @ right.T, 0.0, architecture, layout,
    )


def attention():
    heads, queries, keys, width = 2, 70, 201, 64
    generator = np.random.default_rng(3)
    q, k, v = (
        tensors.round_to_bf16(generator.standard_normal((heads, rows, width)))
        for rows in (queries, keys, keys)
    )
    wide = [tensors.from_bf16(x).astype(np.float64) for x in (q, k, v)]
    scores = np.einsum("hqd,hkd->hqk", wide[0], wide[1]) / math.sqrt(width)
    weights = np.exp(scores - scores.max(axis=2, keepdims=True))
    weights /= weights.sum(axis=2, keepdims=True)
    maps = [f"--tensor-map={name}:box=64x64x1,swizzle=128" for name in "qkv"]
    return Case(
        "flash_attention", flash_attention.Attention().build(),
        ["--parameters=q,k,v,o,queries,keys,scale", "--grid=2x2", "--block=160",
         f"--set=queries={queries}", f"--set=keys={keys}",
         f"--set=scale={math.log2(math.e) / math.sqrt(width)}",
         f"--output=o:f32:{heads}x{queries}x{width}", *maps],
        {"q": q, "k": k, "v": v}, "o", weights @ wide[2],
        # The weights are rounded to bf16, whose half unit is 2^-9.
        2**-9 * float(np.abs(wide[2]).max()) * 2, "sm_90a", (2, 128, 8192),
    )


def all_cases():
    maps = [f"--tensor-map={name}:box=64x64,swizzle=128" for name in "ab"]
    return [
        block_reduction(),
        copies(),
        gemm("mma_gemm", mma_gemm.build(), (100, 72, 160), "sm_80", [],
             (3, 80, 5120)),
        gemm("wgmma_gemm", wgmma_gemm.build(), (100, 72, 448), "sm_90a", maps,
             (3, 8192)),
        attention(),
    ]
