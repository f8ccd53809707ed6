"""Runs the code blocks of the README in a new folder, in their order.

`json` becomes config.json, `python` is executed, `mlir` goes through peermla-opt,
`console` holds commands (`$ `) and exactly what they print. Other blocks are
skipped.
"""

import pathlib
import re
import subprocess
import sys


def fail(message):
    sys.exit(f"readme: error: {message}")


def run(command, folder, given=None):
    done = subprocess.run(
        command, cwd=folder, input=given, shell=isinstance(command, str), text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    if done.returncode:
        fail(f"{command} ended with status {done.returncode}: {done.stdout}")
    return done.stdout


def run_console(text, folder):
    for step in re.split(r"^\$ ", text, flags=re.MULTILINE)[1:]:
        command, _, expected = step.partition("\n")
        printed = run(command, folder)
        if printed != expected:
            fail(f"{command} printed {printed!r}, expected {expected!r}")


def main():
    readme, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    text = pathlib.Path(readme).read_text(encoding="utf-8")
    ran = 0
    for kind, block in re.findall(r"^```(\w+)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        ran += kind in ("json", "python", "mlir", "console")
        if kind == "json":
            (folder / "config.json").write_text(block, encoding="utf-8")
        elif kind == "python":
            run([sys.executable, "-c", block], folder)
        elif kind == "mlir":
            run(["peermla-opt", "-", "-o", "parsed.mlir"], folder, block)
        elif kind == "console":
            run_console(block, folder)
    print(f"{ran} blocks ran")


if __name__ == "__main__":
    main()
