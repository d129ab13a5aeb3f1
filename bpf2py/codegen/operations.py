"""struct_ops maps in a module: what of their structs can be set before loading.

In: a spec and the types gathered.  Out: an :class:`OperationsModel` per map: settings by offset,
functions by name.  Pointers to anything but functions are left out (no loader sets them), so are
bitfields and members without a name, which the loader refuses unless they are zero.
"""

from __future__ import annotations

from ..btf import TypeTable
from ..btf.pointers import function_behind
from ..btf.types import Member
from ..spec import MapSpec
from ..uapi import BTFKind
from . import names
from .c_text import c_text, safe
from .collect import Collector
from .docs import paragraph
from .errors import CodegenError
from .functions import struct_ops_type
from .layouts import Value
from .model import FunctionModel, OperationsModel, VariableModel
from .pytypes import Source


def settings(collector: Collector, map_spec: MapSpec) -> dict[str, Value]:
    """The members that are neither functions nor left out, by C name."""
    found: dict[str, Value] = {}
    for member in struct_ops_type(collector.table, map_spec).members:
        if not _is_setting(collector.table, member):
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
        for member in struct_ops_type(table, map_spec).members
        if member.name in values
        or (member.name and function_behind(table, member.target) is not None)
    }
    py_names = names.assign(members, reserved=names.DATA_RESERVED, where=map_spec.name)
    docs = {name: _doc(table, member) for name, member in members.items()}
    return OperationsModel(
        attribute=attribute,
        c_name=map_spec.name,
        class_name=class_name,
        struct=safe(struct_ops_type(table, map_spec).name),
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


def _is_setting(table: TypeTable, member: Member) -> bool:
    pointer = table.kind(table.resolve(member.target)) is BTFKind.PTR
    return bool(member.name) and not member.bit_size and not pointer


def _doc(table: TypeTable, member: Member) -> str:
    try:
        return paragraph(f"``{c_text(table, member.target, member.name)}``")
    except CodegenError:  # a function of more than a line
        return paragraph(f"``{safe(member.name)}``")
