"""The entries of the five architectures, by name and on maps of arrays.

`run(model, entry, inputs)` returns a map with the names of the outputs;
in-and-out arguments come back under theirs. All floats are float64.
"""

import dataclasses

import numpy as np

from . import config as configs
from . import mla, peer
from .peer import identity


@dataclasses.dataclass(frozen=True)
class Model:
    """A configuration and its weights in float64."""

    config: dict
    weights: dict

    @property
    def architecture(self):
        return self.config["architectures"][0]

    def part(self, prefix):
        """The weights under `prefix`, without it."""
        length = len(prefix)
        return {
            name[length:]: value
            for name, value in self.weights.items()
            if name.startswith(prefix)
        }


def _uniform(T, lengths):
    """cu_seqlens of `decode`: as many new tokens for each sequence."""
    B = len(lengths)
    return np.arange(B + 1) * (T // B if B else 0)


def _peer_layer(model, entry, inputs, storage, indices):
    config = configs.peer(model.config)
    if entry == "retrieve":
        scores, chosen = peer.retrieve(config, model.weights, inputs["x"], storage)
        return {"scores": scores, "indices": chosen}
    return {"y": peer.layer(config, model.weights, inputs["x"], storage, indices)}


def _mla_layer(model, entry, inputs, storage):
    config, x = configs.mla(model.config), inputs["x"]
    if entry == "forward":
        y = mla.forward(config, model.weights, x, inputs["cu_seqlens"], storage)
        return {"y": y}
    if entry == "step":
        cu_seqlens, past = inputs["cu_seqlens"], inputs["past_lens"]
    else:
        cu_seqlens, past = _uniform(len(x), inputs["seq_lens"]), inputs["seq_lens"]
    y, cache = mla.step(
        config, model.weights, x, cu_seqlens, past, inputs["cache"], inputs["block_table"], storage
    )
    return {"y": y, "cache": cache}


def _feed_forward(model, layer, x, storage):
    weights = model.part(f"model.layers.{layer}.mlp.")
    if "query_proj.weight" in weights:
        return peer.layer(configs.peer(model.config), weights, x, storage)
    activation = model.config.get("hidden_act", "silu")
    gate = peer.activate(activation, x @ weights["gate_proj.weight"].T)
    product = storage(gate * (x @ weights["up_proj.weight"].T))
    return storage(product @ weights["down_proj.weight"].T)


def _language_model(model, entry, inputs, storage):
    config, weights = configs.mla(model.config), model.weights
    eps = model.config.get("rms_norm_eps", 1e-6)
    tokens = inputs["tokens"]
    cache = inputs["cache"].copy() if entry != "forward" else None
    if entry == "step":
        cu_seqlens, past = inputs["cu_seqlens"], inputs["past_lens"]
    elif entry == "decode":
        cu_seqlens, past = _uniform(len(tokens), inputs["seq_lens"]), inputs["seq_lens"]
    x = weights["model.embed_tokens.weight"][tokens]
    for layer in range(model.config["num_hidden_layers"]):
        prefix = f"model.layers.{layer}."
        attention = model.part(prefix + "self_attn.")
        normed = storage(mla.rms_norm(x, weights[prefix + "input_layernorm.weight"], eps))
        if entry == "forward":
            y = mla.forward(config, attention, normed, inputs["cu_seqlens"], storage)
        else:
            y, cache[layer] = mla.step(
                config, attention, normed, cu_seqlens, past, cache[layer],
                inputs["block_table"], storage,
            )  # fmt: skip
        x = storage(x + y)
        normed = mla.rms_norm(x, weights[prefix + "post_attention_layernorm.weight"], eps)
        x = storage(x + _feed_forward(model, layer, storage(normed), storage))
    if entry == "step":
        x = x[inputs["logit_rows"]]
    x = storage(mla.rms_norm(x, weights["model.norm.weight"], eps))
    tied = model.config.get("tie_word_embeddings", False)
    head = weights["model.embed_tokens.weight" if tied else "lm_head.weight"]
    outputs = {"logits": x @ head.T}
    if entry != "forward":
        outputs["cache"] = cache
    return outputs


def run(model, entry, inputs, storage=identity, indices=None):
    """The outputs of an entry. `indices` overrides the retrieval of a PeerLayer."""
    with np.errstate(invalid="ignore", over="ignore"):
        if model.architecture == "PeerLayer":
            return _peer_layer(model, entry, inputs, storage, indices)
        if model.architecture == "MlaLayer":
            return _mla_layer(model, entry, inputs, storage)
        assert model.architecture in configs.LANGUAGE_MODELS
        return _language_model(model, entry, inputs, storage)
