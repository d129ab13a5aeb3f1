"""The one error of this room."""

from __future__ import annotations


class CodegenError(ValueError):
    """Something in the object cannot be said in Python, or an option names what is not there.

    The message begins with the C path: ``struct event.flags: …``.  ``hint`` says what to do about
    it, if that is known.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint
