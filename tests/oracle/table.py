"""The result of ``compare`` as a page: counts per collection, and every object with its reason.

``python -m tests.oracle.table PAGE FILE...`` makes one page of what several runs left (``--results``
of ``python -m tests.oracle``): runs on one kernel are put together, the first kernel comes first.
"""

from __future__ import annotations

import argparse
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .compare import Result, Verdict

_HEAD = """\
# Comparison with libbpf

What libbpf {version} and bpf2py tell the same kernel (Linux {release}) about the same object: every
BPF_MAP_CREATE with all its attributes, what maps are filled with, the BTF, and every
BPF_PROG_LOAD with its type, attach type, target, flags, license, relocated instructions, func and
line info (but for the kernel version: bpf2py gives kprobes the running kernel's, which kernels
before 5.0 ask for, and other programs none; libbpf gives all of them that of the object's section
`version` if it has one). Both run under the same recorder of bpf(2). A program or map that the kernel refuses
does not end the comparison: what stands behind it is compared as well. The values of struct_ops maps
are compared as they would be registered. Written by
`python -m tests.oracle.table`; CONTRIBUTING.md says how to make one.

- **The same, loaded**: both load it, byte for byte in the same way.
- **The same, refused by the kernel**: both say the same, and the kernel refuses a map or a program
  of it. (The kernel of the first table has no kprobes, and refuses fentry, fexit, LSM and freplace.)
- **Refused by both**: both give up before the kernel is asked, or on the way. Where libbpf names a
  program as the reason, that one was left out, a few times one after the other (`--without`), and
  all others are the same.
"""

#: What stands behind a difference, by what is said of it.
_REASONS = (
    (
        r"non-native endianness",
        "compiled for the other byte order",
    ),
    (
        r"legacy map definitions|bad map relo against '[^']+' in section 'maps/",
        'maps of the old kind (`SEC("maps")`)',
    ),
    (
        r"failed to find kernel BTF type ID of '(?P<what>[^']+)'",
        "`{what}` is not in this kernel",
    ),
    (
        r"extern \((?:func|var) ksym\) '(?P<what>[^']+)': not found",
        "`{what}` is not in this kernel",
    ),
    (
        r"extern '(?P<what>[^']+)' \(strong\): not resolved",
        "`{what}` is not in this kernel",
    ),
    (
        r"failed to find BTF for extern '(?P<what>[^']+)'|unrecognized extern section",
        "one of several files that have to be linked first",
    ),
    (
        r"missing BPF prog type, check ELF section name '(?P<what>[^']+)'",
        "section `{what}` does not say what kind of program it is",
    ),
    (
        r"program '(?P<what>[^']+)' is static",
        "static function `{what}` in a section of programs",
    ),
    (
        r"attach program FD is not set",
        "the program it is to replace must be given",
    ),
    (
        r"no BTF-based attach target is specified",
        "the target must be given",
    ),
    (
        r"bpf_struct_ops_(?P<what>\w+) is not found",
        "the kernel has no struct_ops of kind `{what}`",
    ),
)
#: What is different on purpose.
_DELIBERATE = (
    (
        r"btf '', ours \d+ bytes.*btf '', ours \d+ bytes",
        "libbpf loads it without BTF, which this kernel refuses for a data section in which nothing has"
        " a name; bpf2py replaces that section",
    ),
    (
        r"btf (\d+) bytes, ours (?!\1 )\d+ bytes",
        "ENUM64, which this kernel does not know: for libbpf a union, for bpf2py the integer that it is",
    ),
    (
        r"map \.data[^ ]*: btf (\d+) bytes, ours \1 bytes",
        "a linker left variables at other places in the BTF than their symbols; bpf2py goes by symbols",
    ),
    (
        r"failed to mmap arena",
        "an arena at an address that no process can have; libbpf maps it there at once",
    ),
    (
        r"key_size 0, ours 4\b",
        "a perf event array whose sizes the source leaves out: libbpf leaves them 0, which no kernel"
        " allows; for bpf2py they are 4, as there is no other",
    ),
    (
        r"(?:key|value)_size \d+, ours [04]\b",
        "libbpf takes the type of a ring buffer's events for the size of a slot, which no kernel"
        " allows; for bpf2py it says what the events are",
    ),
    (
        r"extern \((?:func|var) ksym\) '(?P<what>[^']+)': not found",
        "`{what}`, which no program that is loaded uses, is not in this kernel; bpf2py looks up"
        " what is used",
    ),
    (
        r"failed to find BTF for extern '(?P<what>[^']+)'",
        "`{what}`, which no program calls, is defined nowhere; bpf2py looks at what programs reach",
    ),
    (
        r"bad map relo against '[^']+' in section 'maps/",
        "a map of the old kind that no program uses; bpf2py looks at what programs reach",
    ),
    (
        r"kconfig: filled with",
        "`LINUX_HAS_SYSCALL_WRAPPER`: libbpf tries a kprobe, of which this kernel has none; bpf2py"
        " looks for the symbol",
    ),
    (
        r"is 18 3(\w)(?: 00){6}, ours 18 0\1(?: 00){6}",
        "a weak kernel variable that the BTF lacks and kallsyms has: where the object also has externs"
        " without a type, libbpf loads it as one of type 0; for bpf2py it is null, as elsewhere",
    ),
    (
        r"isn't referenced anywhere",
        "a struct_ops program that nothing refers to; bpf2py leaves it out",
    ),
)
_ORDER = (
    Result.ONLY_LIBBPF,
    Result.DIFFERENT,
    Result.ONLY_OURS,
    Result.BOTH_REFUSE,
    Result.REFUSED,
    Result.LOADED,
)


