"""Small BTF written in Python, and records on it, for the CO-RE tests."""

from __future__ import annotations

import struct

from bpf2py.btf import decode, encode
from bpf2py.btf.core import Record, Relocator
from bpf2py.btf.core_fixup import Fixup
from bpf2py.btf.header import ByteOrder, read_header
from bpf2py.btf.table import TypeTable
from bpf2py.btf.types import Int, Member, Struct, Type, Union
from bpf2py.uapi import CoreRelocationKind as Kind

INT = Int("int", 4, 32, signed=True)
UNSIGNED = Int("unsigned int", 4, 32)
LONG = Int("long", 8, 64, signed=True)
U64 = Int("unsigned long long", 8, 64)
U8 = Int("unsigned char", 1, 8)
SHORT = Int("short", 2, 16, signed=True)

#: mov r1, IMM; r1 = IMM ll; r1 = *(u32 *)(r2 + OFF); and so on, without their numbers.
MOV, LOAD64, LDX = 0xB7, 0x18, 0x60


def table(*types: Type, order: ByteOrder = "little", strings: tuple[str, ...] = ()) -> TypeTable:
    """A table whose types have the ids 1, 2, … in the order given."""
    return decode(encode(types, byte_order=order, strings=strings))


def access_offset(blob_table: TypeTable, types: tuple[Type, ...], access: str) -> int:
    """Where the string section of a table made with ``strings=(access,)`` has that string."""
    blob = encode(types, byte_order=blob_table.byte_order, strings=(access,))
    if not access:
        return 0
    start, length = read_header(blob, split=False).strings
    return blob.index(b"\0" + access.encode() + b"\0", start, start + length) + 1 - start


def relocator(
    local: tuple[Type, ...], target: tuple[Type, ...], access: str, order: ByteOrder = "little"
) -> tuple[Relocator, int]:
    """A relocator between two lists of types, and the offset of *access* for its records."""
    ours = table(*local, order=order, strings=(access,))
    return Relocator(ours, table(*target, order=order)), access_offset(ours, local, access)


def fixup(
    local: tuple[Type, ...],
    target: tuple[Type, ...],
    kind: Kind,
    access: str = "0",
    *,
    root: int = 1,
    order: ByteOrder = "little",
) -> Fixup:
    """The fix-up for one record on the local type *root*."""
    engine, offset = relocator(local, target, access, order)
    return engine.fixup(root, offset, kind)


def insn(
    opcode: int, *, regs: int = 0x21, off: int = 0, imm: int = 0, order: ByteOrder = "little"
) -> bytearray:
    """One instruction."""
    return bytearray(struct.pack("<BBhi" if order == "little" else ">BBhi", opcode, regs, off, imm))


def wide_insn(value: int, order: ByteOrder = "little") -> bytearray:
    """``r1 = value ll``."""
    prefix = "<" if order == "little" else ">"
    regs = 0x01 if order == "little" else 0x10
    low, high = value & 0xFFFFFFFF, value >> 32
    return bytearray(struct.pack(prefix + "BBhIBBhI", LOAD64, regs, 0, low, 0, 0, 0, high))


def record(kind: Kind, access: int, *, root: int = 1, at: int = 0) -> Record:
    return Record(at, root, access, kind)


def struct_of(name: str, size: int, *members: tuple[str, int, int]) -> Struct:
    """A struct of (name, type, byte offset) members."""
    return Struct(name, size, tuple(Member(name, target, 8 * at) for name, target, at in members))


def union_of(name: str, size: int, *members: tuple[str, int]) -> Union:
    return Union(name, size, tuple(Member(name, target, 0) for name, target in members))


def bits(name: str, size: int, *members: tuple[str, int, int, int]) -> Struct:
    """A struct of (name, type, bit offset, width) members; width 0 for one that is no bitfield."""
    return Struct(name, size, tuple(Member(*member) for member in members), kind_flag=True)
