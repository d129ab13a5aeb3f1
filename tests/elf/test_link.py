"""Linking, on objects written by hand: calls of every kind, in both byte orders."""

from __future__ import annotations

import struct

import pytest

from bpf2py.elf import ObjectError, read_object
from bpf2py.spec import ByteOrder, MapRelocation, ObjectSpec
from tests.support.elfwriter import (
    CALL,
    EXIT,
    FUNC,
    GLOBAL,
    LD_IMM64,
    LOCAL,
    MOV,
    NOTYPE,
    OBJECT,
    R_64_64,
    SECTION,
    WEAK,
    ElfWriter,
    insn,
)

BOTH = pytest.mark.parametrize("order", ["little", "big"])


def read(writer: ElfWriter) -> ObjectSpec:
    return read_object(writer.build(), name="t.bpf.o")


def call(order: ByteOrder, imm: int = -1) -> bytes:
    return insn(CALL, src=1, imm=imm, order=order)


def exit_(order: ByteOrder) -> bytes:
    return insn(EXIT, order=order)


def ret(order: ByteOrder, value: int) -> bytes:
    """A function that returns *value*: two instructions, and recognisable."""
    return insn(MOV, imm=value, order=order) + exit_(order)


def load(order: ByteOrder, imm: int = 0, dst: int = 1) -> bytes:
    return insn(LD_IMM64, dst=dst, imm=imm, order=order) + bytes(8)


def imm_at(spec: ObjectSpec, program: str, at: int) -> int:
    prefix = "<i" if spec.byte_order == "little" else ">i"
    return int(struct.unpack_from(prefix, spec.programs[program].insns, at * 8 + 4)[0])


