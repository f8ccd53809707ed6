"""mla.online_attention against softmax in float64."""

import numpy as np
from kernels import Suite, narrow, relative_error, widen

random = np.random.default_rng(4)
suite = Suite.from_command_line()


def add(
    news,
    pasts,
    H,
    D,
    dv,
    mode="paged",
    element="f32",
    causal=True,
    page=16,
    schedule=None,
    nan=None,
    magnitude=1.0,
    growth=0.0,
):
    """`mode`: keys in a paged cache, one row for all heads (`shared`) or rows per
    head (`heads`). `nan`: sequence and position of a key that is NaN. `growth`: how
    much larger each key is than the one before."""
    B = len(news)
    offsets = np.cumsum([0] + news).astype(np.int32)
    T = int(offsets[-1])
    lengths = [past + new for past, new in zip(pasts, news)]
    scale = D**-0.5
    arrays = {"q": narrow(magnitude * random.standard_normal((T, H, D)), element)}

    keys = [random.standard_normal((length, H if mode == "heads" else 1, D)) for length in lengths]
    values = [random.standard_normal((length, H, dv)) for length in lengths] if mode == "heads" else None
    for key in keys:
        key *= 1 + growth * np.arange(len(key))[:, None, None]
    if nan:
        keys[nan[0]][nan[1]] = np.nan
        if values:
            values[nan[0]][nan[1]] = np.nan
    keys = [narrow(key, element) for key in keys]
    values = [narrow(value, element) for value in values] if values else None
    dynamic, extra = {}, ""
    if mode == "paged":
        max_blocks = max([1] + [-(-length // page) for length in lengths])
        num_blocks = B * max_blocks + 2
        # What no sequence uses is NaN and its block numbers are wrong.
        cache = narrow(np.full((num_blocks, page, D), np.nan), element)
        blocks = random.permutation(num_blocks)[: B * max_blocks].astype(np.int32)
        blocks = blocks.reshape(B, max_blocks)
        for b, key in enumerate(keys):
            for j in range(lengths[b]):
                cache[blocks[b, j // page], j % page] = key[j, 0]
            blocks[b, -(-lengths[b] // page) :] = -5
        arrays["k"] = cache
        dynamic = {"k": (0, 1), "blocks": (0, 1)}
    else:
        shape = (T, H, D) if mode == "heads" else (T, D)
        arrays["k"] = np.concatenate(keys).reshape(shape)
    if values:
        arrays["v"] = np.concatenate(values)
        extra = "values({v} : {v.type}) "
    arrays["cu"] = offsets
    extra += "ragged({cu} : {cu.type}) "
    if mode == "paged":
        arrays["past"], arrays["blocks"] = np.array(pasts, np.int32), blocks
        extra += "paged({past}, {blocks} : {past.type}, {blocks.type}) "
    arrays["o"] = narrow(np.full((T, H, dv), 7.0), element)
    arrays["lse"] = np.full((T, H), 7, np.float32)

    def check():
        o, lse = np.zeros((T, H, dv)), np.full((T, H), -np.inf)
        q = widen(arrays["q"])
        for b in range(B):
            key = np.broadcast_to(widen(keys[b]), (lengths[b], H, D))
            value = widen(values[b]) if values else key[..., :dv]
            for i in range(news[b]):
                seen = pasts[b] + i + 1 if causal else lengths[b]
                scores = scale * np.einsum("hd,jhd->hj", q[offsets[b] + i], key[:seen])
                top = scores.max(1, keepdims=True)
                weights = np.exp(scores - top)
                total = weights.sum(1)
                o[offsets[b] + i] = (
                    np.einsum("hj,jhd->hd", weights, value[:seen]) / total[:, None]
                )
                lse[offsets[b] + i] = top[:, 0] + np.log(total)
        assert relative_error(arrays["lse"], lse) <= 1e-5, "lse"
        return relative_error(widen(arrays["o"]), o)

    attribute = ""
    if schedule:
        attribute = f"{{{{peermla.schedule = #tile.schedule<{schedule}>}}}} "
    suite.add(
        f"mla.online_attention {'causal ' if causal else ''}scale({scale:.17e}) "
        + attribute
        + "ins({q}, {k} : {q.type}, {k.type}) "
        + extra
        + "outs({o}, {lse} : {o.type}, {lse.type})",
        arrays,
        check,
        dynamic=dynamic,
        results=("o", "lse"),
    )


# Shapes that several cases have are compiled once.
SMALL = "block = [4, 4], inner = [16]"
for element in ("f32", "bf16", "f16"):
    add([1], [0], 1, 20, 16, element=element)
    add([1, 1, 1, 1], [63, 64, 0, 100], 16, 36, 32, page=64, element=element)
    add([3, 0, 2, 4], [5, 0, 0, 40], 12, 20, 16, page=1, element=element)
    add([1, 2], [70, 200], 20, 72, 64, schedule=SMALL, element=element)
    add([70], [33], 3, 12, 8, schedule="block = [16, 3], inner = [32]", element=element)
    add([1], [1000], 16, 36, 32, page=48, magnitude=8.0, element=element)
    # The running maximum grows from block to block.
    add([2], [150], 2, 12, 8, growth=0.2, schedule=SMALL, element=element)
    tall = "block = [16, 1], inner = [8]"
    add([90], [0], 2, 12, 8, growth=0.2, mode="heads", schedule=tall, element=element)
    add([4] * 20, list(range(20)), 2, 12, 8, element=element)  # too many to split
    add([5, 90, 1], [0] * 3, 2, 24, 20, mode="heads", element=element)
    add([5, 30, 0, 1], [0] * 4, 2, 25, 21, mode="heads", element=element)
    add([5, 30, 1], [0] * 3, 6, 20, 16, mode="shared", element=element)
    add([5, 30], [0] * 2, 6, 21, 16, mode="shared", causal=False, element=element)
    add([2, 3], [9, 40], 5, 12, 12, causal=False, schedule=SMALL, element=element)
    add([0], [3], 2, 12, 8, element=element)
    add([], [], 2, 12, 8, element=element)
    add([99, 3], [50, 0], 6, 20, 16, element=element)  # several tokens per item
    add([130], [7], 20, 24, 20, page=5, element=element)
    # A NaN reaches the rows that see its key and no other.
    add([20, 20], [3, 30], 2, 12, 8, nan=(0, 10), schedule=SMALL, element=element)
    add([100], [0], 2, 24, 20, nan=(0, 70), mode="heads", element=element)
suite.finish()
