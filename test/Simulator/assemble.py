"""Assembles each kernel with llc and ptxas for its architecture."""

import argparse
import pathlib
import subprocess

import cases
import wrong_kernels


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command[0]}: {done.stderr}")
    return done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True, exist_ok=True)
    kernels = [(case.name, case.text, case.architecture) for case in cases.all_cases()]
    kernels += [(*kernel, "sm_90a") for kernel in wrong_kernels.get_right_kernels()]
    for name, text, architecture in kernels:
        path = arguments.work / name
        source = path.with_suffix(".mlir")
        source.write_text(cases.lower(text, arguments.tools))
        # The kernels are in a gpu.module; its body is what llc gets.
        body = run(arguments.tools / "peermla-opt", source, "--convert-nvvm-to-llvm")
        start = body.index("{", body.index("gpu.module")) + 1
        end = body.rindex("}", 0, body.rindex("}"))
        source.write_text(f"module {{{body[start:end]}}}\n")
        run("mlir-translate", "--mlir-to-llvmir", source, "-o", path.with_suffix(".ll"))
        run("llc", "-mtriple=nvptx64-nvidia-cuda", f"-mcpu={architecture}", "-mattr=+ptx81",
            path.with_suffix(".ll"), "-o", path.with_suffix(".ptx"))
        run("ptxas", f"-arch={architecture}", path.with_suffix(".ptx"), "-o",
            path.with_suffix(".cubin"))
    print(f"{len(kernels)} kernels assembled")


if __name__ == "__main__":
    main()