def moved(spec: ObjectSpec, program: str) -> list[int]:
    """The values that the program's ``ret`` functions return, in the order they were appended."""
    insns = spec.programs[program].insns
    return [imm_at(spec, program, at) for at in range(len(insns) // 8) if insns[at * 8] == MOV]


@BOTH
def test_a_static_function_is_called_by_section_and_distance(order: ByteOrder) -> None:
    elf = ElfWriter(order)
    text = elf.code(".text", ret(order, 10), ret(order, 20))
    xdp = elf.code("xdp", call(order, 1), exit_(order))
    section = elf.symbol("", text, kind=SECTION, bind=LOCAL)
    elf.symbol("ten", text, size=16, bind=LOCAL)
    elf.symbol("twenty", text, value=16, size=16, bind=LOCAL)
    elf.symbol("main", xdp, size=16)
    elf.relocate(xdp, 0, section)
    spec = read(elf)
    assert list(spec.programs) == ["main"]
    assert moved(spec, "main") == [20]
    assert imm_at(spec, "main", 0) == 1


@BOTH
@pytest.mark.parametrize("called", [False, True])
def test_a_static_function_in_a_section_of_its_own_is_no_program(
    order: ByteOrder, called: bool
) -> None:
    """With a caller it is a subprogram; without, SEC() kept it, and it was meant to be one."""
    elf = ElfWriter(order)
    tail = elf.code("kprobe/f", ret(order, 10))
    xdp = elf.code("xdp", call(order) + exit_(order) if called else ret(order, 20))
    section = elf.symbol("", tail, kind=SECTION, bind=LOCAL)
    elf.symbol("probe", tail, size=16, bind=LOCAL)
    elf.symbol("main", xdp, size=16)
    if called:
        elf.relocate(xdp, 0, section)
        assert moved(read(elf), "main") == [10]
    else:
        with pytest.raises(
            ObjectError, match="'probe' in section 'kprobe/f' is static, so it is no"
        ):
            read(elf)


@BOTH
def test_a_global_function_is_called_by_its_symbol(order: ByteOrder) -> None:
    elf = ElfWriter(order)
    text = elf.code(".text", ret(order, 10), ret(order, 20))
    xdp = elf.code("xdp", call(order), call(order), exit_(order))
    ten = elf.symbol("ten", text, size=16)
    twenty = elf.symbol("twenty", text, value=16, size=16, bind=WEAK)
    elf.symbol("main", xdp, size=24)
    elf.relocate(xdp, 0, twenty)
    elf.relocate(xdp, 8, ten)
    spec = read(elf)
    assert moved(spec, "main") == [20, 10]
    assert (imm_at(spec, "main", 0), imm_at(spec, "main", 1)) == (2, 3)


@BOTH
def test_calls_within_a_section_need_no_relocation(order: ByteOrder) -> None:
    elf = ElfWriter(order)
    text = elf.code(".text", ret(order, 10), call(order, -3) + exit_(order))
    xdp = elf.code("xdp", call(order), exit_(order))
    elf.symbol("ten", text, size=16, bind=LOCAL)
    outer = elf.symbol("outer", text, value=16, size=16)
    elf.symbol("main", xdp, size=16)
    elf.relocate(xdp, 0, outer)
    spec = read(elf)
    assert moved(spec, "main") == [10]
    assert imm_at(spec, "main", 2) == 1


@BOTH
def test_callees_come_in_the_order_of_a_walk_in_depth(order: ByteOrder) -> None:
    elf = ElfWriter(order)
    both = insn(MOV, imm=1, order=order) + call(order) + call(order) + exit_(order)
    text = elf.code(".text", both, ret(order, 2), ret(order, 3), ret(order, 4))
    xdp = elf.code("xdp", call(order), call(order), call(order), exit_(order))
    first = elf.symbol("first", text, size=32)
    names = [elf.symbol(f"f{i}", text, value=32 + 16 * i, size=16) for i in range(3)]
    elf.symbol("main", xdp, size=32)
    elf.relocate(text, 8, names[2])
    elf.relocate(text, 16, names[1])
    elf.relocate(xdp, 0, names[1])
    elf.relocate(xdp, 8, first)
    elf.relocate(xdp, 16, names[0])
    assert moved(read(elf), "main") == [3, 1, 4, 2]


@BOTH
def test_functions_that_call_each_other_are_appended_once(order: ByteOrder) -> None:
    elf = ElfWriter(order)
    body = call(order) + exit_(order)
    text = elf.code(".text", body, body)
    xdp = elf.code("xdp", body)
    ping = elf.symbol("ping", text, size=16)
    pong = elf.symbol("pong", text, value=16, size=16)
    elf.symbol("main", xdp, size=16)
    elf.relocate(text, 0, pong)
    elf.relocate(text, 16, ping)
    elf.relocate(xdp, 0, ping)
    spec = read(elf)
    assert len(spec.programs["main"].insns) == 6 * 8
    assert [imm_at(spec, "main", at) for at in (0, 2, 4)] == [1, 1, -3]


def test_a_chain_of_calls_may_be_longer_than_python_recurses() -> None:
    links = 5000
    elf = ElfWriter()
    body = call("little") + exit_("little")
    text = elf.code(".text", *[body] * links, ret("little", 7))
    xdp = elf.code("xdp", body)
    names = [elf.symbol(f"f{i}", text, value=16 * i, size=16) for i in range(links + 1)]
    elf.symbol("main", xdp, size=16)
    for i in range(links):
        elf.relocate(text, 16 * i, names[i + 1])
    elf.relocate(xdp, 0, names[0])
    spec = read(elf)
    assert len(spec.programs["main"].insns) == 16 * (links + 2)
    assert moved(spec, "main") == [7]


@BOTH
def test_each_program_gets_its_own_copy_of_what_it_reaches(order: ByteOrder) -> None:
    elf = ElfWriter(order)
    text = elf.code(".text", ret(order, 1), ret(order, 2))
    body = call(order) + exit_(order)
    tc = elf.code("tc", body, body)
    one = elf.symbol("one", text, size=16)
    two = elf.symbol("two", text, value=16, size=16)
    elf.symbol("b", tc, value=16, size=16)
    elf.symbol("a", tc, size=16)
    elf.relocate(tc, 0, one)
    elf.relocate(tc, 16, two)
    spec = read(elf)
    assert list(spec.programs) == ["a", "b"]
    assert (moved(spec, "a"), moved(spec, "b")) == ([1], [2])


@BOTH
def test_a_program_may_call_another_program_and_itself(order: ByteOrder) -> None:
    elf = ElfWriter(order)
    tc = elf.code("tc", call(order) + call(order) + exit_(order))
    xdp = elf.code("xdp", ret(order, 9))
    main = elf.symbol("main", tc, size=24)
    other = elf.symbol("other", xdp, size=16)
    elf.relocate(tc, 0, other)
    elf.relocate(tc, 8, main)
    spec = read(elf)
    assert moved(spec, "main") == [9]
    assert (imm_at(spec, "main", 0), imm_at(spec, "main", 1)) == (2, -2)


@BOTH
@pytest.mark.parametrize("static", [False, True])
def test_a_callback_becomes_a_distance_to_the_function(order: ByteOrder, static: bool) -> None:
    elf = ElfWriter(order)
    text = elf.code(".text", ret(order, 1), ret(order, 2))
    tc = elf.code("tc", load(order, 16 if static else 0), exit_(order))
    section = elf.symbol("", text, kind=SECTION, bind=LOCAL)
    elf.symbol("one", text, size=16, bind=LOCAL)
    two = elf.symbol("two", text, value=16, size=16, bind=LOCAL if static else GLOBAL)
    elf.symbol("main", tc, size=24)
    elf.relocate(tc, 0, section if static else two, R_64_64)
    spec = read(elf)
    assert moved(spec, "main") == [2]
    assert imm_at(spec, "main", 0) == 2
    registers = spec.programs["main"].insns[1]
    assert registers == (0x41 if order == "little" else 0x14)


@BOTH
def test_variables_are_offsets_into_their_section(order: ByteOrder) -> None:
    elf = ElfWriter(order)
    data = elf.section(".data", bytes(32), flags=3)
    bss = elf.section(".bss", kind=8, flags=3, size=64)
    tc = elf.code("tc", load(order, 8, dst=2), load(order, 4), load(order), exit_(order))
    section = elf.symbol("", data, kind=SECTION, bind=LOCAL)
    array = elf.symbol("array", bss, value=16, size=40, kind=OBJECT)
    elf.symbol("main", tc, size=56)
    elf.relocate(tc, 0, section, R_64_64)
    elf.relocate(tc, 16, array, R_64_64)
    elf.relocate(tc, 32, array, R_64_64)
    program = read(elf).programs["main"]
    assert program.map_relocations == (
        MapRelocation(0, ".data", 8),
        MapRelocation(2, ".bss", 20),
        MapRelocation(4, ".bss", 16),
    )
    # Nothing but opcode and destination is left for the loader to respect.
    assert program.insns[:16] == load(order, dst=2)
    assert program.insns[16:32] == load(order)


def test_map_relocations_of_subprograms_are_counted_from_the_entry() -> None:
    elf = ElfWriter()
    data = elf.section(".data", bytes(8), flags=3)
    text = elf.code(".text", load("little") + exit_("little"))
    tc = elf.code("tc", call("little") + exit_("little"))
    variable = elf.symbol("variable", data, size=8, kind=OBJECT)
    sub = elf.symbol("sub", text, size=24)
    elf.symbol("main", tc, size=16)
    elf.relocate(text, 0, variable, R_64_64)
    elf.relocate(tc, 0, sub)
    assert read(elf).programs["main"].map_relocations == (MapRelocation(2, ".data", 0),)


def test_a_weak_program_gives_way_to_a_strong_one_of_its_name() -> None:
    elf = ElfWriter()
    tc = elf.code("tc", ret("little", 1), ret("little", 2))
    elf.symbol("main", tc, size=16, bind=WEAK)
    elf.symbol("main", tc, value=16, size=16)
    assert moved(read(elf), "main") == [2]


def test_two_programs_of_one_name_are_refused() -> None:
    elf = ElfWriter()
    tc = elf.code("tc", ret("little", 1), ret("little", 2))
    elf.symbol("main", tc, size=16)
    elf.symbol("main", tc, value=16, size=16)
    with pytest.raises(ObjectError, match="two programs are called 'main'"):
        read(elf)


def test_an_alias_is_the_same_code_under_two_names() -> None:
    elf = ElfWriter()
    tc = elf.code("tc", ret("little", 1))
    elf.symbol("one", tc, size=16)
    elf.symbol("other", tc, size=16)
    spec = read(elf)
    assert spec.programs["one"].insns == spec.programs["other"].insns


def test_an_undefined_symbol_matters_only_if_it_is_used() -> None:
    def build(used: bool) -> ElfWriter:
        elf = ElfWriter()
        tc = elf.code("tc", call("little"), exit_("little"), ret("little", 1))
        missing = elf.symbol("bpf_missing_kfunc", 0, kind=NOTYPE)
        one = elf.symbol("one", tc, value=16, size=16)
        elf.symbol("main", tc, size=16)
        elf.relocate(tc, 0, missing if used else one)
        return elf

    assert moved(read(build(used=False)), "main") == [1]
    with pytest.raises(ObjectError, match=r"'main'.*calls 'bpf_missing_kfunc'.*declare it __ksym"):
        read(build(used=True))


def test_what_no_program_reaches_is_not_looked_at() -> None:
    elf = ElfWriter()
    text = elf.code(".text", call("little"), exit_("little"))
    tc = elf.code("tc", ret("little", 1))
    missing = elf.symbol("bpf_missing_kfunc", 0, kind=NOTYPE)
    elf.symbol("dead", text, size=16, bind=LOCAL)
    elf.symbol("main", tc, size=16)
    elf.relocate(text, 0, missing)
    assert moved(read(elf), "main") == [1]


def test_functions_that_overlap_are_refused() -> None:
    elf = ElfWriter()
    tc = elf.code("tc", ret("little", 1), ret("little", 2))
    elf.symbol("long", tc, size=32)
    elf.symbol("inside", tc, value=16, size=16)
    with pytest.raises(ObjectError, match="'long' and 'inside' overlap in section 'tc'"):
        read(elf)


@pytest.mark.parametrize(
    ("value", "size"), [(0, 0), (0, 12), (4, 8), (0, 24), (0, 1 << 60), (1 << 63, 1 << 63)]
)
def test_functions_outside_of_their_section_are_refused(value: int, size: int) -> None:
    elf = ElfWriter()
    tc = elf.code("tc", ret("little", 1))
    elf.symbol("main", tc, value=value, size=size)
    with pytest.raises(ObjectError, match="function 'main' in section 'tc'"):
        read(elf)


def test_a_call_into_the_middle_of_a_function_is_refused() -> None:
    elf = ElfWriter()
    text = elf.code(".text", ret("little", 1))
    tc = elf.code("tc", call("little", 0), exit_("little"))
    one = elf.symbol("one", text, size=16)
    elf.symbol("main", tc, size=16)
    elf.relocate(tc, 0, one)
    with pytest.raises(ObjectError, match=r"instruction 1 of section '\.text', where no function"):
        read(elf)


def test_a_callback_address_between_two_instructions_is_refused() -> None:
    elf = ElfWriter()
    text = elf.code(".text", ret("little", 1))
    tc = elf.code("tc", load("little", 4), exit_("little"))
    elf.symbol("one", text, size=16)
    section = elf.symbol("", text, kind=SECTION, bind=LOCAL)
    elf.symbol("main", tc, size=24)
    elf.relocate(tc, 0, section, R_64_64)
    with pytest.raises(ObjectError, match="between two instructions"):
        read(elf)


def test_a_relocation_on_another_instruction_is_refused() -> None:
    elf = ElfWriter()
    tc = elf.code("tc", ret("little", 1))
    elf.relocate(tc, 0, elf.symbol("main", tc, size=16))
    with pytest.raises(ObjectError, match=r"'main'.*opcode 0xb7"):
        read(elf)


def test_half_a_load_at_the_end_of_a_function_is_refused() -> None:
    elf = ElfWriter()
    data = elf.section(".data", bytes(8), flags=3)
    tc = elf.code("tc", load("little"))
    variable = elf.symbol("variable", data, size=8, kind=OBJECT)
    elf.symbol("main", tc, size=8)
    elf.relocate(tc, 0, variable, R_64_64)
    with pytest.raises(ObjectError, match="the function ends"):
        read(elf)


def test_an_address_outside_of_the_section_is_refused() -> None:
    elf = ElfWriter()
    data = elf.section(".data", bytes(8), flags=3)
    tc = elf.code("tc", load("little", 8), exit_("little"))
    variable = elf.symbol("variable", data, size=8, kind=OBJECT)
    elf.symbol("main", tc, size=24)
    elf.relocate(tc, 0, variable, R_64_64)
    with pytest.raises(ObjectError, match=r"byte 8 of section '\.data', which has 8"):
        read(elf)


def test_a_variable_in_no_section_is_refused() -> None:
    elf = ElfWriter()
    tc = elf.code("tc", load("little"), exit_("little"))
    common = elf.symbol("uninitialised", 0xFFF2, size=8, kind=OBJECT)
    elf.symbol("main", tc, size=24)
    elf.relocate(tc, 0, common, R_64_64)
    with pytest.raises(ObjectError, match="'uninitialised', which lies in no section"):
        read(elf)


def test_a_program_longer_than_any_kernel_takes_is_refused() -> None:
    elf = ElfWriter()
    tc = elf.code("tc", ret("little", 1) * 500_001)
    elf.symbol("main", tc, size=16 * 500_001)
    with pytest.raises(ObjectError, match="program 'main' has 1000002 instructions"):
        read(elf)


def test_many_programs_that_share_much_code_are_refused_before_memory_is_spent() -> None:
    elf = ElfWriter()
    big = ret("little", 1) * 400_000
    text = elf.code(".text", big)
    tc = elf.code("tc", (call("little") + exit_("little")) * 40)
    sub = elf.symbol("sub", text, size=len(big))
    for i in range(40):
        elf.symbol(f"p{i}", tc, value=16 * i, size=16)
        elf.relocate(tc, 16 * i, sub)
    with pytest.raises(ObjectError, match="all programs together"):
        read(elf)


def test_symbols_of_other_kinds_are_no_programs() -> None:
    elf = ElfWriter()
    tc = elf.code("tc", ret("little", 1))
    elf.symbol("main", tc, size=16)
    elf.symbol("LBB0_1", tc, value=8, kind=NOTYPE, bind=LOCAL)
    elf.symbol("elsewhere", 0xFFF1, size=16, kind=FUNC)
    assert list(read(elf).programs) == ["main"]
