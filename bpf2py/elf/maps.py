"""Maps as C declares them: a struct in ``.maps`` whose members' types say what the map is.

In: an ``ElfObject`` and its types.  Out: a ``MapSpec`` per variable of ``.maps``, by the byte at
which it stands there.  Not here: data sections (``data``), what the source puts into maps
(``filled``).  The values never exist at run time:
``__uint(max_entries, 16)`` is ``int (*max_entries)[16]``, a pointer to an array of 16.  Follows
parse_btf_map_def() of libbpf, except for what a ring buffer carries.
"""

from __future__ import annotations

from collections.abc import Collection

from ..btf.kept import kept_events
from ..btf.layout import size_of
from ..btf.table import TypeTable
from ..btf.types import Array, Datasec, Enum, Enum64, Int, Member, Ptr, Struct, Var
from ..spec import Linkage, MapSpec, Pinning
from ..uapi import BTFKind, MapFlags, MapType
from .errors import ObjectError
from .reader import ElfObject

#: Map types that carry events: ``__type(value, struct event)`` documents what user space reads.
#: The kernel takes no value type there (and for ring buffers no value size either).
_RING_BUFFERS = frozenset((MapType.RINGBUF, MapType.USER_RINGBUF))
_EVENT_MAPS = _RING_BUFFERS | {MapType.PERF_EVENT_ARRAY}
_MAPS_OF_MAPS = frozenset((MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS))
#: A file descriptor, as perf event arrays and arrays of programs or maps hold it.
_FD_SIZE = 4

_KNOWN_TYPES: dict[int, MapType] = {int(member): member for member in MapType}


def declared_maps(
    elf: ElfObject, table: TypeTable | None, *, relaxed: bool = False
) -> dict[int, MapSpec]:
    """The maps of section ``.maps`` in file order; the key is a map's offset there, in bytes.

    What ``.values = …`` puts into them is not there yet (``filled``).  Raises ``ObjectError`` for
    definitions that make no sense, and for the legacy section ``maps``.
    """
    if elf.section("maps") is not None:
        raise elf.error(
            "section 'maps' holds definitions of the old kind (struct bpf_map_def), which say"
            ' nothing about types; declare the maps in SEC(".maps") with __uint() and __type()'
        )
    section = elf.section(".maps")
    if section is None or not section.size:
        return {}
    type_id = table.find(".maps", BTFKind.DATASEC) if table is not None else None
    if table is None or type_id is None:
        raise elf.error("section '.maps' is not described by any BTF; compile with clang -g")
    datasec = table[type_id]
    assert isinstance(datasec, Datasec)
    maps: dict[int, MapSpec] = {}
    names: set[str] = set()
    for row in datasec.variables:
        var = table[row.target]
        assert isinstance(var, Var)
        if var.linkage == Linkage.EXTERN:
            raise elf.error(
                f"map {var.name!r} is extern: the object that defines it has to be linked with this"
                " one first"
            )
        if not var.name or var.name in names or row.offset in maps:
            raise elf.error(f"map {var.name!r} in '.maps' has no name or place of its own")
        if row.offset + row.size > section.size:
            raise elf.error(f"map {var.name!r} reaches beyond the end of section '.maps'")
        if var.linkage == Linkage.EXTERN:
            raise elf.error(
                f"map {var.name!r} is declared extern; link the file that defines it in with"
                " 'bpf2py link'"
            )
        if var.linkage != Linkage.GLOBAL:
            raise elf.error(f"map {var.name!r} is static or hidden; declare it without 'static'")
        names.add(var.name)
        maps[row.offset] = map_definition(elf, table, var.name, var.target, relaxed=relaxed)
    _name_events(elf, table, maps.values())
    return maps


def map_definition(
    elf: ElfObject, table: TypeTable, name: str, type_id: int, *, relaxed: bool = False
) -> MapSpec:
    """The map that a struct of type *type_id* defines.  Raises ``ObjectError``."""
    return _Definition(elf, table, name, relaxed=relaxed).read(type_id)


def _name_events(elf: ElfObject, table: TypeTable, maps: Collection[MapSpec]) -> None:
    """What ``BPF2PY_EVENT(map, type)`` of bpf2py.h says."""
    for name, type_id in kept_events(table).items():
        found = next((each for each in maps if each.name == name), None)
        if found is None or found.map_type not in _EVENT_MAPS:
            what = "is no ring buffer or perf array" if found else "is not in the object"
            raise elf.error(f"BPF2PY_EVENT({name}, …): map {name!r} {what}")
        found.event_type_id = type_id


