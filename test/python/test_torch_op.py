"""Entries as operators of PyTorch."""

import numpy as np
import pytest
from conftest import assert_close
from test_run import mla_step

import peermla

torch = pytest.importorskip("torch")


def test_an_operator_computes_what_the_entry_does(peer_session, x):
    forward = peer_session.torch_op("forward")
    tensor = torch.from_numpy(x)
    assert torch.equal(forward(tensor), peer_session.forward(tensor))


def test_an_operator_is_found_by_its_name(peer_session, x):
    peermla.torch_op(peer_session.retrieve, "test_retrieve")
    scores, indices = torch.ops.peermla.test_retrieve(torch.from_numpy(x))
    expected = peer_session.retrieve(x)
    assert np.array_equal(scores, expected.scores)
    assert np.array_equal(indices, expected.indices)


def test_an_operator_knows_its_shapes(peer_session):
    scores, indices = peer_session.torch_op("retrieve")(torch.empty(11, 24, device="meta"))
    assert (scores.shape, scores.dtype) == ((11, 3, 4), torch.float32)
    assert (indices.shape, indices.dtype) == ((11, 3, 4), torch.int32)


def test_an_operator_updates_the_cache(mla, mla_session):
    inputs = mla_step()
    expected = mla.expect("step", **inputs)
    tensors = {name: torch.from_numpy(value.copy()) for name, value in inputs.items()}
    step = mla_session.torch_op("step")
    assert_close(step(*tensors.values()), expected["y"])
    assert_close(tensors["cache"], expected["cache"])


def test_operators_pass_the_checks_of_torch(peer_session, mla_session, x):
    checks = ("test_schema", "test_faketensor")
    torch.library.opcheck(
        peer_session.torch_op("forward"), (torch.from_numpy(x),), test_utils=checks
    )
    tensors = tuple(torch.from_numpy(value) for value in mla_step().values())
    torch.library.opcheck(mla_session.torch_op("step"), tensors, test_utils=checks)


def test_operators_stand_in_compiled_graphs(peer_session, x):
    forward = peer_session.torch_op("forward")
    compiled = torch.compile(lambda x: forward(x * 2) + 1, backend="eager", fullgraph=True)
    tensor = torch.from_numpy(x)
    assert torch.allclose(compiled(tensor), peer_session.forward(tensor * 2) + 1)
