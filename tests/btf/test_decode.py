"""Blobs to tables: every kind, both byte orders, split BTF, newer headers."""

from __future__ import annotations

import mmap
import struct
from array import array

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf2py.btf import BTFError, TypeTable, decode, encode, essential_name
from bpf2py.btf import types as t
from bpf2py.btf.header import ByteOrder
from bpf2py.uapi import BTFKind

from .strategies import DATA, KERNEL_BTF, type_lists

ORDERS: tuple[ByteOrder, ...] = ("little", "big")
INT = t.Int("int", 4, 32, signed=True)


def table_of(*types: t.Type, base: TypeTable | None = None) -> TypeTable:
    return decode(encode(types, byte_order="little", base=base), base=base)


def values(table: TypeTable) -> list[t.Type]:
    return [table[type_id] for type_id in table]


@given(type_lists(), st.sampled_from(ORDERS))
def test_what_was_encoded_is_decoded(types: list[t.Type], order: ByteOrder) -> None:
    table = decode(encode(types, byte_order=order))
    assert values(table) == types
    assert len(table) == len(types) + 1
    assert table.byte_order == order
    for type_id, each in enumerate(types, 1):
        assert table.kind(type_id) is each.kind
        assert table.name(type_id) == each.name


@given(type_lists(), st.data())
def test_split_btf_continues_ids_and_strings(types: list[t.Type], data: st.DataObject) -> None:
    base = table_of(*types)
    more = data.draw(type_lists(len(base)))
    table = table_of(*more, base=base)
    assert values(table) == more
    assert table.first_id == len(base)
    assert [table[type_id] for type_id in range(1, len(base))] == types
    for name in {each.name for each in (*types, *more)} - {""}:
        both = enumerate([*types, *more], 1)
        # Types without a name in BTF have "" here; only names given to the encoder are indexed.
        assert list(table.ids_named(name)) == [i for i, each in both if each.name == name]


def test_both_byte_orders_of_a_compiled_object_say_the_same() -> None:
    little = decode((DATA / "sample.btf").read_bytes())
    big = decode((DATA / "sample_be.btf").read_bytes())
    assert (little.byte_order, big.byte_order) == ORDERS
    assert values(little) == values(big)


def test_a_compiled_object_has_every_kind_and_reads_as_written() -> None:
    table = decode((DATA / "sample.btf").read_bytes())
    assert {table.kind(i) for i in table} == set(BTFKind) - {BTFKind.UNKN}
    color = table.find("color", BTFKind.ENUM)
    assert color is not None
    assert table[color] == t.Enum(
        "color",
        4,
        (t.Enumerator("RED", 0), t.Enumerator("GREEN", 5), t.Enumerator("BLUE", 0x80000000)),
    )
    deep = table[table.find("wide_sign") or 0]
    assert isinstance(deep, t.Enum64)
    assert deep.signed
    assert deep.values[0] == t.Enumerator("DEEP", -0x123456789AB)
    bits = table[table.find("bits") or 0]
    assert isinstance(bits, t.Struct)
    assert bits.kind_flag
    assert [(m.name, m.bit_offset, m.bit_size) for m in bits.members] == [
        ("a", 0, 3),
        ("b", 3, 29),
        ("c", 64, 40),
        ("d", 109, 2),
        ("e", 111, 1),
        ("f", 112, 4),
    ]
    tags = [table[i] for i in table if table.kind(i) is BTFKind.DECL_TAG]
    event, helper = table.find("event", BTFKind.STRUCT), table.find("helper", BTFKind.FUNC)
    assert set(tags) == {t.DeclTag("who", event or 0, 0), t.DeclTag("index", helper or 0, 1)}


def test_void_is_id_zero_and_other_ids_are_refused() -> None:
    table = table_of(INT)
    assert table[0] == t.Void()
    assert (table.kind(0), table.name(0), table.resolve(0)) == (BTFKind.UNKN, "void", 0)
    for type_id in (-1, 2, 1 << 40):
        assert type_id not in table
        for ask in (table.__getitem__, table.kind, table.name, table.resolve, table.vlen):
            with pytest.raises(BTFError, match="there is no type"):
                ask(type_id)


def test_a_name_is_found_with_and_without_its_flavour() -> None:
    table = table_of(
        INT,
        t.Struct("task", 0, ()),
        t.Typedef("task", 2),
        t.Struct("task___old", 0, ()),
        t.Struct("task___a___b", 0, ()),
        t.Struct("a_task", 0, ()),
    )
    assert list(table.ids_named("task")) == [2, 3]
    assert list(table.ids_essentially_named("task")) == [2, 3, 4]
    assert list(table.ids_essentially_named("task___a")) == [5]
    assert list(table.ids_essentially_named("task___old")) == []
    assert table.find("task", BTFKind.TYPEDEF) == 3
    assert table.find("task") == 2
    assert table.find("task", BTFKind.ENUM) is None
    assert list(table.ids_named("")) == list(table.ids_named("ask")) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("task_struct___old", "task_struct"),
        ("a___b___c", "a___b"),
        ("a____b", "a____b"),
        ("___b", "___b"),
        ("a___", "a___"),
        ("a___b____", "a"),
        ("", ""),
    ],
)
def test_the_last_three_underscores_between_letters_begin_the_flavour(
    name: str, expected: str
) -> None:
    assert essential_name(name) == expected


