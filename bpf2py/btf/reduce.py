"""A kernel's BTF cut down to what some BPF objects ask of it, as ``bpftool gen min_core_btf`` does.

In: the kernel's types, and for each object its own types and CO-RE records.  Out: a blob of some
kilobytes that can be shipped to kernels without BTF of their own.  Not here: files.

Relocating against the blob gives what relocating against the whole gives, for every subset of the
programs in any order: each record is put to every candidate by itself, and whatever the answer
rests on is kept.  Sizes, offsets, kinds and the order of members and types stay; members and
enumerators that nobody reads are dropped, a pointer that nobody follows points to void.  Only ids
are others, so TYPE_ID_TARGET answers with the blob's; who passes it to the kernel needs the
kernel's own BTF.
"""

from __future__ import annotations

from array import array

from ..light import Collection, Iterable, NamedTuple, Sequence
from ..uapi import BTFKind
from ..uapi import CoreRelocationKind as Kind
from . import core_access, core_match
from .core import Record, Relocator, read_records
from .core_access import FieldPath, FieldPlace
from .core_errors import RelocationError, Unanswerable
from .core_fixup import ENUM_KINDS, FIELD_KINDS, TYPE_KINDS
from .core_view import ARRAY, COMPOSITES, ENUM, ENUMS, FUNC_PROTO, LONG_NAMES, PTR, Shape, TypeView
from .encoder import Strings, assemble
from .errors import BTFError
from .kinds import EXTRA_WORDS, KIND_FLAG
from .table import TypeTable

#: The third word is the id of a type that belongs to this one (a pointer's does not).
_CHAINED = frozenset(
    map(
        int,
        (
            BTFKind.TYPEDEF,
            BTFKind.VOLATILE,
            BTFKind.CONST,
            BTFKind.RESTRICT,
            BTFKind.TYPE_TAG,
            BTFKind.FUNC,
            BTFKind.VAR,
            BTFKind.DECL_TAG,
        ),
    )
)
_DATASEC = int(BTFKind.DATASEC)


class Needs(NamedTuple):
    """What one object asks: its own types, and its records, a batch for each program."""

    local: TypeTable
    records: Sequence[bytes | Sequence[Record]]
    name: str = ""
    """For messages."""


def reduce(table: TypeTable, objects: Iterable[Needs]) -> bytes:
    """The blob with the types of *table* that relocating *objects* looks at.

    Raises RelocationError for a record that no kernel could answer and for other byte orders,
    BTFError if *table* is split or makes no sense.  That candidates disagree is no error here: it
    shows again when the program is loaded.
    """
    if table.base is not None:
        raise BTFError("split BTF cannot be reduced; give the kernel's own")
    marks = _Marks(TypeView(table, label="vmlinux"))
    watch = _Watch(table, label="vmlinux")
    for needs in objects:
        relocator = Relocator(needs.local, table)
        asked: dict[tuple[int, int, int], Record] = {}
        for batch in needs.records:
            for record in read_records(batch, needs.local.byte_order):
                asked.setdefault(record[1:], record)
        for record in asked.values():
            try:
                _ask(relocator, record, marks, watch)
            except (Unanswerable, BTFError) as error:
                raise RelocationError(
                    str(error), program=needs.name, insn=record.insn, what=relocator.spell(record)
                ) from None
    marks.add_watched(watch)
    return marks.encode()


class _Watch(TypeView):
    """A view that notes what is looked at: ids in ``shapes``, enums in ``values``, members here."""

    __slots__ = ("opened",)

    def __init__(self, table: TypeTable, *, label: str) -> None:
        super().__init__(table, label=label)
        #: Composites of which every member was looked at.
        self.opened: set[int] = set()

    def member(self, shape: Shape, number: int) -> tuple[bytes, int, int, int]:
        self.opened.add(shape.type_id)
        return super().member(shape, number)


def _ask(relocator: Relocator, record: Record, marks: _Marks, watch: _Watch) -> None:
    """Put a record to each candidate, and mark what its answer needs."""
    local = relocator.local
    _, type_id, access, kind = record
    if kind == Kind.TYPE_ID_LOCAL:
        return
    if not local.names[type_id]:
        raise Unanswerable("the local type has no name to look for")
    if kind in FIELD_KINDS:
        path = relocator.path(type_id, access)

        def put(target_id: int) -> None:
            theirs = core_match.match_field(local, path, marks.view, target_id)
            if isinstance(theirs, FieldPlace):
                marks.field(path, target_id)

    elif kind in ENUM_KINDS:
        enum, index = core_access.parse_enumerator(local, type_id, local.string(access))

        def put(target_id: int) -> None:
            theirs = core_match.match_enumerator(local, enum, index, marks.view, target_id)
            if theirs is not None:
                marks.values.setdefault(theirs[0], set()).add(theirs[1])

    elif kind in TYPE_KINDS:
        fits = core_match.types_match if kind == Kind.TYPE_MATCHES else core_match.types_are_compat

        def put(target_id: int) -> None:
            if fits(local, type_id, watch, target_id) and kind == Kind.TYPE_SIZE:
                watch.sizes[target_id]

    else:
        raise Unanswerable(f"kind {kind} of relocation is not known")
    for target_id in core_match.candidates(local, type_id, marks.view):
        marks.keep(target_id)
        try:
            put(target_id)
        except Unanswerable:
            # So it will be when the program is loaded; what was looked at until then is marked.
            continue


