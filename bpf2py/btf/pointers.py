"""What a pointer points to, behind its typedefs, qualifiers and tags.

In: a TypeTable and a type id.  Out: the id of what the pointer leads to; ``None`` for what is no
pointer, or leads to something else.
"""

from __future__ import annotations

from ..uapi import BTFKind
from .table import TypeTable

_STRUCTS = (BTFKind.STRUCT, BTFKind.UNION)


def struct_behind(table: TypeTable, type_id: int) -> int | None:
    """The struct or union that a value of that type points to."""
    return _behind(table, type_id, _STRUCTS)


def function_behind(table: TypeTable, type_id: int) -> int | None:
    """The prototype of the function that a value of that type points to."""
    return _behind(table, type_id, (BTFKind.FUNC_PROTO,))


def _behind(table: TypeTable, type_id: int, kinds: tuple[BTFKind, ...]) -> int | None:
    pointer = table.resolve(type_id)
    if table.kind(pointer) is not BTFKind.PTR:
        return None
    target = table.resolve(table.size_or_target(pointer))
    return target if table.kind(target) in kinds else None
