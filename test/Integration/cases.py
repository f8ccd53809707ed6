"""The table of execution cases: configurations, and calls of their entries.

A `Case` is a model that is imported and compiled once per storage type; its
calls run on every device. Shapes are the smallest that are still asymmetric.
Cases named in the list of cases that catch real bugs say which by their name.
"""

import dataclasses
from typing import Callable, Optional

import edits


@dataclasses.dataclass(frozen=True)
class Call:
    """One call of an entry.

    `lengths` are the new tokens of each sequence, `past` the tokens before
    (step and decode), `T` the tokens of a PeerLayer. `poison` puts NaN or inf
    into one token. `chunks` makes a `step` a series of calls that feed one
    sequence set chunk by chunk, judged against `forward`.
    """

    entry: str
    T: int = 0
    lengths: tuple = ()
    past: tuple = ()
    page: int = 16
    poison: Optional[tuple] = None
    chunks: tuple = ()
    logit_rows: Optional[tuple] = None
    rejects: Optional[Callable] = None  # an edit after which the call must fail

    def describe(self):
        values = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(self)
            if field.name != "entry" and getattr(self, field.name) != field.default
        }
        if "rejects" in values:
            values["rejects"] = self.rejects.__name__
        text = " ".join(f"{key}={value}" for key, value in values.items())
        return f"{self.entry}({text.replace(', ', ',')})"


@dataclasses.dataclass(frozen=True)
class Case:
    """A model and its calls."""

    name: str
    config: dict
    calls: tuple
    dtypes: tuple = ("f32",)
    query_bias: bool = False
    edit: Optional[Callable] = None
    shards: int = 0
    exact_indices: bool = False
    dtype_key: str = "torch_dtype"
    compile_options: tuple = ()


ALL = ("f32", "bf16", "f16")


def forward(*lengths, **more):
    return Call("forward", lengths=lengths, **more)


def step(lengths, past, **more):
    return Call("step", lengths=tuple(lengths), past=tuple(past), **more)


def decode(s_q, past, **more):
    return Call("decode", lengths=(s_q,) * len(past), past=tuple(past), **more)


def chunked(*chunks, **more):
    return Call("step", chunks=chunks, **more)


# --- PEER layers ------------------------------------------------------------


def peer(name, calls=(1, 7), dtypes=("f32",), **more):
    """A PeerLayer; `more` holds keys of the configuration and of the case."""
    case = {f.name: more.pop(f.name) for f in dataclasses.fields(Case) if f.name in more}
    config = {
        "architectures": ["PeerLayer"],
        "hidden_size": 40,
        "product_key_dim": [8, 12],
        "query_dim": 24,
        "num_heads": 3,
        "num_experts_per_tok": 4,
    } | more
    made = tuple(call if isinstance(call, Call) else Call("forward", T=call) for call in calls)
    return Case(f"peer_layer/{name}", config, made, dtypes, **case)


