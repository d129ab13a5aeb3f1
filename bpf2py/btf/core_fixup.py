"""CO-RE fix-ups as values: the number an instruction has, and the one it shall have.

In: a place in the local types and, if the kernel has it, the place in its types.  Out: a
``Fixup``.  Not here: finding the places (core_match), editing instructions (core_apply).
Follows bpf_core_calc_relo() of libbpf and the functions it calls.
"""

from __future__ import annotations

from typing import NamedTuple

from ..uapi import CoreRelocationKind as Kind
from .core_access import FieldPlace
from .core_errors import Unanswerable
from .core_view import ARRAY, ENUM, ENUM64, INT, PTR, TypeView

_INT_SIGNED = 1

FIELD_KINDS = frozenset(
    (
        Kind.FIELD_BYTE_OFFSET,
        Kind.FIELD_BYTE_SIZE,
        Kind.FIELD_EXISTS,
        Kind.FIELD_SIGNED,
        Kind.FIELD_LSHIFT_U64,
        Kind.FIELD_RSHIFT_U64,
    )
)
TYPE_KINDS = frozenset(
    (
        Kind.TYPE_ID_LOCAL,
        Kind.TYPE_ID_TARGET,
        Kind.TYPE_EXISTS,
        Kind.TYPE_SIZE,
        Kind.TYPE_MATCHES,
    )
)
ENUM_KINDS = frozenset((Kind.ENUMVAL_EXISTS, Kind.ENUMVAL_VALUE))

#: How a message names what is asked for.
PHRASES: dict[int, str] = {
    Kind.FIELD_BYTE_OFFSET: "offset of",
    Kind.FIELD_BYTE_SIZE: "size of",
    Kind.FIELD_EXISTS: "existence of",
    Kind.FIELD_SIGNED: "signedness of",
    Kind.FIELD_LSHIFT_U64: "left shift for",
    Kind.FIELD_RSHIFT_U64: "right shift for",
    Kind.TYPE_ID_LOCAL: "local id of",
    Kind.TYPE_ID_TARGET: "kernel's id of",
    Kind.TYPE_EXISTS: "existence of",
    Kind.TYPE_SIZE: "size of",
    Kind.TYPE_MATCHES: "match of",
    Kind.ENUMVAL_EXISTS: "existence of",
    Kind.ENUMVAL_VALUE: "value of",
}


class Fixup(NamedTuple):
    """What to do with one instruction.

    ``original`` is what a compiler that agrees with us has put there, checked if ``validate``;
    ``target`` what the kernel needs, both as unsigned 64 bits; None makes the instruction invalid
    ("poison").  The memory sizes are those of a load or store, 0 where they do not matter;
    ``resizable`` says whether an access of the one may become one of the other.
    """

    original: int
    target: int | None
    validate: bool = True
    original_size: int = 0
    target_size: int = 0
    resizable: bool = True
    either_sign: bool = False
    """A number of 32 bits, which compilers extend to 64 as they take it for signed or not."""


class _Field(NamedTuple):
    """One aspect of one field in one table."""

    value: int
    validate: bool
    size: int = 0
    """Bytes an access takes; 0 if that is not settled by the type."""
    target: int = 0
    """The type accessed, if ``size`` is given."""


def field_fixup(
    kind: int, local: TypeView, ours: FieldPlace, target: TypeView, theirs: FieldPlace | None
) -> Fixup:
    """The fix-up for one aspect of a field; *theirs* is None if the kernel has no such field."""
    if kind == Kind.FIELD_EXISTS:
        return Fixup(1, int(theirs is not None))
    big = local.table.byte_order == "big"
    before = _field(kind, local, ours, big)
    if theirs is None:
        return Fixup(before.value, None, before.validate)
    after = _field(kind, target, theirs, big)
    resizable = True
    if before.size != after.size and before.target and after.target:
        resizable = _resizable(local, before.target, target, after.target)
    elif before.size != after.size:
        resizable = False
    return Fixup(before.value, after.value, before.validate, before.size, after.size, resizable)


def _resizable(local: TypeView, local_id: int, target: TypeView, target_id: int) -> bool:
    """Whether a load of one size may become one of another.

    Loads fill the rest of the register with zeros, which is right for pointers (8 bytes in BPF, 4
    in a 32-bit kernel) and unsigned integers only.
    """
    ours, theirs = local.shape(local_id), target.shape(target_id)
    if ours.kind == theirs.kind == PTR:
        return True
    return (
        ours.kind == theirs.kind == INT
        and local.int_encoding(ours) != _INT_SIGNED
        and target.int_encoding(theirs) != _INT_SIGNED
    )