class _Marks:
    """The types that are kept, and how much of them."""

    def __init__(self, view: TypeView) -> None:
        self.view = view
        self.kept: set[int] = set()
        #: Of each composite, the numbers of the members that are kept; of enums, the values.
        self.members: dict[int, set[int]] = {}
        self.values: dict[int, set[int]] = {}

    def keep(self, type_id: int) -> None:
        """Keep a type and what it is without its members and pointees."""
        todo = [type_id]
        while todo:
            type_id = todo.pop()
            if type_id in self.kept or type_id == 0:
                continue
            shape = self.view.shapes[type_id]
            if shape.kind not in EXTRA_WORDS:
                continue
            self.kept.add(type_id)
            if shape.kind in _CHAINED:
                todo.append(shape.value)
            elif shape.kind == ARRAY:
                todo += shape.words[shape.rest : shape.rest + 2]
            elif shape.kind == FUNC_PROTO:
                todo.append(shape.value)
                todo += shape.words[shape.rest + 1 : shape.rest + 2 * shape.vlen : 2]

    def member(self, shape: Shape, number: int) -> int:
        """Keep a composite's member; the member's type."""
        numbers = self.members.setdefault(shape.type_id, set())
        target = shape.words[shape.rest + 3 * number + 1]
        if number not in numbers:
            numbers.add(number)
            self.keep(target)
            array = self.view.resolved[target]
            if array.kind == ARRAY and not self.view.array(array)[1] and number < shape.vlen - 1:
                # Were it the last one, its elements would have no end.
                self.member(shape, shape.vlen - 1)
        return target

    def field(self, path: FieldPath, target_id: int) -> None:
        """Keep the members that a path, known to match, leads through."""
        view = self.view
        shape = view.resolved[target_id]
        for name, _, _ in path[0][1:]:
            if name is None:
                type_id = view.array(shape)[0]
            else:
                *outer, (owner, number) = _way(view, shape, name)
                for composite, at in outer:
                    self.member(composite, at)
                type_id = self.member(owner, number)
            shape = view.resolved[type_id]

    def add_watched(self, watch: _Watch) -> None:
        """Keep what comparing whole types has looked at."""
        for type_id in list(watch.shapes):
            self.keep(type_id)
        for type_id in watch.opened:
            shape = self.view.shapes[type_id]
            for number in range(shape.vlen):
                self.member(shape, number)
        for type_id in watch.values:
            self.values[type_id] = set(range(self.view.shapes[type_id].vlen))

    def encode(self) -> bytes:
        """The blob; types keep their order."""
        view = self.view
        kept = self.kept
        if view.pointer_size != 8 and any(view.shapes[each].kind == PTR for each in kept):
            # The size of a pointer is told from these.
            for name in LONG_NAMES:
                kept.update(view.table.ids_named(name))
        order = sorted(kept)
        new_ids = {type_id: number for number, type_id in enumerate(order, 1)}
        words = array("I")
        strings = Strings()
        for type_id in order:
            words.extend(self._words(view.shapes[type_id], new_ids, strings))
        return assemble(words, strings, view.table.byte_order)

    def _words(self, shape: Shape, new_ids: dict[int, int], strings: Strings) -> Iterable[int]:
        """A type as it stands in the blob."""
        table = self.view.table
        kind, value = shape.kind, shape.value
        rest: list[int] = []
        count = shape.vlen

        def copy(width: int, numbers: Collection[int]) -> int:
            for number in sorted(numbers):
                at = shape.rest + width * number
                name, *others = shape.words[at : at + width]
                rest.append(strings.offset(table.string(name)))
                rest.extend(others)
            return len(numbers)

        if kind in COMPOSITES:
            count = copy(3, self.members.get(shape.type_id, ()))
            rest[1::3] = [new_ids.get(target, 0) for target in rest[1::3]]
        elif kind in ENUMS:
            count = copy(2 if kind == ENUM else 3, self.values.get(shape.type_id, ()))
        elif kind == FUNC_PROTO:
            copy(2, range(count))
            rest[1::2] = [new_ids.get(target, 0) for target in rest[1::2]]
        elif kind == ARRAY:
            element, index, length = shape.words[shape.rest : shape.rest + 3]
            rest = [new_ids.get(element, 0), new_ids.get(index, 0), length]
        elif kind == _DATASEC:
            count = 0
        else:
            rest = list(shape.words[shape.rest : shape.rest + EXTRA_WORDS[kind][0]])
        if kind in _CHAINED or kind in (PTR, FUNC_PROTO):
            value = new_ids.get(value, 0)
        info = kind << 24 | count | (KIND_FLAG if shape.flag else 0)
        return strings.offset(table.string(table.name_offset(shape.type_id))), info, value, *rest


def _way(view: TypeView, shape: Shape, name: bytes) -> list[tuple[Shape, int]]:
    """The member of that name and the anonymous ones around it: composite and number, outermost first."""
    owner, number = view.members[shape.type_id][name][3:]
    if owner == shape.type_id:
        return [(shape, number)]
    for at in range(shape.vlen):
        inner_name, target, _, _ = view.member(shape, at)
        if not inner_name:
            inner = view.resolved[target]
            if inner.kind in COMPOSITES and name in view.members[inner.type_id]:
                return [(shape, at), *_way(view, inner, name)]
    raise BTFError(f"type {shape.type_id} has lost a member", view.table.offset(shape.type_id))