PEER = (
    peer("base", (0, 1, 7, 33, 130), ALL),
    peer("poisoned_token", (
        Call("forward", T=7, poison=(3, "nan")), Call("forward", T=7, poison=(6, "inf")),
        Call("forward", T=70, poison=(0, "nan")),
    ), ("f32", "bf16")),
    peer("defaults", (5,), ALL, hidden_size=96, product_key_dim=[32, 64], query_dim=32,
         num_heads=8, num_experts_per_tok=16, dtype_key="dtype"),
    peer("k_1", (1, 19), num_experts_per_tok=1),
    peer("k_is_n", num_experts_per_tok=8),
    peer("k_beyond_a_dimension", product_key_dim=[4, 32], num_experts_per_tok=16),
    peer("k_is_all", product_key_dim=[3, 4], num_experts_per_tok=12, num_experts=12),
    peer("k_32", product_key_dim=[40, 64], num_experts_per_tok=32),
    # Lists of 32 wait in shared memory, sums go over parts of 32 and a rest.
    peer("k_32_of_many", (1, 33, 140), product_key_dim=[96, 130, 4], query_dim=120,
         num_experts_per_tok=32, dtypes=("f32", "bf16")),
    # 128 tokens would leave no room for their lists.
    peer("k_17_wide", (70,), product_key_dim=[70, 130], query_dim=256,
         num_experts_per_tok=17),
    # Lanes of a warp share a list.
    peer("k_33_equal_scores", (1, 40), num_experts_per_tok=33, edit=edits.zero_keys,
         exact_indices=True, dtypes=("f32", "bf16")),
    peer("k_64", (1, 33, 70), product_key_dim=[70, 130], query_dim=64, num_experts_per_tok=64,
         dtypes=ALL),
    peer("k_100_dimensions_3", (5, 40), product_key_dim=[12, 40, 9], query_dim=48,
         num_experts_per_tok=100, keys_per_head=True, dtypes=("f32", "bf16")),
    peer("k_200_beyond_a_dimension", (17,), product_key_dim=[4, 300], num_experts_per_tok=200,
         score_function="sigmoid", dtypes=("f32", "bf16")),
    peer("k_300", (1, 18), product_key_dim=[24, 40], num_experts_per_tok=300, num_heads=1),
    peer("k_500", (3,), product_key_dim=[700], query_dim=20, num_experts_per_tok=500),
    # More than lanes keep: lists of threads, which are in shared memory.
    peer("k_600", (1, 9), product_key_dim=[30, 40], query_dim=20, num_experts_per_tok=600, num_heads=2,
         dtypes=("f32", "bf16")),
    peer("k_70_poisoned_token", (Call("forward", T=35, poison=(33, "nan")),),
         product_key_dim=[9, 80], num_experts_per_tok=70, dtypes=("f32", "bf16")),
    # Sub-queries of one column, such that few fit beside keys, and none do.
    peer("query_dim_2", query_dim=2, dtypes=("f32", "bf16")),
    peer("query_dim_384", (20,), query_dim=384, product_key_dim=[70, 12]),
    peer("query_dim_1600", (1, 20), query_dim=1600, product_key_dim=[70, 12],
         dtypes=("f32", "bf16")),
    peer("query_dim_1600_k_40", (40,), query_dim=1600, product_key_dim=[81, 12],
         num_experts_per_tok=40, keys_per_head=True, norm_query="l2"),
    peer("dimensions_1", product_key_dim=[200], query_dim=20, dtypes=("f32", "bf16")),
    peer("dimensions_1_k_1", product_key_dim=[37], query_dim=7, num_experts_per_tok=1),
    peer("dimensions_3", product_key_dim=[8, 16, 32], query_dim=48,
         num_experts_per_tok=16, dtypes=("f32", "bf16")),
    peer("dimensions_4", product_key_dim=[3, 5, 2, 4], query_dim=20, num_experts_per_tok=9),
    peer("odd_widths", hidden_size=17, product_key_dim=[13, 7], query_dim=10, num_heads=5,
         num_experts_per_tok=3, expert_hidden_size=3),
    peer("one_head", num_heads=1),
    peer("wide", (3,), hidden_size=519, product_key_dim=[16, 20], dtypes=ALL),
    peer("keys_per_head", keys_per_head=True),
    peer("keys_per_head_dimensions_3", product_key_dim=[4, 6, 5], keys_per_head=True),
    peer("layer_norm", norm_query="layer_norm", dtypes=("f32", "bf16")),
    peer("batch_norm", norm_query="batch_norm", dtypes=("f32", "bf16")),
    peer("batch_norm_and_bias", norm_query="batch_norm", query_bias=True),
    peer("l2_queries", norm_query="l2", dtypes=("f32", "bf16")),
    peer("l2_keys", norm_keys="l2", dtypes=("f32", "bf16")),
    peer("l2_both_per_head", norm_query="l2", norm_keys="l2", keys_per_head=True),
    peer("zero_key_under_l2", norm_keys="l2", edit=edits.zero_one_key),
    peer("query_bias", query_bias=True, dtypes=("f32", "bf16")),
    peer("sigmoid", score_function="sigmoid"),
    peer("relu_scores", score_function="relu"),
    peer("activation_relu", activation="relu"),
    peer("activation_silu", activation="silu"),
    peer("large_preactivations", edit=edits.large_experts, dtypes=("f32", "bf16")),
    peer("e_4", expert_hidden_size=4, dtypes=ALL),
    peer("gated", gated=True, activation="silu", dtypes=("f32", "bf16")),
    peer("e_4_output_major", expert_hidden_size=4, expert_up_layout="output_major",
         dtypes=("f32", "bf16")),
    peer("e_3_gated_output_major", expert_hidden_size=3, gated=True,
         expert_up_layout="output_major"),
    peer("winners_in_one_coordinate", query_bias=True, edit=edits.one_row_wins),
    peer("winners_in_last_coordinate", query_bias=True, edit=edits.one_column_wins),
    peer("all_scores_equal", edit=edits.zero_keys, exact_indices=True),
    peer("equal_scores_dimensions_3", edit=edits.zero_keys, exact_indices=True,
         product_key_dim=[3, 4, 5], num_experts_per_tok=6),
    peer("ties_in_one_dimension", query_bias=True, edit=edits.equal_last_keys, exact_indices=True),
    peer("duplicate_experts_across_heads", edit=edits.equal_heads),
)  # fmt: skip

