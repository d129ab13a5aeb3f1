"""What the source puts into maps: ``.values = {[0] = &inner}`` of maps of maps and program arrays.

In: an ``ElfObject``, its maps and functions.  Out: ``MapSpec.values``, names by slot; nothing else
is changed.  Follows bpf_object__collect_map_relos() of libbpf.  What is refused here and not there:
an address with something added to it, which libbpf takes for the address itself.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping

from ..btf.table import TypeTable
from ..btf.types import Datasec, SectionVar, Struct
from ..spec import MapSpec
from ..uapi import BTFKind, MapType
from .programs import Functions
from .reader import R_IN_DATA, ElfObject, Relocation, Section

_POINTER_SIZE = 8


def fill_maps(
    elf: ElfObject, table: TypeTable | None, maps: Mapping[int, MapSpec], functions: Functions
) -> None:
    """Set ``values`` of the maps in section ``.maps``; *maps* by their offset there.

    Raises ``ObjectError`` for a place that is no slot and for what does not belong into one.
    """
    section = elf.section(".maps")
    relocations = elf.relocations.get(section.index, ()) if section is not None else ()
    if not relocations:
        return
    assert section is not None
    type_id = table.find(".maps", BTFKind.DATASEC) if table is not None else None
    if table is None or type_id is None:
        raise elf.error("section '.maps' is not described by any BTF; compile with clang -g")
    datasec = table[type_id]
    assert isinstance(datasec, Datasec)
    for relocation in relocations:
        row = _row_at(datasec, relocation.offset)
        if row is None:
            raise elf.error(f"byte {relocation.offset} of section '.maps' lies in no map")
        spec = maps[row.offset]
        slot = _slot(elf, table, spec, row, relocation)
        spec.values[slot] = _target(elf, spec, section, relocation, maps, functions)


def addend(elf: ElfObject, section: Section, offset: int) -> int:
    """What is added to the symbol's address at *offset* of *section*."""
    order = "<" if elf.byte_order == "little" else ">"
    number: int = struct.unpack_from(order + "Q", section.data, offset)[0]
    return number


def _row_at(datasec: Datasec, offset: int) -> SectionVar | None:
    return next(
        (
            row
            for row in datasec.variables
            if row.offset <= offset and offset + _POINTER_SIZE <= row.offset + row.size
        ),
        None,
    )


def _slot(
    elf: ElfObject, table: TypeTable, spec: MapSpec, row: SectionVar, relocation: Relocation
) -> int:
    definition = table[table.resolve(table.size_or_target(row.target))]
    assert isinstance(definition, Struct)  # or it would be no map
    last = definition.members[-1]
    if last.name != "values":
        raise elf.error(
            f"map {spec.name!r} is given a value, but its definition has no __array(values, …)"
        )
    slot, rest = divmod(relocation.offset - row.offset - last.bit_offset // 8, _POINTER_SIZE)
    if slot < 0 or rest:
        raise elf.error(
            f"map {spec.name!r} is given a value at byte {relocation.offset - row.offset}, which is"
            " none of its slots"
        )
    return slot


def _target(
    elf: ElfObject,
    spec: MapSpec,
    section: Section,
    relocation: Relocation,
    maps: Mapping[int, MapSpec],
    functions: Functions,
) -> str:
    symbol = elf.symbols[relocation.symbol]
    what = f"map {spec.name!r} is given {elf.describe(symbol)}"
    if relocation.kind not in R_IN_DATA:
        raise elf.error(f"{what} with a relocation of kind {relocation.kind}, which is no address")
    if addend(elf, section, relocation.offset):
        raise elf.error(f"{what} with something added to its address")
    if spec.map_type == MapType.PROG_ARRAY:
        function = functions.at(symbol.section, symbol.value)
        if function is None or not function.entry:
            raise elf.error(
                f"{what}, which is no program: an array of programs takes functions in sections of"
                " their own (SEC), and none that is static"
            )
        return function.name
    if spec.map_type == MapType.HASH_OF_MAPS and spec.key_size != 4:
        raise elf.error(f"{what}, but only a hash of maps with keys of 4 bytes can be filled in C")
    inner = maps.get(symbol.value) if symbol.section == section.index else None
    if inner is None:
        raise elf.error(f"{what}, which is no map in section '.maps'")
    return inner.name
