"""Instructions as values and as bytes patched in place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf2py import asm
from bpf2py.asm import Instruction, InstructionError, opcodes
from bpf2py.asm.patch import ByteOrder

ORDERS = st.sampled_from(["little", "big"])
REGISTERS = st.integers(0, 15)
IMMS = st.integers(-(2**31), 2**31 - 1)
SINGLE = st.builds(
    Instruction,
    st.integers(0, 255).filter(lambda opcode: opcode != opcodes.LD_IMM64),
    REGISTERS,
    REGISTERS,
    st.integers(-(2**15), 2**15 - 1),
    IMMS,
)
DOUBLE = st.builds(asm.load_imm64, REGISTERS, st.integers(-(2**63), 2**64 - 1), REGISTERS)


@given(st.lists(st.one_of(SINGLE, DOUBLE)), ORDERS)
def test_what_was_encoded_is_decoded(instructions: list[Instruction], order: ByteOrder) -> None:
    data = asm.encode(instructions, order)
    assert asm.decode(data, order) == instructions
    assert len(data) == 8 * sum(insn.places for insn in instructions)


@given(st.binary(max_size=48), ORDERS)
def test_any_bytes_decode_to_themselves_or_raise(data: bytes, order: ByteOrder) -> None:
    if len(data) % 8:
        with pytest.raises(InstructionError):
            asm.decode(data, order)
        data = data[: len(data) // 8 * 8]
    try:
        instructions = asm.decode(data, order)
    except InstructionError as error:
        whole = data[: 8 * error.insn]
        # What stands before the refused instruction is fine.
        assert asm.encode(asm.decode(whole, order), order) == whole
    else:
        assert asm.encode(instructions, order) == data


def test_registers_change_places_with_the_byte_order() -> None:
    insn = Instruction(opcodes.LDX | opcodes.MEM | opcodes.DW, dst=1, src=10, offset=-8)
    assert asm.encode([insn], "little") == bytes.fromhex("79a1f8ff00000000")
    assert asm.encode([insn], "big") == bytes.fromhex("791afff800000000")


def test_a_64_bit_load_takes_two_places() -> None:
    data = asm.encode([asm.load_imm64(2, 0x1122334455667788)], "little")
    assert data == bytes.fromhex("1802000088776655 0000000044332211")
    assert asm.load_imm64(0, -1).imm64 == 2**64 - 1


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("1800000000000000", "instruction 0: a 64-bit load lacks"),
        ("9500000000000000 1800000000000000", "instruction 1: a 64-bit load lacks"),
        ("1800000000000000 0001000000000000", "more than a value"),
        ("95000000", "instruction 0: it is cut off"),
        ("9500000000000000 95", "instruction 1: it is cut off"),
    ],
)
def test_half_an_instruction_is_refused_with_its_number(data: str, message: str) -> None:
    with pytest.raises(InstructionError, match=message):
        asm.decode(bytes.fromhex(data), "little")


@pytest.mark.parametrize(
    "insn",
    [
        Instruction(256),
        Instruction(0xB7, dst=16),
        Instruction(0xB7, src=-1),
        Instruction(0xB7, offset=1 << 15),
        Instruction(0xB7, imm=1 << 31),
        Instruction(opcodes.LD_IMM64),
        Instruction(0xB7, imm64=0),
        Instruction(opcodes.LD_IMM64, imm=1, imm64=2),
        Instruction(opcodes.LD_IMM64, imm64=1 << 64),
    ],
)
def test_values_that_do_not_fit_are_refused(insn: Instruction) -> None:
    with pytest.raises(InstructionError, match="instruction 1"):
        asm.encode([Instruction(0x95), insn], "little")


@given(st.lists(st.one_of(SINGLE, DOUBLE), min_size=1), ORDERS, st.data())
def test_patching_changes_one_field_and_nothing_else(
    instructions: list[Instruction], order: ByteOrder, data: st.DataObject
) -> None:
    code = bytearray(asm.encode(instructions, order))
    before = bytes(code)
    insn = data.draw(st.integers(0, len(code) // 8 - 1))
    imm, offset, src = (
        data.draw(IMMS),
        data.draw(st.integers(-(2**15), 2**15 - 1)),
        data.draw(REGISTERS),
    )
    dst = asm.get_dst(code, insn, order)
    asm.set_imm(code, insn, imm, order)
    asm.set_offset(code, insn, offset, order)
    asm.set_src(code, insn, src, order)
    assert asm.get_imm(code, insn, order) == imm
    assert asm.get_offset(code, insn, order) == offset
    assert (asm.get_dst(code, insn, order), asm.get_src(code, insn, order)) == (dst, src)
    place = 8 * insn
    assert code[place] == before[place]
    assert code[:place] == before[:place]
    assert code[place + 8 :] == before[place + 8 :]


@given(st.integers(-(2**63), 2**64 - 1), ORDERS)
def test_a_64_bit_immediate_is_patched_in_both_halves(value: int, order: ByteOrder) -> None:
    code = bytearray(asm.encode([asm.load_imm64(1, 5, opcodes.PSEUDO_MAP_FD)], order))
    asm.set_imm64(code, 0, value, order)
    assert asm.get_imm64(code, 0, order) == value & (2**64 - 1)
    assert asm.decode(code, order) == [asm.load_imm64(1, value, opcodes.PSEUDO_MAP_FD)]


def test_an_immediate_may_be_given_without_sign() -> None:
    code = bytearray(8)
    asm.set_imm(code, 0, 0xFFFFFFFF, "little")
    assert asm.get_imm(code, 0, "little") == -1


def test_patches_that_do_not_fit_are_refused() -> None:
    code = bytearray(16)
    with pytest.raises(InstructionError, match="16 bits"):
        asm.set_offset(code, 1, 1 << 15, "little")
    with pytest.raises(InstructionError, match="32 bits"):
        asm.set_imm(code, 1, 1 << 32, "little")
    with pytest.raises(InstructionError, match="64 bits"):
        asm.set_imm64(code, 0, 1 << 64, "little")
    assert code == bytes(16)


def test_an_opcode_is_found_at_every_place() -> None:
    code = asm.encode(
        [Instruction(0xB7), asm.load_imm64(0, 0x8585858585858585), Instruction(0x85, imm=0x85)],
        "little",
    )
    assert list(asm.find_opcode(code, 0x85)) == [3]
    assert list(asm.find_opcode(code, opcodes.LD_IMM64)) == [1]
    assert [number for number, fields in asm.iter_fields(code, "little") if fields[0] == 0] == [2]
