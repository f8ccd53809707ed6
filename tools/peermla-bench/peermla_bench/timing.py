"""Times of two functions that take turns.

Machines have moods: what counts is the ratio of two calls that follow each other.
Each function is called in samples long enough for the clock, A B A B, after
warm-ups; the ratio is the median over the pairs.
"""

import dataclasses
import statistics
import time


@dataclasses.dataclass(frozen=True)
class Budget:
    """How long a row may take: seconds in all, and least length of a sample."""

    seconds: float = 1.5
    sample: float = 0.004
    most_pairs: int = 41
    fewest_pairs: int = 5


@dataclasses.dataclass(frozen=True)
class Pairs:
    """Seconds per call, and the ratio other / ours: above 1 ours is faster."""

    ours: float
    other: float
    ratio: float
    p10: float
    p90: float
    pairs: int


class Rotation:
    """Calls `function(i)` with i = 0, 1, ... through `count` sets of inputs."""

    def __init__(self, function, count):
        self.function, self.count, self.next = function, count, 0

    def __call__(self):
        self.function(self.next)
        self.next = (self.next + 1) % self.count

    def time(self, calls):
        """Seconds per call, over `calls` calls."""
        begin = time.perf_counter()
        for _ in range(calls):
            self()
        return (time.perf_counter() - begin) / calls


class GraphRotation:
    """The same on a GPU: all `count` calls are captured in one graph, and the clock
    is the device's, by events around replays. `calls` are rounded to whole graphs."""

    def __init__(self, torch, function, count):
        self.torch, self.count = torch, count
        stream = torch.cuda.Stream()
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            # Nothing may be allocated or compiled while a graph is captured.
            for i in [*range(count)] * 2:
                function(i)
        stream.synchronize()
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph, stream=stream):
            for i in range(count):
                function(i)

    def time(self, calls):
        replays = max(1, round(calls / self.count))
        begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        for _ in range(replays):
            self.graph.replay()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3 / (replays * self.count)


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(q * len(values)))]


def settle(rotation, budget):
    """Warms up; returns seconds of a usual call."""
    first = rotation.time(1)
    calls = max(2, min(rotation.count, int(budget.seconds / 10 / max(first, 1e-7))))
    return min(rotation.time(calls), rotation.time(calls))


def best_of(rotations, budget):
    """The name of the fastest of some alternatives, and seconds of all."""
    seconds = {name: settle(rotation, budget) for name, rotation in rotations.items()}
    return min(seconds, key=seconds.get), seconds


def alone(rotation, budget):
    """Median seconds per call of one function, with p10 and p90."""
    usual = settle(rotation, budget)
    calls = max(1, int(budget.sample / usual))
    count = int(budget.seconds / (usual * calls))
    count = max(budget.fewest_pairs, min(budget.most_pairs, count))
    samples = [rotation.time(calls) for _ in range(count)]
    return statistics.median(samples), quantile(samples, 0.1), quantile(samples, 0.9)


def in_turns(ours, other, budget):
    """Times both, in turns."""
    usual = [settle(side, budget) for side in (ours, other)]
    calls = [max(1, int(budget.sample / seconds)) for seconds in usual]
    pair = sum(n * seconds for n, seconds in zip(calls, usual))
    count = max(budget.fewest_pairs, min(budget.most_pairs, int(budget.seconds / pair)))
    times = [(ours.time(calls[0]), other.time(calls[1])) for _ in range(count)]
    ratios = [b / a for a, b in times]
    return Pairs(
        statistics.median(a for a, _ in times),
        statistics.median(b for _, b in times),
        statistics.median(ratios),
        quantile(ratios, 0.1),
        quantile(ratios, 0.9),
        count,
    )
