"""All types of a table in an order that C accepts: what ``vmlinux.h`` is made of.

In: a TypeTable.  Out: lines of a header.  A struct's members need complete types before them,
pointers only a declaration, and typedefs and enums always stand before their first use; so each
type is written when the first one that needs it is (depth first, in the order of ids).  The same
table always gives the same text.  Not here: the text of one type (``c_text``).

BTF may hold several types of one name, where C has one: the second ``struct foo`` becomes
``struct foo___2``, which CO-RE takes for a flavour of the same.
"""

from __future__ import annotations

from ..light import Iterable, Iterator
from ..uapi import BTFKind
from .c_text import CText, Names, identifier
from .errors import BTFError
from .table import TypeTable
from .types import Array, DeclTag, Enum, Enum64, Func, FuncProto, Struct, Union

# Plain integers: an attribute of an enum costs more than the comparison.
_PTR = int(BTFKind.PTR)
_ARRAY = int(BTFKind.ARRAY)
_FWD = int(BTFKind.FWD)
_TYPEDEF = int(BTFKind.TYPEDEF)
_FUNC_PROTO = int(BTFKind.FUNC_PROTO)
_ENUMS = frozenset((int(BTFKind.ENUM), int(BTFKind.ENUM64)))
_COMPOSITES = frozenset((int(BTFKind.STRUCT), int(BTFKind.UNION)))
_TAGGED: dict[int, str] = {
    int(BTFKind.STRUCT): "struct",
    int(BTFKind.UNION): "union",
    int(BTFKind.ENUM): "enum",
    int(BTFKind.ENUM64): "enum",
    _FWD: "",
}
_WRAPPERS = frozenset(
    map(int, (BTFKind.CONST, BTFKind.VOLATILE, BTFKind.RESTRICT, BTFKind.TYPE_TAG))
)
#: Compilers know it and refuse another; for BPF it is a pointer, while the kernel's is a struct in an
#: array.  So the few structs with a va_list inside have another size in C than in the kernel; the
#: header says so above each.
_BUILTIN_TYPEDEFS = frozenset(("__builtin_va_list",))
#: Types needing types needing types: the kernel's go to about forty.
_MAX_DEPTH = 200

_VA_LIST_COMMENT = """\
/* Holds a va_list, which is 8 bytes for BPF and more in the kernel: size and later offsets are
 * other than the kernel's here, and right when CO-RE has relocated the accesses to members. */"""

_KFUNC_HEAD = """\
#ifndef BPF_NO_KFUNC_PROTOTYPES
#ifndef __ksym
#define __ksym __attribute__((section(".ksyms")))
#endif
#ifndef __weak
#define __weak __attribute__((weak))
#endif
"""


class _Columns:
    """Kind, place of the name, and size or target of every type, by id."""

    __slots__ = ("kinds", "names", "values", "vlens")

    def __init__(self, table: TypeTable) -> None:
        self.names, infos, self.values = table.columns()
        self.kinds = [info >> 24 & 0x7F for info in infos]
        self.vlens = [info & 0xFFFFFF for info in infos]


class UniqueNames(Names):
    """Names as in BTF, with ``___2`` where a scope of C has them already."""

    def __init__(self, table: TypeTable, columns: _Columns | None = None) -> None:
        super().__init__(table)
        self._tags: dict[int, str] = {}
        self._ordinary: dict[int, str] = {}
        self._used: dict[str, int] = {}
        self._enumerators: dict[int, list[tuple[str, int]]] = {}
        used_tags: dict[str, int] = {}
        defined: dict[tuple[str, str], int] = {}
        forward: list[int] = []
        columns = columns or _Columns(table)
        for type_id, (kind, offset) in enumerate(zip(columns.kinds, columns.names, strict=True)):
            if not offset or (kind not in _TAGGED and kind != _TYPEDEF):
                continue
            name = identifier(table.string(offset))
            if not name:
                continue
            if kind == _TYPEDEF:
                self._ordinary[type_id] = _unique(name, self._used)
            elif kind == _FWD:
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


