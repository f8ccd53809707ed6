"""What is known of GPU kernels without a GPU, and that it gets no worse.

    evidence.py [--filter TEXT]... [--target sm_80,sm_90a] [--json FILE]
                [--bounds FILE] [--update]

Each program of PROGRAMS is compiled for each target with a report and runs once
in the simulator, which counts. A table has a line per kernel and call, and one
for the call as a whole, `total`:

    launches    of one call
    registers   of a thread; `spills` and `stack` in bytes, `shared` memory of a
                block in bytes, `notes` of ptxas (C75xx: wgmma made serial) - all
                only where ptxas is
    warps       that a multiprocessor keeps at a time, by these registers and
                bytes and the target's limits, also only where ptxas is; a lower
                limit
    ahead       bytes that a multiprocessor has on their way while it works on
                others: of the loop that has most, all slots of its rings but
                one and the rows that it carries, times the blocks that are
                there at a time (where ptxas is); a lower limit
    code        bytes of PTX
    planned     bytes from and to memory by the compiler's count
    moved       bytes that global accesses moved, caches or not, over planned
    sectors     of global memory touched, over those the bytes would fill
    wavefronts  passes through shared memory, over those the bytes would need
    products    FLOP of matrix instructions over those of the model
    alu         instructions of a kernel that selects experts over its scores,
                which are tokens x heads x the sum of the numbers of keys; those
                of the pipe for integers, comparisons, minima and choices, of
                all threads (32 for one of a warp) in LLVM's IR: two that ptxas
                makes one are two (many_keys: SASS has two thirds), none that a
                part of a warp skips counts, and what a projection in the same
                kernel takes does
    barriers    of blocks, all that they pass: experts have 3 per token and none
                in a loop, copies by all threads 1 or 2 per step of their loop,
                those of a warp for others none; mbarriers do not count
    predicted   time over the floor, by the compiler's model of the target

In `total`, `registers` to `notes` are those of the worst kernel; it has no `warps`
and no `ahead`; the rest are sums, or ratios of sums.

Each line is compared with limits, by default those of bounds.json, upper ones
where nothing else is said: the status is 1 if one is not kept, or not known.
`--update` writes them anew, of the calls that ran. The last line is `N passed, N failed`, of calls.
"""

import argparse
import dataclasses
import json
import pathlib
import sys
import tempfile
import types

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "Integration"))

import inputs as make_inputs  # noqa: E402
import run  # noqa: E402
from cases import decode, forward, mla, model, peer, step  # noqa: E402
from oracle import storage  # noqa: E402
from programs import Program, ToolError, run_tool  # noqa: E402

