"""Random weights of a configuration, scaled so that nothing is degenerate.

Activations keep about unit variance, softmaxes prefer some keys without
choosing one, and the scores of experts differ by about their own size.
"""

import numpy as np

from . import config as configs
from .storage import round_to


def peer_shapes(config, query_bias=False):
    """Names and shapes of a PEER layer's tensors."""
    h, dq, d = config.num_heads, config.query_dim, config.hidden_size
    N, e = config.num_experts, config.expert_hidden_size
    shapes = {"query_proj.weight": (h * dq, d)}
    if query_bias:
        shapes["query_proj.bias"] = (h * dq,)
    if config.norm_query == "layer_norm":
        shapes |= {"query_norm.weight": (dq,), "query_norm.bias": (dq,)}
    if config.norm_query == "batch_norm":
        for name in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"query_norm.{name}"] = (h * dq,)
    for i, n in enumerate(config.product_key_dim):
        shape = (n, config.sub_query_dim)
        shapes[f"sub_keys.{i}"] = (h, *shape) if config.keys_per_head else shape
    shapes["expert_down.weight"] = (N, e * d)
    if config.gated:
        shapes["expert_gate.weight"] = (N, e * d)
    shapes["expert_up.weight"] = (N, e * d)
    return shapes


def mla_shapes(config):
    """Names and shapes of an attention layer's tensors."""
    shapes = {}
    if config.dq is None:
        shapes["q_proj.weight"] = (config.H * (config.dn + config.dr), config.d)
    else:
        shapes["q_a_proj.weight"] = (config.dq, config.d)
        shapes["q_a_layernorm.weight"] = (config.dq,)
        shapes["q_b_proj.weight"] = (config.H * (config.dn + config.dr), config.dq)
    shapes["kv_a_proj_with_mqa.weight"] = (config.dc + config.dr, config.d)
    shapes["kv_a_layernorm.weight"] = (config.dc,)
    shapes["kv_b_proj.weight"] = (config.H * (config.dn + config.dv), config.dc)
    shapes["o_proj.weight"] = (config.d, config.H * config.dv)
    return shapes


def shapes(config, query_bias=False):
    """Names and shapes of all tensors of a checkpoint."""
    architecture = config["architectures"][0]
    if architecture == "PeerLayer":
        return peer_shapes(configs.peer(config), query_bias)
    if architecture == "MlaLayer":
        return mla_shapes(configs.mla(config))
    d, vocab = config["hidden_size"], config["vocab_size"]
    width = config.get("intermediate_size")
    result = {"model.embed_tokens.weight": (vocab, d)}
    for layer in range(config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        result[prefix + "input_layernorm.weight"] = (d,)
        attention = mla_shapes(configs.mla(config))
        result |= {prefix + "self_attn." + name: shape for name, shape in attention.items()}
        result[prefix + "post_attention_layernorm.weight"] = (d,)
        if "peer" in config and layer >= configs.peer(config).peer_start_layer:
            mlp = peer_shapes(configs.peer(config), query_bias)
        else:
            mlp = {
                "gate_proj.weight": (width, d),
                "up_proj.weight": (width, d),
                "down_proj.weight": (d, width),
            }
        result |= {prefix + "mlp." + name: shape for name, shape in mlp.items()}
    result["model.norm.weight"] = (d,)
    if not config.get("tie_word_embeddings", False):
        result["lm_head.weight"] = (vocab, d)
    return result


def _values(name, shape, config, rng):
    noise = rng.standard_normal(shape, dtype=np.float32)
    if name.endswith("norm.running_var"):
        return np.exp(0.3 * noise)
    if name.endswith("norm.weight") and len(shape) == 1:
        return 1 + 0.2 * noise
    if name.endswith(("bias", "running_mean")):
        return 0.3 * noise
    if name.endswith("embed_tokens.weight"):
        return noise
    if "expert_" in name:
        # A row is e rows of d, or for output_major up tables d rows of e.
        return noise / np.sqrt(config["hidden_size"])
    gain = 1.0
    if name.startswith("model.layers."):
        # Errors of one layer must not be made larger by the next.
        return noise / np.sqrt(shape[-1])
    if name.endswith(("q_b_proj.weight", "q_proj.weight")):
        gain = 2.0  # softmaxes that prefer some keys
    if name.endswith("o_proj.weight"):
        gain = 3.0  # averages of values are small
    return gain * noise / np.sqrt(shape[-1])


def random(config, dtype, seed=0, query_bias=False, edit=None):
    """Tensors by name. `edit` may change the float32 values in place."""
    rng = np.random.default_rng(seed)
    values = {
        name: _values(name, shape, config, rng)
        for name, shape in shapes(config, query_bias).items()
    }
    if edit:
        edit(values)
    return {name: round_to(value, dtype) for name, value in values.items()}
