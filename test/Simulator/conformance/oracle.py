"""What PTX says of a case, computed with numpy: layouts of fragments and of
operands in shared memory, products, tiles of tensors. Written from the manual,
not from the simulator, which must agree."""

import itertools
import math

import numpy as np

import values

LANES = np.arange(32)


#===-----------------------------------------------------------------------===#
# Numbers
#===-----------------------------------------------------------------------===#


def decode(content, kind):
    """Bytes of elements as float64."""
    raw = np.frombuffer(content, np.uint8) if isinstance(content, bytes) else content.view(np.uint8)
    if kind in ("s8", "u8"):
        return raw.view(np.int8 if kind == "s8" else np.uint8).astype(np.float64)
    if kind in ("e4m3", "e5m2"):
        mantissa = 3 if kind == "e4m3" else 2
        bias = 7 if kind == "e4m3" else 15
        sign = 1 - 2 * (raw >> 7).astype(np.float64)
        exponent = (raw & 0x7F) >> mantissa
        fraction = (raw & ((1 << mantissa) - 1)) / 2.0**mantissa
        normal = (1 + fraction) * 2.0 ** (exponent.astype(np.float64) - bias)
        return sign * np.where(exponent == 0, fraction * 2.0 ** (1 - bias), normal)
    if kind == "bf16":
        return (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32).astype(np.float64)
    types = {"f16": np.float16, "f32": np.float32, "tf32": np.float32, "s32": np.int32}
    return raw.view(types[kind]).astype(np.float64)


def encode(numbers, kind, saturates=False):
    """Float64 as words of 32 bits. Sums that overflow wrap around, unless they
    saturate."""
    if kind == "f32":
        return numbers.astype(np.float32).view(np.uint32)
    if kind == "f16":
        return np.ascontiguousarray(numbers.astype(np.float16)).view(np.uint32)
    whole = numbers.astype(np.int64)
    if saturates:
        whole = np.clip(whole, -(2**31), 2**31 - 1)
    return (whole & 0xFFFFFFFF).astype(np.uint32)


#===-----------------------------------------------------------------------===#
# Fragments
#===-----------------------------------------------------------------------===#


