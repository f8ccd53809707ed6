"""From a checkpoint or configuration to model IR, its stages, and a library.

    model = peermla.import_model("checkpoint/")      # or a config, or a dict
    print(model)                                     # IR of the stage `model`
    print(model.stage("tiled"))                      # ... of a later one
    library = peermla.compile(model)                 # a shared library
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import sys
import tempfile
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from . import _compiler, isolation
from .errors import ArgumentError, Error, report
from .library import Library

__all__ = ["CPU_LEVELS", "STAGES", "TARGETS", "Model", "compile", "import_model"]

STAGES: tuple[str, ...] = _compiler.STAGES
CPU_LEVELS: tuple[str, ...] = _compiler.CPU_LEVELS
TARGETS: tuple[str, ...] = _compiler.TARGETS

_RUNTIME_ARCHIVE = Path(__file__).with_name("libpeermla_runtime.a")


def _finish(answer: tuple[str | None, list[tuple[str, str]], bool]) -> str:
    text, messages, _ = answer
    report(messages)
    if text is None:
        raise Error("the compiler failed and did not say why")
    return text


def _call(method: str, *arguments: str, **options: Any) -> str:
    """The text of a call, with double quotes only, of the options that are set."""
    texts = [json.dumps(argument) for argument in arguments]
    for name, value in options.items():
        if value:
            value = dict(value) if isinstance(value, Mapping) else value
            texts.append(f"{name}={value if value is True else json.dumps(value)}")
    return f"{method}({', '.join(texts)})"


def _ask(model: Model, call: str, function: str, *arguments: Any) -> str:
    """The compiler's answer about `model`; `call` of it would ask the same."""
    in_passes = True
    try:
        answer = isolation.ask(function, model._ir, model.name, *arguments)
        in_passes = answer[2]
        return _finish(answer)
    except Error as error:
        if in_passes:
            read = _call("peermla.Model.read", _saved(model))
            code = f"import peermla; {read}.{call}"
            error.reproducer = f"{sys.executable} -c {shlex.quote(code)}"
            error.args = (f"{error}\nreproduce with: {error.reproducer}",)
        raise


def _saved(model: Model) -> str:
    """A file with the IR of `model`: its own, else one that stays for a report."""
    try:
        if Path(model.name).read_bytes() == model._ir:
            return os.path.abspath(model.name)
    except OSError:
        pass
    descriptor, path = tempfile.mkstemp(prefix="peermla-reproducer-", suffix=".mlir")
    with os.fdopen(descriptor, "wb") as file:
        file.write(model._ir)
    return path


def _names(names: str | Sequence[str] | None) -> list[str]:
    """One name or several as a list; none for the default."""
    if names is None:
        return []
    return [names] if isinstance(names, str) else list(names)


def _schedules(schedules: Mapping[str, str] | None) -> str:
    """The text of the compiler's option: `ID = SCHEDULE; ...`."""
    if schedules is None:
        return ""
    if not isinstance(schedules, Mapping):
        raise ArgumentError(
            f"expected 'schedules' to be a mapping of ids to schedules, got {schedules!r}"
        )
    for name, schedule in schedules.items():
        for text in (name, schedule):
            if not isinstance(text, str) or ";" in text:
                raise ArgumentError(
                    f"expected ids and schedules to be strings without ';', got {text!r}"
                )
    return ";".join(f"{name} = {schedule}" for name, schedule in schedules.items())


def _report_sizes(sizes: Mapping[str, int] | None, report: bool) -> dict[str, int]:
    if sizes is None:
        return {}
    if not report:
        raise ArgumentError("expected 'report' with 'report_sizes', which are those of a report")
    if not isinstance(sizes, Mapping):
        raise ArgumentError(
            f"expected 'report_sizes' to be a mapping of names to sizes, got {sizes!r}"
        )
    for name, size in sizes.items():
        if not isinstance(name, str) or type(size) is not int or not 1 <= size < 2**63:
            raise ArgumentError(
                "expected 'report_sizes' to be integers of at least 1 by their names, "
                f"got {name!r}: {size!r}"
            )
    return dict(sizes)


