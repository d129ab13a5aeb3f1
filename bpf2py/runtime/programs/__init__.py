"""Programs in the kernel: a class for each kind that can be attached in its own way.

In: a :class:`LoadedProgram`.  Out: :func:`program`, its class by (program type, attach type).
A new kind is a file here and a row in ``_KINDS``; the file is imported when first needed.
"""

from __future__ import annotations

from ...light import TYPE_CHECKING, TypeVar
from ...uapi import AttachType, ProgType

if TYPE_CHECKING:
    from .base import LoadedProgram, Program

P = TypeVar("P", bound="Program")

#: (type, attach type, module, class).  The first row that fits wins; attach type None fits any.
_KINDS: tuple[tuple[ProgType, AttachType | None, str, str], ...] = (
    (ProgType.SOCKET_FILTER, None, "socket_filter", "SocketFilter"),
    (ProgType.XDP, None, "xdp", "XDP"),
    (ProgType.SCHED_CLS, None, "sched_cls", "SchedCLS"),
    (ProgType.TRACEPOINT, None, "tracing", "Tracepoint"),
    (ProgType.RAW_TRACEPOINT, None, "tracing", "RawTracepoint"),
    (ProgType.RAW_TRACEPOINT_WRITABLE, None, "tracing", "RawTracepoint"),
    (ProgType.TRACING, AttachType.TRACE_RAW_TP, "tracing", "BTFTracepoint"),
    (ProgType.TRACING, AttachType.TRACE_FENTRY, "tracing", "Tracing"),
    (ProgType.TRACING, AttachType.TRACE_FEXIT, "tracing", "Tracing"),
    (ProgType.TRACING, AttachType.MODIFY_RETURN, "tracing", "Tracing"),
    (ProgType.TRACING, AttachType.TRACE_FSESSION, "tracing", "Tracing"),
    (ProgType.LSM, AttachType.LSM_MAC, "tracing", "Tracing"),
    (ProgType.SYSCALL, None, "syscall", "Syscall"),
    (ProgType.EXT, None, "tracing", "Tracing"),
)


def program_class(prog_type: int, attach_type: int | None) -> type[Program]:
    """The class for programs of this kind; :class:`Program` for kinds without one of their own."""
    from importlib import import_module

    from .base import Program

    for row_type, row_attach, module, name in _KINDS:
        if row_type == prog_type and row_attach in (None, attach_type):
            kind: type[Program] = getattr(import_module(f".{module}", __name__), name)
            return kind
    return Program


def program(loaded: LoadedProgram) -> Program:
    """A loaded program in the class of its kind."""
    return program_class(loaded.spec.prog_type, loaded.spec.attach_type)(loaded)


def pick_class(wanted: type[P], prog_type: int) -> type[P]:
    """The class for a program of which only the type is known, *wanted* or below it.

    :class:`ValueError` if programs of that type are not of class *wanted*.
    """
    from .base import Program

    names = {name for row_type, _, _, name in _KINDS if row_type == prog_type}
    if wanted.__name__ in names:
        return wanted
    if not issubclass(Program, wanted):
        kind = prog_type.name if isinstance(prog_type, ProgType) else prog_type
        raise ValueError(f"a program of type {kind} is no {wanted.__name__}")
    found = program_class(prog_type, None)
    return found if issubclass(found, wanted) else wanted