def left_places(registers, each, warps=1):
    """(row, column) of element i of a register of A: [register, thread, i]."""
    r, t, i = np.meshgrid(np.arange(registers), np.arange(32 * warps), np.arange(each), indexing="ij")
    return (16 * (t // 32) + t % 32 // 4 + 8 * (r % 2),
            (r // 2 * 4 + t % 4) * each + i)


def right_places(registers, each):
    """(row of K, column) of element i of a register of B."""
    r, t, i = np.meshgrid(np.arange(registers), LANES, np.arange(each), indexing="ij")
    return (4 * r + t % 4) * each + i, t // 4


def sum_places(registers, each, warps=1):
    """(row, column) of element i of a register of C and D: pairs of columns, in
    one register of 16-bit numbers or in two."""
    r, t, i = np.meshgrid(np.arange(registers), np.arange(32 * warps), np.arange(each), indexing="ij")
    flat = r * each + i
    return (16 * (t // 32) + t % 32 // 4 + 8 * (flat // 2 % 2),
            8 * (flat // 4) + 2 * (t % 4) + flat % 2)


def unpack(words, kind, places, shape):
    """A matrix of fragments: `words` are [register, thread]."""
    each = places[0].shape[2]
    matrix = np.full(shape, np.nan)
    matrix[places] = decode(np.ascontiguousarray(words), kind).reshape(*words.shape, each)
    assert not np.isnan(matrix).any(), "an element that no lane has"
    return matrix


def multiply(words, kinds, k, counts, saturates):
    """The words of D of an mma.sync; `words` are those of A, B and C."""
    a, b, d = kinds
    words = words.reshape(-1, 32)
    parts = np.split(words, np.cumsum(counts)[:2])
    left = unpack(parts[0], a, left_places(counts[0], 32 // values.BITS[a]), (16, k))
    right = unpack(parts[1], b, right_places(counts[1], 32 // values.BITS[b]), (k, 8))
    places = sum_places(counts[2], 32 // values.BITS[d])
    result = left @ right + unpack(parts[2], d, places, (16, 8))
    return encode(np.ascontiguousarray(result[places]), d, saturates).reshape(-1)


#===-----------------------------------------------------------------------===#
# Operands of wgmma in shared memory
#===-----------------------------------------------------------------------===#


def swizzled(offset, swizzle):
    """Pieces of 16 bytes change places within 128, 64 or 32 bytes, by the number
    of the 128 bytes that they are in."""
    mask = {0: 0, 32: 1, 64: 3, 128: 7}[swizzle]
    return offset ^ ((offset >> 7 & mask) << 4)


def operand(memory, start, layout, kind, rows, k):
    """The matrix [rows, k] that a descriptor names. `layout` has swizzle, leading
    and stride in bytes, advance, transposed."""
    size = values.BITS[kind] // 8
    row, column = np.meshgrid(np.arange(rows), np.arange(k), indexing="ij")
    leading, stride, swizzle = layout.leading, layout.stride, layout.swizzle
    pitch = max(swizzle, 16)
    if layout.transposed:
        along = row * size
        # Without a swizzle, the two offsets have each other's meaning.
        step, group = (leading, stride) if swizzle else (stride, leading)
        place = along // pitch * step + column // 8 * group + column % 8 * pitch + along % pitch
    else:
        along = column * size
        place = row // 8 * stride + row % 8 * pitch
        place = place + (along if swizzle else along // 16 * leading + along % 16)
    place = swizzled(start + layout.advance + place, swizzle)
    numbers = decode(memory, kind)
    return numbers[place // size]


def warpgroup_product(content, a, b, n, kinds, k, scales, clear, in_registers, a_words, b_words):
    left, right, sums = kinds
    words = np.frombuffer(content, np.uint32)
    memory = words[: a_words + b_words]
    each = 32 // values.BITS[sums]
    count = n // (4 if sums == "f16" else 2)
    rest = words[a_words + b_words :].reshape(-1, 128)
    places = sum_places(count, each, 4)
    if in_registers:
        fragment = rest[count : count + 4]
        lhs = unpack(fragment, left, left_places(4, 32 // values.BITS[left], 4), (64, k))
    else:
        lhs = operand(memory, 0, a, left, 64, k)
    rhs = operand(memory, 4 * a_words, b, right, n, k).T
    result = (scales[0] * lhs) @ (scales[1] * rhs)
    if not clear:
        result = result + unpack(rest[:count], sums, places, (64, n))
    return encode(np.ascontiguousarray(result[places]), sums).reshape(-1)


#===-----------------------------------------------------------------------===#
# Copies
#===-----------------------------------------------------------------------===#


def move_matrices(words, count, transposed, pitch, stores):
    """ldmatrix and stmatrix, whose lane l names row (5 l mod 32) of the data."""
    memory = words[:512].copy()
    fragment = words[512:].reshape(-1, 32) if stores else np.zeros((count, 32), np.uint32)
    halves = fragment.view(np.uint16).reshape(count, 32, 2)
    elements = memory.view(np.uint16)
    for m, lane, i in itertools.product(range(count), range(32), range(2)):
        row, column = lane // 4, 2 * (lane % 4) + i
        if transposed:
            row, column = column, row
        at = (5 * (8 * m + row) % 32) * pitch // 2 + column
        if stores:
            elements[at] = halves[m, lane, i]
        else:
            halves[m, lane, i] = elements[at]
    return memory if stores else fragment.reshape(-1)


def copy_pieces(words, size, valid):
    """cp.async of `size` bytes, of which `valid` are read, 16 bytes apart."""
    memory = words[:128].view(np.uint8).copy()
    source = words.view(np.uint8)[512:]
    for thread in range(32):
        at = 16 * thread
        memory[at : at + size] = 0
        memory[at : at + valid] = source[at : at + valid]
    return memory.view(np.uint32)


def reduce_elements(operation, kind, old, new):
    """`operation` of what is in memory and what arrives, element by element; both
    are views of bytes. Bits of NaN are not computed."""
    if kind == "bf16":
        numbers = [decode(part, kind) for part in (old, new)]
        apply = {"add": np.add, "min": np.fmin, "max": np.fmax}[operation]
        exact = apply(*numbers).astype(np.float32).view(np.uint32)
        nearest = (exact + 0x7FFF + (exact >> 16 & 1)) >> 16
        return nearest.astype(np.uint16)
    types = {"u32": "u4", "s32": "i4", "b32": "u4", "u64": "u8", "s64": "i8", "b64": "u8",
             "f16": "f2", "f32": "f4", "f64": "f8"}
    old, new = (part.view(types[kind]) for part in (old, new))
    if operation == "inc":
        return np.where(old >= new, 0, old + 1).astype(old.dtype)
    if operation == "dec":
        return np.where((old == 0) | (old > new), new, old - 1).astype(old.dtype)
    apply = {"add": np.add, "min": np.fmin, "max": np.fmax, "and": np.bitwise_and,
             "or": np.bitwise_or, "xor": np.bitwise_xor}[operation]
    return apply(old, new)


def copy_tile(words, tensor_map, at, num_words, stores, operation=None):
    """The outputs of a TMA load, `num_words` of shared memory; of a store, or of a
    reduction by `operation`, 32, and then the tensor. Coordinates count from the
    innermost dimension."""
    tensor = tensor_map.tensor.copy()
    size = tensor.itemsize
    unsigned = tensor.view(f"u{size}")
    memory = words[:num_words].copy()
    elements = memory.view(f"u{size}")
    steps = tensor_map.strides or (1,) * len(tensor_map.box)
    extents = [math.ceil(extent / step) for extent, step in zip(tensor_map.box, steps)]
    for offset, places in enumerate(itertools.product(*map(range, extents[::-1]))):
        where = [corner + step * place
                 for corner, step, place in zip(at[::-1], steps[::-1], places)]
        inside = all(0 <= x < extent for x, extent in zip(where, tensor.shape))
        slot = swizzled(offset * size, tensor_map.swizzle) // size
        if not stores:
            elements[slot] = unsigned[tuple(where)] if inside else 0
        elif inside and operation:
            kind = {"i": "s", "u": "u"}[tensor.dtype.kind] + str(8 * size)
            old, new = unsigned[tuple(where)], elements[slot]
            unsigned[tuple(where)] = reduce_elements(
                operation, kind, np.array([old]), np.array([new])).view(f"u{size}")[0]
        elif inside:
            unsigned[tuple(where)] = elements[slot]
    if not stores:
        return memory
    return np.frombuffer(memory[:32].tobytes() + tensor.tobytes(), np.uint8)


#===-----------------------------------------------------------------------===#
# Barriers
#===-----------------------------------------------------------------------===#


def trace_barrier(count, steps):
    """What each `test` of a trace sees: has the phase with this parity ended?"""
    phase, pending, arrivals, bytes_left, seen = 0, count, count, 0, []
    for step in steps:
        verb, _, text = step.partition(" ")
        number = int(text or 1)
        if verb == "test":
            seen.append(int(phase % 2 != number))
            continue
        if verb in ("expect", "arrive-expect"):
            bytes_left += number
        if verb == "complete":
            bytes_left -= number
        if verb in ("arrive", "drop"):
            pending -= number
        if verb == "arrive-expect":
            pending -= 1
        if verb == "drop":
            arrivals -= number
        if verb != "expect" and pending == 0 and bytes_left == 0:
            phase, pending = phase + 1, arrivals
    return np.array(seen, np.uint32)
