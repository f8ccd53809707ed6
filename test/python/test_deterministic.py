"""Deterministic mode: the bits of a sequence are its own."""

import shutil
import subprocess

import numpy as np
import pytest
from conftest import MLA, PEER  # makes the folder of the next two known
import cpu_levels  # isort: skip
from oracle import checkpoint

import peermla

PAGE = 16
# Keys before the call and new tokens of each sequence: long enough to be split,
# together too many work items to be.
PAST = [300, 0, 33, 1, 192, 96] * 3
NEW = [1, 5, 2, 30, 1, 3] * 3
# Enough columns and pairs of terms for tiles, and some terms beside them.
WIDE_PEER = PEER | {
    "torch_dtype": "bfloat16",
    "hidden_size": 88,
    "num_experts": 768,
    "product_key_dim": [32, 24],
    "query_dim": 80,
}


@pytest.fixture(scope="module", params=["float32", "bfloat16"])
def config(request):
    return MLA | {"torch_dtype": request.param}


class Batches:
    """Calls of `step` on sequences of a pool, each with rows of its own."""

    def __init__(self, config, deterministic):
        self.bits = "f32" if config["torch_dtype"] == "float32" else "bf16"
        self.rng = np.random.default_rng(5)
        model = peermla.import_model(config)
        self.library = peermla.compile(model, deterministic=deterministic)
        tensors = checkpoint.random(config, self.bits, seed=3)
        self.weights = {name: self.stored(t.values) for name, t in tensors.items()}
        self.sessions = {}
        self.x = [self.draw(new, 24) for new in NEW]
        self.rows = [self.draw(past, 20) for past in PAST]

    def draw(self, *shape):
        return self.rng.standard_normal(shape).astype(np.float32)

    def stored(self, array):
        """What a session takes: numpy has no bf16."""
        if self.bits == "f32":
            return array
        torch = pytest.importorskip("torch")
        return torch.from_numpy(array).to(torch.bfloat16)

    def session(self, threads, level):
        key = threads, level
        if key not in self.sessions:
            self.sessions[key] = self.library.load(self.weights, threads=threads, level=level)
        return self.sessions[key]

    def step(self, numbers, threads, level):
        """The outputs of the sequences `numbers`, in one batch with blocks in any
        order."""
        new, past = [NEW[i] for i in numbers], [PAST[i] for i in numbers]
        counts = [-(-(n + p) // PAGE) for n, p in zip(new, past)]
        num_blocks = sum(counts) + 3
        order = self.rng.permutation(num_blocks).astype(np.int32)
        table = np.zeros((len(numbers), max(counts) + 2), np.int32)
        cache = np.zeros((num_blocks, PAGE, 20), np.float32)
        for b, (i, count) in enumerate(zip(numbers, counts)):
            table[b, :count], order = order[:count], order[count:]
            for j, row in enumerate(self.rows[i]):
                cache[table[b, j // PAGE], j % PAGE] = row
        ends = np.cumsum([0] + new).astype(np.int32)
        y = self.session(threads, level).step(
            self.stored(np.concatenate([self.x[i] for i in numbers])),
            *(self.same_kind(array) for array in (ends, np.array(past, np.int32))),
            self.stored(cache),
            self.same_kind(table),
        )
        if self.bits == "bf16":
            y = y.view(pytest.importorskip("torch").int16).numpy()
        assert np.count_nonzero(y)
        return [y[begin:end] for begin, end in zip(ends, ends[1:])]

    def same_kind(self, array):
        """Integers as a tensor where the others are tensors."""
        return array if self.bits == "f32" else pytest.importorskip("torch").from_numpy(array)


def differing(batches, level):
    """Numbers of sequences whose bits depend on batch, blocks or threads."""
    together = batches.step(range(len(NEW)), threads=2, level=level)
    found = set()
    for number in range(6):
        for threads in (1, 3):
            alone = batches.step([number], threads, level)[0]
            pair = batches.step([number + 6, number], threads, level)[1]
            for other in (alone, pair):
                if not np.array_equal(together[number], other):
                    found.add(number)
    return found


def compiled_with_emulated_tiles(config, folder):
    """The code of level `amx` with its instructions replaced, in deterministic mode."""
    compiler, opt = shutil.which("peermla-compile"), shutil.which("peermla-opt")
    if not compiler or not opt:
        pytest.skip("expected peermla-compile and peermla-opt on the path")

    def run(*command):
        subprocess.run(command, check=True, timeout=300)

    model, buffers, cpu = (folder / f"{stage}.mlir" for stage in ("model", "buffers", "cpu"))
    model.write_text(str(peermla.import_model(config)))
    options = ["--deterministic", "--cpu-levels=amx", "--emit=buffers"]
    run(compiler, model, *options, "-o", buffers)
    run(opt, buffers, "--peermla-buffers-to-cpu", "-o", cpu)
    assert "amx.tile_mulf" in cpu.read_text()
    run(opt, buffers, "--peermla-buffers-to-cpu=emulate-amx", "-o", cpu)
    run(compiler, "--input-stage=cpu", cpu, "-o", folder / "model.so")
    return peermla.Library(folder / "model.so")


def test_a_sequence_has_the_same_bits_alone_and_in_a_batch(config):
    batches = Batches(config, deterministic=True)
    for level in cpu_levels.of_this_machine():
        assert differing(batches, level) == set(), level


def test_tiles_give_every_token_the_same_bits(tmp_path):
    """However many tokens are left beside whole tiles of sixteen."""
    torch = pytest.importorskip("torch")
    runs_on = cpu_levels.EMULATED["amx-emulated"]
    if runs_on not in cpu_levels.of_this_machine():
        pytest.skip(f"expected a machine of level {runs_on}")
    library = compiled_with_emulated_tiles(WIDE_PEER, tmp_path)
    tensors = checkpoint.random(WIDE_PEER, "bf16", seed=3)
    weights = {name: torch.from_numpy(tensor.values) for name, tensor in tensors.items()}
    x = torch.from_numpy(np.random.default_rng(5).standard_normal((70, 88), np.float32))
    # Large terms that cancel: sums in another order are other sums, in bf16 too.
    x[:, :2], weights["query_proj.weight"][:, :2] = 64.0, torch.tensor([64.0, -64.0])
    x = x.to(torch.bfloat16)
    weights = {name: weight.to(torch.bfloat16) for name, weight in weights.items()}
    session = library.load(weights, threads=1, level=runs_on)

    def run(begin, end):
        scores, indices = session.retrieve(x[begin:end])
        y = session.forward(x[begin:end]).view(torch.int16)
        return [np.asarray(output) for output in (scores, indices, y)]

    together = run(0, len(x))
    for begin, end in [(0, 1), (3, 10), (0, 16), (5, 22), (16, 70), (40, 71), (69, 70)]:
        for whole, part in zip(together, run(begin, end)):
            assert np.array_equal(whole[begin:end], part), (begin, end)


def test_without_it_long_sequences_differ():
    """What the tests above look for exists."""
    batches = Batches(MLA, deterministic=False)
    assert 0 in differing(batches, None)


def test_the_stage_shows_it():
    """Without splitting by the batch, both branches of a choice have parts."""
    model = peermla.import_model(MLA)

    def count(deterministic):
        text = model.stage("tiled", cpu_levels="x86-64-v3", deterministic=deterministic)
        return text.count(" parts(8 by ")

    assert count(False) > 0
    assert count(True) == 2 * count(False)
