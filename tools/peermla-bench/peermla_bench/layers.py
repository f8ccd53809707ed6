"""Whole MLA layers, projections and a small language model."""

import math

from . import libraries
from .attention import TORCH_NAMES, paged
from .rows import Row, poison, relative_error

# One projection: y = x W^T.
PROJECTION = """
module @Projection {{
  ml_program.global private @weight(#ml_program.extern : tensor<{n}x{k}x{t}>) : tensor<{n}x{k}x{t}>
  func.func @forward(
      %x: tensor<?x{k}x{t}> {{peermla.name = "x", peermla.dims = ["T", ""]}})
      -> (tensor<?x{n}x{t}> {{peermla.name = "y", peermla.dims = ["T", ""]}})
      attributes {{peermla.entry}} {{
    %c0 = arith.constant 0 : index
    %zero = arith.constant 0.0 : f32
    %T = tensor.dim %x, %c0 : tensor<?x{k}x{t}>
    %w = ml_program.global_load_const @weight : tensor<{n}x{k}x{t}>
    %empty = tensor.empty(%T) : tensor<?x{n}xf32>
    %zeros = linalg.fill ins(%zero : f32) outs(%empty : tensor<?x{n}xf32>) -> tensor<?x{n}xf32>
    %sum = linalg.matmul indexing_maps = [affine_map<(t, n, k) -> (t, k)>,
            affine_map<(t, n, k) -> (n, k)>, affine_map<(t, n, k) -> (t, n)>]
        {{peermla.id = "projection"}}
        ins(%x, %w : tensor<?x{k}x{t}>, tensor<{n}x{k}x{t}>)
        outs(%zeros : tensor<?x{n}xf32>) -> tensor<?x{n}xf32>
    {rounding}
  }}
}}
"""

ROUNDING = {
    "f32": "return %sum : tensor<?x{n}xf32>",
    "bf16": """%out = tensor.empty(%T) : tensor<?x{n}xbf16>
    %y = linalg.generic {{indexing_maps = [affine_map<(t, n) -> (t, n)>, affine_map<(t, n) -> (t, n)>],
            iterator_types = ["parallel", "parallel"]}}
        ins(%sum : tensor<?x{n}xf32>) outs(%out : tensor<?x{n}xbf16>) {{
    ^bb0(%wide: f32, %old: bf16):
      %narrow = arith.truncf %wide : f32 to bf16
      linalg.yield %narrow : bf16
    }} -> tensor<?x{n}xbf16>
    return %y : tensor<?x{n}xbf16>""",
}


def parts(bench):
    """All rows of the groups "projection", "MLA layer" and "language model", a
    generator per model."""
    for dtype in bench.dtypes:
        yield _projection_rows(bench, dtype)
    for dtype in bench.dtypes:
        yield _layer_rows(bench, dtype)
    for dtype in bench.dtypes:
        yield _model_rows(bench, dtype)


def _random_weights(bench):
    """Weights whose products stay near 1; those of norms are near 1. Experts add
    little to the residual stream, as trained ones do: who is the last of the best k
    is often a matter of rounding, and must not decide about the result."""
    torch = bench.torch

    def make(name, shape, dtype):
        kind = getattr(torch, TORCH_NAMES[dtype])
        values = torch.randn(tuple(shape))
        if "norm" in name:
            return (1 + 0.1 * values).to(kind)
        if "embed" not in name:
            values *= shape[-1] ** -0.5
        if "expert_up" in name:
            values *= 0.1
        return values.to(kind)

    return make


