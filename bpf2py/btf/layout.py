"""Sizes, alignments and places of members, as the compiler laid them out.

In: a TypeTable and an id.  Out: bytes for ``size_of`` and ``align_of``, bits for members.  Offsets
come from BTF; only a bitfield's two encodings are made one here.  Not here: the kernel's layout of
a type known under the same name (``core``).  Pointers have eight bytes, as BPF has.

Types of a hostile blob may contain themselves; that is a BTFError, found without recursion.
"""

from __future__ import annotations

from ..light import NamedTuple
from ..uapi import BTFKind
from .errors import BTFError
from .table import TypeTable
from .types import Array, Int, Struct, Union

POINTER_SIZE = 8
#: libbpf and the kernel allow 32 arrays and modifiers on the way to a size (MAX_RESOLVE_DEPTH);
#: what a compiler writes is far below this.
_MAX_DEPTH = 64
#: One more than the largest size the kernel can name: 32 bits.
_SIZE_LIMIT = 1 << 32

_SIZED = frozenset(
    (
        BTFKind.INT,
        BTFKind.STRUCT,
        BTFKind.UNION,
        BTFKind.ENUM,
        BTFKind.ENUM64,
        BTFKind.FLOAT,
        BTFKind.DATASEC,
    )
)


class PlacedMember(NamedTuple):
    """A member: *bit_offset* from the start of the struct, *bit_size* 0 unless it is a bitfield.

    A bitfield's *bit_offset* is where its lowest bit lies in the byte order's own counting, as in
    ``btf_member_bit_offset()``, plus what an old compiler put into the integer's type.
    """

    name: str
    type_id: int
    bit_offset: int
    bit_size: int


def size_of(table: TypeTable, type_id: int) -> int:
    """Bytes a value of that type takes; 0 for a flexible array.

    Raises BTFError for void, functions and types that are only declared.
    """
    size = table.sizes.get(type_id)
    if size is None:
        size = table.sizes[type_id] = _size_of(table, type_id)
    return size


def _size_of(table: TypeTable, type_id: int) -> int:
    count = 1
    at = type_id
    for _ in range(_MAX_DEPTH):
        at = table.resolve(at)
        kind = table.kind(at)
        if kind in _SIZED:
            return _limited(table, type_id, count * table.size_or_target(at))
        if kind is BTFKind.PTR:
            return _limited(table, type_id, count * POINTER_SIZE)
        if kind is BTFKind.ARRAY:
            array = table[at]
            assert isinstance(array, Array)
            count *= array.length
            at = array.element
        elif kind is BTFKind.VAR:
            at = table.size_or_target(at)
        else:
            raise BTFError(f"type {type_id} has no size: {_what(table, at)}", table.offset(type_id))
    raise BTFError(f"type {type_id} is nested too deep", table.offset(type_id))


def align_of(table: TypeTable, type_id: int) -> int:
    """The alignment in bytes that C gives the type: 1 for a packed struct, 0 never.

    BTF says nothing about alignment; it follows from the members as in btf__align_of().
    """
    return _align_of(table, type_id, 0)


def _align_of(table: TypeTable, type_id: int, depth: int) -> int:
    known = table.alignments
    align = known.get(type_id)
    if align is not None:
        return align
    at = type_id
    for _ in range(_MAX_DEPTH):
        at = table.resolve(at)
        if at in known:
            align = known[at]
            break
        kind = table.kind(at)
        if kind is BTFKind.PTR:
            align = POINTER_SIZE
            break
        if kind in (BTFKind.INT, BTFKind.ENUM, BTFKind.ENUM64, BTFKind.FLOAT):
            align = _scalar_align(table.size_or_target(at))
            break
        if kind is BTFKind.ARRAY:
            array = table[at]
            assert isinstance(array, Array)
            at = array.element
        elif kind is BTFKind.VAR:
            at = table.size_or_target(at)
        elif kind in (BTFKind.STRUCT, BTFKind.UNION):
            if depth >= _MAX_DEPTH:
                raise BTFError(f"type {type_id} is nested too deep", table.offset(type_id))
            widest, packed = _composite(table, at, depth)
            align = known[at] = 1 if packed else widest
            table.packed[at] = packed
            break
        else:
            raise BTFError(
                f"type {type_id} has no alignment: {_what(table, at)}", table.offset(type_id)
            )
    else:
        raise BTFError(f"type {type_id} is nested too deep", table.offset(type_id))
    known[type_id] = align
    return align


