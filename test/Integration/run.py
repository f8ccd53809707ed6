"""Runs the table of cases through the tools and judges it by the oracle.

    run.py [--filter TEXT]... [--dtype f32,bf16] [--device cpu,reference,sim:sm_80] [--full] [-v]
    run.py --random COUNT [--seed N] [--first NUMBER]

For each case: config.json and a checkpoint are written to a folder, imported
and compiled; each call runs on each device and, on the CPU, on levels that this
machine has. In bf16, `amx-emulated` is code of the level `amx` whose tiles are
computed by vectors, for machines without them. `--device aarch64` runs the code of
that level in an emulator, if the packages for it are there. `--device steps` runs
what GPU targets make of named ops, as plain loops on the CPU. `--device sim:sm_80`
runs the kernels of that GPU in the simulator with all checks: asynchronous work at
once (`eager`) and as late as can be (`lazy`); a ragged call also runs by launches that
were recorded with other lengths (`graph`). `--device cuda` is for a GPU: gpu.py makes
a folder for a machine that has one. `--device emulated` needs no tools: it is the oracle with the
roundings of the storage type, and shows how much of a tolerance they take.

The last line is `N passed, N failed`; the status is 1 if anything failed.
"""

import argparse
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

import aarch64
import cpu_levels
import inputs as make_inputs
import judge
import random_cases
from cases import CASES, Call, Case
from oracle import models, storage
from programs import GRAPH, SIMULATED, Program, ToolError, library_in

DEVICES = ("cpu", "reference", "aarch64", "steps", "emulated", "cuda", *SIMULATED)
# Asynchronous work completes at once, or as late as it may; a ragged call also as a
# graph that was recorded with other lengths.
SIMULATOR_MODES = ("eager", "lazy")


@dataclasses.dataclass
class Result:
    """One call on one device. `error` is the worst relative error, or None."""

    case: Case
    name: str
    failure: str = ""
    error: float = 0.0
    tolerance: float = 0.0


def allowed(program, call, given, tolerance, indices=None):
    """`tolerance`, or more for a random case whose numbers are few and cancel.

    What the roundings of the storage type alone do says how much.
    """
    if not program.options.random:
        return tolerance
    wide, architecture = given.wide(), program.model.architecture
    clean = slice(None)
    if call.poison:
        clean = np.arange(len(wide["x"])) != call.poison[0]
    more = {"indices": indices} if architecture == "PeerLayer" and call.entry == "forward" else {}
    exact = models.run(program.model, call.entry, wide, **more)
    rounded = models.run(program.model, call.entry, wide, storage.rounder(program.dtype), **more)
    name = next(name for name in ("y", "logits", "scores") if name in exact)
    return max(tolerance, 4 * judge.relative_error(rounded[name][clean], exact[name][clean]))


def retrieved(program, call, given, device, level, tolerance):
    """The judged indices of a PeerLayer's tokens, and the error of the scores."""
    clean = np.ones(call.T, bool)
    if call.poison:
        clean[call.poison[0]] = False
    outputs = program.call("retrieve", given.tensors, device, level)
    tolerance = allowed(program, dataclasses.replace(call, entry="retrieve"), given, tolerance)
    return judge.retrieval(
        program.model, given.wide(), outputs, tolerance, clean, program.case.exact_indices
    )


def run_chunks(program, call, device, level, rng, tolerance):
    """A series of steps against `forward` of the whole."""
    totals, rows = make_inputs.chunk_rows(call)
    config, dtype = program.case.config, program.dtype
    whole = make_inputs.make(config, Call("forward", lengths=tuple(totals)), dtype, rng)
    expected = models.run(program.model, "forward", whole.wide())
    name = "logits" if "logits" in expected else "y"
    table, blocks = make_inputs.paged(call, totals, rng)
    cache = make_inputs.empty_cache(config, blocks, call.page, dtype)
    past, got = np.zeros(len(totals), np.int32), np.zeros(expected[name].shape)
    source = "tokens" if "tokens" in whole.tensors else "x"
    for chunk, chosen in zip(call.chunks, rows):
        tensors = {
            source: storage.Tensor(
                whole.tensors[source].dtype, whole.tensors[source].values[chosen]
            ),
            "cu_seqlens": storage.Tensor("i32", make_inputs.cu_seqlens(chunk)),
            "past_lens": storage.Tensor("i32", past),
            "cache": cache,
            "block_table": table,
        }
        if source == "tokens":
            tensors["logit_rows"] = storage.Tensor("i32", np.arange(len(chosen), dtype=np.int32))
        outputs = program.call("step", tensors, device, level)
        cache = judge.take(outputs, "cache", dtype)
        got[chosen] = judge.take(outputs, name, "f32" if name == "logits" else dtype).wide()
        past = past + np.array(chunk, np.int32)
    whole_call = Call("forward", lengths=tuple(totals))
    tolerance = allowed(program, whole_call, whole, tolerance)
    return judge.close(name, got, expected[name], tolerance)