class _Definition:
    """The struct of one map, read member by member."""

    def __init__(
        self,
        elf: ElfObject,
        table: TypeTable,
        name: str,
        *,
        inner: bool = False,
        relaxed: bool = False,
    ) -> None:
        self._elf = elf
        self._table = table
        self._inner = inner
        self._relaxed = relaxed
        self._explicit: set[str] = set()
        self._spec = MapSpec(name=name, map_type=MapType.UNSPEC)

    def read(self, type_id: int) -> MapSpec:
        table, spec = self._table, self._spec
        definition = table[table.resolve(type_id)]
        if not isinstance(definition, Struct):
            raise self._error(f"is a {definition.kind.name}, not a struct of __uint() and __type()")
        # What the other members mean depends on the type, wherever it stands.
        for member in sorted(definition.members, key=lambda member: member.name != "type"):
            self._member(member, last=member is definition.members[-1])
        if spec.map_type == MapType.UNSPEC:
            raise self._error("has no type; add __uint(type, BPF_MAP_TYPE_…)")
        self._events()
        return spec

    def _member(self, member: Member, *, last: bool) -> None:
        spec = self._spec
        match member.name:
            case "type":
                number = self._uint(member)
                spec.map_type = _KNOWN_TYPES.get(number, number)
            case "max_entries":
                spec.max_entries = self._uint(member)
            case "map_flags":
                spec.flags = MapFlags(self._uint(member))
            case "numa_node":
                spec.numa_node = self._uint(member)
            case "map_extra":
                spec.map_extra = self._ulong(member)
            case "key_size":
                self._size("key_size", self._uint(member))
            case "value_size":
                self._explicit.add("value_size")
                self._size("value_size", self._uint(member))
            case "key":
                spec.key_type_id = self._pointee(member)
                self._size("key_size", self._size_of(member, spec.key_type_id))
            case "value":
                spec.value_type_id = self._pointee(member)
                if not self._carries_events():
                    self._size("value_size", self._size_of(member, spec.value_type_id))
            case "values":
                self._values(member, last=last)
            case "pinning":
                self._pinning(member)
            case unknown if not self._relaxed:
                raise self._error(f"has a member {unknown!r}, which is not known")
            case _:
                pass

    def _carries_events(self) -> bool:
        return self._spec.map_type in _EVENT_MAPS

    def _events(self) -> None:
        """Move the value type of a map of events to where the kernel does not see it."""
        spec = self._spec
        if not self._carries_events():
            return
        type_id, spec.value_type_id = spec.value_type_id, 0
        if spec.map_type == MapType.PERF_EVENT_ARRAY:
            spec.key_size = spec.key_size or _FD_SIZE
            # __type(value, __u32) is the descriptor in the array's slot, not what it delivers.
            value = self._table[self._table.resolve(type_id)]
            if isinstance(value, Int) and value.size == _FD_SIZE:
                type_id = 0
        if "value_size" not in self._explicit:
            spec.value_size = _FD_SIZE if spec.map_type == MapType.PERF_EVENT_ARRAY else 0
        spec.event_type_id = type_id

    def _values(self, member: Member, *, last: bool) -> None:
        """``__array(values, …)``: the inner maps' definition, or the type of an array's programs."""
        table, spec = self._table, self._spec
        if self._inner:
            raise self._error("nests maps deeper than one level, which no kernel takes")
        if not last:
            raise self._error("must have 'values' as its last member")
        if spec.map_type not in _MAPS_OF_MAPS and spec.map_type != MapType.PROG_ARRAY:
            raise self._error("has 'values', but is neither a map of maps nor an array of programs")
        self._size("value_size", _FD_SIZE)
        array = table[member.target]
        if not isinstance(array, Array) or array.length:
            raise self._error("must declare its values with __array(values, …)")
        pointer = table[table.resolve(array.element)]
        if not isinstance(pointer, Ptr):
            raise self._error("must declare its values with __array(values, …)")
        target = table.resolve(pointer.target)
        if spec.map_type == MapType.PROG_ARRAY:
            if table.kind(target) is not BTFKind.FUNC_PROTO:
                raise self._error("must have functions as its values")
            return
        inner = _Definition(
            self._elf, table, f"{spec.name}.inner", inner=True, relaxed=self._relaxed
        )
        spec.inner = inner.read(target)

    def _pinning(self, member: Member) -> None:
        if self._inner:
            raise self._error("is an inner map, which cannot be pinned by its definition")
        number = self._uint(member)
        if number not in (Pinning.NONE, Pinning.BY_NAME):
            raise self._error(
                f"has pinning {number}, which is for another loader: what libbpf knows is"
                f" LIBBPF_PIN_BY_NAME ({Pinning.BY_NAME:d}) or none"
            )
        self._spec.pinning = Pinning(number)

    # ---- one member's number or type ----

    def _uint(self, member: Member) -> int:
        array = self._table[self._pointee(member, "__uint()")]
        if not isinstance(array, Array):
            raise self._error(f"has a member {member.name!r} that was not written with __uint()")
        return array.length

    def _ulong(self, member: Member) -> int:
        found = self._table[self._table.resolve(member.target)]
        if isinstance(found, Ptr):
            return self._uint(member)
        if not isinstance(found, Enum | Enum64) or len(found.values) != 1:
            raise self._error(f"has a member {member.name!r} that was not written with __ulong()")
        return found.values[0].value & 0xFFFF_FFFF_FFFF_FFFF

    def _pointee(self, member: Member, how: str = "__type()") -> int:
        pointer = self._table[self._table.resolve(member.target)]
        if not isinstance(pointer, Ptr):
            raise self._error(f"has a member {member.name!r} that was not written with {how}")
        return pointer.target

    def _size_of(self, member: Member, type_id: int) -> int:
        size = size_of(self._table, type_id)
        if size >= 1 << 32:
            raise self._error(f"has a {member.name} of {size} bytes, more than any map can hold")
        return size

    def _size(self, what: str, size: int) -> None:
        before = getattr(self._spec, what)
        if before and before != size:
            raise self._error(f"says two different things about its {what}: {before} and {size}")
        setattr(self._spec, what, size)

    def _error(self, text: str) -> ObjectError:
        return self._elf.error(f"map {self._spec.name!r} {text}")
