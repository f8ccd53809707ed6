"""peer.expert_mlp against sums over experts in float64."""

import math

import numpy as np
from kernels import Suite, narrow, relative_error, widen

random = np.random.default_rng(2)
suite = Suite.from_command_line()
erf = np.vectorize(math.erf, otypes=[np.float64])
ACTIVATIONS = {
    "gelu": lambda x: 0.5 * x * (1 + erf(x / math.sqrt(2))),
    "relu": lambda x: np.maximum(x, 0),
    "silu": lambda x: x / (1 + np.exp(-x)),
}


def add(
    T,
    h,
    k,
    N,
    e,
    d,
    d_out,
    element="f32",
    activation="gelu",
    gated=False,
    layout="neuron_major",
    neurons=False,
    out_of_range=False,
    nan=False,
    schedule=None,
    tile=False,
):
    def table(shape):
        values = random.standard_normal(shape) / math.sqrt(shape[-1])
        if out_of_range:
            values[0] = np.nan  # never chosen, hence never read
        return narrow(values, element)

    x = random.standard_normal((T, d))
    if nan:
        x[0, d // 2] = np.nan
    indices = random.integers(0, N, (T, h, k)).astype(np.int32)
    if out_of_range:
        wrong = random.choice([-1, N, 2**31 - 1, -(2**31)], indices.shape)
        indices = np.where(random.random(indices.shape) < 0.3, wrong, indices)
        indices = np.where(indices == 0, 1, indices).astype(np.int32)
    up_shape = (N, d_out, e) if layout == "output_major" else (N, e, d_out)
    arrays = {
        "x": narrow(x, element),
        "i": indices,
        "g": np.float32(random.standard_normal((T, h, k))),
        "down": table((N, e, d)),
        "up": table(up_shape),
    }
    text = f"peer.expert_mlp {activation} "
    if layout != "neuron_major":
        text += f"up_layout({layout}) "
    if schedule:
        text += f"{{{{peermla.schedule = #tile.schedule<{schedule}>}}}} "
    text += "ins({x}, {i}, {g}, {down}, {up} : {x.type}, {i.type}, {g.type}, "
    text += "{down.type}, {up.type}) "
    if gated:
        arrays["gate"] = table((N, e, d))
        text += "gate({gate} : {gate.type}) "
    arrays["y"] = narrow(np.full((T, d_out), 7.0), element)
    if neurons:
        arrays["u"] = np.full((T, h, k, e), 7, np.float32)
        text += "outs({y}, {u} : {y.type}, {u.type})"
    else:
        text += "outs({y} : {y.type})"

    def check():
        x, down, up = (widen(arrays[name]) for name in ("x", "down", "up"))
        if layout == "output_major":
            up = up.transpose(0, 2, 1)
        y, u = np.zeros((T, d_out)), np.zeros((T, h, k, e))
        for place in np.ndindex(T, h, k):
            index = indices[place]
            if not 0 <= index < N:
                continue
            value = down[index] @ x[place[0]]
            if gated:
                gate = widen(arrays["gate"][index]) @ x[place[0]]
                u[place] = ACTIVATIONS[activation](gate) * value
            else:
                u[place] = ACTIVATIONS[activation](value)
            y[place[0]] += arrays["g"][place] * (u[place] @ up[index])
        if neurons:
            assert relative_error(arrays["u"], u) <= 1e-5, "neurons"
        return relative_error(widen(arrays["y"]), y)

    static = {"down": (), "up": (), "gate": ()}
    suite.add(text, arrays, check, dynamic=static, tile=tile)


VARIANTS = [
    dict(),
    dict(element="bf16"),
    dict(element="f16", tile=True),
    dict(activation="relu", neurons=True),
    dict(activation="silu", gated=True, element="bf16"),
    dict(gated=True, out_of_range=True, neurons=True),
    dict(out_of_range=True, nan=True),
    dict(schedule="registers = [3, 2]", tile=True, neurons=True),
    dict(schedule="inner = [0, 1, 3], registers = [2, 1]", element="bf16"),
    dict(schedule="inner = [1, 1, 0], registers = [16, 4]", out_of_range=True),
    dict(schedule="inner = [1, 2, 0], registers = [3, 0]", neurons=True),
    dict(layout="output_major", neurons=True),
    dict(layout="output_major", element="bf16", out_of_range=True),
]
for variant in VARIANTS:
    add(5, 2, 8, 50, 1, 32, 48, **variant)
    add(1, 3, 5, 50, 1, 37, 29, **variant)  # tails of columns, of retrievals
    add(20, 2, 4, 60, 4, 20, 12, **variant)
    add(9, 1, 1, 7, 3, 5, 3, **variant)
add(0, 2, 8, 50, 1, 32, 48)
suite.finish()
