"""A TypeTable seen through CO-RE's eyes: single members and values, without building whole types.

In: a TypeTable.  Out: numbers and names of exactly the types asked for.  The kernel's
``task_struct`` has hundreds of members and a program reads five, so nothing here makes ``Type``
values; what was asked for once is remembered, because a hundred records of one object ask for the
same few types.  Names are bytes, as they lie in the blob.  Not here: comparing two tables.

Follows bpf_core_match_member() and btf__resolve_size() of libbpf.
"""

from __future__ import annotations

from ..light import TYPE_CHECKING, Callable, Sequence, TypeVar
from ..uapi import BTFKind
from .errors import BTFError
from .table import TypeTable

if TYPE_CHECKING:
    from typing import TypeAlias

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

COMPOSITES = (STRUCT, UNION)
ENUMS = (ENUM, ENUM64)
_MODIFIERS = frozenset(
    map(
        int,
        (BTFKind.TYPEDEF, BTFKind.VOLATILE, BTFKind.CONST, BTFKind.RESTRICT, BTFKind.TYPE_TAG),
    )
)
_REFERENCES = _MODIFIERS | {int(BTFKind.VAR), int(BTFKind.DECL_TAG)}
_SIZED = frozenset((INT, STRUCT, UNION, ENUM, ENUM64, FLOAT, int(BTFKind.DATASEC)))
#: How deep libbpf follows typedefs and nested anonymous members (MAX_RESOLVE_DEPTH and
#: BPF_CORE_SPEC_MAX_LEN).
_MAX_RESOLVE_DEPTH = 32
_MAX_NESTING = 64
_MAX_SIZE = 0xFFFFFFFF

#: The names under which a compiler describes a word as long as a pointer.
LONG_NAMES = ("long unsigned int", "long int", "unsigned long", "long", "unsigned long int")

#: A member found by name: its type, its bit offset in the composite that was searched, its width
#: if it is a bitfield (else 0), and the (possibly anonymous) composite that declares it with its
#: number there.
MemberPlace: TypeAlias = tuple[int, int, int, int, int]

_K = TypeVar("_K")
_V = TypeVar("_V")


class _Memo(dict[_K, _V]):
    """A dict that computes what is not in it; a hit costs no call."""

    __slots__ = ("_compute",)

    def __init__(self, compute: Callable[[_K], _V]) -> None:
        self._compute = compute

    def __missing__(self, key: _K) -> _V:
        value = self[key] = self._compute(key)
        return value


