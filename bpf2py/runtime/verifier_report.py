"""The report that kernels from 7.3 on write below the verifier's complaint (ce7c9f6c599b).

In: a log.  Out: a :class:`VerifierReport`.  Its sections, each a title at the left edge with
indented text below it: the kernel may add others, and leave any out.

::

    Verification failed: <category>: <problem>

    Reason:
      <text>

    At:
      <function> @ <file>:<line>:<column>     or     insn <number>
      Source context:
      >>> 12 | <text>
               ^-- error: <text>
      Instruction context:
      >>> 7 | (79) r1 = *(u64 *)(r0 +0)

    Causal path:
      <the same form, for each step>

    Suggestion:
      <text>
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_HEADER = "Verification failed: "
_TITLE = re.compile(r"^(\S[^:]*):$")
_PLACE = re.compile(r"^\s*(?:\S+ @ )?(\S+):(\d+):\d+$")
_INSN = re.compile(r"^\s*insn (\d+)$")
_FOCUS = re.compile(r"^\s*>>>\s*(\d+) \| (.*)$")
#: What follows the report, at the left edge.
_END = re.compile(r"^(?:processed \d+ insns|verification time |stack depth |insns processed)")


@dataclass(slots=True, frozen=True)
class VerifierReport:
    """The kernel's own explanation of a refusal (7.3); texts are empty where it has none."""

    #: ``Register Type Safety``, ``Bounds Safety``, ``Resource Lifetime Safety``, ``Policy``, …
    category: str
    problem: str
    #: Why, and what to do, each as one line.
    reason: str
    suggestion: str
    #: How the program got there, as the kernel laid it out.
    path: str
    #: ``file.c:12: x = *p;``
    source: str
    insn: int | None


def split_report(log: str) -> tuple[str, VerifierReport | None]:
    """The log before its last report, and the report, if there is one."""
    head, found, tail = log.rpartition(f"\n{_HEADER}")
    if not found:
        if not log.startswith(_HEADER):
            return log, None
        head, tail = "", log.removeprefix(_HEADER)
    first, _, rest = tail.partition("\n")
    category, _, problem = first.partition(": ")
    sections: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in rest.splitlines():
        if _END.match(line):
            break
        if title := _TITLE.match(line):
            lines = sections.setdefault(title[1], [])
        else:
            lines.append(line)
    source, insn = _place(sections.get("At", []))
    return head, VerifierReport(
        category=category.strip(),
        problem=problem.strip(),
        reason=_flow(sections.get("Reason", [])),
        suggestion=_flow(sections.get("Suggestion", [])),
        path="\n".join(sections.get("Causal path", [])).strip("\n"),
        source=source,
        insn=insn,
    )


def _flow(lines: list[str]) -> str:
    return " ".join(stripped for line in lines if (stripped := line.strip()))


def _place(lines: list[str]) -> tuple[str, int | None]:
    """The C line, and the instruction, that the report points at."""
    where = text = ""
    insn: int | None = None
    block = ""
    for line in lines:
        if place := _PLACE.match(line):
            where = f"{place[1].rpartition('/')[2]}:{place[2]}"
        elif number := _INSN.match(line):
            insn = int(number[1])
        elif line.strip() in ("Source context:", "Instruction context:"):
            block = line.strip()
        elif focus := _FOCUS.match(line):
            if block.startswith("Source"):
                text = focus[2].strip()
            else:
                insn = int(focus[1])
    return (f"{where}: {text}" if where and text else ""), insn
