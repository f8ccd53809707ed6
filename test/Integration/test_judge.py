"""The judge of execution tests refuses what it must: each check seen to fail."""

import numpy as np
import pytest

import inputs as make_inputs
import judge
from cases import MLA, PEER, decode
from oracle import checkpoint, models, storage


def model_of(case):
    tensors = checkpoint.random(case.config, "f32")
    return models.Model(case.config, {name: tensor.wide() for name, tensor in tensors.items()})


def retrieved():
    """A model, inputs and right outputs of retrieve."""
    model = model_of(PEER[0])
    wide = {"x": np.random.default_rng(0).standard_normal((5, 40))}
    outputs = models.run(model, "retrieve", wide)
    return model, wide, outputs["scores"], outputs["indices"]


def judge_retrieval(model, wide, scores, indices):
    outputs = {
        "scores": storage.round_to(scores, "f32"),
        "indices": storage.round_to(indices, "i32"),
    }
    return judge.retrieval(model, wide, outputs, 1e-5, np.ones(5, bool), False)


def test_right_retrieval_passes():
    judge_retrieval(*retrieved())


@pytest.mark.parametrize("value", [-1, 96])
def test_index_out_of_range_is_refused(value):
    model, wide, scores, indices = retrieved()
    indices[2, 1, 3] = value
    with pytest.raises(judge.Wrong, match="beyond 96"):
        judge_retrieval(model, wide, scores, indices)


def test_expert_that_is_not_among_the_best_is_refused():
    model, wide, scores, indices = retrieved()
    every = judge.peer.all_scores(judge.configs.peer(model.config), model.weights, wide["x"])
    fifth = np.argsort(-every[0, 0], kind="stable")[4]
    indices[0, 0, 3], scores[0, 0, 3] = fifth, every[0, 0, fifth]
    with pytest.raises(judge.Wrong, match="not among the k best"):
        judge_retrieval(model, wide, scores, indices)


def test_expert_twice_is_refused():
    model, wide, scores, indices = retrieved()
    indices[0, 0, 1] = indices[0, 0, 0]
    with pytest.raises(judge.Wrong, match="twice"):
        judge_retrieval(model, wide, scores, indices)


def test_ascending_scores_are_refused():
    model, wide, scores, indices = retrieved()
    with pytest.raises(judge.Wrong, match="descending"):
        judge_retrieval(model, wide, scores[..., ::-1], indices[..., ::-1])


def decoded():
    """A model, a call, its inputs and right outputs."""
    model, call = model_of(MLA[0]), decode(1, (7, 33))
    given = make_inputs.make(model.config, call, "f32", np.random.default_rng(0))
    outputs = models.run(model, "decode", given.wide())
    return model, call, given, {n: storage.round_to(v, "f32") for n, v in outputs.items()}


def judge_decode(model, call, given, outputs):
    return judge.outputs_of(model, call, given, outputs, "f32", 1e-5)


def test_right_outputs_pass():
    assert judge_decode(*decoded()) < 1e-6


def test_one_nan_is_refused():
    model, call, given, outputs = decoded()
    outputs["y"].values[1, 3] = np.nan
    with pytest.raises(judge.Wrong, match="1 of 96 not finite"):
        judge_decode(model, call, given, outputs)


def test_error_beyond_tolerance_is_refused():
    model, call, given, outputs = decoded()
    outputs["y"] = storage.Tensor("f32", outputs["y"].values * np.float32(1 + 3e-5))
    with pytest.raises(judge.Wrong, match="expected at most 1e-05"):
        judge_decode(model, call, given, outputs)


def test_another_type_is_refused():
    model, call, given, outputs = decoded()
    outputs["y"] = storage.round_to(outputs["y"].values, "f16")
    with pytest.raises(judge.Wrong, match="has type f16"):
        judge_decode(model, call, given, outputs)


def test_missing_output_is_refused():
    model, call, given, outputs = decoded()
    del outputs["cache"]
    with pytest.raises(judge.Wrong, match="outputs"):
        judge_decode(model, call, given, outputs)


def test_cache_row_that_was_not_written_is_refused():
    model, call, given, outputs = decoded()
    outputs["cache"] = given.tensors["cache"]
    with pytest.raises(judge.Wrong, match="cache: error"):
        judge_decode(model, call, given, outputs)


def test_change_of_another_cache_row_is_refused():
    model, call, given, outputs = decoded()
    block, row = np.argwhere(~given.written)[0]
    outputs["cache"].values[block, row, 0] = 1
    with pytest.raises(judge.Wrong, match="belong to no new token"):
        judge_decode(model, call, given, outputs)