def run_rejected(program, call, given, device, level):
    """The call must fail with a message, not with a signal, and write nothing."""
    call.rejects(given.tensors)
    try:
        program.call(call.entry, given.tensors, device, level)
    except ToolError as error:
        if not 0 < error.status < 126 or "error" not in str(error):
            raise judge.Wrong(f"expected a message and a status, got {error}") from None
        return 0.0
    raise judge.Wrong("expected the call to be refused, it succeeded")


def run_call(program, call, device, level):
    """The worst relative error of one call."""
    dtype = program.dtype
    table = judge.REFERENCE_TOLERANCE if device == "reference" else judge.TOLERANCE
    tolerance = table[dtype]
    rng = np.random.default_rng([program.options.seed, len(call.describe())])
    if call.chunks:
        return run_chunks(program, call, device, level, rng, tolerance), tolerance
    given = make_inputs.make(program.case.config, call, dtype, rng)
    if call.rejects:
        return run_rejected(program, call, given, device, level), tolerance
    indices, worst = None, 0.0
    if program.model.architecture == "PeerLayer":
        indices, worst = retrieved(program, call, given, device, level, tolerance)
    enough = allowed(program, call, given, tolerance, indices)
    recorded = None
    if level == GRAPH:
        rng = np.random.default_rng([program.options.seed, len(call.describe()), 1])
        recorded = make_inputs.make(program.case.config, reverse(call), dtype, rng).tensors
    outputs = program.call(call.entry, given.tensors, device, level, recorded)
    error = judge.outputs_of(program.model, call, given, outputs, dtype, enough, indices)
    return max(worst, error), tolerance


def reverse(call):
    """The call with its sequences in the other order: the same shapes."""
    return dataclasses.replace(call, lengths=call.lengths[::-1], past=call.past[::-1])


def places(device, levels, call):
    """(device, level, label) of all runs of a call on a device."""
    if device in SIMULATED or device == "cuda":
        plain = not (call.rejects or call.poison or call.chunks)
        graph = [GRAPH] if plain and reverse(call) != call else []
        if device == "cuda":
            return [(device, mode, f"{device}:{mode}") for mode in ("stream", *graph)]
        return [(device, mode, f"{device}:{mode}") for mode in (*SIMULATOR_MODES, *graph)]
    if device != "cpu":
        return [(device, None, device)]
    return [(device, level, f"cpu:{level}") for level in levels]


def run_case(case, dtype, levels, folder, options):
    """The results of all calls of a case."""
    folder.mkdir(parents=True)
    results = []
    program = Program(case, dtype, levels, folder, options)
    for device in options.device:
        # In float64 one type shows all, but for how values are read.
        if device == "reference" and dtype != "f32" and not options.full and not thorough(case):
            continue
        failure = ""
        try:
            program.build(device)
        except ToolError as error:
            failure = str(error)
        # Only the library checks what it is given.
        checks = device == "cpu" or device in SIMULATED
        calls = [call for call in case.calls if checks or not call.rejects]
        if failure:
            name = f"{case.name} {dtype} {device} ({len(calls)} calls)"
            results.append(Result(case, name, failure))
            continue
        if options.make:
            results.append(Result(case, f"{case.name} {dtype} {device} compiled"))
            continue
        for call in calls:
            for where, level, label in places(device, levels, call):
                result = Result(case, f"{case.name} {dtype} {label} {call.describe()}")
                results.append(result)
                try:
                    result.error, result.tolerance = run_call(program, call, where, level)
                except (ToolError, judge.Wrong) as error:
                    result.failure = str(error)
                except Exception as error:  # pylint: disable=broad-except
                    result.failure = f"{type(error).__name__}: {error}"
    if not options.keep:
        shutil.rmtree(folder)
    return results


def thorough(case):
    """Whether a case runs at all types, and so on all levels and devices."""
    return set(case.dtypes) == set(judge.TOLERANCE)


def table(options):
    """The cases of the table, or random ones."""
    if not options.random:
        return CASES
    numbers = range(options.first, options.first + options.random)
    return [random_cases.case(options.seed, number) for number in numbers]


def chosen_cases(options):
    """(case, dtype, levels) that the options ask for.

    Compilation takes most of the time: unless --full or --level is given, a case
    that is not thorough runs on one level, and the levels take turns.
    """
    turn = 0
    for case in table(options):
        all_types = options.full and not options.random
        for dtype in tuple(judge.TOLERANCE) if all_types else case.dtypes:
            turn += 1
            levels = [
                level for level in options.levels
                if dtype == "bf16" or level not in cpu_levels.EMULATED
            ]  # fmt: skip
            if not levels:
                continue
            if not (options.level or options.full or thorough(case)):
                levels = [levels[turn % len(levels)]]
            if options.prebuilt and not library_in(options.prebuilt, case, dtype).exists():
                continue
            if dtype in options.dtype and all(text in case.name for text in options.filter):
                yield case, dtype, levels


