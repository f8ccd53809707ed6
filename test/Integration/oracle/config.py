"""config.json with its defaults, as two small records."""

import dataclasses
import math
from typing import Optional

LANGUAGE_MODELS = ("DeepseekV2ForCausalLM", "DeepseekV3ForCausalLM", "PeerMlaForCausalLM")


@dataclasses.dataclass(frozen=True)
class PeerConfig:
    """What a PEER layer computes; the names are those of config.json."""

    hidden_size: int
    product_key_dim: tuple
    query_dim: int
    num_experts_per_tok: int = 16
    num_heads: int = 8
    expert_hidden_size: int = 1
    norm_query: str = "none"
    norm_keys: str = "none"
    score_function: str = "softmax"
    activation: str = "gelu"
    gated: bool = False
    keys_per_head: bool = False
    expert_up_layout: str = "neuron_major"
    peer_start_layer: int = 0

    @property
    def num_experts(self):
        return math.prod(self.product_key_dim)

    @property
    def sub_query_dim(self):
        return self.query_dim // len(self.product_key_dim)


@dataclasses.dataclass(frozen=True)
class Yarn:
    """The keys of a `yarn` rope_scaling."""

    factor: float
    original_length: int
    beta_fast: float = 32
    beta_slow: float = 1
    mscale: Optional[float] = None
    mscale_all_dim: Optional[float] = None


@dataclasses.dataclass(frozen=True)
class MlaConfig:
    """What an attention layer computes; symbols of the definitions."""

    d: int
    H: int
    dq: Optional[int]
    dc: int
    dn: int
    dr: int
    dv: int
    theta: float = 1e4
    yarn: Optional[Yarn] = None


def peer(config):
    """The PEER keys of a configuration."""
    keys = config["peer"] if "peer" in config else config
    known = {field.name for field in dataclasses.fields(PeerConfig)} - {"hidden_size"}
    chosen = {
        key: value for key, value in keys.items() if key in known and value is not None
    }
    chosen["product_key_dim"] = tuple(chosen["product_key_dim"])
    result = PeerConfig(hidden_size=config["hidden_size"], **chosen)
    if "num_experts" in keys:
        assert keys["num_experts"] == result.num_experts
    return result


def mla(config):
    """The attention keys of a configuration."""
    scaling = config.get("rope_scaling") or config.get("rope_parameters") or {}
    theta = scaling.get("rope_theta", config.get("rope_theta", 1e4))
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    yarn = None
    if kind == "yarn":
        length = scaling.get("original_max_position_embeddings")
        yarn = Yarn(
            factor=scaling["factor"],
            original_length=length or config["max_position_embeddings"],
            beta_fast=scaling.get("beta_fast", 32),
            beta_slow=scaling.get("beta_slow", 1),
            mscale=scaling.get("mscale"),
            mscale_all_dim=scaling.get("mscale_all_dim"),
        )
    return MlaConfig(
        d=config["hidden_size"],
        H=config["num_attention_heads"],
        dq=config.get("q_lora_rank"),
        dc=config["kv_lora_rank"],
        dn=config["qk_nope_head_dim"],
        dr=config["qk_rope_head_dim"],
        dv=config["v_head_dim"],
        theta=theta,
        yarn=yarn,
    )
