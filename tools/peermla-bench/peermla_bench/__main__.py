"""Measures compiled models beside PyTorch on this machine's CPU.

    peermla-bench --device=cpu [--filter=TEXT] [--threads=2] [--json=FILE] [--png=FILE] [--quick]

First the ceilings of the machine, then one line per kernel and shape: time, share
of the floor that the ceilings imply, time of the fastest way to write the same in
PyTorch, and the ratio of the two, both in turns. A result that is wrong gets no
time. Both sides use one pool of OpenMP threads: PyTorch is loaded first and brings
the runtime, which our libraries find by its name.
"""

import argparse
import os
import pathlib
import sys
import tempfile

from . import machine, report
from .timing import Budget


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="peermla-bench", description=__doc__.splitlines()[0], allow_abbrev=False
    )
    parser.add_argument("--device", choices=["cpu"], default="cpu")
    parser.add_argument(
        "--filter", action="append", default=[], metavar="TEXT",
        help="only rows with TEXT in 'group, shape, type'; several: any of them",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=2, help="of both sides (default: 2)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all facts")
    parser.add_argument("--png", type=pathlib.Path, metavar="FILE", help="draw the ratios")
    parser.add_argument("--quick", action="store_true", help="tiny shapes: does it run at all?")
    parser.add_argument("--seconds", type=float, default=1.5, help="per row (default: 1.5)")
    parser.add_argument("--folder", type=pathlib.Path, help="keep IR and libraries here")
    parser.add_argument("--tools", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.threads < 1:
        parser.error(f"expected --threads of 1 or more, got {options.threads}")
    return options


class Bench:
    """What the makers of rows need."""

    def __init__(self, torch, options, workshop):
        self.torch, self.options, self.workshop = torch, options, workshop
        self.small = options.quick
        self.dtypes = ("bf16", "f32")
        # What inputs rotate over: more than any cache keeps.
        self.rotation_bytes = (1 << 20) if options.quick else (256 << 20)

    def wants(self, group, shape, dtype):
        name = f"{group}, {shape}, {dtype}"
        return not self.options.filter or any(text in name for text in self.options.filter)


def collect(bench, ceilings, budget):
    """Measures all rows; prints each as it is there."""
    from . import attention, layers, libraries, peer
    from .rows import measure

    print(report.header(), flush=True)
    results = []
    for maker in (peer, attention, layers):
        rows = maker.rows(bench)
        while True:
            try:
                row = next(rows, None)
                if row is None:
                    break
                facts = measure(row, ceilings, budget)
                del row
            except (libraries.ToolError, libraries.peermla.Error) as error:
                # A model that cannot be made: the rest of this kind is left out.
                print(f"{maker.__name__.rpartition('.')[2]}: FAILED: {error}", flush=True)
                results.append({
                    "group": maker.__name__.rpartition(".")[2], "shape": "", "dtype": "",
                    "status": "FAILED", "note": str(error), "goal": 0.0,
                })  # fmt: skip
                break
            results.append(facts)
            print(report.line(facts), flush=True)
    return results


def main():
    options = parse_arguments()
    # Before PyTorch makes its pool.
    os.environ.setdefault("OMP_NUM_THREADS", str(options.threads))
    try:
        import torch
    except ImportError:
        sys.exit("peermla-bench: error: expected PyTorch beside which to measure, found none")
    from . import ceilings as measured, libraries

    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    torch.manual_seed(1)
    facts = machine.describe(torch, options.threads)
    print(report.machine_text(facts))
    budget = Budget(seconds=0.05) if options.quick else Budget(seconds=options.seconds)
    ceilings = measured.measure(torch, budget, options.quick)
    print(ceilings.text(), flush=True)

    with tempfile.TemporaryDirectory(prefix="peermla-bench-") as temporary:
        folder = options.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        workshop = libraries.Workshop(options.tools, folder, options.threads)
        results = collect(Bench(torch, options, workshop), ceilings, budget)
    facts["openmp_runtimes"] = machine.openmp_runtimes()
    facts["threads_on_cpus"] = machine.thread_placement()
    summary = report.summarize(results)
    print(report.summary_text(summary))
    print(report.compile_text(workshop.compiled))
    print(
        f"OpenMP: {', '.join(facts['openmp_runtimes'])}; "
        f"threads ran last on CPUs {facts['threads_on_cpus']}"
    )
    document = {
        "schema": 1,
        "machine": facts,
        "ceilings": vars(ceilings),
        "rows": results,
        "summary": summary,
        "compile": workshop.compiled,
    }
    if options.json:
        report.write_json(options.json, document)
    if options.png:
        report.write_png(options.png, document)
    bad = [f for f in results if f["status"] != "ok"]
    if not results:
        sys.exit(f"peermla-bench: error: no row has {' or '.join(options.filter)} in its name")
    if bad:
        sys.exit(f"peermla-bench: error: {len(bad)} of {len(results)} rows failed or are wrong")


if __name__ == "__main__":
    main()
