"""Any bytes give a table or a BTFError, and so does everything asked of the table."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bpf2py.btf import BTFError, TypeTable, c_format, decode, decode_ext, encode, layout
from bpf2py.btf import types as t
from bpf2py.btf.ext_info import (
    decode_core_relocations,
    decode_func_info,
    decode_line_info,
)

from .strategies import DATA

SAMPLE = (DATA / "sample.btf").read_bytes()
SAMPLE_EXT = (DATA / "sample.btf_ext").read_bytes()


A = TypeVar("A")


def refuses(ask: Callable[[A], object], value: A) -> int:
    """1 if the answer is a BTFError; any other exception fails the test."""
    try:
        ask(value)
    except BTFError:
        return 1
    return 0


def place_of_error(ask: Callable[[], object]) -> int | None:
    """The offset that the BTFError names, None if there is none."""
    try:
        ask()
    except BTFError as error:
        return error.offset
    return None


def ask_everything(table: TypeTable) -> int:
    """Ask all there is to ask; the number of refusals."""
    refused = 0
    asks: tuple[Callable[[int], object], ...] = (
        table.__getitem__,
        table.name,
        table.resolve,
        lambda type_id: layout.size_of(table, type_id),
        lambda type_id: layout.align_of(table, type_id),
        lambda type_id: layout.is_packed(table, type_id),
        lambda type_id: c_format.declaration(table, type_id),
        lambda type_id: c_format.type_name(table, type_id),
        lambda type_id: table.find(table.name(type_id)),
        lambda type_id: table.ids_essentially_named(table.name(type_id)),
    )
    for type_id in table:
        for ask in asks:
            refused += refuses(ask, type_id)
    return refused + refuses(c_format.header, table)


@given(st.binary(max_size=64))
@example(SAMPLE[:24])
@example(SAMPLE[:23])
@example(b"")
def test_any_bytes_decode_or_raise_btferror(data: bytes) -> None:
    offset = place_of_error(lambda: decode(data))
    assert offset is None or 0 <= offset <= max(len(data), 24)


WORDS = (bytes(4), b"\xff" * 4, *(number.to_bytes(4, "little") for number in range(1, 80, 3)))


def damaged(rng: random.Random, blob: bytes) -> bytearray:
    """A copy with some bits flipped, some words replaced, perhaps cut off."""
    copy = bytearray(blob)
    for _ in range(rng.randint(1, 8)):
        place = rng.randrange(len(copy))
        if rng.random() < 0.5:
            copy[place] ^= 1 << rng.randrange(8)
        elif place >= 24:
            copy[place & ~3 : (place & ~3) + 4] = rng.choice(WORDS)
    if rng.random() < 0.1:
        del copy[rng.randrange(len(copy)) :]
    return copy


@pytest.mark.parametrize("name", ["sample.btf", "sample_be.btf"])
@pytest.mark.parametrize("seed", range(6))
def test_a_damaged_blob_gives_types_or_btferror(seed: int, name: str) -> None:
    rng = random.Random(seed)
    whole = (DATA / name).read_bytes()
    refused, asked = 0, 0
    for _ in range(60):
        blob = damaged(rng, whole)
        try:
            table = decode(blob)
        except BTFError:
            refused += 1
        else:
            ask_everything(table)
            asked += 1
    assert refused > 0
    assert asked > 0


@pytest.mark.parametrize("seed", range(4))
def test_damaged_extension_info_gives_records_or_btferror(seed: int) -> None:
    rng = random.Random(seed)
    table = decode(SAMPLE)
    for _ in range(200):
        blob = damaged(rng, SAMPLE_EXT)
        offset = place_of_error(lambda: decode_ext(blob, table))  # noqa: B023
        if offset is not None:
            assert 0 <= offset <= len(blob)
            continue
        info = decode_ext(blob, table)
        for records in info.func_info.values():
            decode_func_info(records, info.byte_order)
        for records in info.line_info.values():
            decode_line_info(records, info.byte_order)
        for records in info.core_relocations.values():
            decode_core_relocations(records, info.byte_order)


def test_a_bitfield_of_a_type_without_size_is_no_division_by_zero() -> None:
    types = [t.Struct("", 0, ()), t.Struct("s", 4, (t.Member("m", 1, 3, 2),), kind_flag=True)]
    assert ask_everything(decode(encode(types, byte_order="little"))) == 0


INT = t.Int("int", 4, 32, signed=True)
LOOPS: dict[str, list[t.Type]] = {
    "struct in itself": [t.Struct("s", 4, (t.Member("s", 1, 0),))],
    "two structs in each other": [
        t.Struct("a", 4, (t.Member("b", 2, 0),)),
        t.Struct("b", 4, (t.Member("a", 1, 0),)),
    ],
    "array of itself": [t.Array(1, 1, 2)],
    "anonymous struct in itself": [t.Struct("", 4, (t.Member("", 1, 0),))],
    "pointer to itself": [t.Ptr(1)],
    "function returning itself": [t.FuncProto(1)],
    "function taking itself": [t.FuncProto(0, (t.Param("f", 1), t.Param("g", 1)))],
    "const of a typedef of itself": [t.Const(2), t.Typedef("t", 1)],
    "typedef of an array of itself": [t.Typedef("t", 2), t.Array(1, 1, 1)],
    "variable of itself": [t.Var("v", 1)],
    "datasec in itself": [t.Datasec(".data", 4, (t.SectionVar(1, 0, 4),))],
    "pointers without end": [*(t.Ptr(i + 2) for i in range(3000)), INT],
    "structs without end": [
        *(t.Struct(f"s{i}", 4, (t.Member("m", i + 2, 0),)) for i in range(3000)),
        INT,
    ],
    "anonymous structs without end": [
        *(t.Struct("", 4, (t.Member("m", i + 2, 0),)) for i in range(3000)),
        INT,
    ],
    "typedefs without end": [*(t.Typedef(f"t{i}", i + 2) for i in range(1500)), INT],
    "functions without end": [*(t.FuncProto(i + 2) for i in range(3000)), INT],
    "functions taking two functions taking two": [
        *(t.FuncProto(0, (t.Param("a", i + 2), t.Param("b", i + 2))) for i in range(60)),
        INT,
    ],
    "anonymous structs with two anonymous structs": [
        *(t.Struct("", 0, (t.Member("a", i + 2, 0), t.Member("b", i + 2, 0))) for i in range(60)),
        INT,
    ],
    "a large array of large arrays": [*(t.Array(i + 2, 1, 2**32 - 1) for i in range(40)), INT],
}


@pytest.mark.parametrize("name", LOOPS)
def test_types_that_never_end_are_refused_without_recursion(name: str) -> None:
    types = LOOPS[name]
    table = decode(encode(types, byte_order="little"))
    first = range(1, min(len(table), 4))
    asks: tuple[Callable[[int], object], ...] = (
        lambda type_id: layout.size_of(table, type_id),
        lambda type_id: layout.align_of(table, type_id),
        lambda type_id: layout.is_packed(table, type_id),
        lambda type_id: c_format.declaration(table, type_id),
        lambda _: c_format.header(table),
    )
    for ask in asks:
        for type_id in first:
            refuses(ask, type_id)


def test_a_struct_in_itself_has_neither_size_of_its_members_nor_a_definition() -> None:
    table = decode(encode(LOOPS["two structs in each other"], byte_order="little"))
    with pytest.raises(BTFError, match="nested too deep"):
        layout.align_of(table, 1)
    with pytest.raises(BTFError, match="contains itself"):
        c_format.header(table)
