"""The verifier's log: taken whole, and read for the one sentence that matters.

In: the log's text, the program, what CO-RE made of it.  Out: :class:`VerifierError`.  The log has
no format that the kernel promises; what is read here is only shown, and the whole log is kept.
Forms of the log: with ``; source @ file.c:12`` since 6.11 or so, ``; source`` before, nothing
without line_info.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..btf.core_apply import POISON_HELPER
from ..spec import ProgramSpec
from .errors import VerifierError
from .relocate import POISON_MAP

if TYPE_CHECKING:
    from ..btf.core import Outcome

#: More maps than any object has.
_MAPS_LIMIT = 1_000_000
#: ``12: (61) r0 = *(u32 *)(r1 +0)``
_INSN = re.compile(r"^(\d+): \([0-9a-f]{2}\) ")
#: ``12: R1=ctx() R10=fp0``, ``R0_w=0 R10=fp0``, `` R0=inv(id=0)``, ``5: safe``, ``from 3 to 7: …``
_STATE = re.compile(
    r"^\s*(?:(?:\d+: )?(?:R\d+(?:_[a-z]+)*|fp-\d+(?:_[a-z]+)*|frame\d+:?)[=\s]*"
    r"(?:=|R\d)|\d+: safe\b|(?:from \d+ to )\d+:|last_idx |regs=|parent |mark_precise|propagating )"
)
_NOISE = re.compile(
    r"^(?:processed \d+ insns|verification time |stack depth |insns processed|func#\d+ @\d+"
    r"|Validating .+ func#\d+|Func#\d+ .*|-- BPF_EXIT|caller:|callee:|arg#\d+ reference type|"
    r"The maximum .+ been reached|max_states_per_insn|;|\s*$)"
)
#: ``; x = *p; @ file.c:12`` and ``; x = *p;``
_SOURCE = re.compile(r"^; (?P<text>.*?)(?: @ (?P<file>[^@]+):(?P<line>\d+))?$")

#: The verifier's words, and what to do about them; the first row that is found wins.
_HINTS: tuple[tuple[str, str], ...] = (
    (
        r"cannot call GPL-restricted function",
        'the helper is for GPL programs only: declare char LICENSE[] SEC("license") = "GPL"',
    ),
    (
        r"cannot call non-GPL|not GPL compatible|GPL compatible",
        'declare char LICENSE[] SEC("license") = "GPL"',
    ),
    (
        r"(?:program of this type cannot use|unknown func|invalid func|cannot use helper)",
        "this kernel does not have that helper, or not for this type of program",
    ),
    (r"calling kernel function .+ is not allowed", "this type of program may not call that kfunc"),
    (r"R0 !read_ok", "not every way through the program sets a return value"),
    (r"R\d+ !read_ok", "a register is read before it is set; is a variable not initialised?"),
    (r"_or_null'|or_null\b", "the pointer can be NULL: compare it with NULL before using it"),
    (
        r"invalid access to packet|offset is outside of the packet",
        "compare the end of what is read with data_end before reading the packet",
    ),
    (
        r"invalid access to map value|invalid access to map key|unbounded memory access"
        r"|min value is negative|max value is outside|variable stack access"
        r"|invalid variable-offset",
        "the index is not known to be in range: check it against its bounds first "
        "(both, if it has a sign), or mask it",
    ),
    (
        r"invalid bpf_context access",
        "this field of the context does not exist, or may not be read or written in this size "
        "by this type of program",
    ),
    (
        r"dereference of modified ctx ptr|modified ctx",
        "the context pointer was changed before it was used; read its fields directly",
    ),
    (
        r"invalid mem access '(?:scalar|inv)'",
        "this is a number and no pointer for the verifier; kernel memory is read with "
        "bpf_probe_read_kernel() or BPF_CORE_READ()",
    ),
    (
        r"write into map forbidden|cannot write into rdonly|read only|only read from",
        "what is written to is read-only for programs (a constant in .rodata?)",
    ),
    (
        r"combined stack size|stack depth|invalid (?:indirect )?(?:read|write|access) (?:from|to|of)?"
        r" ?stack|invalid stack",
        "the stack has 512 bytes for a program and all functions it is in: use a map for more, "
        "and set every byte before it is read",
    ),
    (
        r"infinite loop detected|back-edge|loop detected",
        "the verifier must see the loop's end: bound it by a constant, or use bpf_loop()",
    ),
    (
        r"BPF program is too large|sequence of \d+ jumps is too complex|too many states",
        "the program is too complex for this kernel: split it (tail calls, global functions)",
    ),
    (
        r"[Uu]nreleased reference|reference .*(?:has not been|not) (?:released|acquired)",
        "what was acquired (socket, ring buffer record, lock …) must be released on every way out",
    ),
    (r"unreachable insn", "some instructions are never reached: was the object put together well?"),
    (
        r"At program exit the register R0|R0 has (?:unknown|value|smin)",
        "the return value is not one this kind of program may have",
    ),
    (r"last insn is not an exit|jump out of range|no exit", "the program does not end in an exit"),
    (r"misaligned", "memory is read or written at a place that is no multiple of the size"),
    (
        r"attach_btf_id|not allowed|is not a function|doesn't have exactly|kernel btf_id",
        "the target of this program does not fit its type on this kernel",
    ),
    (
        r"verifier bug|kernel subsystem misconfigured",
        "this is a fault of the kernel's verifier itself: report it with the log",
    ),
)


@dataclass(slots=True, frozen=True)
class Reading:
    """What a log says: the complaint, at which instruction, at which line of C."""

    reason: str
    insn: int | None
    source: str


def read_log(log: str) -> Reading:
    """Find the complaint and its place in a verifier log; empty if there is nothing to find."""
    complaint: list[str] = []
    insn: int | None = None
    source = ""
    for line in log.splitlines():
        if match := _INSN.match(line):
            insn = int(match[1])
            complaint.clear()
        elif line.startswith("; ") and (place := _SOURCE.match(line)):
            text = place["text"].strip()
            source = f"{place['file']}:{place['line']}: {text}" if place["file"] else text
            complaint.clear()
        elif _STATE.match(line) or _NOISE.match(line):
            # A state line follows each instruction; what was said before it was no complaint.
            if _STATE.match(line):
                complaint.clear()
        else:
            complaint.append(line.strip())
    return Reading("; ".join(complaint[-4:]), insn, source)


def hint_for(reason: str) -> str:
    """What to do about a complaint; empty if that is not known."""
    for pattern, hint in _HINTS:
        if re.search(pattern, reason):
            return hint
    return ""


def rejection(
    error: OSError,
    log: str,
    program: ProgramSpec,
    outcomes: Sequence[Outcome] = (),
    source_of: Callable[[int], str] | None = None,
) -> VerifierError:
    """The exception for a program the verifier refused with *error* and *log*.

    *source_of* gives the C line of an instruction, for logs without.
    """
    reading = read_log(log)
    reason = reading.reason or f"refused ({error.strerror}) without a reason in the log"
    source = reading.source
    if reading.insn is not None and source_of is not None:
        # Where the log has the text alone, line_info has file and line, too.
        known = source_of(reading.insn)
        source = known if known and not _has_place(source) else source
    hint = hint_for(reason)
    poisoned = _poisoned(reading, outcomes)
    if poisoned is not None:
        reason = "CO-RE: this kernel does not have what the program reads here"
        hint = poisoned.describe()
    absent = _absent_map(reading, program)
    if absent is not None:
        reason = f"map {absent!r} is used here, but was not created"
        hint = (
            f"its autocreate is off: set spec.maps[{absent!r}].autocreate = True, or keep the "
            "verifier away from this line (a constant in .rodata that is 0 does)"
        )
    where = f"program {program.name!r} ({program.section})"
    if reading.insn is not None:
        where += f", instruction {reading.insn}"
    lines = [f"{source}: {reason}" if source else reason, f"  in {where}, refused by the verifier"]
    if hint:
        lines.append("  " + hint.strip().replace("\n", "\n  "))
    return VerifierError(
        error.errno or 0,
        "\n".join(lines),
        program=program.name,
        reason=reason,
        source=source,
        hint=hint,
        log=log,
    )


def _has_place(source: str) -> bool:
    return re.match(r"\S+:\d+: ", source) is not None


def _poisoned(reading: Reading, outcomes: Sequence[Outcome]) -> Outcome | None:
    """The CO-RE record behind a call of the helper that poisoned instructions call."""
    if str(POISON_HELPER) not in reading.reason:
        return None
    for outcome in outcomes:
        # Of a poisoned 16-byte load both halves are calls.
        if outcome.poisoned and reading.insn in (outcome.insn, outcome.insn + 1):
            return outcome
    return None


def _absent_map(reading: Reading, program: ProgramSpec) -> str | None:
    """The map whose load was poisoned because it was not created, if that is the complaint."""
    number = re.search(r"unknown#(\d+)", reading.reason)
    if number is None or not 0 <= int(number[1]) - POISON_MAP < _MAPS_LIMIT:
        return None
    for relocation in program.map_relocations:
        if reading.insn in (relocation.insn, relocation.insn + 1):
            return relocation.map
    return None
