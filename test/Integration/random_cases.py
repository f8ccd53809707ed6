"""Random legal cases: configurations that nobody chose, and calls of them.

`case(seed, number)` depends on its two arguments only, so that the name of a
case, `random/SEED/NUMBER`, is all that is needed to make it again:

    run.py --random 1 --seed SEED --first NUMBER

Every key of the configuration takes every kind of value: extents of 1, odd
ones, multiples of vector widths and one more; keys that are given, left out or
null; each name of the storage type. Batches are ragged, with empty sequences
and none at all; pages of any size.
"""

import numpy as np

import edits
from cases import ALL, Call, Case

ARCHITECTURES = (
    "PeerLayer", "PeerLayer", "MlaLayer", "MlaLayer", "PeerMlaForCausalLM",
    "DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM",
)  # fmt: skip
# Keys that change nothing.
IGNORED = {
    "model_type": "any", "_name_or_path": "x", "bos_token_id": 0, "eos_token_id": [1, 2],
    "attention_dropout": 0.0, "initializer_range": 0.02, "use_cache": True,
    "transformers_version": "4.0", "num_key_value_heads": 128, "pretraining_tp": 1,
    "attention_bias": False, "sliding_window": None, "quantization_config": None,
    "rope_interleave": True, "head_dim": 64,
}  # fmt: skip


class _Draw:
    """Draws of one case."""

    def __init__(self, seed, number):
        self.rng = np.random.default_rng([seed, number])

    def of(self, *values):
        return values[self.rng.integers(len(values))]

    def chance(self, probability):
        return bool(self.rng.random() < probability)

    def between(self, low, high):
        return int(self.rng.integers(low, high + 1))

    def extent(self, high):
        """1, a small odd extent, a power of two or one beside it, or any."""
        power = 2 ** self.between(1, max(1, int(np.log2(high))))
        chosen = self.of(1, self.between(1, 7), power, power - 1, power + 1, self.between(1, high))
        return int(min(max(chosen, 1), high))

    def lengths(self, sequences, longest):
        return tuple(
            self.of(0, 1, self.between(0, 5), self.between(0, longest)) for _ in range(sequences)
        )


# --- configurations -------------------------------------------------------------


def _peer_keys(draw, wide):
    D = draw.of(1, 2, 2, 2, 3, 4)
    longest = {1: 300, 2: 40, 3: 12, 4: 6}[D]
    dimensions = [draw.extent(longest) for _ in range(D)]
    experts = int(np.prod(dimensions))
    keys = {
        "product_key_dim": dimensions,
        "query_dim": D * draw.extent(24 if wide else 12),
        "num_experts_per_tok": min(draw.of(1, 2, 3, 4, 8, 16, 33), experts),
        "num_heads": draw.of(1, 2, 3, 5, 8),
        "expert_hidden_size": draw.of(1, 1, 1, 2, 3, 4, 8),
        "norm_query": draw.of("none", "none", "layer_norm", "batch_norm", "l2"),
        "norm_keys": draw.of("none", "none", "l2"),
        "score_function": draw.of("softmax", "softmax", "sigmoid", "relu"),
        "activation": draw.of("gelu", "relu", "silu"),
        "gated": draw.chance(0.3),
        "keys_per_head": draw.chance(0.4),
        "expert_up_layout": draw.of("neuron_major", "output_major"),
    }
    if draw.chance(0.4):
        keys["num_experts"] = experts
    defaults = {
        "expert_hidden_size": 1, "norm_query": "none", "norm_keys": "none", "num_heads": 8,
        "score_function": "softmax", "activation": "gelu", "gated": False,
        "keys_per_head": False, "expert_up_layout": "neuron_major", "num_experts_per_tok": 16,
    }  # fmt: skip
    # A default may be left out, or be null.
    for key, value in defaults.items():
        if keys[key] == value and draw.chance(0.5):
            keys[key] = None
        if keys[key] is None and draw.chance(0.7):
            del keys[key]
    return keys


