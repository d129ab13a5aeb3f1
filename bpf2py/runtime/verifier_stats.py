"""What the verifier counted while it accepted a program, and how much of its log to ask for.

In: a log with statistics.  Out: :class:`VerifierStats`.  Not here: logs of refused programs
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


def _behind(words: list[str], name: str) -> int:
    return _number(words[words.index(name) + 1]) if name in words[:-1] else 0


def _number(word: str) -> int:
    digits = word.rstrip("),")
    return int(digits) if digits.isdecimal() else 0
