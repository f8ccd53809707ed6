"""What this machine can do at best, measured in this very run.

    read     stream of one large buffer, GB/s
    gather   random rows of 2 KB of a large table, GB/s of row bytes
    f32      matrix product in f32, FLOP/s
    bf16     matrix product in bf16, FLOP/s

Each is the best of a few ways to write it in PyTorch, so that a floor from it is
what was seen to be possible here, not what a data sheet promises.
"""

import dataclasses

from .timing import alone


@dataclasses.dataclass(frozen=True)
class Ceilings:
    read: float
    gather: float
    f32: float
    bf16: float

    def floor(self, flops, bytes_read, dtype):
        """The seconds that no program can do without."""
        return max(flops / (self.bf16 if dtype == "bf16" else self.f32), bytes_read / self.read)

    def text(self):
        return (
            f"ceilings: read {self.read / 1e9:.1f} GB/s, gather of 2 KB rows "
            f"{self.gather / 1e9:.1f} GB/s, f32 {self.f32 / 1e9:.0f} GFLOP/s, "
            f"bf16 {self.bf16 / 1e9:.0f} GFLOP/s"
        )


def measure(torch, budget, small, rotation):
    """On PyTorch's default device; `rotation` is a class of timing.py."""

    def fastest(*functions):
        return min(alone(rotation(function, count), budget)[0] for function, count in functions)

    size = 1 << (22 if small else 27)  # f32 elements
    buffer = torch.randn(size)
    matrix = buffer.view(-1, 4096)
    vector = torch.randn(4096)
    seconds = fastest(
        (lambda i: buffer.sum(), 1),
        (lambda i: torch.amax(buffer), 1),
        (lambda i: torch.mv(matrix, vector), 1),
    )
    read = 4 * size / seconds

    table = buffer.view(-1, 512)  # 2 KB rows
    rows = min(32768, table.shape[0] // 2)
    sets = [torch.randint(0, table.shape[0], (rows,)) for _ in range(4)]
    out = torch.empty(rows, 512)
    bags = torch.arange(0, rows, 128)
    seconds = fastest(
        (lambda i: torch.index_select(table, 0, sets[i], out=out), 4),
        (lambda i: torch.nn.functional.embedding_bag(sets[i], table, bags, mode="sum"), 4),
    )
    gather = 2048 * rows / seconds
    del buffer, matrix, table

    widths = (1024, 2048) if torch.get_default_device().type == "cpu" else (4096, 8192)
    rates = {}
    for dtype in (torch.float32, torch.bfloat16):
        best = 0.0
        for n in (256,) if small else widths:
            a, w = (torch.randn(n, n).to(dtype) for _ in range(2))
            seconds = fastest(
                (lambda i: torch.nn.functional.linear(a, w), 1),
                (lambda i: torch.matmul(a, w), 1),
            )
            best = max(best, 2 * n**3 / seconds)
        rates[dtype] = best
    return Ceilings(read, gather, rates[torch.float32], rates[torch.bfloat16])
