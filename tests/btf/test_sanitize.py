"""BTF for old kernels: says less, and keeps ids, sizes and layouts."""

from __future__ import annotations

import sys
from collections.abc import Collection

import pytest

from bpf2py.btf import BTFError, TypeTable, decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.header import ByteOrder, read_header
from bpf2py.btf.layout import size_of
from bpf2py.btf.sanitize import BTFFeature, sanitize, smallest_with
from bpf2py.uapi import BTFKind

from .samples import EVERY_KIND

#: Kinds that have a size, whatever stands for them.
SIZED = (BTFKind.FLOAT, BTFKind.ENUM, BTFKind.ENUM64, BTFKind.STRUCT, BTFKind.UNION, BTFKind.ARRAY)

#: What a feature is no use without, and itself.
NEEDED_BY = {feature: {feature} for feature in BTFFeature}
NEEDED_BY[BTFFeature.FUNC_LINKAGE].add(BTFFeature.FUNC)
NEEDED_BY[BTFFeature.EMPTY_SECTION].add(BTFFeature.DATASEC)
NEEDED_BY[BTFFeature.OPTIONAL_SECTION].add(BTFFeature.DATASEC)
NEEDED_BY[BTFFeature.TAG_KIND_FLAG].add(BTFFeature.DECL_TAG)


def without(types: list[t.Type], *missing: BTFFeature, order: ByteOrder = "little") -> TypeTable:
    return decode(sanitize(encode(types, byte_order=order), missing))


def changed(missing: Collection[BTFFeature]) -> dict[str, t.Type]:
    """What of EVERY_KIND is another type now, by the name of the kind that it was."""
    table = without(EVERY_KIND, *missing)
    return {
        old.kind.name: table[type_id]
        for type_id, old in enumerate(EVERY_KIND, 1)
        if table[type_id] != old
    }


def test_nothing_is_copied_when_nothing_is_to_be_changed() -> None:
    blob = encode(EVERY_KIND, byte_order="little")
    assert sanitize(blob, ()) is blob
    assert sanitize(blob, [BTFFeature.LAYOUT, BTFFeature.TAG_KIND_FLAG]) is blob


@pytest.mark.parametrize("feature", BTFFeature, ids=lambda feature: feature.name)
@pytest.mark.parametrize("all_newer", [False, True])
def test_every_type_keeps_its_id_and_size(feature: BTFFeature, all_newer: bool) -> None:
    features = list(BTFFeature)
    missing = features[features.index(feature) :] if all_newer else [feature]
    before = decode(encode(EVERY_KIND, byte_order="little"))
    after = without(EVERY_KIND, *missing)
    assert len(after) == len(before)
    for type_id in before:
        if before.kind(type_id) in SIZED:
            assert size_of(after, type_id) == size_of(before, type_id)


@pytest.mark.parametrize("feature", BTFFeature, ids=lambda feature: feature.name)
def test_the_smallest_blob_with_a_feature_needs_it_and_what_stands_for_it_does_not(
    feature: BTFFeature,
) -> None:
    blob = smallest_with()[feature]
    assert sanitize(blob, set(BTFFeature) - NEEDED_BY[feature]) is blob
    replaced = sanitize(blob, [feature])
    assert replaced != blob
    assert sanitize(replaced, [feature]) is replaced


def test_each_feature_changes_what_it_says_and_nothing_else() -> None:
    assert changed([BTFFeature.FUNC]) == {
        "FUNC_PROTO": t.Enum("", 4, (t.Enumerator("first", 16), t.Enumerator("second", 17))),
        "FUNC": t.Typedef("function", 18),
    }
    assert changed([BTFFeature.FUNC_LINKAGE]) == {"FUNC": t.Func("function", 18, 0)}
    assert changed([BTFFeature.FLOAT]) == {"FLOAT": t.Struct("", 8, ())}
    assert changed([BTFFeature.DECL_TAG]) == {"DECL_TAG": t.Int("tag", 1, 8)}
    assert changed([BTFFeature.TYPE_TAG]) == {"TYPE_TAG": t.Const(13)}
    assert changed([BTFFeature.DATASEC]) == {
        "VAR": t.Int("variable", 1, 8),
        "DATASEC": t.Struct("_data", 4, (t.Member("variable", 21, 0),)),
    }
    assert changed([BTFFeature.ENUM64]) == {
        "ENUM": t.Enum("color", 4, (t.Enumerator("RED", 2**32 - 1), t.Enumerator("BLUE", 7))),
        "ENUM64": t.Int("wide", 8, 64, signed=True),
    }
    for feature in (BTFFeature.EMPTY_SECTION, BTFFeature.OPTIONAL_SECTION, BTFFeature.LAYOUT):
        assert changed([feature]) == {}


