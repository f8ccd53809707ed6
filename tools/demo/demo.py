"""From a checkpoint to generated tokens, with the tools and nothing else.

Writes a 4-layer PeerMlaForCausalLM with 65,536 experts per layer, imports and
compiles it, generates tokens from a prompt of ids (`step` for the prompt,
`decode` for each token after it), computes the whole text once more with
`forward`, and compares.
"""

import argparse
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "test" / "Integration"))

from oracle import checkpoint, storage  # noqa: E402  (random weights, safetensors files)

CONFIG = {
    "architectures": ["PeerMlaForCausalLM"],
    "hidden_size": 128,
    "num_hidden_layers": 4,
    "vocab_size": 1000,
    "num_attention_heads": 4,
    "q_lora_rank": 64,
    "kv_lora_rank": 64,
    "qk_nope_head_dim": 32,
    "qk_rope_head_dim": 16,
    "v_head_dim": 32,
    "max_position_embeddings": 4096,
    "peer": {
        "product_key_dim": [256, 256],
        "num_experts": 65536,
        "query_dim": 64,
        "num_heads": 4,
        "num_experts_per_tok": 16,
    },
}
PAGE = 16
PROMPT = [17, 940, 3, 512, 77, 256, 801, 42]
TOLERANCE = {"f32": 1e-5, "bf16": 1e-2, "f16": 2e-3}


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tools", type=pathlib.Path, default=ROOT / "build" / "bin")
    parser.add_argument("--tokens", type=int, default=24, help="how many to generate")
    parser.add_argument("--dtype", choices=sorted(TOLERANCE), default="f32")
    parser.add_argument("--folder", type=pathlib.Path, help="keep all files here")
    return parser.parse_args()


def show(command):
    print("$", " ".join(str(part) for part in command), flush=True)


class Demo:
    """The files of the demo and calls of its model."""

    def __init__(self, options, folder):
        self.options, self.folder = options, folder
        self.checkpoint = folder / "checkpoint"
        self.library = folder / "model.so"

    def tool(self, name, *arguments, quiet=False):
        """Runs a tool of the build; returns what it printed."""
        command = [self.options.tools / name, *arguments]
        if not quiet:
            show(command)
        done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode:
            sys.exit(f"demo: error: {name} ended with status {done.returncode}")
        return done.stdout.strip()

    def write_checkpoint(self):
        self.checkpoint.mkdir(parents=True, exist_ok=True)
        config = CONFIG | {"torch_dtype": storage.TORCH_DTYPES[self.options.dtype]}
        (self.checkpoint / "config.json").write_text(json.dumps(config, indent=2))
        tensors = checkpoint.random(CONFIG, self.options.dtype)
        storage.save(self.checkpoint / "model.safetensors", tensors)
        size = (self.checkpoint / "model.safetensors").stat().st_size
        print(f"checkpoint: {len(tensors)} tensors, {size / 1e6:.0f} MB of {self.options.dtype}")

    def compile(self):
        model = self.folder / "model.mlir"
        self.tool("peermla-import", self.checkpoint, "-o", model)
        started = time.time()
        report = self.folder / "report.json"
        self.tool("peermla-compile", model, "-o", self.library, f"--report={report}")
        size = self.library.stat().st_size
        print(f"library: {size / 1e3:.0f} kB after {time.time() - started:.1f} s")

    def run(self, entry, arguments, *more):
        """Outputs of an entry; `more` are further options of peermla-run."""
        first = not (self.folder / f"{entry}.in.safetensors").exists()
        source = self.folder / f"{entry}.in.safetensors"
        target = self.folder / f"{entry}.out.safetensors"
        storage.save(source, arguments)
        printed = self.tool(
            "peermla-run", self.library, f"--entry={entry}", f"--inputs={source}",
            f"--weights={self.checkpoint}", f"--outputs={target}", "--device=cpu", *more,
            quiet=not first and not more,
        )  # fmt: skip
        return storage.load(target), printed


def i32(values):
    return storage.Tensor("i32", np.asarray(values, np.int32))


