"""What shares the process: PyTorch, and no compiler where none is needed."""

import importlib.util
import subprocess
import sys

import numpy as np
import pytest

has_torch = pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs PyTorch")


def run(code, *arguments):
    """Runs `code` in a new interpreter; returns what it prints."""
    result = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, timeout=300
    )
    assert result.returncode == 0, f"{result.args} failed:\n{result.stderr}"
    return result.stdout.strip()


ADD = """
import numpy, peermla, torch
torch.set_num_threads(2)
assert torch.ones(64, 64).matmul(torch.ones(64, 64)).sum() == 64**3
library = peermla.compile(open(sys.argv[1]).read(), cpu_levels=sys.argv[2] or None)
weights = {w.name: torch.full(w.shape, 0.5) for w in library.weights}
y = library.load(weights, threads=2).forward(torch.ones(3, 24))
assert torch.ones(64, 64).matmul(torch.ones(64, 64)).sum() == 64**3
print(bool(torch.isfinite(y).all()))
"""


@has_torch
@pytest.mark.parametrize("order", ["peermla._compiler, torch", "torch, peermla._compiler"])
def test_torch_and_llvm_share_a_process(tmp_path, order):
    from conftest import LEVEL, PEER

    import peermla

    path = tmp_path / "model.mlir"
    path.write_text(str(peermla.import_model(PEER)))
    assert run(f"import sys, {order}\n{ADD}", str(path), LEVEL or "") == "True"


def test_a_library_runs_without_the_compiler(peer, x):
    code = """
import sys, numpy, peermla
library = peermla.Library(sys.argv[1])
weights = {w.name: numpy.full(w.shape, 0.25, numpy.float32) for w in library.weights}
print(library.load(weights).forward(numpy.ones((2, 24), numpy.float32)).sum())
assert "peermla._compiler" not in sys.modules
assert "torch" not in sys.modules
"""
    weights = {w.name: np.full(w.shape, 0.25, np.float32) for w in peer.library.weights}
    expected = peer.library.load(weights).forward(np.ones((2, 24), np.float32)).sum()
    assert float(run(code, peer.library.path)) == pytest.approx(expected, rel=1e-5)


def test_the_public_names_exist():
    import peermla

    for name in peermla.__all__:
        assert getattr(peermla, name) is not None
    with pytest.raises(AttributeError, match="'nothing'"):
        peermla.nothing
