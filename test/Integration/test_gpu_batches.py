"""Deterministic mode on a GPU: the bits of a sequence are its own."""

import pathlib
import shutil
import types

import numpy as np
import pytest

import inputs
from programs import Program
from cases import CASES
from oracle import storage

TARGET = "sim:sm_80"
# Products of warpgroups, and larger tiles of attention than elsewhere.
PROMPT_TARGET = "sim:sm_90a"
PAGE = 16
# Keys before the call and new tokens: enough sequences that together they are not
# split, one that is long enough to be split alone.
PAST = [300, 0, 33, 1, 192, 96] * 3
NEW = [1, 5, 2, 30, 1, 3] * 3
ALONE = 0
# Tokens of prompts: few on the average, but many of one.
PROMPTS = [150] + [7] * 40


def build(folder, dtype, target, options):
    """The program of a layer, compiled for `target`."""
    compiler = shutil.which("peermla-compile")
    if not compiler:
        pytest.skip("expected peermla-compile on the path")
    case = next(case for case in CASES if case.name == "mla_layer/base")
    settings = types.SimpleNamespace(
        tools=pathlib.Path(compiler).parent, folder=folder, seed=3, prebuilt=None, make=None,
        keep=True, random=0, compile_option=options,
    )  # fmt: skip
    program = Program(case, dtype, [], folder, settings)
    program.build(target)
    return program


class Batches:
    """Calls of `step` on sequences with rows of their own."""

    def __init__(self, folder, options):
        self.program = build(folder, "f32", TARGET, options)
        self.config = self.program.case.config
        self.rng = np.random.default_rng(5)
        self.x = [self.draw(new, self.config["hidden_size"]) for new in NEW]
        width = self.config["kv_lora_rank"] + self.config["qk_rope_head_dim"]
        self.rows = [self.draw(past, width) for past in PAST]

    def draw(self, *shape):
        return self.rng.standard_normal(shape).astype(np.float32)

    def step(self, numbers):
        """The outputs of the sequences `numbers`, in one batch with blocks in any order."""
        new, past = [NEW[i] for i in numbers], [PAST[i] for i in numbers]
        totals = [n + p for n, p in zip(new, past)]
        call = types.SimpleNamespace(page=PAGE)
        table, blocks = inputs.paged(call, totals, self.rng)
        cache = inputs.empty_cache(self.config, blocks, PAGE, "f32").values.copy()
        for b, i in enumerate(numbers):
            cache[inputs.rows_of(table.values, PAGE, b, 0, PAST[i])] = self.rows[i]
        ends = inputs.cu_seqlens(new)
        outputs = self.program.call("step", {
            "x": storage.Tensor("f32", np.concatenate([self.x[i] for i in numbers])),
            "cu_seqlens": storage.Tensor("i32", ends),
            "past_lens": storage.Tensor("i32", np.array(past, np.int32)),
            "cache": storage.Tensor("f32", cache),
            "block_table": table,
        }, TARGET, "eager")  # fmt: skip
        y = outputs["y"].values
        assert np.count_nonzero(y)
        return [y[begin:end] for begin, end in zip(ends, ends[1:])]

    def differs(self):
        """Whether the bits of a sequence depend on its batch."""
        together = self.step(range(len(NEW)))[ALONE]
        return not np.array_equal(together, self.step([ALONE])[0])


def test_a_sequence_has_the_same_bits_alone_and_in_a_batch(tmp_path):
    assert not Batches(tmp_path, ["--deterministic"]).differs()


def test_without_it_a_long_sequence_differs(tmp_path):
    """What the test above looks for exists."""
    assert Batches(tmp_path, []).differs()


def prompt_differs(folder, options):
    """Whether the bits of a prompt depend on the length of others."""
    program = build(folder, "f16", PROMPT_TARGET, options)
    width = program.case.config["hidden_size"]
    x = np.random.default_rng(7).standard_normal((sum(PROMPTS), width)).astype(np.float16)

    def forward(lengths):
        outputs = program.call("forward", {
            "x": storage.Tensor("f16", x[:sum(lengths)]),
            "cu_seqlens": storage.Tensor("i32", inputs.cu_seqlens(lengths)),
        }, PROMPT_TARGET, "eager")  # fmt: skip
        return outputs["y"].values[:PROMPTS[0]]

    alone = forward(PROMPTS[:1])
    assert np.count_nonzero(alone)
    return not np.array_equal(alone, forward(PROMPTS))


def test_a_prompt_has_the_same_bits_beside_short_ones(tmp_path):
    assert not prompt_differs(tmp_path, ["--deterministic"])


def test_without_it_a_prompt_has_another_tile(tmp_path):
    assert prompt_differs(tmp_path, [])
