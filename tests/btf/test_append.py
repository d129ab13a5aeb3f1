"""Types appended to a blob: what was there stays, what is new can be read."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given

from bpf2py.btf import Type, decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.append import Appender
from bpf2py.btf.header import ByteOrder, read_header
from bpf2py.uapi import BTFKind
from tests.btf.samples import EVERY_KIND
from tests.btf.strategies import type_lists

BOTH = pytest.mark.parametrize("order", ["little", "big"])


@BOTH
def test_what_was_there_stays(order: ByteOrder) -> None:
    blob = encode(EVERY_KIND, byte_order=order)
    before = decode(blob)
    more = Appender(blob, len(before))
    pointer = more.add(0, BTFKind.PTR << 24, 1)
    name = more.string("a new name")
    typedef = more.add(name, BTFKind.TYPEDEF << 24, pointer)
    after = decode(more.build())
    assert [after[i] for i in before] == [before[i] for i in before]
    assert (pointer, typedef) == (len(before), len(before) + 1)
    assert after[pointer] == t.Ptr(1)
    assert after[typedef] == t.Typedef("a new name", pointer)


def test_a_name_that_is_there_is_used_again() -> None:
    blob = encode([t.Int("int", 4, 32), t.Struct("interval", 0, ())], byte_order="little")
    more = Appender(blob, 3)
    assert more.string("") == 0
    assert more.string("int") == 1
    assert more.string("interval") == 5
    added = more.string("val")
    assert added == 14, "the end of another name is not the name"
    assert more.string("val") == added


def test_nothing_appended_is_nothing_changed() -> None:
    blob = encode(EVERY_KIND, byte_order="little")
    more = Appender(blob, len(EVERY_KIND) + 1)
    assert not more.changed
    assert more.build() == blob


def test_a_longer_header_is_not_taken_for_types() -> None:
    blob = encode([t.Int("int", 4, 32)], byte_order="little")
    fields = list(struct.unpack_from("<HBBIIIII", blob))
    fields[3] = 40
    longer = struct.pack("<HBBIIIII", *fields) + bytes(16) + blob[24:]
    more = Appender(longer, 2)
    more.add(0, BTFKind.PTR << 24, 1)
    after = more.build()
    assert decode(after)[1] == t.Int("int", 4, 32)
    assert len(after) == len(longer) + 12, "the header stays as long as it is"


def test_what_describes_kinds_stays() -> None:
    """The layout section of 7.0: two words, of kinds 0 and 1, behind the types."""
    blob = encode([t.Int("int", 4, 32)], byte_order="little")
    fields = list(struct.unpack_from("<HBBIIIII", blob))
    layout = bytes.fromhex("00000000 04000000")
    fields[3], fields[6] = 32, fields[5] + len(layout)
    types, strings = blob[24 : 24 + fields[5]], blob[24 + fields[5] :]
    place = struct.pack("<II", fields[5], len(layout))
    blob = struct.pack("<HBBIIIII", *fields) + place + types + layout + strings
    assert read_header(blob, split=False).layout == (32 + len(types), 8)
    more = Appender(blob, 2)
    pointer = more.add(more.string("name"), BTFKind.TYPEDEF << 24, 1)
    after = more.build()
    start, length = read_header(after, split=False).layout
    assert after[start : start + length] == layout
    assert decode(after)[pointer] == t.Typedef("name", 1)


@BOTH
def test_a_parameter_of_an_appended_prototype_can_be_changed(order: ByteOrder) -> None:
    blob = encode([t.Int("int", 4, 32), t.Ptr(1)], byte_order=order)
    more = Appender(blob, 3)
    proto = more.add(0, BTFKind.FUNC_PROTO << 24 | 2, 1, 0, 1, 0, 1)
    more.set_param(proto, 1, 2)
    assert decode(more.build())[proto] == t.FuncProto(1, (t.Param("", 1), t.Param("", 2)))


@given(type_lists())
def test_any_blob_can_be_appended_to(types: list[Type]) -> None:
    blob = encode(types, byte_order="big")
    before = decode(blob)
    more = Appender(blob, len(before))
    more.add(more.string("last"), BTFKind.FWD << 24, 0)
    after = decode(more.build())
    assert [after[i] for i in before] == [before[i] for i in before]
    assert after[len(before)] == t.Fwd("last")
