"""From the words of one type to its value: a function per kind.

In: a TypeTable, its words and the word at which a type starts.  Out: the ``Type``.  The scan has
made sure that the words are there; ids and string offsets are checked here.  Numbers and flags
follow <linux/btf.h>; what the kernel merely wants zero is not looked at, so that BTF of a newer
compiler stays readable.
"""

from __future__ import annotations

from ..light import TYPE_CHECKING, Callable, Sequence
from ..uapi import BTFKind
from .errors import BTFError
from .kinds import INT_BOOL, INT_CHAR, INT_SIGNED, KIND_FLAG, VLEN_MASK
from .types import (
    Array,
    Const,
    Datasec,
    DeclTag,
    Enum,
    Enum64,
    Enumerator,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Member,
    Param,
    Ptr,
    Restrict,
    SectionVar,
    Struct,
    Type,
    Typedef,
    TypeTag,
    Union,
    Var,
    Void,
    Volatile,
)

if TYPE_CHECKING:
    from .table import TypeTable

Builder = Callable[["TypeTable", Sequence[int], int], Type]

VOID = Void()


def _target(table: TypeTable, type_id: int) -> int:
    if type_id >= len(table):
        raise BTFError(f"refers to type {type_id}, the highest id is {len(table) - 1}")
    return type_id


def _elements(words: Sequence[int], at: int, width: int) -> Sequence[int]:
    """The words of all elements behind the type at *at*, *width* words each."""
    return words[at + 3 : at + 3 + width * (words[at + 1] & VLEN_MASK)]


def _int(table: TypeTable, words: Sequence[int], at: int) -> Int:
    encoding = words[at + 3]
    flags = encoding >> 24 & 0xF
    size = words[at + 2]
    bits = encoding & 0xFF
    bit_offset = encoding >> 16 & 0xFF
    # BTF_INT_BITS is eight bits wide: 128 is the most the kernel takes (btf_int_check_meta()).
    if size > 16 or bits + bit_offset > size * 8:
        raise BTFError(f"{bits} bits at bit {bit_offset} do not fit into {size} bytes")
    return Int(
        table.string(words[at]),
        size,
        bits,
        bit_offset,
        bool(flags & INT_SIGNED),
        bool(flags & INT_CHAR),
        bool(flags & INT_BOOL),
    )


def _ptr(table: TypeTable, words: Sequence[int], at: int) -> Ptr:
    return Ptr(_target(table, words[at + 2]))


def _array(table: TypeTable, words: Sequence[int], at: int) -> Array:
    return Array(_target(table, words[at + 3]), _target(table, words[at + 4]), words[at + 5])


def _members(table: TypeTable, words: Sequence[int], at: int) -> tuple[Member, ...]:
    string = table.string
    each = iter(_elements(words, at, 3))
    if words[at + 1] & KIND_FLAG:
        return tuple(
            Member(string(name), _target(table, target), place & 0xFFFFFF, place >> 24)
            for name, target, place in zip(each, each, each, strict=True)
        )
    return tuple(
        Member(string(name), _target(table, target), place)
        for name, target, place in zip(each, each, each, strict=True)
    )


def _struct(table: TypeTable, words: Sequence[int], at: int) -> Struct:
    return Struct(
        table.string(words[at]),
        words[at + 2],
        _members(table, words, at),
        bool(words[at + 1] & KIND_FLAG),
    )


def _union(table: TypeTable, words: Sequence[int], at: int) -> Union:
    return Union(
        table.string(words[at]),
        words[at + 2],
        _members(table, words, at),
        bool(words[at + 1] & KIND_FLAG),
    )


def _enum(table: TypeTable, words: Sequence[int], at: int) -> Enum:
    string = table.string
    signed = bool(words[at + 1] & KIND_FLAG)
    each = iter(_elements(words, at, 2))
    values = tuple(
        Enumerator(string(name), value - (1 << 32) if signed and value >> 31 else value)
        for name, value in zip(each, each, strict=True)
    )
    return Enum(string(words[at]), words[at + 2], values, signed)