def _projection_rows(bench, dtype):
    torch = bench.torch
    n = bench.pick(48, 2048)
    shapes = {f"T {T} {n}x{n}": T for T in bench.pick((1, 5), (1, 32, 512), (1, 64, 4096))}
    if not any(bench.wants("projection", shape, dtype) for shape in shapes):
        return
    ir = PROJECTION.format(n=n, k=n, t=dtype, rounding=ROUNDING[dtype].format(n=n))
    session, tensors = bench.workshop.open(f"projection_{dtype}", ir, _random_weights(bench))
    weight = tensors["weight"]
    size = weight.dtype.itemsize
    for shape, T in shapes.items():
        if not bench.wants("projection", shape, dtype):
            continue
        xs = [torch.randn(T, n).to(weight.dtype) for _ in range(2)]
        y = torch.empty(T, n, dtype=weight.dtype)
        calls = [libraries.Call(session, "forward", x=x, y=y) for x in xs]

        def check(calls=calls, y=y, x=xs[0]):
            poison(y)
            calls[0]()
            return relative_error(torch, y, x.double() @ weight.double().t())

        yield Row(
            group="projection", shape=shape, dtype=dtype, sets=2, check=check,
            ours=lambda i, calls=calls: calls[i](),
            flops=2 * T * n * n, bytes=(n * n + 2 * T * n) * size,
            peers={"linear": lambda i, xs=xs: torch.nn.functional.linear(xs[i], weight)},
            note="one weight: may stay in the cache" if n * n * size < 32 << 20 else "",
        )  # fmt: skip


class Attention:
    """An MLA layer as one writes it in PyTorch (no q_lora_rank)."""

    def __init__(self, torch, config, weights):
        self.torch, self.w = torch, {n.removesuffix(".weight"): t for n, t in weights.items()}
        self.H, self.dc = config["num_attention_heads"], config["kv_lora_rank"]
        self.dn, self.dr = config["qk_nope_head_dim"], config["qk_rope_head_dim"]
        self.dv = config["v_head_dim"]
        self.theta = config["rope_theta"]
        self.scale = (self.dn + self.dr) ** -0.5

    def to(self, kind):
        config = {
            "num_attention_heads": self.H, "kv_lora_rank": self.dc, "qk_nope_head_dim": self.dn,
            "qk_rope_head_dim": self.dr, "v_head_dim": self.dv, "rope_theta": self.theta,
        }  # fmt: skip
        return Attention(self.torch, config, {n: t.to(kind) for n, t in self.w.items()})

    def angles(self, positions):
        torch = self.torch
        frequencies = self.theta ** (-torch.arange(0, self.dr, 2).double() / self.dr)
        angles = positions.double().view(-1, 1) * frequencies
        kind = self.w["o_proj"].dtype
        kind = kind if kind == torch.float64 else torch.float32
        return angles.cos().to(kind), angles.sin().to(kind)

    def rotate(self, x, cos, sin):
        """Pairs of neighbours, as checkpoints have them; x is [T, ..., dr]."""
        kind = cos.dtype
        shape = (cos.shape[0],) + (1,) * (x.dim() - 2) + (-1,)
        cos, sin = cos.view(shape), sin.view(shape)
        a, b = x[..., 0::2].to(kind), x[..., 1::2].to(kind)
        return self.torch.stack((a * cos - b * sin, a * sin + b * cos), -1).flatten(-2).to(x.dtype)

    def project(self, x, cos, sin):
        """q [T, H, dn + dr] and the rows of the cache [T, dc + dr]."""
        torch, linear = self.torch, self.torch.nn.functional.linear
        q = linear(x, self.w["q_proj"]).view(x.shape[0], self.H, -1)
        q = torch.cat((q[..., : self.dn], self.rotate(q[..., self.dn :], cos, sin)), -1)
        row = linear(x, self.w["kv_a_proj_with_mqa"])
        c = torch.nn.functional.rms_norm(
            row[:, : self.dc], (self.dc,), self.w["kv_a_layernorm"], 1e-6
        )
        return q, torch.cat((c, self.rotate(row[:, self.dc :], cos, sin)), -1)

    def forward(self, x, cos, sin):
        """Keys and values per head, then SDPA."""
        torch, T = self.torch, x.shape[0]
        q, row = self.project(x, cos, sin)
        kv = torch.nn.functional.linear(row[:, : self.dc], self.w["kv_b_proj"])
        kv = kv.view(T, self.H, self.dn + self.dv)
        shared = row[:, None, self.dc :].expand(T, self.H, self.dr)
        k = torch.cat((kv[..., : self.dn], shared), -1)
        # Padded to one width, for which PyTorch has its fast kernel.
        v = torch.nn.functional.pad(kv[..., self.dn :], (0, self.dn + self.dr - self.dv))
        o = torch.nn.functional.scaled_dot_product_attention(
            *(t.transpose(0, 1).unsqueeze(0) for t in (q, k, v)), is_causal=True, scale=self.scale
        )[0, ..., : self.dv]
        return torch.nn.functional.linear(o.transpose(0, 1).reshape(T, -1), self.w["o_proj"])

    def decode(self, x, cos, sin, cache):
        """One token; `cache` [L, dc + dr] gets its row as the last one."""
        torch = self.torch
        q, row = self.project(x, cos, sin)
        cache[-1] = row[0]
        up = self.w["kv_b_proj"].view(self.H, self.dn + self.dv, self.dc)
        latent = torch.bmm(q[0, :, None, : self.dn], up[:, : self.dn])[:, 0]
        q = torch.cat((latent, q[0, :, self.dn :]), -1)
        p = (torch.matmul(q, cache.t()) * self.scale).softmax(-1)
        z = torch.matmul(p, cache[:, : self.dc])
        o = torch.bmm(z.unsqueeze(1), up[:, self.dn :].transpose(1, 2))
        return torch.nn.functional.linear(o.reshape(1, -1), self.w["o_proj"])


