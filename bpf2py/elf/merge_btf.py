"""The BTF of several objects as that of one, and their ``.BTF.ext`` along with it.

In: objects whose sections and symbols are merged.  Out: both sections' bytes.  Not here: which
definition counts (``merge_symbols``), which types are equal (``btf.dedup``).

A global name is described once, by who defines it; in its data section it stands where its symbol
says.  A prototype that a declaration has of a function takes over the names of parameters, so that
it is the same type.  Follows linker_append_btf() and finalize_btf() of libbpf, except that a weak
variable that was replaced leaves nothing behind.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence

from ..btf import types as t
from ..btf.dedup import dedup
from ..btf.encoder import Strings, encode
from ..btf.errors import BTFError
from ..btf.ext_info import (
    CORE_RELOCATION_FORMAT,
    FUNC_INFO_FORMAT,
    LINE_INFO_FORMAT,
    ExtInfo,
    encode_ext,
)
from ..btf.header import PREFIX
from ..btf.references import renumbered
from ..records import replace
from ..spec import ByteOrder, Linkage
from .merge_symbols import UNANNOTATED, Input, Merged
from .writer import OutSection


def merged_btf(
    inputs: Sequence[Input],
    names: Mapping[str, Merged],
    sections: Sequence[OutSection],
    byte_order: ByteOrder,
) -> dict[str, bytes]:
    """The contents of ``.BTF`` and ``.BTF.ext``; empty where the objects have none.

    Raises ``BTFError`` for types that make no sense.
    """
    merger = _Merger(names)
    for each in inputs:
        merger.add(each)
    merger.add_sections(inputs, sections)
    types, ids = dedup(merger.finished())
    if not types:
        return {}
    strings = Strings()
    ext = _merged_ext(inputs, merger, ids, sections, strings, byte_order)
    # Before .BTF is written, which holds their strings.
    tables = ext.func_info, ext.line_info, ext.core_relocations
    ext_data = encode_ext(ext, strings.offset) if any(tables) else b""
    found = {".BTF": encode(types, byte_order=byte_order, strings=strings)}
    return found | ({".BTF.ext": ext_data} if ext_data else {})


class _Merger:
    """Types of all objects one behind the other, a global name's only once."""

    def __init__(self, names: Mapping[str, Merged]) -> None:
        self._names = names
        #: The types to come, each with the object that says it; by id, from 1.
        self._types: list[tuple[Input | None, t.Type]] = []
        #: By object, what each of its ids became; 0 for what is left out.
        self.ids: dict[Input, list[int]] = {}
        #: The one type of a global or extern name.
        self._named: dict[str, int] = {}
        self._sizes: dict[Input, dict[int, int]] = {}

    def add(self, each: Input) -> None:
        """Append the types of *each*, without data sections."""
        table = each.table
        if table is None:
            return
        ids = self.ids[each] = [0] * len(table)
        prototypes = self._prototypes(each)
        for type_id in table:
            this = prototypes.get(type_id) or table[type_id]
            match this:
                case t.Datasec():
                    continue
                case t.Var() | t.Func() if this.linkage != Linkage.STATIC:
                    ids[type_id] = self._global(each, this)
                case t.DeclTag() if _is_left_out(self._names, table[this.target]):
                    continue
                case _:
                    self._types.append((each, this))
                    ids[type_id] = len(self._types)

    def _global(self, each: Input, this: t.Var | t.Func) -> int:
        """The id of a global or extern name; what defines it says what it is."""
        known = self._named.get(this.name)
        if known is None:
            if _is_left_out(self._names, this):
                return 0
            self._types.append((each, this))
            known = self._named[this.name] = len(self._types)
        merged = self._names.get(this.name)
        if merged is not None and merged.origin is each:
            linkage = Linkage.GLOBAL if merged.defined else Linkage.EXTERN
            self._types[known - 1] = each, replace(this, linkage=linkage)
        return known

    def _prototypes(self, each: Input) -> dict[int, t.Type]:
        """Prototypes of functions defined elsewhere, with the names that they have there."""
        table = each.table
        assert table is not None
        found: dict[int, t.Type] = {}
        for type_id in table:
            function = table[type_id]
            merged = self._names.get(function.name) if isinstance(function, t.Func) else None
            if merged is None or merged.origin is each or not merged.defined:
                continue
            assert isinstance(function, t.Func)
            assert merged.origin.table is not None
            theirs = merged.origin.table
            mine = table[function.target]
            definition = theirs[theirs.size_or_target(merged.described.type_id)]
            if isinstance(mine, t.FuncProto) and isinstance(definition, t.FuncProto):
                params = [
                    replace(a, name=a.name or b.name)
                    for a, b in zip(mine.params, definition.params, strict=True)
                ]
                found[function.target] = replace(mine, params=tuple(params))
        return found

    def add_sections(self, inputs: Sequence[Input], sections: Sequence[OutSection]) -> None:
        """Append one DATASEC for all of a name; they speak of the merged ids already."""
        rows: dict[str, list[t.SectionVar]] = {}
        order: dict[str, None] = {}
        done: set[int] = set()
        for each in inputs:
            starts = {place[0].name: place[1] for place in each.places.values()}
            left_out = {s.name for s in each.elf.sections} - starts.keys() | {UNANNOTATED}
            order |= dict.fromkeys(starts)
            for section in _datasecs(each):
                if section.name in left_out:
                    continue
                order.setdefault(section.name)
                listed = rows.setdefault(section.name, [])
                for row in section.variables:
                    new = self.ids[each][row.target]
                    if not new or new in done:
                        continue
                    placed = self._row(each, section.name, row, starts.get(section.name, 0))
                    if placed is not None:
                        done.add(new)
                        listed.append(replace(placed, target=new))
        sizes = {section.name: section.size for section in sections}
        for name in order:
            if name in rows:
                if name in sizes:  # as the kernel wants them; others are laid out by who loads
                    rows[name].sort(key=lambda row: row.offset)
                datasec = t.Datasec(name, sizes.get(name, 0), tuple(rows[name]))
                self._types.append((None, datasec))

    def _row(self, each: Input, section: str, row: t.SectionVar, start: int) -> t.SectionVar | None:
        """Where a variable of *each* lies now; ``None`` if its definition lies elsewhere."""
        assert each.table is not None
        this = each.table[row.target]
        if not isinstance(this, t.Var | t.Func):
            raise BTFError(f"section {section!r} lists type {row.target}, which is no variable")
        merged = None if this.linkage == Linkage.STATIC else self._names.get(this.name)
        if merged is None:
            return replace(row, offset=start + row.offset)
        if merged.section != section:
            return None
        size = self._sizes_in(merged.origin).get(merged.described.type_id, row.size)
        offset = 0 if merged.out.section is None else merged.out.value
        return replace(row, offset=offset, size=size)

    def _sizes_in(self, each: Input) -> dict[int, int]:
        """How many bytes the data sections of *each* say that a variable has."""
        if each not in self._sizes:
            rows = [row for section in _datasecs(each) for row in section.variables]
            self._sizes[each] = {row.target: row.size for row in rows}
        return self._sizes[each]

    def finished(self) -> list[t.Type]:
        """All types, with the merged ids."""
        return [
            this if each is None else renumbered(this, self.ids[each].__getitem__)
            for each, this in self._types
        ]


