"""peer.select against a sort of all sums."""

import numpy as np
from kernels import Suite, relative_error

random = np.random.default_rng(1)
suite = Suite.from_command_line()

SCORES = {
    "normal": lambda shape: random.standard_normal(shape),
    "few values": lambda shape: random.integers(-3, 3, shape),
    "all equal": lambda shape: np.zeros(shape),
    "zeros of both signs": lambda shape: random.choice([0.0, -0.0], shape),
    "ascending": lambda shape: np.broadcast_to(np.arange(shape[-1]), shape),
    "winners share a coordinate": lambda shape: 1e-3 * random.standard_normal(shape)
    + 100.0 * (np.arange(shape[-1]) == shape[-1] // 2),
    "a NaN": lambda shape: np.where(
        np.indices(shape).sum(0) == shape[-1] // 2, np.nan, random.random(shape)
    ),
    "only NaN": lambda shape: np.full(shape, -np.nan),
}
GATES = {
    "softmax": lambda s: np.exp(s - s[0]) / np.exp(s - s[0]).sum(),
    "sigmoid": lambda s: 1 / (1 + np.exp(-s)),
    "relu": lambda s: np.maximum(s, 0),
}


def add(k, keys, kind, function, panel, with_scores, tile, T=2, h=2):
    rows = [np.float32(SCORES[kind]((T, h, n))) for n in keys]
    arrays = {}
    for i, row in enumerate(rows):
        if panel:  # what lies past the keys must not count
            padding = -row.shape[2] % panel
            row = np.pad(row, ((0, 0), (0, 0), (0, padding)), constant_values=1e9)
            row = row.reshape(T, h, -1, panel)
        arrays[f"s{i}"] = np.ascontiguousarray(row)
    inputs = list(arrays)
    arrays["gates"] = np.full((T, h, k), 7, np.float32)
    arrays["indices"] = np.full((T, h, k), -7, np.int32)
    if with_scores:
        arrays["scores"] = np.full((T, h, k), 7, np.float32)
    outputs = list(arrays)[len(inputs) :]

    def check():
        indices = arrays["indices"]
        N = int(np.prod(keys))
        assert ((indices >= 0) & (indices < N)).all(), "index out of range"
        expected = np.zeros((T, h, k))
        for place in np.ndindex(T, h):
            sums = rows[0][place]
            for row in rows[1:]:
                sums = (sums[:, None] + row[place]).astype(np.float32).reshape(-1)
            if np.isnan(sums).any():
                expected[place] = np.nan
                continue
            order = np.lexsort((np.arange(N), -sums.astype(np.float64)))[:k]
            best = sums[order]
            assert len(set(indices[place])) == k, "an index twice"
            assert np.array_equal(sums[indices[place]], best), "not the best"
            if "winners" not in kind and kind != "normal":  # no ties by rounding
                assert np.array_equal(indices[place], order), "ties"
            if with_scores:
                assert np.array_equal(arrays["scores"][place], best), "scores"
            expected[place] = GATES[function](best.astype(np.float64))
        return relative_error(arrays["gates"], expected)

    def list_of(names):
        values = ", ".join("{%s}" % name for name in names)
        return values + " : " + ", ".join("{%s.type}" % name for name in names)

    suite.add(
        f"peer.select {function} num_keys({list(keys)}) "
        f"ins({list_of(inputs)}) outs({list_of(outputs)})",
        arrays,
        check,
        tile=tile,
    )


SHAPES = [
    (16, [256, 100]),  # a list in one or two registers
    (5, [300, 9]),  # scores past the last round of the bound
    (16, [256]),  # a NaN must pass the bound by itself
    (1, [7]),
    (7, [7]),  # k = n_i
    (4, [6, 5]),
    (20, [3, 40]),  # a dimension smaller than k
    (6, [2, 1, 3, 4]),
    (16, [8, 16, 32]),
    (30, [5, 6]),  # k = N
    (33, [40, 64]),
    (70, [200]),  # a list in memory at 16 lanes
    (100, [30, 20]),
]
for number, (k, keys) in enumerate(SHAPES):
    for kind in SCORES:
        number += 1
        add(
            k,
            keys,
            kind,
            list(GATES)[number % 3],
            panel=[0, 16, 0, 32][number % 4],
            with_scores=number % 2 == 0,
            tile=number % 5 == 0,
        )
add(3, [5, 4], "normal", "softmax", 0, True, False, T=0)
suite.finish()
