"""The folder for a machine with a GPU, on one without: what it holds, what it says."""

import ctypes.util
import json
import os
import pathlib
import shutil
import subprocess
import sys

import pytest

HAS_DRIVER = ctypes.util.find_library("cuda") is not None
HERE = pathlib.Path(__file__).resolve().parent
FILTER = "--filter=peer_layer/k_1"


@pytest.mark.skipif(HAS_DRIVER, reason="this machine has a CUDA driver")
def test_a_folder_runs_without_the_compiler(tmp_path):
    compiler = shutil.which("peermla-compile")
    if not compiler or not shutil.which(os.environ.get("CXX", "g++")):
        pytest.skip("expected peermla-compile and a C++ compiler on the path")
    command = [sys.executable, HERE / "gpu.py", tmp_path, "--part=cases", FILTER, "--dtype=f32"]
    tools = pathlib.Path(compiler).parent
    subprocess.run([*command, f"--tools={tools}"], check=True, timeout=300)
    assert (tmp_path / "libraries.tar.xz").stat().st_size < 1 << 20
    assert not list(tmp_path.glob("libraries/*.so"))

    # Nothing but Python, and no driver: each call fails, and says why.
    done = subprocess.run(
        ["sh", tmp_path / "run.sh"], capture_output=True, text=True, timeout=300, check=False,
        env={"PATH": "/usr/bin:/bin", "PYTHON": sys.executable},
    )  # fmt: skip
    assert done.returncode == 1
    assert "== cases" in done.stdout and "== bench" not in done.stdout
    table = json.loads((tmp_path / "results" / "cases.json").read_text())
    assert table["machine"]["devices"] == ["cuda"] and table["machine"]["date"]
    assert table["rows"]
    for row in table["rows"]:
        assert "cannot load the CUDA driver" in row["failure"]


def test_unknown_parts_are_refused(tmp_path):
    done = subprocess.run(
        [sys.executable, HERE / "gpu.py", tmp_path, "--part=all"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "expected some of conformance, cases, bench, got {'all'}" in done.stderr
