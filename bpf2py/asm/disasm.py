"""Instructions as text, in the notation of the verifier's log and of ``bpftool prog dump xlated``.

In: instructions.  Out: one line each, ``12: (b7) r1 = 0``.  What has no meaning is shown as its
fields rather than refused: whoever reads a listing wants the rest of it.  The notation is that of
the kernel's print_bpf_insn(); newer instructions follow the kernel that brought them
(load_acquire and store_release in 6.15, gotox in 6.19).
"""

from __future__ import annotations

from ..light import Iterable, Iterator
from ..uapi import HELPER_NAMES
from . import opcodes as op
from .insn import Instruction

_UNSIGNED = {op.W: "u32", op.H: "u16", op.B: "u8", op.DW: "u64"}
_SIGNED = {op.W: "s32", op.H: "s16", op.B: "s8"}

_ALU = {
    op.ADD: "+=",
    op.SUB: "-=",
    op.MUL: "*=",
    op.DIV: "/=",
    op.OR: "|=",
    op.AND: "&=",
    op.LSH: "<<=",
    op.RSH: ">>=",
    op.MOD: "%=",
    op.XOR: "^=",
    op.MOV: "=",
    op.ARSH: "s>>=",
}
#: Division and remainder become signed by an offset of 1 (since 6.6).
_SIGNED_ALU = {op.DIV: "s/=", op.MOD: "s%="}
#: A move becomes a sign extension by an offset (since 6.6).
_MOVSX = {8: "(s8)", 16: "(s16)", 32: "(s32)"}
_COMPARE = {
    op.JEQ: "==",
    op.JGT: ">",
    op.JLT: "<",
    op.JGE: ">=",
    op.JLE: "<=",
    op.JSET: "&",
    op.JNE: "!=",
    op.JSGT: "s>",
    op.JSLT: "s<",
    op.JSGE: "s>=",
    op.JSLE: "s<=",
}

_RMW = {"add": op.ADD, "and": op.AND, "or": op.OR, "xor": op.XOR}
#: From an atomic's immediate to its notation; *at* is the memory, *w* is 64 or nothing.
_ATOMIC: dict[int, str] = {
    **{code: f"lock {{at}} {_ALU[code]} r{{src}}" for code in _RMW.values()},
    **{
        code | op.FETCH: f"r{{src}} = atomic{{w}}_fetch_{name}({{pointer}}, r{{src}})"
        for name, code in _RMW.items()
    },
    op.XCHG: "r{src} = atomic{w}_xchg({pointer}, r{src})",
    op.CMPXCHG: "r0 = atomic{w}_cmpxchg({pointer}, r0, r{src})",
    op.LOAD_ACQ: "r{dst} = load_acquire({source})",
    op.STORE_REL: "store_release({pointer}, r{src})",
}


def disassemble(instructions: Iterable[Instruction], first: int = 0) -> Iterator[str]:
    """One line per instruction, numbered from *first* as jumps count: a 64-bit load takes two."""
    number = first
    for insn in instructions:
        yield f"{number}: ({insn.opcode:02x}) {text(insn)}"
        number += insn.places


def text(insn: Instruction) -> str:
    """The instruction without number and opcode: ``r1 = *(u64 *)(r10 -8)``."""
    return _BY_CLASS[insn.opcode & op.CLASS_MASK](insn) or _unknown(insn)


def _unknown(insn: Instruction) -> str:
    return (
        f"unknown: opcode 0x{insn.opcode:02x}, dst {insn.dst}, src {insn.src}, "
        f"offset {insn.offset}, imm {insn.imm}"
    )


def _alu(insn: Instruction) -> str:
    wide = insn.opcode & op.CLASS_MASK == op.ALU64
    operation = insn.opcode & op.OP_MASK
    from_register = bool(insn.opcode & op.X)
    letter = "r" if wide else "w"
    dst = f"{letter}{insn.dst}"
    if operation == op.END:
        how = "bswap" if wide else "be" if from_register else "le"
        return f"r{insn.dst} = {how}{insn.imm} r{insn.dst}"
    if operation == op.NEG:
        return f"{dst} = -{dst}"
    sign = _ALU.get(operation, "")
    if not sign:
        return ""
    if insn.offset == 1 and operation in _SIGNED_ALU:
        sign = _SIGNED_ALU[operation]
    if not from_register:
        return f"{dst} {sign} {insn.imm}"
    if operation == op.MOV and wide and insn.offset == op.ADDR_SPACE_CAST:
        to, source = insn.imm >> 16 & 0xFFFF, insn.imm & 0xFFFF
        return f"r{insn.dst} = addr_space_cast(r{insn.src}, {to}, {source})"
    if operation == op.MOV and wide and insn.offset == -1:
        # The verifier's own, seen in programs read back from the kernel (since 6.10).
        return f"r{insn.dst} = &(void __percpu *)(r{insn.src})"
    extend = _MOVSX.get(insn.offset, "") if operation == op.MOV else ""
    return f"{dst} {sign} {extend}{letter}{insn.src}"


