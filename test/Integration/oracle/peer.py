"""The PEER layer, every expert scored.

    q     = norm_query(W_q x + b)            per head
    s_i   = norm_keys(C_i) q_i               per dimension i
    score = (s_0[j_0] + s_1[j_1]) + ...      all N of them
    y     = sum over heads and the k best of  g W_up[index] act(W_down[index] x)
"""

import math

import numpy as np

EPS = 1e-5
_erf = np.vectorize(math.erf, otypes=[np.float64])


def identity(values):
    return values


def _sigmoid(z):
    with np.errstate(over="ignore"):
        return 1 / (1 + np.exp(-z))


def activate(name, z):
    """gelu (erf), relu or silu."""
    if name == "gelu":
        return 0.5 * z * (1 + _erf(z / math.sqrt(2))) if z.size else z
    if name == "relu":
        return np.where(np.isnan(z), z, np.maximum(z, 0))
    assert name == "silu"
    return z * _sigmoid(z)


def gates(name, scores):
    """The score function over the last dimension."""
    if name == "softmax":
        e = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return e / e.sum(axis=-1, keepdims=True)
    if name == "sigmoid":
        return _sigmoid(scores)
    assert name == "relu"
    return np.where(np.isnan(scores), scores, np.maximum(scores, 0))


def _l2(v):
    return v / np.maximum(np.sqrt((v * v).sum(axis=-1, keepdims=True)), 1e-12)


def queries(config, weights, x, storage=identity):
    """q [T, h, dq] after its norm."""
    T, h, dq = x.shape[0], config.num_heads, config.query_dim
    q = x @ weights["query_proj.weight"].T
    if "query_proj.bias" in weights:
        q = q + weights["query_proj.bias"]
    if config.norm_query == "batch_norm":
        mean, var = weights["query_norm.running_mean"], weights["query_norm.running_var"]
        q = (q - mean) / np.sqrt(var + EPS)
        q = q * weights["query_norm.weight"] + weights["query_norm.bias"]
    q = q.reshape(T, h, dq)
    if config.norm_query == "layer_norm":
        mean = q.mean(axis=-1, keepdims=True)
        var = ((q - mean) ** 2).mean(axis=-1, keepdims=True)
        q = (q - mean) / np.sqrt(var + EPS)
        q = q * weights["query_norm.weight"] + weights["query_norm.bias"]
    if config.norm_query == "l2":
        D = len(config.product_key_dim)
        return _l2(storage(q).reshape(T, h, D, dq // D)).reshape(T, h, dq)
    return storage(q)


def all_scores(config, weights, x, storage=identity):
    """The scores of all experts [T, h, N], in row-major order of their keys."""
    T, h, width = x.shape[0], config.num_heads, config.sub_query_dim
    q = queries(config, weights, x, storage)
    total = None
    for i, n in enumerate(config.product_key_dim):
        keys = weights[f"sub_keys.{i}"]
        if config.norm_keys == "l2":
            keys = _l2(keys)
        if not config.keys_per_head:
            keys = np.broadcast_to(keys, (h, n, width))
        part = q[:, :, i * width : (i + 1) * width]
        s = np.einsum("thc,hnc->thn", part, keys)
        if total is None:
            total = s
        else:
            total = total[..., :, None] + s[..., None, :]
            total = total.reshape(T, h, total.shape[2] * n)
    return total


def retrieve(config, weights, x, storage=identity):
    """scores and indices [T, h, k]: descending, ties to the lower index."""
    scores = all_scores(config, weights, x, storage)
    order = np.argsort(-scores, axis=-1, kind="stable")
    indices = order[..., : config.num_experts_per_tok]
    return np.take_along_axis(scores, indices, axis=-1), indices.astype(np.int32)


def experts(config, weights, x, scores, indices):
    """y [T, d] from the chosen experts and their scores."""
    T, d, e = x.shape[0], x.shape[1], config.expert_hidden_size
    N = config.num_experts
    down = weights["expert_down.weight"].reshape(N, e, d)
    up = weights["expert_up.weight"]
    if config.expert_up_layout == "neuron_major":
        up = up.reshape(N, e, -1)
    else:
        up = up.reshape(N, -1, e).transpose(0, 2, 1)
    g = gates(config.score_function, scores)
    y = np.zeros((T, up.shape[2]))
    for t in range(T):
        chosen = indices[t].reshape(-1)
        z = down[chosen] @ x[t]
        if config.gated:
            gate = weights["expert_gate.weight"].reshape(N, e, d)[chosen]
            u = activate(config.activation, gate @ x[t]) * z
        else:
            u = activate(config.activation, z)
        y[t] = np.einsum("k,ke,kef->f", g[t].reshape(-1), u, up[chosen])
    return y


def layer(config, weights, x, storage=identity, indices=None):
    """y [T, d]. With `indices` [T, h, k] these experts are taken instead of the best."""
    if indices is None:
        scores, indices = retrieve(config, weights, x, storage)
    else:
        scores = np.take_along_axis(all_scores(config, weights, x, storage), indices, axis=-1)
    return storage(experts(config, weights, x, scores, indices))
