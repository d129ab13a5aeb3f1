"""The index of a kernel's BTF that is kept on disk: where each type starts, and names to ids.

In: a kernel's BTF that was scanned the long way, or an index file's bytes and the blob they speak
of.  Out: the index file's bytes, or what ``btf.decode`` takes instead of scanning.  Not here: which
kernel runs, where files lie and whom they belong to (kernel_btf.py).

A file is a header, the word at which each type starts, a hash table of the names of all types but
functions, and two columns for the functions.  The table has slots of type ids, 0 for a free one,
found by crc32 and linear probing.  The names themselves are not kept; a type that a slot leads to
is asked for its name in the blob.  A type with a ``___flavour`` has a second slot under its name
without it.  Everything is in the machine's byte order.

Four of five named types are functions, of which a program asks for one or two, and CO-RE for none.
So they are not hashed, which would take longer than all the rest of the index: a function is found
by searching the blob's strings for its name, and the column of name offsets for what was found.
"""

from __future__ import annotations

import struct
import sys
from itertools import compress, count
from zlib import crc32

from ..btf.errors import BTFError
from ..btf.names import essential_name
from ..light import TYPE_CHECKING, Iterator, Sequence
from ..uapi import BTFKind

if TYPE_CHECKING:
    import mmap
    from array import array

    from ..btf.table import TypeTable

#: Files of another format are ignored and written anew.
FORMAT = 3
_MAGIC = b"bpf2pyBI"
#: magic, format, byte-order mark, size of the blob, its section of types (start, length) and of
#: strings, number of types, of slots, of functions, crc32 of all behind the header, build of the kernel.
_HEADER = struct.Struct("=8sIIQIIIIIIII24s")
_CHECKSUM = struct.Struct("=I")
_HEADER_SIZE = _HEADER.size + _CHECKSUM.size
_BYTE_ORDER_MARK = 0x01020304
#: The strings are searched piece by piece: a copy of all of them would stay in memory.
_PIECE = 1 << 16


