"""An ELF file as values: sections, symbols and relocations of one relocatable BPF object.

In: the bytes of a file that anybody may have damaged.  Out: an :class:`ElfObject`, or an
``ObjectError`` that names the place; never another exception, and never more memory than a small
multiple of the file.  Not here: what the sections mean.  This is the only module that imports
pyelftools, and only when a file is read: its structs decode the file header and the section
headers (its ``ELFFile`` brings DWARF along).  Symbols and relocations are two flat tables of which
an object can have thousands, so they are unpacked in one go.
"""

from __future__ import annotations

import functools
import io
import struct
from collections.abc import Iterable
from typing import BinaryIO, NamedTuple

from ..records import dataclass
from ..spec import ByteOrder
from .errors import ObjectError

#: Numbers of <elf.h>; pyelftools spells the known ones as text and leaves the others as numbers.
EM_BPF, EM_NONE = "EM_BPF", "EM_NONE"
SHT_PROGBITS, SHT_SYMTAB, SHT_STRTAB, SHT_RELA, SHT_NOBITS, SHT_REL = 1, 2, 3, 4, 8, 9
SHF_EXECINSTR, SHF_COMPRESSED = 0x4, 0x800
SHN_UNDEF, SHN_LORESERVE = 0, 0xFF00
STB_LOCAL, STB_GLOBAL, STB_WEAK = 0, 1, 2
STT_NOTYPE, STT_OBJECT, STT_FUNC, STT_SECTION = 0, 1, 2, 3
STV_INTERNAL, STV_HIDDEN = 1, 2

#: R_BPF_64_64, which old compilers wrote for data as well, and R_BPF_64_ABS64: an address in data.
R_IN_DATA = (1, 2)

#: Sections of data whose relocations say something; a ``?`` before the name makes them optional.
RELOCATED = frozenset((".maps", ".struct_ops", ".struct_ops.link"))

BTF_SECTIONS = frozenset((".BTF", ".BTF.ext"))
#: Where clang 22 puts the targets of indirect jumps: 8 bytes each, counted from the start of the
#: section with the code.
JUMP_TABLES, ADDRESS_SIZE = ".jumptables", 8

_EHDR_SIZE, _SHDR_SIZE, _SYM_SIZE, _REL_SIZE = 64, 64, 24, 16


class Symbol(NamedTuple):
    """One row of the symbol table; ``section`` is a section number or one of ``SHN_…``."""

    number: int
    name: str
    value: int
    size: int
    bind: int
    kind: int
    visibility: int
    section: int

    @property
    def hidden(self) -> bool:
        """Whether the symbol is global for the linker and private to the object."""
        return self.bind != STB_LOCAL and self.visibility in (STV_INTERNAL, STV_HIDDEN)


class Relocation(NamedTuple):
    """One row of a ``.rel`` section: *kind* (``R_BPF_…``) at *offset* bytes, against *symbol*."""

    offset: int
    kind: int
    symbol: int


@dataclass(slots=True, frozen=True)
class Section:
    """One section; ``data`` is empty for SHT_NOBITS, whose ``size`` occupies no file."""

    index: int
    name: str
    kind: int
    flags: int
    size: int
    link: int
    info: int
    data: bytes
    align: int = 1
    entry_size: int = 0

    @property
    def executable(self) -> bool:
        return self.kind == SHT_PROGBITS and bool(self.flags & SHF_EXECINSTR)


@dataclass(slots=True, frozen=True)
class ElfObject:
    """One object: its sections by number, its symbols by number, its relocations by section."""

    name: str
    byte_order: ByteOrder
    sections: tuple[Section, ...]
    symbols: tuple[Symbol, ...]
    #: Section number to the relocations that apply to it, sorted by offset.
    relocations: dict[int, tuple[Relocation, ...]]

    def error(self, text: str) -> ObjectError:
        """An error about this file, for the caller to raise."""
        return ObjectError(f"{self.name}: {text}")

    def section(self, name: str) -> Section | None:
        """The first section called *name*."""
        return next((section for section in self.sections if section.name == name), None)

    def describe(self, symbol: Symbol) -> str:
        """A symbol in words: its name, or the section it stands for."""
        if symbol.name:
            return f"symbol {symbol.name!r}"
        if symbol.kind == STT_SECTION and symbol.section < len(self.sections):
            return f"section {self.sections[symbol.section].name!r}"
        return f"symbol #{symbol.number}"


