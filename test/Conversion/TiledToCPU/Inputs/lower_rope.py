"""Positions, rotation tables, rotations and cache writes against numpy."""

import numpy as np
from kernels import Suite, narrow, relative_error, widen

random = np.random.default_rng(3)
suite = Suite.from_command_line()


def i32(values):
    return np.array(values, np.int32)


def add_positions(offsets, past, T):
    arrays = {"cu": i32(offsets), "p": np.full(T, 77, np.int32)}
    lengths = past or [0] * (len(offsets) - 1)
    ins = "{cu} : {cu.type}"
    if past:
        arrays["past"] = i32(past)
        ins = "{cu}, {past} : {cu.type}, {past.type}"

    def check():
        expected = np.zeros(T, np.int32)
        for b, begin in enumerate(offsets[:-1]):
            for t in range(max(begin, 0), min(offsets[b + 1], T)):
                expected[t] = lengths[b] + t - begin
        assert np.array_equal(arrays["p"], expected), "positions"
        return 0.0

    suite.add(f"mla.positions ins({ins}) outs({{p}} : {{p.type}})", arrays, check)


add_positions([0, 3, 3, 8], [5, 2, 0], 8)
add_positions([0, 4, 8, 12], [4000, 100000, 63], 12)
add_positions([0, 0, 1], None, 3)  # a token outside all sequences
add_positions([-2, 5, 9], [1, 1], 6)  # offsets out of range
add_positions([0], None, 2)
add_positions([0, 0], [7], 0)


def add_table(dr):
    frequencies = 1e4 ** (-2 * np.arange(dr // 2) / dr)
    positions = i32([0, 1, 4097, 100000, 2**30])
    arrays = {"p": positions, "table": np.zeros((5, dr), np.float32)}

    def check():
        angles = positions[:, None].astype(np.float64) * frequencies
        expected = 1.25 * np.concatenate([np.cos(angles), np.sin(angles)], 1)
        worst = np.abs(arrays["table"] - expected).max()
        assert worst < 1e-7, f"error {worst} of a table"
        return worst

    values = ", ".join(f"{frequency:.17e}" for frequency in frequencies)
    suite.add(
        f"mla.rope_table {{{{inv_freq = array<f64: {values}>, multiplier = 1.25 : f64}}}} "
        "ins({p} : {p.type}) outs({table} : {table.type})",
        arrays,
        check,
    )


for dr in (2, 4, 10, 64):
    add_table(dr)


def add_rotation(element, H, D, dr, in_place, T=3):
    shape = (T, H, D) if H else (T, D)
    x = narrow(random.standard_normal(shape), element)
    table = np.float32(random.standard_normal((T, dr)))
    wide = widen(x)
    place = (slice(None), None) if H else slice(None)
    cos = widen(table)[:, : dr // 2][place]
    sin = widen(table)[:, dr // 2 :][place]
    even, odd = wide[..., D - dr :: 2], wide[..., D - dr + 1 :: 2]
    expected = wide.copy()
    expected[..., D - dr :: 2] = even * cos - odd * sin
    expected[..., D - dr + 1 :: 2] = even * sin + odd * cos
    arrays = {"x": x, "table": table}
    y = "x" if in_place else "y"
    if not in_place:
        arrays["y"] = narrow(np.full(shape, 7.0), element)
    suite.add(
        "mla.rope ins({x}, {table} : {x.type}, {table.type}) "
        f"outs({{{y}}} : {{{y}.type}})",
        arrays,
        lambda: relative_error(widen(arrays[y]), expected),
    )


for element in ("f32", "bf16", "f16"):
    for in_place in (False, True):
        for H, D, dr in [(3, 12, 4), (1, 24, 24), (5, 9, 2), (2, 192, 64)]:
            add_rotation(element, H, D, dr, in_place)
        for D, dr in [(20, 8), (576, 64), (43, 38)]:
            add_rotation(element, None, D, dr, in_place)
add_rotation("f32", 2, 12, 4, True, T=0)


def add_append(element, page, past, bad_block):
    news, D = [3, 0, 1, 5], 20
    offsets = np.cumsum([0] + news)
    T = int(offsets[-1]) + 1  # one token outside all sequences
    max_blocks = -(-80 // page)
    num_blocks = 4 * max_blocks + 3
    blocks = i32(random.permutation(num_blocks)[: 4 * max_blocks])
    blocks = blocks.reshape(4, max_blocks)
    if bad_block is not None:
        blocks[3] = num_blocks if bad_block == "past the last" else bad_block
    arrays = {
        "rows": narrow(random.standard_normal((T, D)), element),
        "cu": i32(offsets),
        "past": i32(past),
        "blocks": blocks,
        "cache": narrow(random.standard_normal((num_blocks, page, D)), element),
    }
    expected = arrays["cache"].copy()
    for b, new in enumerate(news):
        for t in range(offsets[b], offsets[b] + new):
            position = int(past[b]) + t - offsets[b]
            if not 0 <= position < max_blocks * page:
                continue
            block = blocks[b, position // page]
            if 0 <= block < num_blocks:
                expected[block, position % page] = arrays["rows"][t]

    def check():
        assert np.array_equal(arrays["cache"], expected), "cache"
        return 0.0

    suite.add(
        "mla.cache_append ins({rows}, {cu}, {past}, {blocks} : {rows.type}, {cu.type}, "
        "{past.type}, {blocks.type}) outs({cache} : {cache.type})",
        arrays,
        check,
        dynamic={"blocks": (0, 1), "cache": (0, 1)},
    )


for element in ("f32", "bf16"):
    add_append(element, 1, [0, 55, 40, 7], None)
    add_append(element, 1, [-2, 55, 40, -9], None)
    add_append(element, 16, [63, 64, 65, 48], None)
    add_append(element, 5, [2**31 - 5, 55, 40, 7], -1)
    add_append(element, 64, [-2, 55, 40, 7], "past the last")
suite.finish()
