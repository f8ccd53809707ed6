"""A model with its weights, and its entries as functions.

    with library.load("checkpoint/") as session:
        y = session.forward(x)                          # one result: an array
        scores, indices = session.retrieve(x)           # several: a named tuple
        logits = session.step(tokens=..., cache=cache)  # cache is updated in place

Arguments are passed in the order of the entry or by name: NumPy arrays, PyTorch
tensors, or anything with `__dlpack__`, on the CPU. Results are PyTorch tensors if
the first array among the arguments is one, else NumPy arrays; a caller may also
pass arrays for results, by name. Where the device is a GPU, arrays are there,
results too, and a call returns when its work is in PyTorch's current stream.

* Integers of another width are converted to i32; a value that does not fit is
  an error. Sequences of Python integers are taken, too.
* Floats must have the element type of the entry.
* Inputs that are not contiguous are copied. Tensors that are updated or written
  must be contiguous.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import os
import tempfile
import weakref
from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from math import prod
from typing import Any

from . import _abi, safetensors
from .errors import ArgumentError, warn
from .library import Argument, Entry, Library
from .tensors import View, current_stream, empty, view


__all__ = ["Function", "Session"]


_Contexts = dict[int | None, list[ctypes.c_void_p]]


def _destroy(api: Any, session: ctypes.c_void_p, contexts: _Contexts) -> None:
    for context in itertools.chain.from_iterable(contexts.values()):
        api.context_destroy(context)
    api.session_destroy(session)


def _result_type(entry: Entry) -> type:
    """A named tuple of the entry's outputs."""
    return namedtuple(f"{entry.name}_result", [o.name for o in entry.outputs], rename=True)


