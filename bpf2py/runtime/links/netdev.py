"""Programs on network interfaces by links: XDP (5.9) and tcx (6.6)."""

from __future__ import annotations

import errno

from ...light import TYPE_CHECKING
from ...uapi import AttachType
from ..errors import NotSupportedError
from ..kernel import interface_index
from ..syscalls.fd import FD
from ..syscalls.link import link_create
from .base import Link

if TYPE_CHECKING:
    from ..programs.base import Program

_XDP_HINTS = {
    errno.EBUSY: "another XDP program is attached to this interface",
    errno.EOPNOTSUPP: "the interface's driver cannot run XDP in this mode; try XDPMode.GENERIC",
    errno.EINVAL: (
        "the kernel refuses this program here (an XDP link needs Linux 5.9; a program for "
        "devmap or cpumap goes into that map)"
    ),
    errno.EEXIST: "the interface already runs XDP in another mode",
}


class XDPLink(Link):
    """An XDP program on an interface."""


class TCXLink(Link):
    """A tc program on one direction of an interface."""


def attach_xdp(program: Program, interface: str | int, flags: int) -> XDPLink:
    """Attach to the one XDP place of *interface*; *flags* say the mode."""
    what = f"{program.kind} {program.name!r} on interface {interface!r}"
    index = interface_index(interface)
    try:
        fd = link_create(
            program.fileno(),
            target=index,
            attach_type=AttachType.XDP,
            flags=int(flags),
            what=what,
        )
    except OSError as exc:
        hint = _XDP_HINTS.get(exc.errno or 0)
        if hint is None:
            raise
        raise OSError(exc.errno, f"cannot attach: {hint}", what) from None
    return XDPLink(FD(fd), what)


def attach_tcx(program: Program, interface: str | int, attach_type: AttachType) -> TCXLink:
    """Attach behind the tcx programs already on that direction of *interface*."""
    direction = "ingress" if attach_type == AttachType.TCX_INGRESS else "egress"
    what = f"{program.kind} {program.name!r} on {direction} of interface {interface!r}"
    index = interface_index(interface)
    try:
        fd = link_create(program.fileno(), target=index, attach_type=attach_type, what=what)
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
        from ..features import has_tcx

        if has_tcx():
            raise
        raise NotSupportedError(
            "tcx links", "6.6", f"{what} needs one; use a clsact qdisc with tc(8)"
        ) from exc
    return TCXLink(FD(fd), what)
