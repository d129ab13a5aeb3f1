"""Which BPF token the system calls of this thread pass on: BPF_F_TOKEN_FD (6.9).

In: the descriptor of a token, for as long as it is to be used.  Out: the same, for the calls that
take one: MAP_CREATE, PROG_LOAD, BTF_LOAD, BTF_GET_FD_BY_ID.  It is not handed down by argument
because whoever is allowed to load only by a token may probe only by it, and probes are asked from
everywhere.  Not here: where tokens come from (``runtime/token.py``).
"""

from __future__ import annotations

from _thread import _local  # what threading.local is
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

#: BPF_F_TOKEN_FD, the same bit in the flags of every command.
FLAG: Final = 1 << 16


class _Here(_local):
    fd = 0


_here = _Here()


def current() -> int:
    """The token's descriptor; 0 where none is used."""
    return _here.fd


@contextmanager
def passing(fd: int) -> Iterator[None]:
    """Use the token behind *fd* in this thread until the ``with`` ends; 0 uses none."""
    before, _here.fd = _here.fd, fd
    try:
        yield
    finally:
        _here.fd = before
