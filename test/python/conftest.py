"""Small models, compiled once for all tests of the Python package.

The package must be importable: `PYTHONPATH=build/python`, or installed.
"""

import pathlib
import platform
import sys

import numpy as np
import pytest

import peermla

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "Integration"))
from oracle import checkpoint, models  # noqa: E402

PEER = {
    "architectures": ["PeerLayer"],
    "torch_dtype": "float32",
    "hidden_size": 24,
    "num_experts": 40,
    "product_key_dim": [8, 5],
    "query_dim": 16,
    "num_heads": 3,
    "num_experts_per_tok": 4,
}
MLA = {
    "architectures": ["MlaLayer"],
    "torch_dtype": "float32",
    "hidden_size": 24,
    "num_attention_heads": 3,
    "kv_lora_rank": 16,
    "qk_nope_head_dim": 8,
    "qk_rope_head_dim": 4,
    "v_head_dim": 6,
}
# One level is enough for most tests and compiles faster than all.
LEVEL = "x86-64-v3" if platform.machine() == "x86_64" else None


class Case:
    """A compiled model with random weights, and what it should compute."""

    def __init__(self, config):
        self.config = config
        self.dtype = {"float32": "f32", "bfloat16": "bf16"}[config["torch_dtype"]]
        self.tensors = checkpoint.random(config, self.dtype, seed=3)
        self.library = peermla.compile(peermla.import_model(config), cpu_levels=LEVEL)

    @property
    def arrays(self):
        return {name: tensor.values for name, tensor in self.tensors.items()}

    def expect(self, entry, **inputs):
        """The outputs in float64."""
        weights = {name: tensor.wide() for name, tensor in self.tensors.items()}
        wide = {
            name: value.astype(np.float64) if value.dtype.kind == "f" else value
            for name, value in inputs.items()
        }
        return models.run(models.Model(self.config, weights), entry, wide)


@pytest.fixture(scope="session")
def peer():
    return Case(PEER)


@pytest.fixture(scope="session")
def peer_session(peer):
    return peer.library.load(peer.arrays)


@pytest.fixture(scope="session")
def mla():
    return Case(MLA)


@pytest.fixture(scope="session")
def mla_session(mla):
    return mla.library.load(mla.arrays)


@pytest.fixture
def x():
    return np.random.default_rng(5).standard_normal((7, 24)).astype(np.float32)


def assert_close(value, expected, tolerance=1e-5):
    """Relative error over the whole array."""
    value = np.asarray(value, np.float64)
    assert value.shape == expected.shape
    error = np.linalg.norm(value - expected) / np.linalg.norm(expected)
    assert error < tolerance, f"relative error {error:.2e}, expected less than {tolerance:.0e}"
