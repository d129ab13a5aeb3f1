"""A global variable's bytes as a value that JSON can hold, by its BTF type.

In: a TypeTable, a type id, bytes.  Out: numbers, strings, lists, dicts; an enumerator by its
name, bytes as hexadecimal text.  Whatever BTF cannot say (a union, a kernel-owned type, too few
bytes) stays bytes.
"""

from __future__ import annotations

import math
import struct
from typing import Literal, TypeAlias

from ..btf import TypeTable
from ..btf.layout import size_of
from ..btf.types import Array, Enum, Enum64, Float, Int, Member, Ptr, Struct, Var

Value: TypeAlias = "int | float | bool | str | list[Value] | dict[str, Value]"
_ByteOrder: TypeAlias = Literal["little", "big"]

_FLOATS = {2: "e", 4: "f", 8: "d"}


def read_value(table: TypeTable, type_id: int, data: bytes) -> Value:
    """The value of the type that *data* starts with."""
    typ = table[table.resolve(type_id)]
    order = table.byte_order
    match typ:
        case Var(target=target):
            return read_value(table, target, data)
        case Int(size=size) if len(data) >= size:
            number = int.from_bytes(data[:size], order, signed=typ.signed)
            return bool(number) if typ.boolean and number < 2 else number
        case Enum(size=size) | Enum64(size=size) if len(data) >= size:
            return _enumerator(typ, int.from_bytes(data[:size], order, signed=typ.signed))
        case Ptr() if len(data) >= 8:
            return int.from_bytes(data[:8], order)
        case Float(size=size) if len(data) >= size and size in _FLOATS:
            prefix = "<" if order == "little" else ">"
            (value,) = struct.unpack_from(prefix + _FLOATS[size], data)
            assert isinstance(value, float)
            return value if math.isfinite(value) else str(value)  # JSON knows no infinity
        case Array():
            return _array(table, typ, data)
        case Struct(size=size, members=members) if len(data) >= size:
            return _struct(table, members, data)
        case _:
            return data.hex()


def _enumerator(typ: Enum | Enum64, number: int) -> Value:
    return next((each.name for each in typ.values if each.value == number), number)


def _array(table: TypeTable, typ: Array, data: bytes) -> Value:
    element = table[table.resolve(typ.element)]
    if isinstance(element, Int) and element.size == 1 and not element.boolean:
        if element.signed or element.char:
            return data[: typ.length].split(b"\0")[0].decode("utf-8", "backslashreplace")
        return data[: typ.length].hex()
    size = size_of(table, typ.element)
    return [read_value(table, typ.element, data[i * size :]) for i in range(typ.length)]


def _struct(table: TypeTable, members: tuple[Member, ...], data: bytes) -> Value:
    found: dict[str, Value] = {}
    for member in members:
        if member.bit_size:
            value: Value = _bits(table, member, data)
        else:
            at, size = member.bit_offset // 8, size_of(table, member.target)
            value = read_value(table, member.target, data[at : at + size])
        if not member.name and isinstance(value, dict):
            found |= value
        else:
            found[member.name] = value
    return found


def _bits(table: TypeTable, member: Member, data: bytes) -> Value:
    order: _ByteOrder = table.byte_order
    first, last = member.bit_offset // 8, (member.bit_offset + member.bit_size + 7) // 8
    inside = member.bit_offset % 8
    if order == "big":
        inside = (last - first) * 8 - inside - member.bit_size
    number = int.from_bytes(data[first:last], order) >> inside & (1 << member.bit_size) - 1
    typ = table[table.resolve(member.target)]
    if isinstance(typ, Int | Enum | Enum64) and typ.signed and number >> member.bit_size - 1:
        number -= 1 << member.bit_size
    if isinstance(typ, Enum | Enum64):
        return _enumerator(typ, number)
    return bool(number) if isinstance(typ, Int) and typ.boolean else number
