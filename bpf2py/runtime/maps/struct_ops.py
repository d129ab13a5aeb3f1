"""struct_ops maps: functions and settings that the kernel calls once they are registered (5.6).

In: a map of type STRUCT_OPS with the value that the loader made for this kernel.  Out: a link.
"""

from __future__ import annotations

import errno

from ...light import TYPE_CHECKING, Any
from ...uapi import MapFlags, MapType
from ..syscalls.fd import FD
from .base import AnyMap
from .handle import MapHandle

if TYPE_CHECKING:
    from typing import ClassVar

    from ..links.struct_ops import StructOpsLink
    from ..programs.base import Program


class StructOpsHandle(MapHandle):
    """The handle of a struct_ops map: knows what is to be written into it."""

    __slots__ = ("value",)

    def __init__(self, fd: FD, **attributes: Any) -> None:
        super().__init__(fd, **attributes)
        #: In the kernel's layout, the descriptors of programs in the places of pointers; None in a
        #: map that no loader made.
        self.value: bytearray | None = None


class StructOps(AnyMap):
    """A struct of functions for the kernel, such as a congestion control of TCP.

    What is in it is set before loading (``spec.struct_ops``).
    """

    map_types: ClassVar[tuple[MapType, ...]] = (MapType.STRUCT_OPS,)

    @property
    def linked(self) -> bool:
        """Whether it is registered by a link (``.struct_ops.link``, 6.4), not by the map alone."""
        return bool(self._handle.flags & MapFlags.LINK)

    def attach(self) -> StructOpsLink:
        """Register it with the kernel; closing what comes back unregisters it.

        Raises :class:`OSError`: FileExistsError for a name that is registered already, EINVAL where
        the kernel misses a function or refuses a setting.
        """
        from ..links.struct_ops import attach_struct_ops

        return attach_struct_ops(self)

    def associate(self, program: Program) -> None:
        """Let kernel functions that *program* calls know this struct_ops as its own (7.0).

        *program* is of another kind than struct_ops, whose programs belong to their map already; it
        can belong to one map.  NotSupportedError on older kernels.
        """
        from ...uapi import ProgType
        from ..syscalls.map import associate

        what = f"program {program.name!r} with struct_ops map {self.name!r}"
        if program.spec.prog_type == ProgType.STRUCT_OPS:
            raise ValueError(f"{what}: a struct_ops program belongs to its own map")
        try:
            associate(self.fileno(), program.fileno(), what=what)
        except OSError as exc:
            if exc.errno != errno.EINVAL:
                raise
            from ..errors import NotSupportedError

            raise NotSupportedError("programs that belong to a struct_ops", "7.0", what) from exc

    def write(self) -> None:
        """Hand the value over, which every registration needs once.

        A map without a link is registered by that.  :meth:`attach` does it.
        """
        from ..links.struct_ops import write_value

        write_value(self._handle)
