"""Programs in the kernel: a class for each kind that can be attached in its own way.

In: a :class:`LoadedProgram`.  Out: :func:`program`, its class by (program type, attach type).
A new kind is a file here and a row in ``_KINDS``.
"""

from __future__ import annotations

from ...uapi import AttachType, ProgType
from .base import LoadedProgram, Program
from .sched_cls import SchedCLS
from .socket_filter import SocketFilter
from .tracing import BTFTracepoint, RawTracepoint, Tracepoint, Tracing
from .xdp import XDP

#: The first row that fits wins; attach type None fits any.
_KINDS: tuple[tuple[ProgType, AttachType | None, type[Program]], ...] = (
    (ProgType.SOCKET_FILTER, None, SocketFilter),
    (ProgType.XDP, None, XDP),
    (ProgType.SCHED_CLS, None, SchedCLS),
    (ProgType.TRACEPOINT, None, Tracepoint),
    (ProgType.RAW_TRACEPOINT, None, RawTracepoint),
    (ProgType.RAW_TRACEPOINT_WRITABLE, None, RawTracepoint),
    (ProgType.TRACING, AttachType.TRACE_RAW_TP, BTFTracepoint),
    (ProgType.TRACING, AttachType.TRACE_FENTRY, Tracing),
    (ProgType.TRACING, AttachType.TRACE_FEXIT, Tracing),
    (ProgType.TRACING, AttachType.MODIFY_RETURN, Tracing),
    (ProgType.TRACING, AttachType.TRACE_FSESSION, Tracing),
    (ProgType.LSM, AttachType.LSM_MAC, Tracing),
)


def program_class(prog_type: int, attach_type: int | None) -> type[Program]:
    """The class for programs of this kind; :class:`Program` for kinds without one of their own."""
    for row_type, row_attach, kind in _KINDS:
        if row_type == prog_type and row_attach in (None, attach_type):
            return kind
    return Program


def program(loaded: LoadedProgram) -> Program:
    """A loaded program in the class of its kind."""
    return program_class(loaded.spec.prog_type, loaded.spec.attach_type)(loaded)


__all__ = [
    "XDP",
    "BTFTracepoint",
    "LoadedProgram",
    "Program",
    "RawTracepoint",
    "SchedCLS",
    "SocketFilter",
    "Tracepoint",
    "Tracing",
    "program",
    "program_class",
]
