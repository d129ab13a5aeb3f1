"""XDP programs: on a network interface, by a link (5.9)."""

from __future__ import annotations

from ...enums import IntEnum
from ...light import TYPE_CHECKING
from ...uapi import XDPFlags
from .base import Program

if TYPE_CHECKING:
    from typing import ClassVar

    from ..links.netdev import XDPLink


class XDPMode(IntEnum):
    """Where the program runs; AUTO is native where the driver can, else generic."""

    AUTO = 0
    GENERIC = int(XDPFlags.SKB_MODE)
    NATIVE = int(XDPFlags.DRV_MODE)
    OFFLOAD = int(XDPFlags.HW_MODE)


class XDP(Program):
    """A program of ``SEC("xdp")``."""

    kind: ClassVar[str] = "XDP program"

    def attach(self, interface: str | int, *, mode: XDPMode = XDPMode.AUTO) -> XDPLink:
        """Run on every packet that *interface* (name or number) receives (5.9).

        Raises :class:`OSError`: ENODEV without such an interface, EBUSY when another program is
        there, EOPNOTSUPP when the driver cannot do *mode*.
        """
        from ..links.netdev import attach_xdp

        return attach_xdp(self, interface, XDPFlags(mode))
