"""BPF instructions as values.

In and out: ``struct bpf_insn`` of <linux/bpf.h>, eight bytes: opcode, two registers in one byte,
a signed 16-bit offset, a signed 32-bit immediate.  ``decode`` is for those who read, ``encode``
for programs written in Python.  Not here: text (``disasm``), programs of a compiler (``patch``).
"""

from __future__ import annotations

import struct

from ..light import Iterable
from ..records import dataclass
from .opcodes import LD_IMM64
from .patch import FIELDS, ByteOrder, InstructionError, iter_fields, pack_registers


@dataclass(slots=True, frozen=True)
class Instruction:
    """One instruction; ``dst`` and ``src`` are register numbers.

    *imm64* belongs to the 64-bit immediate load alone: its whole immediate without sign, whose
    low half *imm* repeats with sign.  Such an instruction takes two places of eight bytes.
    """

    opcode: int
    dst: int = 0
    src: int = 0
    offset: int = 0
    imm: int = 0
    imm64: int | None = None

    @property
    def places(self) -> int:
        """How many instruction numbers it takes: two for a 64-bit immediate load, else one."""
        return 1 if self.imm64 is None else 2


def load_imm64(dst: int, value: int, src: int = 0) -> Instruction:
    """The 64-bit immediate load of *value*, which may have a sign or not."""
    value &= (1 << 64) - 1
    low = value & 0xFFFFFFFF
    return Instruction(LD_IMM64, dst, src, 0, low - (low >> 31 << 32), value)


def decode(data: bytes | bytearray | memoryview, byte_order: ByteOrder) -> list[Instruction]:
    """All instructions of *data*; InstructionError if the last one is cut off."""
    found: list[Instruction] = []
    fields = iter_fields(data, byte_order)
    big = byte_order == "big"
    for number, (opcode, registers, offset, imm) in fields:
        dst, src = (registers >> 4, registers & 15) if big else (registers & 15, registers >> 4)
        if opcode != LD_IMM64:
            found.append(Instruction(opcode, dst, src, offset, imm))
            continue
        _, second = next(fields, (0, None))
        if second is None:
            raise InstructionError("a 64-bit load lacks its second half", number)
        if second[:3] != (0, 0, 0):
            raise InstructionError("the second half of a 64-bit load has more than a value", number)
        whole = (second[3] & 0xFFFFFFFF) << 32 | imm & 0xFFFFFFFF
        found.append(Instruction(opcode, dst, src, offset, imm, whole))
    return found


def encode(instructions: Iterable[Instruction], byte_order: ByteOrder) -> bytes:
    """The bytes; InstructionError for a value that does not fit its field."""
    pack = FIELDS[byte_order].pack
    parts: list[bytes] = []
    number = 0
    for insn in instructions:
        if not (0 <= insn.dst < 16 and 0 <= insn.src < 16):
            raise InstructionError(f"registers {insn.dst} and {insn.src} are not 0 to 15", number)
        if (insn.imm64 is None) == (insn.opcode == LD_IMM64):
            raise InstructionError("imm64 and the 64-bit load's opcode go together", number)
        registers = pack_registers(insn.dst, insn.src, byte_order)
        try:
            parts.append(pack(insn.opcode, registers, insn.offset, insn.imm))
            if insn.imm64 is not None:
                if insn.imm64 & 0xFFFFFFFF != insn.imm & 0xFFFFFFFF:
                    raise InstructionError("imm is not the low half of imm64", number)
                high = insn.imm64 >> 32
                parts.append(pack(0, 0, 0, high - (high >> 31 << 32)))
        except struct.error as error:
            raise InstructionError(f"{insn} has a value out of range: {error}", number) from None
        number += insn.places
    return b"".join(parts)