def _enum64(table: TypeTable, words: Sequence[int], at: int) -> Enum64:
    string = table.string
    signed = bool(words[at + 1] & KIND_FLAG)
    each = iter(_elements(words, at, 3))
    values = tuple(
        Enumerator(string(name), (high << 32 | low) - (1 << 64 if signed and high >> 31 else 0))
        for name, low, high in zip(each, each, each, strict=True)
    )
    return Enum64(string(words[at]), words[at + 2], values, signed)


def _fwd(table: TypeTable, words: Sequence[int], at: int) -> Fwd:
    return Fwd(table.string(words[at]), bool(words[at + 1] & KIND_FLAG))


def _typedef(table: TypeTable, words: Sequence[int], at: int) -> Typedef:
    return Typedef(table.string(words[at]), _target(table, words[at + 2]))


def _volatile(table: TypeTable, words: Sequence[int], at: int) -> Volatile:
    return Volatile(_target(table, words[at + 2]))


def _const(table: TypeTable, words: Sequence[int], at: int) -> Const:
    return Const(_target(table, words[at + 2]))


def _restrict(table: TypeTable, words: Sequence[int], at: int) -> Restrict:
    return Restrict(_target(table, words[at + 2]))


def _func(table: TypeTable, words: Sequence[int], at: int) -> Func:
    return Func(table.string(words[at]), _target(table, words[at + 2]), words[at + 1] & VLEN_MASK)


def _func_proto(table: TypeTable, words: Sequence[int], at: int) -> FuncProto:
    string = table.string
    each = iter(_elements(words, at, 2))
    params = tuple(
        Param(string(name), _target(table, target)) for name, target in zip(each, each, strict=True)
    )
    return FuncProto(_target(table, words[at + 2]), params)


def _var(table: TypeTable, words: Sequence[int], at: int) -> Var:
    return Var(table.string(words[at]), _target(table, words[at + 2]), words[at + 3])


def _datasec(table: TypeTable, words: Sequence[int], at: int) -> Datasec:
    each = iter(_elements(words, at, 3))
    variables = tuple(
        SectionVar(_target(table, target), offset, size)
        for target, offset, size in zip(each, each, each, strict=True)
    )
    return Datasec(table.string(words[at]), words[at + 2], variables)


def _float(table: TypeTable, words: Sequence[int], at: int) -> Float:
    return Float(table.string(words[at]), words[at + 2])


def _decl_tag(table: TypeTable, words: Sequence[int], at: int) -> DeclTag:
    component = words[at + 3]
    return DeclTag(
        table.string(words[at]),
        _target(table, words[at + 2]),
        component - (1 << 32) if component >> 31 else component,
        bool(words[at + 1] & KIND_FLAG),
    )


def _type_tag(table: TypeTable, words: Sequence[int], at: int) -> TypeTag:
    return TypeTag(
        table.string(words[at]), _target(table, words[at + 2]), bool(words[at + 1] & KIND_FLAG)
    )


BUILDERS: dict[int, Builder] = {
    BTFKind.INT: _int,
    BTFKind.PTR: _ptr,
    BTFKind.ARRAY: _array,
    BTFKind.STRUCT: _struct,
    BTFKind.UNION: _union,
    BTFKind.ENUM: _enum,
    BTFKind.FWD: _fwd,
    BTFKind.TYPEDEF: _typedef,
    BTFKind.VOLATILE: _volatile,
    BTFKind.CONST: _const,
    BTFKind.RESTRICT: _restrict,
    BTFKind.FUNC: _func,
    BTFKind.FUNC_PROTO: _func_proto,
    BTFKind.VAR: _var,
    BTFKind.DATASEC: _datasec,
    BTFKind.FLOAT: _float,
    BTFKind.DECL_TAG: _decl_tag,
    BTFKind.TYPE_TAG: _type_tag,
    BTFKind.ENUM64: _enum64,
}