# --- attention layers -------------------------------------------------------

YARN = {
    "type": "yarn", "factor": 40, "original_max_position_embeddings": 4096,
    "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 1.0,
}  # fmt: skip


def mla(name, calls, dtypes=("f32",), **more):
    """A MlaLayer, as `peer`."""
    case = {f.name: more.pop(f.name) for f in dataclasses.fields(Case) if f.name in more}
    config = {
        "architectures": ["MlaLayer"],
        "hidden_size": 48,
        "num_attention_heads": 4,
        "q_lora_rank": 24,
        "kv_lora_rank": 64,
        "qk_nope_head_dim": 16,
        "qk_rope_head_dim": 8,
        "v_head_dim": 12,
    } | more
    return Case(f"mla_layer/{name}", config, tuple(calls), dtypes, **case)


USUAL = (forward(5, 9), step((3, 1), (5, 18)), decode(1, (7, 33)))
EDGES = (0, 1, 63, 64, 65)

MLA = (
    mla("base", (
        forward(7), forward(1), forward(130, 3), forward(0, 5, 0, 1), forward(0, 0), forward(),
        step((3, 1, 6), (5, 0, 18)), step((70,), (130,)), step((0, 2), (9, 0)),
        step((0, 0), (3, 0)), step((), ()), decode(1, (7, 33, 0)), decode(1, (200,)),
        decode(2, (5, 31)), decode(3, (40,)), decode(4, (1, 64, 17)), decode(1, ()),
        decode(0, (4, 5)), chunked((9, 4), (1, 1), (8, 0), (2, 5)),
    ), ALL),
    mla("absorbed", (
        *USUAL, forward(130, 3), step((70,), (130,)),
    ), ("f32", "bf16"), compile_options=("--attention-form=absorb",)),
    mla("pages", tuple(
        call
        for page in (1, 16, 48, 64, 128)
        for call in (decode(1, EDGES, page=page), step((1, 3, 2, 0, 5), EDGES, page=page))
    ), ("f32", "bf16")),
    mla("poisoned_token", (
        forward(5, 4, poison=(4, "nan")), forward(40, 3, poison=(39, "inf")),
        step((3, 2), (20, 5), poison=(2, "nan")), decode(1, (7, 33), poison=(0, "nan")),
    ), ("f32", "bf16")),
    mla("heads_1", USUAL, num_attention_heads=1),
    mla("heads_12", USUAL, num_attention_heads=12),
    mla("heads_16", USUAL, ("f32", "bf16"), num_attention_heads=16),
    mla("heads_20", USUAL, num_attention_heads=20),
    mla("heads_96", USUAL, num_attention_heads=96),
    mla("heads_128", (*USUAL, decode(2, (66,))), ("f32", "bf16"), num_attention_heads=128),
    # Heads that fill the rows of a warpgroup's product, and not quite.
    mla("heads_66", (
        *USUAL, decode(1, EDGES, page=1), step((1, 3, 2, 0, 5), EDGES, page=48), decode(2, (66,)),
    ), ("bf16", "f16"), num_attention_heads=66, kv_lora_rank=128),
    mla("published_heads", (decode(1, (100, 64)), step((2,), (63,), page=64)), ("bf16",),
        num_attention_heads=64, kv_lora_rank=512, qk_rope_head_dim=64),
    mla("dc_256", USUAL, kv_lora_rank=256),
    # Prompts whose averages are those of each tile of attention.
    mla("published_widths", (
        forward(70), forward(150), forward(140, 0, 40), forward(5, 33, 70, 9),
        decode(1, (100, 64)), step((4, 9), (3, 90), page=64),
    ), ALL, num_attention_heads=2, q_lora_rank=96, kv_lora_rank=512, qk_nope_head_dim=128,
        qk_rope_head_dim=64, v_head_dim=128, rope_scaling=YARN, edit=edits.gentle_queries),
    # Rows enough for large tiles of products, on targets that have them: with tails.
    mla("many_rows", (forward(130),), ("bf16",), num_attention_heads=34,
        kv_lora_rank=264, qk_nope_head_dim=136, v_head_dim=136),
    mla("dc_1", USUAL, ("f32", "bf16"), kv_lora_rank=1),
    mla("dv_1", USUAL, v_head_dim=1, num_attention_heads=2),
    mla("dr_0", USUAL, ("f32", "bf16"), qk_rope_head_dim=0),
    mla("dr_0_q_lora_null", USUAL, qk_rope_head_dim=0, q_lora_rank=None),
    mla("q_lora_null", USUAL, ("f32", "bf16"), q_lora_rank=None),
    mla("dn_below_dv", USUAL, qk_nope_head_dim=8, v_head_dim=20),
    mla("odd_widths", USUAL, hidden_size=37, num_attention_heads=3, q_lora_rank=11,
        kv_lora_rank=19, qk_nope_head_dim=7, qk_rope_head_dim=6, v_head_dim=5),
    mla("position_4096", (
        step((3,), (4095,), page=64), decode(1, (4094, 4096), page=64), step((70,), (4060,)),
    ), ("f32", "bf16"), rope_theta=50000.0),
    mla("yarn_position_4096", (step((3,), (4095,), page=64), decode(1, (4094, 4096), page=64)),
        rope_scaling=YARN),
    mla("yarn_position_100000", (decode(1, (99_999,), page=128), step((2,), (100_001,), page=64)),
        num_attention_heads=2, kv_lora_rank=16, rope_scaling=YARN,
        edit=edits.sharp_attention),
    mla("yarn_all_of_100000_keys_matter", (decode(1, (99_999,), page=128),),
        num_attention_heads=2, kv_lora_rank=16, rope_scaling=YARN),
    mla("yarn_without_mscale", USUAL, rope_scaling={
        "rope_type": "yarn", "factor": 8, "original_max_position_embeddings": 32}),
    mla("yarn_in_rope_parameters", USUAL, max_position_embeddings=64, rope_parameters={
        "rope_type": "yarn", "rope_theta": 20000.0, "factor": 4.0, "beta_fast": 4,
        "mscale": 0.707, "mscale_all_dim": 0.5}),
    mla("checks", (
        step((3, 1), (5, 18), rejects=edits.cu_seqlens_beyond_T),
        step((3, 1), (5, 18), rejects=edits.cu_seqlens_descending),
        step((3, 1), (5, 18), rejects=edits.past_beyond_table),
        step((3, 1), (5, 18), rejects=edits.past_negative),
        step((3, 1), (5, 18), rejects=edits.block_beyond_cache),
        step((3, 1), (5, 18), rejects=edits.block_negative),
        decode(2, (5, 18), rejects=edits.x_missing),
        decode(2, (5, 18), rejects=edits.x_of_another_type),
        decode(2, (5, 18), rejects=edits.x_of_another_width),
        decode(2, (5, 18), rejects=edits.x_not_divisible),
    )),
)  # fmt: skip

