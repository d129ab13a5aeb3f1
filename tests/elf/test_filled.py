"""What the source puts into maps: relocations as a compiler writes them, and as nobody should."""

from __future__ import annotations

import struct

import pytest

from bpf2py.btf import encode
from bpf2py.btf import types as t
from bpf2py.elf import ObjectError, read_object
from bpf2py.spec import ByteOrder, ObjectSpec
from bpf2py.uapi import MapFlags, MapType
from tests.elf.test_maps import BOTH, PROTO, U64, Definition
from tests.support.elfwriter import EXIT, LOCAL, NOTYPE, OBJECT, ElfWriter, insn

R_64_ABS64, R_64_64 = 2, 1
OUTER_SIZE = 48


class Filled:
    """An object with an inner map, a program ``step`` and one map with five slots."""

    def __init__(
        self, map_type: MapType, order: ByteOrder = "little", *, key_size: int = 4
    ) -> None:
        self.order: ByteOrder = order
        self.elf = ElfWriter(order)
        d = self.definition = Definition()
        inner = d.struct(("type", d.uint(MapType.ARRAY)))
        target = PROTO if map_type is MapType.PROG_ARRAY else inner
        outer = d.struct(
            ("type", d.uint(map_type)), ("key_size", d.uint(key_size)), ("values", d.values(target))
        )
        self.contents = bytearray(16 + OUTER_SIZE + 16)
        self.maps = self.elf.section(".maps", b"", flags=3)
        self.inner = self.elf.symbol("inner", self.maps, value=0, size=8, kind=OBJECT)
        self.outer = self.elf.symbol("outer", self.maps, value=16, size=OUTER_SIZE, kind=OBJECT)
        rows = (
            t.SectionVar(d.add(t.Var("inner", inner)), 0, 8),
            t.SectionVar(d.add(t.Var("outer", outer)), 0, OUTER_SIZE),
        )
        d.add(t.Datasec(".maps", 0, rows))
        code = insn(EXIT, order=order)
        self.program = self.elf.code("socket", code + code)
        self.step = self.elf.symbol("step", self.program, size=16)

    def put(self, offset: int, symbol: int, kind: int = R_64_ABS64) -> Filled:
        """Point byte *offset* of the section at a symbol; the slots begin at 32."""
        self.elf.relocate(self.maps, offset, symbol, kind)
        return self

    def read(self) -> ObjectSpec:
        section = self.elf.sections[self.maps]
        section.data, section.size = bytes(self.contents), len(self.contents)
        self.elf.section(".BTF", encode(self.definition.types, byte_order=self.order), flags=0)
        return read_object(self.elf.build(), name="t.bpf.o")


@BOTH
@pytest.mark.parametrize("kind", [R_64_ABS64, R_64_64])
def test_slots_name_maps_by_their_place(order: ByteOrder, kind: int) -> None:
    filled = Filled(MapType.ARRAY_OF_MAPS, order)
    filled.put(32, filled.inner, kind).put(56, filled.inner, kind)
    assert filled.read().maps["outer"].values == {0: "inner", 3: "inner"}


@BOTH
def test_slots_name_programs_by_their_place(order: ByteOrder) -> None:
    filled = Filled(MapType.PROG_ARRAY, order)
    filled.put(40, filled.step)
    assert filled.read().maps["outer"].values == {1: "step"}


def test_a_map_without_values_has_none() -> None:
    assert Filled(MapType.HASH_OF_MAPS).read().maps["outer"].values == {}


def _before_the_slots(f: Filled) -> None:
    f.put(24, f.inner)


def _inner_map(f: Filled) -> None:
    f.put(0, f.inner)


def _between_maps(f: Filled) -> None:
    f.put(8, f.inner)


def _behind_all(f: Filled) -> None:
    f.put(72, f.inner)


def _program_as_map(f: Filled) -> None:
    f.put(32, f.step)


def _itself(f: Filled) -> None:
    f.put(32, f.outer)  # nothing is wrong with that until the kernel says so


def _inside_a_map(f: Filled) -> None:
    f.put(32, f.elf.symbol("inside", f.maps, value=4, kind=OBJECT))


def _undefined(f: Filled) -> None:
    f.put(32, f.elf.symbol("somewhere", 0, kind=NOTYPE))


def _absolute(f: Filled) -> None:
    f.put(32, f.elf.symbol("number", 0xFFF1, kind=NOTYPE))


def _addend(f: Filled) -> None:
    struct.pack_into("<Q", f.contents, 32, 8)
    f.put(32, f.inner)


def _in_code(f: Filled) -> None:
    f.put(32, f.inner, 10)


