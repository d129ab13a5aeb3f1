"""What a loader must fill into ``.BTF`` before the kernel takes it, done once, in place.

In: an ``ElfObject``.  Out: the fixed bytes and the ``TypeTable`` over them.  clang leaves the size
of every DATASEC and the offsets of its global variables zero; the numbers are in the section
headers and the symbol table.  Symbols with hidden visibility become static for the verifier.
Follows btf_fixup_datasec() and the ``mark_btf_static`` rule of libbpf.  Ids stay as they are:
nothing is added, removed or moved to another id.
"""

from __future__ import annotations

import struct

from ..btf.decode import decode
from ..btf.errors import BTFError
from ..btf.table import TypeTable
from ..spec import Linkage
from ..uapi import BTFKind
from .reader import STB_LOCAL, STT_FUNC, STT_OBJECT, ElfObject, Symbol

#: Sections of externs: nothing in the file backs them, so there is nothing to fill in.
EXTERN_SECTIONS = (".ksyms", ".kconfig")


def fixed_btf(elf: ElfObject) -> tuple[bytes, TypeTable | None]:
    """The object's BTF, ready for the kernel; empty and ``None`` if it has none.

    Raises ``ObjectError`` if the BTF is damaged or speaks of sections and variables that are not
    in the file.
    """
    section = elf.section(".BTF")
    if section is None:
        return b"", None
    table = decode_btf(elf, section.data)
    blob = bytearray(section.data)
    for type_id in table:
        if table.kind(type_id) is BTFKind.DATASEC:
            _fix_datasec(elf, table, type_id, blob)
    _fix_hidden_functions(elf, table, blob)
    fixed = bytes(blob)
    return fixed, table if fixed == section.data else decode_btf(elf, fixed)


def decode_btf(elf: ElfObject, blob: bytes) -> TypeTable:
    """Decode *blob*; an object's BTF must be in the byte order of its ELF file."""
    try:
        table = decode(blob)
    except BTFError as exc:
        raise elf.error(f"section '.BTF' is damaged: {exc}") from exc
    if table.byte_order != elf.byte_order:
        raise elf.error(
            f"section '.BTF' is {table.byte_order}-endian in a {elf.byte_order}-endian object"
        )
    return table


def _fix_datasec(elf: ElfObject, table: TypeTable, type_id: int, blob: bytearray) -> None:
    name = table.name(type_id)
    order = "<" if elf.byte_order == "little" else ">"
    if name in EXTERN_SECTIONS:
        _disarm_externs(elf, table, type_id, blob)
        return
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


def _disarm_externs(elf: ElfObject, table: TypeTable, type_id: int, blob: bytearray) -> None:
    """Make the kernel accept types of externs that no program uses.

    (Objects whose programs use externs are refused elsewhere.)  The kernel takes neither extern
    linkage nor empty sections, so the externs become global and the section an anonymous struct
    of as many integers; libbpf turns them into variables that are never there, to the same end.
    """
    order = "<" if elf.byte_order == "little" else ">"
    int_id = next((i for i in table if table.kind(i) is BTFKind.INT and _is_int(table, i)), 0)
    at, count = table.offset(type_id), table.vlen(type_id)
    for i in range(count):
        (target,) = struct.unpack_from(order + "I", blob, at + 12 + 12 * i)
        kind = table.kind(target)
        extern_at = table.offset(target)
        if kind is BTFKind.VAR:
            struct.pack_into(order + "II", blob, extern_at + 8, int_id, Linkage.GLOBAL)
        elif kind is BTFKind.FUNC:
            info = BTFKind.FUNC << 24 | Linkage.GLOBAL
            struct.pack_into(order + "I", blob, extern_at + 4, info)
            _name_parameters(elf, table, target, blob)
        else:
            raise elf.error(
                f"entry {i} of the BTF for section {table.name(type_id)!r} is no extern"
            )
        struct.pack_into(order + "III", blob, at + 12 + 12 * i, 0, int_id, 0)
    struct.pack_into(order + "III", blob, at, 0, BTFKind.STRUCT << 24 | count, 4)


def _is_int(table: TypeTable, type_id: int) -> bool:
    return table.size_or_target(type_id) == 4


def _name_parameters(elf: ElfObject, table: TypeTable, function: int, blob: bytearray) -> None:
    """Parameters of a declaration may lack names, those of a function may not (btf_func_check)."""
    order = "<" if elf.byte_order == "little" else ">"
    proto = table.size_or_target(function)
    if table.kind(proto) is not BTFKind.FUNC_PROTO:
        raise elf.error(f"extern {table.name(function)!r} has no prototype in the BTF")
    for i in range(table.vlen(proto)):
        at = table.offset(proto) + 12 + 8 * i
        name, target = struct.unpack_from(order + "II", blob, at)
        if target and not name:
            struct.pack_into(order + "I", blob, at, table.name_offset(function))


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
