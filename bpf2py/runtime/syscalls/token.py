"""Which BPF token the system calls of this thread pass on: BPF_F_TOKEN_FD (6.9).

In: the descriptor of a token, for as long as it is to be used.  Out: the same, for the calls that
take one: MAP_CREATE, PROG_LOAD, BTF_LOAD, BTF_GET_FD_BY_ID.  It is not handed down by argument
because whoever is allowed to load only by a token may probe only by it, and probes are asked from
everywhere.  Not here: where tokens come from (``runtime/token.py``).
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

#: BPF_F_TOKEN_FD, the same bit in the flags of every command.
FLAG: Final = 1 << 16


_current = ContextVar("BPF token", default=0)


def current() -> int:
    """The token's descriptor; 0 where none is used."""
    return _current.get()


@contextmanager
def passing(fd: int) -> Generator[None, None, None]:
    """Use the token behind *fd* in this thread or task until the ``with`` ends; 0 uses none."""
    before = _current.set(fd)
    try:
        yield
    finally:
        _current.reset(before)
