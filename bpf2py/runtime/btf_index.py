"""The index of a kernel's BTF that is kept on disk: where each type starts, and names to ids.

In: a TypeTable that was scanned the long way, or an index file's bytes and the blob they speak of.
Out: the index file's bytes, or what ``btf.decode`` takes instead of scanning.  Not here: which
kernel runs, where files lie and whom they belong to (kernel_btf.py).

A file is a header, the word at which each type starts, and a hash table of names: slots of type
ids, 0 for a free one, found by crc32 and linear probing.  The names themselves are not kept; a
type that a slot leads to is asked for its name in the blob.  A type with a ``___flavour`` has a
second slot under its name without it.  Everything is in the machine's byte order.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING
from zlib import crc32

from ..btf.errors import BTFError
from ..btf.names import essential_name

if TYPE_CHECKING:
    import mmap

    from ..btf.table import TypeTable

#: Files of another format are ignored and written anew.
FORMAT = 1
_MAGIC = b"bpf2pyBI"
#: magic, format, byte-order mark, size of the blob, its section of types (start, length) and of
#: strings, number of types, number of slots, crc32 of all behind the header, build id.
_HEADER = struct.Struct("=8sIIQIIIIIII20s")
_CHECKSUM = struct.Struct("=I")
_HEADER_SIZE = _HEADER.size + _CHECKSUM.size
_BYTE_ORDER_MARK = 0x01020304


class HashedNames:
    """A ``NameIndex`` over the slots of an index file.

    *blob* has its types at *types* and its strings at *strings*, both as bytes from its start.
    What the slots say is believed only if the type found bears the name in the blob.
    """

    __slots__ = ("_blob", "_offsets", "_slots", "_strings", "_types")

    def __init__(
        self,
        blob: bytes | mmap.mmap,
        *,
        types: int,
        strings: int,
        offsets: Sequence[int],
        slots: Sequence[int],
    ) -> None:
        self._blob = blob
        self._types = types
        self._strings = strings
        self._offsets = offsets
        self._slots = slots

    def ids(self, name: str) -> Sequence[int]:
        """Ids of the types called exactly *name*; none for the empty name."""
        return self._find(name, flavours=False)

    def essential_ids(self, name: str) -> Sequence[int]:
        """Ids of the types whose name without ``___flavour`` is *name*."""
        return self._find(name, flavours=True)

    def _find(self, name: str, *, flavours: bool) -> list[int]:
        if not name or "\0" in name:
            return []
        try:
            return self._probe(name, flavours)
        except (IndexError, struct.error):
            # The checksum was right, so this is no accident.
            raise BTFError("the index of the kernel's BTF was tampered with") from None

    def _probe(self, name: str, flavours: bool) -> list[int]:
        plain = essential_name(name) == name if flavours else True
        wanted = name.encode("utf-8", "surrogateescape")
        length = len(wanted)
        blob, types, strings = self._blob, self._types, self._strings
        offsets, slots = self._offsets, self._slots
        found: set[int] = set()
        count = len(slots)
        slot = crc32(wanted) % count
        for _ in range(count):
            type_id = slots[slot]
            if not type_id:
                break
            slot = slot + 1 if slot + 1 < count else 0
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


def build_index(
    table: TypeTable,
    *,
    build_id: bytes,
    blob_size: int,
    types: tuple[int, int],
    strings: tuple[int, int],
) -> bytes:
    """The index file for a table without base; the sections are (start, length) in its blob."""
    from array import array

    offsets = array("I", table.offsets)
    named: list[tuple[bytes, int]] = []
    for type_id in table:
        name = table.name(type_id)
        if name:
            named.append((name.encode("utf-8", "surrogateescape"), type_id))
            essential = essential_name(name) if "___" in name else name
            if essential != name:
                named.append((essential.encode("utf-8", "surrogateescape"), type_id))
    # Two thirds full: a name that is there takes two looks on average, one that is not three.
    count = len(named) * 3 // 2 | 1
    slots = array("I", bytes(4 * count))
    for encoded, type_id in named:
        slot = crc32(encoded) % count
        while slots[slot]:
            slot = slot + 1 if slot + 1 < count else 0
        slots[slot] = type_id
    body = offsets.tobytes() + slots.tobytes()
    header = _HEADER.pack(
        _MAGIC,
        FORMAT,
        _BYTE_ORDER_MARK,
        blob_size,
        *types,
        *strings,
        len(offsets),
        count,
        crc32(body),
        build_id.ljust(20, b"\0")[:20],
    )
    return header + _CHECKSUM.pack(crc32(header)) + body


def open_index(
    data: bytes | mmap.mmap,
    blob: bytes | mmap.mmap,
    *,
    build_id: bytes,
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
    type_start, type_length, string_start, string_length, count, slot_count, checksum, kernel = rest
    if (
        (magic, version, mark) != (_MAGIC, FORMAT, _BYTE_ORDER_MARK)
        or _CHECKSUM.unpack_from(data, _HEADER.size)[0] != crc32(header)
        or kernel != build_id.ljust(20, b"\0")[:20]
        or blob_size != len(blob)
        or (type_start, type_length) != types
        or (string_start, string_length) != strings
        or len(data) != _HEADER_SIZE + 4 * (count + slot_count)
        or not slot_count
    ):
        return None
    body = memoryview(data)[_HEADER_SIZE:]
    if crc32(body) != checksum:
        return None
    words = body.cast("I")
    offsets, slots = words[:count], words[count:]
    names = HashedNames(blob, types=type_start, strings=string_start, offsets=offsets, slots=slots)
    return offsets, names
