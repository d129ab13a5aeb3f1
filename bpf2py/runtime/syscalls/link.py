"""BPF_LINK_CREATE, _UPDATE, _DETACH and BPF_RAW_TRACEPOINT_OPEN.

In: descriptors and numbers.  Out: a link's descriptor, owned by the caller.  Which fields an
attach type takes is the caller's knowledge (links/).
"""

from __future__ import annotations

from struct import Struct

from ...uapi import Cmd
from . import bpf as door

#: prog_fd, target_fd or target_ifindex, attach_type, flags; what follows depends on attach_type.
_CREATE = Struct("=IIII")
#: link_fd, new_prog_fd, flags, old_prog_fd
_UPDATE = Struct("=IIII")
_FD = Struct("=I")
#: name, prog_fd, hole, cookie
_RAW_TRACEPOINT = Struct("=QIIQ")

_F_REPLACE = 1 << 2


def link_create(
    prog_fd: int,
    *,
    target: int = 0,
    attach_type: int,
    flags: int = 0,
    extra: bytes = b"",
    what: str,
) -> int:
    """Attach a program and return the link's descriptor (5.7).

    *target* is a descriptor or an interface number, *extra* the part of the attr that belongs to
    *attach_type*, from byte 16 on.  Raises :class:`OSError`.
    """
    attr = bytearray(_CREATE.pack(prog_fd, target, attach_type, flags) + extra)
    return door.bpf(Cmd.LINK_CREATE, attr, max(_CREATE.size, len(attr.rstrip(b"\0"))), what=what)


def link_update(
    link_fd: int, new_prog_fd: int, *, old_prog_fd: int | None = None, flags: int = 0, what: str
) -> None:
    """Put another program in the place of the link's; with *old_prog_fd*, only in its place (5.7)."""
    if old_prog_fd is not None:
        flags |= _F_REPLACE
    attr = bytearray(_UPDATE.pack(link_fd, new_prog_fd, flags, old_prog_fd or 0))
    door.bpf(Cmd.LINK_UPDATE, attr, what=what)


def link_detach(link_fd: int, *, what: str) -> None:
    """Take the program off its hook though others may hold the link (5.9)."""
    door.bpf(Cmd.LINK_DETACH, bytearray(_FD.pack(link_fd)), what=what)


def raw_tracepoint_open(prog_fd: int, name: str = "", *, cookie: int = 0, what: str) -> int:
    """Attach to the raw tracepoint *name*, or to the target fixed at load when it is empty (4.17).

    *cookie* is what bpf_get_attach_cookie() gives (6.10).  Raises :class:`OSError`.
    """
    text = name.encode() + b"\0" if name else b""
    attr = bytearray(_RAW_TRACEPOINT.pack(door.address(text), prog_fd, 0, cookie))
    return door.bpf(
        Cmd.RAW_TRACEPOINT_OPEN, attr, _RAW_TRACEPOINT.size if cookie else 16, what=what
    )
