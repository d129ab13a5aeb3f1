"""What probes ask the kernel with: smallest programs, and links that cannot be made.

In: what is to be tried.  Out: a program's descriptor, or how the kernel refused.  What a refusal
means is the business of who asks: ``features.py`` for the loader, ``probes/`` for users.
"""

from __future__ import annotations

from struct import Struct

from ..light import TYPE_CHECKING
from ..uapi import AttachType, ProgType
from .privileges import with_memlock
from .syscalls.bpf import address
from .syscalls.fd import FD
from .syscalls.link import link_create
from .syscalls.prog import LoadRequest, LogBuffer, prog_load

if TYPE_CHECKING:
    from ..asm import Instruction

#: r0 = 0; exit.  The same bytes in either byte order: every field wider than a byte is zero.
NOTHING = bytes.fromhex("b700000000000000 9500000000000000")
#: A descriptor, a pid and an interface that no process has.
NO_TARGET = 0xFFFFFFFF
#: Of LINK_CREATE: path, offsets, ref_ctr_offsets, cookies, cnt, flags, pid.
_UPROBE_MULTI = Struct("=QQQQIII")
#: No file to probe, and one offset in it.
_ROOT, _OFFSET = b"/\0", bytes(8)


def code(*instructions: Instruction) -> bytes:
    """*instructions*, then exit, in this machine's byte order."""
    import sys

    from ..asm import encode

    return encode(instructions, sys.byteorder) + NOTHING[8:]


def call(helper: str | int) -> Instruction:
    """A call of a helper, by its name without ``bpf_``, or by number."""
    from ..asm import Instruction
    from ..asm.opcodes import CALL_INSN
    from ..uapi import HELPER_NAMES

    number = helper if isinstance(helper, int) else HELPER_NAMES.index(helper)
    return Instruction(CALL_INSN, imm=number)


def load_program(
    prog_type: ProgType,
    insns: bytes = NOTHING,
    log: LogBuffer | None = None,
    *,
    what: str,
    attach_type: int = 0,
    attach_btf_id: int = 0,
    flags: int = 0,
    btf_fd: int | None = None,
    func_info: bytes = b"",
    name: bytes = b"",
) -> FD:
    """The program in the kernel, for the caller to close; ``OSError`` as the kernel says."""
    request = LoadRequest(
        prog_type,
        insns,
        license="GPL",
        what=what,
        name=name,
        flags=flags,
        expected_attach_type=attach_type,
        btf_fd=btf_fd,
        func_info=func_info,
        attach_btf_id=attach_btf_id,
    )
    return FD(with_memlock(lambda: prog_load(request, log)), what)


def link_refusal(
    program: FD, attach_type: AttachType, *, target: int = 0, extra: bytes = b"", what: str
) -> OSError:
    """How the kernel refuses a link on something that does not exist: where it stopped looking."""
    try:
        link = link_create(
            program.fileno(), target=target, attach_type=attach_type, extra=extra, what=what
        )
    except OSError as exc:
        return exc.with_traceback(None)
    FD(link).close()
    raise AssertionError("a link was made on a target that cannot exist")


def uprobes_in_no_file(pid: int = 0) -> bytes:
    """What LINK_CREATE is told for many uprobes, which are to be in ``/``."""
    return _UPROBE_MULTI.pack(address(_ROOT), address(_OFFSET), 0, 0, 1, 0, pid)