class _Header:
    """Emits each type once, what it needs before it."""

    def __init__(self, table: TypeTable) -> None:
        self.table = table
        self.columns = _Columns(table)
        self.names = UniqueNames(table, self.columns)
        self.text = CText(table, self.names)
        self.lines: list[str] = []
        self.done: set[int] = set()
        self.open: set[int] = set()
        self.declared: set[str] = set()
        self.prototypes = 0
        #: What needs nothing more: used by value, used behind a pointer.
        self.settled: tuple[set[int], set[int]] = (set(), set())
        #: Structs that hold a va_list, as far as they are written.
        self.va_lists: set[int] = set()

    def need(self, type_id: int, *, complete: bool, depth: int = 0) -> bool:
        """Emit what must stand before a use of the type; by value if *complete*.

        Whether that will also do for the next use: a struct that is just being written needs no
        declaration yet.
        """
        settled = self.settled[complete]
        if type_id in settled:
            return True
        if type_id in self.done and self.columns.kinds[type_id] != _TYPEDEF:
            return True
        if depth > _MAX_DEPTH:
            raise BTFError(f"type {type_id} is nested too deep", self.table.offset(type_id))
        if type_id >= len(self.columns.kinds):
            raise BTFError(f"there is no type {type_id}")
        kind = self.columns.kinds[type_id]
        depth += 1
        final = True
        if kind == _PTR:
            final = self.need(self.columns.values[type_id], complete=False, depth=depth)
        elif kind in _WRAPPERS:
            final = self.need(self.columns.values[type_id], complete=complete, depth=depth)
        elif kind == _ARRAY:
            array = self.table[type_id]
            assert isinstance(array, Array)
            # C wants a complete element even behind a pointer.
            final = self.need(array.element, complete=True, depth=depth)
        elif kind == _FUNC_PROTO:
            proto = self.table[type_id]
            assert isinstance(proto, FuncProto)
            self.prototypes += 1
            for target in (proto.target, *(param.target for param in proto.params)):
                self.need(target, complete=False, depth=depth)
            self.prototypes -= 1
        elif kind == _TYPEDEF:
            final = self._typedef(type_id, complete, depth)
        elif kind in _TAGGED:
            final = self._tagged(type_id, kind, complete, depth)
        if final:
            settled.add(type_id)
        return final

    def _typedef(self, type_id: int, complete: bool, depth: int) -> bool:
        target = self.columns.values[type_id]
        if type_id not in self.done:
            self._enter(type_id)
            self.need(target, complete=False, depth=depth)
            self._leave(type_id)
            name = self.names.typedef(type_id)
            if name not in _BUILTIN_TYPEDEFS:
                self._emit(f"typedef {self.text.declare(target, name)};")
        return not complete or self.need(target, complete=True, depth=depth)

    def _tagged(self, type_id: int, kind: int, complete: bool, depth: int) -> bool:
        offset = self.columns.names[type_id]
        named = bool(offset) and bool(self.table.string(offset))
        if kind in _ENUMS:
            if named:
                self.done.add(type_id)
                self._emit(self.text.definition(type_id) + ";")
            return True
        if kind == _FWD or (named and not complete):
            return self._declare(type_id)
        struct = self.table[type_id]
        assert isinstance(struct, (Struct, Union))
        self._enter(type_id)
        for member in struct.members:
            self.need(member.target, complete=True, depth=depth)
        self._leave(type_id)
        if any(self._holds_va_list(member.target) for member in struct.members):
            self.va_lists.add(type_id)
            if named:
                self.lines.append(_VA_LIST_COMMENT)
        if named:
            self._emit(self.text.definition(type_id) + ";")
        return True

    def _holds_va_list(self, type_id: int) -> bool:
        """Whether C takes a value of the type for a va_list or something around one."""
        kinds, values = self.columns.kinds, self.columns.values
        for _ in range(_MAX_DEPTH):
            kind = kinds[type_id]
            if kind in _COMPOSITES:
                return type_id in self.va_lists
            if kind == _TYPEDEF and self.table.name(type_id) in _BUILTIN_TYPEDEFS:
                return True
            if kind == _ARRAY:
                array = self.table[type_id]
                assert isinstance(array, Array)
                type_id = array.element
            elif kind == _TYPEDEF or kind in _WRAPPERS:
                type_id = values[type_id]
            else:
                return False
        return False

    def _declare(self, type_id: int) -> bool:
        # A tag first seen in a prototype would be known there only; a struct that points to itself
        # or to one around it needs no declaration otherwise.
        if not self.prototypes and type_id in self.open:
            return False
        text = self.text.base(type_id)
        if text not in self.declared:
            self.declared.add(text)
            self._emit(f"{text};")
        return True

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


def header_lines(
    table: TypeTable, *, guard: str = "__VMLINUX_H__", types: Iterable[int] | None = None
) -> Iterator[str]:
    """The header, definition by definition; each piece ends with an empty line.

    With *types* only those and what C needs for them: what they hold by value whole, what they
    point to as a declaration.  Without, all types and the prototypes of kfuncs.
    """
    yield f"#ifndef {guard}\n#define {guard}\n"
    yield (
        "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n"
        "#pragma clang attribute push (__attribute__((preserve_access_index)), apply_to = record)\n"
        "#endif\n"
    )
    header = _Header(table)
    columns = header.columns
    anonymous: list[int] = []
    for type_id in range(1, len(table)) if types is None else types:
        kind = columns.kinds[type_id]
        if kind == _TYPEDEF or (kind in _TAGGED and columns.names[type_id]):
            header.need(type_id, complete=True)
            yield from header.take()
        elif kind in _ENUMS:
            anonymous.append(type_id)
    for type_id in anonymous:
        # Enums that no type refers to: constants.
        if header.names.prints_enum(type_id) and columns.vlens[type_id]:
            yield header.text.definition(type_id) + ";\n"
    yield "#ifndef BPF_NO_PRESERVE_ACCESS_INDEX\n#pragma clang attribute pop\n#endif\n"
    if types is None:
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
