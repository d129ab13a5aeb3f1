"""BTF rewritten for a kernel that does not know all of it.

In: a blob, and what the kernel lacks (``runtime.features`` finds that out).  Out: a blob that says
less.  Every type keeps its id, its size and the place of its members, so func_info, line_info and
the ids of maps stay true.  Not here: asking the kernel, but what to ask it with.

What stands for what follows bpf_object__sanitize_btf() of libbpf, but for ENUM64: there it becomes
a union, which the kernel refuses as a bitfield and as an argument of a global function; here it
becomes the integer that it is, without the names of its values.  Bitfields of structs (5.0) and
INT itself (4.18) have nothing to stand for them.
"""

from __future__ import annotations

import enum
import struct
import sys
from array import array

from ..light import TYPE_CHECKING, Callable, Collection
from ..uapi import BTFKind
from .decode import decode
from .errors import BTFError
from .header import HEADER_FORMAT, HEADER_SIZE, MAGIC, PREFIX, ByteOrder, read_header
from .kinds import EXTRA_WORDS, INT_SIGNED, KIND_FLAG, VLEN_MASK
from .table import TypeTable

if TYPE_CHECKING:
    from . import types as t


class BTFFeature(enum.Enum):
    """What a kernel may not know yet, oldest first; the value is the first release that does."""

    FUNC = "5.0"
    DATASEC = "5.2"
    FUNC_LINKAGE = "5.6"
    #: Data sections without variables.
    EMPTY_SECTION = "5.12"
    FLOAT = "5.13"
    DECL_TAG = "5.16"
    TYPE_TAG = "5.17"
    #: With it came the sign of ENUM.
    ENUM64 = "6.0"
    #: Names of data sections that start with a question mark: struct_ops that are optional.
    OPTIONAL_SECTION = "6.9"
    #: Tags that stand for any attribute of the compiler.
    TAG_KIND_FLAG = "6.15"
    #: The section of the blob that describes kinds.
    LAYOUT = "7.0"


class _Source:
    """The blob that is rewritten: its table, and its strings, which may be changed in place."""

    def __init__(self, table: TypeTable, strings: bytearray) -> None:
        self.table = table
        self.strings = strings

    def make_identifier(self, offset: int) -> int:
        """Replace in the string at *offset* what only names of sections may have."""
        if offset >= len(self.strings):
            raise BTFError(f"string offset {offset} is outside of the strings")
        end = self.strings.index(0, offset)
        name = self.strings[offset:end]
        self.strings[offset:end] = name.replace(b".", b"_").replace(b"?", b"_")
        return offset


#: From the words of one type to those of what stands for it.
_Rule = Callable[[list[int], _Source], list[int]]


def _info(kind: BTFKind, vlen: int = 0) -> int:
    return kind << 24 | vlen


def _byte(words: list[int], source: _Source) -> list[int]:
    """An integer of one byte, the one size that fits every variable."""
    return [words[0], _info(BTFKind.INT), 1, 8]


def _section_to_struct(words: list[int], source: _Source) -> list[int]:
    name, info, size = words[:3]
    found = [source.make_identifier(name), _info(BTFKind.STRUCT, info & VLEN_MASK), size]
    for at in range(3, len(words), 3):
        variable, offset = words[at], words[at + 1]
        name = source.make_identifier(source.table.name_offset(variable))
        found += (name, variable, offset * 8 & 0xFFFFFFFF)
    return found


def _empty_section_to_struct(words: list[int], source: _Source) -> list[int]:
    if words[1] & VLEN_MASK and words[2]:
        return words
    return [0, _info(BTFKind.STRUCT), words[2]]


def _section_renamed(words: list[int], source: _Source) -> list[int]:
    first = words[0]
    if source.strings.startswith(b"?", first):
        source.strings[first] = ord("_")
    return words


def _proto_to_enum(words: list[int], source: _Source) -> list[int]:
    return [0, _info(BTFKind.ENUM, words[1] & VLEN_MASK), 4, *words[3:]]


def _func_to_typedef(words: list[int], source: _Source) -> list[int]:
    return [words[0], _info(BTFKind.TYPEDEF), words[2]]


def _without_linkage(words: list[int], source: _Source) -> list[int]:
    return [words[0], _info(BTFKind.FUNC), words[2]]


def _float_to_struct(words: list[int], source: _Source) -> list[int]:
    # Without a name: "float" is none that a struct can have in C.
    return [0, _info(BTFKind.STRUCT), words[2]]


def _tag_to_const(words: list[int], source: _Source) -> list[int]:
    return [0, _info(BTFKind.CONST), words[2]]


def _without_kind_flag(words: list[int], source: _Source) -> list[int]:
    return [words[0], words[1] & ~KIND_FLAG, *words[2:]]


def _enum64_to_int(words: list[int], source: _Source) -> list[int]:
    name, info, size = words[:3]
    return [
        name,
        _info(BTFKind.INT),
        size,
        (INT_SIGNED << 24 if info & KIND_FLAG else 0) | (8 * size & 0xFF),
    ]


