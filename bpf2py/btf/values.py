"""Bytes read by their BTF type: as Python values, and as text.

In: a TypeTable, an id, bytes.  Out: plain values for programs (``decode_value``), or C-like text for
people (``format_value``).  For whoever has no generated module: values of any map of the machine,
whose BTF the kernel keeps.  Not here: writing bytes; the classes of generated modules are faster and
typed.

The text is that of btf_dump__dump_type_data() of libbpf with ``emit_zeroes``, but for these:
an array of characters or bytes is one string, a bitfield is a number with its sign, not hexadecimal,
a ``bool`` is a word, and a float has all its digits.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack
from typing import Any

from ..uapi import BTFKind
from .c_text import CText
from .errors import BTFError
from .layout import POINTER_SIZE, PlacedMember, members, size_of
from .table import TypeTable
from .types import (
    Array,
    Const,
    Datasec,
    Enum,
    Enum64,
    Float,
    Int,
    Ptr,
    Restrict,
    Struct,
    Type,
    TypeTag,
    Union,
    Var,
    Volatile,
)

_QUALIFIERS = (Const, Volatile, Restrict, TypeTag)
_FLOATS = {2: "e", 4: "f", 8: "d"}
#: A union of unions of unions of some bytes has more members than anybody can read.
_MAX_VALUES = 1_000_000


def decode_value(table: TypeTable, type_id: int, data: bytes | bytearray | memoryview) -> Any:
    """The value of that type at the start of *data*.

    ``int`` for integers, pointers and bitfields; ``bool``, ``float``; the name of an enumerator, or
    an ``int`` if none has the number; ``str`` for an array of ``char`` up to its NUL, any bytes
    surviving as in ``os.fsdecode``; ``bytes`` for one of ``unsigned char``, and for a float of 16
    bytes; ``list`` for other arrays; ``dict`` by member for a struct or union, where members of anonymous
    ones count as their parent's; ``dict`` by variable for a data section.  A flexible array at the
    end has what follows in *data*.

    Raises BTFError if *data* is too short, and for a type that has no values.
    """
    try:
        return _Reader(table, bytes(data)).value(type_id, 0, last=True)
    except RecursionError:
        raise _too_deep(table, type_id) from None


def format_value(
    table: TypeTable, type_id: int, data: bytes | bytearray | memoryview, *, indent: str = "\t"
) -> str:
    """The value as C-like text, a member to a line; raises as :func:`decode_value` does."""
    reader = _Reader(table, bytes(data))
    try:
        return _Writer(reader, indent).value(type_id, 0, 0, cast=True, last=True)
    except RecursionError:
        raise _too_deep(table, type_id) from None


def _too_deep(table: TypeTable, type_id: int) -> BTFError:
    return BTFError(f"type {type_id} holds others too deep in each other", table.offset(type_id))


class _Reader:
    """Values at places in some bytes."""

    def __init__(self, table: TypeTable, data: bytes) -> None:
        self.table = table
        self.data = data
        self._values = 0
        self._resolved: dict[int, tuple[Type, int]] = {}
        #: By enum, which is kept with them lest another gets its ``id``, its names by number.
        self._names: dict[int, tuple[Type, dict[int, str]]] = {}

    def count(self) -> None:
        """Refuse what would take minutes."""
        self._values += 1
        if self._values > _MAX_VALUES:
            raise BTFError("holds too many values", 0)

    def type(self, type_id: int, at: int) -> Type:
        """The type behind typedefs and qualifiers, of which a value fits at *at*."""
        self.count()
        known = self._resolved.get(type_id)
        if known is None:
            size = size_of(self.table, type_id)
            known = self._resolved[type_id] = self.table[self.table.resolve(type_id)], size
        each, size = known
        if at + size > len(self.data):
            raise BTFError(
                f"{CText(self.table).declare(type_id)} needs {size} bytes at {at}, and "
                f"there are {max(len(self.data) - at, 0)}",
                self.table.offset(type_id),
            )
        return each

    def value(self, type_id: int, at: int, *, last: bool = False) -> Any:
        each = self.type(type_id, at)
        match each:
            case Array():
                return self._array(each, at, last)
            case Struct() | Union():
                return dict(self._members(each, at, last))
            case Var():
                return self.value(each.target, at)
            case Datasec():
                return {
                    self.table.name(variable.target): self.value(variable.target, variable.offset)
                    for variable in each.variables
                    if self.table.kind(variable.target) is BTFKind.VAR
                }
            case _:
                return self.scalar(each, at)

    def scalar(self, each: Type, at: int) -> Any:
        """What is no array, struct or union."""
        match each:
            case Int():
                number = self._number(at, each.size, each.signed)
                return bool(number) if each.boolean else number
            case Enum() | Enum64():
                return self._enumerator(each, self._number(at, each.size, each.signed))
            case Ptr():
                return self._number(at, POINTER_SIZE, False)
            case Float():
                raw = self.data[at : at + each.size]
                code = _FLOATS.get(each.size)
                mark = "<" if self.table.byte_order == "little" else ">"
                return unpack(mark + code, raw)[0] if code else raw
            case _:
                raise BTFError(f"a {each.kind.name} {each.name!r} has no value", 0)

    def elements(self, array: Array, at: int, last: bool) -> int:
        """How many there are: as many as fit, in a flexible array that is the *last* thing."""
        size = size_of(self.table, array.element)
        if size == 0:
            return 0
        if array.length == 0 and last:
            return (len(self.data) - at) // size
        return array.length

    def text(self, array: Array, at: int, count: int) -> str | bytes | None:
        """The value of an array of characters."""
        element = self.table[self.table.resolve(array.element)]
        if not isinstance(element, Int) or element.size != 1 or element.boolean:
            return None
        raw = self.data[at : at + count]
        if element.char or element.name == "char":
            return raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")
        return raw if not element.signed else None

    def bits(self, member: PlacedMember, at: int) -> Any:
        """The value of a bitfield of a struct at *at*."""
        self.count()
        each = self.table[self.table.resolve(member.type_id)]
        start = at * 8 + member.bit_offset
        first, end = start // 8, (start + member.bit_size + 7) // 8
        if end > len(self.data):
            raise BTFError(f"bitfield {member.name!r} ends after {len(self.data)} bytes", 0)
        whole = int.from_bytes(self.data[first:end], self.table.byte_order)
        if self.table.byte_order == "little":
            whole >>= start % 8
        else:
            whole >>= end * 8 - start - member.bit_size
        number = whole & (1 << member.bit_size) - 1
        if isinstance(each, (Int, Enum, Enum64)) and each.signed and number >> member.bit_size - 1:
            number -= 1 << member.bit_size
        if isinstance(each, (Enum, Enum64)):
            return self._enumerator(each, number)
        return bool(number) if isinstance(each, Int) and each.boolean else number

    def _enumerator(self, each: Enum | Enum64, number: int) -> str | int:
        known = self._names.get(id(each))
        if known is None:
            names = {value.value: value.name for value in reversed(each.values)}
            known = self._names[id(each)] = each, names
        return known[1].get(number, number)

    def _array(self, array: Array, at: int, last: bool) -> Any:
        count = self.elements(array, at, last)
        text = self.text(array, at, count)
        if text is not None:
            return text
        size = size_of(self.table, array.element)
        return [self.value(array.element, at + number * size) for number in range(count)]

    def _members(self, each: Struct | Union, at: int, last: bool) -> Iterator[tuple[str, Any]]:
        placed = members(self.table, each)
        for number, member in enumerate(placed):
            if member.bit_size:
                if member.name:
                    yield member.name, self.bits(member, at)
                continue
            value = self.value(
                member.type_id,
                at + member.bit_offset // 8,
                last=last and isinstance(each, Struct) and number == len(placed) - 1,
            )
            if member.name:
                yield member.name, value
            elif isinstance(value, dict):
                yield from value.items()

    def _number(self, at: int, size: int, signed: bool) -> int:
        return int.from_bytes(self.data[at : at + size], self.table.byte_order, signed=signed)


class _Writer:
    """Values as text, by the shape of their types."""

    def __init__(self, reader: _Reader, indent: str) -> None:
        self._reader = reader
        self._table = reader.table
        self._names = CText(reader.table)
        self._indent = indent

    def value(self, type_id: int, at: int, depth: int, *, cast: bool, last: bool = False) -> str:
        """One value; *cast* puts its type before it, which elements of arrays have in common."""
        reader, table = self._reader, self._table
        each = reader.type(type_id, at)
        match each:
            case Var():
                declared = self._names.declare(each.target)
                return f"{declared} {each.name} = " + self.value(each.target, at, depth, cast=True)
            case Datasec():
                rows = [
                    self.value(variable.target, variable.offset, depth, cast=True) + ";"
                    for variable in each.variables
                    if table.kind(variable.target) is BTFKind.VAR
                ]
                return f'SEC("{each.name}") ' + "\n".join(rows)
            case _:
                before = f"({self._name(type_id)})" if cast else ""
        match each:
            case Array():
                count = reader.elements(each, at, last)
                text = reader.text(each, at, count)
                if text is not None:
                    return before + _quoted(text)
                size = size_of(table, each.element)
                rows = [
                    self.value(each.element, at + number * size, depth + 1, cast=False)
                    for number in range(count)
                ]
                return before + self._block("[", rows, "]", depth)
            case Struct() | Union():
                rows = list(self._rows(each, at, depth, cast, last))
                return before + self._block("{", rows, "}", depth)
            case Ptr():
                return f"{before}{reader.scalar(each, at):#x}"
            case _:
                return before + _scalar(reader.scalar(each, at))

    def _rows(
        self, each: Struct | Union, at: int, depth: int, cast: bool, last: bool
    ) -> Iterator[str]:
        placed = members(self._table, each)
        for number, member in enumerate(placed):
            name = f".{member.name} = " if member.name else ""
            if member.bit_size:
                before = f"({self._name(member.type_id)})" if cast else ""
                yield f"{name}{before}{_scalar(self._reader.bits(member, at))}"
                continue
            yield name + self.value(
                member.type_id,
                at + member.bit_offset // 8,
                depth + 1,
                cast=cast,
                last=last and isinstance(each, Struct) and number == len(placed) - 1,
            )

    def _block(self, first: str, rows: list[str], end: str, depth: int) -> str:
        inside = self._indent * (depth + 1)
        return "\n".join((first, *(f"{inside}{row}," for row in rows), self._indent * depth + end))

    def _name(self, type_id: int) -> str:
        """How C names the type; one without a name is only ``struct``."""
        table = self._table
        while isinstance(each := table[type_id], _QUALIFIERS):
            type_id = each.target
        lengths = ""
        inner: Type = each
        while isinstance(inner, Array):
            lengths += f"[{inner.length}]"
            inner = table[inner.element]
        if inner.name == "" and isinstance(inner, (Struct, Union, Enum, Enum64)):
            return inner.kind.name.lower().removesuffix("64") + lengths
        return self._names.declare(type_id)


def _scalar(value: Any) -> str:
    if isinstance(value, bytes):
        return _quoted(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _quoted(text: str | bytes) -> str:
    raw = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
    shown = "".join(chr(c) if 32 <= c < 127 and c not in b'"\\' else f"\\x{c:02x}" for c in raw)
    return f'"{shown}"'
