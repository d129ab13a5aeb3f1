"""Whether two files mean the same by a global name: the types of two declarations, compared.

In: a variable or function of one object and that of another.  Out: ``None``, or in words where
they differ.  Not here: which of the two counts (``merge_symbols``).

Follows glob_sym_btf_matches() of libbpf's linker: typedefs and qualifiers are looked through, what
stands behind a pointer needs to be of the same kind and name only, a declared struct is the struct
of that name there, names of parameters and lengths of arrays are not compared.
"""

from __future__ import annotations

from typing import TypeAlias

from ..btf.table import TypeTable
from ..btf.types import (
    Array,
    Enum,
    Enum64,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Ptr,
    Struct,
    Type,
    Union,
    Var,
    Void,
)
from ..spec import Linkage

#: Two ids to be compared, whether inside and out, and what to call the place in messages.
_Pair: TypeAlias = tuple[int, int, bool, str]
#: Pairs that were found to be the same, and whether inside and out: kept for the next name.
Met: TypeAlias = set[tuple[int, int, bool]]


def difference(
    mine: TypeTable, my_id: int, theirs: TypeTable, their_id: int, met: Met
) -> str | None:
    """How the variable or function *my_id* of *mine* differs from *their_id* of *theirs*.

    *met* is for these two tables, empty at first, and of no use once a difference was found.
    """
    todo: list[_Pair] = [(my_id, their_id, True, "")]
    while todo:
        one, other, exact, where = todo.pop()
        one, other = mine.resolve(one), theirs.resolve(other)
        if (one, other, exact) in met:
            continue
        met.add((one, other, exact))
        found = _compare(mine[one], theirs[other], exact, where)
        if isinstance(found, str):
            return f"{where or 'it'} {found}"
        todo += reversed(found)
    return None


def _compare(a: Type, b: Type, exact: bool, where: str) -> str | list[_Pair]:
    """The difference between the two themselves, or what remains to be compared."""
    if not exact and isinstance(a, Fwd) != isinstance(b, Fwd):
        declared, whole = (a, b) if isinstance(a, Fwd) else (b, a)
        assert isinstance(declared, Fwd)
        if isinstance(whole, Union if declared.is_union else Struct) and a.name == b.name:
            return []
    if a.kind is not b.kind:
        return f"is {_spelled(a)} in one and {_spelled(b)} in the other"
    if not isinstance(a, Int | Float) and a.name != b.name:
        return f"is {_spelled(a)} in one and {_spelled(b)} in the other"
    # The kinds are the same; the checkers want to hear it of both.
    if isinstance(a, Int | Float | Enum | Enum64) and isinstance(b, Int | Float | Enum | Enum64):
        return [] if a.size == b.size else f"has {a.size} bytes in one and {b.size} in the other"
    if isinstance(a, Ptr) and isinstance(b, Ptr):
        return [(a.target, b.target, False, f"what {where or 'it'} points to")]
    if isinstance(a, Array) and isinstance(b, Array):
        return [(a.element, b.element, exact, f"an element of {where or 'it'}")]
    if isinstance(a, Func | Var) and isinstance(b, Func | Var):
        if (a.linkage == Linkage.STATIC) != (b.linkage == Linkage.STATIC):
            return "is static in one"
        return [(a.target, b.target, exact, where)]
    if isinstance(a, FuncProto) and isinstance(b, FuncProto):
        if len(a.params) != len(b.params):
            return f"has {len(a.params)} parameters in one and {len(b.params)} in the other"
        parameters = [
            (x.target, y.target, exact, f"parameter {i}")
            for i, (x, y) in enumerate(zip(a.params, b.params, strict=True), 1)
        ]
        return [*parameters, (a.target, b.target, exact, "what it returns")]
    if isinstance(a, Struct | Union) and isinstance(b, Struct | Union):
        return _members(a, b, where) if exact else []
    if isinstance(a, Fwd | Void):
        return []
    return f"is a {a.kind.name}, which cannot be shared by files"


def _members(a: Struct | Union, b: Struct | Union, where: str) -> str | list[_Pair]:
    if len(a.members) != len(b.members):
        return f"has {len(a.members)} members in one and {len(b.members)} in the other"
    pairs: list[_Pair] = []
    for i, (x, y) in enumerate(zip(a.members, b.members, strict=True), 1):
        if x.name != y.name:
            return f"has {x.name!r} as member {i} in one and {y.name!r} in the other"
        if (x.bit_offset, x.bit_size) != (y.bit_offset, y.bit_size):
            return f"has member {x.name!r} at different places"
        name = f"member {x.name!r}" if x.name else f"member {i}"
        pairs.append((x.target, y.target, True, f"{name} of {where}" if where else name))
    return pairs


def _spelled(each: Type) -> str:
    kind = each.kind.name.lower()
    return f"{kind} {each.name}" if each.name and not isinstance(each, Void) else kind
