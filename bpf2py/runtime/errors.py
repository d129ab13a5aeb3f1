"""The runtime's own exceptions: only where there is more to tell than an ``OSError`` can.

A refused system call is a plain :class:`OSError` of the right subclass; see ``syscalls``.  The
classes here have no common root, on purpose: code that catches ``OSError`` must not swallow
"this kernel cannot do that".
"""

from __future__ import annotations


class NotSupportedError(RuntimeError):
    """This kernel does not have *feature*; *since* is the first release that has it."""

    def __init__(self, feature: str, since: str = "", hint: str = "") -> None:
        text = f"this kernel does not support {feature}"
        if since:
            text += f" (Linux {since} and newer do, if built with it)"
        if hint:
            text += f": {hint}"
        super().__init__(text)
        self.feature = feature
        self.since = since


class ClosedError(ValueError):
    """Something was used after it was closed: like a closed file, a :class:`ValueError`."""


class VerifierError(OSError):
    """The kernel's verifier refused a program.

    ``str()`` is the short reason: the C line where the log has one, the verifier's complaint, the
    program, and what to do where that is known.  ``log`` is the whole log as the kernel wrote it,
    ``program`` the program's name, ``reason`` the complaint alone, ``source`` the C line
    (``file.c:12: x = *p;``), empty if the log has none.
    """

    program: str
    reason: str
    source: str
    hint: str
    log: str

    def __init__(
        self,
        code: int,
        text: str,
        *,
        program: str = "",
        reason: str = "",
        source: str = "",
        hint: str = "",
        log: str = "",
    ) -> None:
        super().__init__(code, text)
        self.text = text
        self.program = program
        self.reason = reason
        self.source = source
        self.hint = hint
        self.log = log

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[object, ...]:
        state = {
            name: getattr(self, name) for name in ("program", "reason", "source", "hint", "log")
        }
        return (_rebuild, (self.errno, self.text, state))


def _rebuild(code: int, text: str, state: dict[str, str]) -> VerifierError:
    return VerifierError(code, text, **state)
