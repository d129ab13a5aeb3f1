"""Random C types as values, and the strategies that make them.

Out: :class:`Composite` and friends, which say what a person would write in C and nothing about
where it lies: offsets and sizes are the compiler's to say.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

PRELUDE = """\
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32;
typedef unsigned long long u64; typedef signed char s8; typedef short s16; typedef int s32;
typedef long long s64; typedef _Bool boolean;
typedef __int128 s128 __attribute__((aligned(16)));
typedef unsigned __int128 u128 __attribute__((aligned(16)));
typedef u8 octet; typedef const octet fixed_octet; typedef int wide_char; typedef u16 char16;
enum color { RED, GREEN = 5, BLUE = -7 };
enum plain { NONE, ONE, MANY = 0x80000000u };
enum huge { HUGE_ZERO, HUGE_BIG = 0xfedcba9876543210ull };
enum deep { DEEP = -0x7edcba9876543210ll, SHALLOW = 1 };
enum __attribute__((packed)) tiny { TINY_NONE, TINY = 1, TINY_TOP = 200 };
enum __attribute__((packed)) small { SMALL_LOW = -300, SMALL_NONE = 0, SMALL_HIGH = 300 };
typedef enum { TD_A = 3, TD_B = 9 } td_enum;
typedef enum color color8 __attribute__((mode(QI)));
typedef enum plain plain64 __attribute__((mode(DI)));
typedef u64 loose_u64 __attribute__((aligned(2))); typedef u32 apart_u32 __attribute__((aligned(16)));
typedef u16 triple[3]; typedef triple grid[2]; typedef char label[7]; typedef label labels[2];
typedef const octet address[6];
struct never_defined;
"""


@dataclass(frozen=True)
class Scalar:
    """One value.  ``c_type`` has a place for the declarator: ``int (*{})(void)``."""

    c_type: str
    #: ``int``, ``bool``, ``float``, ``enum``, ``pointer``, or ``raw`` where BTF has no type.
    kind: str
    size: int
    signed: bool = False
    #: Of an enum: the numbers that have names.
    named: tuple[int, ...] = ()
    constant: bool = False


@dataclass(frozen=True)
class Chars:
    """``char[n]`` or ``unsigned char[n]``: what Python has as one value."""

    c_type: str
    length: int
    text: bool


@dataclass(frozen=True)
class ArrayOf:
    element: CType
    length: int


@dataclass(frozen=True)
class Alias:
    """A typedef of :data:`PRELUDE` for what is no single value."""

    c_type: str
    type: CType


@dataclass(frozen=True)
class Member:
    """``name`` is empty for anonymous structs, unions and bits that are padding."""

    name: str
    type: CType
    width: int | None = None
    attributes: str = ""


@dataclass(frozen=True)
class Composite:
    """A struct or union; with a ``tag`` it is defined before it is used."""

    keyword: str
    members: tuple[Member, ...]
    tag: str = ""
    attributes: str = ""
    typedef: bool = False
    #: Of ``#pragma pack`` around it; only where there is a tag.
    pack: int = 0


CType = Scalar | Chars | ArrayOf | Alias | Composite


def _integers() -> Iterator[Scalar]:
    names = {
        "u8": 1, "u16": 2, "u32": 4, "u64": 8, "octet": 1, "char16": 2, "unsigned long": 8,
        "unsigned": 4,
    }  # fmt: skip
    signed = {
        "s8": 1, "s16": 2, "s32": 4, "s64": 8, "wide_char": 4, "char": 1, "signed char": 1,
        "long": 8, "long long": 8,
    }  # fmt: skip
    for name, size in names.items():
        yield Scalar(f"{name} {{}}", "int", size)
    for name, size in signed.items():
        yield Scalar(f"{name} {{}}", "int", size, True)


INTEGERS = tuple(_integers())
WIDE = (Scalar("u128 {}", "int", 16), Scalar("s128 {}", "int", 16, True))
BOOLEAN = Scalar("boolean {}", "bool", 1)
FLOATS = (Scalar("float {}", "float", 4), Scalar("double {}", "float", 8))
POINTERS = tuple(
    Scalar(text, "pointer", 8)
    for text in (
        "void *{}",
        "const char *{}",
        "struct never_defined *{}",
        "int (*{})(void)",
        "void *(*{})(u32, struct never_defined *)",
        "u32 (*{})[3]",
        "const u32 *restrict {}",
        'u32 __attribute__((btf_type_tag("user"))) *{}',
    )
)
ENUMS = (
    Scalar("enum color {}", "enum", 4, True, (0, 5, -7)),
    Scalar("enum plain {}", "enum", 4, False, (0, 1, 1 << 31)),
    Scalar("enum huge {}", "enum", 8, False, (0, 0xFEDCBA9876543210)),
    Scalar("enum deep {}", "enum", 8, True, (-0x7EDCBA9876543210, 1)),
    Scalar("enum tiny {}", "enum", 1, False, (0, 1, 200)),
    Scalar("enum small {}", "enum", 2, True, (-300, 0, 300)),
    Scalar("td_enum {}", "enum", 4, False, (3, 9)),
)
#: Enums of another width by attribute are integers in BTF.
MODES = (Scalar("color8 {}", "int", 1, True), Scalar("plain64 {}", "int", 8))
QUALIFIED = (
    Scalar("const u32 {}", "int", 4, constant=True),
    Scalar("volatile s16 {}", "int", 2, True),
    Scalar("const volatile u64 {}", "int", 8, constant=True),
    Scalar("loose_u64 {}", "int", 8),
    Scalar("fixed_octet {}", "int", 1, constant=True),
    Scalar("char *const {}", "pointer", 8, constant=True),
)
UNTYPED = (
    Scalar("_Atomic u32 {}", "raw", 4),
    Scalar("_Atomic u64 {}", "raw", 8),
    Scalar("_Complex float {}", "raw", 8),
)
#: As members only: C has no arrays of them.
APART = Scalar("apart_u32 {}", "int", 4)
ALIASES = (
    Alias("triple {}", ArrayOf(INTEGERS[1], 3)),
    Alias("grid {}", ArrayOf(ArrayOf(INTEGERS[1], 3), 2)),
    Alias("label {}", Chars("char", 7, True)),
    Alias("labels {}", ArrayOf(Chars("char", 7, True), 2)),
    Alias("address {}", Chars("u8", 6, False)),
)
SCALARS = (
    *INTEGERS, *WIDE, BOOLEAN, *FLOATS, *POINTERS, *ENUMS, *MODES, *QUALIFIED
)  # fmt: skip
#: What may be as wide as its type, or less, in a bitfield.
BITFIELDS = (
    *INTEGERS, *INTEGERS, BOOLEAN, *ENUMS, *MODES, *WIDE, APART,
    Scalar("volatile s32 {}", "int", 4, True), Scalar("loose_u64 {}", "int", 8),
)  # fmt: skip

MAX_LEAVES = 90


def leaf_count(kind: CType) -> int:
    match kind:
        case ArrayOf(element=element, length=length):
            return length * leaf_count(element)
        case Alias(type=inner):
            return leaf_count(inner)
        case Composite(members=members):
            return sum(leaf_count(member.type) for member in members)
        case _:
            return 1


@dataclass
class _Scope:
    """What one type of the outermost level has used so far."""

    prefix: str
    names: int = 0
    tags: int = 0
    left: int = MAX_LEAVES

    def name(self) -> str:
        self.names += 1
        return f"m{self.names}"

    def tag(self) -> str:
        self.tags += 1
        return f"{self.prefix}_t{self.tags}"


def flexible_path(kind: CType) -> str:
    """What leads to the flexible array member, in C; empty without."""
    if not isinstance(kind, Composite) or not kind.members:
        return ""
    last = kind.members[-1]
    match last.type:
        case Chars(length=0) | ArrayOf(length=-1):
            return last.name
        case Composite(keyword="struct") if last.name:
            inner = flexible_path(last.type)
            return f"{last.name}.{inner}" if inner else ""
        case _:
            return ""


def _is_constant(kind: CType) -> bool:
    match kind:
        case ArrayOf(element=inner):
            return _is_constant(inner)
        case Alias(c_type=c_type):
            return c_type == "address {}"
        case _:
            return isinstance(kind, Scalar) and kind.constant


@st.composite
def types(draw: st.DrawFn, prefix: str) -> CType:
    """A type to make a variable of; ``prefix`` begins the tags."""
    scope = _Scope(prefix)
    outermost = draw(st.sampled_from(("struct",) * 8 + ("union", "array", "flexible", "flexible")))
    if outermost == "flexible":
        return _with_flexible_end(draw, scope)
    if outermost == "array":
        array = _array(draw, scope, 3)
        if not _is_constant(array):  # such a variable wants a section of its own
            return array
        return Composite("struct", (Member(scope.name(), array),), scope.prefix)
    return _composite(draw, scope, 4, keyword=outermost, tag=scope.prefix)


def _composite(
    draw: st.DrawFn, scope: _Scope, depth: int, *, keyword: str = "", tag: str | None = None
) -> Composite:
    keyword = keyword or draw(st.sampled_from(("struct", "struct", "union")))
    members = tuple(
        _member(draw, scope, depth, keyword)
        for _ in range(draw(st.integers(1, 7 if keyword == "struct" else 4)))
    )
    if keyword == "union":  # clang 19 crashes initialising one that begins with nothing
        members = tuple(sorted(members, key=lambda member: not leaf_count(member.type)))
    typedef = False
    if tag is None:
        style = draw(st.sampled_from(("inline", "tag", "typedef", "anonymous typedef")))
        tag = "" if style == "inline" else scope.tag()
        typedef = style == "anonymous typedef"
    pack = draw(st.sampled_from((0, 0, 0, 0, 0, 1, 2, 4))) if tag else 0
    return Composite(keyword, members, tag, draw(_COMPOSITE_ATTRIBUTES), typedef, pack)


_COMPOSITE_ATTRIBUTES = st.sampled_from(
    ("",) * 8 + ("packed",) * 4
    + ("aligned(4)", "aligned(16)", "aligned(64)", "aligned(2), packed", "packed, aligned(8)", "ms_struct")
)  # fmt: skip
_MEMBER_ATTRIBUTES = st.sampled_from(
    ("",) * 12
    + ("aligned(1)", "aligned(2)", "aligned(8)", "aligned(32)", "packed", "packed")
    + ('btf_decl_tag("a note")',)
)


def _member(draw: st.DrawFn, scope: _Scope, depth: int, parent: str) -> Member:
    kinds = ["scalar", "scalar", "bitfield", "bitfield", "bitfield", "chars", "array", "padding"]
    kinds += ["untyped", "nothing", "alias"]
    if depth and scope.left > 8:
        kinds += ["struct", "union", "anonymous struct", "anonymous union", "struct", "union"]
    kind = draw(st.sampled_from(kinds))
    scope.left -= 1
    attributes = draw(_MEMBER_ATTRIBUTES)
    match kind:
        case "scalar":
            typ = draw(st.sampled_from((*SCALARS, APART)))
            return Member(scope.name(), typ, None, attributes)
        case "alias":
            return Member(scope.name(), draw(st.sampled_from(ALIASES)), None, attributes)
        case "untyped":
            return Member(scope.name(), draw(st.sampled_from(UNTYPED)), None, attributes)
        case "bitfield":
            typ = draw(st.sampled_from(BITFIELDS))
            most = 1 if typ.kind == "bool" else typ.size * 8
            return Member(scope.name(), typ, draw(st.integers(1, most)), attributes)
        case "padding":
            typ = draw(st.sampled_from(INTEGERS))
            return Member("", typ, draw(st.sampled_from((0, 0, 1, 5, 8))))
        case "chars":
            return Member(scope.name(), _chars(draw), None, attributes)
        case "array":
            return Member(scope.name(), _array(draw, scope, depth), None, attributes)
        case "nothing":
            return Member(scope.name(), draw(st.sampled_from(NOTHING)), None, attributes)
        case "anonymous struct" | "anonymous union":
            inner = _composite(draw, scope, depth - 1, keyword=kind.split()[1], tag="")
            return Member("", inner, None, attributes)
        case _:
            inner = _composite(draw, scope, depth - 1, keyword=kind)
            return Member(scope.name(), inner, None, attributes)


def _chars(draw: st.DrawFn) -> Chars:
    text = draw(st.booleans())
    c_type = "char" if text else draw(st.sampled_from(("unsigned char", "u8", "octet")))
    return Chars(c_type, draw(st.integers(1, 20)), text)


def _array(draw: st.DrawFn, scope: _Scope, depth: int) -> ArrayOf:
    choice = draw(st.sampled_from(("scalar", "scalar", "chars", "composite", "alias")))
    element: CType
    if choice == "composite" and depth and scope.left > 16:
        element = _composite(draw, scope, depth - 1)
    elif choice == "chars":
        element = _chars(draw)
    elif choice == "alias":
        element = draw(st.sampled_from(ALIASES))
    else:
        element = draw(st.sampled_from((*SCALARS, *INTEGERS)))
        if element.size == 1 and not element.c_type.startswith(("s8", "signed", "bool", "enum")):
            element = INTEGERS[1]  # arrays of bytes and of text are ``Chars``
    room = max(1, min(40, scope.left // max(1, leaf_count(element))))
    for dimension in draw(st.sampled_from(((3,), (5,), (40,), (2, 3), (3, 2, 2), (1,)))):
        length = max(1, min(dimension, room))
        room = max(1, room // length)
        element = ArrayOf(element, length)
    scope.left -= leaf_count(element)
    assert isinstance(element, ArrayOf)
    return element


NOTHING: tuple[CType, ...] = (
    ArrayOf(Scalar("u32 {}", "int", 4), 0),
    ArrayOf(Scalar("u64 {}", "int", 8), 0),
    Composite("struct", ()),
    Composite("union", ()),
    ArrayOf(Composite("struct", ()), 3),
)


def _with_flexible_end(draw: st.DrawFn, scope: _Scope) -> Composite:
    body = _composite(draw, scope, 2, keyword="struct", tag=scope.prefix)
    if not leaf_count(body):  # C wants a member in front
        body = Composite("struct", (Member(scope.name(), INTEGERS[0]),), scope.prefix)
    each: Any = draw(
        st.sampled_from(
            (
                Scalar("u16 {}", "int", 2),
                Scalar("s64 {}", "int", 8, True),
                Chars("u8", 0, False),
                Chars("char", 0, True),
                ENUMS[0],
                Chars("u8", 6, False),
            )
        )
    )
    if draw(st.booleans()):
        each = _composite(draw, scope, 1, keyword="struct")
        if not leaf_count(each):
            each = INTEGERS[1]
    last = each if isinstance(each, Chars) and not each.length else ArrayOf(each, -1)
    kind = Composite("struct", (*body.members, Member(scope.name(), last)), scope.prefix)
    for _ in range(draw(st.sampled_from((0, 0, 1, 2)))):
        inner = Composite("struct", kind.members, scope.tag(), kind.attributes)
        around = (
            Member(scope.name(), draw(st.sampled_from(INTEGERS))),
            Member(scope.name(), inner),
        )
        kind = Composite("struct", around, scope.prefix, draw(_COMPOSITE_ATTRIBUTES))
    return kind
