"""Views: members, variables, keys and values that shall be something else than BTF makes of them.

In: declaration tags (``btf_decl_tag("bpf2py:ipv4")``) in the BTF of an object, and what the
configuration says.  Out: a :class:`View` for a place, and the :data:`Value` of a type under a view.
An unknown view, one that does not fit its C type, and a configured place that is not there are
:class:`CodegenError`: nothing is quietly something else.

**Places.**  A place is called what errors call it: ``struct event.saddr``, ``map counts: key``,
``.rodata: target``, ``struct in6_addr`` (wherever that type is used), or the same without its first
word: ``event.saddr``, ``counts: key``, ``target``, ``in6_addr``.

**Which wins.**  The place itself before its type; the configuration before a tag.  ``none`` is the
view that leaves everything as it is without one.  A view that does not fit an array is that of its
elements.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterator, Mapping

from ..btf import BTFError, TypeTable
from ..btf.layout import size_of
from ..btf.types import (
    Array,
    Const,
    Datasec,
    DeclTag,
    Enum,
    Enum64,
    Int,
    Ptr,
    Restrict,
    Struct,
    Type,
    Typedef,
    TypeTag,
    Union,
    Var,
    Volatile,
)
from ..records import dataclass
from ..uapi import BTFKind
from .c_text import c_text, safe
from .errors import CodegenError
from .layouts import ListOf, Raw, RestOf, Text, Value, Viewed

#: What a declaration tag that is ours begins with; others are left alone.
PREFIX = "bpf2py:"
NONE = "none"

_ADDRESS_SIZES = {"ipv4": 4, "ipv6": 16, "mac": 6}
_BIG_ENDIAN_SIZES = {"be16": 2, "be32": 4, "be64": 8}

#: Every view, and which C types it is for, as a refusal says it.
VIEWS = {
    "ipv4": "4 bytes: an integer, an array of integers or a struct",
    "ipv6": "16 bytes: an integer, an array of integers or a struct",
    "mac": "6 bytes: an array or a struct",
    "be16": "an integer of 2 bytes",
    "be32": "an integer of 4 bytes",
    "be64": "an integer of 8 bytes",
    "ns": "an integer of 4 or 8 bytes",
    "ktime": "an integer of 8 bytes",
    "boottime": "an integer of 8 bytes",
    "text": "an array of characters or bytes",
    "bytes": "anything that is no bitfield",
    "hex": "an integer, a pointer, or an array of characters or bytes",
    "flags": "an integer, with the enum's name behind it (flags:NAME), or an enum",
    "enum": "an integer, with the enum's name behind it (enum:NAME)",
    NONE: "anything",
}
#: Arrays of arrays; deeper than the kernel lets a type nest.
_MAX_DEPTH = 64
#: Those that a bitfield can have.
OF_BITFIELDS = frozenset({"ns", "hex", "enum"})

_WORDS = {
    BTFKind.STRUCT: "struct",
    BTFKind.UNION: "union",
    BTFKind.ENUM: "enum",
    BTFKind.ENUM64: "enum",
    BTFKind.VAR: "variable",
    BTFKind.FUNC: "function",
}


@dataclass(frozen=True, slots=True)
class View:
    """``name`` is one of :data:`VIEWS`, ``enum`` what stands behind a colon, ``said`` who said so."""

    name: str
    enum: str
    said: str

    def __str__(self) -> str:
        return f"{self.name}:{self.enum}" if self.enum else self.name

    def refusal(self, path: str, what: str) -> CodegenError:
        """The error for a place of a type that the view does not fit."""
        return CodegenError(f"{path}: {self.said}: {what} is not {VIEWS[self.name]}")


def parse(text: str, *, path: str, said: str) -> View:
    """The view that *text* (``ipv4``, ``flags:tcp_flag``) names; *said* is how errors quote it."""
    name, _, enum = text.strip().partition(":")
    enum = enum.strip().removeprefix("enum ").strip()
    if name not in VIEWS or (enum and name not in ("enum", "flags")):
        raise CodegenError(f"{path}: {said}: no such view; there are: {', '.join(VIEWS)}")
    if name == "enum" and not enum:
        raise CodegenError(f"{path}: {said}: say which enum, as in enum:tcp_state")
    return View(name, enum, said)


class Views:
    """All views of an object: those of its tags, those *chosen* (place to view) in the
    configuration.
    """

    def __init__(self, table: TypeTable, chosen: Mapping[str, str]) -> None:
        self.table = table
        self._chosen: dict[str, View] = {}
        for place, text in chosen.items():
            if _key(place) in self._chosen:
                raise CodegenError(f"{place}: has two views in the options")
            said = f"view {text!r}"
            self._chosen[_key(place)] = parse(text, path=place, said=said)
        self._met: set[str] = set()
        self._places: set[str] = set()
        self._tags = _tags(table)
        self._map_definitions: set[int] = set()
        self._variables = dict(self._tagged_variables()) if self._tags else {}

    def at(self, path: str, tag: View | None = None) -> View | None:
        """The view of the place *path*, which C tagged with *tag*; ``None`` if nobody chose one."""
        if not self._chosen:
            return tag
        short = path.partition(" ")[2] or path
        self._places.add(_key(short))
        for key in (_key(path), _key(short)):
            if key in self._chosen:
                self._met.add(key)
                return self._chosen[key]
        return tag

    def of_type(self, type_id: int) -> View | None:
        """The view of a type wherever it is used: of typedefs the outermost one's."""
        table = self.table
        end = table.resolve(type_id)
        while type_id != end:
            typ = table[type_id]
            if isinstance(typ, Typedef):
                view = self.at(f"typedef {typ.name}", self._tags.get((type_id, -1)))
                if view:
                    return view
            assert isinstance(typ, Typedef | Const | Volatile | Restrict | TypeTag)
            type_id = typ.target
        tag = self._tags.get((end, -1))
        word = _WORDS.get(table.kind(end))
        return self.at(f"{word} {table.name(end)}", tag) if word and table.name(end) else tag

    def of_member(self, type_id: int, index: int) -> View | None:
        """The tag of a member."""
        return self._tags.get((type_id, index))

    def of_variable(self, section: str, name: str) -> View | None:
        """The tag of a global variable."""
        if not self._variables:
            return None
        # of static variables with one name, the later ones are called counter.2
        stem = name.partition(".")[0]
        return self._variables.get((section, name)) or self._variables.get((section, stem))

    def of_map(self, name: str, part: str) -> View | None:
        """The tag of ``key`` or ``value`` in the definition of a map."""
        return self._variables.get((f".maps {name}", part))

    def tagged(self) -> Iterator[tuple[str, str]]:
        """Each place that C tagged, as ``--view`` takes it if it has a name, and its view:
        ``flags:tcp_flag``.
        """
        for (type_id, index), view in self._tags.items():
            variable = self.table.kind(type_id) is BTFKind.VAR
            if not variable and type_id not in self._map_definitions:
                yield _path(self.table, type_id, index), str(view)
        for (section, name), view in self._variables.items():
            of_map = section.removeprefix(".maps ")
            place = f"map {of_map}" if of_map != section else section
            yield f"{safe(place)}: {safe(name)}", str(view)

    def require_all_met(self) -> None:
        """:class:`CodegenError` if the configuration names a place that is not there."""
        for key, view in self._chosen.items():
            if key not in self._met:
                close = difflib.get_close_matches(key, self._places, 1)
                meant = f" (did you mean {close[0]!r}?)" if close else ""
                raise CodegenError(f"{view.said}: nothing in the module is called {key!r}{meant}")

    def _tagged_variables(self) -> list[tuple[tuple[str, str], View]]:
        found: list[tuple[tuple[str, str], View]] = []
        table = self.table
        for type_id in table:
            section = table[type_id] if table.kind(type_id) is BTFKind.DATASEC else None
            for row in section.variables if isinstance(section, Datasec) else ():
                variable = table[row.target]
                if not isinstance(variable, Var) or not isinstance(section, Datasec):
                    continue
                if section.name == ".maps":
                    definition = table.resolve(variable.target)
                    typ = table[definition]
                    self._map_definitions.add(definition)
                    for index, member in enumerate(typ.members if isinstance(typ, Struct) else ()):
                        if view := self._tags.get((definition, index)):
                            found.append(((f".maps {variable.name}", member.name), view))
                elif view := self._tags.get((row.target, -1)):
                    found.append(((section.name, variable.name), view))
        return found


