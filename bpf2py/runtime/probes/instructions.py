"""What the verifier takes: instructions, as clang's ``-mcpu`` counts them, loops, long programs."""

from __future__ import annotations

import errno

from ...asm.cpu import FAMILIES
from ...light import cache
from ...uapi import ProgType
from ..errors import InconclusiveError
from ..features import knows_instructions
from ..smallest import NOTHING, code, load_program

#: What a program could have before 5.2 (BPF_MAXINSNS), then only one of an unprivileged user.
_FORMER_LIMIT = 4096

_LATER = ("load_acquire", "gotox")


@cache
def cpu_version() -> int:
    """The highest ``-mcpu=vN`` whose instructions this kernel takes all: 1, 2 (4.14), 3 (5.12) or
    4 (6.6).

    Looked at are the families that came up to 6.6; load-acquire and store-release (6.15) and
    indirect jumps (6.19), which newer clangs emit for v4 as well, are not.  ``InconclusiveError``
    without the rights.
    """
    try:
        for family, row in FAMILIES.items():
            if family in _LATER:
                continue
            if not knows_instructions(family):
                return row.cpu - 1
    except OSError as exc:
        raise InconclusiveError("instructions", str(exc)) from exc
    return max(row.cpu for row in FAMILIES.values())


@cache
def has_instructions(family: str) -> bool:
    """Whether programs may use a family of instructions of :data:`bpf2py.asm.cpu.FAMILIES`.

    They are finer than versions of ``-mcpu``: an architecture may lack one that others have.
    ``KeyError`` for another name; ``InconclusiveError`` without the rights.
    """
    FAMILIES[family]
    try:
        return knows_instructions(family)
    except OSError as exc:
        raise InconclusiveError(f"{family} instructions", str(exc)) from exc


@cache
def has_bounded_loops() -> bool:
    """Whether the verifier follows a loop that ends (5.3); ``InconclusiveError`` without the rights."""
    from ...asm import Instruction
    from ...asm import opcodes as op

    counts = code(
        Instruction(op.ALU64 | op.MOV | op.K, dst=0, imm=10),
        Instruction(op.ALU64 | op.SUB | op.K, dst=0, imm=1),
        Instruction(op.JMP | op.JNE | op.K, dst=0, offset=-2, imm=0),
    )
    return _is_taken(counts, "bounded loops")


@cache
def has_large_programs() -> bool:
    """Whether a program may have more than 4096 instructions, up to a million (5.2).

    Programs of unprivileged users never may.  ``InconclusiveError`` without the rights.
    """
    return _is_taken(NOTHING[:8] * _FORMER_LIMIT + NOTHING[8:], "programs of 4097 instructions")


def _is_taken(insns: bytes, what: str) -> bool:
    try:
        load_program(ProgType.SOCKET_FILTER, insns, what=f"probe of {what}").close()
    except OSError as exc:
        if exc.errno in (errno.EINVAL, errno.E2BIG):
            return False
        raise InconclusiveError(what, str(exc)) from exc
    return True