def empty_cache(options, positions):
    """An empty cache with room for `positions` of one sequence, and its block table."""
    blocks = -(-positions // PAGE)
    row = CONFIG["kv_lora_rank"] + CONFIG["qk_rope_head_dim"]
    shape = (CONFIG["num_hidden_layers"], blocks, PAGE, row)
    return storage.round_to(np.zeros(shape, np.float32), options.dtype), i32([range(blocks)])


def generate(demo, options):
    """(tokens, logits of each generated one, printed time of one decode)."""
    cache, table = empty_cache(options, len(PROMPT) + options.tokens)
    outputs, _ = demo.run("step", {
        "tokens": i32(PROMPT), "cu_seqlens": i32([0, len(PROMPT)]), "past_lens": i32([0]),
        "cache": cache, "block_table": table, "logit_rows": i32([len(PROMPT) - 1]),
    })  # fmt: skip
    tokens, rows = list(PROMPT), [outputs["logits"].values[0]]
    while True:
        tokens.append(int(rows[-1].argmax()))
        if len(tokens) == len(PROMPT) + options.tokens:
            break
        call = {
            "tokens": i32(tokens[-1:]), "cache": outputs["cache"], "block_table": table,
            "seq_lens": i32([len(tokens) - 1]),
        }  # fmt: skip
        outputs, _ = demo.run("decode", call)
        rows.append(outputs["logits"].values[0])
    _, printed = demo.run("decode", call, "--repeat=50")
    return tokens, np.array(rows), printed


def check(demo, options, tokens, rows):
    """Compares with `forward` on all tokens at once."""
    given = tokens[:-1]
    outputs, _ = demo.run("forward", {"tokens": i32(given), "cu_seqlens": i32([0, len(given)])})
    expected = outputs["logits"].values[len(PROMPT) - 1 :]
    error = np.linalg.norm(rows - expected) / np.linalg.norm(expected)
    # Two results of 16-bit arithmetic may differ by the sum of their errors.
    allowed = 2 * TOLERANCE[options.dtype]
    same = [int(row.argmax()) for row in expected] == tokens[len(PROMPT) :]
    print(f"forward agrees: logits differ by {error:.1e} (at most {allowed:.0e}), "
          f"{'the same' if same else 'other'} tokens")  # fmt: skip
    return error <= allowed and (same or options.dtype != "f32")


def short(number):
    """1234567 -> "1.2 M"."""
    for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= scale:
            return f"{number / scale:.1f} {unit}"
    return f"{number:.0f}"


def print_report(path, entry="forward"):
    """The kernels of one entry on the best level, longest floors first."""
    report = json.loads(path.read_text())
    sizes = ", ".join(f"{name} = {size}" for name, size in report["sizes"].items())
    level = report["levels"][-1]
    print(f"report: {report['model']}, weights {report['weight_bytes'] / 1e6:.0f} MB; "
          f"levels {', '.join(known['level'] for known in report['levels'])}")  # fmt: skip
    for known in level["entries"]:
        workspace = known["workspace_bytes"] or {}
        print(f"  {known['name']}: {known['launches']} launches, workspace {workspace.get('formula')} bytes")
    rows = []
    for kernel in level["kernels"]:
        for launch in kernel["launches"]:
            if launch["entry"] != entry or launch["floor_ns"] is None:
                continue
            flop = launch["flop"]["value"] + launch["narrow_flop"]["value"]
            rows.append((
                launch["count"] * launch["floor_ns"], kernel["name"].removesuffix(level["level"]),
                kernel["id"] or "", launch["count"], short(flop), short(launch["bytes"]["value"]),
                launch["floor_ns"], launch["predicted_ns"], kernel.get("spills_in_loops", "-"),
                kernel["schedule"].removeprefix("#tile.schedule<").removesuffix(">"),
            ))  # fmt: skip
    rows.sort(key=lambda row: -row[0])
    print(f"{entry} on {level['level']} at {sizes}, per launch:")
    print(f"  {'kernel':34} {'times':>5} {'FLOP':>8} {'bytes':>8} {'floor':>9} {'predicted':>9} "
          f"{'spills':>6}  schedule")  # fmt: skip
    for _, name, known, count, flop, moved, floor, predicted, spills, schedule in rows[:12]:
        predicted = "-" if predicted is None else f"{predicted / 1e3:.1f} us"
        print(f"  {(known or name)[-34:]:34} {count:5} {flop:>8} {moved:>8} {floor / 1e3:6.1f} us {predicted:>9} "
              f"{spills:>6}  {schedule}")  # fmt: skip
    if len(rows) > 12:
        print(f"  and {len(rows) - 12} shorter ones")


def main():
    options = parse_arguments()
    if options.tokens < 2:
        sys.exit(f"demo: error: '--tokens' expects at least 2, got {options.tokens}")
    folder = options.folder or pathlib.Path(tempfile.mkdtemp(prefix="peermla-demo-"))
    folder.mkdir(parents=True, exist_ok=True)
    try:
        demo = Demo(options, folder)
        demo.write_checkpoint()
        demo.compile()
        tokens, rows, printed = generate(demo, options)
        print("prompt:", *PROMPT)
        print("tokens:", *tokens[len(PROMPT) :])
        print("time per token:", printed)
        agrees = check(demo, options, tokens, rows)
        print_report(folder / "report.json")
    finally:
        if not options.folder:
            shutil.rmtree(folder)
    if not agrees:
        sys.exit("demo: error: decode and forward disagree")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count() or 1))
    main()
