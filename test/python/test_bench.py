"""The clock of the bench for GPUs, on a PyTorch whose GPU does nothing."""

import contextlib
import pathlib
import sys
import types

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "tools" / "peermla-bench"))
from peermla_bench.timing import GraphRotation  # noqa: E402


class FakeGpu:
    """Each call of a function takes one millisecond when it is replayed."""

    def __init__(self):
        self.clock, self.captured, self.is_capturing, self.stream = 0.0, 0, False, "usual"
        gpu = self

        class Stream:
            def wait_stream(self, other):
                assert other == "usual"

            def synchronize(self):
                pass

        class Event:
            def __init__(self, enable_timing):
                assert enable_timing

            def record(self):
                self.at = gpu.clock

            def synchronize(self):
                pass

            def elapsed_time(self, end):
                return end.at - self.at

        class Graph:
            def replay(self):
                gpu.clock += gpu.captured

        @contextlib.contextmanager
        def use(stream):
            gpu.stream = stream
            yield
            gpu.stream = "usual"

        @contextlib.contextmanager
        def capture(_, stream):
            gpu.is_capturing = True
            with use(stream):
                yield
            gpu.is_capturing = False

        self.torch = types.SimpleNamespace(
            cuda=types.SimpleNamespace(
                Stream=Stream, Event=Event, CUDAGraph=Graph, graph=capture, stream=use,
                current_stream=lambda: gpu.stream,
            )
        )  # fmt: skip


def test_a_rotation_is_one_graph_timed_by_events():
    gpu = FakeGpu()
    calls = []

    def function(i):
        calls.append((i, gpu.is_capturing, gpu.stream))
        gpu.captured += gpu.is_capturing

    rotation = GraphRotation(gpu.torch, function, 3)
    # Warm-ups and the capture see one stream, so that what a stream keeps is there.
    assert [i for i, _, _ in calls] == [0, 1, 2] * 3
    assert [capturing for _, capturing, _ in calls] == [False] * 6 + [True] * 3
    assert len({id(stream) for _, _, stream in calls}) == 1 and calls[0][2] != "usual"
    assert rotation.time(1) == rotation.time(30) == 1e-3
    assert len(calls) == 9  # Nothing runs on the host any more.
    assert gpu.clock == 3 + 30
