"""Runs cases in the simulator."""

import concurrent.futures
import pathlib
import subprocess
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1]))

import probe
import tensors

SEPARATOR = "// -----\n"


class Failure(Exception):
    """A sentence for the user."""


def run_tool(*command, text=None):
    done = subprocess.run([str(part) for part in command], input=text, capture_output=True,
                          text=True, check=False)
    if done.returncode:
        raise Failure(f"{pathlib.Path(command[0]).name}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def lower(cases, tools):
    """The text of each case in the NVVM and LLVM dialects."""
    text = SEPARATOR.join(case.text for case in cases)
    whole = run_tool(tools / "peermla-opt", "-split-input-file", *probe.builder.LOWERING, text=text)
    return whole.split(SEPARATOR)


def simulate_one(case, text, tools, work):
    arguments, results = work / f"{case.name}.in", work / f"{case.name}.out"
    contents = {"in": case.words}
    command = [tools / "peermla-sim", "-", f"--block={case.threads}", f"--args={arguments}",
               f"--outputs={results}", f"--output=out:i32:{case.outputs}", "--check=race,bounds"]
    names = "in,out"
    if case.tensor_map:
        spec = case.tensor_map
        names += ",map"
        contents["map"] = spec.tensor
        option = f"--tensor-map=map:box={'x'.join(map(str, spec.box))},swizzle={spec.swizzle}"
        if spec.strides:
            option += f",stride={'x'.join(map(str, spec.strides))}"
        command.append(option + (",fill=nan" if spec.fills_nan else ""))
        if spec.is_written:
            command.append("--inout=map")
    tensors.write(arguments, contents)
    try:
        run_tool(*command, f"--parameters={names}", text=text)
    except Failure as failure:
        raise Failure(f"{case.name}: {failure}") from None
    found = tensors.read(results)
    content = found["out"].tobytes()
    if case.tensor_map and case.tensor_map.is_written:
        content += found["map"].tobytes()
    return content


def simulate(cases, tools, work):
    """The bytes of every case, by name, and a list of sentences for those that
    do not run."""
    work.mkdir(parents=True, exist_ok=True)
    results, failures = {}, []
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        runs = [(case, pool.submit(simulate_one, case, text, tools, work))
                for case, text in zip(cases, lower(cases, tools))]
        for case, run in runs:
            try:
                results[case.name] = run.result()
            except Failure as failure:
                failures.append(str(failure))
    return results, failures


def largest_distance(left, right):
    """In units of the last place, of f32 words: neighbours are 1 apart."""
    def ordered(content):
        bits = np.frombuffer(content, np.int32).astype(np.int64)
        return np.where(bits < 0, -(2**31) - bits, bits)
    return int(np.abs(ordered(left) - ordered(right)).max())
