"""What every link can do: come off, stay, change its program.

In: a descriptor the kernel gave.  Out: an owner for it.  A link goes with its descriptor, unless
it is pinned.
"""

from __future__ import annotations

import os

from ...light import TYPE_CHECKING, NoReturn
from ..errors import ClosedError
from ..owner import Owner
from ..syscalls.fd import FD

if TYPE_CHECKING:
    from ..programs.base import Program
    from ..syscalls.obj import LinkInfo


class Link(Owner):
    """A program attached to a hook; close it, or leave a ``with``, and the program comes off.

    A forgotten one warns, because collecting it would detach the program at a random moment.
    """

    def __init__(self, fd: FD, what: str) -> None:
        self._fd = fd
        self._what = what
        fd.what = what

    @classmethod
    def open_pinned(cls, path: str | os.PathLike[str]) -> Link:
        """Open the link pinned at *path* (5.7); closing it leaves the pin and the program alone."""
        from ..syscalls.obj import get

        return Link(get(path, "link"), f"link pinned at {os.fspath(path)!r}")

    @classmethod
    def open_id(cls, number: int) -> Link:
        """Open the link with that id, anywhere in the system (5.8)."""
        from ..syscalls.obj import link_by_id

        return Link(link_by_id(number), f"link with id {number}")

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._fd.closed

    def fileno(self) -> int:
        """The descriptor, still owned by this object; :class:`ClosedError` after closing."""
        if self._fd.closed:
            raise ClosedError(f"{self._what} is closed")
        return self._fd.fileno()

    def info(self) -> LinkInfo:
        """What the kernel says about it (5.8)."""
        from ..syscalls.obj import link_info

        return link_info(self.fileno(), what=self._what)

    def pin(self, path: str | os.PathLike[str]) -> None:
        """Keep the program attached under *path* on a bpf file system, whoever exits (5.7)."""
        from ..syscalls.obj import pin

        pin(self.fileno(), path, what=self._what)

    def update(self, program: Program, *, expected: Program | None = None) -> None:
        """Put *program* on the hook instead, without a gap (5.7, where the kind allows it).

        With *expected*, only if that is the program now attached; :class:`PermissionError` if not.
        Raises :class:`OSError` (EINVAL) for kinds of links that cannot change their program.
        """
        from ..syscalls.link import link_update

        link_update(
            self.fileno(),
            program.fileno(),
            old_prog_fd=expected.fileno() if expected is not None else None,
            what=self._what,
        )

    def detach(self) -> None:
        """Take the program off the hook now, though pins or others hold the link (5.9).

        The link stays open, attached to nothing.  Raises :class:`OSError` (EOPNOTSUPP) for kinds
        that cannot.
        """
        from ..syscalls.link import link_detach

        link_detach(self.fileno(), what=self._what)

    def close(self) -> None:
        """Give up the link: the program comes off unless the link is pinned.  Twice is harmless."""
        self._fd.close()

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self._what} owns a file descriptor: it cannot be copied or pickled")

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {self._what}{', closed' if self.closed else ''}>"
