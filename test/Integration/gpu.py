"""Everything that a machine with a GPU is asked, in one folder.

    gpu.py FOLDER [--tools BIN] [--part cases,conformance,bench]... [--filter TEXT]...
           [--dtype f32,bf16]

makes the folder where the compiler is. There, `run.sh` writes to `results/`

    cases.json          the execution suite by `--device=cuda`, judged by the oracle
    recording.txt.gz    what the GPU makes of single instructions; for
                        test/Simulator/conformance/recordings
    bench.json          times beside PyTorch, if that is there

and what each part prints, in at most nine minutes. That machine needs Python with
NumPy, libgomp and the CUDA driver; neither the compiler nor LLVM. `--filter` and
`--dtype` choose among the cases of the execution suite.
"""

import argparse
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
# What may leave this machine.
LIMIT = 64 << 20
COMPILER = os.environ.get("CXX", "g++")
PARTS = ("conformance", "cases", "bench")

# Seconds of each part; what ran past them keeps what it has written.
SCRIPT = """#!/bin/sh
# Runs all parts on the GPU of this machine; results/ has what they found.
cd "$(dirname "$0")" || exit 1
python=${PYTHON:-python3}
mkdir -p results
[ ! -e libraries.tar.xz ] || "$python" -m tarfile -e libraries.tar.xz . || exit 1
status=0
export PYTHONPATH="$PWD/python" PYTHONDONTWRITEBYTECODE=1

part() {
  name=$1 seconds=$2
  shift 2
  echo "== $name"
  timeout "$seconds" "$@" > "results/$name.txt" 2>&1
  code=$?
  tail -n 3 "results/$name.txt"
  [ $code -eq 0 ] || { echo "$name: status $code"; status=1; }
}

if [ -d conformance ]; then
  part conformance 90 sh conformance/run.sh "$PWD/results/recording.txt"
fi
if [ -d libraries ]; then
  part cases 210 "$python" Integration/run.py --device=cuda --prebuilt=. \\
    --table=results/cases.json "$@"
fi
if [ -d bench ]; then
  part bench 210 "$python" -m peermla_bench --device=cuda --prebuilt=bench \\
    --seconds=0.4 --json=results/bench.json
fi
exit $status
"""


def run(*command, **options):
    """Runs a command; its status."""
    return subprocess.run([str(part) for part in command], check=False, **options).returncode


def build_driver(folder, runtime):
    """`run_entry`, from the sources of the tool it stands for."""
    shared = ROOT / "tools" / "peermla-run"
    sources = [HERE / "run_entry.cpp", shared / "DeviceTensors.cpp", shared / "EntryTensors.cpp"]
    return run(
        COMPILER, "-std=c++17", "-O2", f"-I{ROOT / 'include'}", f"-I{shared}", *sources, runtime,
        "-static-libstdc++", "-static-libgcc", "-l:libgomp.so.1", "-lpthread", "-ldl",
        "-o", folder / "run_entry",
    )  # fmt: skip


def copy_python(source, folder):
    """A package, or a folder of modules, without what only the compiler needs."""
    skipped = shutil.ignore_patterns("__pycache__", "Examples", "*.cpp", "*.pyi")
    shutil.copytree(source, folder / source.name, dirs_exist_ok=True, ignore=skipped)


def make_cases(folder, options):
    """The execution suite: libraries, driver, oracle."""
    (folder / "libraries").mkdir(exist_ok=True)
    copy_python(HERE, folder)
    filters = [f"--filter={text}" for text in options.filter]
    runtime = options.tools.parent / "lib" / "libpeermla_runtime.a"
    return build_driver(folder, runtime) or run(
        sys.executable, HERE / "run.py", f"--tools={options.tools}", "--device=cuda",
        f"--make={folder}", f"--dtype={options.dtype}", *filters,
    )  # fmt: skip


def make_conformance(folder, options):
    """Kernels of one instruction each, and their runner."""
    script = ROOT / "test" / "Simulator" / "conformance" / "conformance.py"
    return run(sys.executable, script, "record", folder / "conformance", f"--tools={options.tools}")


def make_bench(folder, options):
    """Libraries of the bench, the bench, and the package it calls them by."""
    copy_python(ROOT / "python" / "peermla", folder / "python")
    copy_python(ROOT / "tools" / "peermla-bench" / "peermla_bench", folder / "python")
    bench = folder / "bench"
    status = run(
        options.tools / "peermla-bench", "--device=cuda", f"--make={bench}",
        env={"PYTHON": sys.executable} | os.environ,
    )  # fmt: skip
    # What the libraries were made of is not needed to run them.
    for pattern in ("*.mlir", "*.h", "*.report.json"):
        for path in bench.glob(pattern):
            path.unlink()
    return status


def pack(folder):
    """Compresses libraries, most of which is the same in all: run.sh unpacks them."""
    with tarfile.open(folder / "libraries.tar.xz", "w:xz") as archive:
        for path in sorted(folder.glob("*/*.so")):
            archive.add(path, path.relative_to(folder))
            path.unlink()


def listed(text):
    parts = text.split(",")
    if unknown := set(parts) - set(PARTS):
        raise argparse.ArgumentTypeError(f"expected some of {', '.join(PARTS)}, got {unknown}")
    return parts


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--tools", type=pathlib.Path, default=ROOT / "build" / "bin")
    parser.add_argument("--part", type=listed, default=list(PARTS))
    parser.add_argument("--filter", action="append", default=[])
    parser.add_argument("--dtype", default="f32,bf16")
    options = parser.parse_args()
    options.tools, folder = options.tools.resolve(), options.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "run.sh"
    script.write_text(SCRIPT)
    script.chmod(0o755)
    makers = {"cases": make_cases, "conformance": make_conformance, "bench": make_bench}
    failed = [part for part in options.part if makers[part](folder, options)]
    pack(folder)
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    print(f"{folder}: {size / 2**20:.1f} MiB")
    if size > LIMIT:
        failed.append(f"at most {LIMIT >> 20} MiB (choose fewer cases by --filter)")
    if failed:
        sys.exit(f"gpu.py: error: expected, but not made: {', '.join(failed)}")


if __name__ == "__main__":
    main()
