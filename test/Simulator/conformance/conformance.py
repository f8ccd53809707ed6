"""Does the simulator do what hardware does?

    conformance.py list
    conformance.py record FOLDER --tools=BIN     a folder to run on a GPU
    conformance.py simulate FOLDER --tools=BIN   results for runner --replay
    conformance.py check --tools=BIN             recordings against the simulator

`--filter` limits each to cases whose names contain the text. Exit status: 0, 1
if a recording differs or a case does not run, 2 for what cannot be read.
"""

import argparse
import collections
import pathlib
import sys
import tempfile

import folder
import recording
import simulate
import table

RECORDINGS = pathlib.Path(__file__).with_name("recordings")


def compare(case, expected, found, origin="recorded"):
    """A sentence on how they differ, or nothing."""
    if len(expected) != len(found):
        return f"{len(expected)} bytes {origin}, {len(found)} simulated"
    if case.ulps:
        distance = simulate.largest_distance(expected, found)
        if distance > case.ulps:
            return f"{distance} units of the last place apart, allowed are {case.ulps}"
        return None
    places = [i for i, pair in enumerate(zip(expected, found)) if pair[0] != pair[1]]
    if not places:
        return None
    word = places[0] // 4 * 4
    wanted, simulated = (content[word : word + 4][::-1].hex() for content in (expected, found))
    return (f"{len(places)} of {len(found)} bytes differ, first in word {word // 4}: {origin} "
            f"0x{wanted}, simulated 0x{simulated}")


def check_recording(record, cases, results, covered):
    """Prints what is wrong; returns the number of cases that differ."""
    same = different = stale = 0
    for name, (digest, expected) in record.results.items():
        case = cases.get(name)
        if not case or digest != case.digest:
            stale += 1
            continue
        covered.add(name)
        if name not in results:
            continue
        problem = compare(case, expected, results[name])
        if problem:
            print(f"{name}: {problem} ({record.header['device']})")
            different += 1
        else:
            same += 1
    print(f"{record.path}: {record.header['device']}, driver {record.header['driver']}, "
          f"{record.header['date']}: {same} same, {different} different, {stale} of other cases")
    return different


def print_coverage(cases, covered):
    total = collections.Counter(case.family for case in cases)
    known = collections.Counter(case.family for case in cases if case.name in covered)
    print("recorded  cases  family")
    for family, count in sorted(total.items()):
        print(f"{known[family]:8}  {count:5}  {family}")
    print(f"{len(cases) - sum(known.values())} of {len(cases)} cases have no recording")


def check_oracle(cases, results):
    """Prints which results are not those that numpy computes; returns how many
    are, and how many are not."""
    same = different = 0
    for case in cases:
        if case.expected is None or case.name not in results:
            continue
        problem = compare(case, case.expected.tobytes(), results[case.name], "computed")
        if problem:
            print(f"{case.name}: {problem}")
        different, same = different + bool(problem), same + (not problem)
    return same, different


def check(cases, arguments, work):
    paths = sorted(path for path in arguments.recordings.glob("*") if path.suffix in (".gz", ".txt"))
    records = [recording.read(path) for path in paths]
    results, failures = simulate.simulate(cases, arguments.tools, work)
    for failure in failures:
        print(failure)
    by_name = {case.name: case for case in cases}
    covered, different = set(), 0
    if arguments.filter:
        for record in records:
            record.results = {name: result for name, result in record.results.items()
                              if arguments.filter in name}
    for record in records:
        different += check_recording(record, by_name, results, covered)
    print_coverage(cases, covered)
    right, wrong = check_oracle(cases, results)
    print(f"{right} as numpy computes them, {wrong} not")
    print(f"{len(results)} simulated, {len(failures)} failed, {different} different")
    return 1 if failures or different or wrong else 0


def write_results(cases, arguments):
    results, failures = simulate.simulate(cases, arguments.tools, arguments.folder / "work")
    for failure in failures:
        print(failure)
    for name, content in results.items():
        (arguments.folder / name).write_bytes(content)
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("action", choices=["list", "record", "simulate", "check"])
    parser.add_argument("folder", type=pathlib.Path, nargs="?")
    parser.add_argument("--tools", type=pathlib.Path)
    parser.add_argument("--recordings", type=pathlib.Path, default=RECORDINGS)
    parser.add_argument("--filter", default="")
    arguments = parser.parse_args()
    if arguments.action != "list" and not arguments.tools:
        parser.error(f"{arguments.action} needs --tools")
    if arguments.action in ("record", "simulate") and not arguments.folder:
        parser.error(f"{arguments.action} needs a folder")
    cases = [case for case in table.cases() if arguments.filter in case.name]
    if not cases:
        raise simulate.Failure(f"no case's name contains '{arguments.filter}'")
    if arguments.action == "list":
        for case in cases:
            print(case.name, case.architecture, case.digest)
        return 0
    if arguments.action == "record":
        modules, assembled = folder.write(cases, arguments.folder, arguments.tools)
        print(f"{len(cases)} cases in {modules} modules, {assembled} assembled: "
              f"run {arguments.folder}/run.sh on the machine with a GPU")
        return 0
    if arguments.action == "simulate":
        return write_results(cases, arguments)
    with tempfile.TemporaryDirectory() as work:
        return check(cases, arguments, pathlib.Path(work))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except simulate.Failure as failure:
        print(f"conformance: {failure}", file=sys.stderr)
        sys.exit(2)
