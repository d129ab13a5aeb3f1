"""Programs whose hook the kernel finds by name or that was fixed at load.

Raw tracepoints by name (4.17); BTF tracepoints, fentry, fexit, fmod_ret and LSM programs at the
target they were loaded for (5.5).
"""

from __future__ import annotations

import errno
from struct import Struct

from ...light import TYPE_CHECKING
from ..syscalls.fd import FD
from ..syscalls.link import link_create, raw_tracepoint_open
from .base import Link

if TYPE_CHECKING:
    from ..programs.base import Program


#: target_btf_id (for programs that extend others), hole, cookie
_TRACING = Struct("=IIQ")


class RawTracepointLink(Link):
    """A program on a raw tracepoint."""


class TracingLink(Link):
    """A program on the target it was loaded for."""


def attach_raw_tracepoint(program: Program, name: str, cookie: int) -> RawTracepointLink:
    """BPF_RAW_TRACEPOINT_OPEN with the tracepoint's name."""
    what = f"{program.kind} {program.name!r} on {name!r}"
    try:
        fd = raw_tracepoint_open(program.fileno(), name, cookie=cookie, what=what)
    except FileNotFoundError:
        raise FileNotFoundError(
            errno.ENOENT,
            "the kernel has no such raw tracepoint (names are those below events/*/ in tracefs "
            "without the category; a module's appear when it is loaded)",
            what,
        ) from None
    return RawTracepointLink(FD(fd), what)


def attach_tracing(program: Program, cookie: int) -> TracingLink:
    """A link where the kernel makes one (6.0), else BPF_RAW_TRACEPOINT_OPEN without a name (5.5)."""
    what = f"{program.kind} {program.name!r} on {program.spec.attach_to!r}"
    attach_type = int(program.spec.attach_type or 0)
    extra = _TRACING.pack(0, 0, cookie) if cookie else b""
    try:
        fd = link_create(program.fileno(), attach_type=attach_type, extra=extra, what=what)
    except OSError as exc:
        # bpf_tracing_prog_attach() is reached by LINK_CREATE since 6.0 (df86ca0d2f0f); until then
        # EINVAL for fentry and the like, and the old command does the same without a cookie.
        if exc.errno != errno.EINVAL or cookie:
            raise
        fd = raw_tracepoint_open(program.fileno(), what=what)
    return TracingLink(FD(fd), what)
