"""Multi-head Latent Attention in expanded form, over rows or a paged cache.

    cq = rms_norm(x W_qa^T)   q = cq W_qb^T = [nope | rope] per head
    ckv = x W_kva^T           c = rms_norm(ckv[:dc])   k_pe = rope(ckv[dc:])
    [k_nope | v] = c W_kvb^T  per head
    o = softmax(scale (q_nope k_nope^T + rope(q_pe) k_pe^T) + mask) v
    y = concat_heads(o) W_o^T
"""

import math

import numpy as np

from .peer import identity

LATENT_EPS = 1e-6


def rms_norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + eps) * weight


def _mscale(factor, m):
    return 1.0 if factor <= 1 else 0.1 * m * math.log(factor) + 1.0


def scale(config):
    """The factor of the scores."""
    result = (config.dn + config.dr) ** -0.5
    yarn = config.yarn
    if yarn and yarn.mscale_all_dim:
        result *= _mscale(yarn.factor, yarn.mscale_all_dim) ** 2
    return result


def correction_range(config):
    """(low, high) of the ramp of YaRN."""

    def cdim(rotations):
        turns = config.yarn.original_length / (2 * math.pi * rotations)
        return config.dr * math.log(turns) / (2 * math.log(config.theta))

    low = max(math.floor(cdim(config.yarn.beta_fast)), 0)
    high = min(math.ceil(cdim(config.yarn.beta_slow)), config.dr - 1)
    return low, high


def inverse_frequencies(config):
    """inv_freq [dr / 2]."""
    i = np.arange(config.dr // 2, dtype=np.float64)
    freq = config.theta ** (-2 * i / config.dr)
    if not config.yarn:
        return freq
    low, high = correction_range(config)
    if low == high:
        high += 0.001
    ramp = np.clip((i - low) / (high - low), 0, 1)
    return freq * (1 - ramp) + freq / config.yarn.factor * ramp


def rotation_multiplier(config):
    """The factor of cosines and sines."""
    yarn = config.yarn
    if not yarn:
        return 1.0
    if yarn.mscale is not None and yarn.mscale_all_dim is not None:
        return _mscale(yarn.factor, yarn.mscale) / _mscale(yarn.factor, yarn.mscale_all_dim)
    return _mscale(yarn.factor, 1)


def rope(config, x, positions):
    """Rotates pairs (2i, 2i+1) of x [T, ..., dr]."""
    angles = positions.astype(np.float64)[:, None] * inverse_frequencies(config)
    shape = (len(positions),) + (1,) * (x.ndim - 2) + (config.dr // 2,)
    cos = (np.cos(angles) * rotation_multiplier(config)).reshape(shape)
    sin = (np.sin(angles) * rotation_multiplier(config)).reshape(shape)
    out = np.empty_like(x)
    a, b = x[..., 0::2], x[..., 1::2]
    out[..., 0::2] = a * cos - b * sin
    out[..., 1::2] = a * sin + b * cos
    return out


def positions(cu_seqlens, past_lens=None):
    """The position of each of T tokens."""
    result = np.zeros(int(cu_seqlens[-1]), np.int64)
    for b in range(len(cu_seqlens) - 1):
        begin, end = int(cu_seqlens[b]), int(cu_seqlens[b + 1])
        past = int(past_lens[b]) if past_lens is not None else 0
        result[begin:end] = past + np.arange(end - begin)
    return result


def project(config, weights, x, position, storage=identity):
    """q [T, H, dn + dr] and the key rows [T, dc + dr], both rotated."""
    T = x.shape[0]
    if config.dq is None:
        q = x @ weights["q_proj.weight"].T
    else:
        cq = x @ weights["q_a_proj.weight"].T
        cq = storage(rms_norm(cq, weights["q_a_layernorm.weight"], LATENT_EPS))
        q = cq @ weights["q_b_proj.weight"].T
    q = storage(q).reshape(T, config.H, config.dn + config.dr)
    ckv = x @ weights["kv_a_proj_with_mqa.weight"].T
    c = rms_norm(ckv[:, : config.dc], weights["kv_a_layernorm.weight"], LATENT_EPS)
    k_pe = ckv[:, config.dc :]
    if config.dr:
        q = q.copy()
        q[..., config.dn :] = rope(config, q[..., config.dn :], position)
        k_pe = rope(config, k_pe, position)
    return storage(q), storage(np.concatenate([c, k_pe], axis=1))


def attend(config, weights, q, rows, storage=identity):
    """o [S_q, H dv] of one sequence: q [S_q, H, dn + dr] over rows [S_k, dc + dr].

    Query i sees the keys j <= S_k - S_q + i, and yields 0 if there are none.
    """
    Sq, Sk = q.shape[0], rows.shape[0]
    dc, dn, dv = config.dc, config.dn, config.dv
    w_kvb = weights["kv_b_proj.weight"].reshape(config.H, dn + dv, dc)
    seen = np.arange(Sk)[None, :] <= Sk - Sq + np.arange(Sq)[:, None]
    o = np.zeros((Sq, config.H, dv))
    for h in range(config.H):
        # A masked value never meets a masked probability: 0 NaN would be NaN.
        k_nope = storage(rows[:, :dc] @ w_kvb[h, :dn].T)
        v = storage(rows[:, :dc] @ w_kvb[h, dn:].T)
        s = q[:, h, :dn] @ k_nope.T + q[:, h, dn:] @ rows[:, dc:].T
        s = s * scale(config)
        for i in range(Sq):
            visible = seen[i]
            if visible.any():
                p = np.exp(s[i, visible] - s[i, visible].max())
                o[i, h] = (p / p.sum()) @ v[visible]
    return storage(o.reshape(Sq, config.H * dv))


def forward(config, weights, x, cu_seqlens, storage=identity):
    """y [T, d] of sequences without a cache."""
    q, rows = project(config, weights, x, positions(cu_seqlens), storage)
    o = np.zeros((x.shape[0], config.H * config.dv))
    for b in range(len(cu_seqlens) - 1):
        part = slice(int(cu_seqlens[b]), int(cu_seqlens[b + 1]))
        o[part] = attend(config, weights, q[part], rows[part], storage)
    return storage(o @ weights["o_proj.weight"].T)


def paged_rows(cache, blocks, count):
    """The first `count` key rows of the sequence with the block table `blocks`."""
    page = cache.shape[1]
    j = np.arange(count)
    return cache[blocks[j // page], j % page] if count else cache[:0, 0]


def step(config, weights, x, cu_seqlens, past_lens, cache, block_table, storage=identity):
    """y [T, d] and the cache after it [num_blocks, page, dc + dr]."""
    q, rows = project(config, weights, x, positions(cu_seqlens, past_lens), storage)
    cache, page = cache.copy(), cache.shape[1]
    o = np.zeros((x.shape[0], config.H * config.dv))
    for b in range(len(cu_seqlens) - 1):
        begin, end, past = int(cu_seqlens[b]), int(cu_seqlens[b + 1]), int(past_lens[b])
        for t in range(begin, end):
            p = past + t - begin
            cache[block_table[b, p // page], p % page] = rows[t]
        seen = paged_rows(cache, block_table[b], past + end - begin)
        o[begin:end] = attend(config, weights, q[begin:end], seen, storage)
    return storage(o @ weights["o_proj.weight"].T), cache