class Session:
    """Weights of a library in memory, and the code for this machine.

    May be used by several threads at a time. `entries` of the library are
    attributes and items: `session.forward(...)`, `session["forward"](...)`.
    """

    def __init__(
        self,
        library: Library,
        weights: str | os.PathLike[str] | Mapping[str, Any] | None = None,
        *,
        threads: int | None = None,
        level: str | None = None,
        device: str | None = None,
    ) -> None:
        """As `Library.load`."""
        if threads is not None and threads < 1:
            raise ArgumentError(f"expected 1 thread or more, got {threads}")
        self.library = library
        self._results = {name: _result_type(entry) for name, entry in library.entries.items()}
        # One context per call that is under way, by stream of the GPU; lists and
        # dictionaries are safe between threads.
        self._contexts: _Contexts = {}
        with contextlib.ExitStack() as stack:
            if isinstance(weights, Mapping):
                folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="peermla-"))
                path = os.path.join(folder, "weights.safetensors")
                with open(path, "wb") as file:
                    safetensors.write(file, weights)
                weights = path
            self._handle = self._create(weights, threads, level, device)
            self._finalizer = weakref.finalize(
                self, _destroy, library._api, self._handle, self._contexts
            )
            kind, _, number = self.device.partition(":")
            self._gpu = int(number) if kind == "cuda" else None

    def _create(
        self,
        weights: str | os.PathLike[str] | None,
        threads: int | None,
        level: str | None,
        device: str | None,
    ) -> ctypes.c_void_p:
        messages: list[str] = []
        options = _abi.SessionOptions(struct_size=ctypes.sizeof(_abi.SessionOptions))
        options.weights = None if weights is None else os.fsencode(weights)
        options.threads = threads or 0
        options.level = None if level is None else level.encode()
        options.device = None if device is None else device.encode()
        options.warn = _abi.Warn(
            lambda _, message: messages.append(message.decode(errors="backslashreplace"))
        )
        handle = ctypes.c_void_p()
        api = self.library._api
        status = api.session_create(api.model, ctypes.byref(options), ctypes.byref(handle))
        for message in messages:
            warn(message)
        self.library.check(status)
        return handle

    def close(self) -> None:
        """Frees the weights. Calls must have returned; later ones fail."""
        self._finalizer()

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __getitem__(self, name: str) -> Function:
        if name in self._results:
            return Function(self, self.library.entries[name])
        raise ArgumentError(
            f"model '{self.library.model}' has no entry '{name}', only {', '.join(self._results)}"
        )

    def __getattr__(self, name: str) -> Function:
        if name in self.__dict__.get("_results", ()):
            return self[name]
        raise AttributeError(f"{type(self).__name__} has no attribute or entry '{name}'")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self._results]

    @property
    def _info(self) -> _abi.SessionInfo:
        self._check_open()
        info = _abi.SessionInfo()
        self.library.check(self.library._api.session_info(self._handle, ctypes.byref(info)))
        return info

    @property
    def device(self) -> str:
        """Where calls run: "cpu", "sim:sm_80", "cuda:0"."""
        return self._info.device.decode()

    @property
    def level(self) -> str:
        """The CPU level in use."""
        return self._info.level.decode()

    @property
    def threads(self) -> int:
        """The number of threads of one call."""
        return self._info.threads

    @property
    def weight_bytes(self) -> int:
        """The memory of the prepared weights."""
        return self._info.weight_bytes

    def workspace_size(self, entry: str, **symbols: int) -> int:
        """Bytes of workspace that a call of `entry` takes with these sizes, such as
        `T=32, B=2`."""
        self._check_open()
        index, names = self[entry].entry.index, self[entry].entry.symbols
        if set(symbols) != set(names):
            raise ArgumentError(
                f"entry '{entry}' expects values of {', '.join(names) or 'no symbols'}, "
                f"got {', '.join(symbols) or 'none'}"
            )
        values = (ctypes.c_int64 * len(names))(*(symbols[name] for name in names))
        size = ctypes.c_size_t()
        api = self.library._api
        self.library.check(
            api.workspace_size(self._handle, index, values, len(names), ctypes.byref(size))
        )
        return size.value

    def describe(self) -> str:
        """The library's description, and what this session runs on, as text."""
        info = self._info
        return (
            f"{self.library.describe()}\n"
            f"session on {info.device.decode()}, level {info.level.decode()}, "
            f"{info.threads} threads, {info.weight_bytes:,} B of weights"
        )

    def torch_op(self, entry: str, name: str | None = None) -> Callable[..., Any]:
        """Registers `entry` as the operator `peermla::NAME` of PyTorch, which
        `torch.compile` does not look into; see `peermla.torch_op`."""
        from .torch_op import torch_op

        return torch_op(self[entry], name)

    def __repr__(self) -> str:
        state = "" if self._finalizer.alive else ", closed"
        return f"<peermla.Session of {self.library.model}: {', '.join(self._results)}{state}>"

    def _check_open(self) -> None:
        if not self._finalizer.alive:
            raise ArgumentError("expected an open session, got a closed one")

    @contextlib.contextmanager
    def _context(self) -> Iterator[ctypes.c_void_p]:
        """A context that nobody else uses meanwhile."""
        stream = None if self._gpu is None else current_stream(self._gpu)
        contexts = self._contexts.setdefault(stream, [])
        try:
            context = contexts.pop()
        except IndexError:
            context, api = ctypes.c_void_p(), self.library._api
            options = _abi.ContextOptions(struct_size=ctypes.sizeof(_abi.ContextOptions))
            options.stream = stream
            self.library.check(
                api.context_create(self._handle, ctypes.byref(options), ctypes.byref(context))
            )
        try:
            yield context
        finally:
            contexts.append(context)


def _read(argument: Argument, value: Any) -> View:
    """The tensor for an argument of kind "in", converted if that is harmless."""
    array = view(value, f"argument '{argument.name}'")
    # NumPy takes an empty sequence for one of floats.
    is_empty = isinstance(value, Sequence) and not prod(array.shape)
    if argument.dtype == "i32" and (array.is_integer or is_empty) and array.dtype != "i32":
        return array.as_i32(f"argument '{argument.name}'")
    # All else that does not fit is the library's to refuse.
    return array.contiguous() if array.dtype == argument.dtype else array


def _write(argument: Argument, value: Any) -> View:
    """The tensor for an argument that is written."""
    if isinstance(value, (Sequence, int, float)):
        raise ArgumentError(
            f"argument '{argument.name}' expects an array to write to, got {type(value).__name__}"
        )
    array = view(value, f"argument '{argument.name}'")
    if array.read_only:
        raise ArgumentError(
            f"argument '{argument.name}' expects an array to write to, got a read-only one"
        )
    return array


