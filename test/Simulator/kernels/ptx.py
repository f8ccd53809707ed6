"""Inline PTX, for instructions that NVVM has no op for and for fences and barriers
whose scope matters."""

from builder import GLOBAL, SHARED, struct

CONSTRAINTS = {"i32": "r", "i64": "l", "f32": "f", SHARED: "r", GLOBAL: "l", "!llvm.ptr": "l"}
CLUSTER_BARRIER = "barrier.cluster.arrive.release.aligned; barrier.cluster.wait.acquire.aligned;"


def emit(kernel, text, *operands):
    """Appends PTX without a result; `operands`, pairs of a name and a type, are
    `$0` and those that follow."""
    names = ", ".join(name for name, _ in operands)
    kinds = ", ".join(kind for _, kind in operands)
    constraints = ",".join(CONSTRAINTS[kind] for _, kind in operands)
    kernel.line(f'llvm.inline_asm has_side_effects "{text}", "{constraints}" {names} : ({kinds}) -> ()')


def evaluate(kernel, text, kind, *operands, count=1, tied=()):
    """The same with `count` results of one type, which come before the operands:
    their names. The registers of the operands `tied` become those of the results."""
    operands = [*operands, *((name, kind) for name in tied)]
    constraints = [f"={CONSTRAINTS[kind]}"] * count
    constraints += [CONSTRAINTS[each] for _, each in operands[: len(operands) - len(tied)]]
    constraints += [str(index) for index in range(len(tied))]
    names = ", ".join(name for name, _ in operands)
    kinds = ", ".join(each for _, each in operands)
    result = kind if count == 1 else struct(count, kind)
    value = kernel.value(
        f'llvm.inline_asm has_side_effects "{text}", "{",".join(constraints)}" {names} : ({kinds}) -> {result}'
    )
    return [value] if count == 1 else [kernel.extract(value, index, result) for index in range(count)]
