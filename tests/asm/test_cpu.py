"""Which instructions a kernel must know: by family, and as compilers' versions count them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import pytest

from bpf2py.asm import Instruction, cpu, encode, load_imm64
from bpf2py.asm import opcodes as op
from bpf2py.elf import read_object_file

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"
ORDERS: tuple[Literal["little"], Literal["big"]] = ("little", "big")


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("family", cpu.FAMILIES)
def test_the_smallest_program_of_a_family_is_of_no_other(
    family: str, order: Literal["little", "big"]
) -> None:
    assert cpu.families(cpu.smallest_with(family, order), order) == (family,)
    assert cpu.version(cpu.smallest_with(family, order), order) == cpu.FAMILIES[family].cpu


@pytest.mark.parametrize(
    "insn",
    [
        Instruction(op.ALU64 | op.MOV | op.X, dst=1, src=2),
        Instruction(op.ALU64 | op.MOV | op.X, dst=1, src=2, offset=op.ADDR_SPACE_CAST, imm=1),
        Instruction(op.ALU64 | op.DIV | op.K, imm=3),
        Instruction(op.ALU | op.END | op.X, imm=16),  # to big endian: of the first release
        Instruction(op.STX | op.ATOMIC | op.DW, dst=10, offset=-8, imm=op.ADD),
        Instruction(op.JMP | op.JSGT | op.K, imm=1),
        Instruction(op.GOTO, offset=0),
        Instruction(op.CALL_INSN, imm=14),
        Instruction(op.LDX | op.MEM | op.W, dst=1, src=10, offset=-8),
        load_imm64(1, 0x2B_0000_00D7),  # the second half looks like other instructions
    ],
)
def test_what_every_kernel_knows_is_in_no_family(insn: Instruction) -> None:
    code = encode([insn], "little")
    assert cpu.families(code, "little") == ()
    assert cpu.version(code, "little") == 1


def test_32_bit_arithmetic_is_of_version_3_and_known_everywhere() -> None:
    code = encode([Instruction(op.ALU | op.ADD | op.K, imm=1)], "big")
    assert (cpu.version(code, "big"), cpu.families(code, "big")) == (3, ())


@pytest.mark.parametrize(
    ("name", "version", "families"),
    [
        ("variants.v2", 1, ()),  # nothing in it that version 1 has not
        ("variants", 3, ("atomics",)),
        ("variants.v4", 4, ("atomics", "movsx")),
        ("variants.eb", 3, ("atomics",)),
        ("jump_tables.clang22", 4, ("gotox",)),
        ("cpu_v4.v4", 4, ("ldsx", "bswap", "gotol", "sdiv")),
    ],
)
def test_the_instructions_of_clang_are_told_apart(
    name: str, version: int, families: tuple[str, ...]
) -> None:
    spec = read_object_file(FIXTURES / f"{name}.bpf.o")
    code = b"".join(program.insns for program in spec.programs.values())
    assert cpu.version(code, spec.byte_order) == version
    assert set(cpu.families(code, spec.byte_order)) >= set(families)
    assert not families or max(cpu.FAMILIES[each].cpu for each in families) == version