# --- language models --------------------------------------------------------


def model(name, architecture, calls, dtypes=("f32",), **more):
    """A language model, as `peer`."""
    case = {f.name: more.pop(f.name) for f in dataclasses.fields(Case) if f.name in more}
    config = {
        "architectures": [architecture],
        "hidden_size": 48,
        "num_hidden_layers": 2,
        "intermediate_size": 72,
        "vocab_size": 101,
        "num_attention_heads": 3,
        "q_lora_rank": 24,
        "kv_lora_rank": 32,
        "qk_nope_head_dim": 16,
        "qk_rope_head_dim": 8,
        "v_head_dim": 12,
        "rms_norm_eps": 1e-5,
        "max_position_embeddings": 4096,
    } | more
    return Case(name, config, tuple(calls), dtypes, **case)


MODEL_CALLS = (
    forward(6), forward(3, 0, 34), forward(), step((5, 1), (0, 17), logit_rows=(5, 4, 0, 4)),
    step((3, 2), (30, 0), logit_rows=()), decode(1, (7, 40)), decode(3, (0, 5)), decode(1, ()),
    chunked((7, 4), (1, 1), (3, 0), (1, 6), page=4),
)  # fmt: skip
TOY_PEER = {
    "product_key_dim": [8, 12], "query_dim": 16, "num_heads": 2, "num_experts_per_tok": 4,
}  # fmt: skip

