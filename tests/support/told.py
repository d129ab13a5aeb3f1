"""What an object says, in words without type ids: two that say the same are equal here.

In: an ``ObjectSpec`` or a ``TypeTable``.  Out: text and plain values.  A struct is told by its
name where others refer to it, a declaration like what it declares, and members once, where it is
defined; so this neither recurses without end nor needs to know which types are equal.
"""

from __future__ import annotations

from typing import Any

from bpf2py.btf import TypeTable, decode
from bpf2py.btf import types as t
from bpf2py.btf.ext_info import decode_core_relocations, decode_func_info, decode_line_info
from bpf2py.spec import MapSpec, ObjectSpec, ProgramSpec


def named(table: TypeTable, type_id: int) -> str:
    """How others speak of a type."""
    each = table[type_id]
    match each:
        case t.Struct() | t.Union() if each.name:
            return f"{each.kind.name.lower()} {each.name}"
        case t.Fwd():
            return f"{'union' if each.is_union else 'struct'} {each.name}"
        case _:
            return defined(table, type_id)


def defined(table: TypeTable, type_id: int) -> str:
    """All that a type says."""
    each = table[type_id]
    match each:
        case t.Struct() | t.Union():
            members = [
                f"{m.name}@{m.bit_offset}:{m.bit_size} {named(table, m.target)}"
                for m in each.members
            ]
            kind = each.kind.name.lower()
            return f"{kind} {each.name} {each.size} {each.kind_flag} {{{', '.join(members)}}}"
        case t.Array():
            return f"{named(table, each.element)}[{each.length}]"
        case t.FuncProto():
            params = [f"{p.name} {named(table, p.target)}" for p in each.params]
            return f"function ({', '.join(params)}) gives {named(table, each.target)}"
        case t.Datasec():
            rows = [f"{named(table, r.target)}@{r.offset}+{r.size}" for r in each.variables]
            return f"section {each.name} {each.size}: {', '.join(rows)}"
        case t.Ptr() | t.Const() | t.Volatile() | t.Restrict():
            return f"{each.kind.name.lower()} {named(table, each.target)}"
        case t.Typedef() | t.Func() | t.Var() | t.DeclTag() | t.TypeTag():
            rest = (
                getattr(each, "linkage", ""),
                getattr(each, "component", ""),
                getattr(each, "attribute", ""),
            )
            return f"{each.kind.name.lower()} {each.name} {rest} {named(table, each.target)}"
        case _:
            return repr(each)


def told_types(table: TypeTable) -> list[str]:
    """All types but declarations, in the order of the table."""
    return [defined(table, i) for i in table if not isinstance(table[i], t.Fwd)]


def told(spec: ObjectSpec) -> dict[str, Any]:
    """All of *spec* but what depends on type ids and string offsets alone, and the digest."""
    table = decode(spec.btf) if spec.btf else None
    return {
        "license": spec.license,
        "byte order": spec.byte_order,
        "maps": [_map(each, table) for each in spec.maps.values()],
        "externs": [
            (name, each.kind, each.weak, _type(table, each.type_id))
            for name, each in spec.externs.items()
        ],
        "programs": [_program(each, table, spec) for each in spec.programs.values()],
    }


def _type(table: TypeTable | None, type_id: int) -> str:
    return named(table, type_id) if table is not None else ""


def _map(spec: MapSpec, table: TypeTable | None) -> dict[str, Any]:
    values = {name: getattr(spec, name) for name in MapSpec.__slots__}
    for name in ("key_type_id", "value_type_id", "event_type_id"):
        values[name] = _type(table, values[name])
    values["inner"] = None if spec.inner is None else _map(spec.inner, table)
    values["variables"] = [
        (each.name, each.offset, each.size, each.linkage, _type(table, each.type_id))
        for each in spec.variables.values()
    ]
    return values


def _program(spec: ProgramSpec, table: TypeTable | None, of: ObjectSpec) -> dict[str, Any]:
    values = {name: getattr(spec, name) for name in ProgramSpec.__slots__}
    if table is None:
        return values
    values["func_info"] = [
        (each.insn_offset, named(table, each.type_id))
        for each in decode_func_info(spec.func_info, of.byte_order)
    ]
    values["line_info"] = [
        (
            each.insn_offset,
            table.string(each.file_name_off),
            table.string(each.line_off),
            each.line_col,
        )
        for each in decode_line_info(spec.line_info, of.byte_order)
    ]
    values["core_relocations"] = [
        (
            each.insn_offset,
            defined(table, each.type_id),
            table.string(each.access_offset),
            each.kind,
        )
        for each in decode_core_relocations(spec.core_relocations, of.byte_order)
    ]
    return values
