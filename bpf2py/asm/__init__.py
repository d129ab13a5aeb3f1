"""BPF instructions as values."""

from __future__ import annotations

from ..light import TYPE_CHECKING
from . import opcodes
from .patch import (
    InstructionError,
    find_opcode,
    get_dst,
    get_imm,
    get_imm64,
    get_offset,
    get_src,
    iter_fields,
    set_imm,
    set_imm64,
    set_offset,
    set_src,
)

if TYPE_CHECKING:
    from .disasm import disassemble
    from .insn import Instruction, decode, encode, load_imm64

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

#: Imported when first used: loading patches bytes and needs no instruction as a value.
_HOMES = {
    "disasm": ("disassemble",),
    "insn": ("Instruction", "decode", "encode", "load_imm64"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:  # the checkers see the imports above, and no other names

    def __getattr__(name):
        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = globals()[name] = getattr(import_module(f".{home}", __name__), name)
        return value
