"""The tags of programs before they are loaded: by them, one knows a program that runs already.

In: an object's description, and a kernel's BTF, or nothing for the running one.  Out: what
``Program.info().tag`` says of such a program, whoever loaded it.  Follows bpf_prog_calc_tag() of the
kernel: instructions as they are loaded, but for what stands for maps.
"""

from __future__ import annotations

import sys

from ..asm import patch
from ..asm.opcodes import LD_IMM64, PSEUDO_MAP_FD, PSEUDO_MAP_VALUE
from ..light import TYPE_CHECKING, Mapping, NamedTuple
from ..spec import ObjectSpec, ProgramSpec
from .relocate import poison_map, require_wide_load

if TYPE_CHECKING:
    from typing import Any

    from .core_types import KernelTypes
    from .externs.ksyms import Symbol
    from .typed_spec import TypedSpec

#: How many bytes of the hash are the tag (BPF_TAG_SIZE).
_SIZE = 8


class ProgramTag(NamedTuple):
    """What a program's tag is, as 16 hexadecimal digits: ``program.info().tag in tag``."""

    #: On kernels from 6.18 on.
    sha256: str
    #: On older ones.
    sha1: str


def program_tags(
    spec: ObjectSpec | TypedSpec[Any], kernel_btf: KernelTypes | None = None
) -> dict[str, ProgramTag]:
    """The tag, by C name, that each program of *spec* with ``autoload`` would get on this kernel.

    CO-RE and kernel symbols are in it, as ``load()`` with that *kernel_btf* writes them; constants
    and the size of maps are not.  Nothing is loaded (but what finds out which object of a module
    for several CPU versions this kernel takes).  A program that reads a variable of a kernel
    module has none: the number of a descriptor is in what the kernel hashes.  On kernels before 5.5
    programs that call bpf_probe_read_kernel() have another one.

    Raises as ``load()`` for what this kernel does not have.
    """
    from . import machine
    from .externs.ksyms import Symbols
    from .program_load import ProgramLoader

    described = spec if isinstance(spec, ObjectSpec) else spec._for_kernel(None)
    machine.require(described)
    created = {name: each.autocreate for name, each in described.maps.items()}
    wanted = [each for each in described.programs.values() if each.autoload and each.insns]
    symbols = Symbols(described) if any(each.extern_relocations for each in wanted) else None
    try:
        loader = ProgramLoader(
            described,
            {},
            None,
            kernel_btf,
            None,
            plan=None,
            symbols=symbols,
            func_info={},
            targets={},
        )
        found = symbols.found if symbols else {}
        return {
            each.name: _tag(hashed(each, loader.without_maps(each), created))
            for each in wanted
            if not _reads_module(each, found)
        }
    finally:
        if symbols is not None:
            symbols.close()


def hashed(program: ProgramSpec, insns: bytearray, created: Mapping[str, bool]) -> bytearray:
    """What the kernel hashes of *program*: *insns*, which have everything but maps, with these.

    *created* says of each map of the object whether there is one, and in their order.  Raises
    ``ValueError`` for a place that cannot take a map.
    """
    numbers = {name: number for number, name in enumerate(created)}
    for relocation in program.map_relocations:
        if relocation.map not in created:
            continue  # what is wrong there is said when the program is loaded
        require_wide_load(insns, relocation.insn, program.name, relocation.map)
        if created[relocation.map]:
            pseudo = PSEUDO_MAP_FD if relocation.offset is None else PSEUDO_MAP_VALUE
            patch.set_src(insns, relocation.insn, pseudo, sys.byteorder)
        else:
            poison_map(insns, relocation.insn, numbers[relocation.map])
    for table in program.jump_tables:
        for insn in table.insns:
            require_wide_load(insns, insn, program.name)
            patch.set_src(insns, insn, PSEUDO_MAP_VALUE, sys.byteorder)
    return insns


def _tag(insns: bytearray) -> ProgramTag:
    from hashlib import sha1, sha256

    old = sha1(insns, usedforsecurity=False)
    return ProgramTag(sha256(insns).hexdigest()[: 2 * _SIZE], old.hexdigest()[: 2 * _SIZE])


def _reads_module(program: ProgramSpec, found: Mapping[str, Symbol]) -> bool:
    return any(
        found[each.extern].module and program.insns[8 * each.insn] == LD_IMM64
        for each in program.extern_relocations
    )
