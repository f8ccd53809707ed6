"""Attention alone: decoding over a latent cache, and prefill, beside PyTorch."""

import math

from . import libraries
from .rows import Row, poison, relative_error

# One sequence or more over a paged cache whose rows serve all heads.
DECODE = """
module @Decode {{
  func.func @attend(
      %q: tensor<?x{H}x{D}x{t}> {{peermla.name = "q", peermla.dims = ["T", "", ""]}},
      %cache: tensor<?x?x{D}x{t}> {{peermla.name = "cache", peermla.dims = ["num_blocks", "page", ""]}},
      %cu_seqlens: tensor<?xi32> {{peermla.name = "cu_seqlens", peermla.dims = ["B+1"], peermla.check = "cu_seqlens:T"}},
      %past_lens: tensor<?xi32> {{peermla.name = "past_lens", peermla.dims = ["B"]}},
      %block_table: tensor<?x?xi32> {{peermla.name = "block_table", peermla.dims = ["B", "max_blocks"]}})
      -> (tensor<?x{H}x{dc}x{t}> {{peermla.name = "z", peermla.dims = ["T", "", ""]}})
      attributes {{peermla.entry}} {{
    %c0 = arith.constant 0 : index
    %T = tensor.dim %q, %c0 : tensor<?x{H}x{D}x{t}>
    %empty = tensor.empty(%T) : tensor<?x{H}x{dc}x{t}>
    %z = mla.online_attention causal scale({scale!r}) {{peermla.id = "decode"}}
        ins(%q, %cache : tensor<?x{H}x{D}x{t}>, tensor<?x?x{D}x{t}>)
        ragged(%cu_seqlens : tensor<?xi32>)
        paged(%past_lens, %block_table : tensor<?xi32>, tensor<?x?xi32>)
        outs(%empty : tensor<?x{H}x{dc}x{t}>) -> tensor<?x{H}x{dc}x{t}>
    return %z : tensor<?x{H}x{dc}x{t}>
  }}
}}
"""

# Keys and values per head, all tokens new.
PREFILL = """
module @Prefill {{
  func.func @attend(
      %q: tensor<?x{H}x{D}x{t}> {{peermla.name = "q", peermla.dims = ["T", "", ""]}},
      %k: tensor<?x{H}x{D}x{t}> {{peermla.name = "k", peermla.dims = ["T", "", ""]}},
      %v: tensor<?x{H}x{dv}x{t}> {{peermla.name = "v", peermla.dims = ["T", "", ""]}},
      %cu_seqlens: tensor<?xi32> {{peermla.name = "cu_seqlens", peermla.dims = ["B+1"], peermla.check = "cu_seqlens:T"}})
      -> (tensor<?x{H}x{dv}x{t}> {{peermla.name = "o", peermla.dims = ["T", "", ""]}})
      attributes {{peermla.entry}} {{
    %c0 = arith.constant 0 : index
    %T = tensor.dim %q, %c0 : tensor<?x{H}x{D}x{t}>
    %empty = tensor.empty(%T) : tensor<?x{H}x{dv}x{t}>
    %o = mla.online_attention causal scale({scale!r}) {{peermla.id = "prefill"}}
        ins(%q, %k : tensor<?x{H}x{D}x{t}>, tensor<?x{H}x{D}x{t}>)
        values(%v : tensor<?x{H}x{dv}x{t}>)
        ragged(%cu_seqlens : tensor<?xi32>)
        outs(%empty : tensor<?x{H}x{dv}x{t}>) -> tensor<?x{H}x{dv}x{t}>
    return %o : tensor<?x{H}x{dv}x{t}>
  }}
}}
"""

TORCH_NAMES = {"f32": "float32", "bf16": "bfloat16"}


def parts(bench):
    """All rows of the groups "MLA decode" and "MLA prefill", a generator per model."""
    for dtype in bench.dtypes:
        yield _decode_rows(bench, dtype)
    for dtype in bench.dtypes:
        yield _prefill_rows(bench, dtype)


def _decode_rows(bench, dtype):
    H, dc, dr = bench.pick((4, 32, 8), (128, 512, 64))
    D = dc + dr
    shapes = {
        f"H {H} L {L}" if B == 1 else f"B {B} H {H} L {L}": (B, L)
        for B, L in bench.pick(
            ((1, 96), (3, 40)),
            ((1, 4096), (1, 32768)),
            ((1, 4096), (1, 32768), (64, 1024), (64, 4096)),
        )
    }
    shapes = {s: sizes for s, sizes in shapes.items() if bench.wants("MLA decode", s, dtype)}
    if shapes:
        fields = {"H": H, "D": D, "dc": dc, "t": dtype, "scale": 192**-0.5}
        session, _ = bench.workshop.open(f"decode_{dtype}", DECODE.format(**fields))
        for shape, (B, L) in shapes.items():
            yield _decode_row(bench, session, dtype, shape, H, dc, D, B, L)


def _prefill_rows(bench, dtype):
    H, D, dv, S = bench.pick((2, 24, 16, 80), (16, 192, 128, 1024), (16, 192, 128, 4096))
    shape = f"H {H} S {S}"
    if bench.wants("MLA prefill", shape, dtype):
        fields = {"H": H, "D": D, "dv": dv, "t": dtype, "scale": D**-0.5}
        session, _ = bench.workshop.open(f"prefill_{dtype}", PREFILL.format(**fields))
        yield _prefill_row(bench, session, dtype, shape, H, D, dv, S)


def paged(torch, rows, page):
    """Rows [B, L, D] as a paged cache with shuffled blocks: (cache, block table)."""
    B, L, D = rows.shape
    count = math.ceil(L / page)
    table = torch.randperm(B * count)
    padded = torch.full((B * count, page, D), math.nan, dtype=rows.dtype)
    padded.view(B, count * page, D)[:, :L] = rows
    cache = torch.empty_like(padded)
    cache[table] = padded
    return cache, table.to(torch.int32).view(B, count)


