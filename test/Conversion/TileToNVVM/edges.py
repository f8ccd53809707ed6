"""Products and attention by warpgroups at the edges of tiles: extents one below, at and
one above those of tiles, in the simulator with all checks, as late as can be, where a
wait promises no more than PTX does. Rows behind a sequence hold no numbers."""

import itertools

import attention
import numpy as np
import products

MODE = (["--async=lazy", "--strict"],)

# Rows; columns; the sum. Multiples of 8 in the last two are rows that tensor copies bring.
PRODUCTS = [
    products.Case(f"product_{m}_{n}_{k}{'_columns' if not transpose else ''}", m, n, k, "bf16", transpose=transpose,
                  block=block, warps=warps, stages=stages, epilogue=epilogue, instructions="wgmma", roles=roles)
    for (m, n, k, transpose), (block, warps, stages, epilogue, roles) in zip(
        [(1, 8, 8, True), (63, 64, 64, True), (64, 72, 72, False), (65, 120, 136, True), (126, 127, 128, True),
         (127, 128, 456, False), (128, 129, 200, True), (129, 136, 264, False), (129, 264, 328, True), (257, 128, 56, False)],
        itertools.cycle([((128, 128), (8, 1), 4, "round", ()), ((64, 128), (4, 2), 3, "bias", (24, 240)),
                         ((64, 64), (4, 1), 2, "none", (0, 0)), ((64, 64), (4, 1), 2, "none", ())]))
]

LENGTHS = [(1,), (63, 1), (64, 65), (126, 2, 0), (127, 128), (129, 62)]


def poison(lengths):
    """The first value of the last of several sequences: it lies right behind the rows of
    the one before, which do not see it."""
    used = [length for length in lengths if length]
    return (("v", sum(used[:-1]), np.nan),) if len(used) > 1 else ()


ATTENTION = [
    attention.Case(f"attention_{'_'.join(map(str, lengths))}{'' if causal else '_full'}", lengths, "bf16", heads=heads,
                   causal=causal, depth=depth, width=width, keys=keys, instructions="wgmma", block=block, warps=warps,
                   poison=poison(lengths), roles=roles)
    for lengths, (heads, causal, depth, width, keys, block, warps, roles) in zip(
        [*LENGTHS, *reversed(LENGTHS)],
        itertools.cycle([(1, True, 192, 128, 128, (128, 1), (8, 1), ()), (2, False, 64, 72, 64, (64, 1), (4, 1), (0, 0)),
                         (2, True, 72, 64, 64, (64, 1), (4, 1), ()), (3, True, 64, 128, 96, (128, 1), (8, 1), (24, 240)),
                         (1, False, 192, 128, 80, (64, 1), (4, 1), (0, 0))]))
]


def check(case, arguments):
    return (products if isinstance(case, products.Case) else attention).check(case, arguments)


if __name__ == "__main__":
    products.MODES = MODE
    products.run_cases(PRODUCTS + ATTENTION, check, "edges are", __doc__)
