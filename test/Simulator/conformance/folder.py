"""The folder that records on a machine with a GPU: modules, inputs, a manifest,
the runner and a script."""

import math
import pathlib
import shutil
import subprocess

import numpy as np

import simulate

SCRIPT = """#!/bin/sh
# Records what this machine's GPU makes of the cases:
# sh run.sh [RECORDING [OPTION of runner]...]
set -e
cd "$(dirname "$0")"
if [ ! -x runner ] || ! ./runner 2>&1 | grep -q expected; then
  ${CXX:-c++} -std=c++17 -O1 runner.cpp -o runner -ldl
fi
recording=${1:-recording.txt}
[ $# -eq 0 ] || shift
rm -f "$recording"
status=0
# A module at a time: a kernel that does not end takes no other module along.
for module in $(awk 'NR > 1 && !seen[$4]++ { print $4 }' manifest.txt); do
  ./runner . part.txt --module="$module" "$@" || status=$?
  # There is no GPU, or not even a header.
  [ -s part.txt ] || break
  lines=1
  [ ! -s "$recording" ] || lines=5
  tail -n +$lines part.txt >> "$recording"
done
rm -f part.txt
[ ! -s "$recording" ] || gzip -9 -f -k "$recording"
exit $status
"""

# CUtensorMapDataType and the simulator's names of types by NumPy's; bf16 is
# uint16 in NumPy.
MAP_TYPES = {"uint8": 0, "uint16": 9, "uint32": 2, "int32": 3, "float16": 6, "float32": 7}
SWIZZLES = {0: 0, 32: 1, 64: 2, 128: 3}
PTX = {"sm_80": "+ptx80", "sm_89": "+ptx84", "sm_90a": "+ptx84"}


def module_of(case):
    return f"{case.family}_{case.architecture}"


def write_ptx(texts, architecture, path, tools):
    """All kernels of `texts`, lowered ones, in one module of PTX."""
    bodies = []
    whole = simulate.run_tool(tools / "peermla-opt", "-", "-split-input-file",
                              "--convert-nvvm-to-llvm", text=simulate.SEPARATOR.join(texts))
    for lowered in whole.split(simulate.SEPARATOR):
        start = lowered.index("{", lowered.index("gpu.module")) + 1
        bodies.append(lowered[start : lowered.rindex("}", 0, lowered.rindex("}"))])
    module = "module {\n" + "\n".join(bodies) + "\n}\n"
    llvm = simulate.run_tool("mlir-translate", "--mlir-to-llvmir", "-", text=module)
    ptx = simulate.run_tool("llc", "-mtriple=nvptx64-nvidia-cuda", f"-mcpu={architecture}",
                            f"-mattr={PTX[architecture]}", "-", "-o", "-", text=llvm)
    path.write_text(ptx)


def describe_map(spec, offset):
    tensor = spec.tensor
    sizes = tensor.shape[::-1]
    strides = [math.prod(sizes[: i + 1]) * tensor.itemsize for i in range(len(sizes) - 1)]
    steps = spec.strides or (1,) * len(sizes)
    fields = ["map", MAP_TYPES[tensor.dtype.name], offset, tensor.nbytes, len(sizes), *sizes,
              *strides, *spec.box, *steps, SWIZZLES[spec.swizzle], int(spec.fills_nan),
              int(spec.is_written)]
    return " ".join(map(str, fields))


def write(cases, folder, tools):
    """Returns the numbers of modules and of those that ptxas assembled."""
    folder.mkdir(parents=True, exist_ok=True)
    groups = {}
    for case, text in zip(cases, simulate.lower(cases, tools)):
        groups.setdefault((module_of(case), case.architecture), []).append(text)
    assembled = 0
    for (module, architecture), texts in groups.items():
        ptx = folder / f"{module}.ptx"
        write_ptx(texts, architecture, ptx, tools)
        if shutil.which("ptxas"):
            simulate.run_tool("ptxas", f"-arch={architecture}", ptx, "-o", ptx.with_suffix(".cubin"))
            assembled += 1
    lines, inputs = ["peermla-conformance 1"], b""
    for case in cases:
        number = "".join(filter(str.isdigit, case.architecture))
        fields = [case.name, case.symbol, case.digest, module_of(case), number, case.threads,
                  len(inputs), case.words.nbytes, 4 * case.outputs]
        inputs += case.words.tobytes()
        line = " ".join(map(str, fields))
        if case.tensor_map:
            line += " " + describe_map(case.tensor_map, len(inputs))
            inputs += np.ascontiguousarray(case.tensor_map.tensor).tobytes()
        lines.append(line)
    (folder / "manifest.txt").write_text("\n".join(lines) + "\n")
    (folder / "inputs.bin").write_bytes(inputs)
    (folder / "run.sh").write_text(SCRIPT)
    source = pathlib.Path(__file__).with_name("runner.cpp")
    shutil.copy(source, folder / "runner.cpp")
    if compiler := shutil.which("c++"):
        subprocess.run([compiler, "-std=c++17", "-O1", "-Wall", "-Wextra", source, "-o",
                        folder / "runner", "-ldl"], check=True)
    return len(groups), assembled
