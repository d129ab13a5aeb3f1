"""What goes wrong with a CO-RE fix-up: the record cannot be honoured at all.

A kernel without the member or type is no error: that instruction is poisoned and the verifier
decides whether it is reached.  An error is what no kernel could answer: a record that contradicts
its own BTF, candidates that disagree, an instruction of a shape CO-RE does not know.
"""

from __future__ import annotations


class RelocationError(RuntimeError):
    """A CO-RE fix-up that cannot be computed or applied.

    ``program`` is the program's name, ``insn`` the instruction's number in it, ``what`` what the
    record is about (``offset of struct task_struct.pid``), ``source`` the C line, empty if the
    object has none, ``reason`` the sentence that says what is wrong.
    """

    def __init__(
        self, reason: str, *, program: str = "", insn: int = 0, what: str = "", source: str = ""
    ) -> None:
        text = f"program {program!r}, instruction {insn}: " if program else ""
        text += f"CO-RE {what}: {reason}" if what else reason
        if source:
            text += f"\n  at {source}"
        super().__init__(text)
        self.reason = reason
        self.program = program
        self.insn = insn
        self.what = what
        self.source = source


class Unanswerable(Exception):
    """Inside the engine: the reason of a RelocationError before its program and place are known."""
