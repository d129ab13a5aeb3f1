"""What must be put into a program's bytes before the kernel takes them: maps, kernel symbols, CO-RE.

In: a ``ProgramSpec``, the descriptors of its maps, what its externs are on this kernel, the object's
and the kernel's BTF.  Out: a bytearray with patched places; every other bit is as the compiler wrote
it.  Not here: how CO-RE numbers (``btf.core``) and symbols (``externs.ksyms``) are found.
"""

from __future__ import annotations

import sys

from ..asm import patch
from ..asm.opcodes import (
    CALL_INSN,
    INSN_SIZE,
    LD_IMM64,
    PSEUDO_BTF_ID,
    PSEUDO_KFUNC_CALL,
    PSEUDO_MAP_FD,
    PSEUDO_MAP_VALUE,
)
from ..light import TYPE_CHECKING, Callable, Mapping, Sequence
from ..spec import ExternRelocation, MapRelocation, ProgramSpec

if TYPE_CHECKING:
    from ..btf.core import Outcome, Relocator
    from .core_cache import CoreCache
    from .externs.ksyms import Symbol
    from .maps.handle import MapHandle

#: A call of a weak kernel function that is not there becomes one of a helper with this number and
#: that of the extern; the verifier refuses it if it can be reached.  The number is libbpf's.
MISSING_FUNCTION = 2002000000

#: What a load of a map that was not created becomes: two calls of a helper that no kernel has, this
#: number plus the map's.  Code that the verifier never reaches may keep it.  The number is libbpf's
#: (POISON_LDIMM64_MAP_BASE), for readers of logs.
POISON_MAP = 2_001_000_000


def relocated(
    program: ProgramSpec,
    maps: Mapping[str, MapHandle],
    symbols: Mapping[str, Symbol],
    relocator: Callable[[], Relocator | CoreCache],
    source: Callable[[int], str],
) -> tuple[bytearray, Sequence[Outcome]]:
    """The program's bytes for this kernel, and what became of its CO-RE records.

    *relocator* is called only if there are CO-RE records.  Raises :class:`ValueError` for a spec
    that contradicts itself, :class:`RelocationError` for a record no kernel could honour.
    """
    insns = bytearray(program.insns)
    outcomes: Sequence[Outcome] = []
    # First, as in libbpf: what CO-RE makes of a program is then the same whatever its maps are.
    if program.core_relocations:
        outcomes = relocator().relocate(
            insns, program.core_relocations, program=program.name, source=source
        )
    for relocation in program.map_relocations:
        _patch_map(insns, relocation, program.name, maps)
    for extern in program.extern_relocations:
        patch_extern(insns, extern, program.name, symbols)
    return insns, outcomes


def _patch_map(
    insns: bytearray, relocation: MapRelocation, program: str, maps: Mapping[str, MapHandle]
) -> None:
    """Write a map's descriptor into a 16-byte load, as resolve_pseudo_ldimm64() expects it."""
    at = relocation.insn
    require_wide_load(insns, at, program, relocation.map)
    loaded = maps.get(relocation.map)
    if loaded is None:
        raise ValueError(
            f"program {program!r}, instruction {at} uses map {relocation.map!r}, which the object "
            f"does not have; there are: {', '.join(maps) or 'none'}"
        )
    if not loaded.created:
        poison_map(insns, at, list(maps).index(relocation.map))
        return
    value, source = loaded.fileno(), PSEUDO_MAP_FD
    if relocation.offset is not None:
        # Of the 32 bits that the second half has, an arena can need all.
        value |= (relocation.offset + loaded.data_offset & 0xFFFFFFFF) << 32
        source = PSEUDO_MAP_VALUE
    patch.set_src(insns, at, source, sys.byteorder)
    patch.set_imm64(insns, at, value, sys.byteorder)


def require_wide_load(insns: bytearray, at: int, program: str, map_name: str = "") -> None:
    """ValueError unless a 16-byte load begins at *at*: a descriptor is written there, that of a map
    or, without a name, of a jump table."""
    if not 0 <= at < len(insns) // INSN_SIZE - 1 or insns[at * INSN_SIZE] != LD_IMM64:
        taken = f"map {map_name!r}" if map_name else "a jump table"
        raise ValueError(
            f"program {program!r}, instruction {at}: no 16-byte load there to take {taken}"
        )


def poison_map(insns: bytearray, at: int, number: int) -> None:
    """Make of a load of the map of that number what the verifier refuses if it gets there."""
    from struct import pack_into

    for insn in (at, at + 1):
        pack_into("=BBhi", insns, insn * INSN_SIZE, CALL_INSN, 0, 0, POISON_MAP + number)


def patch_extern(
    insns: bytearray, relocation: ExternRelocation, program: str, symbols: Mapping[str, Symbol]
) -> None:
    """Write a kernel symbol into a call or a 16-byte load, as add_kfunc_call() and
    check_pseudo_btf_id() expect it."""
    at, order = relocation.insn, sys.byteorder
    symbol = symbols.get(relocation.extern)
    if symbol is None:
        raise ValueError(
            f"program {program!r}, instruction {at} uses extern {relocation.extern!r}, which the "
            f"object does not have; there are: {', '.join(symbols) or 'none'}"
        )
    last = len(insns) // INSN_SIZE - 1
    opcode = insns[at * INSN_SIZE] if 0 <= at <= last else -1
    if opcode == CALL_INSN:
        if symbol.type_id:
            patch.set_src(insns, at, PSEUDO_KFUNC_CALL, order)
            patch.set_offset(insns, at, symbol.place, order)
            patch.set_imm(insns, at, symbol.type_id, order)
        else:
            patch.set_imm(insns, at, MISSING_FUNCTION + symbol.number, order)
    elif opcode == LD_IMM64 and at < last:
        if symbol.type_id:
            patch.set_src(insns, at, PSEUDO_BTF_ID, order)
            patch.set_imm(insns, at, symbol.type_id, order)
            patch.set_imm(insns, at + 1, symbol.module, order)
        else:
            patch.set_imm64(insns, at, symbol.address, order)
    else:
        raise ValueError(
            f"program {program!r}, instruction {at}: neither a call nor a 16-byte load, but it is "
            f"to use kernel symbol {relocation.extern!r}"
        )
