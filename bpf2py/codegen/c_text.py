"""A BTF type as one line of C, for comments: ``__u32[4]``, ``struct start *``, ``void (*)(int)``.

In: a TypeTable, a type id, perhaps a name.  Out: what ``btf.c_text`` writes, without attributes,
bodies and names of parameters: text that is safe in a comment and in a docstring.
"""

from __future__ import annotations

from ..btf import BTFError, TypeTable
from ..btf.c_text import CText, Names
from ..btf.types import FuncProto, Param, TypeTag
from ..uapi import BTFKind
from .errors import CodegenError

#: Parameters of parameters add up; C that people read stays below this.
MAX_LENGTH = 2000

_TAGS = {
    BTFKind.STRUCT: "struct",
    BTFKind.UNION: "union",
    BTFKind.ENUM: "enum",
    BTFKind.ENUM64: "enum",
}


def c_text(table: TypeTable, type_id: int, name: str = "") -> str:
    """The type as C, declaring *name* if one is given; :class:`CodegenError` if there is no such C.

    A struct, union or enum without a name is ``struct``, ``union`` or ``enum``.
    """
    try:
        text = _Line(table, _Names(table)).declare(type_id, safe(name))
    except BTFError as exc:
        raise CodegenError(exc.what) from None
    if len(text) > MAX_LENGTH:
        raise CodegenError(f"type {type_id}: longer than {MAX_LENGTH} characters as C")
    return text


def safe(name: str) -> str:
    """*name*, if it can stand in a comment and a docstring: it may come from anybody's object."""
    if not name.isprintable() or '"' in name or "\\" in name:
        raise CodegenError(f"{name!r} is no name that C could have")
    return name


class _Names(Names):
    """Names as they are in BTF, or an error; of those too long by themselves, enough to be one."""

    def tag(self, type_id: int) -> str:
        return safe(self.table.name(type_id)[: MAX_LENGTH + 1])

    typedef = tag


class _Line(CText):
    def base(self, type_id: int, indent: int = 0) -> str:
        word = _TAGS.get(self.table.kind(type_id))
        return word if word and not self.table.name(type_id) else super().base(type_id, indent)

    def parameters(self, proto: FuncProto, indent: int = 0) -> str:
        unnamed = tuple(Param("", param.target) for param in proto.params)
        return super().parameters(FuncProto(proto.target, unnamed), indent)

    def attributes(self, tag: TypeTag) -> list[str]:
        return []
