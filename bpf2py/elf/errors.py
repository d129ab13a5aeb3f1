"""What the build side raises when an object cannot be read.

In: nothing.  Out: the one exception of this room, and what turns ``BTFError``, which knows a byte
and no file, into it.  Both are ``ValueError``s and say where the fault lies.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from ..btf.errors import BTFError


class ObjectError(ValueError):
    """An object file that cannot become an ``ObjectSpec``.

    The text names the file, the section or symbol, what is wrong with it, and what to do.
    """


@contextmanager
def damage_of(name: str) -> Iterator[None]:
    """A ``BTFError`` in here is an ``ObjectError`` about the type information in file *name*."""
    try:
        yield
    except BTFError as error:
        raise ObjectError(f"{name}: section '.BTF' or '.BTF.ext' is damaged: {error}") from error
