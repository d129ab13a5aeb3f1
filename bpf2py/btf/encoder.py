"""Types to a BTF blob: what ``decode`` reads, the other way.

In: types in the order of their ids.  Out: the blob, with a string table in which each name stands
once.  ``decode(encode(types)) == types`` for everything that BTF can say; what it cannot say is a
BTFError that names the type.  Not here: whether the kernel likes it (names that are no
identifiers, offsets out of order), removing duplicates.
"""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from . import types as t
from .errors import BTFError
from .header import HEADER_FORMAT, HEADER_SIZE, MAGIC, PREFIX, ByteOrder
from .kinds import INT_BOOL, INT_CHAR, INT_SIGNED, KIND_FLAG, VLEN_MASK
from .table import TypeTable


class Strings:
    """A string table under construction; offsets continue those of *base*."""

    def __init__(self, base: TypeTable | None = None) -> None:
        self._first = 0 if base is None else base.string_size
        self._parts: list[bytes] = [b"\0"] if base is None else []
        self._size = len(self._parts)
        self._offsets = {"": 0}

    def offset(self, text: str) -> int:
        """Where *text* stands; added if it does not yet."""
        found = self._offsets.get(text)
        if found is None:
            if "\0" in text:
                raise BTFError(f"the name {text!r} contains a NUL")
            found = self._offsets[text] = self._first + self._size
            part = text.encode("utf-8", "surrogateescape") + b"\0"
            self._parts.append(part)
            self._size += len(part)
        return found

    def bytes(self) -> bytes:
        return b"".join(self._parts)


def encode(
    types: Sequence[t.Type],
    *,
    byte_order: ByteOrder,
    base: TypeTable | None = None,
    strings: Iterable[str] | Strings = (),
) -> bytes:
    """The blob of *types*; the first of them has id 1, or ``len(base)`` as split BTF.

    *strings* are put into the string table as well, for what ``.BTF.ext`` refers to.  If they are
    a ``Strings``, that is the string table, and the offsets it gave out stay true.
    """
    table = strings if isinstance(strings, Strings) else Strings(base)
    words = array("I")
    first = 1 if base is None else len(base)
    for type_id, each in enumerate(types, first):
        at = HEADER_SIZE + 4 * len(words)
        writer = _WRITERS.get(type(each))
        if writer is None:
            raise BTFError(f"type {type_id}: {each!r} cannot be written", at)
        try:
            words.extend(writer(each, table.offset))
        except OverflowError:
            raise BTFError(f"type {type_id}: a number in {each!r} has no 32 bits", at) from None
        except BTFError as error:
            raise BTFError(f"type {type_id}: {error.what}", at) from None
    if not isinstance(strings, Strings):
        for text in strings:
            table.offset(text)
    return assemble(words, table, byte_order)


def assemble(words: array[int], strings: Strings, byte_order: ByteOrder) -> bytes:
    """The blob of a type section in words of this machine (swapped in place) and its strings."""
    if (sys.byteorder == "little") != (byte_order == "little"):
        words.byteswap()
    section, names = words.tobytes(), strings.bytes()
    header = struct.pack(
        PREFIX[byte_order] + HEADER_FORMAT,
        *(MAGIC, 1, 0, HEADER_SIZE, 0, len(section), len(section), len(names)),
    )
    return header + section + names


Offset = Callable[[str], int]
Words = Iterable[int]


def _info(each: t.Type, count: int = 0, *, flag: bool = False) -> int:
    if not 0 <= count <= VLEN_MASK:
        raise BTFError(f"{count} elements are too many")
    return each.kind << 24 | count | (KIND_FLAG if flag else 0)


def _bounded(what: str, value: int, limit: int) -> int:
    if not 0 <= value < limit:
        raise BTFError(f"{what} is {value}, not below {limit}")
    return value


