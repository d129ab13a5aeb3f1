"""Which types a type refers to, and the same type with other ids in their places.

In: a ``Type`` and what becomes of each id in it.  Out: ids, or a ``Type``.  Not here: which ids
there are; whoever moves types (``dedup``, the static linker) says what becomes of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ..records import replace
from . import types as t
from .errors import BTFError

_ONE = (
    t.Ptr,
    t.Typedef,
    t.Volatile,
    t.Const,
    t.Restrict,
    t.Func,
    t.Var,
    t.DeclTag,
    t.TypeTag,
)


def references(each: t.Type) -> tuple[int, ...]:
    """The ids in *each*, in the order in which they stand in BTF."""
    match each:
        case t.Struct() | t.Union():
            return tuple([member.target for member in each.members])
        case t.Array():
            return each.element, each.index
        case t.FuncProto():
            return each.target, *[param.target for param in each.params]
        case t.Datasec():
            return tuple([row.target for row in each.variables])
        case _:
            return (each.target,) if isinstance(each, _ONE) else ()


def renumbered(each: t.Type, new: Callable[[int], int]) -> t.Type:
    """*each* with ``new(id)`` for every id in it."""
    match each:
        case t.Struct() | t.Union():
            members = tuple([replace(member, target=new(member.target)) for member in each.members])
            return replace(each, members=members)
        case t.Array():
            return replace(each, element=new(each.element), index=new(each.index))
        case t.FuncProto():
            params = tuple([replace(param, target=new(param.target)) for param in each.params])
            return replace(each, target=new(each.target), params=params)
        case t.Datasec():
            rows = tuple([replace(row, target=new(row.target)) for row in each.variables])
            return replace(each, variables=rows)
        case _:
            return replace(each, target=new(each.target)) if isinstance(each, _ONE) else each


def permuted(types: Sequence[t.Type], order: Sequence[int]) -> list[t.Type]:
    """*types*, whose ids start at 1, in another *order* of their ids; they mean the same.

    ``permuted(types, sorted(range(1, len(types) + 1), key=lambda i: types[i - 1].name))`` is BTF
    sorted by name.  Raises ``BTFError`` if *order* is no permutation of the ids, or a type refers
    to an id that is not there.
    """
    place = {old: new for new, old in enumerate(order, 1)} | {0: 0}
    if len(order) != len(types) or place.keys() != set(range(len(types) + 1)):
        raise BTFError(f"not each of the ids 1 to {len(types)} stands once in the new order")

    def new(type_id: int) -> int:
        found = place.get(type_id)
        if found is None:
            raise BTFError(f"refers to type {type_id}, the highest id is {len(types)}")
        return found

    return [renumbered(types[old - 1], new) for old in order]
