"""A TypeTable seen through CO-RE's eyes: single members and values, without building whole types.

In: a TypeTable.  Out: numbers and names of exactly the members asked for.  The kernel's
``task_struct`` has hundreds of members and a program reads five, so nothing here makes ``Type``
values.  Names are bytes, as they lie in the blob.  Not here: any comparison of two tables.

``member_index`` and ``size_of`` follow bpf_core_match_member() and btf__resolve_size() of libbpf.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ..uapi import BTFKind
from .errors import BTFError
from .table import TypeTable

# Plain integers: an attribute of an enum costs as much as the comparison itself.
UNKN = int(BTFKind.UNKN)
INT = int(BTFKind.INT)
PTR = int(BTFKind.PTR)
ARRAY = int(BTFKind.ARRAY)
STRUCT = int(BTFKind.STRUCT)
UNION = int(BTFKind.UNION)
ENUM = int(BTFKind.ENUM)
FWD = int(BTFKind.FWD)
FUNC_PROTO = int(BTFKind.FUNC_PROTO)
FLOAT = int(BTFKind.FLOAT)
ENUM64 = int(BTFKind.ENUM64)

_MODIFIERS = frozenset(
    map(
        int,
        (BTFKind.TYPEDEF, BTFKind.VOLATILE, BTFKind.CONST, BTFKind.RESTRICT, BTFKind.TYPE_TAG),
    )
)
_REFERENCES = _MODIFIERS | {int(BTFKind.VAR), int(BTFKind.DECL_TAG)}
_SIZED = frozenset(
    map(int, (INT, STRUCT, UNION, ENUM, ENUM64, FLOAT, BTFKind.DATASEC)),
)
#: How deep libbpf follows typedefs and nested anonymous members (MAX_RESOLVE_DEPTH and
#: BPF_CORE_SPEC_MAX_LEN).
_MAX_RESOLVE_DEPTH = 32
_MAX_NESTING = 64
_MAX_SIZE = 0xFFFFFFFF

#: The names under which a compiler describes a word as long as a pointer.
_LONG_NAMES = ("long unsigned int", "long int", "unsigned long", "long", "unsigned long int")


class Shape(NamedTuple):
    """A type's first three words, taken apart, and where the rest begins."""

    kind: int
    vlen: int
    flag: bool
    value: int
    """Size in bytes or id of another type, as the kind says."""
    words: Sequence[int]
    rest: int


class MemberPlace(NamedTuple):
    """A member found by name: ``owner`` is the (possibly anonymous) composite that declares it."""

    owner: int
    number: int
    bit_offset: int
    """Counted from the start of the composite that was searched."""


def is_modifier(kind: int) -> bool:
    """Whether types of that kind only name or qualify another one."""
    return kind in _MODIFIERS


def essential(name: bytes) -> bytes:
    """*name* without its flavour; follows bpf_core_essential_name_len().

    The flavour starts at the last ``___`` that stands between two characters other than ``_``.
    """
    at = name.rfind(b"___")
    while at > 0:
        if name[at - 1] != 0x5F and at + 3 < len(name) and name[at + 3] != 0x5F:
            return name[:at]
        at = name.rfind(b"___", 0, at + 2)
    return name


