"""The C text of random types: declarations, initialised variables, functions that read and write.

In: types of ``c_types`` and a source of random numbers.  Out: C, and per type the leaves that it
has: the names that lead to each, and what the C code does with it.  No offset and no size is
worked out here; they are the compiler's.
"""

from __future__ import annotations

import math
import random
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from .c_types import Alias, ArrayOf, Chars, Composite, CType, Member, Scalar, flexible_path

#: Elements that a flexible array member has in these tests.
TAIL = 3
#: Bytes of a place in the buffers through which C hands values over.
SLOT = 16
BUFFERS = "typedef u128 slot __attribute__((aligned(1)));\n"


@dataclass
class Leaf:
    """A value without parts.  ``path`` leads to it in Python, ``lvalue`` in C."""

    path: tuple[str | int, ...]
    lvalue: str
    kind: str
    size: int
    signed: bool = False
    width: int | None = None
    named: tuple[int, ...] = ()
    c_type: str = ""
    constant: bool = False
    #: For each union on the way: which one, and which of its members.
    choices: tuple[tuple[str, int], ...] = ()
    #: Whether nothing lies between a union and this that Python would copy.
    direct: bool = True
    #: Whether the initialiser sets it: one member of each union.
    live: bool = True
    #: What the initialiser sets it to; text and bytes as hexadecimal digits.
    value: Any = None
    slot: int = 0


@dataclass
class Target:
    """A type with the names that the C code gives it."""

    name: str
    type: CType
    leaves: list[Leaf] = field(default_factory=list)
    slots: int = 0
    flexible: bool = False

    @property
    def alias(self) -> str:
        return f"{self.name}_type"

    def plan(self) -> dict[str, Any]:
        """What ``check`` is told."""
        leaves = [asdict(leaf) for leaf in self.leaves]
        return {
            "name": self.name,
            "leaves": leaves,
            "slots": self.slots,
            "flexible": self.flexible,
            "text": declaration(self),
        }


