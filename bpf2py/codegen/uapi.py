"""For developers: writes ``bpf2py/uapi.py`` from the BTF of the kernel's exported headers.

In: ``tests/data/uapi.btf``, which clang makes from ``tests/data/uapi.c`` (the way is told there).
Out: the text of ``bpf2py/uapi.py``, always the same for the same BTF.  Not here: which flags there
are (``uapi.c``); which enums become which class is the table below.

    python -m bpf2py.codegen.uapi            write it
    python -m bpf2py.codegen.uapi --check    exit with 1 if the file says something else
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..btf import TypeTable, decode
from ..btf.types import Enum, Enum64
from ..uapi import BTFKind

_PACKAGE = Path(__file__).parents[1]
BTF_FILE = _PACKAGE.parent / "tests" / "data" / "uapi.btf"
TARGET = _PACKAGE / "uapi.py"


@dataclass(slots=True, frozen=True)
class _EnumRow:
    """One class: the enum in BTF, what its enumerators begin with, and what the class is for."""

    cls: str
    enum: str
    prefix: str
    doc: str
    flags: bool = False


def _named(cls: str, enum: str, prefix: str) -> _EnumRow:
    return _EnumRow(cls, enum, prefix, f"``enum {enum}``.")


def _listed(cls: str, doc: str, *, flags: bool = True) -> _EnumRow:
    return _EnumRow(cls, cls, f"{cls}_", doc, flags)


_BEFORE_HELPERS = (
    _named("Cmd", "bpf_cmd", "BPF_"),
    _named("MapType", "bpf_map_type", "BPF_MAP_TYPE_"),
    _named("ProgType", "bpf_prog_type", "BPF_PROG_TYPE_"),
    _named("AttachType", "bpf_attach_type", "BPF_"),
    _named("LinkType", "bpf_link_type", "BPF_LINK_TYPE_"),
    _named("PerfEventType", "bpf_perf_event_type", "BPF_PERF_EVENT_"),
    _named("StatsType", "bpf_stats_type", "BPF_STATS_"),
    _named("TaskFDType", "bpf_task_fd_type", "BPF_FD_TYPE_"),
    _named("XDPAction", "xdp_action", "XDP_"),
)
_AFTER_HELPERS = (
    _listed("MapFlags", "flags of BPF_MAP_CREATE."),
    _listed("ProgFlags", "flags of BPF_PROG_LOAD."),
    _listed("TestRunFlags", "flags of BPF_PROG_TEST_RUN."),
    _listed("XDPFlags", "``XDP_FLAGS_*`` of <linux/if_link.h>, also the flags of an XDP link."),
    _listed("AttachFlags", "flags of BPF_PROG_ATTACH and anchored links."),
    _listed("UpdateFlags", "flags of BPF_MAP_UPDATE_ELEM."),
    _listed("BTFKind", "``BTF_KIND_*`` of <linux/btf.h>.", flags=False),
    _named("CoreRelocationKind", "bpf_core_relo_kind", "BPF_CORE_"),
)
_HELPERS = _EnumRow("HELPER_NAMES", "bpf_func_id", "BPF_FUNC_", "")

_HEAD = '''\
"""The kernel's enums and flags, spelled as in <linux/bpf.h> without the common prefix.

Generated; do not edit.
Flags keep bits this file does not know; a number read from a newer kernel may stay a number.
"""

import enum
'''
_HELPERS_HEAD = """

#: Helper functions by number: ``HELPER_NAMES[1]`` is ``map_lookup_elem`` (``enum bpf_func_id``).
#: A tuple and not an enum: 200 enum members would cost every import a millisecond.
HELPER_NAMES = (
"""


def generate(table: TypeTable) -> str:
    """The text of ``uapi.py``; ValueError if the BTF lacks one of the enums."""
    parts = [_HEAD]
    for row in _BEFORE_HELPERS:
        parts += _class(table, row)
    names = {value: name for name, value in _values(table, _HELPERS)}
    if sorted(names) != list(range(len(names))):
        raise ValueError("the numbers of enum bpf_func_id are not consecutive")
    parts.append(_HELPERS_HEAD)
    parts += (f'    "{names[number]}",\n' for number in range(len(names)))
    parts.append(")\n")
    for row in _AFTER_HELPERS:
        parts += _class(table, row)
    return "".join(parts)


def _class(table: TypeTable, row: _EnumRow) -> Iterator[str]:
    base = "enum.IntFlag, boundary=enum.KEEP" if row.flags else "enum.IntEnum"
    yield f'\n\nclass {row.cls}({base}):\n    """{row.doc}"""\n\n'
    for name, value in _values(table, row):
        single_bit = row.flags and value > 0 and value & value - 1 == 0
        number = f"1 << {value.bit_length() - 1}" if single_bit else str(value)
        yield f"    {name} = {number}\n"


def _values(table: TypeTable, row: _EnumRow) -> Iterator[tuple[str, int]]:
    """Names without the prefix, without the enum's own count of its members."""
    type_id = table.find(row.enum, BTFKind.ENUM, BTFKind.ENUM64)
    if type_id is None:
        raise ValueError(f"the BTF has no enum {row.enum}; is it in uapi.c?")
    enum = table[type_id]
    assert isinstance(enum, (Enum, Enum64))
    for each in enum.values:
        # __MAX_BPF_CMD, __BPF_FUNC_MAX_ID: how many there are, another number in each release.
        if not each.name.startswith("__"):
            if not each.name.startswith(row.prefix):
                raise ValueError(f"{each.name} of enum {row.enum} lacks {row.prefix}")
            yield each.name.removeprefix(row.prefix), each.value


def main(arguments: Sequence[str]) -> int:
    """Write the file, or compare it; the exit code."""
    if list(arguments) not in ([], ["--check"]):
        print("usage: python -m bpf2py.codegen.uapi [--check]", file=sys.stderr)
        return 2
    try:
        text = generate(decode(BTF_FILE.read_bytes()))
    except FileNotFoundError:
        print(f"{BTF_FILE} is not there: this needs a checkout of the sources", file=sys.stderr)
        return 2
    if not arguments:
        TARGET.write_text(text, encoding="utf-8")
    elif TARGET.read_text(encoding="utf-8") != text:
        print(f"{TARGET} is not what {BTF_FILE.name} says: generate it again", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
