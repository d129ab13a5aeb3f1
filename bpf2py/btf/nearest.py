"""What a name that is not there may have been meant to be.

In: the name, and the names there are or the table that has them.  Out: words for the end of a
message.  Only imported when something is missing.
"""

from __future__ import annotations

import difflib

from ..light import TYPE_CHECKING, Iterable

if TYPE_CHECKING:
    from ..uapi import BTFKind
    from .table import TypeTable

_SHOWN = 3
#: Names that differ more in length, or in their first letters, are not compared: with all of a
#: kernel's names that would take a second.
_LENGTHS, _LETTERS = 3, 2


def nearest(name: str, names: Iterable[str]) -> str:
    """``; nearest: a, b``, or nothing if no name is near."""
    near = difflib.get_close_matches(name, names, n=_SHOWN)
    return f"; nearest: {', '.join(near)}" if near else ""


def nearest_named(table: TypeTable, name: str, kind: BTFKind | int, prefix: str = "") -> str:
    """The same of all of one kind in *table* that begin with *prefix*, which is not shown."""
    begins = prefix + name[:_LETTERS]
    found = {
        other[len(prefix) :]
        for each in table
        if table.kind(each) == kind
        and (other := table.name(each)).startswith(begins)
        and abs(len(other) - len(prefix) - len(name)) <= _LENGTHS
    }
    return nearest(name, sorted(found))