TARGETS = ("sm_80", "sm_90a")
DTYPE = "bf16"
# Widths that models have; few heads and experts.
PEER_WIDTHS = {
    "hidden_size": 256, "product_key_dim": [64, 64], "query_dim": 128, "num_heads": 4,
    "num_experts_per_tok": 16,
}  # fmt: skip
MLA_WIDTHS = {
    "hidden_size": 256, "q_lora_rank": 96, "kv_lora_rank": 512, "qk_nope_head_dim": 128,
    "qk_rope_head_dim": 64, "v_head_dim": 128,
}  # fmt: skip
PROGRAMS = (
    peer("experts", (64, 1), **PEER_WIDTHS),
    peer("experts_of_4", (64,), expert_hidden_size=4, **PEER_WIDTHS),
    # The widths of published layers, with few experts or with short rows.
    peer("wide_experts", (36,), hidden_size=1024, product_key_dim=[16, 20], query_dim=64,
         num_heads=8, num_experts_per_tok=16),
    peer("many_keys", (256,), hidden_size=8, product_key_dim=[1024, 1024], query_dim=256,
         num_heads=1, num_experts_per_tok=16),
    mla("heads_16", (forward(256), forward(150, 40), step((64, 3), (64, 130), page=64),
                     decode(1, (200, 1000), page=64)), num_attention_heads=16, **MLA_WIDTHS),
    mla("long", (forward(2048),), num_attention_heads=1, **MLA_WIDTHS),
    mla("heads_128", (decode(1, (2000, 131), page=64),), num_attention_heads=128, **MLA_WIDTHS),
    model("peer_mla/model", "PeerMlaForCausalLM", (forward(64, 9), decode(1, (7, 40))),
          peer=PEER_WIDTHS, num_attention_heads=4, vocab_size=1000,
          **(MLA_WIDTHS | {"hidden_size": PEER_WIDTHS["hidden_size"]})),
    # Tokens enough for large tiles of the wide products, on targets that have them.
    model("deepseek_v2/many_rows", "DeepseekV2ForCausalLM", (forward(384),),
          num_hidden_layers=1, intermediate_size=8192, num_attention_heads=1, vocab_size=1000,
          **MLA_WIDTHS),
)  # fmt: skip
# A limit is the value, and this much more where it is a ratio or bytes of code.
SLACK = 1.01
METRICS = (
    "launches", "registers", "spills", "stack", "shared", "notes", "warps", "ahead", "code",
    "planned", "moved", "sectors", "wavefronts", "products", "alu", "barriers", "predicted",
)  # fmt: skip
# May not fall; of kernels only.
LOWER = ("warps", "ahead")
# The worst kernel counts; of the rest, the sum.
WORST = ("registers", "spills", "stack", "shared", "notes")
RATIOS = {
    "moved": ("moved_bytes", "planned"),
    "sectors": ("global_sectors", "global_ideal_sectors"),
    "wavefronts": ("shared_wavefronts", "shared_ideal_wavefronts"),
    "products": ("matrix_flop", "narrow_flop"),
    "alu": ("alu_instructions", "scores"),
    "predicted": ("predicted_ns", "floor_ns"),
}


@dataclasses.dataclass
class Row:
    """Facts of one kernel in one call; `sums` are what ratios are made of."""

    program: str
    call: str
    target: str
    kernel: str
    tier: str
    facts: dict
    sums: dict

    def metric(self, name):
        """A number, or None where nothing is known or the ratio has no base."""
        if name not in RATIOS:
            return self.facts.get(name)
        over, base = (self.sums.get(part) for part in RATIOS[name])
        return over / base if over and base else None

    def json(self):
        return {
            "program": self.program, "call": self.call, "target": self.target,
            "kernel": self.kernel, "tier": self.tier,
            **{name: self.metric(name) for name in METRICS}, "sums": self.sums,
        }  # fmt: skip


def sizes_of(call, tensors):
    """The names of sizes in reports, and what they are in this call."""
    extents = {name: tensor.values.shape for name, tensor in tensors.items()}
    T = next(iter(extents.values()))[0]
    sizes = {"T": T, "R": extents.get("logit_rows", (T,))[0], "page": call.page}
    if call.lengths:
        sizes["B"] = len(call.lengths)
        past = call.past or (0,) * len(call.lengths)
        sizes["S"] = round(sum(past + new for past, new in zip(past, call.lengths)) / sizes["B"])
    if "cache" in extents:
        sizes["num_blocks"] = extents["cache"][-3]
        sizes["max_blocks"] = extents["block_table"][1]
    return sizes


def counted(path):
    """Launches in order: the JSON texts that the simulator appended."""
    text, decoder, position, launches = path.read_text(), json.JSONDecoder(), 0, []
    while position < len(text):
        launch, position = decoder.raw_decode(text, position)
        position += 1  # The end of its line.
        launches.append(launch)
    return launches


def add(sums, more):
    for name, value in more.items():
        sums[name] = sums.get(name, 0) + value


def scores_of(config, tokens):
    """Scores of keys that one selection of experts is from; 0 without one."""
    config = config.get("peer", config)
    return tokens * config.get("num_heads", 0) * sum(config.get("product_key_dim", ()))


