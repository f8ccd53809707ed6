"""PEER layers, and their experts alone, beside eager PyTorch."""

from . import libraries
from .rows import Row, poison, relative_error

# The experts alone: an entry beside those of the layer, on the same tables.
EXPERTS = """
  func.func @experts(
      %x: tensor<?x{d}x{t}> {{peermla.name = "x", peermla.dims = ["T", ""]}},
      %indices: tensor<?x{h}x{k}xi32> {{peermla.name = "indices", peermla.dims = ["T", "", ""], peermla.check = "tokens:{N}"}},
      %gates: tensor<?x{h}x{k}xf32> {{peermla.name = "gates", peermla.dims = ["T", "", ""]}})
      -> (tensor<?x{d}x{t}> {{peermla.name = "y", peermla.dims = ["T", ""]}})
      attributes {{peermla.entry}} {{
    %c0 = arith.constant 0 : index
    %T = tensor.dim %x, %c0 : tensor<?x{d}x{t}>
    %down_rows = ml_program.global_load_const @expert_down.weight : tensor<{N}x{d}x{t}>
    %down = tensor.expand_shape %down_rows [[0], [1, 2]] output_shape [{N}, 1, {d}]
        : tensor<{N}x{d}x{t}> into tensor<{N}x1x{d}x{t}>
    %up_rows = ml_program.global_load_const @expert_up.weight : tensor<{N}x{d}x{t}>
    %up = tensor.expand_shape %up_rows [[0], [1, 2]] output_shape [{N}, 1, {d}]
        : tensor<{N}x{d}x{t}> into tensor<{N}x1x{d}x{t}>
    %y_empty = tensor.empty(%T) : tensor<?x{d}x{t}>
    %y = peer.expert_mlp gelu {{peermla.id = "experts"}}
        ins(%x, %indices, %gates, %down, %up : tensor<?x{d}x{t}>, tensor<?x{h}x{k}xi32>,
            tensor<?x{h}x{k}xf32>, tensor<{N}x1x{d}x{t}>, tensor<{N}x1x{d}x{t}>)
        outs(%y_empty : tensor<?x{d}x{t}>) -> tensor<?x{d}x{t}>
    return %y : tensor<?x{d}x{t}>
  }}
}}
"""

TORCH_NAMES = {"f32": "float32", "bf16": "bfloat16"}


