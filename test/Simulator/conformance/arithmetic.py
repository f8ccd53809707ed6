"""Cases of conversions, whose rounding is exact, and of approximate functions,
whose error is bounded: two results are apart by no more than both may err."""

import numpy as np

import values
from probe import Probe

COUNT = 64

# Forms of cvt with one 32-bit operand; `d` is a register of the narrow type.
CONVERSIONS = {
    **{f"{kind}.{mode}": f"{{ .reg .b16 d; cvt.{mode}.{kind}.f32 d, $1; cvt.u32.u16 $0, d; }}"
       for kind in ("f16", "bf16") for mode in ("rn", "rz", "rn.relu", "rz.relu")},
    "tf32.rna": "cvt.rna.tf32.f32 $0, $1;",
    **{f"s32.{mode}": f"cvt.{mode}.s32.f32 $0, $1;" for mode in ("rni", "rzi", "rmi", "rpi")},
    **{f"u32.{mode}": f"cvt.{mode}.u32.f32 $0, $1;" for mode in ("rni", "rzi", "rmi", "rpi")},
    **{f"f32.{kind}.{mode}": f"cvt.{mode}.f32.{kind} $0, $1;"
       for kind in ("s32", "u32") for mode in ("rn",)},
}

# Of the pair of an operand and its neighbour's.
PAIRS = {
    **{f"{kind}x2.{mode}": f"cvt.{mode}.{kind}x2.f32 $0, $1, $2;"
       for kind in ("f16", "bf16") for mode in ("rn", "rz", "rn.relu")},
    **{f"{kind}x2.rn.satfinite":
       f"{{ .reg .b16 d; cvt.rn.satfinite.{kind}x2.f32 d, $1, $2; cvt.u32.u16 $0, d; }}"
       for kind in ("e4m3", "e5m2")},
}

# What the PTX manual bounds in units of the last place of a normal result; the
# inputs stay where that holds.
APPROXIMATIONS = {
    "ex2.approx.ftz.f32": (2, -20, 20),
    "rcp.approx.ftz.f32": (1, 0.01, 100),
    "rsqrt.approx.ftz.f32": (2, 0.01, 100),
    "sqrt.approx.ftz.f32": (2, 0.01, 100),
    # 2^-22 near one otherwise: these are at least 2 from it.
    "lg2.approx.ftz.f32": (4, 4, 1000),
}


def one(family, variant, text, words, operands, architecture, ulps=0):
    kernel = Probe(family, variant)
    for index in range(COUNT // 32):
        inputs = [kernel.input(index, COUNT * operand) for operand in range(operands)]
        kernel.output(kernel.ptx(text, 1, inputs)[0])
    return kernel.case(architecture, words, ulps=ulps)


def cases():
    for variant, text in CONVERSIONS.items():
        yield one("cvt", variant, text, values.awkward_floats(f"cvt.{variant}", COUNT), 1, "sm_80")
    for variant, text in PAIRS.items():
        upper = values.awkward_floats(f"cvt.{variant}", COUNT)
        architecture = "sm_89" if variant.startswith("e") else "sm_80"
        yield one("cvt", variant, text, np.concatenate([upper, upper[::-1]]), 2, architecture)
    for kind in ("e4m3", "e5m2"):
        # Every code, two at a time.
        codes = np.arange(256, dtype=np.uint8).reshape(-1, 2).view(np.uint16).astype(np.uint32)
        for half in range(2):
            variant = f"f16x2.{kind}x2.rn.{'low' if half == 0 else 'high'}"
            text = (f"{{ .reg .b16 s; cvt.u16.u32 s, $1; cvt.rn.f16x2.{kind}x2 $0, s; }}")
            yield one("cvt", variant, text, codes.reshape(-1)[half * COUNT:][:COUNT], 1, "sm_89")
    for variant, (ulps, low, high) in APPROXIMATIONS.items():
        generator = values.probe.generator(f"approx.{variant}")
        words = generator.uniform(low, high, COUNT).astype(np.float32).view(np.uint32)
        yield one("approx", variant, f"{variant} $0, $1;", words, 1, "sm_80", 2 * ulps)
