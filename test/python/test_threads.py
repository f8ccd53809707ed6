"""Several threads: of one call, and calls of several."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from conftest import LEVEL, PEER, assert_close

import peermla


def test_the_number_of_threads_changes_no_result(peer, x):
    results = []
    for threads in (1, 2, 3):
        session = peer.library.load(peer.arrays, threads=threads)
        assert session.threads == threads
        results.append(session.forward(x))
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])


def test_the_level_is_a_choice(peer):
    assert peer.library.load(peer.arrays, level=LEVEL).level == LEVEL
    with pytest.raises(peermla.Error, match="i386"):
        peer.library.load(peer.arrays, level="i386")


def test_fewer_than_one_thread_is_refused(peer):
    with pytest.raises(peermla.ArgumentError, match="expected 1 thread or more, got 0"):
        peer.library.load(peer.arrays, threads=0)


def test_a_session_is_shared_by_threads(peer, peer_session):
    rng = np.random.default_rng(1)
    inputs = [rng.standard_normal((T, 24)).astype(np.float32) for T in range(1, 33)]
    with ThreadPoolExecutor(4) as pool:
        for x, y in zip(inputs, pool.map(peer_session.forward, inputs)):
            assert_close(y, peer.expect("forward", x=x)["y"])


def test_messages_belong_to_their_threads(peer_session):
    start = threading.Barrier(4)

    def fail(width):
        start.wait()
        for _ in range(100):
            with pytest.raises(peermla.ArgumentError, match=rf"got \[1, {width}\]"):
                peer_session.forward(np.zeros((1, width), np.float32))
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(fail, [3, 5, 7, 9]))


def test_threads_compile_at_the_same_time():
    model = peermla.import_model(PEER)
    with ThreadPoolExecutor(2) as pool:
        tasks = [pool.submit(model.compile, cpu_levels=LEVEL) for _ in range(2)]
        tasks.append(pool.submit(model.stage, "tiled", cpu_levels=LEVEL))
        assert [task.result() for task in tasks[:2]]
        assert "scf.forall" in tasks[2].result()
