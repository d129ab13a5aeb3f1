"""What a kernel must know to run some code, beyond the instructions of the first release.

In: instruction bytes.  Out: names of families of instructions, and the ``-mcpu`` version that brought
them into compilers.  Kernels learned the families one by one, and some architectures lack one that
others have: so what counts is the family, never the version.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from . import opcodes as op
from .patch import ByteOrder, iter_fields

#: ``offset`` says that a move extends the sign from so many bits, or that a division has one.
_NARROW = (8, 16, 32)
_SIGNED = 1
#: Jumps that came with version 2, and all that have a condition.
_LESS = (op.JLT, op.JLE, op.JSLT, op.JSLE)
_CONDITIONS = (op.JEQ, op.JGT, op.JGE, op.JSET, op.JNE, op.JSGT, op.JSGE, *_LESS)
#: ``imm`` of atomic loads and stores that only order memory.
_ORDERED = (op.LOAD_ACQ, op.STORE_REL)


class Family(NamedTuple):
    """Instructions that came together: the compiler's version, the first kernel, and which.

    ``test`` gets opcode, offset and immediate value.
    """

    cpu: int
    since: str
    test: Callable[[int, int, int], bool]


def _jumps_if_less(code: int, offset: int, imm: int) -> bool:
    return code & op.CLASS_MASK == op.JMP and code & op.OP_MASK in _LESS


def _jumps_on_32_bits(code: int, offset: int, imm: int) -> bool:
    return code & op.CLASS_MASK == op.JMP32 and code & op.OP_MASK in _CONDITIONS


def _atomic(code: int) -> bool:
    return code & (op.MODE_MASK | op.CLASS_MASK) == op.ATOMIC | op.STX


def _more_than_adds(code: int, offset: int, imm: int) -> bool:
    return _atomic(code) and imm not in (op.ADD, *_ORDERED)


def _orders(code: int, offset: int, imm: int) -> bool:
    return _atomic(code) and imm in _ORDERED


def _arithmetic(code: int) -> bool:
    return code & op.CLASS_MASK in (op.ALU, op.ALU64)


def _moves_with_sign(code: int, offset: int, imm: int) -> bool:
    move = code & (op.OP_MASK | op.SOURCE_MASK) == op.MOV | op.X
    return _arithmetic(code) and move and offset in _NARROW


def _divides_with_sign(code: int, offset: int, imm: int) -> bool:
    return _arithmetic(code) and code & op.OP_MASK in (op.DIV, op.MOD) and offset == _SIGNED


def _loads_with_sign(code: int, offset: int, imm: int) -> bool:
    return code & (op.MODE_MASK | op.CLASS_MASK) == op.MEMSX | op.LDX


def _swaps(code: int, offset: int, imm: int) -> bool:
    return code == op.ALU64 | op.END


def _jumps_far(code: int, offset: int, imm: int) -> bool:
    return code == op.GOTO_LONG


def _jumps_to_register(code: int, offset: int, imm: int) -> bool:
    return code == op.GOTO_REGISTER


#: What the kernel's verifier learned after the first release, in the order of the releases.
FAMILIES = {
    "jlt": Family(2, "4.14", _jumps_if_less),
    "jmp32": Family(3, "5.1", _jumps_on_32_bits),
    "atomics": Family(3, "5.12", _more_than_adds),
    "movsx": Family(4, "6.6", _moves_with_sign),
    "ldsx": Family(4, "6.6", _loads_with_sign),
    "bswap": Family(4, "6.6", _swaps),
    "gotol": Family(4, "6.6", _jumps_far),
    "sdiv": Family(4, "6.6", _divides_with_sign),
    "load_acquire": Family(4, "6.15", _orders),
    "gotox": Family(4, "6.19", _jumps_to_register),
}


def families(code: bytes, byte_order: ByteOrder) -> tuple[str, ...]:
    """The names of :data:`FAMILIES` that instructions in *code* belong to, in that order."""
    seen = _distinct(code, byte_order)
    return tuple(
        name for name, family in FAMILIES.items() if any(family.test(*each) for each in seen)
    )


def version(code: bytes, byte_order: ByteOrder) -> int:
    """The least ``-mcpu=v…`` that compilers make *code* for: 1 to 4.

    32-bit arithmetic, which every kernel knows, comes with v3.
    """
    found = [FAMILIES[name].cpu for name in families(code, byte_order)]
    alu32 = any(
        each & op.CLASS_MASK == op.ALU and each & op.OP_MASK != op.END
        for each, _, _ in _distinct(code, byte_order)
    )
    return max([1, *found, *([3] if alu32 else [])])


#: In :func:`smallest_with` of "gotox": the load of a jump table, and the one place in the table.
TABLE_LOAD, TABLE_TARGET = 1, 5


def smallest_with(name: str, byte_order: ByteOrder) -> bytes:
    """A socket filter that returns 0 and has one instruction of that family.

    That of "gotox" is to get the table that :data:`TABLE_LOAD` speaks of.
    """
    from .insn import Instruction, encode, load_imm64

    zero = Instruction(op.ALU64 | op.MOV | op.K)
    stored = Instruction(op.ST | op.MEM | op.DW, dst=10, offset=-8)
    middle = {
        "jlt": [Instruction(op.JMP | op.JLT | op.K)],
        "jmp32": [Instruction(op.JMP32 | op.JEQ | op.K)],
        "atomics": [
            stored,
            Instruction(op.STX | op.ATOMIC | op.DW, dst=10, offset=-8, imm=op.ADD | op.FETCH),
        ],
        "movsx": [Instruction(op.ALU64 | op.MOV | op.X, offset=8)],
        "ldsx": [stored, Instruction(op.LDX | op.MEMSX | op.B, src=10, offset=-8)],
        "bswap": [Instruction(op.ALU64 | op.END, imm=16)],
        # over what reads a register without a value, in a branch that is never taken
        "gotol": [
            Instruction(op.JMP | op.JNE | op.K, offset=1),
            Instruction(op.GOTO_LONG, imm=1),
            Instruction(op.ALU64 | op.MOV | op.X, src=9),
        ],
        "sdiv": [Instruction(op.ALU64 | op.DIV | op.K, offset=_SIGNED, imm=1)],
        "load_acquire": [
            stored,
            Instruction(op.STX | op.ATOMIC | op.DW, src=10, offset=-8, imm=op.LOAD_ACQ),
        ],
        "gotox": [
            load_imm64(1, 0),
            Instruction(op.LDX | op.MEM | op.DW, dst=1, src=1),
            Instruction(op.GOTO_REGISTER, dst=1),
        ],
    }[name]
    return encode([zero, *middle, zero, Instruction(op.EXIT_INSN)], byte_order)


def _distinct(code: bytes, byte_order: ByteOrder) -> set[tuple[int, int, int]]:
    """Opcode, offset and immediate value of each instruction, without second halves."""
    found: set[tuple[int, int, int]] = set()
    fields = iter_fields(code, byte_order)
    for _, (opcode, _, offset, imm) in fields:
        found.add((opcode, offset, imm))
        if opcode == op.LD_IMM64:
            next(fields, None)
    return found
