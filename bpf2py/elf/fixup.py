"""What a loader must fill into ``.BTF`` before the kernel takes it, done once, in place.

In: an ``ElfObject``.  Out: the fixed bytes and the ``TypeTable`` over them.  clang leaves the size
of every DATASEC and the offsets of its global variables zero; the numbers are in the section
headers and the symbol table.  Symbols with hidden visibility become static for the verifier.
Follows btf_fixup_datasec() and the ``mark_btf_static`` rule of libbpf.  Ids stay as they are.
Not here: externs, of which the kernel must not hear either (``externs``).
"""

from __future__ import annotations

import struct

from ..btf.decode import decode
from ..btf.table import TypeTable
from ..spec import Linkage
from ..uapi import BTFKind
from .errors import damage_of
from .externs import EXTERN_SECTIONS
from .reader import STB_LOCAL, STT_FUNC, STT_OBJECT, ElfObject, Symbol


def fixed_btf(elf: ElfObject, table: TypeTable, blob: bytes) -> tuple[bytes, TypeTable]:
    """*blob*, which *table* describes, ready for the kernel, and a table of that.

    Raises ``ObjectError`` if the BTF speaks of sections and variables that are not in the file.
    """
    fixed = bytearray(blob)
    for type_id in table:
        if table.kind(type_id) is BTFKind.DATASEC and table.name(type_id) not in EXTERN_SECTIONS:
            _fix_datasec(elf, table, type_id, fixed)
    _fix_hidden_functions(elf, table, fixed)
    done = bytes(fixed)
    return done, table if done == blob else decode_btf(elf, done)


def decode_btf(elf: ElfObject, blob: bytes) -> TypeTable:
    """Decode *blob*; an object's BTF must be in the byte order of its ELF file."""
    with damage_of(elf.name):
        table = decode(blob)
    if table.byte_order != elf.byte_order:
        raise elf.error(
            f"section '.BTF' is {table.byte_order}-endian in a {elf.byte_order}-endian object"
        )
    return table


def _fix_datasec(elf: ElfObject, table: TypeTable, type_id: int, blob: bytearray) -> None:
    name = table.name(type_id)
    order = "<" if elf.byte_order == "little" else ">"
    at = table.offset(type_id)
    section = elf.section(name)
    fill_in = not table.size_or_target(type_id)
    if fill_in:
        if section is None or not section.size:
            raise elf.error(
                f"the BTF describes variables in section {name!r}, which is"
                f" {'missing' if section is None else 'empty'}; compile the object again"
            )
        if section.size >= 1 << 32:
            raise elf.error(f"section {name!r} of {section.size} bytes is too large for a map")
        struct.pack_into(order + "I", blob, at + 8, section.size)
    symbols = _variables(elf, section.index) if section is not None else {}
    rows: list[tuple[int, int, int]] = []
    entry = struct.Struct(order + "III")
    for i in range(table.vlen(type_id)):
        target, offset, size = entry.unpack_from(blob, at + 12 + 12 * i)
        if target not in table or table.kind(target) is not BTFKind.VAR:
            raise elf.error(f"entry {i} of the BTF for section {name!r} is not a variable")
        var_at = table.offset(target)
        (linkage,) = struct.unpack_from(order + "I", blob, var_at + 12)
        symbol = symbols.get(table.name(target))
        if linkage == Linkage.GLOBAL and symbol is None:
            raise elf.error(
                f"variable {table.name(target)!r} of section {name!r} has no symbol; was the"
                " object stripped of more than debug information?"
            )
        if symbol is not None and linkage != Linkage.EXTERN:
            # Code goes by symbols.  A linker filled in offsets before, but libbpf's leaves a weak
            # variable at the place of its overridden definition.
            if fill_in or linkage == Linkage.GLOBAL:
                offset = symbol.value & 0xFFFFFFFF
            if symbol.hidden:
                struct.pack_into(order + "I", blob, var_at + 12, Linkage.STATIC)
        rows.append((offset, target, size))
    # The kernel wants them in ascending order (btf_datasec_check_meta).
    rows.sort(key=lambda row: row[0])
    for i, (offset, target, size) in enumerate(rows):
        entry.pack_into(blob, at + 12 + 12 * i, target, offset, size)


def _variables(elf: ElfObject, section: int) -> dict[str, Symbol]:
    """The variables of a section by name, a global one before a static one of the same name."""
    found: dict[str, Symbol] = {}
    for symbol in elf.symbols:
        if (
            symbol.section == section
            and symbol.kind == STT_OBJECT
            and (symbol.bind != STB_LOCAL or symbol.name not in found)
        ):
            found[symbol.name] = symbol
    return found


def _fix_hidden_functions(elf: ElfObject, table: TypeTable, blob: bytearray) -> None:
    """A hidden subprogram is verified in its caller's context, as a static one is."""
    order = "<" if elf.byte_order == "little" else ">"
    text = elf.section(".text")
    for symbol in elf.symbols:
        if text is None or symbol.section != text.index:
            continue
        if symbol.kind == STT_FUNC and symbol.hidden:
            type_id = table.find(symbol.name, BTFKind.FUNC)
            if type_id is not None:
                info = BTFKind.FUNC << 24 | Linkage.STATIC
                struct.pack_into(order + "I", blob, table.offset(type_id) + 4, info)
