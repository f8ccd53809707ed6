"""The oracle against others' code: Hugging Face transformers and PEER-pytorch.

Runs under pytest, in float64. What is not installed is skipped.
"""

import numpy as np
import pytest

from oracle import checkpoint, config, mla, models, peer, storage

YARN = {
    "type": "yarn",
    "factor": 40,
    "original_max_position_embeddings": 16,
    "beta_fast": 32,
    "beta_slow": 1,
    "mscale": 1.0,
    "mscale_all_dim": 0.7,
}
TINY = {
    "hidden_size": 48,
    "num_attention_heads": 3,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 12,
    "v_head_dim": 10,
    "rope_theta": 10000.0,
    "num_hidden_layers": 3,
    "intermediate_size": 80,
    "vocab_size": 97,
    "rms_norm_eps": 1e-5,
    "max_position_embeddings": 1024,
}


def relative(value, reference):
    return np.linalg.norm(value - reference) / np.linalg.norm(reference)


def hugging_face_logits(version, settings, tokens):
    """Logits of a random transformers model, and its weights."""
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    if version == 2:
        kinds = transformers.DeepseekV2Config, transformers.DeepseekV2ForCausalLM
    else:
        kinds = transformers.DeepseekV3Config, transformers.DeepseekV3ForCausalLM
    torch.manual_seed(7)
    dense = {"first_k_dense_replace": settings["num_hidden_layers"]}
    hf_config = kinds[0](**settings, **dense, num_key_value_heads=settings["num_attention_heads"])
    hf_config._attn_implementation = "eager"
    model = kinds[1](hf_config).eval().double()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("norm.weight"):
                parameter += 0.2 * torch.randn_like(parameter)
            else:
                parameter *= 5  # the initial 0.02 makes all softmaxes flat
        logits = model(torch.tensor(tokens)[None]).logits[0].numpy()
    weights = {name: value.numpy() for name, value in model.state_dict().items()}
    return logits, weights


@pytest.mark.parametrize("q_lora_rank", [None, 24])
@pytest.mark.parametrize("version, yarn", [(2, False), (3, True), (3, False)])
def test_logits_equal_those_of_transformers(version, yarn, q_lora_rank):
    settings = dict(TINY, q_lora_rank=q_lora_rank)
    if yarn:
        settings["rope_scaling"] = YARN
    tokens = np.random.default_rng(0).integers(0, 97, 40)
    logits, weights = hugging_face_logits(version, settings, tokens)
    settings["architectures"] = [f"DeepseekV{version}ForCausalLM"]
    model = models.Model(settings, weights)

    ours = models.run(model, "forward", {"tokens": tokens, "cu_seqlens": np.array([0, 40])})

    # transformers keeps inv_freq, cosines and sines in float32.
    assert relative(ours["logits"], logits) < 1e-5


def test_checkpoint_has_the_tensors_of_transformers():
    settings = dict(TINY, q_lora_rank=24, architectures=["DeepseekV3ForCausalLM"])
    _, weights = hugging_face_logits(3, dict(TINY, q_lora_rank=24), np.arange(5))

    ours = checkpoint.shapes(settings)

    assert ours == {name: tuple(value.shape) for name, value in weights.items()}


@pytest.mark.parametrize("competing", [True, False])
def test_layer_equals_peer_pytorch(competing):
    """Equal settings: two square key sets per head, one neuron, no norms, no
    biases, gelu; softmax over k, or (their `non_competing_scores`) relu with
    k = 1. Their query rows are ordered (part, head, element), their keys
    [head, key, part, element].
    """
    torch = pytest.importorskip("torch")
    peer_pytorch = pytest.importorskip("PEER_pytorch")
    torch.manual_seed(3)
    d, h, n, width, k = 24, 3, 8, 10, 5
    theirs = peer_pytorch.PEER(
        d, heads=h, num_experts=n * n, num_experts_per_head=k, dim_key=width,
        non_competing_scores=not competing,
    )  # fmt: skip
    theirs = theirs.double().eval()
    with torch.no_grad():
        theirs.keys *= 20
        x = torch.randn(1, 11, d, dtype=torch.float64)
        expected = theirs(x)[0].numpy()
    projection = theirs.to_queries[0].weight.detach().numpy().reshape(2, h, width, d)
    keys = theirs.keys.detach().numpy()
    weights = {
        "query_proj.weight": projection.transpose(1, 0, 2, 3).reshape(h * 2 * width, d),
        "sub_keys.0": keys[:, :, 0],
        "sub_keys.1": keys[:, :, 1],
        "expert_down.weight": theirs.weight_down_embed.weight.detach().numpy(),
        "expert_up.weight": theirs.weight_up_embed.weight.detach().numpy(),
    }
    settings = config.PeerConfig(
        hidden_size=d, product_key_dim=(n, n), query_dim=2 * width, num_heads=h,
        num_experts_per_tok=k if competing else 1, keys_per_head=True,
        score_function="softmax" if competing else "relu",
    )  # fmt: skip

    assert relative(peer.layer(settings, weights, x[0].numpy()), expected) < 1e-12


