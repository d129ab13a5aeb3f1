"""Some types of a table as a list of their own, numbered anew, what they only point to as stubs.

Types that are kept are kept whole, other than in reduced BTF (``bpf2py.btf.reduce``).
"""

from __future__ import annotations

from dataclasses import replace

from bpf2py.btf.table import TypeTable
from bpf2py.btf.types import (
    Array,
    Const,
    Enum,
    Enum64,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Member,
    Ptr,
    Restrict,
    Struct,
    Type,
    Typedef,
    TypeTag,
    Union,
    Volatile,
)


class Trimmer:
    """Numbers the kept types anew, each after the first thing that refers to it asked for it."""

    def __init__(self, table: TypeTable, seen: set[int]) -> None:
        self.table = table
        self.seen = seen
        self.kept: list[Type] = []
        self.new_ids: dict[int, int] = {0: 0}
        self.forwards: dict[Type, int] = {}

    def keep(self, type_id: int) -> int:
        """The new id of an old one."""
        if type_id in self.new_ids:
            return self.new_ids[type_id]
        found = self.table[type_id]
        if type_id not in self.seen:
            if isinstance(found, (Struct, Union)):
                stub: Type = Fwd(found.name, isinstance(found, Union))
                if not found.name:
                    stub = replace(found, members=())
                return self.forward(type_id, stub)
            if isinstance(found, (Enum, Enum64)):
                return self.forward(type_id, replace(found, values=()))
            if isinstance(found, FuncProto):
                return self.forward(type_id, FuncProto(0, ()))
        self.kept.append(found)
        new_id = self.new_ids[type_id] = len(self.kept)
        self.kept[new_id - 1] = self.renumber(found)
        return new_id

    def forward(self, type_id: int, stub: Type) -> int:
        if stub not in self.forwards:
            self.kept.append(stub)
            self.forwards[stub] = len(self.kept)
        self.new_ids[type_id] = self.forwards[stub]
        return self.forwards[stub]

    def renumber(self, found: Type) -> Type:
        """A type with the ids of what it refers to replaced."""
        match found:
            case Struct(members=members) | Union(members=members):
                return replace(found, members=tuple(map(self.member, members)))
            case Array():
                return Array(self.keep(found.element), self.keep(found.index), found.length)
            case FuncProto():
                params = tuple(
                    replace(each, target=self.keep(each.target)) for each in found.params
                )
                return FuncProto(self.keep(found.target), params)
            case Func() | Ptr() | Typedef() | Const() | Volatile() | Restrict() | TypeTag():
                return replace(found, target=self.keep(found.target))
            case Int() | Float() | Enum() | Enum64() | Fwd():
                return found
            case _:
                raise ValueError(f"{found} is nothing that a struct refers to")

    def member(self, member: Member) -> Member:
        return replace(member, target=self.keep(member.target))
