"""No GPU kernel of any case keeps registers in memory, or has wgmma made serial.

    registers.py [--filter TEXT]... [--dtype bf16,f16,f32] [--target sm_80,sm_90a]
                 [--random COUNT] [--first NUMBER] [--jobs JOBS] [-v]

Compiles the cases of the execution suite, or random ones as run.py draws them, for
each target, and asks ptxas. It prints a line for each kernel that spills, has a stack
or a note (C75xx). Only retrieval of more than 512 experts, which threads do in plain
loops, has a stack: no case does that. The last line is
`N passed, N failed`, of compiled cases; without ptxas there is nothing to pass.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import sys
import tempfile
import types

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Integration"))

import judge  # noqa: E402
import random_cases  # noqa: E402
from cases import CASES  # noqa: E402
from programs import Program, ToolError, run_tool  # noqa: E402
from run import listed  # noqa: E402

TARGETS = ("sm_80", "sm_90a")


def compile_case(case, dtype, options):
    """(target, name of the kernel, facts) of all kernels, or the text of an error."""
    usual = types.SimpleNamespace(seed=0, prebuilt=None, make=None, tools=options.tools)
    with tempfile.TemporaryDirectory(prefix="peermla-") as name:
        folder = pathlib.Path(name)
        try:
            Program(case, dtype, [], folder, usual)
            run_tool([options.tools / "peermla-import", folder, "-o", folder / "m.mlir"])
            run_tool([
                options.tools / "peermla-compile", folder / "m.mlir", *case.compile_options,
                f"--target={','.join(options.target)}", "-o", folder / "m.so",
                f"--report={folder / 'report.json'}",
            ])  # fmt: skip
        except ToolError as error:
            return str(error)
        report = json.loads((folder / "report.json").read_text())
    found = []
    for target in report["targets"]:
        for kernel in target.get("kernels", []):
            facts = {
                "registers": kernel["registers"], "spills": kernel["spill_store_bytes"],
                "stack": kernel["stack_bytes"], "notes": len(kernel["notes"]),
            }  # fmt: skip
            found.append((target["target"], kernel["name"], facts))
    return found


def complaints(place, found):
    """A line for each kernel that is not as it should be."""
    if isinstance(found, str):
        return [f"{place}: {found}"]
    return [
        f"{place} {target} {kernel}: {facts}" for target, kernel, facts in found
        if any(facts[name] for name in ("spills", "stack", "notes"))
    ]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tools", type=pathlib.Path, default=HERE.parents[1] / "build" / "bin")
    parser.add_argument("--filter", action="append", default=[], help="part of a case's name")
    parser.add_argument("--dtype", type=listed(judge.TOLERANCE), default=list(judge.TOLERANCE))
    parser.add_argument("--target", type=listed(TARGETS), default=list(TARGETS))
    parser.add_argument("--random", type=int, default=0, metavar="COUNT", help="random cases")
    parser.add_argument("--first", type=int, default=0, help="number of the first random case")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("-v", "--verbose", action="store_true", help="print all kernels")
    options = parser.parse_args()
    numbers = range(options.first, options.first + options.random)
    cases = [random_cases.case(0, number) for number in numbers] or CASES
    chosen = [
        (case, dtype) for case in cases for dtype in case.dtypes
        if dtype in options.dtype and all(text in case.name for text in options.filter)
    ]  # fmt: skip
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        all_found = pool.map(lambda pair: compile_case(*pair, options), chosen)
        for (case, dtype), found in zip(chosen, all_found):
            place = f"{case.name} {dtype}"
            if not isinstance(found, str) and any(facts["registers"] is None for *_, facts in found):
                print("skipped: no ptxas, and so no registers\n0 passed, 0 failed")
                return
            wrong = complaints(place, found)
            failed += bool(wrong)
            if options.verbose and not isinstance(found, str):
                wrong = [f"{place} {target} {kernel}: {facts}" for target, kernel, facts in found]
            for line in wrong:
                print(line, flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    sys.exit(failed != 0 or not chosen)


if __name__ == "__main__":
    main()
