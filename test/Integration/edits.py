"""Changes to random weights and inputs that make a case what its name says.

The first part edits the weights of a checkpoint (maps from name to float32
array, in place), the second the inputs of a call so that it must be refused.
"""

import numpy as np

from oracle.storage import Tensor

# --- weights ------------------------------------------------------------


def zero_keys(weights):
    for name in weights:
        if "sub_keys" in name:
            weights[name][:] = 0


def zero_one_key(weights):
    weights["sub_keys.0"][2] = 0


def equal_last_keys(weights):
    """All keys of the last dimension are one: ties within each winning row.

    Queries and keys are whole numbers, so that equal sums are equal bits.
    """
    weights["query_proj.weight"][:] = 0
    weights["query_proj.bias"][:] = np.round(weights["query_proj.bias"] * 8)
    keys = sorted(name for name in weights if "sub_keys" in name)
    for name in keys:
        weights[name][:] = np.round(weights[name] * 8)
    weights[keys[-1]][:] = weights[keys[-1]][:1]


def _point_at(weights, dimension, row):
    """A large bias along one key, so that this key wins in its dimension."""
    keys = weights[f"sub_keys.{dimension}"]
    width = keys.shape[-1]
    direction = np.ones(width, np.float32) / np.sqrt(width)
    keys[row] = 8 * direction
    bias = weights["query_proj.bias"].reshape(-1, 2, width)
    bias[:, dimension] = 20 * direction


def one_row_wins(weights):
    _point_at(weights, 0, 5)


def one_column_wins(weights):
    _point_at(weights, 1, 11)


def equal_heads(weights):
    """Head 1 asks what head 0 asks."""
    rows = weights["query_proj.weight"]
    h_dq = rows.shape[0] // 3
    rows[h_dq : 2 * h_dq] = rows[:h_dq]


def large_experts(weights):
    """Preactivations far out, where erf and exp saturate."""
    weights["expert_down.weight"] *= 40


def sharp_queries(weights):
    """Scores far apart: an expert that rounding swaps in has a small gate."""
    for name in weights:
        if name.endswith("query_proj.weight"):
            weights[name] *= 4


def gentle_queries(weights):
    """Under YaRN's larger scale, softmaxes as flat as without it."""
    for name in weights:
        if name.endswith(("q_b_proj.weight", "q_proj.weight")):
            weights[name] *= 0.5


def sharp_attention(weights):
    """Few keys of many matter: an average of all of them would be nearly zero."""
    weights["q_b_proj.weight"] *= 4


# --- inputs that a call refuses ----------------------------------------------


def _set(inputs, name, index, value):
    values = inputs[name].values.copy()
    values[index] = value
    inputs[name] = Tensor(inputs[name].dtype, values)


def cu_seqlens_beyond_T(inputs):
    _set(inputs, "cu_seqlens", -1, inputs["cu_seqlens"].values[-1] + 1)


def cu_seqlens_descending(inputs):
    _set(inputs, "cu_seqlens", 1, inputs["cu_seqlens"].values[-1] + 1)


def past_beyond_table(inputs):
    capacity = inputs["block_table"].shape[1] * inputs["cache"].shape[-2]
    _set(inputs, "past_lens", 1, capacity)


def past_negative(inputs):
    _set(inputs, "past_lens", 0, -1)


def block_beyond_cache(inputs):
    _set(inputs, "block_table", (1, 0), inputs["cache"].shape[-3])


def block_negative(inputs):
    _set(inputs, "block_table", (0, 0), -1)


def x_missing(inputs):
    del inputs["x"]


def x_of_another_type(inputs):
    inputs["x"] = Tensor("f64", inputs["x"].values.astype(np.float64))


def x_of_another_width(inputs):
    inputs["x"] = Tensor(inputs["x"].dtype, inputs["x"].values[:, :-1])


def x_not_divisible(inputs):
    inputs["x"] = Tensor(inputs["x"].dtype, inputs["x"].values[:-1])


def token_negative(inputs):
    _set(inputs, "tokens", 0, -1)


def token_beyond_vocabulary(inputs):
    _set(inputs, "tokens", 1, 101)


def logit_row_beyond_T(inputs):
    _set(inputs, "logit_rows", 0, len(inputs["tokens"].values))


def logit_row_negative(inputs):
    _set(inputs, "logit_rows", 0, -1)
