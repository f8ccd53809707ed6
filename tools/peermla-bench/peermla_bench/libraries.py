"""Model IR to a loaded library with a session; calls without overhead.

The compiler runs as a process of its own, on one core: that is the time a user
waits when nothing is there yet.
"""

import ctypes
import json
import os
import pathlib
import resource
import subprocess
import time

import peermla
from peermla import _abi
from peermla.tensors import view


class ToolError(Exception):
    """A tool of the compiler failed."""


def _run(command, one_core=False):
    """Runs a tool; returns its seconds, and those that it had a core for."""
    pin = None
    if one_core:
        last = max(os.sched_getaffinity(0))
        pin = lambda: os.sched_setaffinity(0, {last})  # noqa: E731
    begin, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, preexec_fn=pin,
    )  # fmt: skip
    seconds = time.perf_counter() - begin
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()
        raise ToolError(f"{pathlib.Path(command[0]).name}: status {done.returncode}: {said[:400]}")
    return seconds, usage.ru_utime + usage.ru_stime - used.ru_utime - used.ru_stime


class Workshop:
    """Makes libraries in a folder; remembers what compiling them took."""

    def __init__(self, tools, folder, threads):
        self.tools, self.folder, self.threads = pathlib.Path(tools), pathlib.Path(folder), threads
        self.compiled = {}  # name -> facts

    def import_config(self, name, config):
        """The model IR of a configuration."""
        source, target = self.folder / f"{name}.json", self.folder / f"{name}.mlir"
        source.write_text(json.dumps(config))
        _run([self.tools / "peermla-import", source, "-o", target])
        return target.read_text()

    def compile(self, name, ir):
        """The library of a model, cold: the compiler keeps nothing between runs."""
        source, target = self.folder / f"{name}.mlir", self.folder / f"{name}.so"
        report = self.folder / f"{name}.report.json"
        source.write_text(ir)
        compiler = self.tools / "peermla-compile"
        command = [compiler, source, "-o", target, f"--report={report}"]
        seconds, cpu_seconds = _run(command, one_core=True)
        library = peermla.Library(target)
        facts = json.loads(report.read_text())
        self.compiled[name] = {
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "levels": list(library.levels),
            "kernels": _count_kernels(facts),
            "bytes": target.stat().st_size,
        }
        return library

    def open(self, name, ir, weights=None):
        """A session of a model; `weights` makes tensors by name and shape."""
        library = self.compile(name, ir)
        tensors = {w.name: weights(w.name, w.shape, w.dtype) for w in library.weights}
        session = library.load(tensors or None, threads=self.threads)
        return session, tensors


def _count_kernels(report):
    """Kernels of all levels; equal ones are there once."""
    names = {
        function["name"].removesuffix(".thunk")
        for level in report.get("levels", ())
        for function in level.get("functions", ())
        if ".kernel_" in function["name"] and ".launch" not in function["name"]
    }
    return len(names)


class Call:
    """One call of an entry with given tensors, ready to go: arguments are looked
    at once, so that what is timed is the call of the C interface."""

    def __init__(self, session, entry, **tensors):
        function = session[entry]
        self.library, self.index = session.library, function.entry.index
        arguments = function.entry.arguments
        missing = {a.name for a in arguments} ^ set(tensors)
        if missing:
            raise ValueError(f"entry '{entry}' and the call differ in {sorted(missing)}")
        self.count = len(arguments)
        self.tensors = (_abi.DLTensor * self.count)()
        self.alive = [
            view(tensors[a.name], a.name).fill(self.tensors[i]) for i, a in enumerate(arguments)
        ]
        self.pointers = (ctypes.POINTER(_abi.DLTensor) * self.count)(
            *(ctypes.pointer(tensor) for tensor in self.tensors)
        )
        # One context serves all calls of a session here: they come one by one.
        with session._context() as context:
            self.session, self.context = session, context
        self.function = self.library._api.call

    def __call__(self):
        status = self.function(self.context, self.index, self.pointers, self.count)
        if status:
            self.library.check(status)
