"""Socket filters: setsockopt(SO_ATTACH_BPF), for which the kernel has no link (3.19)."""

from __future__ import annotations

import os
import socket as sockets

from ...light import TYPE_CHECKING
from ..owner import Owner

if TYPE_CHECKING:
    from ..programs.base import Program

# <asm-generic/socket.h>; parisc and sparc have numbers of their own.
_SO_DETACH_FILTER = {"parisc": 0x401B, "sparc": 0x1B}
_SO_ATTACH_BPF = {"parisc": 0x402B, "sparc": 0x34}


def _option(table: dict[str, int], usual: int) -> int:
    return table.get(os.uname().machine.removesuffix("64"), usual)


class SocketFilterLink(Owner):
    """A filter on a socket: closing it takes the filter off, forgetting it leaves it on.

    It borrows the socket and does nothing to it once it was closed.
    """

    def __init__(self, socket: sockets.socket | int, what: str) -> None:
        self._socket: sockets.socket | int | None = socket
        self._what = what
        self._identity = self._who(socket)

    @staticmethod
    def _who(socket: sockets.socket | int) -> tuple[int, int] | None:
        """Which socket that is: a closed descriptor's number may belong to another one by now."""
        fd = socket if isinstance(socket, int) else socket.fileno()
        try:
            stat = os.fstat(fd)
        except OSError:
            return None
        return stat.st_dev, stat.st_ino

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._socket is None

    def close(self) -> None:
        """Take the filter off; a second call, or one after the socket was closed, does nothing."""
        socket, self._socket = self._socket, None
        if socket is None or self._who(socket) != self._identity:
            return
        _set_option(socket, _option(_SO_DETACH_FILTER, 27), 0, self._what)

    def __repr__(self) -> str:
        return f"<SocketFilterLink: {self._what}{', closed' if self.closed else ''}>"


def attach_socket_filter(program: Program, socket: sockets.socket | int) -> SocketFilterLink:
    """SO_ATTACH_BPF; a filter that was there before is replaced."""
    fd = socket if isinstance(socket, int) else socket.fileno()
    what = f"{program.kind} {program.name!r} on socket {fd}"
    _set_option(socket, _option(_SO_ATTACH_BPF, 50), program.fileno(), what)
    return SocketFilterLink(socket, what)


def _set_option(socket: sockets.socket | int, option: int, value: int, what: str) -> None:
    try:
        if isinstance(socket, int):
            # A socket object over the number, for the call only: it must not close what it borrows.
            borrowed = sockets.socket(fileno=socket)
            try:
                borrowed.setsockopt(sockets.SOL_SOCKET, option, value)
            finally:
                borrowed.detach()
        else:
            socket.setsockopt(sockets.SOL_SOCKET, option, value)
    except OSError as exc:
        raise OSError(exc.errno, f"setsockopt: {exc.strerror}", what) from None