#: In the order in which they are tried; what has become of another kind is left alone.
_RULES: tuple[tuple[BTFFeature, BTFKind, _Rule], ...] = (
    (BTFFeature.DATASEC, BTFKind.VAR, _byte),
    (BTFFeature.DATASEC, BTFKind.DATASEC, _section_to_struct),
    (BTFFeature.EMPTY_SECTION, BTFKind.DATASEC, _empty_section_to_struct),
    (BTFFeature.OPTIONAL_SECTION, BTFKind.DATASEC, _section_renamed),
    (BTFFeature.FUNC, BTFKind.FUNC_PROTO, _proto_to_enum),
    (BTFFeature.FUNC, BTFKind.FUNC, _func_to_typedef),
    (BTFFeature.FUNC_LINKAGE, BTFKind.FUNC, _without_linkage),
    (BTFFeature.FLOAT, BTFKind.FLOAT, _float_to_struct),
    (BTFFeature.DECL_TAG, BTFKind.DECL_TAG, _byte),
    (BTFFeature.TYPE_TAG, BTFKind.TYPE_TAG, _tag_to_const),
    (BTFFeature.TAG_KIND_FLAG, BTFKind.DECL_TAG, _without_kind_flag),
    (BTFFeature.TAG_KIND_FLAG, BTFKind.TYPE_TAG, _without_kind_flag),
    (BTFFeature.ENUM64, BTFKind.ENUM, _without_kind_flag),
    (BTFFeature.ENUM64, BTFKind.ENUM64, _enum64_to_int),
)


def sanitize(data: bytes, missing: Collection[BTFFeature]) -> bytes:
    """*data* without what a kernel that lacks *missing* refuses; the same object if nothing changed.

    Raises BTFError if *data* is no BTF.
    """
    rules: dict[int, list[_Rule]] = {}
    for feature, kind, rule in _RULES:
        if feature in missing:
            rules.setdefault(kind, []).append(rule)
    table = decode(data)
    header = read_header(data, split=False)
    start, length = header.types
    words = array("I", data[start : start + length])
    if header.byte_order != sys.byteorder:
        words.byteswap()
    start, length = header.strings
    strings = data[start : start + length]
    source = _Source(table, bytearray(strings))

    found = array("I")
    copied = 0
    for at in table.offsets:
        info = words[at + 1]
        number = info >> 24 & 0x7F
        if number not in rules:
            continue
        fixed, each = EXTRA_WORDS[number]
        end = at + 3 + fixed + each * (info & VLEN_MASK)
        replaced = words[at:end].tolist()
        for rule in rules[number]:
            if replaced[1] >> 24 & 0x7F == number:
                replaced = rule(replaced, source)
        found += words[copied:at]
        found.extend(replaced)
        copied = end
    found += words[copied:]
    without_layout = bool(header.layout[1]) and BTFFeature.LAYOUT in missing
    if found == words and bytes(source.strings) == strings and not without_layout:
        return data

    if header.byte_order != sys.byteorder:
        found.byteswap()
    types = found.tobytes()
    layout = b"" if without_layout else data[header.layout[0] : sum(header.layout)]
    return _blob(header.byte_order, types, layout, source.strings)


def _blob(order: ByteOrder, types: bytes, layout: bytes, strings: bytes | bytearray) -> bytes:
    size = HEADER_SIZE + 8 * bool(layout)
    head = struct.pack(
        PREFIX[order] + HEADER_FORMAT,
        *(MAGIC, 1, 0, size, 0, len(types), len(types) + len(layout), len(strings)),
    )
    if layout:
        head += struct.pack(PREFIX[order] + "II", len(types), len(layout))
    return b"".join((head, types, layout, strings))


def smallest_with() -> dict[BTFFeature, bytes]:
    """For each feature a blob that a kernel takes just when it has the feature."""
    from . import types as t
    from .encoder import encode

    number = t.Int("int", 4, 32, signed=True)
    nothing = t.Struct("nothing", 0, ())
    proto = t.FuncProto(0, (t.Param("number", 1),))
    variable = t.Var("variable", 1, 0)

    def blob(*types: t.Type) -> bytes:
        return encode(types, byte_order=sys.byteorder)

    return {
        BTFFeature.FUNC: blob(number, proto, t.Func("function", 2)),
        BTFFeature.DATASEC: blob(number, variable, _section(".data")),
        BTFFeature.FUNC_LINKAGE: blob(number, proto, t.Func("function", 2, 1)),
        BTFFeature.EMPTY_SECTION: blob(t.Datasec(".data", 4, ())),
        BTFFeature.FLOAT: blob(t.Float("float", 4)),
        BTFFeature.DECL_TAG: blob(nothing, t.DeclTag("tag", 1)),
        BTFFeature.TYPE_TAG: blob(number, t.TypeTag("tag", 1), t.Ptr(2)),
        BTFFeature.ENUM64: blob(t.Enum64("wide", 8, (t.Enumerator("WIDE", 1 << 40),))),
        BTFFeature.OPTIONAL_SECTION: blob(number, variable, _section("?.data")),
        BTFFeature.TAG_KIND_FLAG: blob(nothing, t.DeclTag("tag", 1, attribute=True)),
        BTFFeature.LAYOUT: _with_layout(blob(number)),
    }


def _section(name: str) -> t.Datasec:
    from . import types as t

    return t.Datasec(name, 4, (t.SectionVar(2, 0, 4),))


def _with_layout(data: bytes) -> bytes:
    """*data* with a description of the kinds void and INT: the bytes that follow the first twelve."""
    header = read_header(data, split=False)
    types, strings = (
        data[start : start + length] for start, length in (header.types, header.strings)
    )
    return _blob(header.byte_order, types, bytes((0, 0, 0, 0, 4, 0, 0, 0)), strings)
