"""Global variables: every ``.rodata``, ``.data`` and ``.bss`` section as the map that will hold it.

In: an ``ElfObject`` and its types.  Out: one array map of one element per section, with the bytes
it starts with and the variables inside.  A map's key is the section's name; the name that the
kernel sees is made when the object is loaded.  Follows bpf_object__init_global_data_maps() and
map_is_mmapable() of libbpf.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..btf.table import TypeTable
from ..btf.types import Datasec, Var
from ..spec import Linkage, MapSpec, VariableSpec
from ..uapi import BTFKind, MapFlags, MapType
from .reader import SHT_NOBITS, SHT_PROGBITS, ElfObject, Section

#: Section name (also with a dot and more behind it), the ELF type it must have, its map's flags.
_DATA_SECTIONS = (
    (".rodata", SHT_PROGBITS, MapFlags.RDONLY_PROG),
    (".data", SHT_PROGBITS, MapFlags(0)),
    (".bss", SHT_NOBITS, MapFlags(0)),
)

#: A .bss section costs nothing in the file, so a damaged size could ask for any amount of memory.
#: No verifier accepts anything near this much; it is a limit for all of them together, in bytes.
_BSS_LIMIT = 1 << 28

#: Where clang puts variables of address space 1, which is an arena's.
ARENA_SECTION = ".addr_space.1"


def data_maps(elf: ElfObject, table: TypeTable | None) -> dict[str, MapSpec]:
    """The data sections of *elf* as maps, by section name, in file order.

    A section has no variables if the BTF says nothing about it: string literals in
    ``.rodata.str1.1``, constants in ``.rodata.cst16``.  Static variables are listed beside global
    ones.  Like libbpf, only a section that has a global one can be mapped into memory.
    """
    maps: dict[str, MapSpec] = {}
    zeros = 0
    for section in elf.sections:
        flags = data_flags(section)
        if flags is None or not section.size:
            continue
        if section.name in maps:
            raise elf.error(
                f"two sections are called {section.name!r}; link the parts with 'bpf2py link',"
                " not with ld -r"
            )
        if section.kind == SHT_NOBITS:
            zeros += section.size
            if zeros > _BSS_LIMIT:
                raise elf.error(
                    f"section {section.name!r} asks for {section.size} bytes; all .bss sections"
                    f" together may have {_BSS_LIMIT}"
                )
        type_id, variables = _variables(elf, section, table)
        if any(variable.linkage is not Linkage.STATIC for variable in variables.values()):
            flags |= MapFlags.MMAPABLE
        maps[section.name] = MapSpec(
            name=section.name,
            map_type=MapType.ARRAY,
            key_size=4,
            value_size=section.size,
            max_entries=1,
            flags=flags,
            value_type_id=type_id,
            section=section.name,
            data=bytearray(section.data or section.size),
            variables=variables,
        )
    return maps


def fill_arena(elf: ElfObject, table: TypeTable | None, maps: Iterable[MapSpec]) -> MapSpec | None:
    """The object's arena among *maps*, with its ``__arena`` globals; ``None`` if it has none.

    As libbpf, one arena for an object, since a variable does not say in which it is.
    """
    arenas = [spec for spec in maps if spec.map_type == MapType.ARENA]
    if len(arenas) > 1:
        raise elf.error(
            f"{arenas[0].name!r} and {arenas[1].name!r} are arenas; an object can have one"
        )
    section = elf.section(ARENA_SECTION)
    if section is not None and section.size:
        if not arenas:
            raise elf.error(
                f"section {ARENA_SECTION!r} holds __arena variables, but no map is an arena; "
                'declare one in SEC(".maps") with __uint(type, BPF_MAP_TYPE_ARENA)'
            )
        if section.kind != SHT_PROGBITS:
            raise elf.error(f"section {ARENA_SECTION!r} holds no bytes; compile the object again")
        _, variables = _variables(elf, section, table)
        arenas[0].data = bytearray(section.data)
        arenas[0].variables = variables
    return arenas[0] if arenas else None


def data_flags(section: Section) -> MapFlags | None:
    """The flags of the map for *section*; ``None`` if it holds no global variables."""
    for name, kind, flags in _DATA_SECTIONS:
        if section.kind == kind and (section.name == name or section.name.startswith(name + ".")):
            return flags
    return None


def _variables(
    elf: ElfObject, section: Section, table: TypeTable | None
) -> tuple[int, dict[str, VariableSpec]]:
    type_id = table.find(section.name, BTFKind.DATASEC) if table is not None else None
    if table is None or type_id is None:
        return 0, {}
    datasec = table[type_id]
    assert isinstance(datasec, Datasec)
    found: dict[str, VariableSpec] = {}
    for row in datasec.variables:
        var = table[row.target]
        assert isinstance(var, Var)
        if row.offset + row.size > section.size:
            raise elf.error(
                f"variable {var.name!r} lies at bytes {row.offset} to {row.offset + row.size} of"
                f" section {section.name!r}, which has {section.size}"
            )
        # Two static variables of two linked files may share a name; both stay visible.
        name, n = var.name, 1
        while name in found:
            n += 1
            name = f"{var.name}.{n}"
        found[name] = VariableSpec(
            name=name,
            offset=row.offset,
            size=row.size,
            type_id=var.target,
            linkage=_linkage(elf, var),
        )
    return type_id, found


def _linkage(elf: ElfObject, var: Var) -> Linkage:
    try:
        return Linkage(var.linkage)
    except ValueError as exc:
        raise elf.error(f"the linkage {var.linkage} of variable {var.name!r} is not known") from exc