class Shape:
    """A type's first three words, taken apart, and where the rest begins."""

    __slots__ = ("flag", "kind", "rest", "type_id", "value", "vlen", "words")

    def __init__(
        self, type_id: int, info: int, value: int, words: Sequence[int], rest: int
    ) -> None:
        self.type_id = type_id
        self.kind = info >> 24 & 0x7F
        self.vlen = info & 0xFFFFFF
        self.flag = info >> 31 == 1
        #: Size in bytes or id of another type, as the kind says.
        self.value = value
        self.words = words
        #: The word behind the first three.
        self.rest = rest


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
    """Facts about the types of one table.

    ``shapes[id]``, ``resolved[id]`` (the shape behind typedefs and qualifiers), ``names[id]``,
    ``members[id]`` (name to place, for a composite), ``values[id]`` (essential name to number, for
    an enum), ``sizes[id]`` in bytes and ``access_sizes[id]`` (of arrays, one element) are each
    computed when first asked for, and raise BTFError for ids and types that make no sense.
    """

    __slots__ = (
        "_data",
        "_pointer_size",
        "access_sizes",
        "base",
        "label",
        "members",
        "names",
        "resolved",
        "shapes",
        "sizes",
        "table",
        "values",
    )

    def __init__(
        self,
        table: TypeTable,
        *,
        label: str = "",
        base: TypeView | None = None,
        local: bool = False,
    ) -> None:
        """*label* names the table in messages; *local* says that it is a BPF object's."""
        self.table = table
        self.label = label
        self.base = base
        self._data = table._data
        # BPF has 64-bit pointers whatever the kernel has (bpf_object__init_btf()).
        self._pointer_size = 8 if local else 0
        self.shapes = _Memo(self._shape)
        self.resolved = _Memo(self._resolve)
        self.names = _Memo(self._name)
        self.members = _Memo(self._members)
        self.values = _Memo(self._values)
        self.sizes = _Memo(self._size)
        self.access_sizes = _Memo(self._access_size)

    def _shape(self, type_id: int) -> Shape:
        table = self.table
        if type_id < table.first_id:
            if type_id == 0:
                return Shape(0, 0, 0, (), 0)
            if self.base is not None:
                return self.base.shapes[type_id]
        at = table._place(type_id)
        words = table._words
        return Shape(type_id, words[at + 1], words[at + 2], words, at + 3)

    def _resolve(self, type_id: int) -> Shape:
        shape = self.shapes[type_id]
        for _ in range(_MAX_NESTING):
            if shape.kind not in _MODIFIERS:
                return shape
            shape = self.shapes[shape.value]
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

    def _name(self, type_id: int) -> bytes:
        """The type's own name; empty for one without."""
        return self.string(self.table.name_offset(type_id))

    # ---- members ----

    def member(self, shape: Shape, number: int) -> tuple[bytes, int, int, int]:
        """Member *number* of a composite: name (empty if anonymous), type, bit offset, bit size."""
        at = shape.rest + 3 * number
        name, target, place = shape.words[at : at + 3]
        if shape.flag:
            return self.string(name) if name else b"", target, place & 0xFFFFFF, place >> 24
        return self.string(name) if name else b"", target, place, 0

    def _members(self, type_id: int, depth: int = 0) -> dict[bytes, MemberPlace]:
        """Every member that C lets one write behind the composite, by its name."""
        shape = self.shapes[type_id]
        flag = shape.flag
        table, data = self.table, self._data
        # Of most tables, all strings are the table's own; then looking one up takes no call.
        whole = not table._string_base
        strings, end = table._string_start, table._string_end
        find = data.find
        columns = iter(shape.words[shape.rest : shape.rest + 3 * shape.vlen])
        found: dict[bytes, MemberPlace] = {}
        for number, (name, target, place) in enumerate(zip(columns, columns, columns, strict=True)):
            bit_size = place >> 24 if flag else 0
            bit_offset = place & 0xFFFFFF if flag else place
            if name:
                at = strings + name
                stop = find(b"\0", at, end) if whole else -1
                text = data[at:stop] if stop >= 0 else self.string(name)
                if text not in found:
                    found[text] = (target, bit_offset, bit_size, type_id, number)
                continue
            inner = self.resolved[target]
            if inner.kind in COMPOSITES:
                if depth >= _MAX_NESTING:
                    raise BTFError(
                        f"type {type_id} is nested in anonymous members too deeply",
                        self.table.offset(type_id),
                    )
                nested = self.members.get(inner.type_id)
                if nested is None:
                    nested = self.members[inner.type_id] = self._members(inner.type_id, depth + 1)
                for text, (target, inside, width, owner, index) in nested.items():
                    if text not in found:
                        found[text] = (target, bit_offset + inside, width, owner, index)
        return found

    # ---- enums ----

    def value_name(self, shape: Shape, number: int) -> bytes:
        """The name of an enum's value *number*."""
        return self.string(shape.words[shape.rest + number * (2 if shape.kind == ENUM else 3)])

    def _values(self, type_id: int) -> dict[bytes, int]:
        shape = self.shapes[type_id]
        width = 2 if shape.kind == ENUM else 3
        found: dict[bytes, int] = {}
        names = shape.words[shape.rest : shape.rest + width * shape.vlen : width]
        for number, offset in enumerate(names):
            found.setdefault(essential(self.string(offset)), number)
        return found

    @staticmethod
    def enum_value(shape: Shape, number: int) -> int:
        """An enum's value *number* as unsigned 64 bits.

        Four bytes are sign-extended whatever the enum says of itself, as libbpf does: compilers
        before 2022 did not say.
        """
        if shape.kind == ENUM:
            value = shape.words[shape.rest + 2 * number + 1]
            return value | 0xFFFFFFFF00000000 if value >> 31 else value
        at = shape.rest + 3 * number + 1
        return shape.words[at] | shape.words[at + 1] << 32

    # ---- sizes ----

    @staticmethod
    def array(shape: Shape) -> tuple[int, int]:
        """Element type and number of elements of an array."""
        return shape.words[shape.rest], shape.words[shape.rest + 2]

    def _size(self, type_id: int) -> int:
        current, count = type_id, 1
        for _ in range(_MAX_RESOLVE_DEPTH):
            shape = self.shapes[current]
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

    def _access_size(self, type_id: int) -> int:
        """Bytes that a load or store of a member takes: of arrays, one element."""
        for _ in range(_MAX_NESTING):
            shape = self.resolved[type_id]
            if shape.kind != ARRAY:
                break
            type_id = self.array(shape)[0]
        return self.sizes[shape.type_id]

    @property
    def pointer_size(self) -> int:
        """Bytes of a pointer in the table's data model, told from its ``long`` as libbpf does."""
        if not self._pointer_size:
            self._pointer_size = self._find_pointer_size()
        return self._pointer_size

    def _find_pointer_size(self) -> int:
        if self.base is not None:
            return self.base.pointer_size
        for name in LONG_NAMES:
            type_id = self.table.find(name, BTFKind.INT)
            if type_id is not None and self.shapes[type_id].value in (4, 8):
                return self.shapes[type_id].value
        return 8

    # ---- integers ----

    @staticmethod
    def int_bit_offset(shape: Shape) -> int:
        """``BTF_INT_OFFSET``: not 0 only for integers of old compilers that stand for bitfields."""
        return shape.words[shape.rest] >> 16 & 0xFF

    @staticmethod
    def int_encoding(shape: Shape) -> int:
        """``BTF_INT_ENCODING``: signed, char and bool bits."""
        return shape.words[shape.rest] >> 24 & 0xF
