"""Runs ops on memrefs, lowered by the CPU passes, on numpy arrays.

A `Suite` collects functions that hold one op each, compiles all of them in one
module for a CPU level (each scf.forall becomes loops), calls them and lets each
case check its arrays. Cases with the same text share a function:

    suite = Suite.from_command_line()
    suite.add("mla.rope ins({x}, {table}) outs({x})", {"x": x, "table": table}, check)
    suite.finish()

In the text of an op, `{name}` is an operand, `{name.type}` its type. 16-bit types:
float16 is f16, uint16 holds the bits of bf16. `check()` returns an error, which is
compared with a tolerance, or raises AssertionError.
"""

import argparse
import ctypes
import os
import subprocess
import sys
import tempfile

import numpy as np

LOWERINGS = (
    "peermla-lower-select,peermla-lower-experts,peermla-lower-rope,"
    "peermla-lower-work-items,peermla-lower-attention,peermla-lower-merge"
)
# Ops on tensors are cut into kernels first.
KERNELS = (
    "func.func(peermla-select-schedules,peermla-split-keys{{deterministic={}}},"
    "peermla-tile-and-fuse),canonicalize,cse,one-shot-bufferize,canonicalize,cse,"
)
PIPELINE = (
    "builtin.module({}func.func(" + LOWERINGS + "),canonicalize,cse,"
    "func.func(scf-forall-to-for,peermla-lower-contractions,"
    "peermla-vectorize-generics),canonicalize,cse,peermla-expand-math,"
    "convert-vector-to-scf,expand-strided-metadata,lower-affine,"
    "loop-invariant-code-motion,canonicalize,cse,convert-scf-to-cf,"
    "convert-vector-to-llvm{{enable-x86vector=true}},convert-math-to-llvm,convert-math-to-libm,"
    "convert-to-llvm,reconcile-unrealized-casts,canonicalize,cse,"
    "peermla-legalize-bf16)"
)
# What LLVM calls the levels.
PROCESSORS = {
    "x86-64-v3": ["-mcpu=x86-64-v3"],
    "x86-64-v4": ["-mcpu=x86-64-v4"],
    "x86-64-v4-bf16": ["-mcpu=x86-64-v4", "-mattr=+avx512bf16"],
}
# Largest relative errors (in the euclidean norm) by storage type.
TOLERANCES = {"f32": 1e-5, "f16": 2e-3, "bf16": 1e-2}
ELEMENTS = {"float32": "f32", "float16": "f16", "uint16": "bf16", "int32": "i32"}


def narrow(values, element):
    """The values in a storage type."""
    values = np.ascontiguousarray(values, np.float32)
    if element == "f32":
        return values
    if element == "f16":
        return values.astype(np.float16)
    bits = values.view(np.uint32).astype(np.uint64)
    rounded = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
    return np.where(np.isnan(values), np.uint16(0x7FC0), rounded)


def widen(array):
    """The stored values in float64."""
    if array.dtype == np.uint16:
        array = (array.astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float64)


def relative_error(actual, expected):
    """Norm of the difference over the norm; NaN must be where it is expected."""
    actual, expected = np.asarray(actual, np.float64), np.asarray(expected)
    assert np.array_equal(np.isnan(actual), np.isnan(expected)), "NaN elsewhere"
    finite = np.isfinite(expected)
    assert np.array_equal(actual[~finite], expected[~finite], equal_nan=True)
    norm = np.linalg.norm(expected[finite])
    return np.linalg.norm(actual[finite] - expected[finite]) / max(norm, 1e-30)


class _Operand:
    def __init__(self, name, array, dynamic):
        dims = ["?" if i in dynamic else str(n) for i, n in enumerate(array.shape)]
        self.name = f"%{name}"
        self.type = f"memref<{'x'.join(dims + [ELEMENTS[array.dtype.name]])}>"

    def __format__(self, specification):
        return self.name