def test_sections_that_old_kernels_refuse_become_structs_or_get_a_name() -> None:
    types: list[t.Type] = [
        t.Int("int", 4, 32),
        t.Var("func.counter", 1, 0),
        t.Datasec("?.data", 8, (t.SectionVar(2, 4, 4),)),
        t.Datasec("?.empty", 8, ()),
    ]
    assert without(types, BTFFeature.OPTIONAL_SECTION)[3].name == "_.data"
    table = without(types, BTFFeature.EMPTY_SECTION, BTFFeature.OPTIONAL_SECTION)
    assert table[3] == t.Datasec("_.data", 8, (t.SectionVar(2, 4, 4),))
    assert table[4] == t.Struct("", 8, ())
    assert without(types, BTFFeature.DATASEC)[3] == t.Struct(
        "__data", 8, (t.Member("func_counter", 2, 32),)
    )


def test_a_tag_for_any_attribute_becomes_a_plain_one_or_none() -> None:
    types: list[t.Type] = [
        t.Struct("nothing", 0, ()),
        t.DeclTag("one", 1, attribute=True),
        t.TypeTag("two", 1, attribute=True),
    ]
    table = without(types, BTFFeature.TAG_KIND_FLAG)
    assert [table[2], table[3]] == [t.DeclTag("one", 1), t.TypeTag("two", 1)]
    table = without(types, BTFFeature.TAG_KIND_FLAG, BTFFeature.TYPE_TAG, BTFFeature.DECL_TAG)
    assert [table[2], table[3]] == [t.Int("one", 1, 8), t.Const(1)]


def test_an_enum_without_values_becomes_longer_and_what_follows_is_found() -> None:
    types: list[t.Type] = [t.Enum64("none", 8, ()), t.Int("int", 4, 32)]
    table = without(types, BTFFeature.ENUM64)
    assert [table[1], table[2]] == [t.Int("none", 8, 64), types[1]]


def test_the_description_of_kinds_is_cut_out_or_kept() -> None:
    blob = smallest_with()[BTFFeature.LAYOUT]
    assert read_header(blob, split=False).layout[1] == 8
    bare = sanitize(blob, [BTFFeature.LAYOUT])
    assert bare == encode([t.Int("int", 4, 32, signed=True)], byte_order=sys.byteorder)
    assert sanitize(blob, [BTFFeature.FLOAT]) is blob


def test_both_byte_orders_give_the_same_types() -> None:
    little, big = (without(EVERY_KIND, *BTFFeature, order=order) for order in ("little", "big"))
    assert big.byte_order == "big"
    assert [big[type_id] for type_id in big] == [little[type_id] for type_id in little]


def test_bytes_that_are_no_btf_are_refused() -> None:
    with pytest.raises(BTFError):
        sanitize(b"no BTF at all, but long enough", list(BTFFeature))


def test_any_change_of_a_blob_gives_a_blob_or_a_btferror() -> None:
    sound = encode(EVERY_KIND, byte_order="little")
    start, length = read_header(sound, split=False).types
    results = set()
    for at in range(start, start + length, 4):
        for word in (0, 1, 22, 23, 0x7FFFFFFF, 0xFFFFFFFF):
            blob = bytearray(sound)
            blob[at : at + 4] = word.to_bytes(4, "little")
            for missing in (list(BTFFeature), list(BTFFeature)[2:]):
                try:
                    decode(sanitize(bytes(blob), missing))
                    results.add("taken")
                except BTFError:
                    results.add("refused")
    assert results == {"taken", "refused"}
