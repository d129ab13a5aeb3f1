"""``bpf2py inspect --relocations``: what becomes of each CO-RE relocation, here or on other kernels.

In: an ``ObjectSpec``, and nothing, a file of BTF, a folder or an archive of many.  Out: the report
as plain dictionaries, and as text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..project.hub import kernels
from ..runtime.core_report import Relocation, against, relocations
from ..runtime.core_types import core_types
from ..runtime.hub_names import is_name_of_archive
from ..spec import ObjectSpec
from .describe import name_of

if TYPE_CHECKING:
    from rich.console import Console

#: The version of the document; a key that changes its meaning changes this number.
DOCUMENT_FORMAT = 1
RUNNING = "running kernel"
_TYPE_ID = re.compile(r" \(type \d+ of vmlinux\)")
_ORDER = ("same", "changed", "absent", "missing", "refused")


def report(spec: ObjectSpec, btf: Path | None) -> dict[str, Any]:
    """The document: a list of kernels, each with the relocations of all programs."""
    return {
        "format": DOCUMENT_FORMAT,
        "name": spec.name,
        "kernels": [_kernel(name, found) for name, found in _reports(spec, btf)],
    }


def _reports(spec: ObjectSpec, btf: Path | None) -> Iterator[tuple[str, list[Relocation]]]:
    if btf is None:
        yield RUNNING, relocations(spec)
    elif btf.is_dir() or is_name_of_archive(btf.name):
        for entry, table in kernels(btf):
            yield str(entry), list(against(spec, table))
    else:
        yield str(btf), list(against(spec, core_types(btf).kernel))


def _kernel(name: str, found: list[Relocation]) -> dict[str, Any]:
    counts: Counter[str] = Counter(each.outcome for each in found)
    return {
        "kernel": name,
        "outcomes": {outcome: counts[outcome] for outcome in _ORDER},
        "relocations": [_row(each) for each in found],
    }


def _row(each: Relocation) -> dict[str, Any]:
    place, _, text = each.source.partition(": ")
    file, _, line = place.rpartition(":")
    return {
        "program": each.program,
        "instruction": each.insn,
        "file": file or None,
        "line": int(line) if line else None,
        "text": text or None,
        "kind": name_of(each.kind).lower(),
        "subject": each.subject,
        "local": each.local,
        "target": each.target,
        "outcome": each.outcome,
        "guarded": each.guarded,
        "where": each.where or None,
        "candidates": list(each.candidates),
        "reason": each.reason or None,
    }


def show(console: Console, document: dict[str, Any]) -> None:
    """Print the document: of one kernel each relocation, of several what does not go well."""
    from rich.text import Text

    from .inspect import print_table

    several = len(document["kernels"]) > 1
    if several:
        print_table(
            console,
            "CO-RE relocations",
            ("kernel", *_ORDER),
            [
                (each["kernel"], *(str(count or "") for count in each["outcomes"].values()))
                for each in document["kernels"]
            ],
        )
    else:
        (each,) = document["kernels"]
        counts = ", ".join(f"{count} {name}" for name, count in each["outcomes"].items() if count)
        console.print(Text(f"{document['name']} on {each['kernel']}: {counts or 'none'}"))
        programs: dict[str, list[tuple[str, ...]]] = {}
        for row in each["relocations"]:
            file = f" ({row['file']})" if row["file"] else ""
            programs.setdefault(row["program"] + file, []).append(_columns(row))
        for program, rows in programs.items():
            columns = ("insn", "line", "kind", "of", "value", "outcome")
            print_table(console, program, columns, rows)
    for text, where in _problems(document).items():
        console.print()
        console.print(Text(text))
        if several:
            shown = ", ".join(where[:3]) + (f", … ({len(where)} kernels)" if where[3:] else "")
            console.print(Text(f"  on {shown}"))


def _columns(row: dict[str, Any]) -> tuple[str, ...]:
    value = "" if row["target"] is None else str(row["target"])
    if row["local"] != row["target"] and row["local"] is not None and value:
        value = f"{row['local']} → {value}"
    outcome = row["outcome"]
    if outcome == "missing" and row["guarded"]:
        outcome = "missing, but asked for"
    if row["where"] not in (None, "vmlinux"):
        outcome += f", in module {row['where']}"
    return (
        *(str(row["instruction"]), str(row["line"] or ""), row["kind"].removeprefix("field_")),
        *(row["subject"], value, outcome),
    )


def _problems(document: dict[str, Any]) -> dict[str, list[str]]:
    """What is missing or refused, in words, and on which kernels."""
    found: dict[str, list[str]] = {}
    several = len(document["kernels"]) > 1
    for kernel in document["kernels"]:
        for row in kernel["relocations"]:
            if row["outcome"] not in ("missing", "refused"):
                continue
            source = f"{row['file']}:{row['line']}: " if row["file"] else ""
            lines = [
                f"{source}{row['outcome']}: {row['kind']} of {row['subject']} "
                f"(program {row['program']!r}, instruction {row['instruction']})",
                *(f"  {line}" for line in (row["reason"] or "").splitlines()),
            ]
            if row["guarded"]:
                lines.append("  the program asks whether the kernel has it")
            text = "\n".join(lines)
            # Ids are other ones on every kernel, and are what the same sentences would differ in.
            where = found.setdefault(_TYPE_ID.sub("", text) if several else text, [])
            if kernel["kernel"] not in where:
                where.append(kernel["kernel"])
    return found