def golden(**keys):
    return config.mla(
        dict(hidden_size=1, num_attention_heads=1, kv_lora_rank=512, qk_nope_head_dim=128,
             qk_rope_head_dim=64, v_head_dim=128, rope_theta=keys.pop("rope_theta", 1e4),
             rope_scaling=dict(type="yarn", original_max_position_embeddings=4096, **keys))
    )  # fmt: skip


def test_scale_and_ramp_of_published_models():
    lite = golden(factor=40, mscale=0.707, mscale_all_dim=0.707)
    v3 = golden(factor=40, mscale=1, mscale_all_dim=1)
    k2 = dict(rope_theta=5e4, beta_fast=1, beta_slow=1, mscale=1, mscale_all_dim=1)

    assert mla.scale(lite) == pytest.approx(0.1147214, abs=5e-8)
    assert mla.scale(v3) == pytest.approx(0.1352338, abs=5e-8)
    assert mla.scale(golden(factor=32, **k2)) == pytest.approx(0.1308608, abs=5e-8)
    assert mla.scale(golden(factor=64, **k2)) == pytest.approx(0.1446796, abs=5e-8)
    assert mla.correction_range(v3) == (10, 23)
    assert mla.correction_range(golden(factor=32, **k2)) == (19, 20)


def test_steps_equal_forward():
    settings = dict(TINY, q_lora_rank=None, architectures=["DeepseekV2ForCausalLM"])
    tensors = checkpoint.random(settings, "f32")
    weights = {name: tensor.wide() for name, tensor in tensors.items()}
    model = models.Model(settings, weights)
    tokens = np.random.default_rng(1).integers(0, 97, 9)
    expected = models.run(model, "forward", {"tokens": tokens, "cu_seqlens": [0, 9]})["logits"]
    cache = np.full((3, 6, 2, 28), np.nan)
    table = np.array([[4, 1, 0, 5, 2, 3]])

    begin, rows = 0, []
    for size in (4, 1, 3, 1):
        out = models.run(model, "step", {
            "tokens": tokens[begin : begin + size], "cu_seqlens": [0, size],
            "past_lens": [begin], "cache": cache, "block_table": table,
            "logit_rows": np.arange(size),
        })  # fmt: skip
        cache, begin = out["cache"], begin + size
        rows.append(out["logits"])

    assert relative(np.concatenate(rows), expected) < 1e-13


def test_bf16_rounds_to_nearest_even():
    values = np.array([1.0, 1 + 2**-8, 1 + 3 * 2**-8, -1e-40, np.inf, np.nan])

    rounded = storage.round_to(values, "bf16").values

    np.testing.assert_array_equal(rounded[:3], [1, 1, 1 + 2**-6])
    assert rounded[4] == np.inf and np.isnan(rounded[5])


def test_bf16_equals_torch():
    torch = pytest.importorskip("torch")
    values = np.random.default_rng(0).standard_normal(1000).astype(np.float32)

    expected = torch.tensor(values).bfloat16().float().numpy()

    np.testing.assert_array_equal(storage.round_to(values, "bf16").values, expected)


@pytest.mark.parametrize("dtype", ["f32", "f16", "bf16", "i32"])
def test_safetensors_files_read_back(tmp_path, dtype):
    safetensors = pytest.importorskip("safetensors")
    tensors = {
        "a": storage.round_to(np.arange(6).reshape(2, 3), dtype),
        "none": storage.round_to(np.zeros((0, 4)), dtype),
    }

    storage.save(tmp_path / "t.safetensors", tensors)

    loaded = storage.load(tmp_path / "t.safetensors")
    for name, tensor in tensors.items():
        assert loaded[name].dtype == dtype
        np.testing.assert_array_equal(loaded[name].values, tensor.values)
    with safetensors.safe_open(tmp_path / "t.safetensors", "np") as file:
        assert file.get_slice("a").get_shape() == [2, 3]
