"""The one error of this room."""

from __future__ import annotations


class CodegenError(ValueError):
    """Something in the object cannot be said in Python, or an option names what is not there.

    The message begins with the C path: ``struct event.flags: …``.
    """
