"""Random inputs of a call, and what is known about them.

Cache rows past a sequence's length are NaN, blocks lie shuffled, entries of the
block table that no token needs are out of range.
"""

import dataclasses

import numpy as np

from oracle import config as configs
from oracle.storage import Tensor, round_to


@dataclasses.dataclass
class Inputs:
    """Arguments by name; `written` marks the cache rows that the call writes."""

    tensors: dict
    written: np.ndarray = None

    def wide(self):
        """The arguments as the oracle takes them."""
        return {
            name: tensor.values if tensor.dtype == "i32" else tensor.wide()
            for name, tensor in self.tensors.items()
        }


def _i32(values, shape=None):
    array = np.asarray(values, np.int32)
    return Tensor("i32", array.reshape(shape) if shape else array)


def cu_seqlens(lengths):
    return np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]).astype(np.int32)


def paged(call, totals, rng):
    """A block table for sequences of `totals` rows, and the number of blocks."""
    needed = [-(-total // call.page) for total in totals]
    table = rng.choice(np.array([-7, 2**30, -(2**31)]), (len(totals), max(needed, default=0) + 1))
    blocks = rng.permutation(sum(needed) + 2)
    for b, count in enumerate(needed):
        table[b, :count], blocks = blocks[:count], blocks[count:]
    return _i32(table), sum(needed) + 2


def rows_of(table, page, b, begin, end):
    """(blocks, rows in them) of the rows begin .. end of sequence b."""
    j = np.arange(begin, end)
    return table[b, j // page], j % page


def empty_cache(config, blocks, page, dtype):
    """A cache of NaN."""
    attention = configs.mla(config)
    shape = (blocks, page, attention.dc + attention.dr)
    if config["architectures"][0] != "MlaLayer":
        shape = (config["num_hidden_layers"], *shape)
    return round_to(np.full(shape, np.nan, np.float32), dtype)


def _activations(config, T, call, dtype, rng):
    x = rng.standard_normal((T, config["hidden_size"]))
    if call.poison:
        token, kind = call.poison
        x[token, 1] = np.nan if kind == "nan" else np.inf
    return round_to(x, dtype)


def _cached(config, call, dtype, rng):
    totals = [past + new for past, new in zip(call.past, call.lengths)]
    table, blocks = paged(call, totals, rng)
    cache = empty_cache(config, blocks, call.page, dtype).values.copy()
    written = np.zeros((blocks, call.page), bool)
    for b, (past, total) in enumerate(zip(call.past, totals)):
        where = rows_of(table.values, call.page, b, 0, past)
        shape = cache[..., where[0], where[1], :].shape
        cache[..., where[0], where[1], :] = rng.standard_normal(shape)
        written[rows_of(table.values, call.page, b, past, total)] = True
    return {"cache": round_to(cache, dtype), "block_table": table}, written


def make(config, call, dtype, rng):
    """The inputs of one call that is not chunked."""
    architecture = config["architectures"][0]
    T = call.T if architecture == "PeerLayer" else sum(call.lengths)
    if architecture in ("PeerLayer", "MlaLayer"):
        tensors = {"x": _activations(config, T, call, dtype, rng)}
    else:
        tensors = {"tokens": _i32(rng.integers(0, config["vocab_size"], T))}
    if architecture == "PeerLayer":
        return Inputs(tensors)
    if call.entry in ("forward", "step"):
        tensors["cu_seqlens"] = _i32(cu_seqlens(call.lengths))
    if call.entry == "forward":
        return Inputs(tensors)
    cached, written = _cached(config, call, dtype, rng)
    tensors |= cached
    name = "past_lens" if call.entry == "step" else "seq_lens"
    tensors[name] = _i32(call.past, (len(call.past),))
    if call.entry == "step" and architecture != "MlaLayer":
        rows = range(T) if call.logit_rows is None else call.logit_rows
        tensors["logit_rows"] = _i32(list(rows))
    return Inputs(tensors, written)


def chunk_rows(call):
    """For each chunk, the rows of the whole batch that it computes."""
    totals = [sum(chunk[b] for chunk in call.chunks) for b in range(len(call.chunks[0]))]
    starts = cu_seqlens(totals)
    past, result = [0] * len(totals), []
    for chunk in call.chunks:
        result.append(
            np.concatenate(
                [starts[b] + past[b] + np.arange(new) for b, new in enumerate(chunk)]
            ).astype(int)
        )
        past = [p + new for p, new in zip(past, chunk)]
    return totals, result
