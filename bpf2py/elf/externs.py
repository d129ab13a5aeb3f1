"""Externs: names of an object whose values come from the running kernel.

In: an ``ElfObject`` and its BTF, in which the sections ``.kconfig`` and ``.ksyms`` list them.  Out:
an ``ExternSpec`` for each, the map that will hold the configuration values, and BTF that the kernel
takes.  Not here: the values, which belong to the running kernel (``runtime.externs``).

Follows bpf_object__collect_externs() and find_kcfg_type() of libbpf, order and layout included,
except that an extern that lost its symbol, because no code uses it, is weak here and an error there.
"""

from __future__ import annotations

import struct

from ..btf.append import Appender
from ..btf.decode import decode
from ..btf.layout import align_of, size_of
from ..btf.table import TypeTable
from ..btf.types import Array, Datasec, Enum, Enum64, Func, FuncProto, Int, Type, Var
from ..spec import KCONFIG, ExternKind, ExternSpec, Linkage, MapSpec, VariableSpec
from ..uapi import BTFKind, MapFlags, MapType
from .reader import SHN_UNDEF, STB_LOCAL, STB_WEAK, ElfObject

KSYMS = ".ksyms"
EXTERN_SECTIONS = (KCONFIG, KSYMS)
#: The variable that stands in ``.ksyms`` for all functions: the kernel takes none there.
_DUMMY = "dummy_ksym"
_INT_SIZE = 4


def read_externs(elf: ElfObject, table: TypeTable | None) -> dict[str, ExternSpec]:
    """The externs that *table*, the object's own BTF, describes, in libbpf's order.

    Raises ``ObjectError`` for a configuration value of a type that cannot hold one.
    """
    if table is None:
        return {}
    symbols = {
        symbol.name: symbol
        for symbol in elf.symbols
        if symbol.section == SHN_UNDEF and symbol.bind != STB_LOCAL
    }
    values: list[tuple[int, int, str, ExternSpec]] = []
    others: dict[str, ExternSpec] = {}
    for section in EXTERN_SECTIONS:
        for type_id in _entries(elf, table, section):
            entry = table[type_id]
            assert isinstance(entry, Var | Func)
            name, target = entry.name, entry.target
            symbol = symbols.get(name)
            weak = symbol is None or symbol.bind == STB_WEAK
            if section == KSYMS:
                others[name] = _symbol(table, name, entry, weak)
                continue
            kind = _value_kind(table[table.resolve(target)], table)
            if isinstance(entry, Func) or kind is None:
                raise elf.error(
                    f"extern {name!r} in section {KCONFIG!r} is no bool, integer, char array or"
                    " enum libbpf_tristate: no configuration value has such a type"
                )
            extern = ExternSpec(name=name, kind=kind, type_id=target, weak=weak)
            values.append((-align_of(table, target), size_of(table, target), name, extern))
    values.sort(key=lambda row: (*row[:2], _bytes(row[2])))
    found = {name: extern for _, _, name, extern in values}
    return found | {name: others[name] for name in sorted(others, key=_bytes)}


