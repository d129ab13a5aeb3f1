"""``read_object``: a compiled BPF object to an ``ObjectSpec``.

In: the bytes of an object file of clang 10 or newer, in either byte order.  Out: everything that
loading needs, the same on every machine.  Nothing is asked of the running kernel.  This module
only puts the rooms together: ``reader`` (ELF), ``fixup`` (BTF), ``externs``, ``maps``, ``data``,
``programs``, ``filled``, ``struct_ops``, ``link`` and ``sections``.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from ..btf.ext_info import decode_ext
from ..btf.table import TypeTable
from ..btf.types import DeclTag, Func
from ..spec import ExternSpec, Linkage, MapSpec, ObjectSpec, ProgramSpec
from ..uapi import BTFKind, ProgType
from .data import ARENA_SECTION, data_maps, fill_arena
from .errors import damage_of
from .externs import kconfig_map, made_acceptable, read_externs
from .filled import fill_maps
from .fixup import decode_btf, fixed_btf
from .link import Linker
from .maps import declared_maps
from .programs import Function, Functions
from .reader import ElfObject, read_elf
from .sections import SectionDef, section_def
from .struct_ops import struct_ops_maps

_EXCEPTION_CALLBACK = "exception_callback:"


def read_object(
    data: bytes,
    *,
    name: str,
    sections: Iterable[SectionDef] = (),
    relaxed_maps: bool = False,
) -> ObjectSpec:
    """What the object file *data* says; *name* is its file name (``opensnoop.bpf.o``).

    The spec's name is the file name up to its first dot; it begins the kernel's names of data
    sections, and may be changed.  *sections* say what programs in sections of other names than
    libbpf's are; they go before the known ones.  With *relaxed_maps*, what a map declares that is
    not known (for a newer loader) is passed over; usually it is an error.  Raises ``ObjectError``,
    which names the section or symbol, for files that are damaged or that are no BPF objects.
    """
    data = bytes(data)
    elf = read_elf(data, name=name)
    with damage_of(name):
        return _read(elf, data, tuple(sections), relaxed_maps)


def read_object_file(
    path: str | os.PathLike[str],
    *,
    sections: Iterable[SectionDef] = (),
    relaxed_maps: bool = False,
) -> ObjectSpec:
    """``read_object`` for the file at *path*.  Raises also ``OSError``."""
    path = Path(path)
    data = path.read_bytes()
    return read_object(data, name=path.name, sections=sections, relaxed_maps=relaxed_maps)


def _read(
    elf: ElfObject, data: bytes, more: tuple[SectionDef, ...], relaxed_maps: bool
) -> ObjectSpec:
    btf, table, externs, kconfig = _btf(elf)
    declared = declared_maps(elf, table, relaxed=relaxed_maps)
    sections = data_maps(elf, table)
    if kconfig is not None:
        sections[kconfig.section] = kconfig
    maps: dict[str, MapSpec] = {spec.name: spec for spec in declared.values()} | sections
    arena = fill_arena(elf, table, declared.values())
    held = sections | ({ARENA_SECTION: arena} if arena else {})
    functions = Functions(elf, declared, held, externs)
    fill_maps(elf, table, declared, functions)
    maps |= struct_ops_maps(elf, table, functions)
    ext_section = elf.section(".BTF.ext")
    ext = None if ext_section is None or table is None else decode_ext(ext_section.data, table)
    if ext is not None and ext.byte_order != elf.byte_order:
        raise elf.error(f"section '.BTF.ext' is {ext.byte_order}-endian, the object is not")
    linker = Linker(elf, functions, ext, _exception_callbacks(elf, table))
    programs = {name: _program(entry, linker, more) for name, entry in functions.entries().items()}
    functions.refuse_forgotten()
    return ObjectSpec(
        name=elf.name.partition(".")[0],
        byte_order=elf.byte_order,
        license=_license(elf),
        maps=maps,
        programs=programs,
        externs=externs,
        btf=btf,
        digest=hashlib.sha256(data).hexdigest(),
    )


def _btf(
    elf: ElfObject,
) -> tuple[bytes, TypeTable | None, dict[str, ExternSpec], MapSpec | None]:
    """The BTF as the kernel takes it, and what it said of externs before."""
    section = elf.section(".BTF")
    if section is None:
        return b"", None, {}, None
    blob = section.data
    table = decode_btf(elf, blob)
    externs = read_externs(elf, table)
    kconfig = kconfig_map(table, externs)
    if externs:
        blob = made_acceptable(elf, table, kconfig, blob)
        table = decode_btf(elf, blob)
    return *fixed_btf(elf, table, blob), externs, kconfig


def _program(function: Function, linker: Linker, more: tuple[SectionDef, ...]) -> ProgramSpec:
    section = function.section.name
    autoload = not section.startswith("?")
    section = section.removeprefix("?")
    row = section_def(section, more)
    linked = linker.link(function)
    spec = ProgramSpec(
        name=function.name,
        section=section,
        prog_type=ProgType.UNSPEC,
        insns=linked.insns,
        map_relocations=linked.map_relocations,
        extern_relocations=linked.extern_relocations,
        jump_tables=linked.jump_tables,
        func_info=linked.func_info,
        line_info=linked.line_info,
        core_relocations=linked.core_relocations,
        autoload=autoload,
        autoattach=False,
    )
    if row is not None:
        spec.prog_type = row.prog_type
        spec.attach_type = row.attach_type
        spec.attach_to = row.target(section)
        spec.flags = row.prog_flags
        spec.autoattach = row.auto_attach
    return spec


def _license(elf: ElfObject) -> str:
    section = elf.section("license")
    if section is None:
        return ""
    text = section.data.partition(b"\0")[0]
    try:
        return text.decode("ascii")
    except UnicodeDecodeError as exc:
        raise elf.error("section 'license' is not text in ASCII") from exc


def _exception_callbacks(elf: ElfObject, table: TypeTable | None) -> dict[str, str]:
    """Program to its exception callback, as ``__exception_cb()`` says it in the BTF (6.7)."""
    found: dict[str, str] = {}
    for type_id in table or ():
        if table is None or table.kind(type_id) is not BTFKind.DECL_TAG:
            continue
        tag = table[type_id]
        if (
            not isinstance(tag, DeclTag)
            or tag.component != -1
            or not tag.name.startswith(_EXCEPTION_CALLBACK)
        ):
            continue
        function = table[tag.target]
        if not isinstance(function, Func) or function.linkage != Linkage.GLOBAL:
            raise elf.error(f"{tag.name!r} in the BTF is not the tag of a program")
        callback = tag.name.removeprefix(_EXCEPTION_CALLBACK)
        if found.setdefault(function.name, callback) != callback:
            raise elf.error(f"program {function.name!r} names two exception callbacks")
    return found
