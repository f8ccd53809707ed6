"""Runs kernels that are right and variants that are subtly wrong: the simulator must
say nothing of the former and the right thing of the latter.

    wrong_kernels.py [--tools=FOLDER] [--kernel NAME]... [--full] [-v]

Each module of FAMILIES builds one kernel. Its VARIANTS are right ways to do the same:
nothing is reported in any mode, whatever the order of threads and copies, and the
numbers are right. Its FAULTS make it wrong, each in one way: it must be reported as
what it is (see `fault.py`), at the line where the op stands.
Random execution takes 4 seeds, 40 with --full.

Faults that nothing can show are not here: a matrix that is stored transposed gives
wrong numbers alone; a cluster whose last barrier is missing is right if each block
waits for the last that the others do to it; and remote arrivals of mbarriers release
to the cluster in the simulator, whatever their scope.

The last line is `N passed, N failed`; the status is 1 if anything failed.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

import cases
import tensors

import block_scan
import bulk_reduction
import cluster_exchange
import copy_groups
import copy_ring
import fp8_product
import global_scratch
import grid_barrier
import histogram
import multicast_load
import named_barriers
import partial_warp
import spin_lock
import stmatrix_epilogue
import tma_transpose
import warp_reduction
import wgmma_registers

HERE = pathlib.Path(__file__).parent
FAMILIES = (
    block_scan, histogram, warp_reduction, partial_warp, named_barriers, spin_lock, grid_barrier, global_scratch,
    copy_groups, copy_ring, tma_transpose, bulk_reduction, stmatrix_epilogue, fp8_product, wgmma_registers,
    cluster_exchange, multicast_load,
)
# Who is first among blocks must not depend on the machine.
COMMON = ["--threads=1", "--instruction-limit=50000000"]
FIRST_SEED = 1


def get_right_kernels():
    """The name and the text of each."""
    for family in FAMILIES:
        for index, changes in enumerate(family.VARIANTS.values()):
            yield f"{family.__name__}_{index}", family.build(**changes)


def get_modes(seeds):
    """The options of each launch."""
    modes = ["async=eager", "async=lazy", "async=lazy,strict"]
    return modes + [f"async=random,seed={FIRST_SEED + seed}" for seed in range(seeds)]


def run(family, texts, modes, arguments, folder):
    """Runs each text in each mode: the lines of each, lowered, and for (text, mode)
    the reports and y, None if the kernel did not end."""
    options, inputs, _ = family.launch()
    for old in folder.iterdir():
        old.unlink()
    source = folder / "kernels.mlir"
    source.write_text(cases.lower("\n// -----\n".join(texts), arguments.tools))
    command = [arguments.tools / "peermla-sim", source, "-split-input-file", "--report=json",
               f"--outputs={folder}/out%d-%l.safetensors", *COMMON, *options,
               *(f"--launch={mode}" for mode in modes)]
    if inputs:
        tensors.write(folder / "in.safetensors", inputs)
        command.append(f"--args={folder / 'in.safetensors'}")
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"peermla-sim ended with {done.returncode}: {done.stderr[-400:]}{done.stdout[-400:]}")
    results = {}
    for line in done.stdout.splitlines():
        entry = json.loads(line)
        path = folder / f"out{entry['part']}-{entry['launch']}.safetensors"
        y = tensors.read(path)["y"] if path.exists() else None
        results[entry["part"], entry["launch"]] = entry["result"]["reports"], y
    # Locations count the lines of their part.
    parts = source.read_text().split("// -----\n")
    return [part.split("\n") for part in parts], results


def describe(report):
    other = f" against {report['other_op']}" if "other_op" in report else ""
    return f"{report['kind']} at {report.get('op')}{other}: {report['message']}"


def find_objection_to_right(results, reference):
    """Why the runs of a right kernel are not as they must be, None if they are."""
    for reports, y in results:
        if reports:
            return describe(reports[0])
        if y is None or not np.array_equal(y, reference.reshape(y.shape)):
            return "wrong numbers"
    return None


def stands_at(lines, op, location):
    """Whether the line that `location` (file:line:column) names holds the op."""
    _, line, _ = location.rsplit(":", 2)
    return op in lines[int(line) - 1]


def is_expected(report, fault, lines):
    """Whether a report is the one that the fault must cause."""
    if report["kind"] != fault.kind:
        return False
    parties = [(report["op"], report["location"])]
    if "other_op" in report:
        parties.append((report["other_op"], report["other_location"]))
    expected = [fault.op, fault.against] if fault.against else [fault.op]
    # The message of a race says who the other party is.
    names_other = fault.kind != "race" or report["other"] in report["message"]
    return (
        sorted(op for op, _ in parties) == sorted(expected)
        and all(stands_at(lines, op, location) for op, location in parties)
        and names_other
    )


def find_objection_to_fault(results, fault, lines, modes):
    """Why the runs of a wrong kernel are not reported as they must be, or None."""
    if fault.hidden:
        results = [result for mode, result in zip(modes, results) if result[0] or "random" not in mode]
    for reports, _ in results:
        if not reports:
            return "nothing reported"
        for report in reports:
            if report["kind"] not in (fault.kind, *fault.also):
                return f"also {describe(report)}"
    found = [any(is_expected(report, fault, lines) for report in reports) for reports, _ in results]
    if not (all(found) if fault.everywhere else any(found)):
        reports, _ = results[found.index(False)]
        return f"in a mode only {describe(reports[0])}"
    return None


def check(family, modes, arguments, folder):
    """Prints a line for each variant and fault; the number of those that passed and
    of those that failed."""
    name = family.__name__
    changes = [*family.VARIANTS.values(), *(fault.changes for fault in family.FAULTS.values())]
    lines, results = run(family, [family.build(**each) for each in changes], modes, arguments, folder)
    _, _, reference = family.launch()
    rows = [(what, None) for what in family.VARIANTS] + list(family.FAULTS.items())
    passed = 0
    for part, (what, fault) in enumerate(rows):
        of_part = [results[part, launch] for launch in range(len(modes))]
        if fault is None:
            objection, expected = find_objection_to_right(of_part, reference), "right"
        else:
            objection, expected = find_objection_to_fault(of_part, fault, lines[part], modes), fault.kind
        passed += objection is None
        print(f"{name:18} {what:38} {expected:14} {'ok' if objection is None else 'FAILED'}")
        if objection is not None:
            print(f"  expected {fault or 'no report and the right numbers'}\n  got {objection}")
        if arguments.verbose:
            for mode, (reports, _) in zip(modes, of_part):
                for report in reports[:4]:
                    print(f"    {mode}: {describe(report)}")
    return passed, len(rows) - passed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tools", type=pathlib.Path, default=HERE.parents[1] / "build/bin")
    parser.add_argument("--kernel", action="append", help="the name of a module of kernels/")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true", help="print the first reports, too")
    arguments = parser.parse_args()
    arguments.tools = arguments.tools.resolve()
    modes = get_modes(40 if arguments.full else 4)
    passed = failed = 0
    with tempfile.TemporaryDirectory() as name:
        for family in FAMILIES:
            if arguments.kernel and family.__name__ not in arguments.kernel:
                continue
            counts = check(family, modes, arguments, pathlib.Path(name))
            passed, failed = passed + counts[0], failed + counts[1]
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
