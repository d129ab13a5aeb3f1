"""Jump tables in objects: from addresses in ``.jumptables`` to places in a linked program."""

from __future__ import annotations

import struct

import pytest

from bpf2py.elf import ObjectError, read_object
from bpf2py.spec import ByteOrder, JumpTable, ObjectSpec
from tests.support.elfwriter import (
    CALL,
    EXIT,
    LD_IMM64,
    LOCAL,
    NOTYPE,
    OBJECT,
    R_64_64,
    SECTION,
    ElfWriter,
    insn,
)

BOTH = pytest.mark.parametrize("order", ["little", "big"])


def read(writer: ElfWriter) -> ObjectSpec:
    return read_object(writer.build(), name="t.bpf.o")


def takes(order: ByteOrder, *, imm: int = 0, times: int = 1) -> bytes:
    """A function that loads addresses and returns: two instructions for each load, then one."""
    load = insn(LD_IMM64, dst=1, imm=imm, order=order) + bytes(8)
    return load * times + insn(EXIT, order=order)


def table(order: ByteOrder, *addresses: int) -> bytes:
    return struct.pack(f"{'<' if order == 'little' else '>'}{len(addresses)}Q", *addresses)


def alone(order: ByteOrder, data: bytes, *, start: int = 0, size: int, imm: int = 0) -> ElfWriter:
    """One program with one load of one table."""
    elf = ElfWriter(order)
    code = elf.code("tc", takes(order, imm=imm))
    elf.symbol("main", code, size=24)
    tables = elf.section(".jumptables", data, flags=0)
    elf.relocate(code, 0, elf.symbol("t", tables, value=start, size=size, kind=OBJECT), R_64_64)
    return elf


@BOTH
def test_places_are_counted_from_the_program_wherever_its_functions_stood(order: ByteOrder) -> None:
    elf = ElfWriter(order)
    text = elf.code(".text", takes(order), takes(order))
    call = insn(CALL, src=1, imm=-1, order=order) + insn(EXIT, order=order)
    programs = elf.code("tc", call, takes(order, times=2), call)
    elf.symbol("unused", text, size=24, bind=LOCAL)
    second = elf.symbol("second", text, value=24, size=24)
    elf.symbol("first", programs, size=16)
    elf.symbol("has_two", programs, value=16, size=40)
    elf.symbol("last", programs, value=56, size=16)
    tables = elf.section(".jumptables", table(order, 40, 24, 24) + table(order, 48, 16), flags=0)
    # clang's are objects, those of an assembler have no type
    in_text = elf.symbol("BPF.JT.1.0", tables, size=24, kind=OBJECT)
    in_program = elf.symbol("jt0", tables, value=24, size=16, kind=NOTYPE)
    elf.relocate(text, 24, in_text, R_64_64)
    elf.relocate(programs, 0, second)
    elf.relocate(programs, 16, in_program, R_64_64)
    elf.relocate(programs, 32, in_program, R_64_64)
    elf.relocate(programs, 56, second)
    found = {each.name: each.jump_tables for each in read(elf).programs.values()}
    assert found == {
        "first": (JumpTable((2,), (4, 2, 2)),),
        "has_two": (JumpTable((0, 2), (4, 0)),),
        "last": (JumpTable((2,), (4, 2, 2)),),
    }


@BOTH
def test_the_load_says_nothing_until_the_table_is_made(order: ByteOrder) -> None:
    (program,) = read(alone(order, table(order, 16), size=8)).programs.values()
    assert program.insns == takes(order)


def test_places_outside_of_the_function_are_left_to_the_verifier() -> None:
    (program,) = read(alone("little", table("little", 800), size=8)).programs.values()
    assert program.jump_tables == (JumpTable((0,), (100,)),)


@pytest.mark.parametrize(
    ("start", "size", "imm"),
    [(0, 0, 0), (0, 12, 0), (4, 8, 0), (16, 16, 0), (1 << 63, 8, 0), (0, 8, 8)],
)
def test_what_is_no_table_is_refused(start: int, size: int, imm: int) -> None:
    elf = alone("little", bytes(24), start=start, size=size, imm=imm)
    with pytest.raises(ObjectError, match=r"'main'.*instruction 0 takes bytes .* no table"):
        read(elf)


def test_the_section_as_a_whole_is_no_table() -> None:
    elf = alone("little", bytes(24), size=8)
    elf.relocations.clear()
    elf.relocate(1, 0, elf.symbol("", 2, kind=SECTION, bind=LOCAL), R_64_64)
    with pytest.raises(ObjectError, match="no table of addresses"):
        read(elf)


def test_a_place_between_two_instructions_is_refused() -> None:
    with pytest.raises(ObjectError, match="leads to byte 12, between two instructions"):
        read(alone("little", table("little", 8, 12), size=16))


def test_a_table_longer_than_any_program_is_refused() -> None:
    size = 8 * 1_000_001
    with pytest.raises(ObjectError, match="has 1000001 addresses in a jump table"):
        read(alone("little", bytes(size), size=size))


def test_tables_that_nothing_takes_are_not_looked_at() -> None:
    elf = alone("little", b"\1\2\3", size=3)
    elf.relocations.clear()
    (program,) = read(elf).programs.values()
    assert program.jump_tables == ()