@dataclass
class Run:
    """The verdicts of one run, by collection, with libbpf's version and the kernel's release."""

    version: str
    release: str
    verdicts: dict[str, list[Verdict]]

    def save(self, path: Path) -> None:
        """Write it to a file of JSON."""
        verdicts = {
            name: [(str(v.path), v.result, v.differences) for v in found]
            for name, found in self.verdicts.items()
        }
        path.write_text(json.dumps([self.version, self.release, verdicts], indent=1))

    @classmethod
    def read(cls, path: Path) -> Run:
        """What :meth:`save` wrote."""
        version, release, verdicts = json.loads(path.read_text())
        return cls(
            version,
            release,
            {
                name: [Verdict(Path(at), Result(result), tuple(why)) for at, result, why in found]
                for name, found in verdicts.items()
            },
        )


def put_together(runs: Iterable[Run]) -> list[Run]:
    """One run per kernel, its collections sorted by name."""
    found: dict[tuple[str, str], Run] = {}
    for run in runs:
        known = found.setdefault((run.version, run.release), Run(run.version, run.release, {}))
        known.verdicts |= run.verdicts
    for run in found.values():
        run.verdicts = dict(sorted(run.verdicts.items()))
    return list(found.values())


def write_table(path: Path, runs: Sequence[Run]) -> None:
    """Write the page: all of the first run, and those on other kernels behind its counts."""
    first, *others = runs
    lines = [_HEAD.format(version=first.version, release=first.release)]
    lines += _counts(first.verdicts)
    for run in others:
        lines += ["", f"## Linux {run.release}, libbpf {run.version}", ""]
        lines += _counts(run.verdicts)
        every = [verdict for found in run.verdicts.values() for verdict in found]
        for result in _ORDER:
            lines += ["", *_section(result, [v for v in every if v.result is result])]
    for name, found in first.verdicts.items():
        lines += ["", f"## {name}", ""]
        for result in _ORDER:
            lines += _section(result, [v for v in found if v.result is result])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(re.sub(r"\n{3,}", "\n\n", "\n".join(lines).rstrip()) + "\n")


def _counts(verdicts: Mapping[str, Sequence[Verdict]]) -> list[str]:
    columns = list(Result)
    total: Counter[Result] = Counter()
    lines = [
        f"| collection | objects | {' | '.join(columns)} |",
        f"|---|--:|{'--:|' * len(columns)}",
    ]
    for name, found in verdicts.items():
        counts = Counter(verdict.result for verdict in found)
        total += counts
        cells = " | ".join(str(counts[column] or "") for column in columns)
        lines.append(f"| {name} | {len(found)} | {cells} |")
    cells = " | ".join(str(total[column] or "") for column in columns)
    lines.append(f"| **all** | {total.total()} | {cells} |")
    return lines


def _section(result: Result, verdicts: list[Verdict]) -> list[str]:
    if not verdicts:
        return []
    heading = f"**{result[0].upper()}{result[1:]}** ({len(verdicts)}): "
    if result is Result.LOADED:
        return [heading + ", ".join(map(_name, verdicts)), ""]
    by_reason: dict[str, list[str]] = {}
    for verdict in verdicts:
        by_reason.setdefault(_reason(verdict), []).append(_name(verdict))
    lines = [heading.rstrip(": "), ""]
    for reason, names in sorted(by_reason.items(), key=lambda item: (-len(item[1]), item)):
        lines.append(f"- {reason}: {', '.join(names)}")
    return [*lines, ""]


def _name(verdict: Verdict) -> str:
    return re.sub(r"(\.bpf)?\.(o|elf)$", "", verdict.path.name)


def _reason(verdict: Verdict) -> str:
    said = " ".join(verdict.differences)
    if verdict.result is Result.REFUSED:
        return verdict.differences[0].partition(": ")[2]
    if verdict.result in (Result.ONLY_OURS, Result.DIFFERENT):
        for pattern, reason in _matching(_DELIBERATE, said):
            return reason.format(**pattern.groupdict())
    for pattern, reason in _matching(_REASONS, said):
        return reason.format(**pattern.groupdict())
    return f"`{verdict.differences[0][:200].replace('`', '')}`"


def _matching(table: Iterable[tuple[str, str]], text: str) -> Iterable[tuple[re.Match[str], str]]:
    for pattern, reason in table:
        if found := re.search(pattern, text):
            yield found, reason


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("results", type=Path, nargs="+")
    options = parser.parse_args()
    write_table(options.page, put_together(map(Run.read, options.results)))


if __name__ == "__main__":
    main()
