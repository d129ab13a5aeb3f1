"""Map definitions and global variables, from BTF written in Python, in both byte orders."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import pytest

from bpf2py.btf import Type, decode, encode
from bpf2py.btf import types as t
from bpf2py.elf import ObjectError, read_object
from bpf2py.spec import ByteOrder, Linkage, MapSpec, ObjectSpec, Pinning
from bpf2py.uapi import MapFlags, MapType
from tests.support.elfwriter import EXIT, GLOBAL, HIDDEN, LOCAL, NOBITS, OBJECT, ElfWriter, insn

BOTH = pytest.mark.parametrize("order", ["little", "big"])

#: Types that the definitions below refer to by number.
INT, U64, EVENT, VOID_PTR, PROTO = 1, 2, 3, 4, 5
BASE: tuple[Type, ...] = (
    t.Int("int", 4, 32, signed=True),
    t.Int("unsigned long", 8, 64),
    t.Struct("event", 16, (t.Member("a", INT, 0), t.Member("b", U64, 64))),
    t.Ptr(0),
    t.FuncProto(INT, ()),
)


class Definition:
    """The BTF of one object, grown type by type."""

    def __init__(self) -> None:
        self.types: list[Type] = list(BASE)

    def add(self, each: Type) -> int:
        self.types.append(each)
        return len(self.types)

    def uint(self, value: int) -> int:
        """``int (*name)[value]``."""
        return self.add(t.Ptr(self.add(t.Array(INT, INT, value))))

    def struct(self, *members: tuple[str, int]) -> int:
        """The struct of a map: every member a pointer."""
        rows = [t.Member(name, target, 64 * i) for i, (name, target) in enumerate(members)]
        return self.add(t.Struct("", 8 * len(rows), tuple(rows)))

    def pointer(self, target: int) -> int:
        return self.add(t.Ptr(target))

    def values(self, target: int) -> int:
        """``target *values[]``."""
        return self.add(t.Array(self.pointer(target), INT, 0))


def read_maps(
    definition: Definition,
    *structs: tuple[str, int],
    order: ByteOrder = "little",
    relaxed: bool = False,
) -> ObjectSpec:
    """An object whose ``.maps`` holds these structs, 32 bytes each, in reverse order in the BTF."""
    elf = ElfWriter(order)
    section = elf.section(".maps", bytes(32 * len(structs)), flags=3)
    rows = []
    for i, (name, struct_id) in enumerate(structs):
        var = definition.add(t.Var(name, struct_id))
        rows.append(t.SectionVar(var, 0, 32))
        elf.symbol(name, section, value=32 * i, size=32, kind=OBJECT)
    definition.add(t.Datasec(".maps", 0, tuple(reversed(rows))))
    elf.section(".BTF", encode(definition.types, byte_order=order), flags=0)
    return read_object(elf.build(), name="t.bpf.o", relaxed_maps=relaxed)


def one_map(definition: Definition, *members: tuple[str, int]) -> MapSpec:
    return read_maps(definition, ("m", definition.struct(*members))).maps["m"]


@BOTH
def test_a_map_is_what_its_members_types_say(order: ByteOrder) -> None:
    d = Definition()
    struct_id = d.struct(
        ("type", d.uint(MapType.HASH)),
        ("max_entries", d.uint(1000)),
        ("key", d.pointer(U64)),
        ("value", d.pointer(EVENT)),
        ("map_flags", d.uint(MapFlags.NO_PREALLOC | MapFlags.NUMA_NODE)),
        ("numa_node", d.uint(0)),
        ("pinning", d.uint(1)),
        ("map_extra", d.uint(5)),
    )
    assert read_maps(d, ("m", struct_id), order=order).maps == {
        "m": MapSpec(
            name="m",
            map_type=MapType.HASH,
            key_size=8,
            value_size=16,
            max_entries=1000,
            flags=MapFlags.NO_PREALLOC | MapFlags.NUMA_NODE,
            map_extra=5,
            numa_node=0,
            pinning=Pinning.BY_NAME,
            key_type_id=U64,
            value_type_id=EVENT,
        )
    }


@BOTH
def test_maps_come_in_the_order_of_the_file(order: ByteOrder) -> None:
    d = Definition()
    structs = [(name, d.struct(("type", d.uint(i + 1)))) for i, name in enumerate("cab")]
    spec = read_maps(d, *structs, order=order)
    assert [(name, spec.maps[name].map_type) for name in spec.maps] == [
        ("c", 1),
        ("a", 2),
        ("b", 3),
    ]
    datasec = decode(spec.btf)[len(d.types)]
    assert isinstance(datasec, t.Datasec)
    assert datasec.size == 96
    assert [row.offset for row in datasec.variables] == [0, 32, 64]


def test_a_map_type_of_a_newer_kernel_stays_a_number() -> None:
    d = Definition()
    assert one_map(d, ("type", d.uint(4711)), ("map_flags", d.uint(1 << 30))).map_type == 4711


def test_a_long_attribute_is_an_enumerator() -> None:
    d = Definition()
    value = d.add(t.Enum64("", 8, (t.Enumerator("x", 0x123456789ABCDEF0),)))
    spec = one_map(d, ("type", d.uint(MapType.ARRAY)), ("map_extra", value))
    assert spec.map_extra == 0x123456789ABCDEF0


@pytest.mark.parametrize("kind", [MapType.RINGBUF, MapType.USER_RINGBUF])
@pytest.mark.parametrize("type_first", [True, False])
def test_the_events_of_a_ring_buffer_are_no_value_type(kind: MapType, type_first: bool) -> None:
    d = Definition()
    members = [("type", d.uint(kind)), ("value", d.pointer(EVENT)), ("max_entries", d.uint(4096))]
    spec = one_map(d, *(members if type_first else members[::-1]))
    assert (spec.event_type_id, spec.value_type_id, spec.value_size) == (EVENT, 0, 0)


@pytest.mark.parametrize(("target", "event"), [(EVENT, EVENT), (INT, 0)])
def test_a_perf_array_holds_descriptors_and_delivers_events(target: int, event: int) -> None:
    d = Definition()
    kind = d.uint(MapType.PERF_EVENT_ARRAY)
    spec = one_map(d, ("type", kind), ("value", d.pointer(target)))
    assert (spec.key_size, spec.value_size) == (4, 4)
    assert (spec.event_type_id, spec.value_type_id) == (event, 0)


def test_a_perf_array_may_say_both_its_slots_and_its_events() -> None:
    d = Definition()
    spec = one_map(
        d,
        ("type", d.uint(MapType.PERF_EVENT_ARRAY)),
        ("key_size", d.uint(4)),
        ("value_size", d.uint(4)),
        ("value", d.pointer(EVENT)),
    )
    assert (spec.value_size, spec.event_type_id) == (4, EVENT)


def test_a_map_of_maps_carries_the_definition_of_its_values() -> None:
    d = Definition()
    inner = d.struct(("type", d.uint(MapType.ARRAY)), ("value", d.pointer(U64)))
    spec = one_map(d, ("type", d.uint(MapType.ARRAY_OF_MAPS)), ("values", d.values(inner)))
    assert spec.value_size == 4
    assert spec.inner == MapSpec(
        name="m.inner", map_type=MapType.ARRAY, value_size=8, value_type_id=U64
    )


def test_an_array_of_programs_may_name_their_type() -> None:
    d = Definition()
    spec = one_map(d, ("type", d.uint(MapType.PROG_ARRAY)), ("values", d.values(PROTO)))
    assert (spec.value_size, spec.inner) == (4, None)


Members = Sequence[tuple[str, int]]


def _unknown(d: Definition) -> Members:
    return [("type", d.uint(1)), ("colour", d.uint(3))]


def _no_type(d: Definition) -> Members:
    return [("max_entries", d.uint(3))]


def _sizes(d: Definition) -> Members:
    return [("type", d.uint(1)), ("key", d.pointer(U64)), ("key_size", d.uint(4))]


def _not_uint(d: Definition) -> Members:
    return [("type", INT)]


def _not_an_array(d: Definition) -> Members:
    return [("type", VOID_PTR)]


def _pinning(d: Definition) -> Members:
    return [("type", d.uint(1)), ("pinning", d.uint(2))]


def _values_of_hash(d: Definition) -> Members:
    return [("type", d.uint(1)), ("values", d.values(PROTO))]


def _values_first(d: Definition) -> Members:
    kind = d.uint(MapType.PROG_ARRAY)
    return [("type", kind), ("values", d.values(PROTO)), ("max_entries", d.uint(1))]


def _two_levels(d: Definition) -> Members:
    leaf = d.struct(("type", d.uint(MapType.ARRAY)))
    kind = d.uint(MapType.ARRAY_OF_MAPS)
    middle = d.struct(("type", kind), ("values", d.values(leaf)))
    return [("type", kind), ("values", d.values(middle))]


def _pinned_inner(d: Definition) -> Members:
    leaf = d.struct(("type", d.uint(MapType.ARRAY)), ("pinning", d.uint(1)))
    return [("type", d.uint(MapType.ARRAY_OF_MAPS)), ("values", d.values(leaf))]


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        (_unknown, "a member 'colour', which is not known"),
        (_no_type, "has no type"),
        (_sizes, "two different things about its key_size: 8 and 4"),
        (_not_uint, "'type' that was not written with __uint"),
        (_not_an_array, "'type' that was not written with __uint"),
        (_pinning, "has pinning 2, which is for another loader"),
        (_values_of_hash, "neither a map of maps nor an array of programs"),
        (_values_first, "'values' as its last member"),
        (_two_levels, r"\.inner' nests maps deeper"),
        (_pinned_inner, r"\.inner' is an inner map, which cannot be pinned"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_a_definition_that_makes_no_sense_names_its_map(members: object, complaint: str) -> None:
    assert callable(members)
    d = Definition()
    with pytest.raises(ObjectError, match=rf"^t\.bpf\.o: map 'm.*{complaint}"):
        one_map(d, *members(d))


def test_an_extern_map_asks_for_the_object_that_defines_it() -> None:
    d = Definition()
    elf = ElfWriter()
    elf.section(".maps", bytes(32), flags=3)
    struct_id = d.struct(("type", d.uint(1)))
    var = d.add(t.Var("elsewhere", struct_id, Linkage.EXTERN))
    d.add(t.Datasec(".maps", 0, (t.SectionVar(var, 0, 0),)))
    elf.section(".BTF", encode(d.types, byte_order="little"), flags=0)
    with pytest.raises(ObjectError, match="map 'elsewhere' is extern: the object that defines it"):
        read_object(elf.build(), name="t.bpf.o")


def test_what_is_not_known_is_passed_over_where_that_is_wanted() -> None:
    d = Definition()
    outer = ("type", d.uint(MapType.HASH_OF_MAPS)), ("values", d.values(d.struct(*_unknown(d))))
    maps = read_maps(d, ("m", d.struct(*_unknown(d))), ("o", d.struct(*outer)), relaxed=True).maps
    assert maps["m"].map_type == MapType.HASH
    assert maps["o"].inner is not None
    again = Definition()
    with pytest.raises(ObjectError, match="has no type"):
        read_maps(again, ("m", again.struct(("colour", again.uint(3)))), relaxed=True)


def test_a_map_that_is_no_struct_is_refused() -> None:
    with pytest.raises(ObjectError, match="map 'm' is a INT, not a struct"):
        read_maps(Definition(), ("m", INT))


def test_maps_without_btf_are_refused_with_advice() -> None:
    elf = ElfWriter()
    elf.section(".maps", bytes(32), flags=3)
    with pytest.raises(ObjectError, match="compile with clang -g"):
        read_object(elf.build(), name="t.bpf.o")


# ---- global variables ----


def read_data(
    order: ByteOrder,
    *variables: tuple[str, Linkage, int, bool],
    name: str = ".data",
    datasec_size: int = 0,
    in_btf: int = 0,
) -> ObjectSpec:
    """Variables of 4 bytes in one section: name, linkage, offset, whether they are hidden."""
    d = Definition()
    elf = ElfWriter(order)
    contents = b"".join(struct.pack("<I", i) for i in range(8))
    section = (
        elf.section(name, kind=NOBITS, flags=3, size=32)
        if name.startswith(".bss")
        else elf.section(name, contents, flags=3)
    )
    rows = []
    for variable, linkage, offset, hidden in variables:
        rows.append(t.SectionVar(d.add(t.Var(variable, INT, linkage)), in_btf, 4))
        elf.symbol(
            variable,
            section,
            value=offset,
            size=4,
            kind=OBJECT,
            bind=LOCAL if linkage is Linkage.STATIC else GLOBAL,
            visibility=HIDDEN if hidden else 0,
        )
    d.add(t.Datasec(name, datasec_size, tuple(rows)))
    elf.section(".BTF", encode(d.types, byte_order=order), flags=0)
    return read_object(elf.build(), name="t.bpf.o")


@BOTH
def test_variables_get_their_places_from_the_symbols(order: ByteOrder) -> None:
    spec = read_data(
        order,
        ("late", Linkage.GLOBAL, 20, False),
        ("early", Linkage.GLOBAL, 4, False),
        ("quiet", Linkage.STATIC, 12, False),
    )
    data = spec.maps[".data"]
    assert [(v.name, v.offset, v.size, v.type_id, v.linkage) for v in data.variables.values()] == [
        ("early", 4, 4, INT, Linkage.GLOBAL),
        ("quiet", 12, 4, INT, Linkage.STATIC),
        ("late", 20, 4, INT, Linkage.GLOBAL),
    ]
    table = decode(spec.btf)
    datasec = table[data.value_type_id]
    assert isinstance(datasec, t.Datasec)
    assert datasec.size == 32
    assert [(table.name(row.target), row.offset) for row in datasec.variables] == [
        ("early", 4),
        ("quiet", 12),
        ("late", 20),
    ]


@pytest.mark.parametrize(
    ("name", "flags"),
    [
        (".rodata", MapFlags.RDONLY_PROG | MapFlags.MMAPABLE),
        (".rodata.config", MapFlags.RDONLY_PROG | MapFlags.MMAPABLE),
        (".data", MapFlags.MMAPABLE),
        (".data.x", MapFlags.MMAPABLE),
        (".bss", MapFlags.MMAPABLE),
        (".bss.x", MapFlags.MMAPABLE),
    ],
)
def test_each_kind_of_section_is_an_array_of_one(name: str, flags: MapFlags) -> None:
    spec = read_data("little", ("v", Linkage.GLOBAL, 0, False), name=name)
    data = spec.maps[name]
    assert (data.map_type, data.key_size, data.value_size, data.max_entries, data.flags) == (
        (MapType.ARRAY, 4, 32, 1, flags)
    )
    assert data.frozen == name.startswith(".rodata")
    assert data.data is not None
    assert len(data.data) == 32
    assert any(data.data) != name.startswith(".bss")


@BOTH
def test_hidden_variables_become_static_and_keep_the_section_unmapped(order: ByteOrder) -> None:
    spec = read_data(order, ("lock", Linkage.GLOBAL, 0, True), ("count", Linkage.STATIC, 4, False))
    data = spec.maps[".data"]
    assert [v.linkage for v in data.variables.values()] == [Linkage.STATIC, Linkage.STATIC]
    assert data.flags == 0
    var = decode(spec.btf)[len(BASE) + 1]
    assert var == t.Var("lock", INT, Linkage.STATIC)


@pytest.mark.parametrize(("linkage", "offset"), [(Linkage.STATIC, 16), (Linkage.GLOBAL, 8)])
def test_places_that_a_linker_filled_in_are_kept_unless_the_symbol_knows_better(
    linkage: Linkage, offset: int
) -> None:
    """libbpf's linker leaves an overridden weak variable in the BTF where it no longer is."""
    spec = read_data("little", ("v", linkage, 8, False), datasec_size=32, in_btf=16)
    assert spec.maps[".data"].variables["v"].offset == offset


