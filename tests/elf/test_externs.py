"""Externs, from BTF written in Python: which there are, how values lie, what the kernel is told."""

from __future__ import annotations

import pytest

from bpf2py.btf import Type, decode, encode
from bpf2py.btf import types as t
from bpf2py.elf import ObjectError, read_object
from bpf2py.spec import (
    KCONFIG,
    ByteOrder,
    ExternKind,
    ExternRelocation,
    ExternSpec,
    Linkage,
    MapRelocation,
    ObjectSpec,
)
from bpf2py.uapi import MapFlags
from tests.elf.test_maps import BASE, BOTH, INT, PROTO, U64, VOID_PTR
from tests.support.elfwriter import (
    CALL,
    EXIT,
    GLOBAL,
    LD_IMM64,
    NOTYPE,
    R_64_32,
    R_64_64,
    WEAK,
    ElfWriter,
    insn,
)

TRISTATE = t.Enum("libbpf_tristate", 4, (t.Enumerator("TRI_NO", 0), t.Enumerator("TRI_YES", 1)))


def extern_types() -> list[Type]:
    """A kfunc without parameter names, a typeless kernel symbol, a configuration value."""
    return [
        *BASE,
        t.FuncProto(INT, (t.Param("", VOID_PTR), t.Param("flags", U64))),  # 6
        t.Func("a_kfunc", 6, Linkage.EXTERN),  # 7
        t.Const(0),  # 8
        t.Var("a_symbol", 8, Linkage.EXTERN),  # 9
        t.Var("CONFIG_HZ", INT, Linkage.EXTERN),  # 10
        t.Datasec(".ksyms", 0, (t.SectionVar(7, 0, 0), t.SectionVar(9, 0, 0))),  # 11
        t.Datasec(".kconfig", 0, (t.SectionVar(10, 0, 4),)),  # 12
    ]


def read(types: list[Type], *symbols: tuple[str, int], order: ByteOrder = "little") -> ObjectSpec:
    """An object without code; *symbols* are name and binding."""
    elf = ElfWriter(order)
    elf.section(".BTF", encode(types, byte_order=order), flags=0)
    for name, bind in symbols:
        elf.symbol(name, 0, kind=NOTYPE, bind=bind)
    return read_object(elf.build(), name="t.bpf.o")


@BOTH
def test_the_kernel_is_told_of_externs_as_variables(order: ByteOrder) -> None:
    table = decode(read(extern_types(), order=order).btf)
    assert [table[i] for i in (6, 7, 9, 10, 11, 12)] == [
        t.FuncProto(INT, (t.Param("dummy_ksym", VOID_PTR), t.Param("flags", U64))),
        t.Func("a_kfunc", 6, Linkage.GLOBAL),
        t.Var("a_symbol", INT, Linkage.GLOBAL),
        t.Var("CONFIG_HZ", INT, Linkage.GLOBAL),
        # No function may stand in a section, so a variable that was added stands for it.
        t.Datasec(".ksyms", 8, (t.SectionVar(13, 0, 4), t.SectionVar(9, 4, 4))),
        t.Datasec(".kconfig", 4, (t.SectionVar(10, 0, 4),)),
    ]
    assert table[13] == t.Var("dummy_ksym", INT, Linkage.GLOBAL)
    assert len(table) == 14


def test_what_an_extern_is_comes_from_its_type_and_binding() -> None:
    spec = read(extern_types(), ("a_kfunc", WEAK), ("a_symbol", GLOBAL), ("CONFIG_HZ", GLOBAL))
    assert list(spec.externs.values()) == [
        ExternSpec(name="CONFIG_HZ", kind=ExternKind.SIGNED, type_id=INT),
        ExternSpec(name="a_kfunc", kind=ExternKind.FUNCTION, type_id=6, weak=True),
        ExternSpec(name="a_symbol", kind=ExternKind.ADDRESS),
    ]


def test_names_that_are_no_text_are_names() -> None:
    types = [
        *BASE,
        t.Var("b\udcff", INT, Linkage.EXTERN),
        t.Var("a\udc80", INT, Linkage.EXTERN),
        t.Datasec(".ksyms", 0, (t.SectionVar(6, 0, 4), t.SectionVar(7, 0, 4))),
    ]
    assert list(read(types).externs) == ["a\udc80", "b\udcff"]


