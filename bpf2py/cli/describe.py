"""What ``bpf2py inspect`` tells about an object: an ``ObjectSpec`` as plain dictionaries.

In: an ObjectSpec.  Out: the document that ``--json`` prints and that the tables are made of.  Its
keys stay: scripts read them.  A number that uapi has no name for stays a number.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from typing import Any

from ..btf import BTFError, TypeTable, c_format, decode
from ..btf.core_access import parse_enumerator, parse_field, spell_path
from ..btf.core_errors import Unanswerable
from ..btf.core_view import TypeView
from ..btf.ext_info import decode_core_relocations, decode_line_info
from ..btf.layout import size_of
from ..btf.types import Enum, Enum64
from ..codegen import CodegenError, LeftOut, left_out
from ..codegen.c_text import c_text
from ..codegen.docs import source_place
from ..codegen.functions import declaration, program_function
from ..codegen.views import Views
from ..enums import IntEnum, IntFlag
from ..runtime import load_rights
from ..spec import KCONFIG, ExternKind, ExternSpec, MapSpec, ObjectSpec, ProgramSpec
from ..uapi import BTFKind, CoreRelocationKind
from .values import read_value

#: The version of the document; a key that changes its meaning changes this number.
DOCUMENT_FORMAT = 1

_SHOWN_KINDS = frozenset((BTFKind.STRUCT, BTFKind.UNION, BTFKind.ENUM, BTFKind.ENUM64))


def describe(spec: ObjectSpec) -> dict[str, Any]:
    """The whole object; sizes in bytes, ``instructions`` in eight-byte units."""
    table = decode(spec.btf) if spec.btf else None
    missing, refused = _left_out(spec)
    return {
        "format": DOCUMENT_FORMAT,
        "name": spec.name,
        "byte_order": spec.byte_order,
        "license": spec.license,
        "sha256": spec.digest,
        "maps": [describe_map(each, table) for each in spec.maps.values()],
        "programs": [_program(each, table) for each in spec.programs.values()],
        "capabilities": load_rights(spec),
        "variables": [
            variable for each in spec.maps.values() for variable in _variables(each, table)
        ],
        "externs": [_extern(each, table) for each in spec.externs.values()],
        "types": list(_types(table)) if table is not None else [],
        "views": _views(table) if table is not None else [],
        "left_out": None if missing is None else [_row(each) for each in missing],
        "refused": refused,
        "core_relocations": [
            record
            for program in spec.programs.values()
            for record in _core_relocations(program, table)
        ],
    }


def _left_out(spec: ObjectSpec) -> tuple[tuple[LeftOut, ...] | None, str | None]:
    """What the module lacks that ``bpf2py gen`` makes without options, or why it makes none."""
    try:
        return left_out(spec), None
    except CodegenError as error:
        return None, str(error)


def _views(table: TypeTable) -> list[dict[str, str]]:
    """The places that C tags with a view; none where a tag is wrong: ``refused`` says so."""
    try:
        tagged = Views(table, {}).tagged()
    except CodegenError:
        return []
    return [{"place": place, "view": view} for place, view in tagged]


def _row(each: LeftOut) -> dict[str, Any]:
    return {
        "kind": each.kind,
        "name": each.name,
        "reason": each.reason,
        "option": each.option or None,
    }


def describe_map(spec: MapSpec, table: TypeTable | None) -> dict[str, Any]:
    """One map; the types as C writes them, ``null`` where the object does not say."""
    return {
        "name": spec.name,
        "type": name_of(spec.map_type),
        "key_size": spec.key_size,
        "value_size": spec.value_size,
        "max_entries": spec.max_entries,
        "flags": _flag_names(spec.flags),
        "map_extra": spec.map_extra,
        "numa_node": spec.numa_node,
        "pinning": name_of(spec.pinning),
        "key_type": _c(table, spec.key_type_id),
        "value_type": _c(table, spec.value_type_id),
        "event_type": _c(table, spec.event_type_id),
        "section": spec.section or None,
        "values": {str(slot): name for slot, name in spec.values.items()},
        "functions": dict(spec.functions),
        "autocreate": spec.autocreate,
        "inner": describe_map(spec.inner, table) if spec.inner is not None else None,
    }


def _program(spec: ProgramSpec, table: TypeTable | None) -> dict[str, Any]:
    file, line = source_place(table, spec) if table is not None else ("", 0)
    function = program_function(table, spec) if table is not None else None
    return {
        "name": spec.name,
        "file": file or None,
        "line": line or None,
        "function": declaration(table, function) if table is not None and function else None,
        "section": spec.section,
        "type": name_of(spec.prog_type),
        "attach_type": name_of(spec.attach_type) if spec.attach_type is not None else None,
        "attach_to": spec.attach_to or None,
        "flags": _flag_names(spec.flags),
        "instructions": len(spec.insns) // 8,
        "autoload": spec.autoload,
        "autoattach": spec.autoattach,
        "maps": sorted({each.map for each in spec.map_relocations}),
    }


def _variables(spec: MapSpec, table: TypeTable | None) -> Iterator[dict[str, Any]]:
    data = bytes(spec.data or b"")
    for variable in spec.variables.values():
        piece = data[variable.offset : variable.offset + variable.size]
        known = table is not None and variable.type_id
        yield {
            "name": variable.name,
            "section": spec.section or spec.name,
            "type": _c(table, variable.type_id),
            "offset": variable.offset,
            "size": variable.size,
            "linkage": name_of(variable.linkage),
            # The kernel's configuration has no values before loading.
            "value": (
                None
                if spec.section == KCONFIG
                else read_value(table, variable.type_id, piece) if table and known else piece.hex()
            ),
        }


def _extern(spec: ExternSpec, table: TypeTable | None) -> dict[str, Any]:
    return {
        "name": spec.name,
        "kind": "kconfig" if spec.kind <= ExternKind.TEXT else spec.kind.name.lower(),
        "weak": spec.weak,
        "type": _c(table, spec.type_id),
    }


def _types(table: TypeTable) -> Iterator[dict[str, Any]]:
    for type_id in table:
        if table.kind(type_id) in _SHOWN_KINDS and table.name(type_id):
            yield {
                "name": table.name(type_id),
                "kind": table.kind(type_id).name.lower().removesuffix("64"),
                "size": size_of(table, type_id),
                "declaration": c_format.declaration(table, type_id),
            }


def _core_relocations(spec: ProgramSpec, table: TypeTable | None) -> Iterator[dict[str, Any]]:
    if table is None:
        return
    lines = decode_line_info(spec.line_info, table.byte_order)
    starts = [each.insn_offset for each in lines]
    view = TypeView(table, local=True)
    for record in decode_core_relocations(spec.core_relocations, table.byte_order):
        place = bisect_right(starts, record.insn_offset) - 1
        line = lines[place] if place >= 0 else None
        access = table.string(record.access_offset)
        yield {
            "program": spec.name,
            "instruction": record.insn_offset,
            "file": table.string(line.file_name_off) if line else None,
            "line": line.line if line else None,
            "kind": name_of(record.kind).lower(),
            "type": _c(table, record.type_id),
            "access": access,
            "path": _path(view, table, record.type_id, record.kind, access),
        }


def _path(
    view: TypeView, table: TypeTable, type_id: int, kind: CoreRelocationKind | int, access: str
) -> str | None:
    """The access string in the words of C: ``struct task_struct.comm``, ``enum e.VALUE``."""
    try:
        if kind <= CoreRelocationKind.FIELD_RSHIFT_U64:
            return spell_path(view, type_id, parse_field(view, type_id, access.encode()))
        if kind in (CoreRelocationKind.ENUMVAL_EXISTS, CoreRelocationKind.ENUMVAL_VALUE):
            enum_id, number = parse_enumerator(view, type_id, access.encode())
            found = table[enum_id]
            assert isinstance(found, Enum | Enum64)
            return f"{_c(table, type_id)}.{found.values[number].name}"
    except (BTFError, Unanswerable):
        return None
    return _c(table, type_id)


def name_of(value: int) -> str:
    """The name of an enum's member in upper case; the number as text if it has no name."""
    return value.name if isinstance(value, IntEnum) and value.name else str(int(value))


def _flag_names(flags: IntFlag) -> list[str]:
    names = [each.name for each in flags if each.name]
    rest = int(flags)
    for each in flags:
        rest &= ~int(each)
    return [*names, hex(rest)] if rest else names


def _c(table: TypeTable | None, type_id: int) -> str | None:
    # the value of a data section's map is the section itself, which C has no word for
    if table is None or not type_id or table.kind(type_id) == BTFKind.DATASEC:
        return None
    return c_text(table, type_id)
