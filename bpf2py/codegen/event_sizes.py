"""How many bytes a program hands over as one event, read off its instructions: for hints.

In: a :class:`ProgramSpec`.  Out: sizes per map.  Constants in registers are followed in a straight
line, and forgotten wherever a jump may arrive; so a size that is found is the program's, and one
that depends on a condition is not found.  Nothing is generated from it.
"""

from __future__ import annotations

from ..asm import opcodes as op
from ..asm.insn import Instruction, decode
from ..asm.patch import InstructionError
from ..spec import ByteOrder, ProgramSpec

#: Helper to the registers with map and size; the numbers are those of ``enum bpf_func_id``.
_HELPERS = {
    25: (2, 5),  # bpf_perf_event_output(ctx, map, flags, data, size)
    111: (2, 5),  # bpf_skb_output
    121: (2, 5),  # bpf_xdp_output
    130: (1, 3),  # bpf_ringbuf_output(map, data, size, flags)
    131: (1, 2),  # bpf_ringbuf_reserve(map, size, flags)
}
_JUMPS = (op.JMP, op.JMP32)


def event_sizes(program: ProgramSpec, byte_order: ByteOrder) -> dict[str, set[int]]:
    """Per map, the sizes that *program* submits and that are plain numbers in it."""
    try:
        instructions = decode(program.insns, byte_order)
    except InstructionError:
        return {}
    numbered: list[tuple[int, Instruction]] = []
    number = 0
    for each in instructions:
        numbered.append((number, each))
        number += each.places
    arrivals = {at + 1 + _distance(each) for at, each in numbered if _is_jump(each)}
    maps = {each.insn: each.map for each in program.map_relocations if each.offset is None}
    found: dict[str, set[int]] = {}
    known: dict[int, int | str] = {}
    for at, each in numbered:
        if at in arrivals:
            known.clear()
        if each.opcode == op.CALL_INSN:
            registers = _HELPERS.get(each.imm) if each.src == 0 else None
            if registers is not None:
                name, size = known.get(registers[0]), known.get(registers[1])
                if isinstance(name, str) and isinstance(size, int):
                    found.setdefault(name, set()).add(size)
            for register in range(6):
                known.pop(register, None)
        elif each.opcode & op.CLASS_MASK in _JUMPS:
            if each.opcode & op.OP_MASK in (op.JA, op.EXIT):
                known.clear()
        else:
            _follow(each, maps.get(at), known)
    return found


def _follow(each: Instruction, map_name: str | None, known: dict[int, int | str]) -> None:
    """What an instruction that is no jump leaves in the registers."""
    kind = each.opcode & op.CLASS_MASK
    value: int | str | None = None
    if each.opcode == op.LD_IMM64:
        value = map_name if map_name is not None else each.imm64
    elif each.opcode in (op.ALU64 | op.MOV | op.K, op.ALU | op.MOV | op.K):
        value = each.imm
    elif each.opcode == op.ALU64 | op.MOV | op.X and each.offset == 0:
        value = known.get(each.src)
    if kind in (op.ST, op.STX):
        if each.opcode & op.MODE_MASK == op.ATOMIC:  # it may fetch
            known.pop(each.src, None)
            known.pop(0, None)
        return
    if value is None:
        known.pop(each.dst, None)
    else:
        known[each.dst] = value


def _is_jump(each: Instruction) -> bool:
    return each.opcode & op.CLASS_MASK in _JUMPS and each.opcode & op.OP_MASK not in (
        op.CALL,
        op.EXIT,
    )


def _distance(each: Instruction) -> int:
    """By how much it jumps; the far one (``gotol``, 6.6) keeps it in the immediate."""
    return each.imm if each.opcode == op.JMP32 | op.JA else each.offset
