"""The execution suite on a machine with a GPU, from one folder.

    gpu.py FOLDER [--tools BIN] [--filter TEXT]... [--dtype f32,bf16]

makes the folder where the compiler is: libraries of the cases with code for all GPUs,
a driver that needs neither the compiler nor LLVM, the oracle, and `run.sh`, which
runs each case by `--device=cuda` and writes what it prints and a table to the folder.
That machine needs Python with NumPy, libgomp and the CUDA driver.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# What may leave this machine.
LIMIT = 64 << 20
COMPILER = os.environ.get("CXX", "g++")

SCRIPT = """#!/bin/sh
# Runs the cases on the GPU of this machine.
cd "$(dirname "$0")" || exit 1
{python} Integration/run.py --device=cuda --prebuilt=. --table=gpu.json "$@" 2>&1 | tee gpu.txt
"""


def build_driver(folder, runtime):
    """`run_entry`, from the sources of the tool it stands for."""
    shared = ROOT / "tools" / "peermla-run"
    sources = [HERE / "run_entry.cpp", shared / "DeviceTensors.cpp", shared / "EntryTensors.cpp"]
    subprocess.run(
        [
            COMPILER, "-std=c++17", "-O2", f"-I{ROOT / 'include'}", f"-I{shared}", *sources,
            runtime, "-static-libstdc++", "-static-libgcc", "-l:libgomp.so.1", "-lpthread",
            "-ldl", "-o", folder / "run_entry",
        ],
        check=True,
    )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tools", type=pathlib.Path, default=ROOT / "build" / "bin")
    parser.add_argument("--filter", action="append", default=[])
    parser.add_argument("--dtype", default="f32,bf16,f16")
    options = parser.parse_args()
    folder = options.folder.resolve()
    (folder / "libraries").mkdir(parents=True, exist_ok=True)
    build_driver(folder, options.tools.parent / "lib" / "libpeermla_runtime.a")
    shutil.copytree(
        HERE, folder / "Integration", dirs_exist_ok=True,
        ignore=shutil.ignore_patterns("__pycache__", "Examples", "*.cpp"),
    )  # fmt: skip
    script = folder / "run.sh"
    script.write_text(SCRIPT.format(python="python3"))
    script.chmod(0o755)
    status = subprocess.run(
        [
            sys.executable, HERE / "run.py", f"--tools={options.tools}", "--device=cuda",
            f"--make={folder}", f"--dtype={options.dtype}",
            *(f"--filter={text}" for text in options.filter),
        ],
        check=False,
    ).returncode  # fmt: skip
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 2**20:.1f} MiB")
    if size > LIMIT:
        sys.exit(f"expected at most {LIMIT >> 20} MiB, choose fewer cases by --filter")
    sys.exit(status)


if __name__ == "__main__":
    main()