def test_an_extern_that_no_code_uses_is_weak() -> None:
    assert all(extern.weak for extern in read(extern_types()).externs.values())


def test_the_type_of_a_kernel_variable_is_kept() -> None:
    types = [
        *BASE,
        t.Const(3),  # 6: const struct event
        t.Var("an_event", 6, Linkage.EXTERN),
        t.Datasec(".ksyms", 0, (t.SectionVar(7, 0, 0),)),
    ]
    spec = read(types, ("an_event", GLOBAL))
    assert spec.externs["an_event"] == ExternSpec(
        name="an_event", kind=ExternKind.VARIABLE, type_id=3
    )
    table = decode(spec.btf)
    assert table[7] == t.Var("an_event", INT, Linkage.GLOBAL)
    assert len(table) == len(types) + 1, "nothing had to be added"


def test_without_any_int_one_is_added_for_the_variables() -> None:
    types: list[Type] = [
        t.Const(0),
        t.Var("a_symbol", 1, Linkage.EXTERN),
        t.Datasec(".ksyms", 0, (t.SectionVar(2, 0, 0),)),
    ]
    table = decode(read(types).btf)
    assert table[2] == t.Var("a_symbol", 4, Linkage.GLOBAL)
    added = table[4]
    assert isinstance(added, t.Int)
    assert (added.name, added.size, added.signed) == ("int", 4, True)


def kconfig(*values: tuple[str, int], types: tuple[Type, ...] = ()) -> list[Type]:
    """Types of an object with these configuration values; *types* start at 6."""
    found: list[Type] = [*BASE, *types]
    first = len(found) + 1
    found += [t.Var(name, type_id, Linkage.EXTERN) for name, type_id in values]
    rows = tuple(t.SectionVar(first + i, 0, 0) for i in range(len(values)))
    return [*found, t.Datasec(".kconfig", 0, rows)]


#: Types 6 to 12.
KINDS: tuple[Type, ...] = (
    t.Int("_Bool", 1, 8, boolean=True),
    TRISTATE,
    t.Int("char", 1, 8, signed=True),
    t.Int("unsigned short", 2, 16),
    t.Array(8, INT, 5),
    t.Typedef("flag_t", 6),
    t.Const(11),
)


@BOTH
def test_values_lie_by_alignment_then_size_then_name(order: ByteOrder) -> None:
    types = kconfig(
        ("CONFIG_TEXT", 10),
        ("CONFIG_FLAG", 12),
        ("CONFIG_Z", INT),
        ("CONFIG_LONG", U64),
        ("CONFIG_A", INT),
        ("CONFIG_CHAR", 8),
        ("CONFIG_SHORT", 9),
        ("CONFIG_TRI", 7),
        types=KINDS,
    )
    spec = read(types, order=order)
    data = spec.maps[KCONFIG]
    places = [(v.name, v.offset, v.size) for v in data.variables.values()]
    assert places == [
        ("CONFIG_LONG", 0, 8),
        ("CONFIG_A", 8, 4),
        ("CONFIG_TRI", 12, 4),
        ("CONFIG_Z", 16, 4),
        ("CONFIG_SHORT", 20, 2),
        ("CONFIG_CHAR", 22, 1),
        ("CONFIG_FLAG", 23, 1),
        ("CONFIG_TEXT", 24, 5),
    ]
    assert [extern.kind.name for extern in spec.externs.values()] == [
        "UNSIGNED",
        "SIGNED",
        "TRISTATE",
        "SIGNED",
        "UNSIGNED",
        "SIGNED",
        "BOOL",
        "TEXT",
    ]
    assert (data.value_size, data.max_entries, data.data) == (29, 1, None)
    assert data.flags == MapFlags.RDONLY_PROG | MapFlags.MMAPABLE
    assert data.frozen
    section = decode(spec.btf)[data.value_type_id]
    assert isinstance(section, t.Datasec)
    assert [row.offset for row in section.variables] == [0, 8, 12, 16, 20, 22, 23, 24]
    assert section.size == 29