def row_of(place, kernel, launches, entry, scores):
    """The row of a kernel with all its launches in one call."""
    blocks = kernel["resident_blocks"]
    facts = {
        "launches": len(launches),
        "registers": kernel["registers"],
        "spills": kernel["spill_store_bytes"],
        "stack": kernel["stack_bytes"],
        "shared": kernel["dynamic_shared_bytes"] + (kernel["static_shared_bytes"] or 0),
        "notes": None if kernel["registers"] is None else len(kernel["notes"]),
        "warps": kernel["resident_warps"],
        "ahead": None if blocks is None else blocks * kernel["bytes_ahead"],
        "code": kernel["ptx_bytes"],
    }
    sums = {}
    for launch in launches:
        counters = launch["counters"]
        add(sums, {name: counters[name] for name in (
            "matrix_flop", "global_sectors", "global_ideal_sectors",
            "shared_wavefronts", "shared_ideal_wavefronts")})  # fmt: skip
        add(sums, {"barrier_threads": counters["block_barriers"]})
        if "retrieve" in kernel["name"]:
            add(sums, {"alu_instructions": counters["instructions"]["integer"], "scores": scores})
    facts["barriers"] = sums["barrier_threads"] / kernel["threads"]
    plan = next((plan for plan in kernel["launches"] if plan["entry"] == entry), None)
    if plan and plan["bytes"] and plan["bytes"]["value"] is not None:
        known = {name: plan[name]["value"] for name in ("narrow_flop", "bytes")}
        known |= {name: plan[name] for name in ("floor_ns", "predicted_ns") if plan[name]}
        add(sums, {name: value * len(launches) for name, value in known.items()})
        facts["planned"] = sums["bytes"]
        sums |= {"planned": sums["bytes"], "moved_bytes": 32 * sums["global_sectors"]}
        if "predicted_ns" not in sums:
            sums.pop("floor_ns", None)
        if not sums["matrix_flop"]:
            # What no matrix instruction computes has no share in the ratio.
            sums.pop("narrow_flop")
    return Row(*place, kernel["name"], kernel["tier"] or "input", facts, sums)


def total_of(place, rows):
    """The call as a whole."""
    facts, sums = {}, {}
    for row in rows:
        add(sums, row.sums)
        for name, value in row.facts.items():
            if value is not None and name not in LOWER:
                old = facts.get(name, 0)
                facts[name] = max(old, value) if name in WORST else old + value
    return Row(*place, "total", "", facts, sums)


def measure(program, target, options):
    """The rows of all calls of a program that is compiled for `target`."""
    tools, folder, name = options.tools, program.folder, program.case.name
    if not (folder / "m.mlir").exists():
        run_tool([tools / "peermla-import", folder, "-o", folder / "m.mlir"])
    rows = []
    for number, call in enumerate(program.case.calls):
        rng = np.random.default_rng(number)
        given = make_inputs.make(program.case.config, call, DTYPE, rng)
        sizes = sizes_of(call, given.tensors)
        scores = scores_of(program.case.config, sizes["T"])
        sizes = ",".join(f"{key}={value}" for key, value in sizes.items())
        report = folder / f"{target}.{number}.json"
        run_tool([
            tools / "peermla-compile", folder / "m.mlir", f"--target={target}", "--simulate",
            "--count-instructions",
            "-o", folder / f"{target}.so", f"--report={report}", f"--report-sizes={sizes}",
        ])  # fmt: skip
        facts = next(t for t in json.loads(report.read_text())["targets"] if t["target"] == target)
        source, counters = folder / "in.st", folder / f"{target}.{number}.counters"
        storage.save(source, given.tensors)
        run_tool(
            [tools / "peermla-run", folder / f"{target}.so", f"--entry={call.entry}",
             f"--inputs={source}", f"--weights={folder}", f"--outputs={folder / 'out.st'}",
             f"--device=sim:{target}"],
            {"PEERMLA_SIM_COUNTERS": str(counters)},
        )  # fmt: skip
        place = (name, call.describe(), target)
        launches = {}
        for launch in counted(counters):
            launches.setdefault(launch["kernel"], []).append(launch)
        # Weights are prepared once, before calls.
        kernels = [
            kernel for kernel in facts["kernels"]
            if any(plan["entry"] == call.entry for plan in kernel["launches"])
        ]  # fmt: skip
        own = [
            row_of(place, kernel, launches[kernel["name"]], call.entry, scores)
            for kernel in kernels if kernel["name"] in launches
        ]  # fmt: skip
        rows += [*own, total_of(place, own)]
    return rows