def _access_size(view: TypeView, type_id: int) -> int:
    """Bytes a load or store takes: of arrays, one element."""
    type_id = view.resolve(type_id)
    while (shape := view.shape(type_id)).kind == ARRAY:
        type_id = view.resolve(view.array(shape)[0])
    return view.size_of(type_id)


def _field(kind: int, view: TypeView, place: FieldPlace, big: bool) -> _Field:
    """One aspect of the field at *place*."""
    type_id = view.resolve(place.target)
    bit_offset, bit_size = place.bit_offset, place.bit_size
    if not bit_size:
        if kind == Kind.FIELD_BYTE_OFFSET:
            return _Field(bit_offset // 8, True, _access_size(view, type_id), type_id)
        byte_size = view.size_of(type_id)
        if kind == Kind.FIELD_BYTE_SIZE:
            return _Field(byte_size, True)
        if place.element:
            raise Unanswerable("only offset, size and existence can be asked of an array's element")
        byte_offset, bit_size, bitfield = bit_offset // 8, byte_size * 8, False
    else:
        byte_size, byte_offset = _bitfield_load(view.shape(type_id).value, bit_offset, bit_size)
        bitfield = True
    # Compilers may load a bitfield otherwise than we would, so only what cannot differ is checked.
    if kind == Kind.FIELD_BYTE_OFFSET:
        return _Field(byte_offset, False)
    if kind == Kind.FIELD_BYTE_SIZE:
        return _Field(byte_size, False)
    if kind == Kind.FIELD_SIGNED:
        shape = view.shape(type_id)
        if shape.kind == INT:
            return _Field(view.int_encoding(shape) & _INT_SIGNED, True)
        return _Field(int(shape.kind in (ENUM, ENUM64) and shape.flag), True)
    if kind == Kind.FIELD_LSHIFT_U64:
        before = bit_offset - byte_offset * 8
        shift = (8 - byte_size) * 8 + before if big else 64 - (before + bit_size)
        return _Field(shift & 0xFFFFFFFF, not bitfield)
    return _Field(64 - bit_size & 0xFFFFFFFF, True)


def _bitfield_load(byte_size: int, bit_offset: int, bit_size: int) -> tuple[int, int]:
    """Bytes and byte offset of the smallest aligned load that covers a bitfield."""
    if not 1 <= byte_size <= 8:
        raise Unanswerable(f"a bitfield's type has {byte_size} bytes")
    byte_offset = bit_offset // 8 // byte_size * byte_size
    while bit_offset + bit_size - byte_offset * 8 > byte_size * 8:
        if byte_size >= 8:
            raise Unanswerable("the bitfield does not fit into a load of 8 bytes")
        byte_size *= 2
        byte_offset = bit_offset // 8 // byte_size * byte_size
    return byte_size, byte_offset


def type_fixup(
    kind: int, local: TypeView, local_id: int, target: TypeView, target_id: int | None
) -> Fixup:
    """The fix-up for a whole type; *target_id* is None if the kernel has no such type.

    What is missing gives 0, also as size and id (bpf_core_calc_type_relo()).
    """
    if kind == Kind.TYPE_ID_LOCAL:
        # A linker may have renumbered the types without touching the instruction.
        return Fixup(local_id, local_id, validate=False)
    if kind == Kind.TYPE_ID_TARGET:
        return Fixup(local_id, target_id or 0, validate=False)
    if kind == Kind.TYPE_SIZE:
        size = 0 if target_id is None else target.size_of(target_id)
        return Fixup(local.size_of(local_id), size)
    return Fixup(1, int(target_id is not None))


def enum_fixup(
    kind: int,
    local: TypeView,
    ours: tuple[int, int],
    target: TypeView,
    theirs: tuple[int, int] | None,
) -> Fixup:
    """The fix-up for an enumerator, given as (enum, number) in each table."""
    if kind == Kind.ENUMVAL_EXISTS:
        return Fixup(1, int(theirs is not None))
    before = local.enum_value(local.shape(ours[0]), ours[1])
    if theirs is None:
        return Fixup(before, None)
    shape = target.shape(theirs[0])
    either_sign = shape.kind == local.shape(ours[0]).kind == ENUM
    return Fixup(before, target.enum_value(shape, theirs[1]), either_sign=either_sign)
