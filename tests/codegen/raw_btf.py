"""A second, plain reading of BTF: where every leaf of a type lies, and what the bytes there are.

In: a blob and ids.  Out: :class:`Place` values, and what Python shall see at each.  Written from
<linux/btf.h> alone: nothing of ``bpf2py.btf`` or the generator is used, so that agreement means
something.
"""

from __future__ import annotations

import json
import struct
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

INT, PTR, ARRAY, STRUCT, UNION, ENUM, FLOAT, ENUM64 = 1, 2, 3, 4, 5, 6, 16, 19
COMPOSITES = (STRUCT, UNION)
ENUMS = (ENUM, ENUM64)
#: TYPEDEF, VOLATILE, CONST, RESTRICT, TYPE_TAG.
_MODIFIERS = (8, 9, 10, 11, 18)
#: Bytes behind the first twelve: fixed ones, and for each of ``vlen``.
_EXTRA = {INT: (4, 0), ARRAY: (12, 0), STRUCT: (0, 12), UNION: (0, 12), ENUM: (0, 8), 13: (0, 8)}
_EXTRA |= {14: (4, 0), 15: (0, 12), 17: (4, 0), ENUM64: (0, 12)}


@dataclass(frozen=True)
class Place:
    """One leaf: names and indices that lead to it, its bits, and what they are.

    ``kind`` is ``int``, ``signed``, ``bool``, ``float``, ``text`` or ``bytes``.
    """

    path: tuple[str | int, ...]
    bit_offset: int
    bits: int
    kind: str

    def raw(self, data: bytes) -> int:
        """The bits as an unsigned number."""
        return int.from_bytes(data, "little") >> self.bit_offset & ((1 << self.bits) - 1)

    def value(self, data: bytes) -> Any:
        """What Python shall see."""
        first, last = self.bit_offset // 8, (self.bit_offset + self.bits + 7) // 8
        part = data[first:last]
        if self.kind == "bytes":
            return part
        if self.kind == "text":
            return part.partition(b"\0")[0].decode("utf-8", "surrogateescape")
        if self.kind == "float":
            return struct.unpack("<f" if self.bits == 32 else "<d", part)[0]
        number = int.from_bytes(part, "little") >> self.bit_offset % 8 & ((1 << self.bits) - 1)
        if self.kind == "bool":
            return number != 0
        if self.kind == "signed" and number >> self.bits - 1:
            number -= 1 << self.bits
        return number


