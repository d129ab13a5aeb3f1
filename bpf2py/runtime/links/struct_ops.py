"""Registering struct_ops: by a link (6.4), or by writing the map's value (5.6).

In: a map with its value.  Out: a link.  Follows bpf_map__attach_struct_ops() and
bpf_link__update_map() of libbpf.
"""

from __future__ import annotations

import errno

from ...light import TYPE_CHECKING, suppress
from ...uapi import AttachType, Cmd
from ..errors import NotSupportedError
from ..syscalls.fd import FD
from ..syscalls.link import link_create, link_update
from .base import Link

if TYPE_CHECKING:
    from ..maps.handle import MapHandle
    from ..maps.struct_ops import StructOps

_HINTS = {
    errno.EEXIST: "one of that name is registered already",
    errno.EBUSY: "it is registered already",
    errno.EINVAL: (
        "the kernel refuses what is in it: a function that it needs is missing, or a setting is "
        "not one it takes (dmesg may say more)"
    ),
}


class StructOpsLink(Link):
    """A registered struct_ops; closing it unregisters it, unless the link is pinned.

    Without ``.struct_ops.link`` there is no link to ask about, to pin or to update; what is
    registered stays registered when this process ends without closing it.
    """

    def __init__(self, fd: FD, what: str, *, linked: bool) -> None:
        super().__init__(fd, what)
        self._linked = linked

    def fileno(self) -> int:
        """The link's descriptor; NotSupportedError for what is registered without a link."""
        number = super().fileno()
        if not self._linked:
            raise NotSupportedError(
                "links for this map", "", f'{self._what} is declared in SEC(".struct_ops"); use'
                ' SEC(".struct_ops.link") (6.4)',
            )  # fmt: skip
        return number

    def update_map(self, new: StructOps, *, expected: StructOps | None = None) -> None:
        """Register *new* in the place of what is registered now, without a gap (6.4).

        It must be of the same struct.  With *expected*, only if that is what is registered;
        PermissionError if not.  Raises :class:`OSError`.
        """
        link = self.fileno()
        if not new.linked:
            raise ValueError(
                f'map {new.name!r} cannot take part in a link: declare it in SEC(".struct_ops.link")'
            )
        new.write()
        link_update(
            link,
            new.fileno(),
            old_prog_fd=expected.fileno() if expected is not None else None,
            what=self._what,
        )

    def close(self) -> None:
        """Unregister it, unless the link is pinned.  Twice is harmless."""
        try:
            if not self._linked and not self._fd.closed:
                _delete(self._fd, self._what)
        finally:
            super().close()


def attach_struct_ops(operations: StructOps) -> StructOpsLink:
    """Register what is in a struct_ops map."""
    what = f"struct_ops map {operations.name!r}"
    number = operations.fileno()
    if operations.linked:
        operations.write()
        try:
            fd = link_create(number, attach_type=AttachType.STRUCT_OPS, what=what)
        except OSError as exc:
            raise _explained(exc, what) from None
        return StructOpsLink(FD(fd, what), what, linked=True)
    import fcntl

    # A descriptor of its own: the object's may be closed before this is.  It comes first, because
    # writing registers.
    own = FD(fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 3), what)
    try:
        operations.write()
    except BaseException:
        own.close()
        raise
    return StructOpsLink(own, what, linked=False)


def write_value(handle: MapHandle) -> None:
    """Write the value, if that was not done; a map of links keeps it for good."""
    from ...uapi import MapFlags
    from ..maps.struct_ops import StructOpsHandle

    what = f"struct_ops map {handle.name!r}"
    number = handle.fileno()  # says why a map is not there
    if not isinstance(handle, StructOpsHandle) or handle.value is None:
        raise ValueError(
            f"{what} (descriptor {number}) was not made by a loader: no value is known"
        )
    try:
        handle.elem(Cmd.MAP_UPDATE_ELEM, bytearray(4), handle.value)
    except OSError as exc:
        if exc.errno == errno.EBUSY and handle.flags & MapFlags.LINK:
            return
        raise _explained(exc, what) from None


def _delete(fd: FD, what: str) -> None:
    import struct

    from ..syscalls import bpf as door

    key = bytearray(4)
    attr = bytearray(struct.pack("=IxxxxQ", fd.fileno(), door.address(key)))
    with suppress(FileNotFoundError):  # somebody else unregistered it
        door.bpf(Cmd.MAP_DELETE_ELEM, attr, what=what)


def _explained(exc: OSError, what: str) -> OSError:
    hint = _HINTS.get(exc.errno or 0)
    return OSError(exc.errno, f"cannot register: {hint}", what) if hint else exc
