"""All cases."""

import arithmetic
import bulk
import copies
import warp
import wgmma


def cases():
    rows = [*warp.cases(), *copies.cases(), *bulk.cases(), *wgmma.cases(), *arithmetic.cases()]
    names = {case.name for case in rows}
    assert len(names) == len(rows), "two cases have one name"
    return rows
