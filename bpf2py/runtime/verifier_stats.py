"""What the verifier counted while it accepted a program, and how much of its log to ask for.

In: a log with statistics, or with instructions.  Out: :class:`VerifierStats`, or how much of the
work which line of C made.  Not here: logs of refused programs
(verifier.py).
"""

from __future__ import annotations

import enum
from typing import Final, NamedTuple


class LogLevel(enum.IntEnum):
    """``log_level`` of a program or of ``load()``; those above 0 can be combined with ``|``."""

    #: No log even if the program is refused: the ``OSError`` alone, for programs that are tried.
    OFF = -1
    #: A log only if the program is refused.
    DEFAULT = 0
    #: States where paths branch.
    BRANCHES = 1
    #: States at each instruction.
    INSTRUCTIONS = 2
    #: What was counted, and nothing else (5.2).
    STATS = 4


class VerifierStats(NamedTuple):
    """The numbers at the end of a log (5.2); 0 for what this kernel does not say."""

    #: How many instructions were looked at, one as often as paths lead there, and how many may be.
    processed: int
    limit: int
    #: States that were kept: the most at one instruction, all of them, the most at a time.
    max_states_per_insn: int
    total_states: int
    peak_states: int
    #: Microseconds that verification took.
    time_us: int
    #: Bytes of stack of the program, then of each function in it.
    stack_depth: tuple[int, ...]


_NOTHING: Final = ["", "", "0"]


def read_stats(log: str) -> VerifierStats | None:
    """The statistics in *log*, None if it has none.

    Each number follows its name; what has other names is passed over.
    """
    lines = {words[0]: words for line in log.splitlines() if len(words := line.split()) > 2}
    if "processed" not in lines:
        return None
    words = lines["processed"]
    depths = lines.get("stack", _NOTHING)[2].split("+")
    return VerifierStats(
        processed=_behind(words, "processed"),
        limit=_behind(words, "(limit"),
        max_states_per_insn=_behind(words, "max_states_per_insn"),
        total_states=_behind(words, "total_states"),
        peak_states=_behind(words, "peak_states"),
        time_us=_number(lines.get("verification", _NOTHING)[2]),
        stack_depth=tuple(_number(depth) for depth in depths),
    )


def count_lines(log: str) -> dict[str, int]:
    """Line of C (``file.c:12: x = *p;``) to how many instructions were looked at there, most first.

    For programs that are too complex: *log* is that of level INSTRUCTIONS, or of a ``VerifierError``
    (then only of the first paths).  Before 6.11 the log has the text alone.
    """
    counts: dict[str, int] = {}
    source = ""
    for line in log.splitlines():
        if line.startswith("; "):
            text, at, place = line[2:].rpartition(" @ ")
            source = f"{place}: {text}" if at else line[2:]
            continue
        number, colon, rest = line.partition(":")
        if source and colon and number.isdecimal() and rest.startswith(" ("):
            counts[source] = counts.get(source, 0) + 1
    return dict(sorted(counts.items(), key=lambda row: -row[1]))


def _behind(words: list[str], name: str) -> int:
    return _number(words[words.index(name) + 1]) if name in words[:-1] else 0


def _number(word: str) -> int:
    digits = word.rstrip("),")
    return int(digits) if digits.isdecimal() else 0
