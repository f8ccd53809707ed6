"""Importing configurations and checkpoints; IR of the stages."""

import json
import warnings

import pytest
from conftest import LEVEL, MLA, PEER
from oracle import checkpoint, storage

import peermla


@pytest.fixture(scope="module")
def model():
    return peermla.import_model(PEER)


def test_a_dict_gives_model_ir(model):
    assert "module @PeerLayer {" in str(model)
    assert "func.func @retrieve(%x: tensor<?x24xf32>" in str(model)


def test_a_file_gives_the_same_ir_as_its_dict(model, tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(PEER))
    assert str(peermla.import_model(path)) == str(model)
    assert str(peermla.import_model(str(path))) == str(model)


def test_a_folder_is_imported_with_the_types_of_its_tensors(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(PEER))
    storage.save(tmp_path / "model.safetensors", checkpoint.random(PEER, "bf16"))
    assert "tensor<40x24xbf16>" in str(peermla.import_model(tmp_path))


def test_all_mistakes_of_a_configuration_are_in_one_error():
    with pytest.raises(peermla.Error) as caught:
        peermla.import_model({**PEER, "hidden_size": -1, "gated": 3})
    assert str(caught.value).splitlines() == [
        "config: 'hidden_size': expected an integer from 1 to 16777216, got -1",
        "config: 'gated': expected true or false, got 3",
    ]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(peermla.Error, match="none.json: cannot be read"):
        peermla.import_model(tmp_path / "none.json")


def test_a_tensor_of_the_wrong_shape_is_named_with_both_shapes(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps(PEER))
    tensors = checkpoint.random({**PEER, "query_dim": 20}, "f32")
    storage.save(tmp_path / "model.safetensors", tensors)
    with pytest.raises(peermla.Error, match=r"query_proj.weight.*48, ?24.*60, ?24"):
        peermla.import_model(tmp_path)


def test_an_unknown_key_is_a_python_warning_at_the_caller():
    with pytest.warns(peermla.CompilerWarning, match="'colour': unknown key") as caught:
        peermla.import_model({**PEER, "colour": "red"})
    assert caught[0].filename == __file__


def test_nothing_is_printed_and_nothing_warned_of_without_reason(capfd):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        peermla.import_model(MLA)
    with pytest.raises(peermla.Error):
        peermla.import_model({})
    assert capfd.readouterr() == ("", "")


def test_a_dict_that_json_cannot_hold_is_refused():
    with pytest.raises(peermla.ArgumentError, match="JSON"):
        peermla.import_model({**PEER, "hidden_size": {1, 2}})


@pytest.mark.parametrize("stage", peermla.STAGES)
def test_every_stage_is_printed(model, stage):
    marks = {
        "model": "peer.expert_mlp",
        "tiled": "scf.forall",
        "buffers": "memref<?x24xf32",
        "tile": "tile.launch",
        "frag": "gpu.barrier",
        "nvvm": "nvvm.kernel",
        "cpu": "vector.",
        "llvm": "llvm.func",
    }
    targets = "sm_80" if stage in ("tile", "frag", "nvvm") else None
    levels = None if targets else LEVEL
    assert marks[stage] in model.stage(stage, cpu_levels=levels, targets=targets)


def test_levels_are_nested_modules(model):
    text = model.stage("tiled", cpu_levels=["x86-64-v3", "x86-64-v4"])
    assert 'peermla.level = "x86-64-v3"' in text
    assert 'peermla.level = "x86-64-v4"' in text


def test_the_form_of_attention_is_a_choice():
    model = peermla.import_model(MLA)
    absorbed = model.stage("tiled", cpu_levels=LEVEL, attention_form="absorb")
    assert absorbed != model.stage("tiled", cpu_levels=LEVEL)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"stage": "asm"}, "unknown stage 'asm', expected one of model, tiled"),
        ({"stage": "tiled", "cpu_levels": "i386"}, "unknown CPU level 'i386', expected one of"),
        ({"stage": "tiled", "attention_form": "both"}, "unknown attention form 'both'"),
    ],
)
def test_a_wrong_option_is_named(model, arguments, message):
    with pytest.raises(peermla.Error, match=message):
        model.stage(**arguments)