def listed(known):
    def parse(text):
        values = text.split(",")
        for value in values:
            if value not in known:
                raise argparse.ArgumentTypeError(f"'{value}' is not one of {', '.join(known)}")
        return values

    return parse


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    root = pathlib.Path(__file__).resolve().parents[2]
    parser.add_argument("--tools", type=pathlib.Path, default=root / "build" / "bin")
    parser.add_argument("--filter", action="append", default=[], help="part of a case's name")
    parser.add_argument("--dtype", type=listed(judge.TOLERANCE), default=list(judge.TOLERANCE))
    parser.add_argument("--device", type=listed(DEVICES), default=["cpu", "reference"])
    known = [*cpu_levels.ALL, *cpu_levels.EMULATED]
    parser.add_argument("--level", type=listed(known), help="CPU levels (default: all)")
    parser.add_argument("--compile-option", action="append", default=[], metavar="OPTION")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--random", type=int, default=0, metavar="COUNT", help="random cases")
    parser.add_argument("--first", type=int, default=0, help="number of the first random case")
    parser.add_argument("--full", action="store_true", help="all cases at all types, on all levels")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--keep", type=pathlib.Path, help="keep all files in this folder")
    parser.add_argument(
        "--make", type=pathlib.Path, help="only compile, into this folder, for --prebuilt"
    )
    parser.add_argument(
        "--prebuilt", type=pathlib.Path, help="folder with libraries and driver, by gpu.py"
    )
    parser.add_argument("--table", type=pathlib.Path, help="write all results as JSON")
    parser.add_argument("-v", "--verbose", action="store_true", help="print what passes, too")
    options = parser.parse_args()
    machine = cpu_levels.of_this_machine()
    options.levels = options.level or [*machine, *cpu_levels.emulated_on(machine)]
    return options


def describe_machine(options):
    """What results hold for: the date, and the GPU if one was used."""
    facts = {"date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()), "devices": options.device}
    if "cuda" in options.device:
        query = ["nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"]
        try:
            said = subprocess.run(query, capture_output=True, text=True, check=True, timeout=30)
            name, _, driver = said.stdout.splitlines()[0].partition(", ")
        except (OSError, subprocess.SubprocessError, IndexError):
            name = driver = "unknown"
        facts |= {"gpu": name, "driver": driver}
    return facts


def report(results, options):
    """Prints the results of one case; returns how many failed."""
    failures = sum(bool(result.failure) for result in results)
    for result in results:
        if result.failure:
            print(f"FAIL {result.name}: {result.failure}", flush=True)
        elif options.verbose:
            print(f"pass {result.name}: {result.error:.1e}", flush=True)
    if failures and options.random:
        case = results[0].case
        number = case.name.split("/")[-1]
        print(f"     {json.dumps(case.config)} {' '.join(case.compile_options)}")
        print(f"     again: run.py --random 1 --seed {options.seed} --first {number}", flush=True)
    return failures


def main():
    options = parse_arguments()
    started = time.time()
    for level in [*cpu_levels.ALL, *cpu_levels.EMULATED]:
        if "cpu" in options.device and level not in options.levels:
            print(f"SKIP cpu:{level}: not a level of this machine, or not asked for")
    if "aarch64" in options.device and not aarch64.is_available():
        print(f"SKIP aarch64: expected the packages {aarch64.PACKAGES}")
        options.device = [device for device in options.device if device != "aarch64"]
    results, failed = [], 0
    with tempfile.TemporaryDirectory(prefix="peermla-") as temporary:
        options.folder = folder = options.keep or pathlib.Path(temporary)
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            futures = [
                pool.submit(run_case, case, dtype, levels, folder / case.name / dtype, options)
                for case, dtype, levels in chosen_cases(options)
            ]
            for future in concurrent.futures.as_completed(futures):
                failed += report(future.result(), options)
                results += future.result()
    if options.table:
        rows = [
            {key: getattr(result, key) for key in ("name", "failure", "error", "tolerance")}
            for result in results
        ]
        facts = {"schema": 1, "machine": describe_machine(options), "rows": rows}
        options.table.write_text(json.dumps(facts, indent=1) + "\n")
    worst = {}
    for result in results:
        if not result.failure and result.tolerance:
            kind = result.tolerance
            worst[kind] = max(worst.get(kind, (0.0, "")), (result.error, result.name))
    for tolerance, (error, name) in sorted(worst.items()):
        print(f"worst error where {tolerance:.0e} is allowed: {error:.1e} in {name}")
    print(f"{time.time() - started:.0f} s")
    print(f"{len(results) - failed} passed, {failed} failed")
    # Nothing run is nothing shown.
    sys.exit(1 if failed or not results else 0)


if __name__ == "__main__":
    main()