class RawBTF:
    """A little-endian blob without a base."""

    def __init__(self, data: bytes) -> None:
        magic, _, _, header, types, size, strings, _ = struct.unpack_from("<HBBIIIII", data)
        assert magic == 0xEB9F
        self.data = data
        self.strings = header + strings
        self.at = [0]
        place, end = header + types, header + types + size
        while place < end:
            self.at.append(place)
            info = struct.unpack_from("<I", data, place + 4)[0]
            fixed, each = _EXTRA.get(info >> 24 & 0x1F, (0, 0))
            place += 12 + fixed + each * (info & 0xFFFFFF)

    def kind(self, type_id: int) -> int:
        return self.data[self.at[type_id] + 7] & 0x1F if type_id else 0

    def name(self, type_id: int) -> str:
        return self._string(struct.unpack_from("<I", self.data, self.at[type_id])[0])

    def third(self, type_id: int) -> int:
        """The size, or the type referred to."""
        number: int = struct.unpack_from("<I", self.data, self.at[type_id] + 8)[0]
        return number

    def behind(self, type_id: int) -> int:
        """The type behind typedefs and qualifiers."""
        while self.kind(type_id) in _MODIFIERS:
            type_id = self.third(type_id)
        return type_id

    def array(self, type_id: int) -> tuple[int, int]:
        """Element and length."""
        element, _, length = struct.unpack_from("<III", self.data, self.at[type_id] + 12)
        return element, length

    def size(self, type_id: int) -> int:
        type_id = self.behind(type_id)
        if self.kind(type_id) == ARRAY:
            element, length = self.array(type_id)
            return length * self.size(element)
        return 8 if self.kind(type_id) == PTR else self.third(type_id)

    def members(self, type_id: int) -> Iterator[tuple[str, int, int, int]]:
        """Name, type, bit offset, and bits if it is a bitfield."""
        at = self.at[type_id]
        info = struct.unpack_from("<I", self.data, at + 4)[0]
        for number in range(info & 0xFFFFFF):
            name, target, offset = struct.unpack_from("<III", self.data, at + 12 + 12 * number)
            bits = offset >> 24 if info >> 31 else 0
            yield self._string(name), target, offset & 0xFFFFFF if info >> 31 else offset, bits

    def enumerators(self, type_id: int) -> list[int]:
        """The numbers of an enum, in order."""
        at = self.at[type_id]
        count = struct.unpack_from("<I", self.data, at + 4)[0] & 0xFFFFFF
        signed = self.data[at + 7] >> 7
        if self.kind(type_id) == ENUM:
            code = "<4xi" if signed else "<4xI"
            return [n for (n,) in struct.iter_unpack(code, self.data[at + 12 :][: 8 * count])]
        rows = struct.iter_unpack("<4xQ", self.data[at + 12 :][: 12 * count])
        return [n - (1 << 64) if signed and n >> 63 else n for (n,) in rows]

    def parts(self, type_id: int) -> set[int]:
        """The composites and enums that a value of that type consists of, itself included."""
        found: set[int] = set()
        todo = [type_id]
        while todo:
            at = self.behind(todo.pop())
            kind = self.kind(at)
            if kind == ARRAY:
                todo.append(self.array(at)[0])
            elif kind in COMPOSITES and at not in found:
                found.add(at)
                todo += [target for _, target, _, _ in self.members(at)]
            elif kind in ENUMS:
                found.add(at)
        return found

    def tail(self, type_id: int) -> tuple[str, int, int] | None:
        """Name, byte offset and element of a flexible array member that ends the struct."""
        if self.kind(type_id) != STRUCT:
            return None
        rows = list(self.members(type_id))
        if not rows:
            return None
        last = rows[-1]
        target = self.behind(last[1])
        if not last[0] or self.kind(target) != ARRAY or self.array(target)[1]:
            return None
        return last[0], last[2] // 8, self.array(target)[0]

    def places(
        self, type_id: int, hidden: frozenset[str], at: int = 0, path: tuple[str | int, ...] = ()
    ) -> Iterator[Place]:
        """The leaves of a type; of an array those of its first and its last element.

        Structs called as in *hidden* are left out: they are the kernel's own.
        """
        type_id = self.behind(type_id)
        kind, size = self.kind(type_id), self.size(type_id)
        if kind == ARRAY:
            element, length = self.array(type_id)
            text = self._text(element)
            if not size:
                return
            if text:
                yield Place(path, at, 8 * size, text)
                return
            for index in sorted({0, length - 1}):
                place = at + 8 * index * self.size(element)
                yield from self.places(element, hidden, place, (*path, index))
        elif kind in COMPOSITES:
            for name, target, offset, bits in self.members(type_id):
                inner = self.behind(target)
                if self._is_hidden(inner, hidden):
                    continue
                if bits:
                    if name:
                        yield Place((*path, name), at + offset, bits, self._number(inner))
                else:
                    below = (*path, name) if name else path
                    yield from self.places(inner, hidden, at + offset, below)
        else:
            yield Place(path, at, 8 * size, self._number(type_id))

    def _is_hidden(self, type_id: int, hidden: frozenset[str]) -> bool:
        while self.kind(type_id) == ARRAY:
            type_id = self.behind(self.array(type_id)[0])
        return self.kind(type_id) == STRUCT and self.name(type_id) in hidden

    def _number(self, type_id: int) -> str:
        kind = self.kind(type_id)
        if kind == INT:
            encoding = self.data[self.at[type_id] + 15]
            if encoding & 4 and self.third(type_id) == 1:
                return "bool"
            return "signed" if encoding & 1 else "int"
        if kind in ENUMS:
            return "signed" if self.data[self.at[type_id] + 7] >> 7 else "int"
        return "float" if kind == FLOAT else "int"

    def _text(self, element: int) -> str:
        """What an array of *element* is, if it is no list."""
        element = self.behind(element)
        if self.kind(element) != INT or self.third(element) != 1:
            return ""
        encoding = self.data[self.at[element] + 15]
        if self.name(element) == "char":
            return "text"
        return "" if encoding & 5 else "bytes"

    def _string(self, offset: int) -> str:
        start = self.strings + offset
        return self.data[start : self.data.index(b"\0", start)].decode()


_BPFTOOL_KINDS = {"STRUCT": STRUCT, "UNION": UNION, "ENUM": ENUM, "ENUM64": ENUM64}


def compare_with_bpftool(raw: RawBTF, path: Path) -> tuple[int, list[str]]:
    """How many structs, unions and enums bpftool sees in the file, and what it says otherwise.

    Name, size, every member's type, bit offset and width, every enumerator.
    """
    command = ["bpftool", "--json", "btf", "dump", "file", str(path)]
    types = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["types"]
    found, wrong = 0, list[str]()
    for row in types:
        type_id, kind = row["id"], _BPFTOOL_KINDS.get(row["kind"])
        if kind is None:
            if raw.kind(type_id) in (*COMPOSITES, *ENUMS):
                wrong.append(f"type {type_id}: {row['kind']}")
            continue
        found += 1
        says: list[Any] = [kind, _named(row["name"]), row["size"]]
        ours: list[Any] = [raw.kind(type_id), raw.name(type_id), raw.size(type_id)]
        if kind in COMPOSITES:
            says += [
                (_named(m["name"]), m["type_id"], m["bits_offset"], m.get("bitfield_size", 0))
                for m in row["members"]
            ]
            ours += raw.members(type_id)
        else:
            # modulo its width: bpftool 7.1 extends the sign of unsigned numbers, too
            wide = 1 << (32 if kind == ENUM else 64)
            says += [value["val"] % wide for value in row["values"]]
            ours += [number % wide for number in raw.enumerators(type_id)]
        if says != ours:
            wrong.append(f"type {type_id}: {ours}, bpftool has {says}")
    return found, wrong


def _named(name: str) -> str:
    return "" if name == "(anon)" else name
