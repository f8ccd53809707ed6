"""Whether outputs are right: relative L2 norms against the float64 oracle.

NaN, inf and elements that were not written never pass. Retrieval may pick
another expert only where its float64 score lies within rounding of the k-th;
outputs of a layer are then judged with the indices that were produced.
"""

import numpy as np

from oracle import config as configs
from oracle import models, peer

# By storage type: results of kernels, and of the float64 reference, whose only
# roundings are those of its results and of the rotary tables.
TOLERANCE = {"f32": 1e-5, "f16": 2e-3, "bf16": 1e-2}
REFERENCE_TOLERANCE = {"f32": 1e-6, "f16": 1e-3, "bf16": 4e-3}


class Wrong(Exception):
    """What is wrong with an output."""


def relative_error(value, reference):
    """||value - reference|| / ||reference||; inf for NaN, 0 for nothing."""
    if value.shape != reference.shape:
        raise Wrong(f"shape {value.shape}, expected {reference.shape}")
    if not value.size:
        return 0.0
    if not np.isfinite(value).all():
        return float("inf")
    error, norm = np.linalg.norm(value - reference), np.linalg.norm(reference)
    if norm == 0:
        return 0.0 if error == 0 else float("inf")
    return float(error / norm)


def close(name, value, reference, tolerance):
    """The relative error, if it is small enough."""
    error = relative_error(value, reference)
    if not error <= tolerance:
        bad = int((~np.isfinite(value)).sum())
        detail = f", {bad} of {value.size} not finite" if bad else ""
        raise Wrong(f"{name}: error {error:.2e}, expected at most {tolerance:.0e}{detail}")
    return error


def take(outputs, name, dtype):
    """The output `name`, of the type it must have."""
    if name not in outputs:
        raise Wrong(f"no output '{name}', got {sorted(outputs)}")
    if outputs[name].dtype != dtype:
        raise Wrong(f"'{name}' has type {outputs[name].dtype}, expected {dtype}")
    return outputs[name]


def only(outputs, names):
    if set(outputs) != set(names):
        raise Wrong(f"outputs {sorted(outputs)}, expected {sorted(names)}")


def _row_norm(values):
    return np.sqrt((values * values).mean(axis=-1, keepdims=True))


def retrieval(model, inputs, outputs, tolerance, clean, exact):
    """Checks scores and indices of the tokens `clean`; returns indices and error."""
    config = configs.peer(model.config)
    only(outputs, ("scores", "indices"))
    scores = take(outputs, "scores", "f32").wide()
    indices = take(outputs, "indices", "i32").values
    every = peer.all_scores(config, model.weights, inputs["x"][clean])
    best, best_indices = peer.retrieve(config, model.weights, inputs["x"][clean])
    shape = (len(inputs["x"]), config.num_heads, config.num_experts_per_tok)
    if indices.shape != shape or scores.shape != shape:
        raise Wrong(f"indices {indices.shape}, scores {scores.shape}, expected {shape}")
    if indices.size and not (0 <= indices.min() and indices.max() < config.num_experts):
        raise Wrong(f"indices {indices.min()} .. {indices.max()} beyond {config.num_experts}")
    chosen, produced = indices[clean], scores[clean]
    if not chosen.size:
        return indices, 0.0
    if (np.diff(np.sort(chosen, axis=-1), axis=-1) == 0).any():
        raise Wrong("an expert twice for one head")
    if not (np.diff(produced, axis=-1) <= 0).all():
        raise Wrong("scores not in descending order")
    if exact and not np.array_equal(chosen, best_indices):
        raise Wrong("indices differ where ties go to the lower one")
    exactly = np.take_along_axis(every, chosen, axis=-1)
    slack = 4 * tolerance * _row_norm(every)
    if not (exactly >= best[..., -1:] - slack).all():
        worst = (best[..., -1:] - exactly - slack).max()
        raise Wrong(f"an expert is not among the k best, its score {worst:.1e} beyond rounding")
    return indices, close("scores", produced, exactly, tolerance)


def poisoned(name, value, token, expected, tolerance):
    """The poisoned token is not finite, all others are as expected."""
    if value.shape != expected.shape:
        raise Wrong(f"{name}: shape {value.shape}, expected {expected.shape}")
    if np.isfinite(value[token]).all():
        raise Wrong(f"{name}: the poisoned token {token} has a finite result")
    clean = np.arange(len(expected)) != token
    return close(name, value[clean], expected[clean], tolerance)


def cache(before, after, expected, written, tolerance):
    """Rows that a call writes are as expected, all others keep their bits."""
    if after.shape != before.shape or after.dtype != before.dtype:
        raise Wrong(f"cache {after.dtype}{after.shape}, expected {before.dtype}{before.shape}")
    old, new = before.values[..., ~written, :], after.values[..., ~written, :]
    if not np.array_equal(old, new, equal_nan=True):
        raise Wrong("cache: rows changed that belong to no new token")
    rows = after.wide()[..., written, :]
    return close("cache", rows, expected[..., written, :], tolerance)


def outputs_of(model, call, inputs, outputs, dtype, tolerance, indices=None):
    """Judges one call of an entry other than retrieve; returns the worst error."""
    expected = models.run(model, call.entry, inputs.wide(), indices=indices)
    only(outputs, expected)
    name, kind = ("logits", "f32") if "logits" in expected else ("y", dtype)
    value = take(outputs, name, kind)
    if call.poison:
        return poisoned(name, value.wide(), call.poison[0], expected[name], tolerance)
    error = close(name, value.wide(), expected[name], tolerance)
    if inputs.written is None:
        return error
    before, after = inputs.tensors["cache"], take(outputs, "cache", dtype)
    return max(error, cache(before, after, expected["cache"], inputs.written, tolerance))