@pytest.mark.parametrize(
    ("types", "type_id"),
    [
        ((t.Int("_Bool", 2, 16, boolean=True),), 6),
        ((t.Enum("colour", 4, ()),), 6),
        ((t.Array(INT, INT, 4),), 6),
        ((t.Int("char", 1, 8), t.Array(6, INT, 0)), 7),
        ((t.Int("__int128", 16, 128),), 6),
        ((), 3),
        ((), VOID_PTR),
    ],
    ids=["wide bool", "enum", "ints", "no room", "128 bits", "struct", "pointer"],
)
def test_a_type_that_no_configuration_value_has_is_refused(
    types: tuple[Type, ...], type_id: int
) -> None:
    with pytest.raises(ObjectError, match=r"extern 'CONFIG_X' in section '.kconfig' is no bool"):
        read(kconfig(("CONFIG_X", type_id), types=types))


def test_a_function_is_no_configuration_value() -> None:
    types = [*BASE, t.Func("f", PROTO, Linkage.EXTERN), t.Datasec(".kconfig", 0, ())]
    types[-1] = t.Datasec(".kconfig", 0, (t.SectionVar(6, 0, 0),))
    with pytest.raises(ObjectError, match="extern 'f'"):
        read(types)


def test_a_section_of_externs_with_something_else_in_it_is_refused() -> None:
    types = [
        *BASE,
        t.Var("mine", INT, Linkage.GLOBAL),
        t.Datasec(".ksyms", 0, (t.SectionVar(6, 0, 4),)),
    ]
    with pytest.raises(ObjectError, match=r"entry 0 of the BTF for section '.ksyms' is no extern"):
        read(types)


def with_code(order: ByteOrder, *, call: str, load: str, offset: int = 0) -> ElfWriter:
    """A program that calls one extern and loads the address of another."""
    elf = ElfWriter(order)
    elf.section(".BTF", encode(extern_types(), byte_order=order), flags=0)
    code = elf.code(
        "tc",
        insn(CALL, src=1, imm=-1, order=order),
        insn(LD_IMM64, dst=1, imm=offset, order=order),
        insn(0, order=order),
        insn(EXIT, order=order),
    )
    elf.symbol("main", code, size=32)
    numbers = {
        name: elf.symbol(name, 0, kind=NOTYPE) for name in dict.fromkeys((call, load, "a_symbol"))
    }
    elf.relocate(code, 0, numbers[call], R_64_32)
    elf.relocate(code, 8, numbers[load], R_64_64)
    return elf


@BOTH
def test_code_that_uses_externs_says_which_and_nothing_else(order: ByteOrder) -> None:
    spec = read_object(with_code(order, call="a_kfunc", load="a_symbol").build(), name="t.bpf.o")
    program = spec.programs["main"]
    assert program.extern_relocations == (
        ExternRelocation(0, "a_kfunc"),
        ExternRelocation(1, "a_symbol"),
    )
    assert program.insns == b"".join(
        (
            insn(CALL, order=order),
            insn(LD_IMM64, dst=1, order=order),
            insn(0, order=order),
            insn(EXIT, order=order),
        )
    )


@BOTH
def test_a_configuration_value_is_a_place_in_its_map(order: ByteOrder) -> None:
    elf = with_code(order, call="a_kfunc", load="CONFIG_HZ", offset=2)
    program = read_object(elf.build(), name="t.bpf.o").programs["main"]
    assert program.map_relocations == (MapRelocation(1, KCONFIG, 2),)


@pytest.mark.parametrize(
    ("call", "load", "offset", "message"),
    [
        ("a_symbol", "a_symbol", 0, "instruction 0 calls 'a_symbol', which is declared as a var"),
        ("nowhere", "a_symbol", 0, "instruction 0 calls 'nowhere', which is not defined"),
        ("a_kfunc", "nowhere", 0, "instruction 1 uses 'nowhere', which is not defined"),
        ("a_kfunc", "a_symbol", 8, "instruction 1 uses 'a_symbol' and 8 bytes more"),
    ],
)
def test_code_that_uses_externs_wrongly_is_refused(
    call: str, load: str, offset: int, message: str
) -> None:
    elf = with_code("little", call=call, load=load, offset=offset)
    with pytest.raises(ObjectError, match=message):
        read_object(elf.build(), name="t.bpf.o")


def test_an_object_with_functions_alone_has_no_programs() -> None:
    elf = ElfWriter()
    elf.symbol("alone", elf.code(".text", insn(EXIT, order="little")), size=8)
    assert read_object(elf.build(), name="t.bpf.o").programs == {}
