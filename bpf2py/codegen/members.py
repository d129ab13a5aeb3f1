"""The members of a struct or union: which there are, where they lie, whose they are.

In: a TypeTable and a type id.  Out: the members with the views that C tags them with, those of
anonymous members among them; what is left to the kernel; whether members share bits.  Not here:
what a member is in Python (collect.py).
"""

from __future__ import annotations

from collections.abc import Iterator

from ..btf import TypeTable
from ..btf.layout import PlacedMember, members
from ..btf.types import (
    Array,
    Const,
    Int,
    Ptr,
    Restrict,
    Struct,
    Type,
    Typedef,
    TypeTag,
    Union,
    Volatile,
)
from .errors import CodegenError
from .layouts import Field, Left, ListOf, Raw, RestOf, Text, Value, Viewed
from .tables import KERNEL_OWNED, KPTR_TAGS
from .views import View, Views

#: Deeper than the kernel lets a type nest (``MAX_RESOLVE_DEPTH`` is 32).
MAX_DEPTH = 64
#: More members than any C source has; anonymous members of anonymous members could multiply.
MAX_MEMBERS = 100_000


class Members:
    """Finds members; of all the types that it is asked for, :data:`MAX_MEMBERS` at the most."""

    def __init__(self, table: TypeTable, views: Views) -> None:
        self._table = table
        self._views = views
        self._budget = MAX_MEMBERS

    def of(
        self, type_id: int, typ: Struct | Union, path: str, depth: int
    ) -> Iterator[tuple[PlacedMember, View | None]]:
        """The members of *typ*, each with its tag; ``path`` is for errors, ``depth`` that of *typ*."""
        return self._leaves(type_id, typ, 0, isinstance(typ, Union), path, depth)

    def _leaves(
        self, type_id: int, typ: Struct | Union, base: int, union: bool, path: str, depth: int
    ) -> Iterator[tuple[PlacedMember, View | None]]:
        """The members with their tags, those of anonymous structs among them; in a union also
        those of unions.

        Their bits are counted from *base*.
        """
        if depth > MAX_DEPTH:
            raise CodegenError(f"{path}: nested too deeply")
        for number, member in enumerate(members(self._table, typ)):
            self._budget -= 1
            if self._budget < 0:
                raise CodegenError(f"{path}: more than {MAX_MEMBERS} members")
            offset = base + member.bit_offset
            resolved = self._table.resolve(member.type_id)
            inner = self._table[resolved]
            match inner:
                case _ if member.name:
                    tag = self._views.of_member(type_id, number)
                    yield member._replace(bit_offset=offset), tag
                case Union() if not union:
                    yield member._replace(bit_offset=offset), None
                case Struct() | Union():
                    yield from self._leaves(resolved, inner, offset, union, path, depth + 1)
                case Int() if member.bit_size:
                    pass  # ``int : 4``: padding
                case _:
                    raise CodegenError(f"{path}: a member has no name")


def kernel_owned(table: TypeTable, type_id: int) -> str:
    """Why a member of that type is left to the kernel; empty if it is not."""
    match innermost(table, type_id):
        case Struct(name=name) if name in KERNEL_OWNED:
            return "the kernel's own"
        case Ptr(target=target) if _has_kptr_tag(table, target):
            return "the kernel's own"
        case _:
            return ""


def innermost(table: TypeTable, type_id: int) -> Type:
    """What the arrays consist of; the type itself if it is no array."""
    typ = table[table.resolve(type_id)]
    for _ in range(MAX_DEPTH):
        if not isinstance(typ, Array):
            break
        typ = table[table.resolve(typ.element)]
    return typ


def _has_kptr_tag(table: TypeTable, type_id: int) -> bool:
    for _ in range(MAX_DEPTH):
        typ = table[type_id]
        if isinstance(typ, TypeTag) and typ.name in KPTR_TAGS:
            return True
        if not isinstance(typ, TypeTag | Const | Volatile | Restrict | Typedef):
            return False
        type_id = typ.target
    return False


def rest_of(value: Value) -> RestOf | None:
    """What a flexible array member holds; ``None`` if *value* is none."""
    match value:
        case ListOf(element=element, length=0) if element.size:
            return RestOf(element)
        case Text(size=0) | Raw(size=0) | Viewed(view="hextext", size=0):
            return RestOf(value)
        case _:
            return None


def check_overlap(parts: tuple[Field | Left, ...], path: str) -> None:
    """:class:`CodegenError` where two members of a struct have a bit in common."""
    end, before = 0, ""
    fields = [field for field in parts if isinstance(field, Field)]
    for field in sorted(fields, key=lambda field: (field.offset, field.bits or (0, 0))):
        start = field.offset * 8 + (field.bits[0] if field.bits else 0)
        if start < end and field.value.size:
            raise CodegenError(f"{path}: {field.c_name!r} and {before!r} share bits")
        width = field.bits[1] if field.bits else field.value.size * 8
        end, before = max(end, start + width), field.c_name
