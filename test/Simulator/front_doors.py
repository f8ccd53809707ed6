"""Runs the kernels as they are on their way to the GPU: after
convert-nvvm-to-llvm, as LLVM IR, and as LLVM IR after the optimiser, both read
back. The results are right and nothing is reported."""

import argparse
import pathlib
import subprocess
import sys

import cases
import tensors


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]}: {done.stderr}")
    return done.stdout


def make_forms(case, tools, path):
    """Writes the forms of a kernel and yields their names and files."""
    source, lowered = path.with_suffix(".mlir"), path.with_suffix(".lowered.mlir")
    source.write_text(cases.lower(case.text, tools))
    text = run(tools / "peermla-opt", source, "--convert-nvvm-to-llvm")
    # Translation takes the body of the gpu.module.
    start = text.index("{", text.index("gpu.module")) + 1
    end = text.rindex("}", 0, text.rindex("}"))
    lowered.write_text(f"module {{{text[start:end]}}}\n")
    yield "lowered", lowered
    plain, optimised = path.with_suffix(".ll"), path.with_suffix(".opt.ll")
    run("mlir-translate", "--mlir-to-llvmir", lowered, "-o", plain)
    run("opt", "-O2", "-mtriple=nvptx64-nvidia-cuda", plain, "-S", "-o", optimised)
    for name, file in (("LLVM IR", plain), ("optimised LLVM IR", optimised)):
        back = file.with_suffix(".back.mlir")
        run("mlir-translate", "--import-llvm", file, "-o", back)
        yield name, back


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    passed = failed = 0
    for case in cases.all_cases():
        inputs, outputs = (arguments.work / f"{name}.safetensors" for name in ("in", "out"))
        tensors.write(inputs, case.inputs)
        for name, path in make_forms(case, arguments.tools, arguments.work / case.name):
            for policy in ("eager", "lazy"):
                done = subprocess.run(
                    [arguments.tools / "peermla-sim", path, f"--args={inputs}",
                     f"--outputs={outputs}", f"--async={policy}", *case.options],
                    capture_output=True, text=True, check=False,
                )
                if done.returncode == 0 and case.is_right(tensors.read(outputs)[case.output]):
                    passed += 1
                    continue
                failed += 1
                print(f"{case.name}, {name}, {policy}: status {done.returncode}: {done.stderr}")
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
