"""What `cmake --install` leaves serves projects outside the tree: with CMake for
users of the libraries, with pkg-config for users of compiled models."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from conftest import PEER

from peermla import _compiler

BUILD = pathlib.Path(_compiler.__file__).parents[2]
PROJECT = pathlib.Path(__file__).parent / "project"

pytestmark = pytest.mark.skipif(
    not (BUILD / "CMakeCache.txt").exists() or not shutil.which("cmake"),
    reason="needs CMake and the package of a build tree",
)


def run(*command, **options):
    command = [str(word) for word in command]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600, **options)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prefix")
    run("cmake", "--install", BUILD, "--prefix", folder)
    return folder


@pytest.mark.parametrize("tree", ["installed", "built"])
def test_a_project_finds_the_libraries(prefix, tmp_path, tree):
    root = prefix if tree == "installed" else BUILD
    package = root / "lib" / "cmake" / "peermla"
    run("cmake", "-S", PROJECT, "-B", tmp_path, f"-DPeermla_DIR={package}")
    run("cmake", "--build", tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(PEER))
    assert "@PeerLayer" in run(tmp_path / "import", tmp_path / "config.json")


def test_a_c_program_finds_the_interface(prefix, tmp_path, peer):
    if not shutil.which("pkg-config") or not shutil.which("cc"):
        pytest.skip("needs pkg-config and a C compiler")
    environment = {**os.environ, "PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig")}
    flags = run("pkg-config", "--cflags", "--libs", "peermla", env=environment).split()
    program = tmp_path / "list"
    run("cc", "-Wall", "-Werror", PROJECT / "list.c", *flags, "-ldl", "-o", program)
    assert run(program, peer.library.path).split() == ["forward", "retrieve"]
    compiler = run("pkg-config", "--variable=compiler", "peermla", env=environment).strip()
    assert "peermla-compile" in run(compiler, "--help")
