"""A row of the table: a kernel at a shape, ours and others', checked, then timed."""

import dataclasses
import math
from collections.abc import Callable

from .timing import alone, best_of, in_turns

# Relative errors, in the sense of the whole result's norm, against float64.
TOLERANCE = {"f32": 1e-5, "bf16": 1e-2, "f16": 2e-3}


@dataclasses.dataclass
class Row:
    """`ours` and each of `peers` take the number of a set of inputs, of which
    there are `sets`. `check` runs ours on poisoned memory and returns the
    relative error. `flops` and `bytes` are what the task itself takes; `goal` is
    the ratio to reach."""

    group: str
    shape: str
    dtype: str
    ours: Callable
    check: Callable
    flops: float
    bytes: float
    peers: dict = dataclasses.field(default_factory=dict)
    sets: int = 1
    goal: float = 0.0
    note: str = ""

    @property
    def name(self):
        return f"{self.group}, {self.shape}, {self.dtype}"


def relative_error(torch, result, reference):
    """||result - reference|| / ||reference||; not a number counts as infinite."""
    result, reference = result.double(), reference.double()
    error = ((result - reference).norm() / reference.norm().clamp_min(1e-300)).item()
    return error if math.isfinite(error) else math.inf


def poison(*tensors):
    """What ours must write over."""
    for tensor in tensors:
        tensor.fill_(math.nan if tensor.is_floating_point() else -1)


def measure(row, ceilings, budget, rotation):
    """The facts of a row, as they go to JSON; `rotation` is a class of timing.py."""
    facts = {
        "group": row.group,
        "shape": row.shape,
        "dtype": row.dtype,
        "goal": row.goal,
        "flops": row.flops,
        "bytes": row.bytes,
        "floor_seconds": ceilings.floor(row.flops, row.bytes, row.dtype),
        "note": row.note,
    }
    error = row.check()
    facts["error"] = error if math.isfinite(error) else "not finite"
    if not error <= TOLERANCE[row.dtype]:
        return facts | {"status": "WRONG"}
    ours = rotation(row.ours, row.sets)
    if not row.peers:
        seconds, p10, p90 = alone(ours, budget)
        facts |= {"seconds": seconds, "seconds_p10": p10, "seconds_p90": p90}
        return facts | {"status": "ok", "floor_share": facts["floor_seconds"] / seconds}
    others = {name: rotation(peer, row.sets) for name, peer in row.peers.items()}
    best, seconds = best_of(others, budget)
    pairs = in_turns(ours, others[best], budget)
    return facts | {
        "status": "ok",
        "seconds": pairs.ours,
        "floor_share": facts["floor_seconds"] / pairs.ours,
        "peer": best,
        "peer_seconds": pairs.other,
        "peers": seconds,
        "ratio": pairs.ratio,
        "ratio_p10": pairs.p10,
        "ratio_p90": pairs.p90,
        "pairs": pairs.pairs,
    }
