"""struct_ops: a struct of functions and settings that the kernel calls, as a map of one value.

In: an ``ElfObject``, its types and functions.  Out: a ``MapSpec`` per variable of the sections
``.struct_ops`` and ``.struct_ops.link``: the struct's bytes in ``data``, laid out as the object
declares it, and the programs behind its function pointers in ``functions``.  Not here: the kernel's
own layout of it (``runtime.struct_ops``).  Follows init_struct_ops_maps() and
bpf_object__collect_st_ops_relos() of libbpf.
"""

from __future__ import annotations

from ..btf.pointers import function_behind
from ..btf.table import TypeTable
from ..btf.types import Datasec, Struct, Var
from ..spec import MapSpec
from ..uapi import BTFKind, MapFlags, MapType, ProgType
from .filled import addend
from .programs import Functions
from .reader import R_IN_DATA, ElfObject, Relocation, Section
from .sections import section_def

#: Section to the flags of its maps; a ``?`` before the name: not created unless asked for.
_SECTIONS = {".struct_ops": MapFlags(0), ".struct_ops.link": MapFlags.LINK}


def struct_ops_maps(
    elf: ElfObject, table: TypeTable | None, functions: Functions
) -> dict[str, MapSpec]:
    """The struct_ops maps of *elf* by name, in file order.

    Raises ``ObjectError`` for variables that are no named struct, and for members that are given
    what is no struct_ops program.
    """
    found: dict[str, MapSpec] = {}
    for section in elf.sections:
        flags = _SECTIONS.get(section.name.removeprefix("?"))
        if flags is None or not section.size:
            continue
        type_id = table.find(section.name, BTFKind.DATASEC) if table is not None else None
        if table is None or type_id is None:
            raise elf.error(
                f"section {section.name!r} is not described by any BTF; compile with -g"
            )
        datasec = table[type_id]
        assert isinstance(datasec, Datasec)
        here: dict[int, MapSpec] = {}
        for row in datasec.variables:
            var = table[row.target]
            assert isinstance(var, Var)
            spec = _map(elf, table, section, var, row.offset, flags)
            if spec.name in found or row.offset in here:
                raise elf.error(f"struct_ops map {spec.name!r} has no name or place of its own")
            found[spec.name] = here[row.offset] = spec
        for relocation in elf.relocations.get(section.index, ()):
            _set_function(elf, table, section, here, relocation, functions)
    return found


def _map(
    elf: ElfObject, table: TypeTable, section: Section, var: Var, offset: int, flags: MapFlags
) -> MapSpec:
    type_id = table.resolve(var.target)
    struct = table[type_id]
    what = f"variable {var.name!r} in section {section.name!r}"
    if not isinstance(struct, Struct) or not struct.name:
        raise elf.error(f"{what} is no struct with a name, which the kernel could know")
    if section.kind != 1 or offset + struct.size > len(section.data):
        raise elf.error(f"{what} reaches beyond the end of the section")
    return MapSpec(
        name=var.name,
        map_type=MapType.STRUCT_OPS,
        key_size=4,
        value_size=struct.size,
        max_entries=1,
        flags=flags,
        value_type_id=type_id,
        data=bytearray(section.data[offset : offset + struct.size]),
        autocreate=not section.name.startswith("?"),
    )


def _set_function(
    elf: ElfObject,
    table: TypeTable,
    section: Section,
    maps: dict[int, MapSpec],
    relocation: Relocation,
    functions: Functions,
) -> None:
    symbol = elf.symbols[relocation.symbol]
    place = next(
        (
            (spec, relocation.offset - start)
            for start, spec in maps.items()
            if start <= relocation.offset < start + spec.value_size
        ),
        None,
    )
    if place is None:
        raise elf.error(f"byte {relocation.offset} of section {section.name!r} lies in no variable")
    spec, offset = place
    struct = table[spec.value_type_id]
    assert isinstance(struct, Struct)
    member = next((each for each in struct.members if each.bit_offset == offset * 8), None)
    what = f"struct_ops map {spec.name!r}, byte {offset}"
    if member is None or function_behind(table, member.target) is None:
        raise elf.error(f"{what} is no pointer to a function, and is given {elf.describe(symbol)}")
    what = f"member {member.name!r} of struct_ops map {spec.name!r}"
    if relocation.kind not in R_IN_DATA:
        raise elf.error(f"{what} has a relocation of kind {relocation.kind}, which is no address")
    # A static function is its section's symbol and a distance.
    at = symbol.value + addend(elf, section, relocation.offset)
    function = functions.at(symbol.section, at)
    row = section_def(function.section.name.removeprefix("?")) if function is not None else None
    if function is None or not function.entry or not row or row.prog_type != ProgType.STRUCT_OPS:
        raise elf.error(
            f'{what} is given {elf.describe(symbol)}, which is no program of SEC("struct_ops/…")'
        )
    spec.functions[member.name] = function.name
    spec.data[offset : offset + 8] = bytes(8)  # type: ignore[index]
