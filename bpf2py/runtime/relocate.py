"""What must be put into a program's bytes before the kernel takes them: maps and CO-RE numbers.

In: a ``ProgramSpec``, the descriptors of its maps, the object's and the kernel's BTF.  Out: a
bytearray with patched places; every other bit is as the compiler wrote it.  Not here: how CO-RE
numbers are found (``btf.core``).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from ..spec import MapRelocation, ProgramSpec

if TYPE_CHECKING:
    from ..btf.core import Outcome, Relocator
    from .maps.handle import MapHandle

_INSN_SIZE = 8

#: What a load of a map that was not created becomes: two calls of a helper that no kernel has, this
#: number plus the map's.  Code that the verifier never reaches may keep it.  The number is libbpf's
#: (POISON_LDIMM64_MAP_BASE), for readers of logs.
POISON_MAP = 2_001_000_000


def relocated(
    program: ProgramSpec,
    maps: Mapping[str, MapHandle],
    relocator: Callable[[], Relocator],
    source: Callable[[int], str],
) -> tuple[bytearray, list[Outcome]]:
    """The program's bytes for this kernel, and what became of its CO-RE records.

    *relocator* is called only if there are CO-RE records.  Raises :class:`ValueError` for a spec
    that contradicts itself, :class:`RelocationError` for a record no kernel could honour.
    """
    insns = bytearray(program.insns)
    for relocation in program.map_relocations:
        _patch_map(insns, relocation, program.name, maps)
    outcomes: list[Outcome] = []
    if program.core_relocations:
        outcomes = relocator().relocate(
            insns, program.core_relocations, program=program.name, source=source
        )
    return insns, outcomes


def _patch_map(
    insns: bytearray, relocation: MapRelocation, program: str, maps: Mapping[str, MapHandle]
) -> None:
    """Write a map's descriptor into a 16-byte load, as resolve_pseudo_ldimm64() expects it."""
    from ..asm import patch
    from ..asm.opcodes import LD_IMM64, PSEUDO_MAP_FD, PSEUDO_MAP_VALUE

    at = relocation.insn
    where = f"program {program!r}, instruction {at}"
    if not 0 <= at < len(insns) // _INSN_SIZE - 1 or insns[at * _INSN_SIZE] != LD_IMM64:
        raise ValueError(f"{where}: no 16-byte load there to take map {relocation.map!r}")
    loaded = maps.get(relocation.map)
    if loaded is None:
        raise ValueError(
            f"{where} uses map {relocation.map!r}, which the object does not have; there are: "
            f"{', '.join(maps) or 'none'}"
        )
    if not loaded.created:
        _poison_map(insns, at, list(maps).index(relocation.map))
        return
    offset = relocation.offset
    if offset is not None:
        # Of the 32 bits that the instruction has, an arena can need all.
        offset = (offset + loaded.data_offset + (1 << 31)) % (1 << 32) - (1 << 31)
    patch.set_src(insns, at, PSEUDO_MAP_FD if offset is None else PSEUDO_MAP_VALUE, sys.byteorder)
    patch.set_imm(insns, at, loaded.fileno(), sys.byteorder)
    patch.set_imm(insns, at + 1, offset or 0, sys.byteorder)


def _poison_map(insns: bytearray, at: int, number: int) -> None:
    from struct import pack_into

    from ..asm.opcodes import CALL_INSN

    for insn in (at, at + 1):
        pack_into("=BBhi", insns, insn * _INSN_SIZE, CALL_INSN, 0, 0, POISON_MAP + number)
