"""A relocatable BPF object as bytes: what ``reader`` reads, the other way.

In: sections with their contents and relocations, and symbols, each an object that others point to.
Out: the file.  Numbers are given here: sections in their order, symbols local ones first, as ELF
wants it.  Not here: what belongs into an object (``static_link``).
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from ..records import dataclass, field
from ..spec import ByteOrder
from .reader import SHN_UNDEF, SHT_NOBITS, SHT_REL, SHT_STRTAB, SHT_SYMTAB, STB_LOCAL

_EM_BPF, _ET_REL = 247, 1
_EHDR_SIZE, _SHDR_SIZE, _SYM_SIZE, _REL_SIZE = 64, 64, 24, 16


@dataclass(slots=True)
class OutSection:
    """A section to be written; ``size`` counts where there is no ``data`` (SHT_NOBITS)."""

    name: str
    kind: int
    flags: int
    align: int
    entry_size: int
    #: The file that it came from first, for messages.
    origin: str
    size: int = 0
    data: bytearray = field(default_factory=bytearray)
    #: Offset, kind (``R_BPF_…``) and symbol.
    relocations: list[tuple[int, int, OutSymbol]] = field(
        default_factory=list[tuple[int, int, "OutSymbol"]]
    )

    # each is one, whatever it holds
    __eq__ = object.__eq__
    __hash__ = object.__hash__


@dataclass(slots=True)
class OutSymbol:
    """A symbol to be written: in *section*, or with one of ``SHN_…`` where that is ``None``."""

    name: str
    kind: int
    bind: int
    visibility: int
    value: int
    size: int
    section: OutSection | None
    special: int = SHN_UNDEF

    # each is one, whatever it holds
    __eq__ = object.__eq__
    __hash__ = object.__hash__


def write_elf(
    sections: Sequence[OutSection], symbols: Sequence[OutSymbol], byte_order: ByteOrder
) -> bytes:
    """The object file with *sections*, from number 1 on, and *symbols*."""
    prefix = "<" if byte_order == "little" else ">"
    names = _Names()
    numbers = {section: number for number, section in enumerate(sections, 1)}
    ordered = sorted(symbols, key=lambda symbol: symbol.bind != STB_LOCAL)
    places = {symbol: place for place, symbol in enumerate(ordered, 1)}
    related = [section for section in sections if section.relocations]
    symtab = len(sections) + len(related) + 1
    rows = [_Row("", 0, 0, 0, 0, 0, 0, 0, b"")]
    for each in sections:
        data = bytes(each.data)
        rows.append(
            _Row(
                each.name, each.kind, each.flags, each.size, 0, 0, each.align, each.entry_size, data
            )
        )
    for each in related:
        data = b"".join(
            struct.pack(prefix + "QQ", offset, places[symbol] << 32 | kind)
            for offset, kind, symbol in each.relocations
        )
        name, size = ".rel" + each.name, len(data)
        rows.append(_Row(name, SHT_REL, 0, size, symtab, numbers[each], 8, _REL_SIZE, data))
    data = bytes(_SYM_SIZE) + b"".join(_symbol(prefix, each, names, numbers) for each in ordered)
    first_global = 1 + sum(symbol.bind == STB_LOCAL for symbol in ordered)
    rows.append(
        _Row(".symtab", SHT_SYMTAB, 0, len(data), symtab + 1, first_global, 8, _SYM_SIZE, data)
    )
    for name in (*(row.name for row in rows), ".strtab"):
        names.offset(name)
    data = bytes(names.data)
    rows.append(_Row(".strtab", SHT_STRTAB, 0, len(data), 0, 0, 1, 0, data))
    return _file(prefix, rows, names)


class _Row(NamedTuple):
    """A section as its header says it, and its contents."""

    name: str
    kind: int
    flags: int
    size: int
    link: int
    info: int
    align: int
    entry_size: int
    data: bytes


class _Names:
    """The string table, for symbols and sections alike."""

    def __init__(self) -> None:
        self.data = bytearray(b"\0")
        self._offsets = {"": 0}

    def offset(self, name: str) -> int:
        found = self._offsets.get(name)
        if found is None:
            found = self._offsets[name] = len(self.data)
            self.data += name.encode() + b"\0"
        return found


def _symbol(prefix: str, each: OutSymbol, names: _Names, numbers: dict[OutSection, int]) -> bytes:
    section = each.special if each.section is None else numbers[each.section]
    return struct.pack(
        prefix + "IBBHQQ",
        names.offset(each.name),
        each.bind << 4 | each.kind,
        each.visibility,
        section,
        each.value,
        each.size,
    )


def _file(prefix: str, rows: Sequence[_Row], names: _Names) -> bytes:
    body = bytearray(_EHDR_SIZE)
    headers: list[bytes] = []
    for row in rows:
        body += bytes(-len(body) % (row.align or 1))
        at = len(body) if row.kind else 0
        if row.kind != SHT_NOBITS:
            body += row.data
        headers.append(
            struct.pack(
                prefix + "IIQQQQIIQQ",
                *(names.offset(row.name), row.kind, row.flags, 0, at, row.size),
                *(row.link, row.info, row.align, row.entry_size),
            )
        )
    body += bytes(-len(body) % 8)
    ident = b"\x7fELF" + bytes((2, 1 if prefix == "<" else 2, 1)) + bytes(9)
    rest = struct.pack(
        prefix + "HHIQQQIHHHHHH",
        *(_ET_REL, _EM_BPF, 1, 0, 0, len(body), 0),
        *(_EHDR_SIZE, 0, 0, _SHDR_SIZE, len(headers), len(headers) - 1),
    )
    body[:_EHDR_SIZE] = ident + rest
    return bytes(body) + b"".join(headers)