def target(name: str, kind: CType, seed: int) -> Target:
    """*kind* with its leaves, and values for them that *seed* decides."""
    found = Target(name, kind, flexible=bool(flexible_path(kind)))
    walk = _Walk(random.Random(seed))
    for leaf in walk.leaves(kind, (), "(*v)", _At()):
        leaf.slot = found.slots
        found.slots += -(-leaf.size // SLOT)
        found.leaves.append(leaf)
    return found


# ---- leaves ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _At:
    """How the place at hand was reached."""

    choices: tuple[tuple[str, int], ...] = ()
    live: bool = True
    #: Steps of the path that lead to the outermost union's own members.
    union: int | None = None


class _Walk:
    def __init__(self, numbers: random.Random) -> None:
        self.random = numbers

    def leaves(
        self, kind: CType, path: tuple[str | int, ...], lvalue: str, at: _At
    ) -> Iterator[Leaf]:
        match kind:
            case Scalar():
                yield self._leaf(kind, path, lvalue, at)
            case Chars(length=length, text=text):
                leaf = self._place(path, lvalue, at, "text" if text else "bytes", length or TAIL)
                leaf.value = self._chars(leaf.size, text).hex()
                yield leaf
            case ArrayOf(element=element, length=length):
                for index in range(TAIL if length < 0 else length):
                    yield from self.leaves(element, (*path, index), f"{lvalue}[{index}]", at)
            case Alias(type=inner):
                yield from self.leaves(inner, path, lvalue, at)
            case Composite():
                yield from self._members(kind, path, lvalue, at)

    def _members(
        self, kind: Composite, path: tuple[str | int, ...], lvalue: str, at: _At
    ) -> Iterator[Leaf]:
        chosen = self.random.randrange(max(1, len(kind.members)))
        name = f"{lvalue}#{self.random.random()}"
        for index, member in enumerate(kind.members):
            inner = at
            if kind.keyword == "union":
                union = len(path) + 1 if at.union is None else at.union
                choices = (*at.choices, (name, index))
                inner = _At(choices, at.live and index == chosen, union)
            if member.name:
                further = (*path, member.name)
                place = f"{lvalue}.{member.name}"
            elif isinstance(member.type, Composite):
                further, place = path, lvalue
            else:
                continue  # padding
            for leaf in self.leaves(member.type, further, place, inner):
                if member.width is not None:
                    leaf.width = member.width
                    leaf.value = self._number(member.width, leaf.signed, leaf.named)
                yield leaf

    def _place(
        self, path: tuple[str | int, ...], lvalue: str, at: _At, kind: str, size: int
    ) -> Leaf:
        direct = at.union is None or len(path) <= at.union
        return Leaf(path, lvalue, kind, size, choices=at.choices, direct=direct, live=at.live)

    def _leaf(self, kind: Scalar, path: tuple[str | int, ...], lvalue: str, at: _At) -> Leaf:
        leaf = self._place(path, lvalue, at, kind.kind, kind.size)
        leaf.signed, leaf.named = kind.signed, kind.named
        leaf.c_type, leaf.constant = kind.c_type, kind.constant
        if kind.kind == "bool":
            leaf.value = self.random.randrange(2)
        elif kind.kind == "float":
            code = "f" if kind.size == 4 else "d"
            number = self.random.choice((0.0, -0.0, 1.5, math.inf, -1e30, self.random.random()))
            leaf.value = struct.unpack(code, struct.pack(code, number))[0].hex()
        elif kind.kind != "raw":
            leaf.value = self._number(8 * kind.size, kind.signed, kind.named)
        return leaf

    def _number(self, bits: int, signed: bool, named: tuple[int, ...]) -> int:
        low = -(1 << bits - 1) if signed else 0
        high = (1 << bits - 1) - 1 if signed else (1 << bits) - 1
        chosen = self.random.choice([low, high, 0, min(1, high), self.random.randint(low, high)])
        fitting = [number for number in named if low <= number <= high]
        if fitting and self.random.random() < 0.7:
            chosen = self.random.choice(fitting)
        return chosen

    def _chars(self, size: int, text: bool) -> bytes:
        if not text:
            return self.random.randbytes(size)
        length = self.random.randint(0, size)
        return bytes(self.random.choices(range(1, 256), k=length)).ljust(size, b"\0")


# ---- types as C -----------------------------------------------------------------------------------


def declaration(target: Target) -> str:
    """The definition of the type and of those it uses."""
    lines: list[str] = []
    kind = target.type
    if isinstance(kind, Composite):
        lines.append(_packing(kind, f"{_body(kind, lines)};"))
        lines.append(f"typedef {kind.keyword} {kind.tag} {target.alias};")
    else:
        lines.append(f"typedef {_declarator(kind, target.alias, lines)};")
    return "\n".join(lines)


def _packing(kind: Composite, text: str) -> str:
    if not kind.pack:
        return text
    return f"#pragma pack(push, {kind.pack})\n{text}\n#pragma pack(pop)"


def _attributes(text: str) -> str:
    return f" __attribute__(({text}))" if text else ""


def _body(kind: Composite, above: list[str]) -> str:
    members = " ".join(_member(member, above) for member in kind.members)
    tag = "" if kind.typedef else f" {kind.tag}"
    return f"{kind.keyword}{tag} {{ {members} }}{_attributes(kind.attributes)}"


def _member(member: Member, above: list[str]) -> str:
    width = "" if member.width is None else f" : {member.width}"
    attributes = member.attributes if member.name or not width else ""
    text = _declarator(member.type, member.name, above)
    return f"{text}{width}{_attributes(attributes)};"


def _declarator(kind: CType, name: str, above: list[str]) -> str:
    match kind:
        case Scalar(c_type=text) | Alias(c_type=text):
            return text.format(name).rstrip()
        case Chars(c_type=text, length=length):
            return f"{text} {name}[{length or ''}]"
        case ArrayOf(element=element, length=length):
            return _declarator(element, f"{name}[{length if length >= 0 else ''}]", above)
        case Composite(keyword=keyword, tag=tag, typedef=typedef):
            if not tag:
                return f"{_body(kind, above)} {name}".rstrip()
            body = _body(kind, above)
            text = _packing(kind, f"typedef {body} {tag};" if typedef else f"{body};")
            if text not in above:
                above.append(text)
            return f"{tag if typedef else f'{keyword} {tag}'} {name}"


# ---- values as C ----------------------------------------------------------------------------------


def initialiser(target: Target) -> str:
    """`` = { … }`` behind a variable: every live leaf by its designator; nothing for no leaf."""
    parts = []
    for leaf in target.leaves:
        if leaf.live and leaf.value is not None:
            designator = leaf.lvalue.removeprefix("(*v)")
            parts.append(f"{designator} = {_literal(leaf)}" if designator else _literal(leaf))
    return f" = {{ {', '.join(parts)} }}" if parts else ""


def _literal(leaf: Leaf) -> str:
    value = leaf.value
    match leaf.kind:
        case "text" | "bytes":
            return f"{{ {', '.join(map(str, bytes.fromhex(value)))} }}"
        case "float":
            number = float.fromhex(value)
            if math.isinf(number):
                return f"{'-' if number < 0 else ''}__builtin_inf()"
            return f"{value}{'f' if leaf.size == 4 else ''}"
        case "pointer":
            return f"(void *){value:#x}ull"
        case _ if leaf.size > 8:
            number = value & (1 << 128) - 1
            return f"((u128){number >> 64:#x}ull << 64 | {number & (1 << 64) - 1:#x}ull)"
        case _:
            return f"{value:#x}ull" if value >= 0 else f"(-{-value - 1}ll - 1)"


# ---- functions ------------------------------------------------------------------------------------


def reading(leaf: Leaf, out: str = "out") -> str:
    """A statement that puts the value of a leaf into its slots."""
    place, lvalue = f"{out}[{leaf.slot}]", leaf.lvalue
    match leaf.kind:
        case "text" | "bytes" | "raw":
            return f"__builtin_memcpy(&{place}, (void *)&{lvalue}, {leaf.size});"
        case "float":
            bits = f"u{8 * leaf.size}"
            return f"{{ {bits} x; __builtin_memcpy(&x, &{lvalue}, {leaf.size}); {place} = x; }}"
        case "bool" if leaf.width is None:  # any byte but zero, as Python has it
            return f"{place} = *(volatile u8 *)&{lvalue} != 0;"
        case "pointer":
            return f"{place} = (u64){lvalue};"
        case _:
            return f"{place} = (u128){lvalue};"


def writing(leaf: Leaf, into: str = "in") -> str:
    """A statement that sets a leaf from the slots at *into*."""
    lvalue = leaf.lvalue
    match leaf.kind:
        case "text" | "bytes" | "raw":
            return f"__builtin_memcpy((void *)&{lvalue}, {into}, {leaf.size});"
        case "float":
            bits = f"u{8 * leaf.size}"
            return f"{{ {bits} x = *{into}; __builtin_memcpy(&{lvalue}, &x, {leaf.size}); }}"
        case _ if leaf.constant:
            bits = f"u{8 * leaf.size}"
            return (
                f"{{ {bits} x = *{into}; __builtin_memcpy((void *)&{lvalue}, &x, {leaf.size}); }}"
            )
        case "pointer":
            return f"{lvalue} = (void *)(u64)*{into};"
        case _:
            return f"{lvalue} = *{into};"


def functions(target: Target, kind: str = "") -> str:
    """``read_x``, ``write_x`` and ``size_x`` for the type; *kind* is what C puts before them."""
    name, alias = target.name, target.alias
    reads = "\n\t".join(reading(leaf) for leaf in target.leaves)
    writes = "\n\t".join(
        f"case {number}: {writing(leaf)} break;" for number, leaf in enumerate(target.leaves)
    )
    size = f"sizeof({alias})"
    if target.flexible:
        last = flexible_path(target.type)
        size = f"__builtin_offsetof({alias}, {last}) + {TAIL} * sizeof((({alias} *)0)->{last}[0])"
    return (
        f"{kind}u64 size_{name}(void) {{ return {size}; }}\n"
        f"{kind}void read_{name}({alias} *v, slot *out)\n{{\n\t{reads}\n}}\n"
        f"{kind}void write_{name}({alias} *v, u32 leaf, slot *in)\n"
        f"{{\n\tswitch (leaf) {{\n\t{writes}\n\t}}\n}}\n"
    )
