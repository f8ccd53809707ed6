"""Libraries: compiling, loading, describing."""

import gc
import multiprocessing.spawn
import os
import shutil
import subprocess
import sys

import numpy as np
import pytest
from conftest import LEVEL, MLA, PEER, assert_close

import peermla


def test_errors_in_ir_are_located_and_quoted():
    with pytest.raises(peermla.Error) as caught:
        peermla.compile("module {\n  func.func @f() { wrong }\n}")
    assert "model.mlir:2:20: error: " in str(caught.value)
    assert "func.func @f() { wrong }" in str(caught.value)


def test_errors_in_a_file_name_the_file(tmp_path):
    path = tmp_path / "broken.mlir"
    path.write_text("module {\n  wrong\n}")
    with pytest.raises(peermla.Error, match="broken.mlir:2:3: error: "):
        peermla.compile(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(peermla.Error, match="cannot read '.*none.mlir': No such file"):
        peermla.compile(tmp_path / "none.mlir")


def test_a_failed_compilation_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(peermla.Error):
        peermla.compile("module { wrong }")
    assert not list(tmp_path.iterdir())


# Model IR of the right dialects that a pass refuses.
UNSUPPORTED = """
func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
  %r = "tensor.cast"(%x) : (tensor<?xf32>) -> tensor<4xf32>
  %s = "tensor.cast"(%r) : (tensor<4xf32>) -> tensor<?xf32>
  return %s : tensor<?xf32>
}
"""


def test_a_failure_in_a_pass_says_how_to_repeat_it(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(peermla.Error) as caught:
        peermla.compile(UNSUPPORTED, cpu_levels=LEVEL)
    assert "reproduce with: " + caught.value.reproducer in str(caught.value)
    again = subprocess.run(
        caught.value.reproducer, shell=True, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    )  # fmt: skip
    assert again.returncode == 1
    assert str(caught.value).splitlines()[0].split("error: ")[1] in again.stderr


def fake_interpreter(path, script):
    """Makes children run `script` before the interpreter, or instead of it."""
    path.write_text(f'#!/bin/sh\n{script}\nexec {sys.executable} "$@"\n')
    path.chmod(0o755)
    multiprocessing.set_executable(str(path))


@pytest.fixture
def own_executable():
    executable = multiprocessing.spawn.get_executable()
    yield
    multiprocessing.set_executable(executable)


def test_a_crash_of_the_compiler_is_an_exception(tmp_path, monkeypatch, own_executable):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = peermla.import_model(PEER)
    fake_interpreter(tmp_path / "interpreter", "echo LLVM ERROR: no way >&2; kill -ABRT $$")
    with pytest.raises(peermla.CompilerCrash, match="signal SIGABRT:\nLLVM ERROR: no way") as caught:
        model.stage("tiled", cpu_levels=LEVEL)
    assert "reproduce with: " in str(caught.value)
    (saved,) = tmp_path.glob("*.mlir")
    assert str(saved) in caught.value.reproducer
    assert saved.read_text() == str(model)


def test_a_compiler_without_memory_is_an_exception(tmp_path, monkeypatch, own_executable):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = peermla.import_model(PEER)
    fake_interpreter(tmp_path / "interpreter", "ulimit -v 400000")
    with pytest.raises(peermla.CompilerCrash):
        peermla.compile(model)


def test_an_output_that_cannot_be_written_is_named(tmp_path):
    output = tmp_path / "none" / "model.so"
    with pytest.raises(peermla.Error, match="none/model.so"):
        peermla.compile(peermla.import_model(PEER), output, cpu_levels=LEVEL)


def test_library_and_header_go_where_they_should(tmp_path):
    library = peermla.compile(
        peermla.import_model(PEER), tmp_path / "layer.so", cpu_levels=LEVEL
    )
    assert library.path == str(tmp_path / "layer.so")
    assert library.header == str(tmp_path / "layer.h")
    assert "peermla_PeerLayer_api" in (tmp_path / "layer.h").read_text()


def test_a_temporary_library_goes_with_its_object():
    library = peermla.compile(peermla.import_model(PEER), cpu_levels=LEVEL)
    folder = os.path.dirname(library.path)
    assert os.path.exists(library.path)
    del library
    gc.collect()
    assert not os.path.exists(folder)


def test_a_session_keeps_its_temporary_library(peer, x):
    compile_and_load = lambda: peermla.compile(  # noqa: E731
        peermla.import_model(PEER), cpu_levels=LEVEL
    ).load(peer.arrays)
    session = compile_and_load()
    gc.collect()
    assert os.path.exists(session.library.path)
    assert_close(session.forward(x), peer.expect("forward", x=x)["y"])


def test_model_compile_and_text_and_file_give_the_same(tmp_path):
    model = peermla.import_model(PEER)
    path = tmp_path / "model.mlir"
    path.write_text(str(model))
    described = [
        library.describe()
        for library in (
            model.compile(cpu_levels=LEVEL),
            peermla.compile(str(model), cpu_levels=LEVEL),
            peermla.compile(str(path), cpu_levels=LEVEL),
        )
    ]
    assert described[0] == described[1] == described[2]


def test_a_description_has_names_types_and_shapes(peer, mla):
    entries = peer.library.entries
    assert peer.library.model == "PeerLayer"
    assert str(entries["forward"]) == "forward(x: f32 [T, 24]) -> y: f32 [T, 24]"
    assert [o.dtype for o in entries["retrieve"].outputs] == ["f32", "i32"]
    assert "expert_up.weight: f32 [40, 24]" in peer.library.describe()
    step = mla.library.entries["step"]
    assert {a.name: a.kind for a in step.arguments}["cache"] == "inout"
    assert str({a.name: a for a in step.arguments}["cu_seqlens"]) == "cu_seqlens: i32 [B+1]"


def test_a_replaced_file_is_loaded_anew(tmp_path):
    path = tmp_path / "model.so"
    first = peermla.compile(peermla.import_model(PEER), path, cpu_levels=LEVEL)
    second = peermla.compile(peermla.import_model(MLA), path, cpu_levels=LEVEL)
    assert (first.model, second.model) == ("PeerLayer", "MlaLayer")
    assert peermla.Library(path).model == "MlaLayer"
    assert first.entries.keys() == {"forward", "retrieve"}


def test_a_report_says_what_was_decided(peer):
    assert peer.library.report is None
    report = peermla.compile(peermla.import_model(PEER), cpu_levels=LEVEL, report=True).report
    assert report["model"] == "PeerLayer"
    assert report["levels"]


def test_a_report_is_evaluated_at_the_given_sizes():
    model = peermla.import_model(PEER)
    report = model.compile(cpu_levels=LEVEL, report=True, report_sizes={"T": 7}).report
    assert report["sizes"]["T"] == 7
    assert report["sizes"]["threads"] == 2
    kernels = report["levels"][0]["kernels"]
    (launch,) = [k["launches"][0] for k in kernels if k["id"] == "query_proj"]
    # 2 x 24 x 3 x 16 operations for each token.
    assert launch["flop"] == {"formula": "T * 2304", "value": 7 * 2304}


@pytest.mark.parametrize("sizes", [{"T": 0}, {"T": 1.5}, {"T": True}, {3: 3}, "T=3"])
def test_sizes_of_a_report_are_checked(sizes):
    with pytest.raises(peermla.ArgumentError, match="expected 'report_sizes'"):
        peermla.compile(peermla.import_model(PEER), report=True, report_sizes=sizes)
    with pytest.raises(peermla.ArgumentError, match="expected 'report' with 'report_sizes'"):
        peermla.compile(peermla.import_model(PEER), report_sizes=sizes)


def test_a_given_schedule_is_followed():
    model = peermla.import_model(PEER)
    schedules = {"query*": "block = [5, 48, 0]"}
    text = model.stage("tiled", cpu_levels=LEVEL, schedules=schedules)
    assert "to (%dim) step (5)" in text
    assert "to (%dim) step (5)" not in model.stage("tiled", cpu_levels=LEVEL)
    report = model.compile(cpu_levels=LEVEL, schedules=schedules, report=True).report
    (kernel,) = [k for k in report["levels"][0]["kernels"] if k["id"] == "query_proj"]
    assert kernel["schedule"].startswith("#tile.schedule<block = [5, ")


def test_a_schedule_that_makes_no_sense_says_how_to_repeat_it(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    model = peermla.import_model(PEER)
    with pytest.raises(peermla.Error, match="nothing") as caught:
        model.compile(cpu_levels=LEVEL, schedules={"nothing": "block = [5, 48, 0]"})
    assert """schedules={"nothing": "block = [5, 48, 0]"}""" in caught.value.reproducer
    for schedules in ("query_proj = block = [5]", {"query_proj": 5}, {"a;b": "block = [5]"}):
        with pytest.raises(peermla.ArgumentError, match="expected"):
            model.stage("tiled", schedules=schedules)


@pytest.mark.parametrize("keep", [0, 40, 4096])
def test_a_truncated_library_is_refused(peer, tmp_path, keep):
    path = tmp_path / "model.so"
    with open(peer.library.path, "rb") as file:
        path.write_bytes(file.read(keep))
    with pytest.raises(peermla.Error, match="cannot load '.*model.so': "):
        peermla.Library(path)


def test_another_library_is_refused(tmp_path):
    path = tmp_path / "model.so"
    shutil.copy(np._core._multiarray_umath.__file__, path)
    with pytest.raises(peermla.Error, match="it is no model"):
        peermla.Library(path)
    with pytest.raises(peermla.Error, match="No such file"):
        peermla.Library(tmp_path / "none.so")


def test_default_levels_run_on_this_machine(peer, x):
    library = peermla.compile(peermla.import_model(PEER))
    assert len(library.levels) > 1
    assert_close(library.load(peer.arrays).forward(x), peer.expect("forward", x=x)["y"])
