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


class OnlyCompiled(Exception):
    """Raised in place of a session where nothing is to run."""


class Workshop:
    """Makes libraries in a folder, or finds them there; remembers what compiling took.

    `targets` are those of `peermla-compile`. With `only_compile` models are compiled,
    but not opened; without `tools` (a path) they must have been."""

    def __init__(self, folder, *, tools=None, targets="cpu", device="cpu", threads=None,
                 only_compile=False):  # fmt: skip
        self.tools, self.folder, self.threads = tools, pathlib.Path(folder), threads
        self.targets, self.device, self.only_compile = targets, device, only_compile
        self.compiled = {}  # name -> facts
        if not tools:
            self.compiled = json.loads((self.folder / "compiled.json").read_text())

    def import_config(self, name, config):
        """The model IR of a configuration; nobody reads it where libraries are found."""
        if not self.tools:
            return ""
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
        command = [compiler, source, "-o", target, f"--report={report}", f"--target={self.targets}"]
        seconds, cpu_seconds = _run(command, one_core=True)
        library = peermla.Library(target)
        facts = json.loads(report.read_text())
        targets = [target["target"] for target in facts.get("targets", ())]
        self.compiled[name] = {
            "seconds": seconds,
            "cpu_seconds": cpu_seconds,
            "targets": [*library.levels, *targets],
            "kernels": _count_kernels(facts),
            "bytes": target.stat().st_size,
        }
        return library

    def open(self, name, ir, weights=None):
        """A session of a model; `weights` makes tensors by name and shape."""
        if self.tools:
            library = self.compile(name, ir)
        else:
            library = peermla.Library(self.folder / f"{name}.so")
        if self.only_compile:
            raise OnlyCompiled
        tensors = {w.name: weights(w.name, w.shape, w.dtype) for w in library.weights}
        given = {name: tensor.cpu() for name, tensor in tensors.items()}
        session = library.load(given or None, threads=self.threads, device=self.device)
        return session, tensors

    def save(self):
        """Leaves beside the libraries what a workshop without tools reads."""
        (self.folder / "compiled.json").write_text(json.dumps(self.compiled, indent=1) + "\n")


def _count_kernels(report):
    """Kernels of all CPU levels, equal ones once, and of all GPUs."""
    names = {
        function["name"].removesuffix(".thunk")
        for level in report.get("levels", ())
        for function in level.get("functions", ())
        if ".kernel_" in function["name"] and ".launch" not in function["name"]
    }
    return len(names) + sum(len(target["kernels"]) for target in report.get("targets", ()))


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
        # One context serves all calls of a session here: they come one by one. On a
        # GPU there is one per stream.
        with session._context() as context:
            self.session, self.context = session, context
        self.is_on_gpu = session.device.startswith("cuda")
        self.function = self.library._api.call

    def __call__(self):
        context = self.context
        if self.is_on_gpu:
            with self.session._context() as context:
                pass
        status = self.function(context, self.index, self.pointers, self.count)
        if status:
            self.library.check(status)
