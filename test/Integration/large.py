"""A PeerLayer with a million experts: row offsets beyond 2^31, memory in use.

    large.py [--tools DIR] [--hidden-size 1024,2112]

The tables are sparse files in which only 64 experts, the last ones, hold
anything but zeros; a query bias makes these win. So the oracle of a layer with
8 x 8 keys, those of the 64 experts, says what must come out. At width 2112 the
row of an expert begins beyond 2^31 elements. The resident memory of the process
must stay below 1.1 times the tables + 300 MB.

The last line is `N passed, N failed`. What does not fit this machine's memory
or disk is skipped, visibly.
"""

import argparse
import json
import os
import pathlib
import resource
import shutil
import subprocess
import sys
import tempfile

import numpy as np

import judge
from oracle import models, storage

KEYS, LAST = 1024, 8
FIRST = KEYS - LAST
TOKENS = 3


def configuration(d, keys):
    return {
        "architectures": ["PeerLayer"],
        "torch_dtype": "bfloat16",
        "hidden_size": d,
        "product_key_dim": [keys, keys],
        "query_dim": 64,
        "num_heads": 8,
        "num_experts_per_tok": 16,
    }


def small_weights(d):
    """The layer with the winning keys and their experts alone."""
    rng = np.random.default_rng(0)
    direction = np.ones(32, np.float32) / np.sqrt(32)
    weights = {
        "query_proj.weight": rng.standard_normal((8 * 64, d)) / np.sqrt(d),
        "query_proj.bias": np.tile(np.concatenate([20 * direction] * 2), 8),
        "sub_keys.0": 4 * direction + rng.standard_normal((LAST, 32)) / 4,
        "sub_keys.1": 4 * direction + rng.standard_normal((LAST, 32)) / 4,
        "expert_down.weight": rng.standard_normal((LAST * LAST, d)) / np.sqrt(d),
        "expert_up.weight": rng.standard_normal((LAST * LAST, d)) / np.sqrt(d),
    }
    return {name: storage.round_to(value, "bf16") for name, value in weights.items()}


def write_large(path, weights, d):
    """The same with 1024 x 1024 keys; the other keys and experts are holes."""
    shapes = {name: list(tensor.shape) for name, tensor in weights.items()}
    for name in shapes:
        if name.startswith("expert"):
            shapes[name] = [KEYS * KEYS, d]
        elif name.startswith("sub_keys"):
            shapes[name][0] = KEYS
    header, offset = {}, 0
    for name, shape in shapes.items():
        size = 2 * int(np.prod(shape))
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        begin = file.tell()
        for name, tensor in weights.items():
            data = storage.bf16_bits(tensor.values)
            at = begin + header[name]["data_offsets"][0]
            if name.startswith("expert"):
                for i in range(LAST):
                    row = (FIRST + i) * KEYS + FIRST
                    file.seek(at + 2 * row * d)
                    file.write(data[i * LAST : (i + 1) * LAST].tobytes())
            else:
                file.seek(at + (2 * FIRST * 32 if name.startswith("sub_keys") else 0))
                file.write(data.tobytes())
        file.truncate(begin + offset)
    return offset


def run(tools, folder, entry):
    """Outputs of an entry; resident memory at its peak in bytes."""
    target = folder / f"{entry}.safetensors"
    command = [
        tools / "peermla-run", folder / "m.so", f"--entry={entry}",
        f"--inputs={folder / 'in.safetensors'}", f"--weights={folder}", f"--outputs={target}",
    ]  # fmt: skip
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
    return storage.load(target), peak


def check(tools, folder, d):
    """Raises judge.Wrong; returns what to print."""
    weights = small_weights(d)
    (folder / "config.json").write_text(json.dumps(configuration(d, KEYS)))
    tables = write_large(folder / "model.safetensors", weights, d)
    x = storage.round_to(np.random.default_rng(1).standard_normal((TOKENS, d)), "bf16")
    storage.save(folder / "in.safetensors", {"x": x})
    subprocess.run([tools / "peermla-import", folder, "-o", folder / "m.mlir"], check=True)
    subprocess.run([tools / "peermla-compile", folder / "m.mlir", "-o", folder / "m.so"], check=True)

    retrieved, peak = run(tools, folder, "retrieve")
    rows, columns = np.divmod(retrieved["indices"].values, KEYS)
    if not ((rows >= FIRST).all() and (columns >= FIRST).all()):
        raise judge.Wrong("experts that hold zeros were chosen")
    small = ((rows - FIRST) * LAST + columns - FIRST).astype(np.int32)
    wide = {name: tensor.wide() for name, tensor in weights.items()}
    model = models.Model(configuration(d, LAST), wide)
    retrieved["indices"] = storage.Tensor("i32", small)
    clean, tolerance = np.ones(TOKENS, bool), judge.TOLERANCE["bf16"]
    judge.retrieval(model, {"x": x.wide()}, retrieved, tolerance, clean, False)
    outputs, peak = run(tools, folder, "forward")
    expected = models.run(model, "forward", {"x": x.wide()}, indices=small)["y"]
    error = judge.close("y", judge.take(outputs, "y", "bf16").wide(), expected, tolerance)
    if peak > 1.1 * tables + 300e6:
        raise judge.Wrong(f"{peak / 1e6:.0f} MB resident, tables of {tables / 1e6:.0f} MB")
    return f"error {error:.1e}, {peak / 1e6:.0f} MB resident, tables of {tables / 1e6:.0f} MB"


def available_memory():
    with open("/proc/meminfo", encoding="utf-8") as info:
        lines = dict(line.split(":") for line in info)
    return int(lines["MemAvailable"].split()[0]) * 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = pathlib.Path(__file__).resolve().parents[2]
    parser.add_argument("--tools", type=pathlib.Path, default=root / "build" / "bin")
    parser.add_argument("--hidden-size", default="1024,2112")
    options = parser.parse_args()
    passed = failed = 0
    for d in (int(text) for text in options.hidden_size.split(",")):
        needed = int(1.1 * 4 * KEYS * KEYS * d) + 2**30
        if available_memory() < needed:
            print(f"SKIP width {d}: needs {needed / 1e9:.0f} GB of memory")
            continue
        folder = pathlib.Path(tempfile.mkdtemp(prefix="peermla-large-"))
        try:
            print(f"pass width {d}: {check(options.tools, folder, d)}")
            passed += 1
        except (judge.Wrong, subprocess.CalledProcessError, OSError) as error:
            print(f"FAIL width {d}: {error}")
            failed += 1
        finally:
            shutil.rmtree(folder)
    print(f"{passed} passed, {failed} failed")
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", str(os.cpu_count() or 1))
    main()
