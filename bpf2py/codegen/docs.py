"""Docstrings of generated classes and attributes: what saves a look into the C file.

In: BTF, and parts of a spec.  Out: text for between triple quotes, laid out for a given indent.
No path of the machine that compiled: of a file its name alone.  A type that BTF cannot say as C
(hostile names, recursion) has its name and size, and no declaration.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping
from types import MappingProxyType

from ..btf import BTFError, TypeTable
from ..btf.c_text import CText
from ..btf.ext_info import decode_line_info
from ..btf.layout import PlacedMember, align_of
from ..spec import MapSpec, Pinning, ProgramSpec
from ..uapi import MapFlags, MapType
from .c_text import c_text, safe
from .errors import CodegenError
from .format import LINE_LENGTH
from .layouts import Definition, EnumDef, UnionDef
from .tables import RING_BUFFERS

INDENT = 4
#: Where offsets stand, at most; behind longer lines they follow at once.
_COLUMN = 48
#: Lines of a declaration that are shown; of a longer one the beginning.
DECLARATION_LINES = 30
#: Between members: bytes that C source does not mention (``char: 8;``).
_GAP = re.compile(r"\t+[a-z ]+: \d+;")
#: Behind a member, what :class:`_Placed` notes: at which bit it is.
_PLACE = re.compile(r"\x01(\d+)(b?)(?=;)")
#: What a pointer is tagged with, as ``__user`` and ``__rcu`` are: nothing that C people write out.
_TYPE_TAG = re.compile(r'__attribute__\(\(btf_type_tag\("\w*"\)\)\) ')


def paragraph(text: str, indent: int = INDENT) -> str:
    """*text* broken into lines that fit inside a docstring at that indent."""
    width = LINE_LENGTH - indent - 6
    return ("\n" + " " * indent).join(
        textwrap.wrap(text, width, break_long_words=False, break_on_hyphens=False)
    )


def bytes_text(size: int) -> str:
    """``1 byte``, ``2 bytes``."""
    return "1 byte" if size == 1 else f"{size} bytes"


def type_doc(table: TypeTable, type_id: int, definition: Definition) -> str:
    """Name, size, alignment and C declaration of a type, with the offset of each member."""
    summary = f"``{definition.c_name}``, {bytes_text(definition.size)}"
    lines: list[str] = []
    try:
        text = _TYPE_TAG.sub("", _Placed(table).definition(type_id) + ";")
        # An aligned attribute is not in the BTF; where one left a gap, nothing is said.
        if not any(_GAP.fullmatch(line) for line in text.split("\n")):
            summary += f", aligned to {align_of(table, type_id)}"
        lines = _declaration(text, definition)
    except (BTFError, CodegenError):
        pass
    if isinstance(definition, UnionDef):
        summary += "; one storage, a view of it per member"
    if not lines:
        return paragraph(summary + ".")
    shown = [(" " * (INDENT + 4) + line).rstrip() for line in lines]
    indent = " " * INDENT
    return "\n".join([paragraph(summary + "."), "", indent + "::", "", *shown, indent])


def _declaration(text: str, definition: Definition) -> list[str]:
    """The lines of *text* as they are shown; none if there is nothing to see."""
    if definition.c_name.partition(" ")[0] not in {"struct", "union", "enum", "anonymous"}:
        text = f"typedef {text.removesuffix(';')} {definition.c_name};"
    lines = [line for line in text.split("\n") if not _GAP.fullmatch(line)]
    if len(lines) < 3:
        return []
    if not isinstance(definition, EnumDef | UnionDef):  # a flexible array member
        lines[-2] = re.sub(r"\[0\](\x01|;| __attribute__)", r"[]\1", lines[-2], count=1)
    if len(lines) > DECLARATION_LINES:
        lines = _cut(lines)
    shown: list[str] = []
    places: dict[int, str] = {}
    for line in lines:
        body = _PLACE.sub("", line).lstrip("\t")
        safe(body)
        lead = " " * 4 * (len(line) - len(line.lstrip("\t")))
        width = LINE_LENGTH - 2 * INDENT - 2
        shown += textwrap.wrap(
            body, max(width, len(lead) + 40), initial_indent=lead, subsequent_indent=lead + " " * 8,
            break_long_words=False, break_on_hyphens=False,
        )  # fmt: skip
        if found := _PLACE.search(line):
            offset, bit = divmod(int(found[1]), 8)
            places[len(shown) - 1] = f"/* at {offset}{f', bit {bit}' if found[2] else ''} */"
    column = max((len(shown[at]) for at in places if len(shown[at]) <= _COLUMN), default=0)
    for at, place in places.items():
        shown[at] = f"{shown[at]:<{column}}  {place}"
    return shown


class _Placed(CText):
    """Notes behind each member at which bit of the outermost struct or union it is."""

    def __init__(self, table: TypeTable) -> None:
        super().__init__(table)
        self._base = 0

    def member(self, member: PlacedMember, indent: int) -> str:
        outside = self._base
        self._base = bit = outside + member.bit_offset
        try:
            text = super().member(member, indent)
        finally:
            self._base = outside
        if not member.name:
            return text
        return f"{text}\x01{bit}{'b' if member.bit_size else ''}"


def _cut(lines: list[str]) -> list[str]:
    """The beginning, up to a member that is whole, and how much follows."""
    end = DECLARATION_LINES - 2
    while end > 1 and not re.match(r"\t[^\t]*[;,]$", lines[end - 1]):
        end -= 1
    if end == 1:  # one anonymous member longer than that
        end = DECLARATION_LINES - 2
    return [*lines[:end], f"\t/* {len(lines) - 1 - end} more lines */", lines[-1]]


def map_doc(
    table: TypeTable,
    map_spec: MapSpec,
    indent: int,
    views: Mapping[str, str] = MappingProxyType({}),
) -> str:
    """What the C source says of a map; *views* is what is said behind its key, value and events."""
    text = [f"``{map_type_name(map_spec.map_type)}``"]
    struct_ops = map_spec.map_type == MapType.STRUCT_OPS
    for word, type_id, size in (
        ("key", map_spec.key_type_id, 0 if struct_ops else map_spec.key_size),
        ("value", map_spec.value_type_id, map_spec.value_size),
        ("events", map_spec.event_type_id, 0),
    ):
        if type_id:
            text.append(f"{word} ``{c_text(table, type_id)}``{views.get(word, '')}")
        elif size and map_spec.map_type != MapType.PERF_EVENT_ARRAY:  # of descriptors
            text.append(f"{word} of {bytes_text(size)}{views.get(word, '')}")
    if map_spec.map_type == MapType.RINGBUF and not map_spec.event_type_id:
        text.append("events of no known type (``--event``)")
    if map_spec.max_entries and not struct_ops:
        unit = "bytes" if map_spec.map_type in RING_BUFFERS else "entries"
        unit = "pages" if map_spec.map_type == MapType.ARENA else unit
        text.append(f"{map_spec.max_entries} {unit}")
    if map_spec.flags:
        text.append(f"flags ``{_flags(map_spec.flags)}``")
    if map_spec.map_extra:
        text.append(f"map_extra {map_spec.map_extra:#x}")
    if map_spec.numa_node is not None:
        text.append(f"NUMA node {map_spec.numa_node}")
    if map_spec.pinning is Pinning.BY_NAME:
        text.append("pinned by name")
    if map_spec.values:
        count = len(map_spec.values)
        text.append(f"{count} {'slot' if count == 1 else 'slots'} filled in C")
    if not map_spec.autocreate:
        text.append("created only if ``autocreate`` is set")
    return paragraph(", ".join(text) + ".", indent)


def map_type_name(map_type: int) -> str:
    """``BPF_MAP_TYPE_HASH``, or the number of a type this library does not know."""
    try:
        return f"BPF_MAP_TYPE_{MapType(map_type).name}"
    except ValueError:
        return f"map type {map_type}"


def _flags(flags: MapFlags) -> str:
    return (
        " | ".join(f"BPF_F_{flag.name}" if flag.name else f"{flag:#x}" for flag in MapFlags(flags))
        or f"{int(flags):#x}"
    )


def program_doc(section: str, file: str, line: int, indent: int) -> str:
    """A program's section, and where it begins in the source."""
    text = f"Section ``{safe(section)}``"
    return paragraph(f"{text}, {file}:{line}." if line else f"{text}.", indent)


def source_place(table: TypeTable, program: ProgramSpec) -> tuple[str, int]:
    """File and line where a program begins; the file without its folders, ("", 0) if unknown."""
    if not program.line_info:
        return "", 0
    try:
        first = decode_line_info(program.line_info, table.byte_order)[0]
        file = safe(table.string(first.file_name_off).rpartition("/")[2])
    except (BTFError, IndexError):
        return "", 0
    return (file, first.line) if file and first.line else ("", 0)