def viewed(
    table: TypeTable, view: View, type_id: int, path: str, hold: Callable[[int], int]
) -> Value:
    """The value of that type under *view*, of an array also that of its elements.

    *hold* takes the id of an enum that is held, and gives its place among the definitions.
    :class:`CodegenError` if the view fits neither the type nor what it is an array of.
    """
    lengths: list[int] = []
    element = type_id
    for _ in range(_MAX_DEPTH):
        typ = table[table.resolve(element)]
        if view.name in ("enum", "flags"):
            seen = _fit_enum(table, view, element, path, hold)
        else:
            seen = _fit(table, view, element, typ)
        if seen is not None:
            for length in reversed(lengths):
                seen = ListOf(seen, length, seen.size * length)
            return seen
        if not isinstance(typ, Array):
            break
        lengths.append(typ.length)
        element = typ.element
    raise view.refusal(path, c_text(table, type_id))


def _fit(table: TypeTable, view: View, type_id: int, typ: Type) -> Value | None:
    """The value of that type under *view*, but for enums; ``None`` if the view does not fit it."""
    if view.name == "bytes":
        return _bytes(table, type_id, typ)
    element = table[table.resolve(typ.element)] if isinstance(typ, Array) else None
    if isinstance(typ, Array) and isinstance(element, Int) and _is_byte(element):
        if view.name == "text":
            return Text(typ.length)
        if view.name == "hex":
            return Viewed("hextext", typ.length)
    if view.name in _ADDRESS_SIZES and (
        isinstance(typ, Struct | Union)
        or (isinstance(typ, Int) and not typ.boolean)
        or (isinstance(element, Int) and not element.boolean)
    ):
        size = _ADDRESS_SIZES[view.name]
        return Viewed(view.name, size) if size_of(table, type_id) == size else None
    return _fit_number(view, typ)