def test_a_variable_beyond_its_section_is_refused() -> None:
    with pytest.raises(
        ObjectError, match=r"variable 'v' lies at bytes 30 to 34 of section '\.data'"
    ):
        read_data("little", ("v", Linkage.GLOBAL, 30, False))


def test_two_static_variables_of_one_name_are_both_kept() -> None:
    spec = read_data(
        "little",
        ("n", Linkage.STATIC, 0, False),
        ("n", Linkage.STATIC, 0, False),
        datasec_size=32,
    )
    assert list(spec.maps[".data"].variables) == ["n", "n.2"]


def test_a_global_variable_without_a_symbol_is_refused() -> None:
    d = Definition()
    elf = ElfWriter()
    elf.section(".data", bytes(8), flags=3)
    d.add(t.Datasec(".data", 0, (t.SectionVar(d.add(t.Var("v", INT)), 0, 4),)))
    elf.section(".BTF", encode(d.types, byte_order="little"), flags=0)
    with pytest.raises(ObjectError, match=r"variable 'v' of section '\.data' has no symbol"):
        read_object(elf.build(), name="t.bpf.o")


def test_variables_of_a_section_that_is_not_there_are_refused() -> None:
    d = Definition()
    d.add(t.Datasec(".data", 0, (t.SectionVar(d.add(t.Var("v", INT)), 0, 4),)))
    elf = ElfWriter()
    elf.section(".BTF", encode(d.types, byte_order="little"), flags=0)
    with pytest.raises(ObjectError, match=r"section '\.data', which is missing"):
        read_object(elf.build(), name="t.bpf.o")