def read_elf(data: bytes, *, name: str, linking: bool = False) -> ElfObject:
    """Take *data* apart; *name* is for messages.

    *linking* gives the relocations of all sections that a linker keeps, not only those that
    loading needs.

    Raises ``ObjectError`` for anything but a 64-bit relocatable ELF file for BPF with a symbol
    table: also for executables and libraries of the build machine, which is the usual mistake.
    """
    sections, byte_order = _sections(data, name)
    for section in sections:
        if section.flags & SHF_COMPRESSED and not is_debug(section.name):
            raise ObjectError(
                f"{name}: section {section.name!r} is compressed; compile without -gz, or run"
                " llvm-objcopy --decompress-debug-sections"
            )
    tables = [section for section in sections if section.kind == SHT_SYMTAB]
    if len(tables) != 1:
        raise ObjectError(
            f"{name}: {len(tables)} symbol tables, one is needed; do not strip BPF objects with"
            " anything stronger than llvm-strip -g"
        )
    symbols = _symbols(tables[0], sections, byte_order, name)
    relocations = {
        section.info: _relocations(section, sections, symbols, byte_order, name)
        for section in sections
        if section.kind in (SHT_REL, SHT_RELA)
        and _relocations_matter(section, sections, name, linking=linking)
    }
    return ElfObject(name, byte_order, sections, symbols, relocations)


def named_sections(stream: BinaryIO, names: Iterable[str], *, name: str) -> dict[str, bytes]:
    """The contents of some sections of any ELF file, a kernel for instance; those that it has.

    Only the headers and these sections are read.  *name* is for messages.  Raises ``ObjectError``.
    """
    from elftools.elf.elffile import ELFFile

    try:
        elf = ELFFile(stream)
        found = {each: elf.get_section_by_name(each) for each in names}
        return {each: section.data() for each, section in found.items() if section is not None}
    except Exception as exc:  # pyelftools raises whatever its parser happens to raise
        raise ObjectError(f"{name}: the ELF file cannot be read ({exc})") from exc


def is_debug(section: str) -> bool:
    """Whether a section is for debuggers and unwinders only, its relocations included."""
    return section.removeprefix(".rel").startswith((".debug_", ".eh_frame", ".llvm_addrsig"))


def _sections(data: bytes, name: str) -> tuple[tuple[Section, ...], ByteOrder]:
    from elftools.common.utils import struct_parse
    from elftools.elf.structs import ELFStructs

    if data[:4] != b"\x7fELF":
        raise ObjectError(f"{name}: not an ELF file; give the .o that clang -target bpf wrote")
    if len(data) < _EHDR_SIZE:
        raise ObjectError(f"{name}: the file ends inside its ELF header; compile it again")
    if data[4] != 2:
        raise ObjectError(f"{name}: a 32-bit ELF file; BPF objects are 64-bit")
    if data[5] not in (1, 2):
        raise ObjectError(f"{name}: the ELF header cannot be read (byte order {data[5]})")
    little_endian = data[5] == 1
    structs = ELFStructs(little_endian=little_endian, elfclass=64)
    structs.create_basic_structs()
    stream = io.BytesIO(data)
    try:
        header = struct_parse(structs.Elf_Ehdr, stream, stream_pos=0)
        structs.create_advanced_structs(header["e_type"], header["e_machine"])
        machine, kind = header["e_machine"], header["e_type"]
        offset, count = int(header["e_shoff"]), int(header["e_shnum"])
        names_index = int(header["e_shstrndx"])
        entry_size = int(header["e_shentsize"])
    except Exception as exc:  # pyelftools raises whatever its parser happens to raise
        raise ObjectError(f"{name}: the ELF header cannot be read ({exc})") from exc
    if machine not in (EM_BPF, EM_NONE) or kind != "ET_REL":
        raise ObjectError(
            f"{name}: {kind} for {machine}, not a relocatable BPF object; compile with"
            " clang -target bpf -c"
        )
    if entry_size != _SHDR_SIZE or not count or offset + count * entry_size > len(data):
        raise ObjectError(f"{name}: the section headers do not lie inside the file")
    try:
        parse = functools.partial(struct_parse, structs.Elf_Shdr, stream)
        headers = [parse(stream_pos=offset + i * entry_size) for i in range(count)]
        kinds = struct.Struct("<I" if little_endian else ">I")
        rows = [
            (
                int(row["sh_name"]),
                kinds.unpack_from(data, offset + i * entry_size + 4)[0],
                int(row["sh_flags"]),
                int(row["sh_offset"]),
                int(row["sh_size"]),
                int(row["sh_link"]),
                int(row["sh_info"]),
                int(row["sh_addralign"]),
                int(row["sh_entsize"]),
            )
            for i, row in enumerate(headers)
        ]
    except Exception as exc:
        raise ObjectError(f"{name}: the section headers cannot be read ({exc})") from exc

    def contents(index: int) -> bytes:
        _, section_kind, _, start, size, *_ = rows[index]
        if section_kind in (0, SHT_NOBITS):
            return b""
        if start + size > len(data):
            raise ObjectError(
                f"{name}: section #{index} reaches byte {start + size} of a file of {len(data)};"
                " the file is cut off or damaged"
            )
        return data[start : start + size]

    if not 0 < names_index < count:
        raise ObjectError(f"{name}: no section names (e_shstrndx is {names_index})")
    names = contents(names_index)
    sections = tuple(
        Section(
            index=i,
            name=_string(names, row[0], f"section #{i}", name) if row[1] else "",
            kind=row[1],
            flags=row[2],
            size=row[4],
            link=row[5],
            info=row[6],
            data=contents(i),
            align=row[7],
            entry_size=row[8],
        )
        for i, row in enumerate(rows)
    )
    return sections, "little" if little_endian else "big"


