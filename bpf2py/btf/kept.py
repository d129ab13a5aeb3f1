"""What ``BPF2PY_TYPE`` and ``BPF2PY_EVENT`` of ``bpf2py.h`` leave in BTF.

Each is a static variable in the section ``.bpf2py``, a pointer to the type.  In: a TypeTable.  Out:
names and ids.
"""

from __future__ import annotations

from ..light import Iterator
from ..uapi import BTFKind
from .table import TypeTable
from .types import Datasec, Ptr, Var

_SECTION = ".bpf2py"
_TYPE = "bpf2py_type_"
_EVENT = "bpf2py_event_"


def kept_types(table: TypeTable) -> list[int]:
    """The types that shall have a Python class, in file order."""
    return [type_id for name, type_id in _kept(table) if name.startswith(_TYPE)]


def kept_events(table: TypeTable) -> dict[str, int]:
    """By the name of a map, the type of what it carries."""
    return {
        name.removeprefix(_EVENT): type_id
        for name, type_id in _kept(table)
        if name.startswith(_EVENT)
    }


def _kept(table: TypeTable) -> Iterator[tuple[str, int]]:
    section_id = table.find(_SECTION, BTFKind.DATASEC)
    section = table[section_id] if section_id is not None else None
    for row in section.variables if isinstance(section, Datasec) else ():
        variable = table[row.target]
        if isinstance(variable, Var):
            pointer = table[table.resolve(variable.target)]
            if isinstance(pointer, Ptr):
                yield variable.name, pointer.target