def _rope_keys(draw, dr):
    theta = draw.of(None, 1e4, 5e4, 500.0)
    if draw.chance(0.5):
        return {} if theta is None else {"rope_theta": theta}
    rope = {draw.of("type", "rope_type"): "default"}
    keys = {}
    if draw.chance(0.7):
        rope = {
            draw.of("type", "rope_type"): "yarn",
            "factor": draw.of(1.0, 4, 8.0, 40),
        }
        if draw.chance(0.6):
            rope["original_max_position_embeddings"] = draw.of(16, 64, 4096)
        keys["max_position_embeddings"] = draw.of(32, 2048)
        for key, values in (
            ("beta_fast", (32, 4)), ("beta_slow", (1, 0.5)), ("mscale", (1.0, 0.707)),
            ("mscale_all_dim", (1.0, 0.707, 0)),
        ):  # fmt: skip
            if draw.chance(0.5):
                rope[key] = draw.of(*values)
    name = draw.of("rope_scaling", "rope_parameters")
    if theta is not None:
        (rope if name == "rope_parameters" else keys)["rope_theta"] = theta
    return keys | {name: rope}


def _attention_keys(draw, wide):
    dr = draw.of(0, 2, 4, 6, 8, 16, 18) if wide else draw.of(0, 2, 8)
    keys = {
        "num_attention_heads": draw.of(1, 2, 3, 4, 5, 12, 16, 20, 34, 64) if wide else draw.of(1, 3, 4),
        # Of one number the norm leaves the sign: near zero that is a division by almost
        # nothing, beyond any tolerance. The case mla_layer/dc_1 is far from there.
        "kv_lora_rank": max(2, draw.extent(140 if wide else 40)),
        "qk_nope_head_dim": draw.extent(40),
        "qk_rope_head_dim": dr,
        "v_head_dim": draw.extent(40),
    }
    if draw.chance(0.6):
        keys["q_lora_rank"] = draw.extent(48)
    elif draw.chance(0.5):
        keys["q_lora_rank"] = None
    return keys | _rope_keys(draw, dr)


def _model_keys(draw, architecture):
    layers = draw.of(1, 2, 3)
    keys = {
        "num_hidden_layers": layers,
        "intermediate_size": draw.extent(80),
        "vocab_size": draw.extent(130),
    } | _attention_keys(draw, wide=False)
    if draw.chance(0.5):
        keys["rms_norm_eps"] = draw.of(1e-6, 1e-5, 0.01)
    if draw.chance(0.5):
        keys["tie_word_embeddings"] = draw.chance(0.5)
    if draw.chance(0.5):
        keys["hidden_act"] = draw.of("silu", "gelu", "relu")
    if draw.chance(0.3):
        keys |= {"n_routed_experts": 8, "first_k_dense_replace": layers, "moe_layer_freq": 1}
    if architecture == "PeerMlaForCausalLM":
        keys["peer"] = _peer_keys(draw, wide=False)
        if draw.chance(0.5):
            keys["peer"]["peer_start_layer"] = draw.between(0, layers)
        if keys["peer"].get("peer_start_layer", 0) == 0 and draw.chance(0.5):
            del keys["intermediate_size"]
    return keys


def _config(draw, architecture):
    config = {"architectures": [architecture], "hidden_size": draw.extent(100)}
    if architecture == "PeerLayer":
        config |= _peer_keys(draw, wide=True)
    elif architecture == "MlaLayer":
        config |= _attention_keys(draw, wide=True)
    else:
        config |= _model_keys(draw, architecture)
    for key, value in IGNORED.items():
        if draw.chance(0.15):
            config.setdefault(key, value)
    return config


# --- calls ------------------------------------------------------------------------