def _composite(table: TypeTable, type_id: int, depth: int) -> tuple[int, bool]:
    """The widest alignment among the members, and whether they lie as in a packed struct only."""
    composite = table[type_id]
    assert isinstance(composite, (Struct, Union))
    widest = 1
    for member in members(table, composite):
        wanted = _align_of(table, member.type_id, depth + 1)
        widest = max(widest, wanted)
        if member.bit_size == 0:
            misplaced = member.bit_offset % (8 * wanted) != 0
        else:
            unit = 8 * size_of(table, member.type_id) or 8
            last = member.bit_offset + member.bit_size - 1
            misplaced = member.bit_offset // unit != last // unit
        if misplaced:
            return 1, True
    return widest, composite.size % widest != 0


def is_packed(table: TypeTable, type_id: int) -> bool:
    """Whether the struct or union must have been declared ``__attribute__((packed))``.

    It must if its size is no multiple of what its members want, or a member lies where C would
    not put it, or a bitfield straddles the units of its type; else the attribute would make no
    difference.  Follows btf_is_struct_packed() of libbpf.
    """
    if table.kind(type_id) not in (BTFKind.STRUCT, BTFKind.UNION):
        return False
    if type_id not in table.packed:
        table.packed[type_id] = _composite(table, type_id, 0)[1]
    return table.packed[type_id]


def members(table: TypeTable, struct: Struct | Union) -> list[PlacedMember]:
    """The members with both encodings of bitfields made one.

    Since LLVM 8 and pahole 1.13 the member says its width (``kind_flag``).  Before, a bitfield had
    an integer type of its own, with fewer bits than bytes; its width is found there, and the
    type's ``bit_offset`` is added.
    """
    placed: list[PlacedMember] = []
    widths = table.widths
    for member in struct.members:
        name, type_id, bit_offset, bit_size = (
            member.name,
            member.target,
            member.bit_offset,
            member.bit_size,
        )
        if bit_size == 0:
            inside = widths.get(type_id)
            if inside is None:
                inside = widths[type_id] = _width(table, type_id)
            bit_offset += inside[0]
            bit_size = inside[1]
        placed.append(PlacedMember(name, type_id, bit_offset, bit_size))
    return placed


def _width(table: TypeTable, type_id: int) -> tuple[int, int]:
    """The bit offset and width of an integer type that stands for a bitfield; else zeros."""
    at = table.resolve(type_id)
    if table.kind(at) is BTFKind.INT:
        integer = table[at]
        assert isinstance(integer, Int)
        if integer.bit_offset or integer.bits != integer.size * 8:
            return integer.bit_offset, integer.bits
    return 0, 0


def _scalar_align(size: int) -> int:
    """Up to eight bytes a scalar is aligned to its size, __int128 to 16 on every 64-bit target."""
    if size and size & size - 1 == 0:
        return min(size, 16)
    # 80-bit long double is kept in 16 bytes; three bytes exist as bitfield types only.
    return 1


def _limited(table: TypeTable, type_id: int, size: int) -> int:
    if size >= _SIZE_LIMIT:
        raise BTFError(f"type {type_id} would take {size} bytes", table.offset(type_id))
    return size


def _what(table: TypeTable, type_id: int) -> str:
    kind = table.kind(type_id)
    if type_id == 0:
        return "it is void"
    if kind is BTFKind.FWD:
        return f"{table.name(type_id)!r} is declared, never defined"
    return f"it is of kind {kind.name}"