def _layer_rows(bench, dtype):
    torch = bench.torch
    config = {
        "architectures": ["MlaLayer"],
        "hidden_size": bench.pick(48, 2048),
        "num_attention_heads": bench.pick(2, 16),
        "q_lora_rank": None,
        "kv_lora_rank": bench.pick(32, 512),
        "qk_nope_head_dim": bench.pick(16, 128),
        "qk_rope_head_dim": bench.pick(8, 64),
        "v_head_dim": bench.pick(12, 128),
        "rope_theta": 10000.0,
        "torch_dtype": TORCH_NAMES[dtype],
    }
    S, L = bench.pick((40, 70), (1024, 4096))
    prefill, decode = f"V2-Lite forward T {S}", f"V2-Lite decode L {L}"
    if not any(bench.wants("MLA layer", shape, dtype) for shape in (prefill, decode)):
        return
    ir = bench.workshop.import_config(f"mla_{dtype}", config)
    session, tensors = bench.workshop.open(f"mla_{dtype}", ir, _random_weights(bench))
    layer = Attention(torch, config, tensors)
    exact = layer.to(torch.float64)
    size = tensors["o_proj.weight"].dtype.itemsize
    weights = sum(t.numel() for t in tensors.values())
    H, D, dv = layer.H, layer.dn + layer.dr, layer.dv
    kind, d = tensors["o_proj.weight"].dtype, config["hidden_size"]
    if bench.wants("MLA layer", prefill, dtype):
        xs = [torch.randn(S, d).to(kind) for _ in range(2)]
        y = torch.empty(S, d, dtype=kind)
        cu_seqlens = torch.tensor([0, S], dtype=torch.int32)
        calls = [
            libraries.Call(session, "forward", x=x, cu_seqlens=cu_seqlens, y=y) for x in xs
        ]
        cos, sin = layer.angles(torch.arange(S))

        def check():
            poison(y)
            calls[0]()
            reference = exact.forward(xs[0].double(), *exact.angles(torch.arange(S)))
            return relative_error(torch, y, reference)

        yield Row(
            group="MLA layer", shape=prefill, dtype=dtype, sets=2, check=check,
            ours=lambda i: calls[i](),
            flops=2 * S * weights + H * S * (S + 1) * (D + dv),
            bytes=(weights + 2 * S * d) * size,
            peers={"eager, SDPA": lambda i: layer.forward(xs[i], cos, sin)},
        )  # fmt: skip
    if bench.wants("MLA layer", decode, dtype):
        yield _decode_row(bench, session, layer, exact, decode, dtype, d, L, weights)


def _decode_row(bench, session, layer, exact, shape, dtype, d, L, weights):
    torch, kind, sets = bench.torch, layer.w["o_proj"].dtype, 8
    size = kind.itemsize
    width = layer.dc + layer.dr
    xs = [torch.randn(1, d).to(kind) for _ in range(sets)]
    caches = [torch.randn(L, width).to(kind) for _ in range(sets)]
    y = torch.empty(1, d, dtype=kind)
    calls = []
    for x, rows in zip(xs, caches):
        cache, table = paged(torch, rows.unsqueeze(0), 64)
        calls.append(libraries.Call(
            session, "decode", x=x, cache=cache, block_table=table, y=y,
            seq_lens=torch.tensor([L - 1], dtype=torch.int32),
        ))  # fmt: skip
    position = torch.tensor([L - 1])
    cos, sin = layer.angles(position)

    def check():
        poison(y)
        calls[0]()
        reference = exact.decode(xs[0].double(), *exact.angles(position), caches[0].double())
        return relative_error(torch, y, reference)

    return Row(
        group="MLA layer", shape=shape, dtype=dtype, sets=sets, check=check,
        ours=lambda i: calls[i](),
        flops=2 * weights + 2 * layer.H * L * (width + layer.dc),
        bytes=(weights + L * width) * size,
        peers={"eager, absorbed": lambda i: layer.decode(xs[i], cos, sin, caches[i])},
    )  # fmt: skip


