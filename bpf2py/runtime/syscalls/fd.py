"""Owning file descriptors.

In: a descriptor the kernel just gave.  Out: an object that closes it exactly once.  Whoever gets
an :class:`FD` owns it; whoever only uses it takes ``fd.fileno()`` for the length of a call.
"""

from __future__ import annotations

import fcntl
import os
import warnings

from ...light import NoReturn, Protocol
from ..errors import ClosedError
from ..owner import Owner


class HasFileno(Protocol):
    """Anything with a descriptor: a map, a program, a socket, an open file."""

    def fileno(self) -> int: ...


class FD(Owner):
    """Owns a file descriptor: close it, leave a ``with``, or be warned at collection.

    *what* names the object behind it in the warning and in the error after closing.
    """

    __slots__ = ("_fd", "what")

    _fd: int
    what: str

    def __init__(self, fd: int, what: str = "bpf object") -> None:
        if 0 <= fd <= 2:
            # A process without standard streams gets these: BPF takes descriptor 0 for "none", and
            # what is printed would go into the others.
            low, fd = fd, fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, 3)
            os.close(low)
        self._fd = fd
        self.what = what

    def fileno(self) -> int:
        """The descriptor's number; ClosedError when it is closed."""
        if self._fd < 0:
            raise ClosedError(f"{self.what} is closed")
        return self._fd

    @property
    def closed(self) -> bool:
        """Whether the descriptor was closed or given away."""
        return self._fd < 0

    def close(self) -> None:
        """Give the descriptor back to the kernel; a second call does nothing."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)

    def detach(self) -> int:
        """Hand the descriptor over: the caller owns it from here on."""
        fd = self.fileno()
        self._fd = -1
        return fd

    def duplicate(self) -> FD:
        """A second descriptor of the same kernel object, owned separately, closed on exec."""
        return FD(fcntl.fcntl(self.fileno(), fcntl.F_DUPFD_CLOEXEC, 0), self.what)

    def __reduce__(self) -> NoReturn:
        raise TypeError(f"{self.what} owns a file descriptor: it cannot be copied or pickled")

    def __repr__(self) -> str:
        state = "closed" if self._fd < 0 else f"fd {self._fd}"
        return f"<FD of {self.what}, {state}>"

    def __del__(self) -> None:
        if getattr(self, "_fd", -1) >= 0:
            warnings.warn(
                f"unclosed {self.what} (file descriptor {self._fd})",
                ResourceWarning,
                stacklevel=2,
                source=self,
            )
            self.close()
