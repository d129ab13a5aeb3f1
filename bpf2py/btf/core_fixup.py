"""CO-RE fix-ups as values: the number an instruction has, and the one it shall have.

In: a place in the local types and, if the kernel has it, the place in its types.  Out: a
``Fixup``.  Not here: finding the places (core_match), editing instructions (core_apply).
Follows bpf_core_calc_relo() of libbpf and the functions it calls.
"""

from __future__ import annotations

from ..light import TYPE_CHECKING, NamedTuple
from ..uapi import CoreRelocationKind as Kind
from .core_access import FieldPlace
from .core_errors import Unanswerable
from .core_view import ENUM, ENUMS, INT, PTR, Shape, TypeView

if TYPE_CHECKING:
    from typing import TypeAlias

_INT_SIGNED = 1
_EXISTS = int(Kind.FIELD_EXISTS)
_BYTE_OFFSET = int(Kind.FIELD_BYTE_OFFSET)
_BYTE_SIZE = int(Kind.FIELD_BYTE_SIZE)

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


#: One aspect of one field in one table: the number, whether compilers agree on it, the bytes an
#: access takes (0 if the type does not settle that), and then the type accessed.
_Aspect: TypeAlias = tuple[int, bool, int, int]


def field_fixup(
    kind: int, local: TypeView, ours: FieldPlace, target: TypeView, theirs: FieldPlace | None
) -> Fixup:
    """The fix-up for one aspect of a field; *theirs* is None if the kernel has no such field."""
    if kind == _EXISTS:
        return Fixup(1, int(theirs is not None))
    big = local.table.byte_order == "big"
    original, validate, size, accessed = _aspect(kind, local, ours, big)
    if theirs is None:
        return Fixup(original, None, validate)
    value, _, target_size, target_accessed = _aspect(kind, target, theirs, big)
    resizable = size == target_size or (
        size != 0
        and target_size != 0
        and _resizable(local.resolved[accessed], target.resolved[target_accessed])
    )
    return Fixup(original, value, validate, size, target_size, resizable)


def _resizable(ours: Shape, theirs: Shape) -> bool:
    """Whether a load of one size may become one of another.

    Loads fill the rest of the register with zeros, which is right for pointers (8 bytes in BPF, 4
    in a 32-bit kernel) and unsigned integers only.
    """
    if ours.kind == theirs.kind == PTR:
        return True
    return (
        ours.kind == theirs.kind == INT
        and TypeView.int_encoding(ours) != _INT_SIGNED
        and TypeView.int_encoding(theirs) != _INT_SIGNED
    )


def _aspect(kind: int, view: TypeView, place: FieldPlace, big: bool) -> _Aspect:
    """One aspect of the field at *place*."""
    bit_offset, target, bit_size, element = place
    bitfield = bit_size != 0
    if not bitfield:
        if kind == _BYTE_OFFSET:
            return bit_offset // 8, True, view.access_sizes[target], target
        byte_size = view.sizes[target]
        if kind == _BYTE_SIZE:
            return byte_size, True, 0, 0
        if element:
            raise Unanswerable("only offset, size and existence can be asked of an array's element")
        byte_offset, bit_size = bit_offset // 8, byte_size * 8
    else:
        byte_size, byte_offset = _bitfield_load(view.resolved[target].value, bit_offset, bit_size)
    # Compilers may load a bitfield otherwise than we would, so only what cannot differ is checked.
    if kind == _BYTE_OFFSET:
        return byte_offset, False, 0, 0
    if kind == _BYTE_SIZE:
        return byte_size, False, 0, 0
    if kind == Kind.FIELD_SIGNED:
        shape = view.resolved[target]
        if shape.kind == INT:
            return view.int_encoding(shape) & _INT_SIGNED, True, 0, 0
        return int(shape.kind in ENUMS and shape.flag), True, 0, 0
    if kind == Kind.FIELD_LSHIFT_U64:
        before = bit_offset - byte_offset * 8
        shift = (8 - byte_size) * 8 + before if big else 64 - (before + bit_size)
        return shift & 0xFFFFFFFF, not bitfield, 0, 0
    return 64 - bit_size & 0xFFFFFFFF, True, 0, 0


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
        size = 0 if target_id is None else target.sizes[target_id]
        return Fixup(local.sizes[local_id], size)
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
    before = local.enum_value(local.shapes[ours[0]], ours[1])
    if theirs is None:
        return Fixup(before, None)
    shape = target.shapes[theirs[0]]
    either_sign = shape.kind == local.shapes[ours[0]].kind == ENUM
    return Fixup(before, target.enum_value(shape, theirs[1]), either_sign=either_sign)