def test_btf_of_the_other_byte_order_is_refused() -> None:
    elf = ElfWriter("little")
    elf.section(".BTF", encode(BASE, byte_order="big"), flags=0)
    with pytest.raises(ObjectError, match="big-endian in a little-endian object"):
        read_object(elf.build(), name="t.bpf.o")


def test_string_literals_are_a_section_without_variables() -> None:
    elf = ElfWriter()
    elf.section(".rodata.str1.1", b"hello\0", flags=0x32)
    data = read_object(elf.build(), name="t.bpf.o").maps[".rodata.str1.1"]
    assert data.data == bytearray(b"hello\0")
    assert (data.variables, data.flags) == ({}, MapFlags.RDONLY_PROG)


def test_hidden_subprograms_become_static_in_the_btf() -> None:
    elf = ElfWriter()
    code = insn(EXIT, order="little")
    text = elf.code(".text", code, code)
    elf.symbol("shown", text, size=8)
    elf.symbol("hidden", text, value=8, size=8, visibility=HIDDEN)
    funcs = [t.Func("shown", PROTO, Linkage.GLOBAL), t.Func("hidden", PROTO, Linkage.GLOBAL)]
    elf.section(".BTF", encode([*BASE, *funcs], byte_order="little"), flags=0)
    table = decode(read_object(elf.build(), name="t.bpf.o").btf)
    assert [table[i] for i in (6, 7)] == [funcs[0], t.Func("hidden", PROTO, Linkage.STATIC)]
