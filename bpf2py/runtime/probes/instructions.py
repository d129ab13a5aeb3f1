"""Which instructions the kernel takes, as clang's ``-mcpu`` counts them."""

from __future__ import annotations

from functools import cache

from ...asm.cpu import FAMILIES
from ..errors import InconclusiveError
from ..features import knows_instructions

_LATER = ("load_acquire", "gotox")


@cache
def cpu_version() -> int:
    """The highest ``-mcpu=vN`` whose instructions this kernel takes all: 1, 2 (4.14), 3 (5.12) or
    4 (6.6).

    Looked at are the families that came up to 6.6; load-acquire and store-release (6.15) and
    indirect jumps (6.19), which newer clangs emit for v4 as well, are not.  ``InconclusiveError`` without the rights.
    """
    try:
        for family, row in FAMILIES.items():
            if family in _LATER:
                continue
            if not knows_instructions(family):
                return row.cpu - 1
    except OSError as exc:
        raise InconclusiveError("instructions", str(exc)) from exc
    return max(row.cpu for row in FAMILIES.values())
