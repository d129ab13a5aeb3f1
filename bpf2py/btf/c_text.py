"""Types as C text: declarators, and the bodies of structs, unions and enums.

In: a TypeTable, an id, and what C shall call each type (``Names``).  Out: text without the final
semicolon.  Not here: the order of definitions (``c_header``).

A C declaration is written from the inside out: the name in the middle, what it is an array of or
points to around it, so ``declare`` walks the chain of types and lets the declarator grow on both
sides.  Layout is repeated exactly: gaps that C would not leave by itself become unnamed bitfields.
"""

from __future__ import annotations

from ..light import Iterable
from ..uapi import BTFKind
from .errors import BTFError
from .layout import PlacedMember, align_of, is_packed, members, size_of
from .table import TypeTable
from .types import (
    Array,
    Const,
    Enum,
    Enum64,
    Float,
    FuncProto,
    Fwd,
    Int,
    Ptr,
    Restrict,
    Struct,
    Typedef,
    TypeTag,
    Union,
    Void,
    Volatile,
)

#: Pointers, arrays and qualifiers in one declarator; prototypes and anonymous types in another.
_MAX_DEPTH = 64
#: Declarators within one declaration: a prototype that takes prototypes that take prototypes grows
#: exponentially.  The kernel's largest struct stays below a tenth of this.
_MAX_DECLARATORS = 20_000
#: The kernel takes names below 512 characters (KSYM_NAME_LEN in btf_name_valid_identifier()).
_MAX_NAME = 4096
_KEYWORD_TEXT = """
auto break case char const continue default do double else enum extern float for goto if inline int
long register restrict return short signed sizeof static struct switch typedef union unsigned void
volatile while _Bool asm typeof
"""
_KEYWORDS = frozenset(_KEYWORD_TEXT.split())
_INT_WORDS = frozenset(("char", "short", "int", "long", "unsigned", "signed", "_Bool", "__int128"))
_INT_OF_SIZE = {
    1: "char",
    2: "short",
    4: "int",
    8: "long long",
    16: "__int128",
}
_FLOATS = {2: "_Float16", 4: "float", 8: "double", 16: "long double"}
_QUALIFIERS = {Const: "const", Volatile: "volatile", Restrict: "restrict"}
#: What makes an enum of another size than int's.
_ENUM_MODE = {1: "QI", 2: "HI", 8: "DI"}
#: Bits that are filled with unnamed bitfields; what is longer becomes an array.
_LONGEST_GAP = 4096
_PADDING = ((64, "long"), (32, "int"), (16, "short"), (8, "char"))


def identifier(name: str) -> str:
    """*name* as C can write it: keywords get an underscore, other languages' signs become one.

    :class:`BTFError` for a name that only a damaged blob has: it would be written again and again.
    """
    if len(name) > _MAX_NAME:
        raise BTFError(f"a name of {len(name)} characters")
    if name.isidentifier() and name.isascii():
        return name + "_" if name in _KEYWORDS else name
    text = "".join(c if (c.isalnum() and c.isascii()) or c == "_" else "_" for c in name)
    return f"_{text}" if text[:1].isdigit() else text


class Names:
    """What the types are called: here, simply as BTF says."""

    def __init__(self, table: TypeTable) -> None:
        self.table = table

    def tag(self, type_id: int) -> str:
        """The tag of a struct, union or enum."""
        return identifier(self.table.name(type_id))

    def typedef(self, type_id: int) -> str:
        return identifier(self.table.name(type_id))

    def enumerators(self, type_id: int, enum: Enum | Enum64) -> Iterable[tuple[str, int]]:
        """Names and values of an enum."""
        return [(identifier(value.name), value.value) for value in enum.values]

    def prints_enum(self, type_id: int) -> bool:
        """Whether the anonymous enum is to be spelled out here; else it is an integer."""
        return True