def _int(each: t.Int, offset: Offset) -> Words:
    flags = INT_SIGNED * each.signed | INT_CHAR * each.char | INT_BOOL * each.boolean
    place = _bounded("the bit offset", each.bit_offset, 256) << 16
    encoding = flags << 24 | place | _bounded("the number of bits", each.bits, 256)
    return offset(each.name), _info(each), each.size, encoding


def _reference(each: t.Ptr | t.Volatile | t.Const | t.Restrict, offset: Offset) -> Words:
    return 0, _info(each), each.target


def _typedef(each: t.Typedef, offset: Offset) -> Words:
    return offset(each.name), _info(each), each.target


def _type_tag(each: t.TypeTag, offset: Offset) -> Words:
    return offset(each.name), _info(each, flag=each.attribute), each.target


def _array(each: t.Array, offset: Offset) -> Words:
    return 0, _info(each), 0, each.element, each.index, each.length


def _composite(each: t.Struct | t.Union, offset: Offset) -> Words:
    words = [offset(each.name), _info(each, len(each.members), flag=each.kind_flag), each.size]
    for member in each.members:
        place = member.bit_offset
        if each.kind_flag:
            place = _bounded(f"the bit offset of {member.name!r}", place, 1 << 24)
            place |= _bounded(f"the width of {member.name!r}", member.bit_size, 256) << 24
        elif member.bit_size:
            raise BTFError(f"the bitfield {member.name!r} needs kind_flag=True")
        words += (offset(member.name), member.target, place)
    return words


def _enum(each: t.Enum | t.Enum64, offset: Offset) -> Words:
    words = [offset(each.name), _info(each, len(each.values), flag=each.signed), each.size]
    bits = 64 if isinstance(each, t.Enum64) else 32
    low = -(1 << bits - 1) if each.signed else 0
    for value in each.values:
        if not low <= value.value < low + (1 << bits):
            raise BTFError(f"{value.name} = {value.value} does not fit into {bits} bits")
        number = value.value & (1 << bits) - 1
        words.append(offset(value.name))
        words.append(number & 0xFFFFFFFF)
        if bits == 64:
            words.append(number >> 32)
    return words


def _fwd(each: t.Fwd, offset: Offset) -> Words:
    return offset(each.name), _info(each, flag=each.is_union), 0


def _func(each: t.Func, offset: Offset) -> Words:
    return offset(each.name), _info(each, each.linkage), each.target


def _func_proto(each: t.FuncProto, offset: Offset) -> Words:
    words = [0, _info(each, len(each.params)), each.target]
    for param in each.params:
        words += (offset(param.name), param.target)
    return words


def _var(each: t.Var, offset: Offset) -> Words:
    return offset(each.name), _info(each), each.target, each.linkage


def _datasec(each: t.Datasec, offset: Offset) -> Words:
    words = [offset(each.name), _info(each, len(each.variables)), each.size]
    for variable in each.variables:
        words += (variable.target, variable.offset, variable.size)
    return words


def _float(each: t.Float, offset: Offset) -> Words:
    return offset(each.name), _info(each), each.size


def _decl_tag(each: t.DeclTag, offset: Offset) -> Words:
    component = each.component + (1 << 32) if -(1 << 31) <= each.component < 0 else each.component
    return offset(each.name), _info(each, flag=each.attribute), each.target, component


#: The key is the first parameter's class, which a dict cannot tell mypy.
_WRITERS: dict[type, Callable[[Any, Offset], Words]] = {
    t.Int: _int,
    t.Ptr: _reference,
    t.Array: _array,
    t.Struct: _composite,
    t.Union: _composite,
    t.Enum: _enum,
    t.Fwd: _fwd,
    t.Typedef: _typedef,
    t.Volatile: _reference,
    t.Const: _reference,
    t.Restrict: _reference,
    t.Func: _func,
    t.FuncProto: _func_proto,
    t.Var: _var,
    t.Datasec: _datasec,
    t.Float: _float,
    t.DeclTag: _decl_tag,
    t.TypeTag: _type_tag,
    t.Enum64: _enum,
}