class TypeView:
    """Facts about the types of one table, each remembered once it was asked for."""

    __slots__ = (
        "_data",
        "_members",
        "_pointer_size",
        "_resolved",
        "_shapes",
        "_values",
        "base",
        "label",
        "local",
        "table",
    )

    def __init__(
        self,
        table: TypeTable,
        *,
        label: str = "",
        base: TypeView | None = None,
        local: bool = False,
    ) -> None:
        self.table = table
        self.label = label
        self.base = base
        self.local = local
        self._data = table._data
        self._shapes: dict[int, Shape] = {0: Shape(UNKN, 0, False, 0, (), 0)}
        self._resolved: dict[int, int] = {}
        self._members: dict[int, dict[bytes, MemberPlace]] = {}
        self._values: dict[int, dict[bytes, int]] = {}
        # BPF has 64-bit pointers whatever the kernel has (bpf_object__init_btf()).
        self._pointer_size = 8 if local else 0

    def shape(self, type_id: int) -> Shape:
        """The type's kind, size and so on; BTFError for an id that is not there."""
        found = self._shapes.get(type_id)
        if found is not None:
            return found
        table = self.table
        if type_id < table.first_id and self.base is not None:
            return self.base.shape(type_id)
        at = table._place(type_id)
        words = table._words
        info = words[at + 1]
        found = self._shapes[type_id] = Shape(
            info >> 24 & 0x7F, info & 0xFFFFFF, info >> 31 == 1, words[at + 2], words, at + 3
        )
        return found

    def resolve(self, type_id: int) -> int:
        """The id behind typedefs and qualifiers."""
        found = self._resolved.get(type_id)
        if found is not None:
            return found
        current = type_id
        for _ in range(_MAX_NESTING):
            shape = self.shape(current)
            if shape.kind not in _MODIFIERS:
                self._resolved[type_id] = current
                return current
            current = shape.value
        raise BTFError(f"type {type_id} is behind too many typedefs", self.table.offset(type_id))

    def string(self, offset: int) -> bytes:
        """The name at *offset* of the string section."""
        table = self.table
        if offset < table._string_base and self.base is not None:
            return self.base.string(offset)
        start = table._string_start + offset - table._string_base
        end = self._data.find(b"\0", start, table._string_end)
        if end < 0:
            return table.string(offset).encode("utf-8", "surrogateescape")  # complains, or ""
        return self._data[start:end]

    def name(self, type_id: int) -> bytes:
        """The type's own name; empty for one without."""
        return self.string(self.table.name_offset(type_id))

    # ---- members ----

    def member_name(self, shape: Shape, index: int) -> bytes:
        """The name of member *index* of a composite; empty for an anonymous one."""
        offset = shape.words[shape.rest + 3 * index]
        return self.string(offset) if offset else b""

    @staticmethod
    def member_target(shape: Shape, index: int) -> int:
        """The type of member *index*."""
        return shape.words[shape.rest + 3 * index + 1]

    @staticmethod
    def member_bit_offset(shape: Shape, index: int) -> int:
        """Where member *index* starts, in bits from the start of its composite."""
        place = shape.words[shape.rest + 3 * index + 2]
        return place & 0xFFFFFF if shape.flag else place

    @staticmethod
    def member_bit_size(shape: Shape, index: int) -> int:
        """The width of a bitfield; 0 for other members."""
        return shape.words[shape.rest + 3 * index + 2] >> 24 if shape.flag else 0

    def member(self, type_id: int, name: bytes) -> MemberPlace | None:
        """Member *name* of a composite or of the anonymous composites in it."""
        found = self._members.get(type_id)
        if found is None:
            found = self._members_of(type_id, 0)
        return found.get(name)

    def member_names(self, type_id: int) -> list[bytes]:
        """Every name that C lets one write behind a composite of this type."""
        found = self._members.get(type_id)
        return list(self._members_of(type_id, 0) if found is None else found)

    def _members_of(self, type_id: int, depth: int) -> dict[bytes, MemberPlace]:
        """All members by name, those of anonymous composites among them."""
        known = self._members.get(type_id)
        if known is not None:
            return known
        if depth > _MAX_NESTING:
            raise BTFError(
                f"type {type_id} is nested in anonymous members too deeply",
                self.table.offset(type_id),
            )
        _, vlen, flag, _, words, rest = self.shape(type_id)
        columns = words[rest : rest + 3 * vlen]
        found: dict[bytes, MemberPlace] = {}
        for index, (name_offset, place) in enumerate(zip(columns[::3], columns[2::3], strict=True)):
            bit_offset = place & 0xFFFFFF if flag else place
            if name_offset:
                name = self.string(name_offset)
                if name not in found:
                    found[name] = MemberPlace(type_id, index, bit_offset)
                continue
            inner = self.resolve(columns[3 * index + 1])
            if self.shape(inner).kind in (STRUCT, UNION):
                for name, (owner, at, inside) in self._members_of(inner, depth + 1).items():
                    if name not in found:
                        found[name] = MemberPlace(owner, at, bit_offset + inside)
        self._members[type_id] = found
        return found

    # ---- enums ----

    def value_name(self, shape: Shape, index: int) -> bytes:
        """The name of enumerator *index*."""
        return self.string(shape.words[shape.rest + index * (2 if shape.kind == ENUM else 3)])

    def value_index(self, type_id: int, essential_name: bytes) -> int | None:
        """The first enumerator of that name, flavours ignored."""
        return self._values_of(type_id).get(essential_name)

    def value_names(self, type_id: int) -> list[bytes]:
        """The names of all enumerators, flavours left out."""
        return list(self._values_of(type_id))

    def _values_of(self, type_id: int) -> dict[bytes, int]:
        found = self._values.get(type_id)
        if found is None:
            kind, vlen, _, _, words, rest = self.shape(type_id)
            width = 2 if kind == ENUM else 3
            found = self._values[type_id] = {}
            for index, offset in enumerate(words[rest : rest + width * vlen : width]):
                found.setdefault(essential(self.string(offset)), index)
        return found

    @staticmethod
    def enum_value(shape: Shape, index: int) -> int:
        """The value of enumerator *index* as 64 bits.

        Four bytes are sign-extended whatever the enum says of itself, as libbpf does: compilers
        before 2022 did not say.
        """
        if shape.kind == ENUM:
            value = shape.words[shape.rest + 2 * index + 1]
            return value | 0xFFFFFFFF00000000 if value >> 31 else value
        at = shape.rest + 3 * index + 1
        return shape.words[at] | shape.words[at + 1] << 32

    # ---- sizes ----

    def array(self, shape: Shape) -> tuple[int, int]:
        """Element type and number of elements of an array."""
        return shape.words[shape.rest], shape.words[shape.rest + 2]

    def size_of(self, type_id: int) -> int:
        """Bytes of a type; BTFError for one without a size."""
        current, count = type_id, 1
        for _ in range(_MAX_RESOLVE_DEPTH):
            shape = self.shape(current)
            kind = shape.kind
            if kind in _SIZED:
                size = shape.value
            elif kind == PTR:
                size = self.pointer_size
            elif kind in _REFERENCES:
                current = shape.value
                continue
            elif kind == ARRAY:
                current, length = self.array(shape)
                count *= length
                continue
            else:
                break
            if count * size > _MAX_SIZE:
                break
            return count * size
        raise BTFError(f"type {type_id} has no size", self.table.offset(type_id))

    @property
    def pointer_size(self) -> int:
        """Bytes of a pointer in the table's data model, told from its ``long`` as libbpf does."""
        if not self._pointer_size:
            if self.base is not None:
                self._pointer_size = self.base.pointer_size
                return self._pointer_size
            self._pointer_size = 8
            for name in _LONG_NAMES:
                type_id = self.table.find(name, BTFKind.INT)
                if type_id is not None:
                    size = self.shape(type_id).value
                    if size in (4, 8):
                        self._pointer_size = size
                        break
        return self._pointer_size

    def int_bit_offset(self, shape: Shape) -> int:
        """``BTF_INT_OFFSET``: not 0 only for integers of old compilers that stand for bitfields."""
        return shape.words[shape.rest] >> 16 & 0xFF

    def int_encoding(self, shape: Shape) -> int:
        """``BTF_INT_ENCODING``: signed, char and bool bits."""
        return shape.words[shape.rest] >> 24 & 0xF