def show(rows):
    """Rows as a text of columns."""
    def text(value):
        if value is None:
            return "-"
        return f"{value:.2f}" if isinstance(value, float) else str(value)

    lines = [("kernel", "tier", *METRICS)]
    for row in rows:
        lines.append((row.kernel, row.tier, *(text(row.metric(name)) for name in METRICS)))
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        first = [line[i].ljust(widths[i]) for i in range(2)]
        print("  ".join(first + [line[i].rjust(widths[i]) for i in range(2, len(line))]))


def call_of(row):
    return f"{row.program} {row.call} {row.target}"


def key_of(row):
    return f"{call_of(row)} {row.kernel}"


def limits_of(row):
    """What a row may be from now on."""
    limits = {}
    for name in METRICS:
        value = row.metric(name)
        # Not to fall below nothing is no limit.
        if value is not None and (value > 0 or name not in LOWER):
            limits[name] = round(value * SLACK, 3) if name in (*RATIOS, "code") else value
    return limits


def compare(row, bounds):
    """Complaints about a row."""
    limits = bounds.get(key_of(row))
    if limits is None:
        return [f"{key_of(row)}: expected limits, found none"]
    complaints = []
    for name in METRICS:
        value = row.metric(name)
        if value is None or name not in limits:
            continue
        limit, is_lower = limits[name], name in LOWER
        if value < limit if is_lower else value > limit:
            most = "least" if is_lower else "most"
            complaints.append(
                f"{key_of(row)}: expected '{name}' of at {most} {limit}, got {value:g}"
            )
    return complaints


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    build = HERE.parents[1] / "build" / "bin"
    parser.add_argument("--tools", type=pathlib.Path, default=build)
    parser.add_argument("--filter", action="append", default=[], help="part of a program's name")
    parser.add_argument("--target", type=run.listed(TARGETS), default=list(TARGETS))
    parser.add_argument("--json", type=pathlib.Path, help="write all rows")
    parser.add_argument("--bounds", type=pathlib.Path, default=HERE / "bounds.json")
    parser.add_argument("--update", action="store_true", help="write the limits anew")
    options = parser.parse_args()
    bounds = json.loads(options.bounds.read_text()) if options.bounds.exists() else {}
    rows, failed = [], []
    usual = types.SimpleNamespace(seed=0, prebuilt=None, make=None, tools=options.tools)
    for case in PROGRAMS:
        if not all(text in case.name for text in options.filter):
            continue
        with tempfile.TemporaryDirectory(prefix="peermla-") as folder:
            program = Program(case, DTYPE, [], pathlib.Path(folder), usual)
            for target in options.target:
                try:
                    new = measure(program, target, options)
                except ToolError as error:
                    failed.append(f"{case.name} {target}: {error}")
                    continue
                for total in [row for row in new if row.kernel == "total"]:
                    print(f"\n{call_of(total)}")
                    show([row for row in new if row.call == total.call])
                rows += new
    if options.json:
        options.json.write_text(json.dumps([row.json() for row in rows], indent=1) + "\n")
    if options.update:
        calls = tuple(f"{call_of(row)} " for row in rows)
        bounds = {key: limits for key, limits in bounds.items() if not key.startswith(calls)}
        bounds |= {key_of(row): limits_of(row) for row in rows}
        lines = (f" {json.dumps(key)}: {json.dumps(bounds[key])}" for key in sorted(bounds))
        options.bounds.write_text("{\n" + ",\n".join(lines) + "\n}\n")
    worse = {}
    for row in rows:
        worse.setdefault(call_of(row), []).extend(compare(row, bounds))
    for line in [*failed, *(line for lines in worse.values() for line in lines)]:
        print(line)
    wrong = len(failed) + sum(bool(lines) for lines in worse.values())
    print(f"{len(worse) + len(failed) - wrong} passed, {wrong} failed")
    sys.exit(wrong != 0 or not rows)


if __name__ == "__main__":
    main()
