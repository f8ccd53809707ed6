"""The compiler in a process of its own.

LLVM ends its process where it cannot go on, and a crash of a pass ends it, too.
So each compilation runs in a child, which may die without harm; what it said is
then the text of an `Error`. Loading the compiler there takes a fraction of what
compiling takes.
"""

from __future__ import annotations

import multiprocessing.spawn
import os
import pickle
import signal
import subprocess
from typing import Any

from . import _compiler
from .errors import CompilerCrash, Error

_SCRIPT = os.path.join(os.path.dirname(__file__), "_child.py")


def _executable() -> str:
    """The interpreter of children; an application that embeds Python names one."""
    executable = multiprocessing.spawn.get_executable()
    if not executable:
        raise Error(
            "no Python interpreter is known to run the compiler in, expected a call of "
            "multiprocessing.set_executable"
        )
    return os.fsdecode(executable)


def _describe(status: int) -> str:
    if status >= 0:
        return f"status {status}"
    try:
        return f"signal {signal.Signals(-status).name}"
    except ValueError:
        return f"signal {-status}"


def ask(function: str, *arguments: Any) -> Any:
    """Calls `function` of the compiler's module in a child, returns its result.

    Raises `CompilerCrash` with all that the child printed if it died.
    """
    command = [_executable(), "-I", "-S", _SCRIPT]
    request = pickle.dumps((os.path.abspath(_compiler.__file__), function, arguments))
    try:
        # A signal to the caller ends the child: `run` kills it on its way out.
        done = subprocess.run(command, input=request, capture_output=True, check=False)
    except OSError as error:
        raise Error(f"cannot run the compiler in '{command[0]}': {error.strerror}") from error
    if done.returncode == 0 and done.stdout:
        return pickle.loads(done.stdout)
    said = done.stderr.decode(errors="backslashreplace").strip()
    ended = f"the compiler ended with {_describe(done.returncode)}"
    raise CompilerCrash(f"{ended}:\n{said}" if said else ended)
