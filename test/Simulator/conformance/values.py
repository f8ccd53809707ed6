"""Inputs of conformance cases: small numbers whose products and sums are exact
in every order, and the awkward ones that conversions are tried with."""

import numpy as np

import probe

BITS = {"bf16": 16, "f16": 16, "tf32": 32, "f32": 32, "e4m3": 8, "e5m2": 8, "s8": 8, "u8": 8,
        "s32": 32}

# The bits of -2, -1, -0.5, 0, 0.5, 1, 2.
E4M3 = np.array([0xC0, 0xB8, 0xB0, 0x00, 0x30, 0x38, 0x40], np.uint8)
E5M2 = np.array([0xC0, 0xBC, 0xB8, 0x00, 0x38, 0x3C, 0x40], np.uint8)


def small(generator, kind, size):
    """`size` bytes of elements of `kind`."""
    count = size * 8 // BITS[kind]
    if kind in ("s8", "u8"):
        low, high = (-128, 128) if kind == "s8" else (0, 256)
        return generator.integers(low, high, count).astype(np.int16).astype(np.uint8).tobytes()
    if kind in ("e4m3", "e5m2"):
        table = E4M3 if kind == "e4m3" else E5M2
        return table[generator.integers(0, len(table), count)].tobytes()
    numbers = generator.integers(-4, 5, count)
    if kind == "s32":
        return numbers.astype(np.int32).tobytes()
    numbers = (numbers / 2).astype(np.float32)
    if kind == "f16":
        return numbers.astype(np.float16).tobytes()
    if kind == "bf16":
        return (numbers.view(np.uint32) >> 16).astype(np.uint16).tobytes()
    return numbers.tobytes()


def random_words(name, count):
    return probe.generator(name).integers(0, 2**32, count, dtype=np.uint32)


def awkward_floats(name, count):
    """Zeros, infinities, NaN, subnormals, ties, limits of the narrow types, then
    random bits and moderate numbers, half and half."""
    corners = [0x00000000, 0x80000000, 0x7F800000, 0xFF800000, 0x7FC00000, 0x00000001, 0x807FFFFF,
               0x00800000, 0x7F7FFFFF, 0x3F800000, 0x3F808000, 0x3F818000, 0x3F801000, 0x3F803000,
               0x477FE000, 0x477FF000, 0x477FEFFF, 0x33000000, 0x33000001, 0x387FC000, 0x43E00000,
               0x43E80000, 0x43F00000, 0x3A800000, 0x3B000000, 0x47600000, 0x47680000, 0x37800000,
               0x4EFFFFFF, 0x4F000000, 0xCF000000, 0x4F800000, 0x3F000000, 0x3FC00000, 0xBF000000,
               0x40200000]
    generator = probe.generator(name)
    bits = generator.integers(0, 2**32, count, dtype=np.uint32)
    moderate = (generator.standard_normal(count) * 40).astype(np.float32).view(np.uint32)
    bits[::2] = moderate[::2]
    bits[: len(corners)] = corners[:count]
    return bits
