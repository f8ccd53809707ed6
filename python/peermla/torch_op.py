"""Entries as operators of PyTorch, so that they can stand in a compiled graph."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .errors import Error
from .tensors import torch_dtype

if TYPE_CHECKING:
    from .session import Function

__all__ = ["torch_op"]

_numbers = itertools.count(1)


def _schema(function: Function) -> str:
    """The signature in the language of PyTorch; updated arguments are marked."""
    arguments = ", ".join(
        f"Tensor({chr(ord('a') + i)}!) {a.name}" if a.kind == "inout" else f"Tensor {a.name}"
        for i, a in enumerate(function.entry.inputs)
    )
    outputs = ["Tensor"] * len(function.entry.outputs)
    results = outputs[0] if len(outputs) == 1 else f"({', '.join(outputs)})"
    return f"({arguments}) -> {results}"


def torch_op(function: Function, name: str | None = None) -> Callable[..., Any]:
    """Registers an entry of a session as the operator `peermla::NAME`.

    `name` is by default made of the model, the entry and a number. The operator
    takes the inputs of the entry as tensors and returns its outputs; it knows
    their shapes, so that `torch.compile` and meta tensors work, and which
    arguments it updates. It has no gradient. The session lives as long as the
    operator.
    """
    try:
        import torch
    except ImportError as error:
        raise Error("operators need PyTorch, which is not installed") from error
    from .session import bind_symbols, make_shape

    entry = function.entry
    name = name or f"{function.session.library.model}_{entry.name}_{next(_numbers)}"

    def run(*arguments: torch.Tensor) -> Any:
        result = function(*(argument.detach() for argument in arguments))
        return tuple(result) if len(entry.outputs) > 1 else result

    def make_empty(*arguments: torch.Tensor) -> Any:
        shapes = {a.name: value.shape for a, value in zip(entry.inputs, arguments)}
        symbols = bind_symbols(entry, shapes)
        results = tuple(
            arguments[0].new_empty(make_shape(output, symbols), dtype=torch_dtype(output.dtype))
            for output in entry.outputs
        )
        return results if len(results) > 1 else results[0] if results else None

    updated = [argument.name for argument in entry.inputs if argument.kind == "inout"]
    operator = torch.library.custom_op(
        f"peermla::{name}", run, mutates_args=updated, schema=_schema(function)
    )
    operator.register_fake(make_empty)
    return operator
