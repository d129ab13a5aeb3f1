"""Several objects as one, before anything is loaded: what ``bpftool gen object`` does.

In: the bytes of objects that clang compiled from different files.  Out: the bytes of one object
that any loader takes.  This module puts sections one behind the other and moves what points into
them; ``merge_symbols`` says which definition counts, ``merge_btf`` merges types and the records of
instructions, ``writer`` writes.  Not here: linking the functions of one object (``link``), which
happens when it is read.

Follows linker.c of libbpf.  Unlike there, jump tables move with the code that they lead into.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from pathlib import Path

from ..btf.ext_info import decode_ext
from .errors import ObjectError, damage_of
from .fixup import decode_btf
from .merge_btf import merged_btf
from .merge_symbols import Input, SymbolMerger
from .programs import INSN_SIZE
from .reader import (
    ADDRESS_SIZE,
    BTF_SECTIONS,
    JUMP_TABLES,
    SHN_LORESERVE,
    SHT_NOBITS,
    SHT_PROGBITS,
    SHT_REL,
    SHT_RELA,
    SHT_STRTAB,
    SHT_SYMTAB,
    STT_SECTION,
    Relocation,
    Section,
    Symbol,
    is_debug,
    read_elf,
)
from .writer import OutSection, write_elf

_CALL = 0x85
#: What all files must say alike, and say once then.
_SAID_ONCE = frozenset(("license", "version"))
_TABLES = frozenset((0, SHT_SYMTAB, SHT_STRTAB, SHT_REL, SHT_RELA))
#: A limit of 32-bit fields, which only a damaged .bss comes near to.
_SECTION_LIMIT = 1 << 31
#: The largest page of a machine that BPF runs on.
_MAX_ALIGN = 64 << 10
#: Numbers from SHN_LORESERVE on mean other things; room for the symbols and names.
_MAX_SECTIONS = SHN_LORESERVE - 4


def link_objects(objects: Iterable[tuple[str, bytes]]) -> bytes:
    """One object made of several: pairs of a file name, for messages, and the file's bytes.

    Globals of one are resolved against externs of another; static names stay apart; maps,
    variables and programs come out in the order of the files.  Externs that nobody defines, the
    kernel's among them, stay externs.  Raises ``ObjectError`` for files that cannot be read or do
    not fit together: a name defined twice, types or sections that differ, two licenses.
    """
    inputs = [_input(name, bytes(data)) for name, data in objects]
    if not inputs:
        raise ObjectError("there is nothing to link")
    order = inputs[0].elf.byte_order
    for each in inputs:
        if each.elf.byte_order != order:
            raise each.elf.error(
                f"a {each.elf.byte_order}-endian object; {inputs[0].elf.name} is {order}-endian"
            )
    linker = _StaticLinker(order == "little")
    symbols = SymbolMerger()
    with damage_of(", ".join(each.elf.name for each in inputs)):  # types within themselves
        for each in inputs:
            linker.place_sections(each)
            symbols.add(each)
            linker.move_relocations(each)
        sections = list(linker.sections.values())
        btf = merged_btf(inputs, symbols.names, sections, order)
    for name, data in btf.items():
        sections.append(
            OutSection(name, SHT_PROGBITS, 0, 8, 0, "", size=len(data), data=bytearray(data))
        )
    count = len(sections) + sum(bool(section.relocations) for section in sections)
    if count >= _MAX_SECTIONS:
        raise ObjectError(f"{count} sections are more than an object can have")
    return write_elf(sections, symbols.out, order)


def link_object_files(paths: Iterable[str | os.PathLike[str]]) -> bytes:
    """``link_objects`` for the files at *paths*.  Raises also ``OSError``."""
    return link_objects((os.fspath(path), Path(path).read_bytes()) for path in paths)


def _input(name: str, data: bytes) -> Input:
    elf = read_elf(data, name=name, linking=True)
    section, ext_section = elf.section(".BTF"), elf.section(".BTF.ext")
    table = None if section is None else decode_btf(elf, section.data)
    with damage_of(name):
        for type_id in table or ():
            assert table is not None
            table.resolve(type_id)
            table[type_id]  # whatever is wrong with a type, here it is known whose it is
        ext = None if ext_section is None or table is None else decode_ext(ext_section.data, table)
    if ext is not None and ext.byte_order != elf.byte_order:
        raise elf.error(f"section '.BTF.ext' is {ext.byte_order}-endian, the object is not")
    return Input(elf, table, ext)


class _StaticLinker:
    """Sections by name, and what is moved in them."""

    def __init__(self, little_endian: bool) -> None:
        self.sections: dict[str, OutSection] = {}
        self._order = "<" if little_endian else ">"

    # ---- sections ----

    def place_sections(self, each: Input) -> None:
        """Put the sections of *each* behind those of the same name."""
        for section in each.elf.sections:
            if _is_left_out(section):
                continue
            if section.kind not in (SHT_PROGBITS, SHT_NOBITS):
                raise each.elf.error(
                    f"section {section.name!r} is of kind {section.kind}, which cannot be linked"
                )
            if not section.name:
                raise each.elf.error(f"section #{section.index} has no name")
            if section.align & (section.align - 1) or section.align > _MAX_ALIGN:
                raise each.elf.error(
                    f"section {section.name!r} is aligned to {section.align} bytes; powers of two up"
                    f" to {_MAX_ALIGN} are known"
                )
            out = self.sections.get(section.name)
            if out is None:
                out = self.sections[section.name] = OutSection(
                    name=section.name,
                    kind=section.kind,
                    flags=section.flags,
                    align=section.align or 1,
                    entry_size=section.entry_size,
                    origin=each.elf.name,
                )
            elif section.name in _SAID_ONCE:
                if section.data != bytes(out.data):
                    raise ObjectError(
                        f"{out.origin} and {each.elf.name} have different contents in section"
                        f" {section.name!r}: {_text(bytes(out.data))} and {_text(section.data)};"
                        " it is one object's and must be the same in all"
                    )
                continue
            each.places[section.index] = out, _append(each, out, section)

    # ---- what points into sections ----

    def move_relocations(self, each: Input) -> None:
        """Take over the relocations of *each*, whose symbols are merged."""
        for index, relocations in each.elf.relocations.items():
            if index not in each.places:
                continue
            out, start = each.places[index]
            tables: set[int] = set()
            for relocation in relocations:
                symbol = each.elf.symbols[relocation.symbol]
                target = each.symbols.get(symbol.number)
                if target is None:
                    raise each.elf.error(
                        f"section {out.name!r} refers to {each.elf.describe(symbol)}, which is not"
                        " linked"
                    )
                if symbol.kind == STT_SECTION:
                    self._move_addend(each, index, relocation, symbol)
                elif symbol.number not in tables:
                    tables.add(symbol.number)
                    self._move_jump_table(each, symbol, start)
                out.relocations.append((start + relocation.offset, relocation.kind, target))

    def _move_addend(self, each: Input, index: int, relocation: Relocation, symbol: Symbol) -> None:
        """A section's symbol stands for its start; the instruction says how far behind it."""
        out, start = each.places[index]
        if not each.elf.sections[index].executable:
            raise each.elf.error(
                f"section {out.name!r} holds an address in section"
                f" {each.elf.sections[symbol.section].name!r} of something static, which loaders"
                " do not take; declare it without 'static'"
            )
        if symbol.section not in each.places:
            raise each.elf.error(f"symbol #{symbol.number} stands for a section that is missing")
        moved = each.places[symbol.section][1]
        at = start + relocation.offset
        (imm,) = struct.unpack_from(self._order + "I", out.data, at + 4)
        imm += moved // INSN_SIZE if out.data[at] == _CALL else moved
        struct.pack_into(self._order + "I", out.data, at + 4, imm & 0xFFFFFFFF)

    def _move_jump_table(self, each: Input, symbol: Symbol, start: int) -> None:
        """The entries of a jump table count from the start of the section that uses it."""
        if not start or symbol.section not in each.places:
            return
        out, place = each.places[symbol.section]
        if out.name != JUMP_TABLES:
            return
        first = place + symbol.value
        if symbol.size % ADDRESS_SIZE or first + symbol.size > len(out.data):
            raise each.elf.error(f"jump table {symbol.name!r} is not within its section")
        for at in range(first, first + symbol.size, ADDRESS_SIZE):
            (entry,) = struct.unpack_from(self._order + "Q", out.data, at)
            struct.pack_into(self._order + "Q", out.data, at, entry + start & (1 << 64) - 1)