def _fit_enum(
    table: TypeTable, view: View, type_id: int, path: str, hold: Callable[[int], int]
) -> Value | None:
    """An integer or enum as the enum that *view* names, or as its own."""
    resolved = table.resolve(type_id)
    typ = table[resolved]
    if not isinstance(typ, Int | Enum | Enum64) or typ.size not in (1, 2, 4, 8):
        return None
    if isinstance(typ, Int) and (typ.boolean or not view.enum):
        return None
    enum_id = _find_enum(table, view, path) if view.enum else resolved
    enum = table[enum_id]
    assert isinstance(enum, Enum | Enum64)
    negative = any(value.value < 0 for value in enum.values)
    if not enum.values or (negative and (view.name == "flags" or not typ.signed)):
        what = "has negative values" if negative else "is declared, but never defined"
        raise CodegenError(f"{path}: {view.said}: {c_text(table, enum_id)} {what}")
    return Viewed("enum", typ.size, typ.signed, hold(enum_id))


def untyped(view: View | None, size: int, path: str) -> Value:
    """The value of *size* bytes of which BTF says nothing."""
    if view is None or view.name in (NONE, "bytes"):
        return Raw(size)
    if view.name == "text":
        return Text(size)
    if view.name == "hex":
        return Viewed("hextext", size)
    if _ADDRESS_SIZES.get(view.name) == size:
        return Viewed(view.name, size)
    seen = _fit_number(view, Int("", size, size * 8))
    if seen is None:
        raise view.refusal(path, f"{size} bytes of no known type")
    return seen