def _model_rows(bench, dtype):
    """One step of decoding; judged by `forward`, which other tests compare with
    models of Hugging Face."""
    torch = bench.torch
    layers = bench.pick(2, 4)
    config = {
        "architectures": ["PeerMlaForCausalLM"],
        "hidden_size": bench.pick(32, 512),
        "num_hidden_layers": layers,
        "vocab_size": bench.pick(50, 8192),
        "num_attention_heads": bench.pick(2, 8),
        "q_lora_rank": None,
        "kv_lora_rank": bench.pick(16, 256),
        "qk_nope_head_dim": bench.pick(8, 64),
        "qk_rope_head_dim": bench.pick(4, 32),
        "v_head_dim": bench.pick(8, 64),
        "max_position_embeddings": 4096,
        "peer": {
            "product_key_dim": bench.pick([16, 16], [256, 256]),
            "query_dim": bench.pick(16, 128),
            "num_heads": bench.pick(2, 8),
            "num_experts_per_tok": bench.pick(4, 16),
        },
        "torch_dtype": TORCH_NAMES[dtype],
    }
    L = bench.pick(20, 512)
    shape = f"{layers} layers, decode L {L}"
    if not bench.wants("language model", shape, dtype):
        return
    ir = bench.workshop.import_config(f"model_{dtype}", config)
    session, tensors = bench.workshop.open(f"model_{dtype}", ir, _random_weights(bench))
    kind = getattr(torch, TORCH_NAMES[dtype])
    width = config["kv_lora_rank"] + config["qk_rope_head_dim"]
    vocab, page = config["vocab_size"], 16
    blocks = math.ceil(L / page)
    cache = torch.zeros(layers, blocks, page, width, dtype=kind)
    table = torch.randperm(blocks).to(torch.int32).view(1, -1)
    ids = torch.randint(0, vocab, (L,), dtype=torch.int32)
    lengths = lambda n: torch.tensor([n], dtype=torch.int32)  # noqa: E731
    spans = lambda n: torch.tensor([0, n], dtype=torch.int32)  # noqa: E731
    logits, whole = torch.empty(1, vocab), torch.empty(L, vocab)
    libraries.Call(
        session, "step", tokens=ids[:-1].contiguous(), cu_seqlens=spans(L - 1),
        past_lens=lengths(0), cache=cache, block_table=table, logit_rows=lengths(L - 2),
        logits=logits,
    )()  # fmt: skip
    decode = libraries.Call(
        session, "decode", tokens=ids[-1:].contiguous(), cache=cache, block_table=table,
        seq_lens=lengths(L - 1), logits=logits,
    )  # fmt: skip

    def check():
        poison(logits)
        decode()
        libraries.Call(session, "forward", tokens=ids, cu_seqlens=spans(L), logits=whole)()
        return relative_error(torch, logits[0], whole[-1])

    peer = config["peer"]
    tables = {n: t for n, t in tensors.items() if "expert_" in n or "embed" in n}
    dense = sum(t.numel() for t in tensors.values()) - sum(t.numel() for t in tables.values())
    d = config["hidden_size"]
    gathered = layers * peer["num_heads"] * peer["num_experts_per_tok"] * 2 * d
    H, dc = config["num_attention_heads"], config["kv_lora_rank"]
    yield Row(
        group="language model", shape=shape, dtype=dtype, check=check,
        ours=lambda i: decode(),
        flops=2 * dense + 2 * gathered + layers * 2 * H * L * (width + dc),
        bytes=(dense + gathered + layers * L * width) * kind.itemsize,
    )  # fmt: skip
