"""The numbers an instruction is made of, spelled as in <linux/bpf.h> without ``BPF_``.

Plain integers, because they are masked and added: an opcode is a class (three low bits) and, for
loads and stores, a size and a mode, for arithmetic and jumps, a source and an operation.
"""

from __future__ import annotations

from ..light import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Final


#: Bytes of one instruction; the 64-bit immediate load takes two.
INSN_SIZE: Final = 8
#: ``bpf_insn.imm`` of a call the compiler could not resolve, and of instructions to be relocated.
UNRESOLVED: Final = -1

# Classes.
CLASS_MASK: Final = 0x07
LD: Final = 0x00
LDX: Final = 0x01
ST: Final = 0x02
STX: Final = 0x03
ALU: Final = 0x04
JMP: Final = 0x05
JMP32: Final = 0x06
ALU64: Final = 0x07

# Sizes and modes of loads and stores.
SIZE_MASK: Final = 0x18
W: Final = 0x00
H: Final = 0x08
B: Final = 0x10
DW: Final = 0x18
SIZE_BYTES: Final = {W: 4, H: 2, B: 1, DW: 8}

MODE_MASK: Final = 0xE0
IMM: Final = 0x00
ABS: Final = 0x20
IND: Final = 0x40
MEM: Final = 0x60
MEMSX: Final = 0x80
ATOMIC: Final = 0xC0

# Source and operation of arithmetic and jumps.
SOURCE_MASK: Final = 0x08
K: Final = 0x00
X: Final = 0x08

OP_MASK: Final = 0xF0
ADD: Final = 0x00
SUB: Final = 0x10
MUL: Final = 0x20
DIV: Final = 0x30
OR: Final = 0x40
AND: Final = 0x50
LSH: Final = 0x60
RSH: Final = 0x70
NEG: Final = 0x80
MOD: Final = 0x90
XOR: Final = 0xA0
MOV: Final = 0xB0
ARSH: Final = 0xC0
END: Final = 0xD0

JA: Final = 0x00
JEQ: Final = 0x10
JGT: Final = 0x20
JGE: Final = 0x30
JSET: Final = 0x40
JNE: Final = 0x50
JSGT: Final = 0x60
JSGE: Final = 0x70
CALL: Final = 0x80
EXIT: Final = 0x90
JLT: Final = 0xA0
JLE: Final = 0xB0
JSLT: Final = 0xC0
JSLE: Final = 0xD0
JCOND: Final = 0xE0

# What an atomic does stands in its immediate.
FETCH: Final = 0x01
XCHG: Final = 0xE1
CMPXCHG: Final = 0xF1
LOAD_ACQ: Final = 0x100
STORE_REL: Final = 0x110

# What ``src`` says of a 64-bit immediate load.
PSEUDO_MAP_FD: Final = 1
PSEUDO_MAP_VALUE: Final = 2
PSEUDO_BTF_ID: Final = 3
PSEUDO_FUNC: Final = 4
PSEUDO_MAP_IDX: Final = 5
PSEUDO_MAP_IDX_VALUE: Final = 6
# What ``src`` says of a call; 0 is a helper.
PSEUDO_CALL: Final = 1
PSEUDO_KFUNC_CALL: Final = 2

#: ``offset`` of a register move that casts between address spaces.
ADDR_SPACE_CAST: Final = 1

# Whole opcodes that linkers and loaders look for.
LD_IMM64: Final = LD | IMM | DW
CALL_INSN: Final = JMP | CALL
EXIT_INSN: Final = JMP | EXIT
GOTO: Final = JMP | JA
GOTO_LONG: Final = JMP32 | JA
GOTO_REGISTER: Final = JMP | JA | X
MAY_GOTO: Final = JMP | JCOND