def _forward(draw, longest, poison):
    lengths = draw.lengths(draw.of(0, 1, 1, 2, 3, 6), longest)
    if poison and lengths and lengths[-1]:
        # The last token of a sequence: no other may see it.
        return Call("forward", lengths=lengths, poison=(sum(lengths) - 1, "nan"))
    return Call("forward", lengths=lengths)


def _cached(draw, entry, longest, poison, is_model):
    B, page = draw.of(0, 1, 1, 2, 3, 5), draw.of(1, 2, 3, 5, 16, 48, 64, 128)
    past = tuple(
        draw.of(0, 1, page - 1, page, page + 1, draw.between(0, longest)) for _ in range(B)
    )
    lengths = draw.lengths(B, longest)
    if entry == "decode":
        lengths = (draw.of(0, 1, 1, 1, 2, 3, 4),) * B
    more = {"page": page}
    T = sum(lengths)
    if poison and lengths and lengths[-1]:
        more["poison"] = (T - 1, "nan")
    if is_model and entry == "step" and draw.chance(0.6):
        count = draw.between(0, 5) if T else 0
        more["logit_rows"] = tuple(draw.between(0, T - 1) for _ in range(count))
    return Call(entry, lengths=lengths, past=past, **more)


def _chunks(draw):
    B = draw.of(1, 2, 3)
    chunks = tuple(draw.lengths(B, 12) for _ in range(draw.between(2, 4)))
    return Call("step", chunks=chunks, page=draw.of(1, 3, 16))


def _calls(draw, config):
    architecture = config["architectures"][0]
    if architecture == "PeerLayer":
        lengths = {0, 1, draw.between(2, 9), draw.of(16, 17, 31, 33, 65, 130)}
        calls = [Call("forward", T=T) for T in sorted(lengths)]
        if config["hidden_size"] > 1:
            T = draw.between(1, 40)
            calls.append(Call("forward", T=T, poison=(draw.between(0, T - 1), "nan")))
        return tuple(calls)
    is_model = architecture != "MlaLayer"
    longest = 24 if is_model else draw.of(24, 24, 150)
    can_poison = not is_model and config["hidden_size"] > 1
    calls = []
    for _ in range(2):
        calls.append(_forward(draw, longest, can_poison and draw.chance(0.3)))
        for entry in ("step", "decode"):
            calls.append(
                _cached(draw, entry, longest, can_poison and draw.chance(0.3), is_model)
            )
    calls.append(_chunks(draw))
    return tuple(calls)


# --- cases ------------------------------------------------------------------------


def case(seed, number):
    """The case of this number, at one storage type."""
    draw = _Draw(seed, number)
    architecture = draw.of(*ARCHITECTURES)
    config = _config(draw, architecture)
    dtype = draw.of("f32", *ALL)
    if architecture not in ("PeerLayer", "MlaLayer") and config["hidden_size"] < 8:
        # Norms of a few numbers that nearly cancel enlarge what rounding to 16
        # bits has left of them, layer after layer.
        dtype = "f32"
    edit = None
    peer_keys = config.get("peer")
    if peer_keys and dtype != "f32":
        # Nobody sees which experts a language model chose: one that rounding
        # swaps in must have a small gate, as the last of many has.
        peer_keys |= {"norm_query": "none", "norm_keys": "none", "score_function": "softmax"}
        experts = int(np.prod(peer_keys["product_key_dim"]))
        peer_keys["num_experts_per_tok"] = min(8, experts)
        edit = edits.sharp_queries
    elif architecture != "PeerLayer":
        edit = edits.gentle_queries
    options = ()
    if architecture != "PeerLayer" and draw.chance(0.4):
        options = (draw.of("--attention-form=absorb", "--attention-form=expand"),)
    return Case(
        f"random/{seed}/{number}",
        config,
        _calls(draw, config),
        (dtype,),
        query_bias=draw.chance(0.3),
        edit=edit,
        shards=draw.of(0, 0, 1, 3),
        dtype_key=draw.of("torch_dtype", "dtype", ""),
        compile_options=options,
    )
