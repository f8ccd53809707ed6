"""All cases."""

import arithmetic
import copies
import warp
import wgmma


def cases():
    rows = [*warp.cases(), *copies.cases(), *wgmma.cases(), *arithmetic.cases()]
    names = {case.name for case in rows}
    assert len(names) == len(rows), "two cases have one name"
    return rows
