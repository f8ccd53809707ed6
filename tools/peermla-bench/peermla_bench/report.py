"""The table as text, as JSON and as a picture."""

import json
import math

from . import machine as machine_facts


def _time(seconds):
    if seconds < 1e-3:
        return f"{seconds * 1e6:.1f} us"
    return f"{seconds * 1e3:.2f} ms" if seconds < 1 else f"{seconds:.2f} s"


def header():
    return (
        f"{'':44} {'ours':>9} {'floor':>6} {'peer':>9} {'ratio':>6} {'p10 - p90':>11} "
        f"{'goal':>5}  fastest peer"
    )


def line(facts):
    """One row of the table."""
    name = f"{facts['group']}, {facts['shape']}, {facts['dtype']}"
    if facts["status"] != "ok":
        return f"{name:44} {facts['status']}: {_why(facts)}"
    text = f"{name:44} {_time(facts['seconds']):>9} {facts['floor_share']:>6.0%}"
    if "ratio" in facts:
        spread = f"{facts['ratio_p10']:.2f} - {facts['ratio_p90']:.2f}"
        goal = f"{facts['goal']:.1f}" if facts["goal"] else ""
        mark = "!" if facts["ratio"] < facts["goal"] else " "
        text += (
            f" {_time(facts['peer_seconds']):>9} {facts['ratio']:>5.2f}x {spread:>11} "
            f"{goal:>4}{mark}  {facts['peer']}"
        )
    return f"{text}  {facts['note']}" if facts["note"] else text


def _why(facts):
    if facts["status"] == "WRONG":
        error = facts["error"]
        shown = error if isinstance(error, str) else f"{error:.1e}"
        return f"relative error {shown}, no time is given"
    return facts["note"]


def geometric_mean(values):
    return math.exp(sum(map(math.log, values)) / len(values))


def summarize(rows):
    """Per group: geometric mean and worst ratio, geometric mean of floor shares."""
    groups = {}
    for facts in rows:
        groups.setdefault(facts["group"], []).append(facts)
    summary = []
    for group, members in groups.items():
        timed = [f for f in members if f["status"] == "ok"]
        entry = {"group": group, "rows": len(members), "timed": len(timed)}
        if timed:
            entry["floor_share"] = geometric_mean([f["floor_share"] for f in timed])
        compared = [f for f in timed if "ratio" in f]
        if compared:
            worst = min(compared, key=lambda f: f["ratio"])
            entry["ratio"] = geometric_mean([f["ratio"] for f in compared])
            entry["worst_ratio"] = worst["ratio"]
            entry["worst"] = f"{worst['shape']}, {worst['dtype']}"
        summary.append(entry)
    return summary


def summary_text(summary):
    lines = ["geometric means per group"]
    for entry in summary:
        text = f"  {entry['group']:28} {entry['timed']} of {entry['rows']} rows"
        if "floor_share" in entry:
            text += f", {entry['floor_share']:.0%} of the floor"
        if "ratio" in entry:
            text += f", {entry['ratio']:.2f}x the peer, worst {entry['worst_ratio']:.2f}x"
            text += f" ({entry['worst']})"
        lines.append(text)
    return "\n".join(lines)


def compile_text(compiled):
    lines = ["compile time, cold, one core, all targets in one library"]
    for name, facts in compiled.items():
        per_kernel = facts["cpu_seconds"] / max(1, facts["kernels"])
        lines.append(
            f"  {name:28} {facts['seconds']:6.2f} s, of CPU {facts['cpu_seconds']:5.2f} s: "
            f"{len(facts['targets'])} targets, {facts['kernels']} kernels over them, {per_kernel:.2f} s each, "
            f"{facts['bytes'] / 1e6:.1f} MB"
        )
    return "\n".join(lines)


def write_json(path, document):
    with open(path, "w", encoding="utf-8") as file:
        json.dump(document, file, indent=1)
        file.write("\n")


def write_png(path, document):
    """Bars of the ratios, on a logarithmic scale; the line is the peer."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = [f for f in document["rows"] if "ratio" in f]
    figure, axes = pyplot.subplots(figsize=(9, 1.2 + 0.28 * len(rows)), layout="constrained")
    names = [f"{f['group']}, {f['shape']}, {f['dtype']}" for f in rows]
    ratios = [f["ratio"] for f in rows]
    errors = [
        [max(0.0, f["ratio"] - f["ratio_p10"]) for f in rows],
        [max(0.0, f["ratio_p90"] - f["ratio"]) for f in rows],
    ]
    colors = ["#2a7f62" if f["ratio"] >= (f["goal"] or 1) else "#c0504d" for f in rows]
    axes.barh(names, ratios, xerr=errors, color=colors, height=0.7)
    axes.axvline(1.0, color="black", linewidth=1)
    axes.set_xscale("log")
    axes.invert_yaxis()
    axes.set_xlabel(f"times PyTorch {document['machine']['torch']}, higher is better")
    device = document["machine"]["gpu"] or {"name": document["machine"]["cpu"]}
    axes.set_title(device["name"])
    figure.savefig(path, dpi=120)


def machine_text(machine):
    return machine_facts.text(machine)
