"""Whatever the object and the kernel claim, relocation ends in outcomes or in a documented error."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpf2py.btf import BTFError, decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.core import Record, Relocator
from bpf2py.btf.core_errors import RelocationError
from bpf2py.btf.types import Type

from ..btf.strategies import any_type
from .tables import INT, access_offset, insn, struct_of, table

COUNT = 8
#: One name for all, so that everything is a candidate for everything.
NAMED = st.sampled_from(["s", "s___x", ""])
ACCESS = st.one_of(
    st.sampled_from(["0", "0:0", "0:1", "0:0:0", "1:0:1", "0:0:0:0", ""]),
    st.lists(st.integers(0, 3), min_size=1, max_size=6).map(lambda each: ":".join(map(str, each))),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5),
)


def alike(count: int) -> st.SearchStrategy[Type]:
    """Types that can answer for each other, referring to ids 0 to *count*."""
    ids = st.integers(0, count)
    members = st.lists(
        st.builds(t.Member, st.sampled_from(["", "a", "b"]), ids, st.integers(0, 500)), max_size=4
    ).map(tuple)
    values = st.lists(
        st.builds(t.Enumerator, st.sampled_from(["A", "B", "A___x"]), st.integers(0, 2**31)),
        max_size=3,
    ).map(tuple)
    sizes = st.integers(0, 64)
    return st.one_of(
        st.builds(t.Struct, NAMED, sizes, members),
        st.builds(t.Union, NAMED, sizes, members),
        st.builds(t.Typedef, NAMED, ids),
        st.builds(t.Array, ids, ids, st.integers(0, 3)),
        st.builds(t.Ptr, ids),
        st.builds(t.Const, ids),
        st.builds(t.Enum, NAMED, sizes, values),
        st.builds(
            t.FuncProto,
            ids,
            st.lists(st.builds(t.Param, st.just(""), ids), max_size=3).map(tuple),
        ),
        st.just(INT),
    )


TYPES = st.lists(
    st.one_of(alike(COUNT), alike(COUNT), any_type(COUNT)), min_size=COUNT, max_size=COUNT
)
RECORDS = st.builds(
    Record, st.integers(0, 3), st.integers(0, COUNT + 1), st.just(0), st.integers(0, 14)
)


@settings(deadline=None, max_examples=400)
@given(
    TYPES,
    TYPES,
    ACCESS,
    st.lists(RECORDS, min_size=1, max_size=6),
    st.binary(min_size=8, max_size=32),
)
def test_any_types_and_records_give_outcomes_or_an_error(
    local: list[Type], target: list[Type], access: str, records: list[Record], code: bytes
) -> None:
    ours = decode(encode(local, byte_order="little", strings=(access,)))
    offset = access_offset(ours, tuple(local), access)
    engine = Relocator(ours, decode(encode(target, byte_order="little")))
    for record in records:
        insns = bytearray(code)
        placed = record._replace(access=offset)
        try:
            (outcome,) = engine.relocate(insns, [placed], program="p")
        except RelocationError as error:
            message = str(error)
        else:
            message = "program 'p'"
            assert len(insns) == len(code)
            assert outcome.describe()
        assert "program 'p'" in message


@settings(deadline=None, max_examples=200)
@given(TYPES, st.lists(RECORDS, min_size=1), st.data())
def test_damaged_blobs_give_outcomes_or_an_error(
    types: list[Type], records: list[Record], data: st.DataObject
) -> None:
    blob = bytearray(encode(types, byte_order="little", strings=("0:0",)))
    for at, value in data.draw(
        st.lists(st.tuples(st.integers(24, len(blob) - 1), st.integers(0, 255)), max_size=6)
    ):
        blob[at] = value
    try:
        damaged = decode(bytes(blob))
        engine = Relocator(damaged, damaged)
    except BTFError:
        return
    offset = access_offset(table(INT), tuple(types), "0:0")
    for record in records:
        with contextlib.suppress(RelocationError):
            engine.relocate(insn(0xB7), [record._replace(access=offset)], program="p")


def test_a_struct_inside_of_itself_is_an_error() -> None:
    for name in ("", "s"):
        endless = (struct_of("s", 8, ("", 2, 0), ("", 2, 4)), struct_of(name, 8, ("", 1, 0)))
        local = (struct_of("s", 8, ("a", 2, 0)), INT)
        ours = table(*local, strings=("0:0",))
        engine = Relocator(ours, table(*endless))
        record = Record(0, 1, access_offset(ours, local, "0:0"), 0)
        with pytest.raises(RelocationError, match="too deeply"):
            engine.relocate(insn(0x61), [record], program="p")


def test_structs_that_hold_each_other_twice_take_no_time() -> None:
    """64 levels of two anonymous members each would be 2**64 members, were they not remembered."""
    deep = [struct_of("s", 8, ("", 2, 0), ("", 2, 4))]
    deep += [struct_of("", 8, ("", n, 0), ("", n, 4)) for n in range(3, 60)]
    deep += [struct_of("", 8, ("a", 60, 4))]
    local = (struct_of("s", 8, ("a", 2, 0)), INT)
    ours = table(*local, strings=("0:0",))
    engine = Relocator(ours, table(*deep, INT))
    record = Record(0, 1, access_offset(ours, local, "0:0"), 0)
    code = insn(0x61)
    engine.relocate(code, [record], program="p")
    assert code == insn(0x61, off=4)