def test_names_that_share_the_end_of_a_string_are_found() -> None:
    blob = bytearray(encode([t.Struct("long_task___v1", 0, ()), INT], byte_order="little"))
    # The second type's name begins within the first one's.
    (offset,) = struct.unpack_from("<I", blob, 24)
    struct.pack_into("<I", blob, 24 + 12, offset + len("long_"))
    table = decode(blob)
    assert table.name(2) == "task___v1"
    assert list(table.ids_named("task___v1")) == [2]
    assert list(table.ids_essentially_named("task")) == [2]
    assert list(table.ids_essentially_named("long_task")) == [1]


def test_split_btf_finds_its_names_among_the_base_s_strings() -> None:
    base = table_of(t.Struct("shared", 0, ()), t.Struct("own", 0, ()))
    blob = bytearray(encode([INT, t.Struct("x", 0, ())], byte_order="little", base=base))
    struct.pack_into("<I", blob, 24, base.name_offset(1))
    table = decode(blob, base=base)
    assert list(table.ids_named("shared")) == [1, 3]
    assert list(table.ids_named("own")) == [2]
    assert table.find("x") == 4


def test_resolve_sees_through_names_and_qualifiers_only() -> None:
    table = table_of(
        INT,
        t.Typedef("i", 1),
        t.Const(2),
        t.Volatile(3),
        t.Restrict(4),
        t.TypeTag("x", 5),
        t.Ptr(6),
    )
    assert [table.resolve(i) for i in table] == [1, 1, 1, 1, 1, 1, 7]


def test_a_typedef_of_itself_is_a_bad_type_and_no_endless_loop() -> None:
    table = table_of(t.Typedef("a", 2), t.Const(1))
    with pytest.raises(BTFError, match="leads back to itself"):
        table.resolve(1)


def test_a_reference_beyond_the_last_type_is_found_when_the_type_is_asked_for() -> None:
    table = table_of(INT, t.Ptr(7))
    assert table[1] == INT
    with pytest.raises(BTFError, match=r"type 2 \(PTR\): refers to type 7") as caught:
        table[2]
    assert caught.value.offset == 24 + 16


def test_a_newer_header_may_describe_kinds_that_are_skipped() -> None:
    section = struct.pack("<III", 0, 25 << 24 | 2, 0) + bytes(4 + 2 * 8)
    section += struct.pack("<IIII", 1, 1 << 24, 4, 32)
    layout = bytearray(4 * 26)
    layout[4 * 25], layout[4 * 25 + 1] = 4, 8
    strings = b"\0int\0"
    header = struct.pack(
        "<HBBIIIIIII",
        *(0xEB9F, 1, 0, 32, 0, len(section), len(section) + len(layout), len(strings)),
        *(len(section), len(layout)),
    )
    blob = header + section + layout + strings
    table = decode(blob)
    assert table[2] == t.Int("int", 4, 32)
    assert table.kind(1) is BTFKind.UNKN
    with pytest.raises(BTFError, match="kind 25"):
        table[1]
    # Split BTF shares its base's description.
    more = struct.pack("<III", 0, 25 << 24, 0) + bytes(4)
    split = struct.pack("<HBBIIIII", 0xEB9F, 1, 0, 24, 0, len(more), len(more), 0) + more
    assert len(decode(split, base=table)) == 4
    with pytest.raises(BTFError, match="kind 25 is not known"):
        decode(split, base=table_of(INT))


def test_a_header_with_more_fields_is_read_if_they_are_zero() -> None:
    blob = encode([INT], byte_order="big")
    longer = blob[:4] + struct.pack(">I", 40) + blob[8:24] + bytes(16) + blob[24:]
    assert values(decode(longer)) == [INT]
    refused = longer[:39] + b"\1" + longer[40:]
    with pytest.raises(BTFError, match="newer version"):
        decode(refused)


@pytest.mark.parametrize("wrapper", [bytes, bytearray, memoryview])
def test_a_blob_may_come_in_any_bytes(wrapper: type[bytes | bytearray | memoryview]) -> None:
    assert values(decode(wrapper(encode([INT], byte_order="little")))) == [INT]


def test_a_mapped_file_with_a_kept_index_needs_no_scan() -> None:
    path = DATA / "sample.btf"
    scanned = decode(path.read_bytes())
    with path.open("rb") as file:
        mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    kept = memoryview(array("I", scanned.offsets).tobytes()).cast("I")
    table = decode(mapped, offsets=kept, names=scanned.names)
    assert values(table) == values(scanned)
    assert table.find("event") == scanned.find("event")
    # The index is believed: with other places, other types are found.
    assert decode(mapped, offsets=kept[3:])[1] == scanned[4]


@pytest.mark.skipif(not KERNEL_BTF.exists(), reason="this kernel has no BTF")
@pytest.mark.parametrize("order", ORDERS)
def test_the_kernel_s_btf_survives_a_round_trip(order: ByteOrder) -> None:
    kernel = decode(KERNEL_BTF.read_bytes())
    types = values(kernel)
    assert values(decode(encode(types, byte_order=order))) == types
    assert kernel.find("task_struct", BTFKind.STRUCT) is not None
