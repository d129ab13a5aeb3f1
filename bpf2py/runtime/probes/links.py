"""Link types: a link is asked for whose target does not exist.

A kernel that knows the type gets as far as looking for the target; one that does not says EINVAL
before.  Where it says EINVAL for the target, too, the types that came together with the link
answer for it.  Nothing is ever attached.
"""

from __future__ import annotations

import errno
from struct import Struct

from ...light import Callable, NamedTuple, cache
from ...uapi import AttachType, LinkType, ProgType
from ..errors import InconclusiveError
from ..features import has_perf_event_links, has_tcx
from ..privileges import why_eperm
from ..smallest import NO_TARGET, link_refusal, load_program, uprobes_in_no_file
from ..syscalls.bpf import ENOTSUPP
from ..syscalls.fd import FD
from ..syscalls.link import raw_tracepoint_open
from .programs import has_program_type

_NO_INTERFACE = 0x7FFFFFFF
_BAD_ADDRESS = 1
#: link_create.kprobe_multi: flags, cnt, syms, addrs
_KPROBE_MULTI = Struct("=IIQQQ")


class _Try(NamedTuple):
    """A program, and a link of it that cannot be made; ``known`` are the errnos that say why not."""

    prog_type: ProgType
    attach_type: AttachType
    known: tuple[int, ...]
    target: int = NO_TARGET
    #: The program is loaded for that attach type.
    expected: bool = False
    extra: Callable[[], bytes] = bytes


_TRIES: dict[LinkType, _Try] = {
    LinkType.CGROUP: _Try(ProgType.CGROUP_SKB, AttachType.CGROUP_INET_INGRESS, (errno.EBADF,)),
    LinkType.NETNS: _Try(
        ProgType.FLOW_DISSECTOR, AttachType.FLOW_DISSECTOR, (errno.EBADF, errno.EINVAL)
    ),
    LinkType.NETKIT: _Try(
        ProgType.SCHED_CLS, AttachType.NETKIT_PRIMARY, (errno.ENODEV,), target=_NO_INTERFACE
    ),
    LinkType.SOCKMAP: _Try(ProgType.SK_MSG, AttachType.SK_MSG_VERDICT, (errno.EBADF,)),
    LinkType.KPROBE_MULTI: _Try(
        ProgType.KPROBE,
        AttachType.TRACE_KPROBE_MULTI,
        (errno.EFAULT,),
        target=0,
        expected=True,
        extra=lambda: _KPROBE_MULTI.pack(0, 1, 0, _BAD_ADDRESS, 0),
    ),
    LinkType.UPROBE_MULTI: _Try(
        ProgType.KPROBE,
        AttachType.TRACE_UPROBE_MULTI,
        (errno.EBADF,),
        target=0,
        expected=True,
        extra=uprobes_in_no_file,
    ),
}
#: Links with one program for both ends of a function.
_SESSIONS: dict[LinkType, AttachType] = {
    LinkType.KPROBE_MULTI: AttachType.TRACE_KPROBE_SESSION,
    LinkType.UPROBE_MULTI: AttachType.TRACE_UPROBE_SESSION,
}
#: What the runtime asks for itself, and the type of program it asks with.
_KNOWN_TO_LOADER = {
    LinkType.PERF_EVENT: (ProgType.TRACEPOINT, has_perf_event_links),
    LinkType.TCX: (ProgType.SCHED_CLS, has_tcx),
}
#: Links that came with a type of program, in the same release, and need nothing else.
_CAME_WITH = {
    LinkType.NETFILTER: ProgType.NETFILTER,
}
#: Of links that only attaching would show: the type of program that is linked.
_PROGRAM_OF = {
    LinkType.TRACING: ProgType.TRACING,
    LinkType.ITER: ProgType.TRACING,
    LinkType.XDP: ProgType.XDP,
    LinkType.STRUCT_OPS: ProgType.STRUCT_OPS,
    LinkType.TRACING_MULTI: ProgType.TRACING,
}
_NO = (errno.EINVAL, errno.EOPNOTSUPP, ENOTSUPP, errno.ENOSYS)