def bind_symbols(entry: Entry, shapes: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    """The values of an entry's symbols by the shapes of some of its arguments: that
    of the first dimension that names one counts."""
    symbols: dict[str, Any] = {}
    for argument in entry.arguments:
        shape = shapes.get(argument.name, ())
        if len(shape) != len(argument.shape):
            continue
        for dim, extent in zip(argument.shape, shape):
            if dim.symbol is not None and dim.symbol not in symbols:
                symbols[dim.symbol] = extent - dim.extent
    return symbols


def make_shape(argument: Argument, symbols: Mapping[str, Any]) -> tuple[Any, ...]:
    """The shape of an argument in a call with these symbols."""
    return tuple(
        dim.extent if dim.symbol is None else symbols[dim.symbol] + dim.extent
        for dim in argument.shape
    )


class Function:
    """An entry of a session, which it keeps open; `entry` describes it."""

    def __init__(self, session: Session, entry: Entry) -> None:
        self.session = session
        self.entry = entry
        self.__name__ = entry.name
        self.__doc__ = str(entry)

    def __repr__(self) -> str:
        return f"<peermla.Function {self.entry}>"

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Runs the entry; the module's page says what may be passed and what
        comes back."""
        self.session._check_open()
        values = self._collect(arguments, named)
        views = {
            argument.name: (_read if argument.kind == "in" else _write)(
                argument, values[argument.name]
            )
            for argument in self.entry.arguments
            if argument.name in values
        }
        self._add_results(values, views)
        self._run([views[argument.name] for argument in self.entry.arguments])
        results = [values[output.name] for output in self.entry.outputs]
        if len(results) > 1:
            return self.session._results[self.entry.name](*results)
        return results[0] if results else None

    def _collect(self, arguments: tuple[Any, ...], named: dict[str, Any]) -> dict[str, Any]:
        """All arguments by name; those that are only results may be missing."""
        entry = self.entry
        inputs = [argument.name for argument in entry.inputs]
        subject = f"entry '{entry.name}' expects {', '.join(inputs) or 'no arguments'}"
        if len(arguments) > len(inputs):
            raise ArgumentError(f"{subject}, got {len(arguments)} arguments by position")
        values = dict(zip(inputs, arguments))
        known = {argument.name for argument in entry.arguments}
        for name, value in named.items():
            if name not in known:
                raise ArgumentError(f"{subject}, got the unknown '{name}'")
            if name in values:
                raise ArgumentError(f"{subject}, got '{name}' twice")
            values[name] = value
        missing = [name for name in inputs if name not in values]
        if missing:
            raise ArgumentError(f"{subject}, got no {', '.join(missing)}")
        return values

    def _add_results(self, values: dict[str, Any], views: dict[str, View]) -> None:
        """Makes arrays for the results that the caller did not pass."""
        entry = self.entry
        missing = [output for output in entry.outputs if output.name not in values]
        if not missing:
            return
        arrays = (values[a.name] for a in entry.inputs if hasattr(values[a.name], "__dlpack__"))
        like = next(arrays, None)
        # A size that is unknown or negative comes from an input of a wrong shape,
        # which the library refuses before it looks at results.
        symbols = dict.fromkeys(entry.symbols, 0)
        shapes = {name: array.shape for name, array in views.items()}
        symbols.update(bind_symbols(entry, shapes))
        for output in missing:
            shape = tuple(max(extent, 0) for extent in make_shape(output, symbols))
            subject = f"argument '{output.name}'"
            values[output.name] = empty(shape, output.dtype, subject, like)
            views[output.name] = view(values[output.name], subject)

    def _run(self, views: list[View]) -> None:
        count = len(views)
        tensors = (_abi.DLTensor * count)()
        alive = [array.fill(tensors[i]) for i, array in enumerate(views)]
        pointers = (ctypes.POINTER(_abi.DLTensor) * count)(
            *(ctypes.pointer(tensor) for tensor in tensors)
        )
        library = self.session.library
        with self.session._context() as context:
            status = library._api.call(context, self.entry.index, pointers, count)
            library.check(status)
        del alive
