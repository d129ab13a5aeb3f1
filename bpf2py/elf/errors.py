"""What the build side raises when an object cannot be read.

In: nothing.  Out: the one exception of this room.  ``BTFError``, for the type information inside
the object, is its sibling in ``bpf2py.btf``; both are ``ValueError``s and say where the fault lies.
"""

from __future__ import annotations


class ObjectError(ValueError):
    """An object file that cannot become an ``ObjectSpec``.

    The text names the file, the section or symbol, what is wrong with it, and what to do.
    """