@pytest.mark.parametrize(
    ("break_it", "complaint"),
    [
        (_before_the_slots, "map 'outer' is given a value at byte 8, which is none of its slots"),
        (_inner_map, r"map 'inner' is given a value, but its definition has no __array\(values"),
        (_between_maps, "byte 8 of section '.maps' lies in no map"),
        (_behind_all, "byte 72 of section '.maps' lies in no map"),
        (_program_as_map, "map 'outer' is given symbol 'step', which is no map"),
        (_inside_a_map, "map 'outer' is given symbol 'inside', which is no map"),
        (_undefined, "map 'outer' is given symbol 'somewhere', which is no map"),
        (_absolute, "map 'outer' is given symbol 'number', which is no map"),
        (_addend, "map 'outer' is given symbol 'inner' with something added to its address"),
        (_in_code, "with a relocation of kind 10, which is no address"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_what_is_no_slot_or_no_map_is_refused_by_name(break_it: object, complaint: str) -> None:
    assert callable(break_it)
    filled = Filled(MapType.ARRAY_OF_MAPS)
    break_it(filled)
    with pytest.raises(ObjectError, match=rf"^t\.bpf\.o: .*{complaint}"):
        filled.read()


def test_a_map_can_be_asked_to_hold_itself() -> None:
    filled = Filled(MapType.ARRAY_OF_MAPS)
    _itself(filled)
    assert filled.read().maps["outer"].values == {0: "outer"}  # the kernel refuses it


def _map_as_program(f: Filled) -> None:
    f.put(32, f.inner)


def _odd_place(f: Filled) -> None:
    f.put(32, f.elf.symbol("odd", f.program, value=4, kind=NOTYPE))


def _static(f: Filled) -> None:
    section = f.elf.code("socket/2", insn(EXIT, order="little"))
    f.put(32, f.elf.symbol("hidden_step", section, size=8, bind=LOCAL))


def _subprogram(f: Filled) -> None:
    section = f.elf.code(".text", insn(EXIT, order="little"))
    f.put(32, f.elf.symbol("helper", section, size=8))


@pytest.mark.parametrize(
    "break_it", [_map_as_program, _odd_place, _static, _subprogram], ids=lambda e: e.__name__
)
def test_what_is_no_program_is_refused_in_an_array_of_programs(break_it: object) -> None:
    assert callable(break_it)
    filled = Filled(MapType.PROG_ARRAY)
    break_it(filled)
    with pytest.raises(ObjectError, match=r"map 'outer' is given .*, which is no program"):
        filled.read()


def test_a_hash_of_maps_is_filled_by_keys_of_four_bytes_only() -> None:
    filled = Filled(MapType.HASH_OF_MAPS, key_size=8)
    with pytest.raises(ObjectError, match="only a hash of maps with keys of 4 bytes"):
        filled.put(32, filled.inner).read()


# ---- variables in arenas ----


def arena_object(
    *arenas: str, data: bytes = bytes(range(16)), kind: int = 1, order: ByteOrder = "little"
) -> ObjectSpec:
    d = Definition()
    elf = ElfWriter(order)
    elf_maps = elf.section(".maps", bytes(16 * len(arenas)), flags=3)
    rows = []
    for i, name in enumerate(arenas):
        kind_id = d.struct(("type", d.uint(MapType.ARENA)), ("map_flags", d.uint(1 << 10)))
        rows.append(t.SectionVar(d.add(t.Var(name, kind_id)), 16 * i, 16))
        elf.symbol(name, elf_maps, value=16 * i, size=16, kind=OBJECT)
    if arenas:
        d.add(t.Datasec(".maps", 16 * len(arenas), tuple(rows)))
    section = elf.section(".addr_space.1", data, flags=3, kind=kind)
    elf.symbol("counter", section, value=8, size=8, kind=OBJECT)
    d.add(t.Datasec(".addr_space.1", 0, (t.SectionVar(d.add(t.Var("counter", U64)), 0, 8),)))
    elf.section(".BTF", encode(d.types, byte_order=order), flags=0)
    return read_object(elf.build(), name="t.bpf.o")


@BOTH
def test_variables_of_address_space_one_lie_in_the_arena(order: ByteOrder) -> None:
    arena = arena_object("shared", order=order).maps["shared"]
    assert arena.flags == MapFlags.MMAPABLE
    assert bytes(arena.data or b"") == bytes(range(16))
    assert (arena.section, arena.value_size) == ("", 0)
    variable = arena.variables["counter"]
    assert (variable.offset, variable.size, variable.type_id) == (8, 8, U64)


@pytest.mark.parametrize(
    ("arenas", "kind", "complaint"),
    [
        ((), 1, "holds __arena variables, but no map is an arena"),
        (("one", "two"), 1, "'one' and 'two' are arenas; an object can have one"),
        (("one",), 8, "section '.addr_space.1' holds no bytes"),
    ],
)
def test_an_arena_that_makes_no_sense_is_refused(
    arenas: tuple[str, ...], kind: int, complaint: str
) -> None:
    with pytest.raises(ObjectError, match=rf"^t\.bpf\.o: .*{complaint}"):
        arena_object(*arenas, kind=kind)