class CText:
    """Writes the types of one table as C."""

    def __init__(self, table: TypeTable, names: Names | None = None) -> None:
        self.table = table
        self.names = Names(table) if names is None else names
        self._depth = 0
        self._declarators = 0
        #: How often a body was written.
        self._spelled_out = 0
        #: What stands before and behind the declarator, and how many are in it, for types without a
        #: body of their own.
        self._around: dict[int, tuple[str, str, int]] = {}

    def declare(self, type_id: int, declarator: str = "", indent: int = 0) -> str:
        """``const char *name[4]`` for the declarator ``name``; a type's name for an empty one."""
        around = self._around.get(type_id) if declarator else None
        if around is not None:
            before, after, declarators = around
            self._count(type_id, declarators)
            return f"{before}{declarator}{after}"
        self._enter(type_id)
        try:
            if not declarator:
                return self._declare(type_id, "", indent)
            spelled_out, declarators = self._spelled_out, self._declarators
            before, _, after = self._declare(type_id, "\0", indent).partition("\0")
            if spelled_out == self._spelled_out:
                # What stands around the name is always the same, unless it has a body.
                self._around[type_id] = before, after, self._declarators - declarators + 1
            return f"{before}{declarator}{after}"
        finally:
            self._depth -= 1

    def _count(self, type_id: int, declarators: int = 1) -> None:
        self._declarators = self._declarators + declarators if self._depth else 0
        if self._declarators > _MAX_DECLARATORS:
            raise BTFError(f"type {type_id} is nested too deep", self.table.offset(type_id))

    def _enter(self, type_id: int) -> None:
        """At each step that may lead to itself; whoever calls it makes the depth less again."""
        self._count(type_id)
        if self._depth > _MAX_DEPTH:
            raise BTFError(f"type {type_id} is nested too deep", self.table.offset(type_id))
        self._depth += 1

    def _declare(self, type_id: int, declarator: str, indent: int) -> str:
        qualifiers: list[str] = []
        pointer = False
        for _ in range(_MAX_DEPTH):
            each = self.table[type_id]
            match each:
                case Const() | Volatile() | Restrict():
                    word = _QUALIFIERS[type(each)]
                    if word not in qualifiers:
                        qualifiers.append(word)
                case TypeTag():
                    qualifiers += self.attributes(each)
                case Ptr():
                    words = " ".join(qualifiers)
                    declarator = f"*{words}{' ' if words and declarator else ''}{declarator}"
                    qualifiers = []
                    pointer = True
                case Array():
                    # A qualified array is an array of qualified elements: the words go on.
                    declarator = f"({declarator})" if pointer else declarator
                    declarator += f"[{each.length}]"
                    pointer = False
                case FuncProto():
                    declarator = f"({declarator})" if pointer else declarator
                    declarator += f"({self.parameters(each, indent)})"
                    pointer = False
                    qualifiers = []
                case _:
                    before = [word for word in qualifiers if word != "restrict"]
                    base = " ".join([*before, self.base(type_id, indent)])
                    if not declarator:
                        return base
                    return base + ("" if declarator.startswith("[") else " ") + declarator
            type_id = each.element if isinstance(each, Array) else each.target
        raise BTFError(f"type {type_id} is nested too deep", self.table.offset(type_id))

    def attributes(self, tag: TypeTag) -> list[str]:
        """What stands among the qualifiers for a type tag."""
        text = tag.name if tag.attribute else f'btf_type_tag("{tag.name}")'
        return [f"__attribute__(({text}))"]

    def parameters(self, proto: FuncProto, indent: int = 0) -> str:
        """What stands between the parentheses of a function."""
        params = proto.params
        variadic = bool(params) and params[-1].target == 0 and not params[-1].name
        listed = params[:-1] if variadic else params
        texts = [
            self.declare(param.target, identifier(param.name) if param.name else "", indent)
            for param in listed
        ]
        return ", ".join([*texts, *(["..."] if variadic else [])]) or "void"

    def base(self, type_id: int, indent: int = 0) -> str:
        """The specifier at the bottom of a declaration."""
        each = self.table[type_id]
        match each:
            case Void():
                return "void"
            case Int():
                return _int_name(each)
            case Float():
                return _FLOATS.get(each.size, identifier(each.name))
            case Typedef():
                return self.names.typedef(type_id)
            case Fwd():
                return f"{'union' if each.is_union else 'struct'} {self.names.tag(type_id)}"
            case Struct() | Union() | Enum() | Enum64():
                if each.name:
                    return f"{_keyword(each)} {self.names.tag(type_id)}"
                self._spelled_out += 1
                if isinstance(each, (Enum, Enum64)) and not self.names.prints_enum(type_id):
                    return ("" if each.signed else "unsigned ") + _INT_OF_SIZE.get(each.size, "int")
                return self.definition(type_id, indent)
            case _:
                raise BTFError(
                    f"type {type_id} ({each.kind.name}) is no type of C", self.table.offset(type_id)
                )

    def definition(self, type_id: int, indent: int = 0, *, tagged: bool = True) -> str:
        """A struct, union or enum with its members; *indent* is for the lines after the first.

        Without *tagged* a struct or union is written as if it had no name.
        """
        self._enter(type_id)
        try:
            return self._definition(type_id, indent, tagged)
        finally:
            self._depth -= 1

    def _definition(self, type_id: int, indent: int, tagged: bool) -> str:
        each = self.table[type_id]
        match each:
            case Struct() | Union():
                return self._composite(type_id, each, indent, tagged)
            case Enum() | Enum64():
                return self._enum(type_id, each, indent)
            case _:
                raise BTFError(
                    f"type {type_id} ({each.kind.name}) has no definition",
                    self.table.offset(type_id),
                )

    # ---- bodies ----

    def _head(self, type_id: int, each: Struct | Union | Enum | Enum64, tagged: bool = True) -> str:
        named = each.name and tagged
        return f"{_keyword(each)} {self.names.tag(type_id)} {{" if named else f"{_keyword(each)} {{"

    def _enum(self, type_id: int, each: Enum | Enum64, indent: int) -> str:
        values = list(self.names.enumerators(type_id, each))
        if not values:
            return f"{_keyword(each)} {self.names.tag(type_id)}" if each.name else "int"
        tabs = "\t" * indent
        suffix = ""
        if isinstance(each, Enum64):
            suffix = "LL" if each.signed else "ULL"
        lines = [self._head(type_id, each)]
        lines += [f"{tabs}\t{name} = {_number(value, suffix)}," for name, value in values]
        mode = _ENUM_MODE.get(each.size)
        wide = any(not -(1 << 31) <= value < 1 << 32 for _, value in values)
        attribute = f" __attribute__((mode({mode})))" if mode and not wide else ""
        return "\n".join([*lines, f"{tabs}}}{attribute}"])

    def _composite(self, type_id: int, each: Struct | Union, indent: int, tagged: bool) -> str:
        tabs = "\t" * (indent + 1)
        packed = is_packed(self.table, type_id)
        lines = [self._head(type_id, each, tagged)]
        is_struct = isinstance(each, Struct)
        position = 0  # the first free bit of a struct, the last used of a union
        widest = 1
        for member in members(self.table, each):
            start, align = self._natural_start(member, position if is_struct else 0, packed)
            widest = max(widest, align)
            if is_struct and member.bit_offset > start:
                lines += [f"{tabs}{pad};" for pad in _padding(position, member.bit_offset)]
            lines.append(f"{tabs}{self.member(member, indent + 1)};")
            end = member.bit_offset + (member.bit_size or 8 * size_of(self.table, member.type_id))
            position = max(position, end)
        size = 8 * each.size
        if -(-position // (8 * widest)) * 8 * widest < size:
            if is_struct:
                lines += [f"{tabs}{pad};" for pad in _padding(position, size)]
            else:
                taken = {member.name for member in each.members}
                name = "__padding"
                while name in taken:
                    name += "_"
                lines.append(f"{tabs}char {name}[{each.size}];")
        closing = "\t" * indent + "}" + (" __attribute__((packed))" if packed else "")
        return "\n".join([*lines, closing]) if len(lines) > 1 else f"{lines[0]}{closing.strip()}"

    def _natural_start(self, member: PlacedMember, position: int, packed: bool) -> tuple[int, int]:
        """The bit at which C would put the member, and the alignment in bytes it asks for."""
        if member.bit_size:
            if packed:
                return position, 1
            unit = 8 * size_of(self.table, member.type_id) or 8
            if position // unit != (position + member.bit_size - 1) // unit:
                position = -(-position // unit) * unit
            return position, align_of(self.table, member.type_id)
        align = 1 if packed else align_of(self.table, member.type_id)
        return -(-position // (8 * align)) * 8 * align, align

    def member(self, member: PlacedMember, indent: int) -> str:
        """The declaration of a member, without the semicolon."""
        name = identifier(member.name) if member.name else ""
        width = f": {member.bit_size}" if member.bit_size else ""
        if not name and not width:
            inner_id = self._named_composite(member.type_id)
            if inner_id:
                # The kernel is compiled with -fms-extensions since 6.19, programs need not be:
                # without it, a tag or typedef alone declares no member.
                return self.definition(inner_id, indent, tagged=False)
        return self.declare(member.type_id, name, indent) + width

    def _named_composite(self, type_id: int) -> int:
        """The struct or union that a type names by tag or typedef; 0 if it does not."""
        table = self.table
        while table.kind(type_id) in (BTFKind.CONST, BTFKind.VOLATILE):
            type_id = table.size_or_target(type_id)
        found = table.resolve(type_id)
        if table.kind(found) not in (BTFKind.STRUCT, BTFKind.UNION):
            return 0
        return found if found != type_id or table.name_offset(found) else 0


def _keyword(each: Struct | Union | Enum | Enum64) -> str:
    if isinstance(each, Struct):
        return "struct"
    return "union" if isinstance(each, Union) else "enum"


def _number(value: int, suffix: str) -> str:
    if suffix == "LL" and value == -(1 << 63):
        return f"(-{(1 << 63) - 1}LL - 1)"
    return f"{value}{suffix}"


def _int_name(each: Int) -> str:
    """The name if C has such a type; else, for other languages', the type of that size."""
    if _INT_WORDS.issuperset(each.name.split()) and each.name:
        return each.name
    if each.boolean and each.size == 1:
        return "_Bool"
    word = _INT_OF_SIZE.get(each.size, "int")
    if each.size == 1 and each.signed:
        return "signed char"
    return word if each.signed else f"unsigned {word}"


def _padding(position: int, end: int) -> list[str]:
    """Unnamed bitfields from bit *position* to bit *end*.

    Each lies within an aligned unit of its type, so it is put exactly where the last one ended,
    and none changes the alignment of the struct around it.
    """
    lines: list[str] = []
    while position < end:
        if position % 8 or end - position < 8:
            width, word = min(8 - position % 8, end - position), "char"
        elif end - position > _LONGEST_GAP:
            size = (end - position) // 8
            lines.append(f"char __padding_{position // 8}[{size}]")
            position += 8 * size
            continue
        else:
            width, word = next(
                (width, word)
                for width, word in _PADDING
                if position % width == 0 and end - position >= width
            )
        lines.append(f"{word}: {width}")
        position += width
    return lines