@cache
def has_link_type(link_type: LinkType) -> bool:
    """Whether programs can be attached by links of this type (``BPF_LINK_CREATE``, 5.7).

    ``ValueError`` for UNSPEC; ``InconclusiveError`` where it cannot be told without attaching
    something, or without the rights.
    """
    link_type = LinkType(link_type)  # a number from elsewhere will do
    if link_type == LinkType.UNSPEC:
        raise ValueError("UNSPEC is no type of link")
    what = f"links of type {link_type.name}"
    if link_type == LinkType.RAW_TRACEPOINT:
        return _has_raw_tracepoint(what)
    if link_type in _CAME_WITH:
        return has_program_type(_CAME_WITH[link_type])
    if link_type in _KNOWN_TO_LOADER:
        return _ask(*_KNOWN_TO_LOADER[link_type], what)
    if link_type in _TRIES:
        return _try(_TRIES[link_type], what)
    if not has_program_type(_PROGRAM_OF[link_type]):
        return False
    return _is_in_btf(link_type, what)


@cache
def has_session(link_type: LinkType) -> bool:
    """Whether one program can run at entry and return of functions: for links of type KPROBE_MULTI
    (6.10) or UPROBE_MULTI (6.13).

    ``ValueError`` for other types; ``InconclusiveError`` as of :func:`has_link_type`.
    """
    if link_type not in _SESSIONS:
        known = " and ".join(each.name for each in _SESSIONS)
        raise ValueError(f"sessions are for links of type {known}, not {link_type.name}")
    row = _TRIES[link_type]._replace(attach_type=_SESSIONS[link_type])
    return _try(row, f"sessions of {link_type.name}")


def _ask(prog_type: ProgType, question: Callable[[], bool], what: str) -> bool:
    if not has_program_type(prog_type):
        return False
    try:
        return question()
    except OSError as exc:
        raise InconclusiveError(what, str(exc)) from exc


def _try(row: _Try, what: str) -> bool:
    if not has_program_type(row.prog_type):
        return False
    try:
        with _program(row.prog_type, row.attach_type if row.expected else 0, what) as program:
            refusal = link_refusal(
                program,
                row.attach_type,
                target=row.target,
                extra=row.extra(),
                what=f"probe of {what}",
            )
    except OSError as exc:
        refusal = exc
    if refusal.errno in row.known:
        return True
    if refusal.errno in _NO:
        return False
    raise InconclusiveError(what, str(refusal)) from refusal


def _has_raw_tracepoint(what: str) -> bool:
    """BPF_RAW_TRACEPOINT_OPEN (4.17): ENOENT for a tracepoint that does not exist."""
    if not has_program_type(ProgType.RAW_TRACEPOINT):
        return False
    with _program(ProgType.RAW_TRACEPOINT, 0, what) as program:
        try:
            fd = raw_tracepoint_open(program.fileno(), "bpf2py_probe", what=f"probe of {what}")
        except FileNotFoundError:
            return True
        except OSError as exc:
            if exc.errno in _NO:
                return False
            raise InconclusiveError(what, str(exc)) from exc
    FD(fd).close()
    raise AssertionError("there is a tracepoint that cannot exist")


def _is_in_btf(link_type: LinkType, what: str) -> bool:
    """For what only attaching would show: the kernel's own ``enum bpf_link_type`` in its BTF."""
    from ...btf.types import Enum
    from ...uapi import BTFKind
    from ..errors import NotSupportedError
    from ..kernel_btf import kernel_btf

    try:
        table = kernel_btf()
    except (NotSupportedError, OSError) as exc:
        raise InconclusiveError(what, f"it would have to be attached to tell ({exc})") from exc
    type_id = table.find("bpf_link_type", BTFKind.ENUM)
    found = table[type_id] if type_id else None
    if not isinstance(found, Enum):
        return False
    return any(value.name == f"BPF_LINK_TYPE_{link_type.name}" for value in found.values)


def _program(prog_type: ProgType, attach_type: int, what: str) -> FD:
    try:
        return load_program(prog_type, what=f"probe of {what}", attach_type=attach_type)
    except PermissionError as exc:
        raise InconclusiveError(what, why_eperm(prog_type, f"type {prog_type.name}")) from exc
