"""Definitions as models of Python classes: names, annotations, defaults, comments.

In: a :class:`Collector` that has met every type, the names that are taken, and the definitions
that serve as keys.  Out: models in the order in which the module needs them, and a
:class:`Source` that writes values of those types.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from . import names
from .collect import Collector
from .docs import INDENT, type_doc
from .format import LINE_LENGTH
from .layouts import (
    UNTYPED,
    Definition,
    EnumDef,
    Field,
    Left,
    ListOf,
    Named,
    RestOf,
    StructDef,
    UnionDef,
    Value,
)
from .model import (
    EnumeratorModel,
    EnumModel,
    FieldModel,
    MemberModel,
    StructModel,
    TypeModel,
    UnionModel,
)
from .pytypes import BUILTINS, Source
from .views import shown_as


def describe_types(
    collector: Collector,
    *,
    reserved: Collection[str],
    keys: Collection[Value],
    strip_enum_prefix: bool = False,
) -> tuple[Source, tuple[TypeModel, ...]]:
    """Models of every definition met: enums first, then structs and unions, parts before wholes."""
    definitions = collector.definitions
    class_names = names.assign_classes((d.natural for d in definitions), reserved=reserved)
    builder = _Builder(collector, class_names, reserved, keys, strip_enum_prefix)
    return builder.source, builder.models()


class _Builder:
    def __init__(
        self,
        collector: Collector,
        class_names: Sequence[str],
        reserved: Collection[str],
        keys: Collection[Value],
        strip_enum_prefix: bool,
    ) -> None:
        self.collector = collector
        self.strip_enum_prefix = strip_enum_prefix
        self.definitions = definitions = collector.definitions
        self.names = class_names
        classes = frozenset(reserved).union(class_names)
        self.taken = names.STRUCT_RESERVED | classes
        self.taken_in_unions = names.UNION_RESERVED | classes
        self.keys = keys
        self.hashable = collector.reachable(keys)
        #: Per definition, the Python name of each member.
        self.members = [
            self._member_names(definition, name)
            for definition, name in zip(definitions, class_names, strict=True)
        ]
        self.source = Source(
            definitions,
            class_names,
            [self._zero(i) for i in range(len(definitions))],
            collector.flags,
        )

    def models(self) -> tuple[TypeModel, ...]:
        enums: list[TypeModel] = []
        classes: list[TypeModel] = []
        for index, definition in enumerate(self.definitions):
            match definition:
                case EnumDef():
                    enums.append(self._enum(index, definition))
                case StructDef():
                    classes.append(self._struct(index, definition))
                case UnionDef():
                    classes.append(self._union(index, definition))
        return (*enums, *classes)

    # ---- names ----

    def _member_names(self, definition: Definition, class_name: str) -> dict[str, str]:
        where = definition.c_name
        match definition:
            case EnumDef(values=values):
                short = {name: name for name, _ in values}
                if self.strip_enum_prefix:
                    short = names.without_prefix(
                        short, enum_name=where.removeprefix("enum "), enum_class=class_name
                    )
                given = names.assign(short.values(), where=where, enum_class=class_name)
                return {name: given[shorter] for name, shorter in short.items()}
            case UnionDef(members=members):
                c_names = [member.c_name for member in members if isinstance(member, Field)]
                return names.assign(c_names, reserved=self.taken_in_unions, where=where)
            case StructDef():
                c_names = []
                for field in _fields(definition):
                    c_names += [field.c_name] if field.c_name else self._union_members(field)
                result = names.assign(c_names, reserved=self.taken, where=where)
                for field in _fields(definition):
                    if not field.c_name:
                        name = _storage_name(field)
                        while name in result.values():
                            name += "_"
                        result[_storage_key(field)] = name
                return result

    def _union_members(self, field: Field) -> list[str]:
        """The C names that an anonymous union gives to the struct around it."""
        return [member.c_name for member in _fields(self._definition(field.value))]

    def _definition(self, value: Value) -> Definition:
        assert isinstance(value, Named)
        return self.definitions[value.index]

    def _zero(self, index: int) -> str:
        definition = self.definitions[index]
        if not isinstance(definition, EnumDef):
            return ""
        if index in self.collector.flags:
            return f"{self.names[index]}(0)"
        for c_name, number in definition.values:
            if number == 0:
                member = self.members[index][c_name]
                # a name with an underscore in front is private to the class, say the checkers
                private = member.startswith("_")
                return f"{self.names[index]}(0)" if private else f"{self.names[index]}.{member}"
        return "0"

    # ---- models ----

    def _doc(self, index: int) -> str:
        type_id = self.collector.type_ids[index]
        return type_doc(self.collector.table, type_id, self.definitions[index])

    def _enum(self, index: int, definition: EnumDef) -> EnumModel:
        members = self.members[index]
        return EnumModel(
            name=self.names[index],
            c_name=definition.c_name,
            size=definition.size,
            members=tuple(
                EnumeratorModel(members[c_name], c_name, number)
                for c_name, number in definition.values
            ),
            doc=self._doc(index),
            flags=index in self.collector.flags,
        )

    def _struct(self, index: int, definition: StructDef) -> StructModel:
        members = self.members[index]
        shadowed = BUILTINS & set(members.values())
        fields: list[FieldModel] = []
        forwards: list[FieldModel] = []
        parameters: list[tuple[str, str]] = []
        keywords: list[tuple[str, str]] = []
        layout: list[tuple[str, int, str]] = []
        above: list[str] = []
        for member in definition.members:
            if isinstance(member, Left):
                above.append(member.comment)
                continue
            name = members[member.c_name or _storage_key(member)]
            annotation = self.source.annotation(member.value, shadowed)
            code = f"{name}: {annotation} = {self.source.default(member.value, shadowed)}"
            fields.append(_line(code, _comment(member), tuple(above)))
            parameters.append((name, annotation))
            above = []
            layout.append((name, member.offset, self.source.field_codec(member.value, member.bits)))
            if not member.c_name:
                forwards += self._forwards(member, name, members)
                keywords += [
                    (members[part.c_name], self.source.annotation(part.value, shadowed))
                    for part in _fields(self._definition(member.value))
                ]
        plain = self._plainly_hashable(Named(index, definition.size))
        key = index in self.hashable
        return StructModel(
            name=self.names[index],
            c_name=definition.c_name,
            size=definition.size,
            members=self._members(index),
            doc=self._doc(index),
            decorator="@codec.dataclass(slots=True"
            + (", unsafe_hash=True)" if key and plain else ")"),
            fields=tuple(fields),
            forwards=tuple(forwards),
            parameters=tuple(parameters),
            keywords=tuple(keywords),
            notes=tuple(above),
            hash_by_bytes=key and not plain,
            layout=tuple(layout),
        )

    def _forwards(self, storage: Field, name: str, members: dict[str, str]) -> list[FieldModel]:
        assert isinstance(storage.value, Named)
        index = storage.value.index
        return [
            _line(
                f"{members[field.c_name]} = "
                f'codec.forward("{name}", {self.names[index]}.{self.members[index][field.c_name]})',
                _comment(field, storage.offset),
            )
            for field in _fields(self.definitions[index])
        ]

    def _union(self, index: int, definition: UnionDef) -> UnionModel:
        members = self.members[index]
        shadowed = BUILTINS & set(members.values())
        lines: list[FieldModel] = []
        keywords: list[tuple[str, str]] = []
        layout: list[tuple[str, int, str]] = []
        above: list[str] = []
        for member in definition.members:
            if isinstance(member, Left):
                above.append(member.comment)
                continue
            view = self.source.field_codec(member.value, member.bits)
            place = f", {member.offset}" if member.offset else ""
            name = members[member.c_name]
            lines.append(
                _line(f"{name} = codec.member({view}{place})", _comment(member), tuple(above))
            )
            keywords.append((name, self.source.annotation(member.value, shadowed)))
            layout.append((name, member.offset, view))
            above = []
        return UnionModel(
            name=self.names[index],
            c_name=definition.c_name,
            size=definition.size,
            members=self._members(index),
            doc=self._doc(index),
            lines=tuple(lines),
            notes=tuple(above),
            is_key=Named(index, definition.size) in self.keys,
            keywords=tuple(keywords),
            bytes_name="builtins.bytes" if "bytes" in shadowed else "bytes",
            object_name="builtins.object" if "object" in shadowed else "object",
            layout=tuple(layout),
            size_expression=str(definition.size),
        )

    def _members(self, index: int) -> tuple[MemberModel, ...]:
        """What C calls the members, those of anonymous unions among them."""
        result: list[MemberModel] = []
        names = self.members[index]
        for field in _fields(self.definitions[index]):
            if field.c_name:
                result.append(self._member(field, names[field.c_name]))
                continue
            storage = names[_storage_key(field)]
            result += [
                self._member(view, names[view.c_name], base=field.offset, storage=storage)
                for view in _fields(self._definition(field.value))
            ]
        return tuple(result)

    def _member(self, field: Field, name: str, *, base: int = 0, storage: str = "") -> MemberModel:
        c_type = field.text.removesuffix(shown_as(field.value))
        return MemberModel(
            name=name,
            c_name=field.c_name,
            c_type="" if c_type == UNTYPED else c_type,
            annotation=self.source.annotation(field.value),
            offset=base + field.offset,
            size=field.value.size,
            bits=field.bits,
            class_names=self.source.class_names(field.value),
            storage=storage,
        )

    def _plainly_hashable(self, value: Value) -> bool:
        match value:
            case ListOf() | RestOf():
                return False
            case Named(index=index):
                definition = self.definitions[index]
                return not isinstance(definition, UnionDef) and all(
                    self._plainly_hashable(field.value) for field in _fields(definition)
                )
            case _:
                return True


def _fields(definition: Definition) -> list[Field]:
    if isinstance(definition, EnumDef):
        return []
    return [member for member in definition.members if isinstance(member, Field)]


def _storage_name(field: Field) -> str:
    return f"union_{field.offset}"


def _storage_key(field: Field) -> str:
    return f"anonymous union at {field.offset}"


def _comment(field: Field, base: int = 0) -> str:
    place = f"offset {base + field.offset}"
    if field.bits is not None:
        place += f" bit {field.bits[0]} width {field.bits[1]}"
    return f"{field.text if field.c_name else 'anonymous union'}, {place}"


def _line(code: str, comment: str, above: tuple[str, ...] = ()) -> FieldModel:
    """The comment goes behind the code where the line has room, else above it."""
    if INDENT + len(code) + 4 + len(comment) <= LINE_LENGTH:
        return FieldModel(code, above, f"  # {comment}")
    return FieldModel(code, (*above, comment))
