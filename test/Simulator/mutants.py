"""Breaks each kernel in one place at a time: the simulator must notice.

    mutants.py [--tools=FOLDER] [--kernel NAME]... [--full] [-v]

Every synchronisation op is deleted, and every constant that such an op, an
asynchronous copy or a matrix product depends on is altered, one at a time. A
mode notices a mutant if it reports anything or if the result is wrong. Race
detection, plain or strict, must notice all but those in `survivors.txt`, which
gives the reason for each. The intact kernels must be right and without reports in every mode, over 5
seeds of random execution, over 50 with --full.

The last line is `N passed, N failed`; the status is 1 if anything failed.
"""

import argparse
import collections
import json
import pathlib
import re
import subprocess
import sys
import tempfile

import cases
import tensors

HERE = pathlib.Path(__file__).parent
# What a GPU would show, then the detector.
MODES = {
    "eager": "check=none,async=eager",
    "lazy": "check=none,async=lazy",
    "random": "check=none,async=random,seed=3",
    "race": "async=lazy",
    "strict": "async=lazy,strict",
}
DETECTORS = ("race", "strict")
LIMIT = "--instruction-limit=2000000"
SYNCHRONISATION = re.compile(
    r"nvvm\.(barrier0|barrier |barrier\.|fence|mbarrier|cp\.async\.(commit|wait|shared)|"
    r"wgmma\.(fence|commit|wait)|shfl)"
)
# Ops whose constant operands matter; loops and addresses are not among them.
DEPENDENT = re.compile(r"nvvm\.(barrier |mbarrier|shfl|cp\.async|wgmma\.mma)|\bori\b|addi .*i64")


def delete(lines, index):
    """Without the line, whose result, if any, becomes the value it had."""
    line = lines[index]
    result = re.match(r"\s*(%\w+) = nvvm\.shfl\.sync \w+ %\w+, (%\w+), .* : (\w+) ->", line)
    if result:
        return line.split("=")[0] + f"= arith.bitcast {result[2]} : {result[3]} to {result[3]}"
    return None if "=" in line.split("nvvm")[0] else ""