def _is_left_out(section: Section) -> bool:
    """Whether a section is written anew, or of no use to loaders."""
    if section.kind in _TABLES or section.name in BTF_SECTIONS or is_debug(section.name):
        return True
    return section.name == ".text" and not section.size


def _append(each: Input, out: OutSection, section: Section) -> int:
    """Put *section* at the end of *out*; where that is."""
    for what, mine, theirs in (
        ("kind", out.kind, section.kind),
        ("flags", out.flags, section.flags),
        ("size of an entry", out.entry_size, section.entry_size),
    ):
        if mine != theirs:
            raise ObjectError(
                f"section {section.name!r} has {what} 0x{mine:x} in {out.origin} and 0x{theirs:x}"
                f" in {each.elf.name}"
            )
    if section.executable and section.size % INSN_SIZE:
        raise each.elf.error(f"section {section.name!r} is not a whole number of instructions")
    out.align = max(out.align, section.align)
    start = -(-out.size // out.align) * out.align
    if start + section.size >= _SECTION_LIMIT:
        raise each.elf.error(f"section {section.name!r} becomes too large: {section.size} bytes")
    out.size = start + section.size
    if section.kind != SHT_NOBITS:
        out.data += bytes(start - len(out.data)) + section.data
    return start


def _text(data: bytes) -> str:
    return repr(data.rstrip(b"\0").decode("ascii", "backslashreplace"))