class HashedNames:
    """A ``NameIndex`` over the columns of an index file.

    *blob* has its types at *types* (a start) and its strings at *strings* (start and length), in
    bytes.  *functions* are the functions' name offsets and their ids.  What slots and
    columns say is believed only if the type found bears the name in the blob.
    """

    __slots__ = ("_blob", "_functions", "_offsets", "_slots", "_strings", "_types")

    def __init__(
        self,
        blob: bytes | mmap.mmap,
        *,
        types: int,
        strings: tuple[int, int],
        offsets: Sequence[int],
        slots: Sequence[int],
        functions: tuple[memoryview, memoryview],
    ) -> None:
        self._blob = blob
        self._types = types
        self._strings = strings
        self._offsets = offsets
        self._slots = slots
        self._functions = functions

    def ids(self, name: str, *, functions: bool = True) -> Sequence[int]:
        """Ids of the types called exactly *name*; none for the empty name."""
        found = self._find(name, flavours=False)
        if functions and name and "\0" not in name:
            found = sorted({*found, *self._function_ids(name)})
        return found

    def essential_ids(self, name: str) -> Sequence[int]:
        """Ids of the types, without functions, whose name without ``___flavour`` is *name*."""
        return self._find(name, flavours=True)

    def _find(self, name: str, *, flavours: bool) -> list[int]:
        if not name or "\0" in name:
            return []
        try:
            return self._probe(name, flavours)
        except (IndexError, OverflowError, struct.error):
            # The checksum was right, so this is no accident.
            raise BTFError("the index of the kernel's BTF was tampered with") from None

    def _probe(self, name: str, flavours: bool) -> list[int]:
        plain = essential_name(name) == name if flavours else True
        wanted = name.encode("utf-8", "surrogateescape")
        length = len(wanted)
        blob, types, (strings, _) = self._blob, self._types, self._strings
        offsets, slots = self._offsets, self._slots
        found: set[int] = set()
        mask = len(slots) - 1
        slot = crc32(wanted) & mask
        for _ in range(len(slots)):
            type_id = slots[slot]
            if not type_id:
                break
            slot = slot + 1 & mask
            (name_offset,) = _CHECKSUM.unpack_from(blob, types + 4 * offsets[type_id - 1])
            at = strings + name_offset
            if blob[at : at + length] != wanted:
                continue
            behind = blob[at + length]
            if not behind:
                if plain:
                    found.add(type_id)
            elif flavours and behind == 0x5F:
                end = blob.find(b"\0", at)
                if essential_name(blob[at:end].decode("utf-8", "surrogateescape")) == name:
                    found.add(type_id)
        return sorted(found)

    def _function_ids(self, name: str) -> Iterator[int]:
        column, ids = self._functions[0].tobytes(), self._functions[1]
        for offset in self._places(name.encode("utf-8", "surrogateescape") + b"\0"):
            wanted = offset.to_bytes(4, sys.byteorder)
            at = column.find(wanted)
            while at >= 0:
                if not at % 4:
                    yield self._function(ids[at // 4], offset)
                at = column.find(wanted, at + 1)

    def _function(self, type_id: int, name_offset: int) -> int:
        try:
            place = self._types + 4 * self._offsets[type_id - 1]
            if type_id and _CHECKSUM.unpack_from(self._blob, place)[0] == name_offset:
                return type_id
        except (IndexError, OverflowError, struct.error):
            pass
        raise BTFError("the index of the kernel's BTF was tampered with")

    def _places(self, needle: bytes) -> Iterator[int]:
        """Offsets of *needle* in the strings; a name may be the end of a longer string."""
        blob, (start, length) = self._blob, self._strings
        for first in range(0, length, _PIECE):
            # mmap.find() is many times slower than bytes.find().
            piece = blob[start + first : start + min(first + _PIECE + len(needle) - 1, length)]
            at = piece.find(needle)
            while at >= 0:
                yield first + at
                at = piece.find(needle, at + 1)


class _Sorts(dict[int, int]):
    """From a type's info word to how the index keeps it: 0 not at all, 1 function, 2 hashed."""

    def __missing__(self, info: int) -> int:
        kind = info >> 24 & 0x7F
        found = self[info] = 1 if kind == BTFKind.FUNC else 0 if kind in _NAMELESS else 2
        return found


_NAMELESS = frozenset(
    (
        BTFKind.PTR,
        BTFKind.ARRAY,
        BTFKind.VOLATILE,
        BTFKind.CONST,
        BTFKind.RESTRICT,
        BTFKind.FUNC_PROTO,
    )
)
_ONLY_FUNCTIONS = bytes((0, 1, *bytes(254)))
_ONLY_HASHED = bytes((0, 0, 1, *bytes(253)))


def _slots(names: list[bytes], ids: list[int]) -> array[int]:
    """The hash table."""
    from array import array

    # At most two thirds full: a name that is there takes two looks, one that is not three.
    mask = (1 << (len(names) * 3 // 2).bit_length()) - 1
    slots = [0] * (mask + 1)
    for slot, type_id in zip(map(crc32, names), ids, strict=True):
        slot &= mask
        while slots[slot]:
            slot = slot + 1 & mask
        slots[slot] = type_id
    return array("I", slots)


def build_index(
    table: TypeTable,
    blob: bytes | mmap.mmap,
    *,
    build: bytes,
    types: tuple[int, int],
    strings: tuple[int, int],
) -> bytes:
    """The index file for *blob* and its table without base; the sections are (start, length)."""
    from array import array

    offsets = array("I", table.offsets)
    words = array("I")
    words.frombytes(blob[types[0] : sum(types)])
    # What goes over all types is left to C; Python itself goes over those to be hashed.
    infos = map(words[1:].__getitem__, offsets)
    sorts = bytes(map(_Sorts().__getitem__, infos))
    functions, hashed = sorts.translate(_ONLY_FUNCTIONS), sorts.translate(_ONLY_HASHED)
    columns = array("I", map(words.__getitem__, compress(offsets, functions)))
    function_count = len(columns)
    columns.extend(compress(count(1), functions))

    text = blob[strings[0] : sum(strings)]
    find, nul = text.find, b"\0"
    starts = list(map(words.__getitem__, compress(offsets, hashed)))
    ids = list(compress(compress(count(1), hashed), starts))  # without those that have no name
    names = [text[start : find(nul, start)] for start in filter(None, starts)]
    for place in [place for place, name in enumerate(names) if b"___" in name]:
        name, type_id = names[place], ids[place]
        whole = name.decode("utf-8", "surrogateescape")
        essential = essential_name(whole)
        if essential != whole:
            names.append(essential.encode("utf-8", "surrogateescape"))
            ids.append(type_id)
    slots = _slots(names, ids)
    body = offsets.tobytes() + slots.tobytes() + columns.tobytes()
    header = _HEADER.pack(
        _MAGIC,
        FORMAT,
        _BYTE_ORDER_MARK,
        len(blob),
        *types,
        *strings,
        len(offsets),
        len(slots),
        function_count,
        crc32(body),
        build,
    )
    return header + _CHECKSUM.pack(crc32(header)) + body


def open_index(
    data: bytes | mmap.mmap,
    blob: bytes | mmap.mmap,
    *,
    build: bytes,
    types: tuple[int, int],
    strings: tuple[int, int],
) -> tuple[Sequence[int], HashedNames] | None:
    """Places and names from an index file; None for one that is not about this blob, or damaged.

    *types* and *strings* are the sections of *blob* as its own header says.
    """
    if len(data) < _HEADER_SIZE:
        return None
    header = data[: _HEADER.size]
    magic, version, mark, blob_size, *rest = _HEADER.unpack(header)
    type_start, type_length, string_start, string_length, total, *rest = rest
    slot_count, function_count, checksum, kernel = rest
    if (
        (magic, version, mark) != (_MAGIC, FORMAT, _BYTE_ORDER_MARK)
        or _CHECKSUM.unpack_from(data, _HEADER.size)[0] != crc32(header)
        or kernel != build
        or blob_size != len(blob)
        or (type_start, type_length) != types
        or (string_start, string_length) != strings
        or len(data) != _HEADER_SIZE + 4 * (total + slot_count + 2 * function_count)
        or slot_count.bit_count() != 1
    ):
        return None
    body = memoryview(data)[_HEADER_SIZE:]
    if crc32(body) != checksum:
        return None
    words = body.cast("I")
    offsets, slots = words[:total], words[total : total + slot_count]
    columns = words[total + slot_count :]
    names = HashedNames(
        blob,
        types=type_start,
        strings=strings,
        offsets=offsets,
        slots=slots,
        functions=(columns[:function_count], columns[function_count:]),
    )
    return offsets, names