def altered(value, line, kind):
    """Other values for a constant, each with what it is."""
    if kind == "i64" and value >> 62:
        stride, leading = value >> 32 & 0x3FFF, value >> 16 & 0x3FFF
        yield "half the stride", value - (stride - stride // 2 << 32)
        yield "twice the leading offset", value + (leading << 16)
        yield "swizzle of 64 bytes", value ^ 3 << 62
        yield "no swizzle", value & ~(3 << 62)
        return
    if "mbarrier.try_wait" in line and value == 10_000_000:
        return # a hint
    if "try_wait" in line or value in (0, 1):
        yield f"{value} -> {value ^ 1}", value ^ 1
        return
    if "shfl" in line and value == 31:
        yield "31 -> 15", 15
        return
    if value == -1:
        yield "mask of 16 lanes", 0xFFFF
        return
    yield f"{value} -> {value - (16 if value >= 1024 else 1)}", value - (
        16 if value >= 1024 else 1
    )
    yield f"{value} -> {2 * value}", 2 * value


def mutate(text, layout):
    """Yields (description, text) of each mutant; `layout` lists the constants
    that say where things lie, to be altered wherever they are used."""
    lines = text.split("\n")
    constants = {}
    for line in lines:
        found = re.match(r"\s*(%\w+) = arith\.constant (-?\d+) : (i32|i64)", line)
        if found:
            constants[found[1]] = (int(found[2]), found[3])
    seen = set()
    for index, line in enumerate(lines):
        name = line.strip().split("(")[0]
        if SYNCHRONISATION.search(line):
            replacement = delete(lines, index)
            if replacement is not None:
                yield f"{index + 1}: delete {name[:60]}", replace(lines, index, [replacement])
        for number in re.finditer(r"(group\.sync\.aligned|wait\.group) (\d)", line):
            more = line.replace(number[0], f"{number[1]} {int(number[2]) + 1}")
            yield f"{index + 1}: one group more in {name[:50]}", replace(lines, index, [more])
        if not DEPENDENT.search(line):
            continue
        for operand in dict.fromkeys(re.findall(r"%\w+", line.split("=", 1)[-1])):
            if operand not in constants:
                continue
            value, kind = constants[operand]
            for what, other in altered(value, line, kind):
                # A ladder of shuffles or of steps is mutated once per value.
                key = (re.sub(r"%\w+|\d+", "", line), value, what)
                if key in seen:
                    continue
                seen.add(key)
                mutant = f"    %mutant = arith.constant {other} : {kind}"
                changed = re.sub(rf"{operand}(?!\w)", "%mutant", line)
                if changed.lstrip().startswith("%mutant ="):
                    continue
                yield (f"{index + 1}: {what} in {name[:50]}",
                       replace(lines, index, [mutant, changed]))
    for index, line in enumerate(lines):
        found = re.match(r"\s*(%\w+) = arith\.constant (\d+) : i32", line)
        if found and int(found[2]) in layout:
            for other in (int(found[2]) // 2, int(found[2]) + 16):
                yield (f"{index + 1}: {found[2]} -> {other} everywhere",
                       replace(lines, index, [f"    {found[1]} = arith.constant {other} : i32"]))
        for old, new in (("<zero>", "<one>"), ("B [<bf16>, <one>, <row>]", "B [<bf16>, <one>, <col>]")):
            if old in line and "wgmma" in line and (old, "flag") not in seen:
                seen.add((old, "flag"))
                yield (f"{index + 1}: {old} -> {new}",
                       replace(lines, index, [line.replace(old, new)]))


def replace(lines, index, replacement):
    return "\n".join([*lines[:index], *replacement, *lines[index + 1 :]])


def run(case, texts, modes, tools, folder):
    """What each text gives in each mode: `-`, or why it was noticed."""
    (folder / "kernels.mlir").write_text("\n// -----\n".join(texts))
    tensors.write(folder / "in.safetensors", case.inputs)
    for old in folder.glob("out*.safetensors"):
        old.unlink()
    command = [
        tools / "peermla-sim", folder / "kernels.mlir", "-split-input-file", "--report=json",
        f"--args={folder / 'in.safetensors'}", f"--outputs={folder}/out%d-%l.safetensors",
        LIMIT, "--error-limit=4", *case.options, *(f"--launch={mode}" for mode in modes.values()),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 1, 2):
        raise RuntimeError(f"peermla-sim ended with {done.returncode}: {done.stderr[-400:]}")
    found, errors = {}, set()
    for line in done.stdout.splitlines():
        entry = json.loads(line)
        if "error" in entry:
            errors.add(entry["part"])
        elif entry["result"]["reports"]:
            found.setdefault((entry["part"], entry["launch"]), entry["result"]["reports"][0]["kind"])

    def judge(part, launch):
        path = folder / f"out{part}-{launch}.safetensors"
        if part in errors:
            return "error"
        if (part, launch) in found:
            return found[part, launch]
        return "-" if path.exists() and case.is_right(tensors.read(path)[case.output]) else "wrong"

    return {mode: [judge(part, launch) for part in range(len(texts))]
            for launch, mode in enumerate(modes)}


def check_intact(case, text, tools, folder, seeds):
    """The number of modes with reports or a wrong result."""
    modes = dict(MODES)
    modes["eager race"] = "async=eager"
    modes["random race"] = f"async=random,runs={seeds}"
    modes["random strict"] = f"async=random,strict,runs={seeds}"
    failed = 0
    for name, (verdict,) in run(case, [text], modes, tools, folder).items():
        if verdict != "-":
            print(f"{case.name}: intact kernel in {name}: {verdict}")
            failed += 1
    return len(modes) - failed, failed


def read_survivors(kernel):
    """How many mutants of each name survive, rightly."""
    survivors = collections.Counter()
    for line in (HERE / "survivors.txt").read_text().splitlines():
        if line and not line.startswith("#"):
            name, count, what, _ = (part.strip() for part in line.split("|"))
            if name == kernel:
                survivors[what] = int(count)
    return survivors


def get_name(what):
    """The mutant without its line and without the names of values, which change
    with the kernel."""
    return re.sub(r"%\w+", "%", what.split(": ", 1)[1])


def check_mutants(case, arguments, folder):
    mutants = list(mutate(case.text, case.layout))
    # Lowering names values anew, so it is done for all at once.
    lowered = cases.lower("\n// -----\n".join(text for _, text in mutants), arguments.tools)
    texts = lowered.split("// -----\n")
    verdicts = run(case, texts, MODES, arguments.tools, folder)
    survivors, failed = collections.Counter(), 0
    expected = read_survivors(case.name)
    for index, (what, _) in enumerate(mutants):
        row = [verdicts[mode][index] for mode in MODES]
        if arguments.verbose:
            print(f"{case.name:16} {what[:56]:56} " + " ".join(f"{x:13}" for x in row))
        if any(verdict in ("launch", "error") for verdict in row):
            failed += 1
            print(f"{case.name}: not a kernel: {what}")
        elif all(verdicts[mode][index] == "-" for mode in DETECTORS):
            survivors[get_name(what)] += 1
    for name in sorted(survivors | expected):
        if survivors[name] != expected[name]:
            failed += 1
            print(f"{case.name}: {survivors[name]} survive, expected {expected[name]}: {name}")
    counts = [sum(verdict != "-" for verdict in verdicts[mode]) for mode in MODES]
    print(f"{case.name:16} {len(mutants):7} " + " ".join(f"{count:7}" for count in counts),
          flush=True)
    return len(mutants) - failed, failed


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tools", type=pathlib.Path, default=HERE.parents[1] / "build/bin")
    parser.add_argument("--kernel", action="append")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("-v", "--verbose", action="store_true")
    arguments = parser.parse_args()
    arguments.tools = arguments.tools.resolve()
    passed = failed = 0
    print(f"{'kernel':16} {'mutants':>7} " + " ".join(f"{mode:>7}" for mode in MODES))
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for case in cases.all_cases():
            if arguments.kernel and case.name not in arguments.kernel:
                continue
            text = cases.lower(case.text, arguments.tools)
            for counts in (
                check_intact(case, text, arguments.tools, folder, 50 if arguments.full else 5),
                check_mutants(case, arguments, folder),
            ):
                passed, failed = passed + counts[0], failed + counts[1]
    print(f"{passed} passed, {failed} failed")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
