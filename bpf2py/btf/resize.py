"""A data section whose last variable, an array, has another length than the source says.

In: an object's BTF and a DATASEC.  Out: the BTF with that section as long as it is now.  Every id
stays true.  Follows map_btf_datasec_resize() of libbpf; the bytes are libbpf's.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from ..uapi import BTFKind
from .append import Appender
from .errors import BTFError
from .header import PREFIX
from .layout import size_of
from .table import TypeTable
from .types import Array, Datasec, Var


class LastArray(NamedTuple):
    """The array that ends a section: bytes from its start, and the size of one element."""

    offset: int
    element_size: int


def last_array(table: TypeTable, section_id: int) -> LastArray:
    """The array that is the last variable of a DATASEC; BTFError if that is something else."""
    variable, array, offset = _last(table, section_id)
    size = size_of(table, array.element)
    if not size:
        raise BTFError(f"the elements of {variable.name!r} have no size")
    return LastArray(offset, size)


def resized(btf: bytes, table: TypeTable, section_id: int, length: int) -> bytes:
    """*btf*, which *table* describes, with *length* elements in the section's last array."""
    offset, element_size = last_array(table, section_id)
    _, array, _ = _last(table, section_id)
    prefix = PREFIX[table.byte_order]
    blob = bytearray(btf)
    size = length * element_size
    section = table.offset(section_id)
    row = section + 12 + 12 * (table.vlen(section_id) - 1)
    (variable_id,) = struct.unpack_from(prefix + "I", blob, row)
    struct.pack_into(prefix + "I", blob, section + 8, offset + size)
    struct.pack_into(prefix + "I", blob, row + 8, size)
    struct.pack_into(prefix + "I", blob, table.offset(variable_id) + 8, len(table))
    more = Appender(blob, len(table))
    more.add(0, BTFKind.ARRAY << 24, 0, array.element, array.index, length)
    return more.build()


def _last(table: TypeTable, section_id: int) -> tuple[Var, Array, int]:
    section = table[section_id]
    if not isinstance(section, Datasec) or not section.variables:
        raise BTFError("its type is no section with variables")
    row = section.variables[-1]
    variable = table[row.target]
    assert isinstance(variable, Var)  # btf_datasec_check_meta(), and our reader
    array = table[table.resolve(variable.target)]
    if not isinstance(array, Array):
        raise BTFError(f"its last variable {variable.name!r} is no array")
    return variable, array, row.offset