class Layer:
    """The weights, and the layer as one writes it in PyTorch."""

    def __init__(self, torch, config, dtype):
        self.torch, self.dtype = torch, dtype
        self.type = getattr(torch, TORCH_NAMES[dtype])
        self.d, self.h = config["hidden_size"], config["num_heads"]
        self.k, self.dq = config["num_experts_per_tok"], config["query_dim"]
        self.n = config["product_key_dim"]
        self.N = self.n[0] * self.n[1]

    def make(self, name, shape, _):
        """Random weights; products of them stay near 1."""
        torch = self.torch
        tensor = torch.empty(shape, dtype=self.type)
        # In blocks: a table in f32 beside one in bf16 would be large.
        for block in tensor.flatten().split(1 << 24):
            block.copy_(torch.randn(block.numel()))
        scale = self.dq**-0.25 if name.startswith("sub_keys") else self.d**-0.5
        return tensor.mul_(1.0 if name.startswith("expert_up") else scale)

    def use(self, tensors):
        self.query, self.down, self.up = (
            tensors[f"{name}.weight"] for name in ("query_proj", "expert_down", "expert_up")
        )
        self.keys = [tensors["sub_keys.0"], tensors["sub_keys.1"]]

    def project(self, x):
        linear = self.torch.nn.functional.linear
        return linear(x, self.query).view(x.shape[0], self.h, 2, self.dq // 2)

    def retrieve(self, x):
        """Scores by products of keys, the k best of each dimension, then of pairs."""
        torch, k = self.torch, self.k
        q = self.project(x)
        best, at = zip(
            *(torch.matmul(q[:, :, i], self.keys[i].t()).topk(k, dim=-1) for i in range(2))
        )
        pairs = (best[0].unsqueeze(-1) + best[1].unsqueeze(-2)).flatten(-2)
        scores, place = pairs.topk(k, dim=-1)
        rows = at[0].gather(-1, place // k) * self.n[1] + at[1].gather(-1, place % k)
        return scores.softmax(dim=-1), rows

    def experts(self, x, rows, gates):
        """Gather, einsum, activation, gather, einsum."""
        torch, embedding = self.torch, self.torch.nn.functional.embedding
        neurons = torch.einsum("td,thkd->thk", x, embedding(rows, self.down))
        neurons = torch.nn.functional.gelu(neurons) * gates
        return torch.einsum("thk,thkd->td", neurons, embedding(rows, self.up))

    def experts_in_batches(self, x, rows, gates):
        """The same by batched products, which leave out einsum's choices."""
        torch, T = self.torch, x.shape[0]
        flat = rows.reshape(-1)
        down = self.down.index_select(0, flat).view(T, -1, self.d)
        neurons = torch.bmm(down, x.unsqueeze(-1)).squeeze(-1)
        neurons = torch.nn.functional.gelu(neurons) * gates.reshape(T, -1)
        up = self.up.index_select(0, flat).view(T, -1, self.d)
        return torch.bmm(neurons.unsqueeze(1), up).squeeze(1)

    def forward(self, x, experts):
        """The layer, with one of the two ways to compute experts."""
        gates, rows = self.retrieve(x)
        return experts(x, rows, gates)

    def reference(self, x, rows, gates=None):
        """float64, with given choices; gates from exact scores unless given."""
        torch = self.torch
        if gates is None:
            q = torch.nn.functional.linear(x.double(), self.query.double()).to(self.type)
            q = q.view(x.shape[0], self.h, 2, -1).double()
            parts = (rows // self.n[1], rows % self.n[1])
            scores = sum(
                torch.einsum("thd,thkd->thk", q[:, :, i], self.keys[i][parts[i]].double())
                for i in range(2)
            )
            gates = scores.softmax(dim=-1)
        x, gates = x.double(), gates.double()
        neurons = torch.einsum("td,thkd->thk", x, self.down[rows].double())
        neurons = torch.nn.functional.gelu(neurons) * gates
        return torch.einsum("thk,thkd->td", neurons, self.up[rows].double())


def parts(bench):
    """All rows of the groups "PEER layer" and "PEER experts", a generator per model."""
    config = {
        "architectures": ["PeerLayer"],
        "hidden_size": bench.pick(64, 1024),
        "product_key_dim": bench.pick([32, 32], [512, 512]),
        "query_dim": bench.pick(32, 256),
        "num_heads": bench.pick(2, 8),
        "num_experts_per_tok": bench.pick(4, 16),
    }
    for dtype in bench.dtypes:
        shapes = [f"T {T}" for T in bench.pick((1, 3), (1, 32, 256), (1, 64, 4096))]
        if any(bench.wants(g, s, dtype) for g in ("PEER layer", "PEER experts") for s in shapes):
            yield _layer_rows(bench, config, dtype, shapes)


def _layer_rows(bench, config, dtype, shapes):
    torch = bench.torch
    layer = Layer(torch, config, dtype)
    ir = bench.workshop.import_config(
        f"peer_{dtype}", config | {"torch_dtype": TORCH_NAMES[dtype]}
    )
    fields = {"d": layer.d, "h": layer.h, "k": layer.k, "N": layer.N, "t": dtype}
    ir = ir.rstrip().removesuffix("}") + EXPERTS.format(**fields)
    session, tensors = bench.workshop.open(f"peer_{dtype}", ir, layer.make)
    layer.use(tensors)
    del tensors
    for shape in shapes:
        T = int(shape.split()[1])
        # Rows of the tables should come from memory, not from the last call.
        touched = T * layer.h * layer.k * 2 * layer.d * layer.type.itemsize
        sets = max(2, min(64, bench.rotation_bytes // touched))
        yield from _token_rows(bench, session, layer, T, shape, sets)


def _token_rows(bench, session, layer, T, shape, sets):
    torch, h, k = bench.torch, layer.h, layer.k
    xs = [torch.randn(T, layer.d).to(layer.type) for _ in range(sets)]
    y = torch.empty(T, layer.d, dtype=layer.type)
    gates = torch.empty(T, h, k)
    chosen = [torch.empty(T, h, k, dtype=torch.int32) for _ in range(sets)]
    all_gates = []
    for x, indices in zip(xs, chosen):
        libraries.Call(session, "retrieve", x=x, scores=gates, indices=indices)()
        all_gates.append(gates.clone())
    wide = [indices.long() for indices in chosen]
    storage_gates = [g.to(layer.type) for g in all_gates]
    sample = torch.linspace(0, T - 1, min(T, 8)).long()

    forward = [libraries.Call(session, "forward", x=x, y=y) for x in xs]
    experts = [
        libraries.Call(session, "experts", x=x, indices=i, gates=g, y=y)
        for x, i, g in zip(xs, chosen, all_gates)
    ]

    def check_layer():
        poison(y)
        forward[0]()
        choice = wide[0][sample]
        error = _choice_error(layer, xs[0][sample], choice)
        return max(error, relative_error(torch, y[sample], layer.reference(xs[0][sample], choice)))

    def check_experts():
        poison(y)
        experts[0]()
        reference = layer.reference(xs[0][sample], wide[0][sample], all_gates[0][sample])
        return relative_error(torch, y[sample], reference)

    def eager(experts):
        return lambda i: layer.forward(xs[i], experts)

    unique = sum(indices.unique().numel() for indices in chosen) / sets
    row_bytes = layer.d * layer.type.itemsize
    gathered = 2 * unique * row_bytes
    expert_flops = 4 * T * h * k * layer.d
    parameters = layer.query.numel() + sum(keys.numel() for keys in layer.keys)
    retrieval_flops = 2 * T * parameters + 2 * T * (h - 1) * sum(k.numel() for k in layer.keys)
    common = {"shape": shape, "dtype": layer.dtype, "sets": sets, "goal": 2.0}
    if bench.wants("PEER layer", shape, layer.dtype):
        yield Row(
            group="PEER layer",
            ours=lambda i: forward[i](),
            check=check_layer,
            flops=retrieval_flops + expert_flops,
            bytes=gathered + parameters * layer.type.itemsize,
            peers={
                "eager, einsum": eager(layer.experts),
                "eager, bmm": eager(layer.experts_in_batches),
                **bench.compiled(lambda x: layer.forward(x, layer.experts), xs),
            },
            **common,
        )
    if bench.wants("PEER experts", shape, layer.dtype):
        yield Row(
            group="PEER experts",
            ours=lambda i: experts[i](),
            check=check_experts,
            flops=expert_flops,
            bytes=gathered,
            peers={
                "gather + einsum": lambda i: layer.experts(xs[i], wide[i], storage_gates[i]),
                "gather + bmm": lambda i: layer.experts_in_batches(
                    xs[i], wide[i], storage_gates[i]
                ),
            },
            **common,
        )


def _choice_error(layer, x, choice):
    """How far the worst chosen score is below the k-th best one, relative to the
    largest; infinite if an expert is chosen twice by one head."""
    torch, T = layer.torch, x.shape[0]
    q = torch.nn.functional.linear(x.double(), layer.query.double())
    q = q.view(T, layer.h, 2, -1)
    parts = [torch.matmul(q[:, :, i], layer.keys[i].double().t()) for i in range(2)]
    scores = (parts[0].unsqueeze(-1) + parts[1].unsqueeze(-2)).flatten(-2)
    kept = scores.gather(-1, choice)
    kth = scores.topk(layer.k, dim=-1).values[..., -1:]
    ordered = choice.sort(dim=-1).values
    if (ordered[..., 1:] == ordered[..., :-1]).any():
        return float("inf")
    return ((kth - kept).clamp_min(0).max() / scores.abs().max()).item()
