"""tc classifiers: on a network interface, by a tcx link (6.6)."""

from __future__ import annotations

from ...light import TYPE_CHECKING, Literal
from ...uapi import AttachType
from .base import Program

if TYPE_CHECKING:
    from typing import ClassVar

    from ..links.netdev import TCXLink

_DIRECTIONS = {"ingress": AttachType.TCX_INGRESS, "egress": AttachType.TCX_EGRESS}


class SchedCLS(Program):
    """A program of ``SEC("tc")`` or ``SEC("tcx/ingress")``."""

    kind: ClassVar[str] = "tc classifier"

    def attach(
        self, interface: str | int, direction: Literal["ingress", "egress"] | None = None
    ) -> TCXLink:
        """Run on every packet in one direction of *interface* (name or number), after others (6.6).

        *direction* may be left out when the section name has it.  Raises :class:`OSError`: ENODEV
        without such an interface; :class:`NotSupportedError` on kernels without tcx.
        """
        from ..links.netdev import attach_tcx

        if direction is not None:
            try:
                attach_type = _DIRECTIONS[direction]
            except KeyError:
                raise ValueError(f"direction is 'ingress' or 'egress', not {direction!r}") from None
        else:
            said = self.spec.attach_type
            if said not in (AttachType.TCX_INGRESS, AttachType.TCX_EGRESS):
                raise ValueError(
                    f"section {self.spec.section!r} of {self._what} does not say a direction: "
                    "give 'ingress' or 'egress'"
                )
            attach_type = AttachType(said)
        return attach_tcx(self, interface, attach_type)
