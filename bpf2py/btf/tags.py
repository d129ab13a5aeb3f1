"""Declaration tags: what C says with ``__attribute__((btf_decl_tag("…")))``, readable by name.

In: a TypeTable.  Out: the texts of the tags on a map, variable, function, parameter, struct, union,
typedef or member.  Compilers write them since LLVM 14; kernels take them since 5.16.
"""

from __future__ import annotations

from ..uapi import BTFKind
from .table import TypeTable
from .types import DeclTag, Func, FuncProto, Struct, Union

#: Kinds that a tag can stand on; a map is a variable.
_TAGGED = (
    BTFKind.VAR,
    BTFKind.FUNC,
    BTFKind.STRUCT,
    BTFKind.UNION,
    BTFKind.TYPEDEF,
)


class Tags:
    """All declaration tags of a table, found in one walk over its types."""

    def __init__(self, table: TypeTable) -> None:
        self._table = table
        self._found: dict[tuple[int, int], list[str]] = {}
        for type_id in table:
            if table.kind(type_id) is not BTFKind.DECL_TAG:
                continue
            tag = table[type_id]
            if isinstance(tag, DeclTag) and not tag.attribute:
                self._found.setdefault((tag.target, tag.component), []).append(tag.name)

    def of(self, type_id: int, component: int = -1) -> tuple[str, ...]:
        """The tags on a type, or on its member or parameter number *component*; in C's order."""
        return tuple(self._found.get((type_id, component), ()))

    def named(self, name: str, part: str = "") -> tuple[str, ...]:
        """The tags on what C calls *name*, or on its member or parameter *part*.

        A name that stands for several kinds of things is the first of: variable or map, function,
        struct, union, typedef.  ``LookupError`` if there is none of that name, or no such part.
        """
        table = self._table
        for kind in _TAGGED:
            type_id = table.find(name, kind)
            if type_id is not None:
                return self.of(type_id, self._number(type_id, name, part) if part else -1)
        raise LookupError(f"there is no variable, map, function or type {name!r}")

    def _number(self, type_id: int, name: str, part: str) -> int:
        each = self._table[type_id]
        if isinstance(each, Func):
            each = self._table[each.target]
        if isinstance(each, (Struct, Union)):
            names = [member.name for member in each.members]
        elif isinstance(each, FuncProto):
            names = [param.name for param in each.params]
        else:
            names = []
        if part not in names:
            raise LookupError(f"{name!r} has no member or parameter {part!r}")
        return names.index(part)
