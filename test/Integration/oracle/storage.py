"""Storage types and safetensors files, by hand: numpy has no bf16.

A tensor is a `Tensor`: the name of its type and an array that holds the values
exactly (float32 for bf16). Files are read into these.
"""

import dataclasses
import json

import numpy as np

NAMES = {"f32": "F32", "f16": "F16", "bf16": "BF16", "i32": "I32", "i64": "I64", "f64": "F64"}
NUMPY = {
    "f32": np.float32,
    "f16": np.float16,
    "i32": np.int32,
    "i64": np.int64,
    "f64": np.float64,
}
TORCH_DTYPES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16"}


@dataclasses.dataclass(frozen=True)
class Tensor:
    """A value of a storage type."""

    dtype: str
    values: np.ndarray

    @property
    def shape(self):
        return self.values.shape

    def wide(self):
        """The values in float64."""
        return self.values.astype(np.float64)


def bf16_bits(values):
    """The bits of `values` rounded to nearest even."""
    wide = np.ascontiguousarray(values, dtype=np.float32)
    bits = wide.view(np.uint32)
    rounded = ((bits + (((bits >> 16) & 1) + np.uint32(0x7FFF))) >> 16).astype(np.uint16)
    lost = np.isnan(wide)  # the sum may wrap; a NaN stays one
    rounded[lost] = (bits[lost] >> 16) | 0x40
    return rounded


def from_bf16_bits(bits):
    return (bits.astype(np.uint32) << 16).view(np.float32)


def round_to(values, dtype):
    """`values` rounded to `dtype`, as a Tensor."""
    if dtype == "bf16":
        return Tensor(dtype, from_bf16_bits(bf16_bits(values)))
    return Tensor(dtype, np.asarray(values).astype(NUMPY[dtype]))


def rounder(dtype):
    """A function from float64 to float64 that rounds to `dtype`."""
    return lambda values: round_to(values, dtype).wide()


def _to_bytes(tensor):
    if tensor.dtype == "bf16":
        return bf16_bits(tensor.values).tobytes()
    return np.ascontiguousarray(tensor.values, dtype=NUMPY[tensor.dtype]).tobytes()


def save(path, tensors):
    """Writes `tensors`, a map from name to Tensor."""
    header, offset = {}, 0
    for name, tensor in tensors.items():
        size = tensor.values.size * (2 if tensor.dtype == "bf16" else tensor.values.itemsize)
        header[name] = {
            "dtype": NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + size],
        }
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        for tensor in tensors.values():
            file.write(_to_bytes(tensor))


def load(path):
    """The tensors of a file, as `save` takes them."""
    by_name = {value: key for key, value in NAMES.items()}
    tensors = {}
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        dtype = by_name[entry["dtype"]]
        begin, end = entry["data_offsets"]
        raw = np.frombuffer(data[begin:end], np.uint16 if dtype == "bf16" else NUMPY[dtype])
        values = from_bf16_bits(raw) if dtype == "bf16" else raw
        tensors[name] = Tensor(dtype, values.reshape(entry["shape"]))
    return tensors


def save_sharded(folder, tensors, shards):
    """Writes `tensors` as `shards` files and an index, as large checkpoints are."""
    names = list(tensors)
    index = {"metadata": {}, "weight_map": {}}
    for shard in range(shards):
        file = f"model-{shard + 1:05}-of-{shards:05}.safetensors"
        part = {name: tensors[name] for name in names[shard::shards]}
        save(f"{folder}/{file}", part)
        index["weight_map"].update({name: file for name in part})
    with open(f"{folder}/model.safetensors.index.json", "w", encoding="utf-8") as out:
        json.dump(index, out, indent=1)
