"""struct_ops maps: from BTF and relocations written in Python, in both byte orders."""

from __future__ import annotations

import struct

import pytest

from bpf2py.btf import encode
from bpf2py.btf import types as t
from bpf2py.elf import ObjectError, read_object
from bpf2py.spec import ByteOrder, ObjectSpec
from bpf2py.uapi import MapFlags, MapType
from tests.elf.test_maps import BOTH, INT, PROTO, Definition
from tests.support.elfwriter import EXIT, NOTYPE, OBJECT, ElfWriter, insn

R_64_ABS64 = 2

#: struct ops { int flags; int (*call)(void); void *data; int bits : 3; }
OPS_SIZE = 32


class Operations:
    """An object with the struct_ops map ``mine`` and the programs ``called`` and ``other``."""

    def __init__(self, order: ByteOrder = "little", section: str = ".struct_ops.link") -> None:
        self.order: ByteOrder = order
        self.elf = ElfWriter(order)
        d = self.definition = Definition()
        members = (
            t.Member("flags", INT, 0),
            t.Member("call", d.pointer(PROTO), 64),
            t.Member("data", d.pointer(INT), 128),
        )
        self.struct = d.add(t.Struct("ops___mine", OPS_SIZE, members))
        self.contents = bytearray(OPS_SIZE)
        struct.pack_into("<I" if order == "little" else ">I", self.contents, 0, 7)
        self.name = section
        self.ops = self.elf.section(section, b"", flags=3)
        self.mine = self.elf.symbol("mine", self.ops, size=OPS_SIZE, kind=OBJECT)
        code = insn(EXIT, order=order)
        self.called_in = self.elf.code("struct_ops/call", code)
        self.called = self.elf.symbol("called", self.called_in, size=8)
        self.other = self.elf.symbol("other", self.elf.code("socket", code), size=8)

    def put(self, offset: int, symbol: int, kind: int = R_64_ABS64) -> Operations:
        self.elf.relocate(self.ops, offset, symbol, kind)
        return self

    def read(self) -> ObjectSpec:
        section = self.elf.sections[self.ops]
        section.data, section.size = bytes(self.contents), len(self.contents)
        var = self.definition.add(t.Var("mine", self.struct))
        self.definition.add(t.Datasec(self.name, 0, (t.SectionVar(var, 0, OPS_SIZE),)))
        self.elf.section(".BTF", encode(self.definition.types, byte_order=self.order), flags=0)
        return read_object(self.elf.build(), name="t.bpf.o")


@BOTH
@pytest.mark.parametrize(
    ("section", "flags", "autocreate"),
    [
        (".struct_ops", MapFlags(0), True),
        (".struct_ops.link", MapFlags.LINK, True),
        ("?.struct_ops", MapFlags(0), False),
        ("?.struct_ops.link", MapFlags.LINK, False),
    ],
)
def test_a_struct_ops_is_its_settings_and_its_programs(
    order: ByteOrder, section: str, flags: MapFlags, autocreate: bool
) -> None:
    operations = Operations(order, section)
    found = operations.put(8, operations.called).read().maps["mine"]
    assert (found.map_type, found.flags, found.autocreate) == (
        MapType.STRUCT_OPS,
        flags,
        autocreate,
    )
    assert (found.key_size, found.value_size, found.max_entries) == (4, OPS_SIZE, 1)
    assert found.value_type_id == operations.struct
    assert found.functions == {"call": "called"}
    assert found.data == operations.contents


def _not_a_member(o: Operations) -> None:
    o.put(24, o.called)


def _no_function(o: Operations) -> None:
    o.put(16, o.called)


def _setting(o: Operations) -> None:
    o.put(0, o.called)


def _other_kind(o: Operations) -> None:
    o.put(8, o.other)


def _a_map(o: Operations) -> None:
    o.put(8, o.mine)


def _nowhere(o: Operations) -> None:
    o.put(8, o.elf.symbol("missing", 0, kind=NOTYPE))


def _far(o: Operations) -> None:
    struct.pack_into("<Q", o.contents, 8, 1 << 62)
    o.put(8, o.called)


def _call_relocation(o: Operations) -> None:
    o.put(8, o.called, 10)


def _anonymous(o: Operations) -> None:
    struct_type = o.definition.types[o.struct - 1]
    assert isinstance(struct_type, t.Struct)
    o.definition.types[o.struct - 1] = t.Struct("", OPS_SIZE, struct_type.members)


def _no_struct(o: Operations) -> None:
    o.struct = INT


def _too_short(o: Operations) -> None:
    del o.contents[-8:]


@pytest.mark.parametrize(
    ("break_it", "complaint"),
    [
        (
            _not_a_member,
            "'mine', byte 24 is no pointer to a function, and is given symbol 'called'",
        ),
        (_no_function, "'mine', byte 16 is no pointer to a function"),
        (_setting, "'mine', byte 0 is no pointer to a function"),
        (
            _other_kind,
            "member 'call' of struct_ops map 'mine' is given symbol 'other', which is no",
        ),
        (_a_map, "member 'call' of struct_ops map 'mine' is given symbol 'mine', which is no"),
        (_nowhere, "is given symbol 'missing', which is no program"),
        (_far, "is given symbol 'called', which is no program"),
        (_call_relocation, "has a relocation of kind 10, which is no address"),
        (_anonymous, "variable 'mine' in section '.struct_ops.link' is no struct with a name"),
        (_no_struct, "variable 'mine' in section '.struct_ops.link' is no struct with a name"),
        (_too_short, "variable 'mine' in section '.struct_ops.link' reaches beyond the end"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_a_struct_ops_that_makes_no_sense_is_refused_by_name(
    break_it: object, complaint: str
) -> None:
    assert callable(break_it)
    operations = Operations()
    break_it(operations)
    with pytest.raises(ObjectError, match=rf"^t\.bpf\.o: .*{complaint}"):
        operations.read()