def _string(table: bytes, offset: int, what: str, name: str) -> str:
    end = table.find(b"\0", offset)
    if offset >= len(table) or end < 0:
        raise ObjectError(f"{name}: the name of {what} lies outside the string table")
    try:
        return table[offset:end].decode()
    except UnicodeDecodeError as exc:
        raise ObjectError(f"{name}: the name of {what} is not UTF-8") from exc


def _symbols(
    table: Section, sections: tuple[Section, ...], byte_order: ByteOrder, name: str
) -> tuple[Symbol, ...]:
    if not 0 < table.link < len(sections) or sections[table.link].kind != SHT_STRTAB:
        raise ObjectError(f"{name}: the symbol table has no string table")
    if len(table.data) % _SYM_SIZE:
        raise ObjectError(f"{name}: the symbol table is cut off")
    strings = sections[table.link].data
    layout = struct.Struct("<IBBHQQ" if byte_order == "little" else ">IBBHQQ")
    symbols: list[Symbol] = []
    for index, row in enumerate(layout.iter_unpack(table.data)):
        name_offset, info, other, section, value, size = row
        text = _string(strings, name_offset, f"symbol #{index}", name) if name_offset else ""
        symbols.append(Symbol(index, text, value, size, info >> 4, info & 15, other & 3, section))
        if len(sections) <= section < SHN_LORESERVE:
            raise ObjectError(
                f"{name}: symbol {text!r} lies in section #{section}, which is missing"
            )
    return tuple(symbols)


def _relocations_matter(
    section: Section, sections: tuple[Section, ...], name: str, *, linking: bool
) -> bool:
    """Only code and what is in maps is relocated; .BTF, .eh_frame and DWARF never need it."""
    if section.info >= len(sections):
        raise ObjectError(
            f"{name}: {section.name!r} relocates section #{section.info}, which is missing"
        )
    target = sections[section.info]
    if linking:
        return not is_debug(target.name) and target.name not in BTF_SECTIONS
    return target.executable or target.name.removeprefix("?") in RELOCATED


def _relocations(
    section: Section,
    sections: tuple[Section, ...],
    symbols: tuple[Symbol, ...],
    byte_order: ByteOrder,
    name: str,
) -> tuple[Relocation, ...]:
    target = sections[section.info]
    if section.kind == SHT_RELA or len(section.data) % _REL_SIZE:
        raise ObjectError(f"{name}: {section.name!r} is not a table of SHT_REL relocations")
    layout = struct.Struct("<QII" if byte_order == "little" else ">QII")
    found: list[Relocation] = []
    for offset, low, high in layout.iter_unpack(section.data):
        # r_info is one 64-bit number: the type in the low half, the symbol in the high half.
        kind, symbol = (low, high) if byte_order == "little" else (high, low)
        if symbol >= len(symbols):
            raise ObjectError(
                f"{name}: {section.name!r} refers to symbol #{symbol}, which is missing"
            )
        if offset + 8 > len(target.data) or offset % 8:
            raise ObjectError(
                f"{name}: {section.name!r} relocates byte {offset} of {target.name!r}"
            )
        found.append(Relocation(offset, kind, symbol))
    return tuple(sorted(found))
