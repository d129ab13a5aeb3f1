"""Jump tables: what indirect jumps (``gotox``, 6.19) of a program may go to, as the kernel wants it.

In: a program's tables and its instructions.  Out: the instructions with descriptors patched in, of
maps that must stay open until the program is loaded, after which it holds them itself.  Follows
create_jt_map() of libbpf: a frozen map of type INSN_ARRAY for each table and program, in which the
verifier notes where the instructions went.
"""

from __future__ import annotations

import errno
import sys
from struct import Struct

from ..asm import patch
from ..asm.opcodes import PSEUDO_MAP_VALUE
from ..light import ExitStack, Iterable
from ..spec import JumpTable
from ..uapi import Cmd, MapType
from .errors import NotSupportedError
from .maps.handle import MapHandle
from .privileges import with_memlock
from .relocate import require_wide_load
from .syscalls.map import map_create

#: ``struct bpf_insn_array_value``: orig_off, and what the kernel fills in.
_VALUE = Struct("=I12x")
_KEY = Struct("=I")
_NAME = ".jumptables"


def place_jump_tables(tables: Iterable[JumpTable], insns: bytearray, program: str) -> ExitStack:
    """Make the tables of *program* and let its loads take them; the stack closes the maps.

    Raises :class:`NotSupportedError` for a kernel without such maps (6.19), :class:`ValueError` for
    a table that contradicts itself.
    """
    with ExitStack() as stack:
        for table in tables:
            _require_sensible(table, insns, program)
            handle = _map(table, program)
            stack.callback(handle.close)
            for insn in table.insns:
                patch.set_src(insns, insn, PSEUDO_MAP_VALUE, sys.byteorder)
                patch.set_imm64(insns, insn, handle.fileno(), sys.byteorder)
        return stack.pop_all()
    raise AssertionError("unreachable")


def _require_sensible(table: JumpTable, insns: bytearray, program: str) -> None:
    for insn in table.insns:
        require_wide_load(insns, insn, program)
    if not table.targets:
        raise ValueError(f"program {program!r} has a jump table without a place to jump to")
    if wrong := [target for target in table.targets if not 0 <= target < 1 << 32]:
        raise ValueError(
            f"program {program!r} has a jump table that leads to instruction {wrong[0]}"
        )


def _map(table: JumpTable, program: str) -> MapHandle:
    key_size, value_size, max_entries = _KEY.size, _VALUE.size, len(table.targets)
    try:
        fd = with_memlock(
            lambda: map_create(
                MapType.INSN_ARRAY,
                name=_NAME,
                key_size=key_size,
                value_size=value_size,
                max_entries=max_entries,
            )
        )
    except OSError as exc:
        if exc.errno not in (errno.EINVAL, errno.E2BIG):
            raise
        hint = f"program {program!r} needs them; for older kernels compile it with -mcpu=v3"
        raise NotSupportedError("indirect jumps by tables", "6.19", hint) from exc
    handle = MapHandle(
        fd,
        name=_NAME,
        map_type=MapType.INSN_ARRAY,
        key_size=key_size,
        value_size=value_size,
        max_entries=max_entries,
    )
    try:
        for index, target in enumerate(table.targets):
            key, value = bytearray(_KEY.pack(index)), bytearray(_VALUE.pack(target))
            handle.elem(Cmd.MAP_UPDATE_ELEM, key, value)
        handle.freeze()
    except BaseException:
        handle.close()
        raise
    return handle
