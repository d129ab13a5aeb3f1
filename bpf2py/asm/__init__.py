"""BPF instructions as values."""

from __future__ import annotations

from . import opcodes
from .disasm import disassemble
from .insn import (
    Instruction,
    InstructionError,
    decode,
    encode,
    find_opcode,
    get_dst,
    get_imm,
    get_imm64,
    get_offset,
    get_src,
    iter_fields,
    load_imm64,
    set_imm,
    set_imm64,
    set_offset,
    set_src,
)

__all__ = [
    "Instruction",
    "InstructionError",
    "decode",
    "disassemble",
    "encode",
    "find_opcode",
    "get_dst",
    "get_imm",
    "get_imm64",
    "get_offset",
    "get_src",
    "iter_fields",
    "load_imm64",
    "opcodes",
    "set_imm",
    "set_imm64",
    "set_offset",
    "set_src",
]