def _load(insn: Instruction) -> str:
    size = _UNSIGNED[insn.opcode & op.SIZE_MASK]
    mode = insn.opcode & op.MODE_MASK
    if insn.opcode == op.LD_IMM64:
        value = insn.imm64 if insn.imm64 is not None else insn.imm & 0xFFFFFFFF
        return f"r{insn.dst} = {_imm64(insn, value)}"
    if mode == op.ABS:
        return f"r0 = *({size} *)skb[{insn.imm}]"
    if mode == op.IND:
        return f"r0 = *({size} *)skb[r{insn.src} + {insn.imm}]"
    return ""


def _imm64(insn: Instruction, value: int) -> str:
    """The value, or what ``src`` makes of it, as bpftool shows it."""
    low, high = value & 0xFFFFFFFF, value >> 32
    match insn.src:
        case op.PSEUDO_MAP_FD:
            return f"map[fd:{low}]"
        case op.PSEUDO_MAP_VALUE:
            return f"map[fd:{low}][0]+{high}"
        case op.PSEUDO_MAP_IDX:
            return f"map[idx:{low}]"
        case op.PSEUDO_MAP_IDX_VALUE:
            return f"map[idx:{low}]+{high}"
        case op.PSEUDO_BTF_ID:
            return f"btf_id[{low}]"
        case op.PSEUDO_FUNC:
            return f"subprog[{low - (low >> 31 << 32):+d}]"
        case _:
            return f"0x{value:x}"


def _load_register(insn: Instruction) -> str:
    mode = insn.opcode & op.MODE_MASK
    sizes = {op.MEM: _UNSIGNED, op.MEMSX: _SIGNED}.get(mode, {})
    size = sizes.get(insn.opcode & op.SIZE_MASK)
    return f"r{insn.dst} = *({size} *)(r{insn.src} {insn.offset:+d})" if size else ""


def _store_imm(insn: Instruction) -> str:
    size = _UNSIGNED[insn.opcode & op.SIZE_MASK]
    mode = insn.opcode & op.MODE_MASK
    if mode == op.MEM:
        return f"*({size} *)(r{insn.dst} {insn.offset:+d}) = {insn.imm}"
    # BPF_NOSPEC, the verifier's own, seen in programs read back from the kernel.
    return "nospec" if mode == op.ATOMIC else ""


def _store_register(insn: Instruction) -> str:
    bits = insn.opcode & op.SIZE_MASK
    pointer = f"({_UNSIGNED[bits]} *)(r{insn.dst} {insn.offset:+d})"
    mode = insn.opcode & op.MODE_MASK
    if mode == op.MEM:
        return f"*{pointer} = r{insn.src}"
    if mode != op.ATOMIC or insn.imm not in _ATOMIC:
        return ""
    return _ATOMIC[insn.imm].format(
        at=f"*{pointer}",
        pointer=pointer,
        source=f"({_UNSIGNED[bits]} *)(r{insn.src} {insn.offset:+d})",
        src=insn.src,
        dst=insn.dst,
        w="64" if bits == op.DW else "",
    )


def _jump(insn: Instruction) -> str:
    opcode = insn.opcode
    if opcode == op.CALL_INSN:
        return _call(insn)
    if opcode == op.EXIT_INSN:
        return "exit"
    if opcode == op.GOTO:
        return f"goto pc{insn.offset:+d}"
    if opcode == op.GOTO_LONG:
        return f"gotol pc{insn.imm:+d}"
    if opcode == op.GOTO_REGISTER:
        return f"gotox r{insn.dst}"
    if opcode == op.MAY_GOTO and insn.src == 0:
        return f"may_goto pc{insn.offset:+d}"
    compare = _COMPARE.get(opcode & op.OP_MASK)
    if compare is None:
        return ""
    letter = "w" if opcode & op.CLASS_MASK == op.JMP32 else "r"
    other = f"{letter}{insn.src}" if opcode & op.X else f"0x{insn.imm & 0xFFFFFFFF:x}"
    return f"if {letter}{insn.dst} {compare} {other} goto pc{insn.offset:+d}"


def _call(insn: Instruction) -> str:
    if insn.src == op.PSEUDO_CALL:
        return f"call pc{insn.imm:+d}"
    if insn.src == op.PSEUDO_KFUNC_CALL:
        return f"call kernel-function#{insn.imm}"
    known = 0 <= insn.imm < len(HELPER_NAMES)
    return f"call {'bpf_' + HELPER_NAMES[insn.imm] if known else 'unknown'}#{insn.imm}"


_BY_CLASS = {
    op.LD: _load,
    op.LDX: _load_register,
    op.ST: _store_imm,
    op.STX: _store_register,
    op.ALU: _alu,
    op.ALU64: _alu,
    op.JMP: _jump,
    op.JMP32: _jump,
}
