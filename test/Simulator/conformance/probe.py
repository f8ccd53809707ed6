"""What a conformance case is, and the kernel around its one instruction.

Every kernel is `name(in, out[, map])` with one block: `in` and `out` are arrays
of 32-bit words in global memory, `map` is the address of a tensor map. A kernel
reads its words, executes the instruction and writes raw registers or shared
memory: nothing is interpreted on the device.
"""

import dataclasses
import hashlib
import pathlib
import sys
import zlib

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).parents[1] / "kernels"))

import builder
from builder import GLOBAL, SHARED, Kernel, struct

POINTER = "!llvm.ptr"


@dataclasses.dataclass
class TensorMap:
    """The tensor behind `map` and how TMA sees it. `box` and `strides` count
    from the innermost dimension, the array's shape from the outermost."""

    tensor: np.ndarray
    box: tuple[int, ...]
    strides: tuple[int, ...] = ()
    swizzle: int = 0
    fills_nan: bool = False
    is_written: bool = False


@dataclasses.dataclass
class Case:
    """`family` and `variant` name it; `ulps` is the distance that two results,
    as f32 words, may have, 0 for equal bytes."""

    family: str
    variant: str
    architecture: str
    threads: int
    text: str
    words: np.ndarray
    outputs: int
    tensor_map: TensorMap | None = None
    ulps: int = 0
    # The result as the oracle has it, in words or bytes; None where nobody
    # computes it. Not part of the digest.
    expected: np.ndarray | None = None

    @property
    def name(self):
        return f"{self.family}.{self.variant}"

    @property
    def symbol(self):
        return symbol_of(self.family, self.variant)

    @property
    def size(self):
        """Bytes of the result: the words of `out`, then a written tensor."""
        written = self.tensor_map and self.tensor_map.is_written
        return 4 * self.outputs + (self.tensor_map.tensor.nbytes if written else 0)

    @property
    def digest(self):
        """Of all that decides the result: a recording of another kernel or of
        other inputs is not compared."""
        content = hashlib.sha256(self.text.encode())
        content.update(self.words.tobytes())
        if self.tensor_map:
            details = dataclasses.replace(self.tensor_map, tensor=None)
            content.update(self.tensor_map.tensor.tobytes())
            content.update(f"{self.tensor_map.tensor.shape} {details}".encode())
        return content.hexdigest()[:16]


def symbol_of(family, variant):
    return "".join(c if c.isalnum() else "_" for c in f"{family}_{variant}")


def generator(name):
    """Random numbers that depend on the case's name alone."""
    return np.random.default_rng(zlib.crc32(name.encode()))


class Probe(Kernel):
    """The kernel of one case; see the methods that append to it."""

    def __init__(self, family, variant, threads=32, shared=0, has_map=False, barriers=0):
        parameters = {"in": GLOBAL, "out": GLOBAL}
        if has_map:
            parameters["map"] = POINTER
        symbol = symbol_of(family, variant)
        # Globals are the module's, and modules hold many cases.
        memory = {f"{symbol}_data": shared} if shared else {}
        if barriers:
            memory[f"{symbol}_barriers"] = 8 * barriers
        super().__init__(symbol, parameters, threads, memory)
        self.family, self.variant, self.threads = family, variant, threads
        self.thread = self.register("tid.x")
        self.data = self.shared.get(f"{symbol}_data")
        self.barriers = self.shared.get(f"{symbol}_barriers")
        self.outputs = 0

    def case(self, architecture, words, **rest):
        words = np.ascontiguousarray(words).view(np.int32).reshape(-1)
        return Case(self.family, self.variant, architecture, self.threads, self.text(),
                    words, self.outputs, **rest)

    def word(self, base, index, space=GLOBAL):
        return self.address(base, index, space, "i32")

    def input(self, index, start=0):
        """Word `index` of this thread; those of neighbours are neighbours."""
        place = self.add(self.thread, start + index * self.threads)
        return self.value(f"llvm.load {self.word('%in', place)} : {GLOBAL} -> i32")

    def output(self, value):
        """Writes the next word of this thread."""
        place = self.add(self.thread, self.outputs)
        self.line(f"llvm.store {value}, {self.word('%out', place)} : i32, {GLOBAL}")
        self.outputs += self.threads

    def copy_in(self, count, start=0):
        """The first `count` words of shared memory come from `in`."""
        with self.loop(0, count // self.threads) as loop:
            place = self.add(self.multiply(loop.index, self.threads), self.thread)
            source = self.word("%in", self.add(place, start))
            value = self.value(f"llvm.load {source} : {GLOBAL} -> i32")
            self.line(f"llvm.store {value}, {self.word(self.data, place, SHARED)} : i32, {SHARED}")
        self.line("nvvm.barrier0")

    def copy_out(self, count):
        """The first `count` words of shared memory become outputs."""
        self.line("nvvm.barrier0")
        with self.loop(0, count // self.threads) as loop:
            place = self.add(self.multiply(loop.index, self.threads), self.thread)
            source = self.word(self.data, place, SHARED)
            value = self.value(f"llvm.load {source} : {SHARED} -> i32")
            target = self.word("%out", self.add(place, self.outputs))
            self.line(f"llvm.store {value}, {target} : i32, {GLOBAL}")
        self.outputs += count

    def shared_address(self, offset=0):
        """A 32-bit address inside the data, as PTX takes it."""
        place = self.address(self.data, offset)
        return self.value(f"llvm.ptrtoint {place} : {SHARED} to i32")

    def ptx(self, text, results, operands=(), wide=(), tied=()):
        """Inline PTX on 32-bit registers: `results` of them come first, then
        `operands`, then the 64-bit `wide`; `tied` are the results' old values.
        Returns the results."""
        letters = ["=r"] * results + ["r"] * len(operands) + ["l"] * len(wide)
        letters += [str(index) for index in range(len(tied))]
        names = [*map(self.operand, operands), *wide, *tied]
        kinds = ["i32"] * len(operands) + ["i64"] * len(wide) + ["i32"] * len(tied)
        kind = "()" if results == 0 else "i32" if results == 1 else struct(results, "i32")
        line = (f'llvm.inline_asm has_side_effects "{text}", "{",".join(letters)}" '
                f"{', '.join(names)} : ({', '.join(kinds)}) -> {kind}")
        if results == 0:
            self.line(line)
            return []
        value = self.value(line)
        return [value] if results == 1 else [
            self.extract(value, index, kind) for index in range(results)
        ]


def registers(first, count):
    """`{$4, $5}`: a vector operand."""
    return "{" + ", ".join(f"${first + index}" for index in range(count)) + "}"