def _descriptor(array):
    """The memref descriptor of an array, which has to outlive it."""
    assert array.flags.c_contiguous
    words = ctypes.c_int64 * (3 + 2 * array.ndim)
    strides = [stride // array.itemsize for stride in array.strides]
    pointer = array.ctypes.data
    return words(pointer, pointer, 0, *array.shape, *strides)


def _on_tensors(text, operands, results):
    """The op between loads of tensors from memrefs and stores of its results."""
    lines = []
    for operand in operands.values():
        tensor = operand.type.replace("memref", "tensor")
        lines.append(
            f"%t_{operand.name[1:]} = bufferization.to_tensor {operand} restrict writable "
            f": {operand.type} to {tensor}"
        )
        text = text.replace(operand.name, f"%t_{operand.name[1:]}")
    text = text.replace("memref", "tensor")
    types = [operands[name].type.replace("memref", "tensor") for name in results]
    lines.append(f"%result:{len(types)} = {text} -> {', '.join(types)}")
    for i, name in enumerate(results):
        lines.append(
            f"bufferization.materialize_in_destination %result#{i} in restrict writable "
            f"{operands[name]} : ({types[i]}, {operands[name].type}) -> ()"
        )
    return "\n".join(lines)


class Suite:
    @staticmethod
    def from_command_line():
        parser = argparse.ArgumentParser(description=__doc__)
        parser.add_argument("--level", required=True, choices=PROCESSORS)
        parser.add_argument("--cc", default="cc")
        parser.add_argument("--deterministic", action="store_true")
        return Suite(**vars(parser.parse_args()))

    def __init__(self, level, cc, deterministic=False):
        self.level, self.cc, self.cases, self.functions = level, cc, [], {}
        self.deterministic, self.kernels = deterministic, ""

    def add(self, text, arrays, check, dynamic=None, tile=False, results=()):
        """One op on `arrays` by name. `dynamic`: dynamic dimensions by name, the
        first by default. `tile`: put the op inside a work item. `results`: the
        destinations of an op on tensors, which is then cut into kernels."""
        dynamic = dynamic or {}
        operands = {
            name: _Operand(name, array, dynamic.get(name, (0,)))
            for name, array in arrays.items()
        }
        body = text.format(**operands)
        if results:
            body = _on_tensors(body, operands, results)
            self.kernels = KERNELS.format("true" if self.deterministic else "false")
        if tile:
            body = f"scf.forall (%item) in (1) {{\n{body}\n}}"
        arguments = ", ".join(f"{o.name}: {o.type}" for o in operands.values())
        text = f"({arguments}) attributes {{llvm.emit_c_interface}} {{\n{body}\nreturn\n}}\n"
        name = self.functions.setdefault(text, f"kernel{len(self.functions)}")
        self.cases.append((name, body, arrays, check))

    def _compile(self, folder):
        def path(suffix):
            return os.path.join(folder, "kernels." + suffix)

        with open(path("mlir"), "w") as file:
            file.write(f'module attributes {{peermla.level = "{self.level}"}} {{\n')
            for text, name in self.functions.items():
                file.write(f"func.func @{name}{text}")
            file.write("}\n")
        triple = "-mtriple=x86_64-unknown-linux-gnu"
        for command in (
            ["peermla-opt", path("mlir")]
            + [f"--pass-pipeline={PIPELINE.format(self.kernels)}"]
            + ["-o", path("llvm.mlir")],
            ["mlir-translate", "--mlir-to-llvmir", path("llvm.mlir"), "-o", path("ll")],
            ["llc", "-O2", triple, "--relocation-model=pic", "--filetype=obj"]
            + PROCESSORS[self.level]
            + [path("ll"), "-o", path("o")],
            [self.cc, "-shared", path("o"), "-lm", "-o", path("so")],
        ):
            subprocess.run(command, check=True)
        return ctypes.CDLL(path("so"))

    def finish(self):
        """Runs all cases, prints the worst error and exits."""
        failures, worst = 0, 0.0
        with tempfile.TemporaryDirectory() as folder:
            library = self._compile(folder)
            for name, body, arrays, check in self.cases:
                descriptors = [_descriptor(array) for array in arrays.values()]
                function = getattr(library, f"_mlir_ciface_{name}")
                function(*[ctypes.byref(d) for d in descriptors])
                elements = {ELEMENTS[array.dtype.name] for array in arrays.values()}
                tolerance = max(TOLERANCES.get(e, 0.0) for e in elements)
                try:
                    error = check()
                    assert error <= tolerance, f"error {error:.2e} over {tolerance}"
                    worst = max(worst, error / max(tolerance, 1e-30))
                except AssertionError as failure:
                    failures += 1
                    print(f"{failure} in\n{body}", file=sys.stderr)
        print(f"{len(self.cases)} cases, {failures} failures")
        print(f"worst error: {worst:.3f} of what is allowed")
        sys.exit(failures > 0)
