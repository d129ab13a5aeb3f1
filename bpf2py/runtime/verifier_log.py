"""A verifier log, read: the complaint, where it was, what the registers held.

In: the log's text, as the kernel wrote it.  Out: a :class:`Reading`.  The log has no format that
the kernel promises, so every rule tolerates lines it does not know, and what is read here is only
shown; the whole log is kept beside it.  Forms of the log, by kernel:

=====  ===========================================================================
4.x    the state of all registers on a line of its own after a branch: `` R0=inv R10=fp``
5.x    the same with a number before it, ``; source`` lines from line_info
5.18   what an instruction changed behind it, after a semicolon
6.11   ``; source @ file.c:12``
7.3    a report after the complaint (``verifier_report.py``)
=====  ===========================================================================
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from .verifier_report import VerifierReport, split_report

#: ``12: (61) r0 = *(u32 *)(r1 +0)       ; R0_w=scalar()``; behind a jump that is taken, the state at
#: its target: ``9: (56) if w0 != 0x0 goto pc+3 13: R0=1 R10=fp0``
_INSN = re.compile(r"^(\d+): \([0-9a-f]{2}\) (.*?)(?:\s*; (.*)|\s+\d+: ((?:frame\d+: )?R\d.*))?$")
#: ``12: R1=ctx() R10=fp0``, ``R0_w=0 R10=fp0``, `` R0=inv(id=0)``, ``frame1: R0=0``,
#: ``from 3 to 7 (speculative execution): R0=0``
_STATE = re.compile(
    r"^\s*(?:from \d+ to \d+[^:]*:\s*)?(?:\d+: )?(?:frame\d+:? ?)?(?:R\d+|fp-\d+)(?:_[a-z]+)*="
)
#: What stands beside states and is no complaint either.
_AROUND = re.compile(
    r"^\s*(?:\d+: (?:safe\b|$)|from \d+ to \d+[^:]*:|last_idx |regs=|parent |mark_precise"
    r"|propagating |frame\d+: regs=)"
)
_NOISE = re.compile(
    r"^(?:processed \d+ insns|verification time |stack depth |insns processed|func#\d+ @\d+"
    r"|Validating .+ func#\d+|Func#\d+ .*|-- BPF_EXIT|caller:|callee:|returning from callee:"
    r"|to caller at \d+:|arg#\d+ reference type|The maximum .+ been reached|max_states_per_insn"
    r"|Live regs before insn:|cur state:|old state:|Unrecognized arg#\d+ type|;|\s*$)"
)
#: ``; x = *p; @ file.c:12`` and ``; x = *p;``
_SOURCE = re.compile(r"^; (?P<text>.*?)(?: @ (?P<file>[^@]+):(?P<line>\d+))?$")
#: The beginning of a register or stack slot: ``R1_w=``, ``fp-8=``
_SLOT = re.compile(r"(?:^|(?<=\s))(R\d+|fp-\d+)(?:_[a-zA-Z]+)*=")
#: What a helper or kfunc leaves undefined: the arguments.
_CLOBBERED = ("R1", "R2", "R3", "R4", "R5")
_GLUED = re.compile(r"processed \d+ insns \(limit .*")
#: ``R6 invalid mem access 'scalar'``
_NOW = re.compile(r"\b(R\d+) invalid mem access '(\w+)'")
_PROCESSED = re.compile(r"^processed (\d+) insns", re.MULTILINE)
#: Registers that an instruction or complaint speaks of.
_MENTIONED = re.compile(r"\b[rRw](\d+)(?:_[a-z]+)*\b")
#: How numbers look in a state: ``scalar(…)``, ``inv5``, ``0xff``, ``P0``, ``-1``
_NUMBER = re.compile(r"P?(?:scalar|inv|-?\d|0x)")
#: A log has up to 16 MiB; what led to the refusal stands at its end.
_TAIL = 1 << 20


@dataclass(slots=True, frozen=True)
class Reading:
    """What a log says: the complaint, at which instruction, at which line of C."""

    reason: str
    insn: int | None
    #: ``file.c:12: x = *p;``, or the text alone; empty if the log has none.
    source: str
    #: The instruction as the kernel prints it: ``r1 = *(u64 *)(r0 +0)``.
    instruction: str = ""
    #: What is known of registers and stack slots before it: ``{"R0": "map_value_or_null(…)"}``.
    registers: Mapping[str, str] = field(default_factory=dict)
    report: VerifierReport | None = None
    #: How many instructions the verifier looked at.
    processed: int | None = None

    @property
    def mentioned(self) -> dict[str, str]:
        """The registers that the instruction or the complaint speaks of."""
        names = {f"R{n}" for n in _MENTIONED.findall(f"{self.instruction} {self.reason}")}
        return {name: value for name, value in self.registers.items() if name in names}


def read_log(log: str) -> Reading:
    """Find the complaint and its place in a verifier log; empty if there is nothing to find."""
    head, report = split_report(log)
    processed = _PROCESSED.findall(log)
    complaint: list[str] = []
    insn: int | None = None
    instruction = source = ""
    registers: dict[str, str] = {}
    for line in head[-_TAIL:].splitlines():
        if match := _INSN.match(line):
            insn, instruction = int(match[1]), match[2].strip()
            complaint.clear()
            if match[3] is not None:
                # The state behind an instruction is that after it: this one was taken.
                _take(registers, instruction, match[3])
            elif match[4] is not None:
                registers = _slots(match[4])
        elif line.startswith("; ") and (place := _SOURCE.match(line)):
            text = place["text"].strip()
            source = f"{place['file']}:{place['line']}: {text}" if place["file"] else text
            complaint.clear()
        elif _STATE.match(line):
            # A state line follows each instruction; what was said before it was no complaint.
            complaint.clear()
            registers = _slots(line)
        elif _AROUND.match(line):
            complaint.clear()
        elif not _NOISE.match(line):
            # Some complaints end without a line feed.
            complaint.append(_GLUED.sub("", line).strip())
    _outdate(registers, complaint)
    reason = "; ".join(complaint[-4:])
    if report is not None:
        reason = reason or report.problem
        insn = report.insn if report.insn is not None else insn
        source = report.source or source
    return Reading(
        reason,
        insn,
        source,
        instruction,
        registers,
        report,
        int(processed[-1]) if processed else None,
    )


def _take(registers: dict[str, str], instruction: str, comment: str) -> None:
    """What an instruction changed; a call leaves nothing in the registers of its arguments."""
    if instruction.startswith("call "):
        for name in _CLOBBERED:
            registers.pop(name, None)
    registers.update(_slots(comment))


def _outdate(registers: dict[str, str], complaint: list[str]) -> None:
    """What the complaint itself says of a register, where the log says nothing (before 5.18), or
    something old: what a call did to other pointers (a release, a change of the packet) is not in
    it."""
    for line in complaint:
        for name, now in _NOW.findall(line):
            was = registers.setdefault(name, now)
            if now in ("scalar", "inv") and not _NUMBER.match(was):
                registers[name] = f"{now} (was {was})"


def _slots(state: str) -> dict[str, str]:
    """``R1=ctx() R2_w=scalar(var_off=(0x0; 0xff)) fp-8=0`` as names and values."""
    marks = list(_SLOT.finditer(state))
    ends = [*(mark.start() for mark in marks[1:]), len(state)]
    return {
        mark[1]: _value(state[mark.end() : end]) for mark, end in zip(marks, ends, strict=False)
    }


def _value(text: str) -> str:
    """The first word of *text*; blanks in parentheses belong to it."""
    depth = 0
    for place, char in enumerate(text):
        depth += (char == "(") - (char == ")")
        if char == " " and depth <= 0:
            return text[:place]
    return text
