"""Socket filters: on one socket (setsockopt, no link)."""

from __future__ import annotations

from ...light import TYPE_CHECKING
from .base import Program

if TYPE_CHECKING:
    from socket import socket
    from typing import ClassVar

    from ..links.socket_filter import SocketFilterLink


class SocketFilter(Program):
    """A program of ``SEC("socket")``."""

    kind: ClassVar[str] = "socket filter"

    def attach(self, socket: socket | int) -> SocketFilterLink:
        """Let the program decide how much of each packet *socket* receives (3.19).

        *socket* is a socket object or its descriptor; it stays the caller's.  Closing what is
        returned takes the filter off.  Raises :class:`OSError`.
        """
        from ..links.socket_filter import attach_socket_filter

        return attach_socket_filter(self, socket)