def kconfig_map(table: TypeTable | None, externs: dict[str, ExternSpec]) -> MapSpec | None:
    """The map of the configuration values, without them; *table* is the BTF as it was.

    The order of the dict is the order in the map.
    """
    variables: dict[str, VariableSpec] = {}
    end = 0
    for extern in externs.values():
        if extern.kind > ExternKind.TEXT or table is None:
            continue
        align = align_of(table, extern.type_id)
        offset = -(-end // align) * align
        size = size_of(table, extern.type_id)
        variables[extern.name] = VariableSpec(
            name=extern.name,
            offset=offset,
            size=size,
            type_id=extern.type_id,
            linkage=Linkage.EXTERN,
        )
        end = offset + size
    if table is None or not variables:
        return None
    return MapSpec(
        name=KCONFIG,
        map_type=MapType.ARRAY,
        key_size=4,
        value_size=end,
        max_entries=1,
        flags=MapFlags.RDONLY_PROG | MapFlags.MMAPABLE,
        value_type_id=table.find(KCONFIG, BTFKind.DATASEC) or 0,
        section=KCONFIG,
        variables=variables,
    )


def made_acceptable(
    elf: ElfObject, table: TypeTable, kconfig: MapSpec | None, blob: bytes
) -> bytes:
    """*blob* with externs that the kernel takes for variables of the object's own.

    The kernel takes neither extern linkage nor functions in a data section.  Types of symbols
    become ``int``, because what they were said to be need not be complete.
    """
    symbols = _entries(elf, table, KSYMS)
    functions = {type_id for type_id in symbols if table.kind(type_id) is BTFKind.FUNC}
    int_id = next((i for i in table if _is_int(table[i])), 0)
    dummy = name = 0
    if functions or (symbols and not int_id):
        more = Appender(blob, len(table))
        if not int_id:
            int_id = more.add(more.string("int"), BTFKind.INT << 24, 4, 1 << 24 | 32)
        if functions:
            name = more.string(_DUMMY)
            dummy = more.add(name, BTFKind.VAR << 24, int_id, Linkage.GLOBAL)
        blob = more.build()
        table = decode(blob)
    patched = bytearray(blob)
    order = "<" if elf.byte_order == "little" else ">"
    word, entry = struct.Struct(order + "I"), struct.Struct(order + "III")
    for type_id in symbols:
        at = table.offset(type_id)
        if type_id in functions:
            word.pack_into(patched, at + 4, BTFKind.FUNC << 24 | Linkage.GLOBAL)
            _name_parameters(elf, table, type_id, patched, name)
        else:
            struct.pack_into(order + "II", patched, at + 8, int_id, Linkage.GLOBAL)
    for section, datasec in _sections(table, KSYMS):
        at = table.offset(section)
        word.pack_into(patched, at + 8, _INT_SIZE * len(datasec.variables))
        for i, row in enumerate(datasec.variables):
            target = dummy if row.target in functions else row.target
            entry.pack_into(patched, at + 12 + 12 * i, target, _INT_SIZE * i, _INT_SIZE)
    for section, datasec in _sections(table, KCONFIG):
        assert kconfig is not None
        at = table.offset(section)
        word.pack_into(patched, at + 8, kconfig.value_size)
        places = kconfig.variables
        rows = sorted(
            (places[table.name(row.target)].offset, row.target, row.size)
            for row in datasec.variables
        )
        for i, (offset, target, size) in enumerate(rows):
            entry.pack_into(patched, at + 12 + 12 * i, target, offset, size)
            word.pack_into(patched, table.offset(target) + 12, Linkage.GLOBAL)
    return bytes(patched)


def _bytes(name: str) -> bytes:
    """What strcmp() compares."""
    return name.encode("utf-8", "surrogateescape")


def _sections(table: TypeTable, name: str) -> list[tuple[int, Datasec]]:
    return [(i, each) for i in table.ids_named(name) if isinstance(each := table[i], Datasec)]


def _entries(elf: ElfObject, table: TypeTable, section: str) -> list[int]:
    """The ids of the variables and functions that the BTF lists in *section*."""
    found: list[int] = []
    for _, datasec in _sections(table, section):
        for i, row in enumerate(datasec.variables):
            each = table[row.target]
            if not isinstance(each, Var | Func) or each.linkage != Linkage.EXTERN or not each.name:
                raise elf.error(f"entry {i} of the BTF for section {section!r} is no extern")
            found.append(row.target)
    return found


def _symbol(table: TypeTable, name: str, entry: Var | Func, weak: bool) -> ExternSpec:
    target = entry.target
    if isinstance(entry, Func):
        kind = ExternKind.FUNCTION
    else:
        target = table.resolve(target)
        kind = ExternKind.VARIABLE if target else ExternKind.ADDRESS
    return ExternSpec(name=name, kind=kind, type_id=target, weak=weak)


def _value_kind(found: Type, table: TypeTable) -> ExternKind | None:
    match found:
        case Int(size=size, boolean=True):
            return ExternKind.BOOL if size == 1 else None
        case Int(size=size, signed=signed):
            number = ExternKind.SIGNED if signed else ExternKind.UNSIGNED
            return number if size in (1, 2, 4, 8) else None
        case Enum(size=4, name="libbpf_tristate") | Enum64(name="libbpf_tristate"):
            return ExternKind.TRISTATE
        case Array(length=length, element=element) if length:
            each = table[table.resolve(element)]
            one_byte = isinstance(each, Int) and each.size == 1 and not each.boolean
            return ExternKind.TEXT if one_byte else None
        case _:
            return None


def _is_int(each: Type) -> bool:
    return isinstance(each, Int) and each.bits == 8 * _INT_SIZE


def _name_parameters(
    elf: ElfObject, table: TypeTable, function: int, blob: bytearray, name: int
) -> None:
    """Parameters of a declaration may lack names, those of a function may not (btf_func_check)."""
    order = "<" if elf.byte_order == "little" else ">"
    proto = table.size_or_target(function)
    if not isinstance(table[proto], FuncProto):
        raise elf.error(f"extern {table.name(function)!r} has no prototype in the BTF")
    for i in range(table.vlen(proto)):
        at = table.offset(proto) + 12 + 8 * i
        given, target = struct.unpack_from(order + "II", blob, at)
        if target and not given:
            struct.pack_into(order + "I", blob, at, name)
