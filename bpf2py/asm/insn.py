"""BPF instructions as values, and as bytes that are looked at and patched in place.

In and out: ``struct bpf_insn`` of <linux/bpf.h>, eight bytes: opcode, two registers in one byte,
a signed 16-bit offset, a signed 32-bit immediate.  Programs that come from a compiler are patched
as bytes (``set_imm`` and its neighbours) and never decoded and encoded again: bits that nobody
here knows must survive.  ``decode`` is for those who read, ``encode`` for programs written in
Python.  Not here: text (``disasm``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .opcodes import INSN_SIZE, LD_IMM64

ByteOrder: TypeAlias = Literal["little", "big"]

_FIELDS: dict[ByteOrder, struct.Struct] = {
    "little": struct.Struct("<BBhi"),
    "big": struct.Struct(">BBhi"),
}
_IMM: dict[ByteOrder, struct.Struct] = {"little": struct.Struct("<I"), "big": struct.Struct(">I")}
_OFFSET: dict[ByteOrder, struct.Struct] = {
    "little": struct.Struct("<h"),
    "big": struct.Struct(">h"),
}


class InstructionError(ValueError):
    """Bytes or values that are no instruction: *what*, and at which instruction."""

    def __init__(self, what: str, insn: int = 0) -> None:
        super().__init__(f"instruction {insn}: {what}")
        self.what = what
        self.insn = insn


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
    pack = _FIELDS[byte_order].pack
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


# ---- without values: what linkers and loaders use ----


def iter_fields(
    data: bytes | bytearray | memoryview, byte_order: ByteOrder
) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    """(number, (opcode, registers byte, offset, imm)) of every eight bytes, second halves too."""
    if len(data) % INSN_SIZE:
        raise InstructionError("it is cut off", len(data) // INSN_SIZE)
    return enumerate(_FIELDS[byte_order].iter_unpack(data))


def find_opcode(data: bytes | bytearray, opcode: int) -> Iterator[int]:
    """Numbers of the instructions with *opcode*, at the speed of a byte search."""
    opcodes = bytes(data[::INSN_SIZE])
    wanted = bytes((opcode,))
    at = opcodes.find(wanted)
    while at >= 0:
        yield at
        at = opcodes.find(wanted, at + 1)


def pack_registers(dst: int, src: int, byte_order: ByteOrder) -> int:
    """The registers' byte: two C bitfields of four bits, which change places in big endian."""
    return dst << 4 | src if byte_order == "big" else src << 4 | dst


def get_dst(data: bytes | bytearray, insn: int, byte_order: ByteOrder) -> int:
    """The destination register of instruction *insn*."""
    registers = data[insn * INSN_SIZE + 1]
    return registers >> 4 if byte_order == "big" else registers & 15


def get_src(data: bytes | bytearray, insn: int, byte_order: ByteOrder) -> int:
    """The source register, or what it says instead in loads and calls (``PSEUDO_…``)."""
    registers = data[insn * INSN_SIZE + 1]
    return registers & 15 if byte_order == "big" else registers >> 4


def set_src(data: bytearray, insn: int, src: int, byte_order: ByteOrder) -> None:
    """Replace the source register; everything else stays."""
    registers = pack_registers(get_dst(data, insn, byte_order), src, byte_order)
    data[insn * INSN_SIZE + 1] = registers


def get_offset(data: bytes | bytearray, insn: int, byte_order: ByteOrder) -> int:
    """The signed 16-bit offset."""
    offset: int
    (offset,) = _OFFSET[byte_order].unpack_from(data, insn * INSN_SIZE + 2)
    return offset


def set_offset(data: bytearray, insn: int, offset: int, byte_order: ByteOrder) -> None:
    """Replace the offset; InstructionError if it does not fit."""
    if not -0x8000 <= offset <= 0x7FFF:
        raise InstructionError(f"offset {offset} does not fit into 16 bits", insn)
    _OFFSET[byte_order].pack_into(data, insn * INSN_SIZE + 2, offset)


def get_imm(data: bytes | bytearray, insn: int, byte_order: ByteOrder) -> int:
    """The signed 32-bit immediate."""
    imm: int
    (imm,) = _IMM[byte_order].unpack_from(data, insn * INSN_SIZE + 4)
    return imm - (imm >> 31 << 32)


def set_imm(data: bytearray, insn: int, imm: int, byte_order: ByteOrder) -> None:
    """Replace the immediate, given with a sign or without; InstructionError if it does not fit."""
    if not -0x80000000 <= imm <= 0xFFFFFFFF:
        raise InstructionError(f"immediate {imm} does not fit into 32 bits", insn)
    _IMM[byte_order].pack_into(data, insn * INSN_SIZE + 4, imm & 0xFFFFFFFF)


def get_imm64(data: bytes | bytearray, insn: int, byte_order: ByteOrder) -> int:
    """The whole immediate of the 64-bit load at *insn*, without sign."""
    low = get_imm(data, insn, byte_order) & 0xFFFFFFFF
    return (get_imm(data, insn + 1, byte_order) & 0xFFFFFFFF) << 32 | low


def set_imm64(data: bytearray, insn: int, imm: int, byte_order: ByteOrder) -> None:
    """Replace both halves of the immediate of the 64-bit load at *insn*."""
    if not -(1 << 63) <= imm < 1 << 64:
        raise InstructionError(f"immediate {imm} does not fit into 64 bits", insn)
    set_imm(data, insn, imm & 0xFFFFFFFF, byte_order)
    set_imm(data, insn + 1, imm >> 32 & 0xFFFFFFFF, byte_order)