MODELS = (
    model("deepseek_v2/q_lora_null", "DeepseekV2ForCausalLM", MODEL_CALLS,
          q_lora_rank=None),
    model("deepseek_v2/tied", "DeepseekV2ForCausalLM", MODEL_CALLS, tie_word_embeddings=True,
          first_k_dense_replace=2, n_routed_experts=8, shards=3),
    model("deepseek_v3/yarn", "DeepseekV3ForCausalLM", (
        *MODEL_CALLS, decode(1, (4095,), page=64)), ("f32", "bf16"), rope_scaling=YARN, dtype_key="dtype",
          edit=edits.gentle_queries),
    model("deepseek_v3/one_layer", "DeepseekV3ForCausalLM", MODEL_CALLS, num_hidden_layers=1,
          shards=1),
    model("peer_mla/base", "PeerMlaForCausalLM", MODEL_CALLS, ALL, peer=TOY_PEER,
          edit=edits.sharp_queries),
    model("peer_mla/start_layer_1", "PeerMlaForCausalLM", MODEL_CALLS, num_hidden_layers=3,
          peer=TOY_PEER | {"peer_start_layer": 1, "norm_query": "layer_norm"}, shards=2),
    model("peer_mla/gated", "PeerMlaForCausalLM", MODEL_CALLS[:1] + MODEL_CALLS[5:6],
          peer=TOY_PEER | {"gated": True, "activation": "silu", "expert_hidden_size": 2,
                           "norm_query": "batch_norm", "keys_per_head": True}),
    # Above 128 rows, lm_head has large tiles; below, small ones.
    model("peer_mla/many_logits", "PeerMlaForCausalLM", (forward(140), decode(1, (7, 40))),
          ("bf16",), num_hidden_layers=1, hidden_size=264, vocab_size=17_000, peer=TOY_PEER),
    model("peer_mla/checks", "PeerMlaForCausalLM", (
        forward(6, rejects=edits.token_negative),
        forward(6, rejects=edits.token_beyond_vocabulary),
        decode(1, (7, 40), rejects=edits.token_beyond_vocabulary),
        step((5, 1), (0, 17), logit_rows=(5,), rejects=edits.logit_row_beyond_T),
        step((5, 1), (0, 17), logit_rows=(5,), rejects=edits.logit_row_negative),
    ), num_hidden_layers=1, peer=TOY_PEER),
)  # fmt: skip

CASES = PEER + MLA + MODELS
