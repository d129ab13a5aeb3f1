"""From BTF ids to layouts: everything reachable from the types that are asked for.

In: a TypeTable.  Out: a :data:`Value` per id, and ``definitions``.  Whatever cannot be said in
Python is a :class:`CodegenError` that begins with the C path.  The BTF may be hostile: recursion
is bounded, sizes are checked against those of the containing type.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from ..btf import BTFError, TypeTable
from ..btf.layout import PlacedMember
from ..btf.types import (
    Array,
    Const,
    Datasec,
    DeclTag,
    Enum,
    Enum64,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Ptr,
    Restrict,
    Struct,
    Typedef,
    TypeTag,
    Union,
    Var,
    Void,
    Volatile,
)
from .c_text import c_text, safe
from .errors import CodegenError
from .layouts import (
    UNTYPED,
    Definition,
    EnumDef,
    Field,
    Left,
    ListOf,
    Named,
    Number,
    Raw,
    RestOf,
    StructDef,
    Text,
    UnionDef,
    Value,
    Viewed,
)
from .members import MAX_DEPTH, Members, check_overlap, innermost, kernel_owned, rest_of
from .names import pascal_case
from .views import NONE, OF_BITFIELDS, View, Views, shown_as, untyped, viewed

POINTER = Number(8)


class Collector:
    """Collects definitions while values are asked for; ``views`` are configured ones by place."""

    def __init__(
        self, table: TypeTable, *, views: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.table = table
        self.views = Views(table, views)
        self.definitions: list[Definition] = []
        #: The first type that each definition was made from.
        self.type_ids: list[int] = []
        #: Every struct, union and enum that a value was asked for.
        self.met: set[int] = set()
        #: Per type under a view, the first one's name.
        self.viewed: dict[int, str] = {}
        #: The enums whose members are flags: places among the definitions.
        self.flags: set[int] = set()
        self._index: dict[Definition, int] = {}
        self._done: dict[tuple[int, bool], int] = {}
        self._active: set[int] = set()
        self._typedefs = _typedefs_of_anonymous(table)
        self._placed = Members(table, self.views)

    def value(
        self,
        type_id: int,
        *,
        path: str,
        hint: str,
        tail: bool = False,
        depth: int = 0,
        view: View | None = None,
    ) -> Value:
        """What a value of that type is in Python.

        ``path`` is the C path for errors, ``hint`` the C name for a type that has none; with
        ``tail``, a flexible array member at the very end holds what follows in the buffer.  A
        ``view`` is that of the place, which goes before that of the type.
        """
        if depth > MAX_DEPTH:
            raise CodegenError(f"{path}: nested too deeply")
        view = view or self.views.of_type(type_id)
        if view and view.name != NONE:
            self.viewed.setdefault(self.table.resolve(type_id), view.name)
            return viewed(
                self.table, view, type_id, path, lambda enum: self._held(enum, view, hint)
            )
        resolved = self.table.resolve(type_id)
        typ = self.table[resolved]
        match typ:
            case Int():
                return _number(typ, path)
            case Ptr():
                return POINTER
            case Float(name=name, size=size):
                # ``long double`` of other machines; GCC writes ``complex float``, 8 bytes
                if size not in (2, 4, 8) or "complex" in name:
                    return Raw(size)
                return Number(size, python="float")
            case Array(element=element, length=length):
                return self._array(element, length, path, hint, depth, view)
            case Enum() | Enum64():
                if not typ.values:  # declared, never defined: an int is all that is known
                    return Number(typ.size, typ.signed)
                self.met.add(resolved)
                return self._named(self._enum(resolved, typ, hint))
            case Struct() | Union():
                self.met.add(resolved)
                return self._named(self._class(resolved, typ, path, hint, tail, depth))
            case Fwd():
                text = c_text(self.table, resolved)
                raise CodegenError(
                    f"{path}: {text} is declared, but never defined",
                    hint="of what is only behind a pointer in a struct, clang writes the name alone; "
                    f"`{text} *unused;` at file scope puts the whole into the object",
                )
            case Void() | Func() | FuncProto() | Var() | Datasec() | DeclTag():
                raise CodegenError(f"{path}: a {typ.kind.name} is no type of a value")
            case Typedef() | Const() | Volatile() | Restrict() | TypeTag():
                raise BTFError(f"type {type_id} was not resolved")

    def index_of(self, type_id: int) -> int | None:
        """The place of the definition that a struct or union became; ``None`` if it did not."""
        resolved = self.table.resolve(type_id)
        found = (self._done.get((resolved, tail)) for tail in (True, False))
        return next((index for index in found if index is not None), None)

    def reachable(self, values: Collection[Value]) -> set[int]:
        """The places of all definitions that *values* consist of."""
        found: set[int] = set()
        todo = list(values)
        while todo:
            value = todo.pop()
            match value:
                case ListOf(element=element) | RestOf(element=element):
                    todo.append(element)
                case Named(index=index) | Viewed(index=index) if index not in found and index >= 0:
                    found.add(index)
                    definition = self.definitions[index]
                    if not isinstance(definition, EnumDef):
                        todo += [m.value for m in definition.members if isinstance(m, Field)]
                case _:
                    pass
        return found

    # ---- definitions ----

    def _named(self, index: int) -> Named:
        return Named(index, self.definitions[index].size)

    def _add(self, definition: Definition, type_id: int) -> int:
        index = self._index.setdefault(definition, len(self.definitions))
        if index == len(self.definitions):
            self.definitions.append(definition)
            self.type_ids.append(type_id)
        return index

    def _natural(self, type_id: int, name: str, hint: str) -> str:
        """The C name that a class is named after."""
        return name or self._typedefs.get(type_id, "") or hint

    def _enum(self, type_id: int, typ: Enum | Enum64, hint: str) -> int:
        natural = self._natural(type_id, typ.name, hint)
        values = tuple((value.name, value.value) for value in typ.values)
        c_name = self._c_name(type_id, typ)
        definition = EnumDef(pascal_case(natural), c_name, typ.size, typ.signed, values)
        return self._add(definition, type_id)

    def _held(self, type_id: int, view: View, hint: str) -> int:
        """The enum that an integer holds under *view*."""
        typ = self.table[type_id]
        assert isinstance(typ, Enum | Enum64)
        index = self._enum(type_id, typ, hint)
        if view.name == "flags":
            self.flags.add(index)
        return index

    def _c_name(self, type_id: int, typ: Struct | Union | Enum | Enum64) -> str:
        text = c_text(self.table, type_id)
        if typ.name:
            return text
        typedef = self._typedefs.get(type_id)
        return safe(typedef) if typedef else f"anonymous {text}"

    def _class(
        self, type_id: int, typ: Struct | Union, path: str, hint: str, tail: bool, depth: int
    ) -> int:
        done = self._done.get((type_id, tail))
        if done is not None and (typ.name or type_id in self._typedefs):
            return done
        if type_id in self._active:
            raise CodegenError(f"{path}: {c_text(self.table, type_id)} contains itself")
        self._active.add(type_id)
        try:
            natural = self._natural(type_id, typ.name, hint)
            if typ.name or type_id in self._typedefs:
                path = self._c_name(type_id, typ)
            union = isinstance(typ, Union)
            tagged = list(self._placed.of(type_id, typ, path, depth))
            leaves = [leaf for leaf, _ in tagged]
            last = leaves[-1] if leaves and not union else None
            parts = tuple(
                (
                    self._untyped(leaf, tag, leaves, typ, path)
                    if isinstance(innermost(self.table, leaf.type_id), Void)
                    else self._member(leaf, tag, typ, path, natural, tail and leaf is last, depth)
                )
                for leaf, tag in tagged
            )
            if not union:
                check_overlap(parts, path)
            make = UnionDef if union else StructDef
            c_name = self._c_name(type_id, typ)
            index = self._add(make(pascal_case(natural), c_name, typ.size, parts), type_id)
        finally:
            self._active.discard(type_id)
        self._done[type_id, tail] = index
        return index

    def _member(
        self,
        leaf: PlacedMember,
        tag: View | None,
        parent: Struct | Union,
        path: str,
        natural: str,
        tail: bool,
        depth: int,
    ) -> Field | Left:
        offset, bit = divmod(leaf.bit_offset, 8)
        name = safe(leaf.name) or f"union_{offset}"
        path = f"{path}.{name}" if leaf.name else path  # as C says it: without the union
        text = self._text(leaf.type_id, path)
        owned = kernel_owned(self.table, leaf.type_id)
        if owned:
            return Left(leaf.name, f"{text} {safe(name)}, offset {offset}: {owned}")
        view = self.views.at(path, tag) if leaf.name else None
        hint = f"{natural}_{name}"
        value = self.value(
            leaf.type_id, path=path, hint=hint, tail=tail, depth=depth + 1, view=view
        )
        if leaf.bit_size:
            return self._bitfield(leaf, parent, value, path, text)
        if bit:
            raise CodegenError(f"{path}: begins inside a byte, but is no bitfield")
        if offset + value.size > parent.size:
            raise CodegenError(f"{path}: ends outside of its {parent.size} bytes")
        if tail and (rest := rest_of(value)) is not None:
            return Field(leaf.name, offset, rest, text.replace("[0]", "[]", 1) + shown_as(rest))
        if value.size == 0:
            return Left(leaf.name, f"{text} {safe(name)}, offset {offset}: has no bytes here")
        return Field(leaf.name, offset, value, text + shown_as(value))

    def _untyped(
        self,
        leaf: PlacedMember,
        tag: View | None,
        leaves: list[PlacedMember],
        parent: Struct | Union,
        path: str,
    ) -> Field | Left:
        """A member that BTF has no type for: clang writes ``_Atomic`` and ``_Complex`` as void.

        Its bytes, up to the next member: more is not known.
        """
        name = safe(leaf.name)
        size = parent.size * 8
        behind = [each.bit_offset for each in leaves if each.bit_offset > leaf.bit_offset]
        end = size if isinstance(parent, Union) else min(behind, default=size)
        offset = leaf.bit_offset // 8
        room = end // 8 - offset
        if leaf.bit_offset % 8 or room < 0:
            raise CodegenError(f"{path}.{leaf.name}: ends outside of its {parent.size} bytes")
        if not room:
            return Left(leaf.name, f"{name}, offset {offset}: has no bytes here")
        path = f"{path}.{name}"
        value = untyped(self.views.at(path, tag), room, path)
        return Field(leaf.name, offset, value, UNTYPED + shown_as(value))

    def _bitfield(
        self,
        leaf: PlacedMember,
        parent: Struct | Union,
        value: Value,
        path: str,
        text: str,
    ) -> Field:
        start, width = leaf.bit_offset, leaf.bit_size
        enum = isinstance(value, Named) and isinstance(self.definitions[value.index], EnumDef)
        plain = isinstance(value, Number) and value.python != "float"
        if (
            not enum
            and not plain
            and not (isinstance(value, Viewed) and value.view in OF_BITFIELDS)
        ):
            raise CodegenError(f"{path}: a bitfield of {text}{shown_as(value)}")
        if width > value.size * 8 or start + width > parent.size * 8:
            raise CodegenError(f"{path}: {width} bits from bit {start} on do not fit")
        return Field(leaf.name, start // 8, value, text + shown_as(value), (start % 8, width))

    # ---- parts ----

    def _text(self, type_id: int, path: str) -> str:
        try:
            return c_text(self.table, type_id)
        except CodegenError as exc:
            raise CodegenError(f"{path}: {exc}") from None

    def _array(
        self, element: int, length: int, path: str, hint: str, depth: int, view: View | None
    ) -> Value:
        inner = self.table[self.table.resolve(element)]
        if isinstance(inner, Int) and inner.size == 1 and inner.bits == 8 and not inner.boolean:
            # ``char name[0]`` is an empty text: the struct around it decides what that means
            if inner.char or inner.name == "char":
                return Text(length)
            if not inner.signed:
                return Raw(length)
        value = self.value(element, path=path, hint=hint, depth=depth + 1, view=view)
        return ListOf(value, length, value.size * length)


def _number(typ: Int, path: str) -> Number:
    if not 1 <= typ.size <= 16:
        raise CodegenError(f"{path}: there is no integer of {typ.size} bytes")
    if typ.boolean and typ.size == 1:
        return Number(1, python="bool")
    return Number(typ.size, typ.signed)


def _typedefs_of_anonymous(table: TypeTable) -> dict[int, str]:
    """For each type without a name, the first typedef that gives it one."""
    found: dict[int, str] = {}
    for type_id in range(1, len(table)):
        typ = table[type_id]
        if isinstance(typ, Typedef):
            target = table[typ.target]
            anonymous = isinstance(target, Struct | Union | Enum | Enum64) and not target.name
            if anonymous:
                found.setdefault(typ.target, typ.name)
    return found
