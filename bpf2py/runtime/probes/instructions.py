"""Which instructions the kernel takes, as clang's ``-mcpu`` counts them."""

from __future__ import annotations

from ...asm.cpu import FAMILIES
from ...light import cache
from ..errors import InconclusiveError
from ..features import knows_instructions


@cache
def cpu_version() -> int:
    """The highest ``-mcpu=vN`` whose instructions this kernel takes all: 1, 2 (4.14), 3 (5.12) or
    4 (6.6).

    Looked at are the families that came up to 6.6; load-acquire and store-release (6.15), which
    clang emits from v4 on when asked for, are not.  ``InconclusiveError`` without the rights.
    """
    try:
        for family, row in FAMILIES.items():
            if family == "load_acquire":
                continue
            if not knows_instructions(family):
                return row.cpu - 1
    except OSError as exc:
        raise InconclusiveError("instructions", str(exc)) from exc
    return max(row.cpu for row in FAMILIES.values())
