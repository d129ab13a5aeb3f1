"""Instructions as bytes that are looked at and patched in place: what linkers and loaders use.

In and out: ``struct bpf_insn`` of <linux/bpf.h>, eight bytes each; a number is that of an
instruction.  Programs that come from a compiler are patched here and never decoded and encoded
again: bits that nobody here knows must survive.  Not here: instructions as values (``insn``), so
that a load does not pay for their class.
"""

from __future__ import annotations

import struct

from ..light import TYPE_CHECKING, Iterator, Literal
from .opcodes import INSN_SIZE

if TYPE_CHECKING:
    from typing import TypeAlias

ByteOrder: TypeAlias = Literal["little", "big"]

FIELDS: dict[ByteOrder, struct.Struct] = {
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


def iter_fields(
    data: bytes | bytearray | memoryview, byte_order: ByteOrder
) -> Iterator[tuple[int, tuple[int, int, int, int]]]:
    """(number, (opcode, registers byte, offset, imm)) of every eight bytes, second halves too."""
    if len(data) % INSN_SIZE:
        raise InstructionError("it is cut off", len(data) // INSN_SIZE)
    return enumerate(FIELDS[byte_order].iter_unpack(data))


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
    at = insn * INSN_SIZE + 1
    data[at] = data[at] & 0xF0 | src if byte_order == "big" else data[at] & 0x0F | src << 4


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
    place, pack_into = insn * INSN_SIZE + 4, _IMM[byte_order].pack_into
    pack_into(data, place, imm & 0xFFFFFFFF)
    pack_into(data, place + INSN_SIZE, imm >> 32 & 0xFFFFFFFF)
