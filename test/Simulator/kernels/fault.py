"""What is wrong with a variant of a kernel, and how it must be noticed."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Fault:
    """`changes` are the arguments of the kernel's `build` that make it wrong, `why`
    says what is wrong with it then.

    Every mode must report something (one that runs in random order need not where
    the fault is `hidden` by some orders), and nothing but this `kind` and those in
    `also`, which are consequences. In every mode, or in one at least if not
    `everywhere`, a report of this kind is at this `op` and, if there are two parties
    as in a race, `against` the op of the other one; either may be the second.
    """

    changes: dict
    kind: str
    op: str
    why: str
    against: str = ""
    also: tuple[str, ...] = ()
    everywhere: bool = True
    hidden: bool = False
