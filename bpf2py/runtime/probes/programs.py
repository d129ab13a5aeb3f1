"""Program types, and helpers in them: a smallest program is loaded, and closed at once.

What an errno and a complaint mean follows bpf_prog_load() in kernel/bpf/syscall.c, and
check_helper_call() in kernel/bpf/verifier.c.
"""

from __future__ import annotations

import errno

from ...light import NamedTuple, cache
from ...uapi import AttachType, ProgFlags, ProgType
from ..errors import InconclusiveError, NotSupportedError
from ..privileges import why_eperm
from ..smallest import NOTHING, call, code, load_program
from ..syscalls.bpf import ENOTSUPP
from ..syscalls.prog import LogBuffer

_LOG_SIZE = 1 << 12
#: What the kernel answers where it does not know the type, or was built without it.
_NO = (errno.EINVAL, errno.E2BIG, errno.EOPNOTSUPP, ENOTSUPP, errno.ENOSYS)


class Smallest(NamedTuple):
    """What a smallest program of a type needs; with ``complaint`` it is refused all the same, with
    these words if the type is known."""

    attach_type: AttachType | None = None
    flags: ProgFlags = ProgFlags(0)
    attach_btf_id: int = 0
    complaint: str = ""
    #: The errno that says "known", for types that ask for a target before anything else.
    known_errno: int = 0


_SMALLEST: dict[ProgType, Smallest] = {
    ProgType.CGROUP_SOCK_ADDR: Smallest(AttachType.CGROUP_INET4_CONNECT),
    ProgType.CGROUP_SOCKOPT: Smallest(AttachType.CGROUP_GETSOCKOPT),
    ProgType.SK_LOOKUP: Smallest(AttachType.SK_LOOKUP),
    ProgType.LIRC_MODE2: Smallest(AttachType.LIRC_MODE2),
    ProgType.NETFILTER: Smallest(AttachType.NETFILTER),
    ProgType.SYSCALL: Smallest(flags=ProgFlags.SLEEPABLE),
    # Type 1 of every kernel's BTF is an int: known types complain about what it is.
    ProgType.TRACING: Smallest(
        AttachType.TRACE_RAW_TP, attach_btf_id=1, complaint="attach_btf_id 1 is not a typedef"
    ),
    ProgType.LSM: Smallest(
        AttachType.LSM_MAC, attach_btf_id=1, complaint="attach_btf_id 1 is not a function"
    ),
    ProgType.EXT: Smallest(attach_btf_id=1, complaint="Cannot replace kernel functions"),
    ProgType.STRUCT_OPS: Smallest(known_errno=ENOTSUPP),
}
_PLAIN = Smallest()
#: No smallest program of these passes the verifier, so none can be asked for helpers.
WITHOUT_HELPERS = frozenset((ProgType.TRACING, ProgType.LSM, ProgType.EXT, ProgType.STRUCT_OPS))


@cache
def has_program_type(prog_type: ProgType) -> bool:
    """Whether programs of this type can be loaded (``BPF_PROG_LOAD``).

    ``ValueError`` for UNSPEC; ``InconclusiveError`` if the kernel refuses for other reasons, such
    as missing rights.  The rules are those of libbpf_probe_bpf_prog_type(), but for EPERM, which is
    no answer.
    """
    prog_type = ProgType(prog_type)  # a number from elsewhere will do
    if prog_type == ProgType.UNSPEC:
        raise ValueError("UNSPEC is no type of program")
    what = f"programs of type {prog_type.name}"
    row = _SMALLEST.get(prog_type, _PLAIN)
    log = LogBuffer(1, _LOG_SIZE) if row.complaint else None
    try:
        load(prog_type, NOTHING, what, log)
    except OSError as exc:
        if exc.errno == errno.EPERM:
            raise InconclusiveError(what, why_eperm(prog_type, f"type {prog_type.name}")) from exc
        if exc.errno == row.known_errno:
            return True
        if log is not None and row.complaint in log.text:
            return True
        if exc.errno in _NO:
            return False
        raise InconclusiveError(what, str(exc)) from exc
    return not (row.complaint or row.known_errno)


@cache
def has_helper(prog_type: ProgType, helper: str | int) -> bool:
    """Whether programs of this type may call a helper, by name (with ``bpf_`` or without) or number.

    ``ValueError`` for a name that no kernel up to this bpf2py's has; ``NotSupportedError`` for a
    program type that the kernel lacks; ``InconclusiveError`` for TRACING, LSM, EXT and STRUCT_OPS,
    whose programs need a target, and without the rights.  The rules are those of
    libbpf_probe_bpf_helper().
    """
    number = helper if isinstance(helper, int) else helper_number(helper)
    what = f"helper {helper} in programs of type {prog_type.name}"
    if prog_type in WITHOUT_HELPERS:
        raise InconclusiveError(what, "such a program cannot be loaded without its target")
    if not has_program_type(prog_type):
        raise NotSupportedError(f"programs of type {prog_type.name}")
    log = LogBuffer(1, _LOG_SIZE)
    try:
        load(prog_type, code(call(number)), what, log)
    except OSError as exc:
        if exc.errno == errno.EPERM and not log.text:
            raise InconclusiveError(what, why_eperm(prog_type, f"type {prog_type.name}")) from exc
        text = log.text
        return not (
            "invalid func " in text
            or "unknown func " in text
            or "program of this type cannot use helper " in text
        )
    return True


def helper_number(name: str) -> int:
    """The number of a helper; ``ValueError`` for a name that is not known."""
    from ...uapi import HELPER_NAMES

    try:
        return HELPER_NAMES.index(name.removeprefix("bpf_"), 1)
    except ValueError:
        raise ValueError(f"there is no helper called {name!r}") from None


def load(prog_type: ProgType, insns: bytes, what: str, log: LogBuffer | None = None) -> None:
    """Load and close a program of the type's smallest form; ``OSError`` as the kernel says."""
    row = _SMALLEST.get(prog_type, _PLAIN)
    load_program(
        prog_type,
        insns,
        log,
        what=f"probe of {what}",
        flags=row.flags,
        attach_type=row.attach_type or 0,
        attach_btf_id=row.attach_btf_id,
    ).close()
