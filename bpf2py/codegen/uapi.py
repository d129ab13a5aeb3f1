"""For developers: writes ``bpf2py/uapi/`` from the BTF of the kernel's exported headers.

In: ``tests/data/uapi.btf``, which clang makes from ``tests/data/uapi.c`` (the way is told there).
Out: the two files of ``bpf2py/uapi/``, always the same for the same BTF.  Not here: which flags
there are (``uapi.c``); which enums become which class is the table below.

    python -m bpf2py.codegen.uapi            write them
    python -m bpf2py.codegen.uapi --check    exit with 1 if they say something else
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ..btf import TypeTable, decode
from ..btf.types import Enum, Enum64
from ..records import dataclass
from ..uapi import BTFKind

_PACKAGE = Path(__file__).parents[1]
BTF_FILE = _PACKAGE.parent / "tests" / "data" / "uapi.btf"
TARGET = _PACKAGE / "uapi"


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


_FIRST = (
    _named("Cmd", "bpf_cmd", "BPF_"),
    _named("MapType", "bpf_map_type", "BPF_MAP_TYPE_"),
    _named("ProgType", "bpf_prog_type", "BPF_PROG_TYPE_"),
    _named("AttachType", "bpf_attach_type", "BPF_"),
    _listed("MapFlags", "flags of BPF_MAP_CREATE."),
    _listed("ProgFlags", "flags of BPF_PROG_LOAD."),
    _listed("XDPFlags", "``XDP_FLAGS_*`` of <linux/if_link.h>, also the flags of an XDP link."),
    _listed("UpdateFlags", "flags of BPF_MAP_UPDATE_ELEM."),
    _listed("BTFKind", "``BTF_KIND_*`` of <linux/btf.h>.", flags=False),
    _named("CoreRelocationKind", "bpf_core_relo_kind", "BPF_CORE_"),
)
#: What loading an object does not need; a file of its own, imported when first asked for.
_RARE = (
    _named("LinkType", "bpf_link_type", "BPF_LINK_TYPE_"),
    _named("PerfEventType", "bpf_perf_event_type", "BPF_PERF_EVENT_"),
    _named("StatsType", "bpf_stats_type", "BPF_STATS_"),
    _named("TaskFDType", "bpf_task_fd_type", "BPF_FD_TYPE_"),
    _named("XDPAction", "xdp_action", "XDP_"),
    _listed("TestRunFlags", "flags of BPF_PROG_TEST_RUN."),
    _listed("AttachFlags", "flags of BPF_PROG_ATTACH and anchored links."),
)
_HELPERS = _EnumRow("HELPER_NAMES", "bpf_func_id", "BPF_FUNC_", "")

_HEAD = '''\
"""The kernel's enums and flags, spelled as in <linux/bpf.h> without the common prefix.

Generated; do not edit.
Flags keep bits this file does not know; a number read from a newer kernel may stay a number.
"""

from ..enums import KEEP, TYPE_CHECKING, IntEnum, IntFlag
'''
_RARE_HEAD = '''\
"""The part of ``bpf2py.uapi`` that loading an object does not need; import it from there.

Generated; do not edit.
"""

from ..enums import KEEP, IntEnum, IntFlag
'''
_RARE_NAMES = """
if TYPE_CHECKING:
{imports}else:
    #: Imported when first asked for.
    _RARE = (
{names}    )

    def __getattr__(name):
        if name not in _RARE:
            raise AttributeError(f"module {{__name__!r}} has no attribute {{name!r}}")
        from . import rare

        value = globals()[name] = getattr(rare, name)
        return value
"""
_HELPERS_HEAD = """

#: Helper functions by number: ``HELPER_NAMES[1]`` is ``map_lookup_elem`` (``enum bpf_func_id``).
HELPER_NAMES = (
"""


def generate(table: TypeTable) -> dict[str, str]:
    """The files of ``bpf2py/uapi`` by name; ValueError if the BTF lacks one of the enums."""
    rare = [_HELPERS.cls, *sorted([row.cls for row in _RARE])]
    parts = [
        _HEAD,
        _RARE_NAMES.format(
            imports="".join([f"    from .rare import {name} as {name}\n" for name in rare]),
            names="".join([f'        "{name}",\n' for name in rare]),
        ),
    ]
    for row in _FIRST:
        parts += _class(table, row)
    rare_parts = [_RARE_HEAD]
    for row in _RARE:
        rare_parts += _class(table, row)
    names = {value: name for name, value in _values(table, _HELPERS)}
    if sorted(names) != list(range(len(names))):
        raise ValueError("the numbers of enum bpf_func_id are not consecutive")
    rare_parts.append(_HELPERS_HEAD)
    rare_parts += (f'    "{names[number]}",\n' for number in range(len(names)))
    rare_parts.append(")\n")
    return {"__init__.py": "".join(parts), "rare.py": "".join(rare_parts)}


def _class(table: TypeTable, row: _EnumRow) -> Iterator[str]:
    base = "IntFlag, boundary=KEEP" if row.flags else "IntEnum"
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
        files = generate(decode(BTF_FILE.read_bytes()))
    except FileNotFoundError:
        print(f"{BTF_FILE} is not there: this needs a checkout of the sources", file=sys.stderr)
        return 2
    for name, text in files.items():
        path = TARGET / name
        if not arguments:
            path.write_text(text, encoding="utf-8")
        elif path.read_text(encoding="utf-8") != text:
            print(f"{path} is not what {BTF_FILE.name} says: generate it again", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
