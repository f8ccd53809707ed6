"""What can go wrong, as exceptions and warnings.

`Error` is the base of all; `ArgumentError` is an argument, tensor or option that
does not fit, and a `ValueError` too; `CompilerCrash` is a defect of the compiler
or of LLVM. Messages are those of the compiler and of
the runtime, in full. Everything else that they say arrives as `CompilerWarning`
or, where nothing needs to be done, in the log `peermla`.
"""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterable

__all__ = ["ArgumentError", "CompilerCrash", "CompilerWarning", "Error"]

_log = logging.getLogger("peermla")


class Error(Exception):
    """The compiler or a compiled model refused what it was asked for.

    `reproducer` is a command that fails alike, where a pass or LLVM failed; the
    message ends with it.
    """

    reproducer: str | None = None


class ArgumentError(Error, ValueError):
    """An argument, tensor or option that does not fit."""


class CompilerCrash(Error):
    """The process of the compiler died; the message is what it said."""


class CompilerWarning(UserWarning):
    """Something in a configuration, model or checkpoint that is probably a mistake."""


def _depth_of_caller() -> int:
    """The `stacklevel` that blames the first frame outside this package."""
    import sys

    package = os.path.dirname(__file__) + os.sep
    frame, depth = sys._getframe(1), 1
    while frame.f_back and frame.f_code.co_filename.startswith(package):
        frame, depth = frame.f_back, depth + 1
    return depth


def warn(message: str) -> None:
    """Warns the caller of this package."""
    warnings.warn(message, CompilerWarning, stacklevel=_depth_of_caller())


def report(messages: Iterable[tuple[str, str]]) -> None:
    """Raises an `Error` with all errors of `messages`, warns of the warnings, and
    logs the rest."""
    errors = []
    for severity, text in messages:
        if severity == "error":
            errors.append(text)
        elif severity == "warning":
            warn(text)
        else:
            _log.info("%s", text)
    if errors:
        raise Error("\n".join(errors))
