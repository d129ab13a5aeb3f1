"""From a refused program to the exception: which program, which line of C, why, what to do.

In: the kernel's error, its log, the program, what CO-RE made of it.  Out: :class:`VerifierError`.
How logs are read is in ``verifier_log.py`` and ``verifier_report.py``, what their words mean in
``verifier_advice.py``.
"""

from __future__ import annotations

import re

from ..btf.core_apply import POISON_HELPER
from ..light import TYPE_CHECKING, Callable, Sequence
from ..spec import ProgramSpec
from .errors import VerifierError
from .relocate import MISSING_FUNCTION, POISON_MAP
from .verifier_advice import advice_for
from .verifier_log import Reading, read_log

if TYPE_CHECKING:
    from ..btf.core import Outcome

#: More maps than any object has.
_MAPS_LIMIT = 1_000_000


#: ``Unreleased reference id=2 alloc_insn=9``
_ACQUIRED = re.compile(r"alloc_insn=(\d+)")


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
    advice = advice_for("; ".join((reason, *reading.mentioned.values())))
    kind, cause, hint = (advice.kind, advice.cause, advice.help) if advice else ("", "", "")
    if reading.report is not None:
        # The kernel knows better: it has seen the way there.
        cause = reading.report.reason or cause
        hint = reading.report.suggestion or hint
    poisoned = _poisoned(reading, outcomes)
    if poisoned is not None:
        kind, cause = "core-relocation", ""
        reason = "CO-RE: this kernel does not have what the program reads here"
        hint = poisoned.describe()
    absent = _absent_map(reading, program)
    if absent is not None:
        kind, cause = "map-not-created", f"its autocreate is off in the spec of map {absent!r}"
        reason = f"map {absent!r} is used here, but was not created"
        hint = (
            f"set spec.maps[{absent!r}].autocreate = True, or keep the verifier away from this line: "
            "it does not look at code behind a constant of .rodata that is 0"
        )
    missing = _missing_function(reading, program)
    if missing:
        kind, cause = "missing-function", ""
        reason = f"kernel function {missing!r} is called, which this kernel does not have"
        hint = f"ask bpf_ksym_exists({missing}) before calling it"
    if (acquired := _ACQUIRED.search(reason)) and source_of is not None:
        line = source_of(int(acquired[1]))
        cause += f"\nacquired at {line}" if line else ""
    return VerifierError(
        error.errno or 0,
        _text(program, reading, reason=reason, source=source, cause=cause, hint=hint),
        program=program.name,
        kind=kind,
        reason=reason,
        source=source,
        cause=cause,
        hint=hint,
        insn=reading.insn,
        instruction=reading.instruction,
        registers=dict(reading.registers),
        report=reading.report,
        processed=reading.processed,
        log=log,
    )


def _text(
    program: ProgramSpec, reading: Reading, *, reason: str, source: str, cause: str, hint: str
) -> str:
    """What ``str()`` of the error says: the C line and the complaint first."""
    where = f"program {program.name!r} ({program.section})"
    if reading.insn is not None:
        where += f", instruction {reading.insn}"
        where += f": {reading.instruction}" if reading.instruction else ""
    lines = [f"{source}: {reason}" if source else reason, f"  refused by the verifier in {where}"]
    if mentioned := reading.mentioned:
        lines.append("  with " + ", ".join(f"{name}={text}" for name, text in mentioned.items()))
    if cause:
        lines.append(_indented(f"likely: {cause}"))
    if hint:
        lines.append(_indented(f"help: {hint}" if cause else hint))
    return "\n".join(lines)


def _indented(text: str) -> str:
    return "  " + text.strip().replace("\n", "\n  ")


def _has_place(source: str) -> bool:
    return re.match(r"\S+:\d+: ", source) is not None


def _missing_function(reading: Reading, program: ProgramSpec) -> str:
    """The weak kernel function behind a call that stands for one that is not there."""
    found = re.search(r"unknown#(\d+)", reading.reason)
    if found is None or int(found[1]) // 1_000_000 != MISSING_FUNCTION // 1_000_000:
        return ""
    calls = {relocation.insn: relocation.extern for relocation in program.extern_relocations}
    return calls.get(-1 if reading.insn is None else reading.insn, "")


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