def _fit_number(view: View, typ: Type) -> Value | None:
    if isinstance(typ, Ptr):
        return Viewed("hex", 8) if view.name == "hex" else None
    if not isinstance(typ, Int) or typ.boolean or typ.size not in (1, 2, 4, 8):
        return None
    match view.name:
        case "be16" | "be32" | "be64":
            fits = _BIG_ENDIAN_SIZES[view.name] == typ.size
            return Viewed("be", typ.size, typ.signed) if fits else None
        case "ktime" | "boottime":
            return Viewed(view.name, typ.size, typ.signed) if typ.size == 8 else None
        case "ns":
            return Viewed(view.name, typ.size, typ.signed) if typ.size in (4, 8) else None
        case "hex":
            return Viewed(view.name, typ.size, typ.signed)
        case _:
            return None


def _find_enum(table: TypeTable, view: View, path: str) -> int:
    """The id of the enum that *view* names."""
    for type_id in table.ids_named(view.enum):
        resolved = table.resolve(type_id)
        if isinstance(table[resolved], Enum | Enum64):
            return resolved
    raise CodegenError(
        f"{path}: {view.said}: there is no enum {view.enum!r} in the BTF; compilers leave out what "
        f"nothing uses: BPF2PY_TYPE(enum {view.enum}); of bpf2py.h keeps it"
    )


def shown_as(value: Value) -> str:
    """`` as ipv4`` for a value under a view, as comments have it; empty where none is."""
    while isinstance(value, ListOf | RestOf):
        value = value.element
    if not isinstance(value, Viewed) or value.index >= 0:  # of enums the annotation says it
        return ""
    name = {"hextext": "hex", "be": f"be{value.size * 8}"}.get(value.view, value.view)
    return f" as {name}"


def _bytes(table: TypeTable, type_id: int, typ: Type) -> Value | None:
    """All bytes; of an array of arrays of bytes those of the innermost."""
    inner = typ
    while isinstance(inner, Array):
        element = table[table.resolve(inner.element)]
        if isinstance(element, Int) and _is_byte(element):
            return Raw(inner.length) if inner is typ else None
        inner = element
    try:
        size = size_of(table, type_id)
    except BTFError:
        return None
    return Raw(size) if size else None


def _is_byte(typ: Int) -> bool:
    return typ.size == 1 and typ.bits == 8 and not typ.boolean


def _key(place: str) -> str:
    """A place without the blanks that people leave out."""
    return " ".join(place.split()).replace(": ", ":")


def _tags(table: TypeTable) -> dict[tuple[int, int], View]:
    """The view of each tagged type, variable (-1) and member (its number)."""
    found: dict[tuple[int, int], View] = {}
    for type_id in table:
        if table.kind(type_id) is not BTFKind.DECL_TAG:
            continue
        tag = table[type_id]
        assert isinstance(tag, DeclTag)
        if not tag.name.startswith(PREFIX) or tag.attribute:
            continue
        path, said = _path(table, tag.target, tag.component), f'btf_decl_tag("{safe(tag.name)}")'
        if table.kind(tag.target) is BTFKind.FUNC:
            raise CodegenError(f"{path}: {said}: a function has no view")
        view = parse(tag.name.removeprefix(PREFIX), path=path, said=said)
        before = found.setdefault((tag.target, tag.component), view)
        if before != view:
            raise CodegenError(f"{path}: {before.said} and {said}: choose one")
    return found


def _path(table: TypeTable, type_id: int, index: int) -> str:
    """The C path of a type, or of its member *index*."""
    typ = table[type_id]
    word = _WORDS.get(typ.kind, typ.kind.name.lower())
    path = f"{word} {safe(typ.name) or '(anonymous)'}"
    if isinstance(typ, Struct | Union) and 0 <= index < len(typ.members):
        path += f".{safe(typ.members[index].name)}"
    return path
