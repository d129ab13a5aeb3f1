"""The runtime's own exceptions: only where there is more to tell than an ``OSError`` can.

A refused system call is a plain :class:`OSError` of the right subclass; see ``syscalls``.  The
classes here have no common root, on purpose: code that catches ``OSError`` must not swallow
"this kernel cannot do that".
"""

from __future__ import annotations

from ..light import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from .verifier_report import VerifierReport


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


class InconclusiveError(RuntimeError):
    """It could not be told whether the kernel can do *what*: neither yes nor no."""

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: could not tell: {why}")
        self.what = what
        self.why = why


class ClosedError(ValueError):
    """Something was used after it was closed: like a closed file, a :class:`ValueError`."""


class VerifierError(OSError):
    """The kernel's verifier refused a program.

    ``str()`` begins with the C line, where the log has one, and the verifier's complaint; then the
    program and instruction, what is known of the registers involved, what is likely behind it and
    what to do.  The parts of it:
    """

    #: The program's name.
    program: str
    #: A stable name for what is wrong, such as ``null-pointer`` or ``too-complex``, from the table
    #: in ``verifier_advice.py``; empty for a complaint that is not in it.
    kind: str
    #: The complaint alone, in the kernel's words.
    reason: str
    #: The line of C (``file.c:12: x = *p;``), empty if neither log nor object has it.
    source: str
    #: What is likely behind it, and what to do, for people; empty where that is not known.
    cause: str
    hint: str
    #: The number of the instruction and its text, as the kernel counts and prints them.
    insn: int | None
    instruction: str
    #: What the verifier knew of registers and stack slots before it, in the kernel's words:
    #: ``{"R0": "map_value_or_null(id=1,map=counts,ks=4,vs=8)", "fp-8": "mmmmmmmm"}``.
    registers: Mapping[str, str]
    #: The kernel's own explanation, from 7.3 on.
    report: VerifierReport | None
    #: How many instructions the verifier went through.
    processed: int | None
    #: The whole log, as the kernel wrote it.
    log: str

    def __init__(
        self,
        code: int,
        text: str,
        *,
        program: str = "",
        kind: str = "",
        reason: str = "",
        source: str = "",
        cause: str = "",
        hint: str = "",
        insn: int | None = None,
        instruction: str = "",
        registers: Mapping[str, str] | None = None,
        report: VerifierReport | None = None,
        processed: int | None = None,
        log: str = "",
    ) -> None:
        super().__init__(code, text)
        self.text = text
        self.program = program
        self.kind = kind
        self.reason = reason
        self.source = source
        self.cause = cause
        self.hint = hint
        self.insn = insn
        self.instruction = instruction
        self.registers = registers or {}
        self.report = report
        self.processed = processed
        self.log = log

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> tuple[object, ...]:
        state = {name: value for name, value in vars(self).items() if name != "text"}
        return (_rebuild, (self.errno, self.text, state))


def _rebuild(code: int, text: str, state: dict[str, Any]) -> VerifierError:
    return VerifierError(code, text, **state)