class Model:
    """Model IR: what the model computes, with all entries, without weights.

    `str(model)` is its text in MLIR. `name` is what messages call it.
    """

    def __init__(self, ir: str | bytes, name: str = "model.mlir") -> None:
        self._ir = ir.encode() if isinstance(ir, str) else bytes(ir)
        self.name = name

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Model:
        """Reads IR written by hand or by `peermla-import`."""
        try:
            return cls(Path(path).read_bytes(), os.fspath(path))
        except OSError as error:
            raise Error(f"cannot read '{path}': {error.strerror}") from error

    def __str__(self) -> str:
        if self._ir.startswith(b"ML\xefR"):  # bytecode
            return self.stage("model")
        return self._ir.decode(errors="backslashreplace")

    def __repr__(self) -> str:
        return f"<peermla.Model {self.name}, {len(self._ir):,} bytes of IR>"

    def stage(
        self,
        stage: str,
        *,
        cpu_levels: str | Sequence[str] | None = None,
        targets: str | Sequence[str] | None = None,
        attention_form: str | None = None,
        schedules: Mapping[str, str] | None = None,
        deterministic: bool = False,
    ) -> str:
        """The IR after `stage`, one of `STAGES`, as text.

        `cpu_levels` are some of `CPU_LEVELS` (default: all of the usual
        architecture), `targets` some of `TARGETS`: "cpu" (default) and GPUs;
        there is one nested module for each level and GPU from `tiled` on.
        `attention_form` is "expand" or "absorb" for all attention ops (default:
        by cost). `schedules` replace what the compiler would choose, by the ids of
        ops: `{"query_proj": "block = [24, 64, 0]"}`; "*" in an id matches any text.
        `deterministic` asks for kernels that give a sequence the same
        bits alone and in any batch, whatever the number of threads.
        """
        levels = _names(cpu_levels)
        overrides = _schedules(schedules)
        call = _call(
            "stage",
            stage,
            cpu_levels=levels,
            targets=_names(targets),
            attention_form=attention_form,
            schedules=schedules,
            deterministic=deterministic,
        )
        form = attention_form or ""
        more = _names(targets), form, overrides, deterministic
        return _ask(self, call, "print_stage", stage, levels, *more)

    def compile(
        self,
        output: str | os.PathLike[str] | None = None,
        *,
        cpu_levels: str | Sequence[str] | None = None,
        targets: str | Sequence[str] | None = None,
        simulate: bool = False,
        attention_form: str | None = None,
        schedules: Mapping[str, str] | None = None,
        deterministic: bool = False,
        report: bool = False,
        report_sizes: Mapping[str, int] | None = None,
    ) -> Library:
        """As `peermla.compile(self, ...)`."""
        return compile(
            self,
            output,
            cpu_levels=cpu_levels,
            targets=targets,
            simulate=simulate,
            attention_form=attention_form,
            schedules=schedules,
            deterministic=deterministic,
            report=report,
            report_sizes=report_sizes,
        )


def import_model(source: str | os.PathLike[str] | Mapping[str, Any]) -> Model:
    """Imports a model in the style of Hugging Face.

    `source` is a folder with `config.json` and, if there are any, safetensors
    files, whose headers say which tensors there are and how they are stored; or
    the path of a configuration file; or a configuration as a dict. Without
    tensors all weights have the type that the configuration names.

    Raises `Error` with everything that is wrong with the configuration or the
    checkpoint, and issues a `CompilerWarning` for keys and tensors that are
    unknown.
    """
    if not isinstance(source, Mapping):
        path = os.fspath(source)
        return Model(_finish(_compiler.import_checkpoint(path)), f"{path}.mlir")
    try:
        text = json.dumps(dict(source))
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"expected a configuration that JSON can hold: {error}") from error
    return Model(_finish(_compiler.import_config(text, "config")), "config.mlir")


def _as_model(model: Model | str | os.PathLike[str]) -> Model:
    if isinstance(model, Model):
        return model
    if isinstance(model, os.PathLike):
        return Model.read(model)
    # No path has these, and no module lacks them.
    if "{" in model or "\n" in model:
        return Model(model)
    return Model.read(model)


def compile(
    model: Model | str | os.PathLike[str],
    output: str | os.PathLike[str] | None = None,
    *,
    cpu_levels: str | Sequence[str] | None = None,
    targets: str | Sequence[str] | None = None,
    simulate: bool = False,
    attention_form: str | None = None,
    schedules: Mapping[str, str] | None = None,
    deterministic: bool = False,
    report: bool = False,
    report_sizes: Mapping[str, int] | None = None,
) -> Library:
    """Compiles a model into a shared library.

    `model` is a `Model`, MLIR text, or the path of a file with either. The
    library goes to `output`, with a C header beside it, and needs neither this
    package nor Python; without `output` both are temporary and go with the
    returned object. `cpu_levels`, `targets`, `attention_form`, `schedules` and
    `deterministic` are those of `Model.stage`; the library takes the best level that
    a machine has. With `simulate`, sessions can run the kernels of GPUs on the CPU
    (`Library.load(device="sim")`).
    `report` asks for `library.report`: the decisions of the compiler, and facts
    about the code of every function; `report_sizes`, such as `{"T": 32}`, are those
    at which its formulas are evaluated.

    Raises `Error` with the located messages of the compiler, `CompilerCrash` with
    the last words of one that died.
    """
    model = _as_model(model)
    overrides, sizes = _schedules(schedules), _report_sizes(report_sizes, report)
    folder = None
    if output is None:
        folder = tempfile.mkdtemp(prefix="peermla-")
        output = os.path.join(folder, "model.so")
    path = os.path.abspath(output)
    try:
        levels = _names(cpu_levels)
        text = _ask(
            model,
            _call(
                "compile",
                cpu_levels=levels,
                targets=_names(targets),
                simulate=simulate,
                attention_form=attention_form,
                schedules=schedules,
                deterministic=deterministic,
            ),
            "compile_model",
            levels,
            _names(targets),
            attention_form or "",
            overrides,
            deterministic,
            path,
            os.fspath(_RUNTIME_ARCHIVE),
            simulate,
            report,
            sizes,
        )
        library = Library(path)
        library.report = json.loads(text) if report else None
    except BaseException:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if folder:
        weakref.finalize(library, shutil.rmtree, folder, ignore_errors=True)
    return library