def _datasecs(each: Input) -> Iterator[t.Datasec]:
    for type_id in each.table or ():
        assert each.table is not None
        this = each.table[type_id]
        if isinstance(this, t.Datasec):
            yield this


def _is_left_out(names: Mapping[str, Merged], this: t.Type) -> bool:
    """Whether *this* is a definition whose section was left out: a second license."""
    return isinstance(this, t.Var) and this.linkage == Linkage.GLOBAL and this.name not in names


def _merged_ext(
    inputs: Sequence[Input],
    merger: _Merger,
    final: Sequence[int],
    sections: Sequence[OutSection],
    strings: Strings,
    byte_order: ByteOrder,
) -> ExtInfo:
    """The three tables, sections in their new order, counted from the new sections' starts."""
    order = PREFIX[byte_order]
    #: The fields that are ids of types and offsets of strings.
    layouts = (
        ("func_info", FUNC_INFO_FORMAT, (1,), ()),
        ("line_info", LINE_INFO_FORMAT, (), (1, 2)),
        ("core_relocations", CORE_RELOCATION_FORMAT, (1,), (2,)),
    )
    tables: dict[str, dict[str, bytes]] = {}
    sizes = {section.name: section.size for section in sections}
    for what, record, types, texts in layouts:
        layout = struct.Struct(order + record)
        merged: dict[str, bytearray] = {section.name: bytearray() for section in sections}
        for each in inputs:
            if each.ext is None or each.table is None:
                continue
            ids = merger.ids[each]
            starts = {place[0].name: place[1] for place in each.places.values()}
            table: dict[str, bytes] = getattr(each.ext, what)
            for name in table.keys() - starts.keys():
                raise each.elf.error(f"'.BTF.ext' speaks of section {name!r}, which is missing")
            for name in filter(table.__contains__, merged):
                for fields in layout.iter_unpack(table[name]):
                    row = list(fields)
                    row[0] += starts[name]
                    if row[0] >= sizes[name]:
                        raise BTFError(f"{what} speaks of a byte behind section {name!r}")
                    for i in types:
                        if not 0 < row[i] < len(ids) or not ids[row[i]]:
                            raise BTFError(f"{what} speaks of type {row[i]}, which is missing")
                        row[i] = final[ids[row[i]]]
                    for i in texts:
                        row[i] = strings.offset(each.table.string(row[i]))
                    merged[name] += layout.pack(*row)
        tables[what] = {name: bytes(data) for name, data in merged.items() if data}
    return ExtInfo(byte_order, **tables)
