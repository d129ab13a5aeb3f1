"""All types of a table in an order that C accepts: what ``vmlinux.h`` is made of.

In: a TypeTable.  Out: lines of a header.  A struct's members need complete types before them,
pointers only a declaration, and typedefs and enums always stand before their first use; so each
type is written when the first one that needs it is (depth first, in the order of ids).  The same
table always gives the same text.  Not here: the text of one type (``c_text``).

BTF may hold several types of one name, where C has one: the second ``struct foo`` becomes
``struct foo___2``, which CO-RE takes for a flavour of the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..uapi import BTFKind
from .c_text import CText, Names, identifier
from .errors import BTFError
from .table import TypeTable
from .types import Array, DeclTag, Enum, Enum64, Func, FuncProto, Struct, Union

_TAGGED = {
    BTFKind.STRUCT: "struct",
    BTFKind.UNION: "union",
    BTFKind.ENUM: "enum",
    BTFKind.ENUM64: "enum",
    BTFKind.FWD: "",
}
#: Compilers know it and refuse another; for BPF it is a pointer, while the kernel's is a struct in an
#: array.  So the few structs with a va_list inside have another size in C than in the kernel, which
#: CO-RE mends when a program is loaded.
_BUILTIN_TYPEDEFS = frozenset(("__builtin_va_list",))
#: Types needing types needing types: the kernel's go to about forty.
_MAX_DEPTH = 200

_KFUNC_HEAD = """\
#ifndef BPF_NO_KFUNC_PROTOTYPES
#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
"""


class UniqueNames(Names):
    """Names as in BTF, with ``___2`` where a scope of C has them already."""

    def __init__(self, table: TypeTable) -> None:
        super().__init__(table)
        self._tags: dict[int, str] = {}
        self._ordinary: dict[int, str] = {}
        self._used: dict[str, int] = {}
        self._enumerators: dict[int, list[tuple[str, int]]] = {}
        used_tags: dict[str, int] = {}
        defined: dict[tuple[str, str], int] = {}
        forward: list[int] = []
        for type_id in _all_ids(table):
            kind = table.kind(type_id)
            if kind not in _TAGGED and kind is not BTFKind.TYPEDEF:
                continue
            name = identifier(table.name(type_id))
            if not name:
                continue
            if kind is BTFKind.TYPEDEF:
                self._ordinary[type_id] = _unique(name, self._used)
            elif kind is BTFKind.FWD:
                forward.append(type_id)
            else:
                self._tags[type_id] = _unique(name, used_tags)
                defined.setdefault((_TAGGED[kind], name), type_id)
        for type_id in forward:
            # A declaration stands for the definition of that name, if there is one.
            name = identifier(table.name(type_id))
            key = ("union" if _is_union_fwd(table, type_id) else "struct", name)
            if key in defined:
                self._tags[type_id] = self._tags[defined[key]]
            else:
                defined[key] = type_id
                self._tags[type_id] = _unique(name, used_tags)

    def tag(self, type_id: int) -> str:
        return self._tags.get(type_id) or f"anonymous_{type_id}"

    def typedef(self, type_id: int) -> str:
        return self._ordinary.get(type_id) or f"anonymous_{type_id}"

    def ordinary(self, name: str) -> str:
        """A new name beside typedefs and enumerators."""
        return _unique(identifier(name), self._used)

    def enumerators(self, type_id: int, enum: Enum | Enum64) -> Iterable[tuple[str, int]]:
        if type_id not in self._enumerators:
            self._enumerators[type_id] = [
                (_unique(identifier(value.name), self._used), value.value) for value in enum.values
            ]
        return self._enumerators[type_id]

    def prints_enum(self, type_id: int) -> bool:
        # Its enumerators can be defined once only.
        return type_id not in self._enumerators


def _unique(name: str, used: dict[str, int]) -> str:
    number = used[name] = used.get(name, 0) + 1
    while number > 1 and f"{name}___{number}" in used:
        number += 1
    if number == 1:
        return name
    used[name] = number
    used[f"{name}___{number}"] = 1
    return f"{name}___{number}"


def _is_union_fwd(table: TypeTable, type_id: int) -> bool:
    return bool(getattr(table[type_id], "is_union", False))


def _all_ids(table: TypeTable) -> Iterator[int]:
    """The ids of the table and its bases, without void."""
    return iter(range(1, len(table)))


class _Header:
    """Emits each type once, what it needs before it."""

    def __init__(self, table: TypeTable) -> None:
        self.table = table
        self.names = UniqueNames(table)
        self.text = CText(table, self.names)
        self.lines: list[str] = []
        self.done: set[int] = set()
        self.open: set[int] = set()
        self.declared: set[str] = set()
        self.prototypes = 0

    def need(self, type_id: int, *, complete: bool, depth: int = 0) -> None:
        """Emit what must stand before a use of the type; by value if *complete*."""
        if depth > _MAX_DEPTH:
            raise BTFError(f"type {type_id} is nested too deep", self.table.offset(type_id))
        table = self.table
        kind = table.kind(type_id)
        depth += 1
        if kind is BTFKind.PTR:
            self.need(table.size_or_target(type_id), complete=False, depth=depth)
        elif kind in _WRAPPERS:
            self.need(table.size_or_target(type_id), complete=complete, depth=depth)
        elif kind is BTFKind.ARRAY:
            array = table[type_id]
            assert isinstance(array, Array)
            # C wants a complete element even behind a pointer.
            self.need(array.element, complete=True, depth=depth)
        elif kind is BTFKind.FUNC_PROTO and type_id not in self.done:
            proto = table[type_id]
            assert isinstance(proto, FuncProto)
            self.prototypes += 1
            for target in (proto.target, *(param.target for param in proto.params)):
                self.need(target, complete=False, depth=depth)
            self.prototypes -= 1
            self.done.add(type_id)
        elif kind is BTFKind.TYPEDEF:
            self._typedef(type_id, complete, depth)
        elif kind in _TAGGED:
            self._tagged(type_id, kind, complete, depth)

    def _typedef(self, type_id: int, complete: bool, depth: int) -> None:
        target = self.table.size_or_target(type_id)
        if type_id not in self.done:
            self._enter(type_id)
            self.need(target, complete=False, depth=depth)
            self._leave(type_id)
            name = self.names.typedef(type_id)
            if name not in _BUILTIN_TYPEDEFS:
                self._emit(f"typedef {self.text.declare(target, name)};")
        if complete:
            self.need(target, complete=True, depth=depth)

    def _tagged(self, type_id: int, kind: BTFKind, complete: bool, depth: int) -> None:
        named = bool(self.table.name_offset(type_id)) and bool(self.table.name(type_id))
        if type_id in self.done:
            return
        if kind in (BTFKind.ENUM, BTFKind.ENUM64):
            if named:
                self.done.add(type_id)
                self._emit(self.text.definition(type_id) + ";")
            return
        if kind is BTFKind.FWD or (named and not complete):
            self._declare(type_id)
            return
        struct = self.table[type_id]
        assert isinstance(struct, (Struct, Union))
        self._enter(type_id)
        for member in struct.members:
            self.need(member.target, complete=True, depth=depth)
        self._leave(type_id)
        if named:
            self._emit(self.text.definition(type_id) + ";")

    def _declare(self, type_id: int) -> None:
        # A tag first seen in a prototype would be known there only; a struct that points to itself
        # or to one around it needs no declaration otherwise.
        if self.prototypes or type_id not in self.open:
            text = self.text.base(type_id)
            if text not in self.declared:
                self.declared.add(text)
                self._emit(f"{text};")

    def _enter(self, type_id: int) -> None:
        if type_id in self.open:
            raise BTFError(f"type {type_id} contains itself", self.table.offset(type_id))
        self.open.add(type_id)

    def _leave(self, type_id: int) -> None:
        self.open.discard(type_id)
        self.done.add(type_id)

    def _emit(self, text: str) -> None:
        self.lines.append(text + "\n")

    def take(self) -> list[str]:
        lines, self.lines = self.lines, []
        return lines


_WRAPPERS = frozenset((BTFKind.CONST, BTFKind.VOLATILE, BTFKind.RESTRICT, BTFKind.TYPE_TAG))


def header_lines(table: TypeTable, *, guard: str = "__VMLINUX_H__") -> Iterator[str]:
    """The header, definition by definition; each piece ends with an empty line."""
    yield f"#ifndef {guard}\n#define {guard}\n"
    yield (
        "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n"
        "#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)\n"
        "#endif\n"
    )
    header = _Header(table)
    anonymous: list[int] = []
    for type_id in _all_ids(table):
        kind = table.kind(type_id)
        if kind is BTFKind.TYPEDEF or (kind in _TAGGED and table.name(type_id)):
            header.need(type_id, complete=True)
            yield from header.take()
        elif kind in (BTFKind.ENUM, BTFKind.ENUM64):
            anonymous.append(type_id)
    for type_id in anonymous:
        # Enums that no type refers to: constants.
        if header.names.prints_enum(type_id) and table.vlen(type_id):
            yield header.text.definition(type_id) + ";\n"
    yield "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n#pragma clang attribute pop\n#endif\n"
    yield from _kfuncs(header)
    yield f"#endif /* {guard} */"


def _kfuncs(header: _Header) -> Iterator[str]:
    """Prototypes of the kernel functions that programs may call, told by pahole's tag (6.10)."""
    table = header.table
    functions: list[int] = []
    for type_id in table.ids_named("bpf_kfunc"):
        tag = table[type_id]
        if isinstance(tag, DeclTag) and tag.component == -1:
            functions.append(tag.target)
    texts: list[str] = []
    for type_id in dict.fromkeys(functions):
        function = table[type_id]
        if isinstance(function, Func):
            header.need(function.target, complete=False)
            name = header.names.ordinary(function.name)
            if name == identifier(function.name):
                texts += header.take()
                texts.append(f"extern {header.text.declare(function.target, name)} __weak __ksym;")
    if texts:
        yield _KFUNC_HEAD
        yield from texts
        yield "#endif\n"
