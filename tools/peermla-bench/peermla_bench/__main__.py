"""Measures compiled models beside PyTorch on this machine's CPU or a GPU.

    peermla-bench [--device=cpu|cuda[:N]] [--filter=TEXT] [--threads=2] [--json=FILE]
                  [--png=FILE] [--quick]
    peermla-bench --device=cuda --make=FOLDER
    peermla-bench --device=cuda --prebuilt=FOLDER

First the ceilings of the machine, then one line per kernel and shape: time, share
of the floor that the ceilings imply, time of the fastest way to write the same in
PyTorch, and the ratio of the two, both in turns. A result that is wrong gets no
time. On a CPU both sides use one pool of OpenMP threads: PyTorch is loaded first and
brings the runtime, which our libraries find by its name. On a GPU both are graphs, and
the clock is the GPU's; `--make` compiles the libraries where the compiler is,
`--prebuilt` measures them where the GPU is.
"""

import argparse
import functools
import os
import pathlib
import re
import sys
import tempfile

from . import machine, report
from .timing import Budget, GraphRotation, Rotation

GPU_TARGETS = "sm_80,sm_90a"


def device(text):
    if not re.fullmatch(r"cpu|cuda(:\d+)?", text):
        raise argparse.ArgumentTypeError(f"expected cpu, cuda or cuda:NUMBER, got '{text}'")
    return text


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="peermla-bench", description=__doc__.splitlines()[0], allow_abbrev=False
    )
    parser.add_argument("--device", type=device, default="cpu", help="cpu (default), cuda[:N]")
    parser.add_argument(
        "--filter", action="append", default=[], metavar="TEXT",
        help="only rows with TEXT in 'group, shape, type'; several: any of them",
    )  # fmt: skip
    parser.add_argument("--threads", type=int, default=2, help="of both sides (default: 2)")
    parser.add_argument("--json", type=pathlib.Path, metavar="FILE", help="write all facts")
    parser.add_argument("--png", type=pathlib.Path, metavar="FILE", help="draw the ratios")
    parser.add_argument("--quick", action="store_true", help="tiny shapes: does it run at all?")
    parser.add_argument("--seconds", type=float, default=1.5, help="per row (default: 1.5)")
    folders = parser.add_mutually_exclusive_group()
    folders.add_argument("--folder", type=pathlib.Path, help="keep IR and libraries here")
    folders.add_argument("--make", type=pathlib.Path, metavar="FOLDER", help="only compile")
    folders.add_argument("--prebuilt", type=pathlib.Path, metavar="FOLDER", help="of --make")
    parser.add_argument("--tools", type=pathlib.Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.threads < 1:
        parser.error(f"expected --threads of 1 or more, got {options.threads}")
    if options.prebuilt and not (options.prebuilt / "compiled.json").exists():
        parser.error(f"expected a folder that --make wrote, got '{options.prebuilt}'")
    options.on_gpu = options.device != "cpu"
    return options


class Bench:
    """What the makers of rows need."""

    def __init__(self, torch, options, workshop):
        self.torch, self.options, self.workshop = torch, options, workshop
        self.dtypes = ("bf16", "f32")
        # What inputs rotate over: more than any cache keeps.
        self.rotation_bytes = (1 << 20) if options.quick else (256 << 20)

    def wants(self, group, shape, dtype):
        name = f"{group}, {shape}, {dtype}"
        return not self.options.filter or any(text in name for text in self.options.filter)

    def pick(self, quick, usual, gpu=None):
        """A size for this run; GPUs have the usual ones unless told otherwise."""
        if self.options.quick:
            return quick
        return gpu if self.options.on_gpu and gpu is not None else usual

    def compiled(self, function, inputs):
        """`function` of one of `inputs` by `torch.compile` as a peer, on GPUs, where
        it makes kernels of a kind that eager PyTorch lacks."""
        if not self.options.on_gpu:
            return {}
        fast = self.torch.compile(function)
        return {"torch.compile": lambda i: fast(inputs[i])}


def collect(bench, ceilings, budget, rotation):
    """Measures all rows; prints each as it is there."""
    from . import attention, layers, libraries, peer
    from .rows import measure

    print(report.header(), flush=True)
    results = []
    for maker in (peer, attention, layers):
        for rows in maker.parts(bench):
            try:
                for row in rows:
                    facts = measure(row, ceilings, budget, rotation)
                    results.append(facts)
                    print(report.line(facts), flush=True)
            except (libraries.ToolError, libraries.peermla.Error) as error:
                # A model that cannot be made or run: its rows are left out.
                name = maker.__name__.rpartition(".")[2]
                print(f"{name}: FAILED: {error}", flush=True)
                results.append({
                    "group": name, "shape": "", "dtype": "", "status": "FAILED",
                    "note": str(error), "goal": 0.0,
                })  # fmt: skip
    return results


def make(bench):
    """Compiles what `collect` would open."""
    from . import attention, layers, libraries, peer

    for maker in (peer, attention, layers):
        for rows in maker.parts(bench):
            try:
                next(rows, None)
            except libraries.OnlyCompiled:
                pass
            except libraries.ToolError as error:
                sys.exit(f"peermla-bench: error: {error}")
    bench.workshop.save()
    print(report.compile_text(bench.workshop.compiled))


def start_torch(options):
    """PyTorch on the device, and the clock for it."""
    # Before PyTorch makes its pool.
    os.environ.setdefault("OMP_NUM_THREADS", str(options.threads))
    try:
        import torch
    except ImportError:
        sys.exit("peermla-bench: error: expected PyTorch beside which to measure, found none")
    torch.set_num_threads(options.threads)
    torch.set_grad_enabled(False)
    torch.manual_seed(1)
    if not options.on_gpu or options.make:
        return torch, Rotation
    if not torch.cuda.is_available():
        sys.exit("peermla-bench: error: expected a GPU that PyTorch can use, found none")
    torch.set_default_device(options.device)
    torch.cuda.set_device(options.device)
    return torch, functools.partial(GraphRotation, torch)


def main():
    options = parse_arguments()
    torch, rotation = start_torch(options)
    from . import ceilings as measured, libraries

    with tempfile.TemporaryDirectory(prefix="peermla-bench-") as temporary:
        folder = options.make or options.prebuilt or options.folder or pathlib.Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        workshop = libraries.Workshop(
            folder, tools=None if options.prebuilt else options.tools, threads=options.threads,
            device=options.device, targets=GPU_TARGETS if options.on_gpu else "cpu",
            only_compile=bool(options.make),
        )  # fmt: skip
        bench = Bench(torch, options, workshop)
        if options.make:
            return make(bench)
        facts = machine.describe(torch, options.threads, options.device)
        print(report.machine_text(facts))
        budget = Budget(seconds=0.05) if options.quick else Budget(seconds=options.seconds)
        ceilings = measured.measure(torch, budget, options.quick, rotation)
        print(ceilings.text(), flush=True)
        results = collect(bench, ceilings, budget, rotation)
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
