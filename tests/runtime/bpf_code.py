"""Small programs written instruction by instruction, so that no test needs a compiler."""

from __future__ import annotations

import sys

from bpf2py.asm import Instruction, encode, load_imm64
from bpf2py.asm import opcodes as op
from bpf2py.spec import MapRelocation, MapSpec, ObjectSpec, ProgramSpec
from bpf2py.uapi import HELPER_NAMES, AttachType, MapType, ProgType


def mov(dst: int, value: int) -> Instruction:
    return Instruction(op.ALU64 | op.MOV | op.K, dst, 0, 0, value)


def mov_reg(dst: int, src: int) -> Instruction:
    return Instruction(op.ALU64 | op.MOV | op.X, dst, src)


def add(dst: int, value: int) -> Instruction:
    return Instruction(op.ALU64 | op.ADD | op.K, dst, 0, 0, value)


def load(dst: int, src: int, offset: int, size: int = op.DW) -> Instruction:
    return Instruction(op.LDX | op.MEM | size, dst, src, offset)


def store(dst: int, offset: int, value: int, size: int = op.DW) -> Instruction:
    return Instruction(op.ST | op.MEM | size, dst, 0, offset, value)


def store_reg(dst: int, offset: int, src: int, size: int = op.DW) -> Instruction:
    return Instruction(op.STX | op.MEM | size, dst, src, offset)


def jump(offset: int) -> Instruction:
    return Instruction(op.GOTO, 0, 0, offset)


def jump_if_equal(dst: int, value: int, offset: int) -> Instruction:
    return Instruction(op.JMP | op.JEQ | op.K, dst, 0, offset, value)


def call(helper: str | int) -> Instruction:
    number = helper if isinstance(helper, int) else HELPER_NAMES.index(helper)
    return Instruction(op.CALL_INSN, 0, 0, 0, number)


def load_map(dst: int) -> Instruction:
    """A 16-byte load that a MapRelocation completes."""
    return load_imm64(dst, 0)


EXIT = Instruction(op.EXIT_INSN)


def code(*instructions: Instruction) -> bytes:
    return encode(instructions, sys.byteorder)


#: return 0
NOTHING = code(mov(0, 0), EXIT)
#: return XDP_PASS
XDP_PASS = code(mov(0, 2), EXIT)
#: return an unset register
REFUSED = code(EXIT)


def program(
    insns: bytes = XDP_PASS,
    *,
    name: str = "prog",
    prog_type: ProgType | int = ProgType.XDP,
    attach_type: AttachType | None = None,
    section: str = "xdp",
    attach_to: str = "",
    map_relocations: tuple[MapRelocation, ...] = (),
    autoload: bool = True,
) -> ProgramSpec:
    return ProgramSpec(
        name=name,
        section=section,
        prog_type=prog_type,
        attach_type=attach_type,
        attach_to=attach_to,
        insns=insns,
        map_relocations=map_relocations,
        autoload=autoload,
    )


def array(name: str = "counts", *, value_size: int = 8, max_entries: int = 1) -> MapSpec:
    return MapSpec(
        name=name,
        map_type=MapType.ARRAY,
        key_size=4,
        value_size=value_size,
        max_entries=max_entries,
    )


def an_object(*parts: MapSpec | ProgramSpec, name: str = "tests", gpl: bool = True) -> ObjectSpec:
    return ObjectSpec(
        name=name,
        byte_order=sys.byteorder,
        license="GPL" if gpl else "Proprietary",
        maps={part.name: part for part in parts if isinstance(part, MapSpec)},
        programs={part.name: part for part in parts if isinstance(part, ProgramSpec)},
    )
