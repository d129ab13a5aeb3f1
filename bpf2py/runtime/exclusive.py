"""Exclusive maps (6.18): the digest by which the kernel knows the one program that may use a map.

In: an object's maps, some with ``exclusive_program``, and how its programs are relocated.  Out: the
digests, before any map is made.  Follows bpf_prog_calc_tag() of the kernel, which leaves out what
stands for maps, and so bpf_prog_compute_hash() of libbpf.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Mapping
from hashlib import sha256

from ..asm import patch
from ..asm.opcodes import PSEUDO_MAP_FD, PSEUDO_MAP_VALUE
from ..spec import MapSpec, ObjectSpec, ProgramSpec
from .relocate import poison_map


def program_digests(
    spec: ObjectSpec,
    maps: Mapping[str, MapSpec],
    given: Collection[str],
    relocated: Callable[[ProgramSpec], bytearray],
) -> dict[str, bytes]:
    """The digest of each program that one of *maps* is for; *given* are those made elsewhere.

    *relocated* gives a program's instructions with everything in place but maps.
    Raises :class:`ValueError` for a program that is not there or not to be loaded.
    """
    created = [name in given or each.autocreate for name, each in maps.items()]
    numbers = {name: number for number, name in enumerate(maps)}
    found: dict[str, bytes] = {}
    for each in maps.values():
        name = each.exclusive_program
        if not name or name in found:
            continue
        program = spec.programs.get(name)
        if program is None or not program.autoload:
            why = "has autoload off" if program else "the object does not have; there are: "
            there = "" if program else ", ".join(spec.programs) or "none"
            raise ValueError(
                f"map {each.name!r} is exclusively for program {name!r}, which {why}{there}"
            )
        insns = relocated(program)
        for relocation in program.map_relocations:
            number = numbers.get(relocation.map)
            if number is None:
                continue  # what is wrong there is said when the program is loaded
            if created[number]:
                pseudo = PSEUDO_MAP_FD if relocation.offset is None else PSEUDO_MAP_VALUE
                patch.set_src(insns, relocation.insn, pseudo, sys.byteorder)
            else:
                poison_map(insns, relocation.insn, number)
        for table in program.jump_tables:
            for insn in table.insns:
                patch.set_src(insns, insn, PSEUDO_MAP_VALUE, sys.byteorder)
        found[name] = sha256(insns).digest()
    return found
