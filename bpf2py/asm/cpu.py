"""What a kernel must know to run some code, beyond the instructions of the first release.

In: instruction bytes.  Out: names of families of instructions, and the ``-mcpu`` version that brought
them into compilers.  Kernels learned the families one by one, and some architectures lack one that
others have: so what counts is the family, never the version.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from typing import NamedTuple

from . import opcodes as op
from .patch import ByteOrder, iter_fields

#: ``offset`` says that a move extends the sign from so many bits, or that a division has one.
_NARROW = (8, 16, 32)
_SIGNED = 1
_LESS = (op.JLT, op.JLE, op.JSLT, op.JSLE)
_CONDITIONS = (op.JEQ, op.JGT, op.JGE, op.JSET, op.JNE, op.JSGT, op.JSGE, *_LESS)


class Family(NamedTuple):
    """Instructions that came together: the compiler's version, the first kernel, and which.

    ``test`` gets opcode, offset and immediate value.
    """

    cpu: int
    since: str
    test: Callable[[int, int, int], bool]



def _jump(cls: int, operations: Container[int]) -> Callable[[int, int, int], bool]:
    return lambda code, *_: code & op.CLASS_MASK == cls and code & op.OP_MASK in operations


def _arithmetic(code: int) -> bool:
    return code & op.CLASS_MASK in (op.ALU, op.ALU64)


def _atomic(code: int) -> bool:
    return code & (op.MODE_MASK | op.CLASS_MASK) == op.ATOMIC | op.STX


#: What the kernel's verifier learned after the first release, in the order of the releases.
FAMILIES = {
    "jlt": Family(2, "4.14", _jump(op.JMP, _LESS)),
    "jmp32": Family(3, "5.1", _jump(op.JMP32, _CONDITIONS)),
    "atomics": Family(
        3,
        "5.12",
        lambda code, _, imm: _atomic(code)
        and imm not in (op.ADD, op.LOAD_ACQ, op.STORE_REL),
    ),
    "movsx": Family(
        4,
        "6.6",
        lambda code, offset, _: _arithmetic(code)
        and code & (op.OP_MASK | op.SOURCE_MASK) == op.MOV | op.X
        and offset in _NARROW,
    ),
    "ldsx": Family(
        4, "6.6", lambda code, *_: code & (op.MODE_MASK | op.CLASS_MASK) == op.MEMSX | op.LDX
    ),
    "bswap": Family(4, "6.6", lambda code, *_: code == op.ALU64 | op.END),
    "gotol": Family(4, "6.6", lambda code, *_: code == op.GOTO_LONG),
    "sdiv": Family(
        4,
        "6.6",
        lambda code, offset, _: _arithmetic(code)
        and code & op.OP_MASK in (op.DIV, op.MOD)
        and offset == _SIGNED,
    ),
    "load_acquire": Family(
        4, "6.15", lambda code, _, imm: _atomic(code) and imm in (op.LOAD_ACQ, op.STORE_REL)
    ),
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


def smallest_with(name: str, byte_order: ByteOrder) -> bytes:
    """A socket filter that returns 0 and has one instruction of that family."""
    from .insn import Instruction
    from .insn import encode

    zero = Instruction(op.ALU64 | op.MOV | op.K)
    stored = Instruction(op.ST | op.MEM | op.DW, dst=10, offset=-8)
    middle = {
        "jlt": [Instruction(op.JMP | op.JLT | op.K)],
        "jmp32": [Instruction(op.JMP32 | op.JEQ | op.K)],
        "atomics": [stored, Instruction(op.STX | op.ATOMIC | op.DW, dst=10, offset=-8, imm=op.ADD | op.FETCH)],
        "movsx": [Instruction(op.ALU64 | op.MOV | op.X, offset=8)],
        "ldsx": [stored, Instruction(op.LDX | op.MEMSX | op.B, src=10, offset=-8)],
        "bswap": [Instruction(op.ALU64 | op.END, imm=16)],
        "gotol": [Instruction(op.GOTO_LONG)],
        "sdiv": [Instruction(op.ALU64 | op.DIV | op.K, offset=_SIGNED, imm=1)],
        "load_acquire": [
            stored,
            Instruction(op.STX | op.ATOMIC | op.DW, src=10, offset=-8, imm=op.LOAD_ACQ),
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