def _decode_row(bench, session, dtype, shape, H, dc, D, B, L):
    torch = bench.torch
    sdpa = torch.nn.functional.scaled_dot_product_attention
    kind = getattr(torch, TORCH_NAMES[dtype])
    scale = 192**-0.5
    sets = max(2, min(16, bench.rotation_bytes // 4 // (B * L * D * kind.itemsize)))
    qs = [torch.randn(B, H, D).to(kind) for _ in range(sets)]
    keys = [torch.randn(B, L, D).to(kind) for _ in range(sets)]
    z = torch.empty(B, H, dc, dtype=kind)
    calls = []
    for q, k in zip(qs, keys):
        cache, table = paged(torch, k, 64)
        calls.append(libraries.Call(
            session, "attend", q=q, cache=cache, block_table=table, z=z,
            cu_seqlens=torch.arange(B + 1, dtype=torch.int32),
            past_lens=torch.full((B,), L - 1, dtype=torch.int32),
        ))  # fmt: skip

    def check():
        poison(z)
        calls[0]()
        heads = torch.linspace(0, H - 1, min(H, 8)).long()
        k = keys[0].double()
        s = qs[0][:, heads].double() @ k.transpose(1, 2) * scale
        return relative_error(torch, z[:, heads], s.softmax(-1) @ k[..., :dc])

    def products(i):
        scores = torch.matmul(qs[i], keys[i].transpose(1, 2)) * scale
        return torch.matmul(scores.softmax(-1), keys[i][..., :dc])

    values = [k[..., :dc].contiguous() for k in keys]

    def products_apart(i):
        """Values as a matrix of their own, which no cache has."""
        scores = torch.matmul(qs[i], keys[i].transpose(1, 2)) * scale
        return torch.matmul(scores.softmax(-1), values[i])

    def sdpa_rows(i):
        """Heads as rows of one head; all columns as values: the fast kernel wants
        equal widths."""
        q, k = qs[i].unsqueeze(1), keys[i].unsqueeze(1)
        return sdpa(q, k, k, scale=scale)[..., :dc]

    def sdpa_values(i):
        q, k = qs[i].unsqueeze(1), keys[i].unsqueeze(1)
        return sdpa(q, k, k[..., :dc], scale=scale)

    def sdpa_heads(i):
        q = qs[i].unsqueeze(2)
        k = keys[i].unsqueeze(1).expand(B, H, L, D)
        return sdpa(q, k, k, scale=scale)[..., :dc]

    return Row(
        group="MLA decode", shape=shape, dtype=dtype, sets=sets, goal=1.0,
        ours=lambda i: calls[i](), check=check,
        flops=2 * B * H * L * (D + dc), bytes=B * L * D * kind.itemsize,
        peers={
            "matmul, softmax, matmul": products,
            "the same, contiguous V": products_apart,
            "SDPA, heads as rows": sdpa_rows,
            "SDPA, dv < dk": sdpa_values,
            "SDPA, heads": sdpa_heads,
        },
    )  # fmt: skip


def _prefill_row(bench, session, dtype, shape, H, D, dv, S):
    torch = bench.torch
    sdpa = torch.nn.functional.scaled_dot_product_attention
    kind = getattr(torch, TORCH_NAMES[dtype])
    sets = 4
    qs, ks = ([torch.randn(S, H, D).to(kind) for _ in range(sets)] for _ in range(2))
    vs = [torch.randn(S, H, dv).to(kind) for _ in range(sets)]
    o = torch.empty(S, H, dv, dtype=kind)
    cu_seqlens = torch.tensor([0, S], dtype=torch.int32)
    calls = [
        libraries.Call(session, "attend", q=q, k=k, v=v, cu_seqlens=cu_seqlens, o=o)
        for q, k, v in zip(qs, ks, vs)
    ]

    def check():
        poison(o)
        calls[0]()
        tokens = torch.linspace(0, S - 1, min(S, 16)).long()
        q, k, v = (t[0].double() for t in (qs, ks, vs))
        s = torch.einsum("thd,shd->hts", q[tokens], k) * D**-0.5
        s.masked_fill_(torch.arange(S) > tokens.view(-1, 1), -math.inf)
        reference = torch.einsum("hts,shd->thd", s.softmax(-1), v)
        return relative_error(torch, o[tokens], reference)

    heads = [[t.transpose(0, 1).contiguous().unsqueeze(0) for t in (q, k, v)]
             for q, k, v in zip(qs, ks, vs)]  # fmt: skip
    padded = [torch.nn.functional.pad(v, (0, D - dv)) for _, _, v in heads]
    mask = torch.full((S, S), -math.inf, dtype=kind).triu(1)

    def sdpa_plain(i):
        return sdpa(*heads[i], is_causal=True)

    def sdpa_padded(i):
        """Values padded to the width of keys, beforehand: the fast kernel."""
        return sdpa(heads[i][0], heads[i][1], padded[i], is_causal=True)[..., :dv]

    def products(i):
        q, k, v = heads[i]
        return torch.matmul((torch.matmul(q, k.transpose(-1, -2)) * D**-0.5 + mask).softmax(-1), v)

    return Row(
        group="MLA prefill", shape=shape, dtype=dtype, sets=sets, goal=0.8,
        ours=lambda i: calls[i](), check=check,
        flops=H * S * (S + 1) * (D + dv), bytes=2 * S * H * (D + dv) * kind.itemsize,
        peers={
            "SDPA": sdpa_plain,
            "SDPA, padded V": sdpa_padded,
            "matmul, softmax, matmul": products,
        },
    )  # fmt: skip
