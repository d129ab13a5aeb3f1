"""Editing one instruction for CO-RE, in place.

In: a program's bytes, an instruction's number and a ``Fixup``.  Out: the same bytes with nothing
but the number (and the size of a memory access) changed, or with an instruction the verifier
refuses.  Follows bpf_core_patch_insn() of libbpf.
"""

from __future__ import annotations

import struct

from .core_errors import Unanswerable
from .core_fixup import Fixup

#: The helper number in a poisoned instruction, libbpf's 0xbad2310: the verifier's log names it, so
#: that a reader of logs recognizes what libbpf, too, would have written.
POISON_HELPER = 195896080

_LD, _LDX, _ST, _STX, _ALU, _ALU64 = 0, 1, 2, 3, 4, 7
_SOURCE_REGISTER = 0x08
_LD_IMM64 = 0x18
_CALL = 0x85
_SIZE_MASK = 0x18
_SIZES = {0x00: 4, 0x08: 2, 0x10: 1, 0x18: 8}
_SIZE_BITS = {size: bits for bits, size in _SIZES.items()}
_MAX_OFFSET = 0x7FFF

#: opcode, registers, offset, immediate
_INSN = {"little": struct.Struct("<BBhi"), "big": struct.Struct(">BBhi")}
_OFFSET = {"little": struct.Struct("<h"), "big": struct.Struct(">h")}
_IMMEDIATE = {"little": struct.Struct("<I"), "big": struct.Struct(">I")}


def apply(insns: bytearray, insn: int, fixup: Fixup, byte_order: str) -> str:
    """Edit instruction *insn* as *fixup* says.

    Returns an empty string, or why the instruction was poisoned although the fix-up has a value.
    Raises Unanswerable for an instruction that is not what the fix-up expects, leaving the bytes
    as they were.
    """
    at = 8 * insn
    if at + 8 > len(insns):
        raise Unanswerable(f"the program has only {len(insns) // 8} instructions")
    opcode, registers, offset, immediate = _INSN[byte_order].unpack_from(insns, at)
    if fixup.target is None:
        _poison(insns, at, opcode, byte_order)
        return ""
    family = opcode & 0x07
    if family in (_ALU, _ALU64):
        if opcode & _SOURCE_REGISTER:
            raise Unanswerable("the instruction takes a register where a number was expected")
        _check(fixup, immediate)
        _IMMEDIATE[byte_order].pack_into(insns, at + 4, fixup.target & 0xFFFFFFFF)
        return ""
    if family in (_LDX, _ST, _STX):
        return _apply_to_access(insns, at, opcode, offset, fixup, byte_order)
    if opcode == _LD_IMM64:
        if at + 16 > len(insns):
            raise Unanswerable("the second half of a 16-byte load is missing")
        second = _INSN[byte_order].unpack_from(insns, at + 8)
        # The upper nibble is the source register in one byte order, the lower one in the other.
        source = registers >> 4 if byte_order == "little" else registers & 0x0F
        if source or offset or any(second[:3]):
            raise Unanswerable("the 16-byte load has an unexpected form")
        target = _check_wide(fixup, immediate & 0xFFFFFFFF | (second[3] & 0xFFFFFFFF) << 32)
        _IMMEDIATE[byte_order].pack_into(insns, at + 4, target & 0xFFFFFFFF)
        _IMMEDIATE[byte_order].pack_into(insns, at + 12, target >> 32 & 0xFFFFFFFF)
        return ""
    raise Unanswerable(f"an instruction with opcode 0x{opcode:02x} cannot be relocated")


def _apply_to_access(
    insns: bytearray, at: int, opcode: int, offset: int, fixup: Fixup, byte_order: str
) -> str:
    """A load or store: the offset, and the size if the kernel's field has another one."""
    target = fixup.target or 0
    _check(fixup, offset)
    if target > _MAX_OFFSET:
        raise Unanswerable(f"the field's offset {target} does not fit into a load or store")
    if not fixup.resizable:
        _poison(insns, at, opcode, byte_order)
        return (
            f"the field has {fixup.original_size} bytes here and {fixup.target_size} in the kernel; "
            "only pointers and unsigned integers can be accessed with another size"
        )
    if fixup.original_size != fixup.target_size:
        size = _SIZES[opcode & _SIZE_MASK]
        if size != fixup.original_size:
            raise Unanswerable(
                f"the instruction accesses {size} bytes of a field of {fixup.original_size}"
            )
        bits = _SIZE_BITS.get(fixup.target_size)
        if bits is None:
            raise Unanswerable(f"no instruction accesses {fixup.target_size} bytes")
        insns[at] = opcode & ~_SIZE_MASK | bits
    _OFFSET[byte_order].pack_into(insns, at + 2, target)
    return ""


def _check(fixup: Fixup, found: int) -> None:
    """Whether a sign-extended number of the instruction is the expected one."""
    if fixup.validate and found & 0xFFFFFFFFFFFFFFFF != fixup.original:
        raise Unanswerable(f"the instruction has {found} where {fixup.original} was expected")


def _check_wide(fixup: Fixup, found: int) -> int:
    """The number to write for an expected 64-bit one.

    A compiler does not sign-extend the largest bit of an unsigned enum; libbpf expects that it
    does, and refuses such programs.
    """
    target = fixup.target or 0
    if not fixup.validate or found == fixup.original:
        return target
    if fixup.either_sign and found == fixup.original & 0xFFFFFFFF:
        return target & 0xFFFFFFFF
    raise Unanswerable(f"the instruction has {found} where {fixup.original} was expected")


def _poison(insns: bytearray, at: int, opcode: int, byte_order: str) -> None:
    """Make an instruction invalid: a call of a helper that no kernel has.

    Unreachable code is dropped by the verifier, so this is harmless behind an existence check.
    Both halves of a 16-byte load, or the verifier would complain of opcode 0 instead.
    """
    _INSN[byte_order].pack_into(insns, at, _CALL, 0, 0, POISON_HELPER)
    if opcode == _LD_IMM64 and at + 16 <= len(insns):
        _INSN[byte_order].pack_into(insns, at + 8, _CALL, 0, 0, POISON_HELPER)
