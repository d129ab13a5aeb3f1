"""struct_ops maps in a module: what of their structs can be set before loading.

In: a spec and the types gathered.  Out: an :class:`OperationsModel` per map: settings by offset,
functions by name.  Pointers to anything but functions are left out (no loader sets them), so are
bitfields and members without a name, which the loader refuses unless they are zero.
"""

from __future__ import annotations

from ..btf import TypeTable
from ..btf.types import Member, Struct
from ..spec import MapSpec
from ..uapi import BTFKind
from . import names
from .c_text import c_text, safe
from .collect import Collector
from .docs import paragraph
from .errors import CodegenError
from .layouts import Value
from .model import FunctionModel, OperationsModel, VariableModel
from .pytypes import Source


def settings(collector: Collector, map_spec: MapSpec) -> dict[str, Value]:
    """The members that are neither functions nor left out, by C name."""
    found: dict[str, Value] = {}
    for member in _struct(collector.table, map_spec).members:
        if _left_out(collector.table, member) or is_function(collector.table, member.target):
            continue
        path = f"struct_ops map {map_spec.name}: {member.name}"
        value = collector.value(member.target, path=path, hint=member.name)
        if value.size:
            found[member.name] = value
    return found


def operations(
    source: Source,
    table: TypeTable,
    map_spec: MapSpec,
    values: dict[str, Value],
    *,
    attribute: str,
    class_name: str,
) -> OperationsModel:
    """The class for one map; *values* are its :func:`settings`."""
    members = {
        member.name: member
        for member in _struct(table, map_spec).members
        if member.name in values or (member.name and is_function(table, member.target))
    }
    py_names = names.assign(members, reserved=names.DATA_RESERVED, where=map_spec.name)
    docs = {name: _doc(table, member) for name, member in members.items()}
    return OperationsModel(
        attribute=attribute,
        c_name=map_spec.name,
        class_name=class_name,
        struct=safe(_struct(table, map_spec).name),
        settings=tuple(
            VariableModel(
                name=py_names[name],
                c_name=name,
                value=source.model(value, c_text(table, members[name].target)),
                offset=members[name].bit_offset // 8,
                doc=docs[name],
            )
            for name, value in values.items()
        ),
        functions=tuple(
            FunctionModel(name=py_names[name], c_name=name, doc=docs[name])
            for name in members
            if name not in values
        ),
    )


def is_function(table: TypeTable, type_id: int) -> bool:
    """Whether a value of that type is a pointer to a function."""
    pointer = table.resolve(type_id)
    if table.kind(pointer) is not BTFKind.PTR:
        return False
    return table.kind(table.resolve(table.size_or_target(pointer))) is BTFKind.FUNC_PROTO


def _struct(table: TypeTable, map_spec: MapSpec) -> Struct:
    found = table[table.resolve(map_spec.value_type_id)]
    if not isinstance(found, Struct):
        raise CodegenError(f"struct_ops map {map_spec.name}: its type is no struct")
    return found


def _left_out(table: TypeTable, member: Member) -> bool:
    pointer = table.kind(table.resolve(member.target)) is BTFKind.PTR
    return (
        not member.name
        or bool(member.bit_size)
        or (pointer and not is_function(table, member.target))
    )


def _doc(table: TypeTable, member: Member) -> str:
    try:
        return paragraph(f"``{c_text(table, member.target, member.name)}``")
    except CodegenError:  # a function of more than a line
        return paragraph(f"``{safe(member.name)}``")
