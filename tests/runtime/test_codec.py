"""Codecs against values written by hand, against ctypes, and there and back."""

from __future__ import annotations

import ctypes
import dataclasses
import enum
import math
import struct
import sys
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf2py.runtime import codec
from bpf2py.runtime.codec import Codec

LITTLE = sys.byteorder == "little"


class Verdict(enum.IntEnum):
    PASS = 0
    DROP = 1
    NEGATIVE = -5


@dataclasses.dataclass(slots=True)
class Start:
    ts: int = 0
    flags: int = 0
    verdict: Verdict | int = Verdict.PASS


codec.struct(
    Start,
    16,
    (
        ("ts", 0, codec.U64),
        ("flags", 8, codec.S32),
        ("verdict", 12, codec.Enum(Verdict, 4, signed=True)),
    ),
)


@dataclasses.dataclass(slots=True)
class Event:
    pid: int = 0
    comm: str = ""
    counts: list[int] = dataclasses.field(default_factory=lambda: [0] * 4)
    start: Start = dataclasses.field(default_factory=Start)
    ratio: float = 0.0
    ok: bool = False
    mac: bytes = bytes(6)
    starts: list[Start] = dataclasses.field(default_factory=lambda: [Start(), Start()])
    grid: list[list[int]] = dataclasses.field(default_factory=lambda: [[0] * 3, [0] * 3])
    many: list[int] = dataclasses.field(default_factory=lambda: [0] * 100)
    wide: int = 0


class CStart(ctypes.Structure):
    _fields_ = (("ts", ctypes.c_uint64), ("flags", ctypes.c_int32), ("verdict", ctypes.c_int32))


class CEvent(ctypes.Structure):
    _fields_ = (
        ("pid", ctypes.c_uint32),
        ("comm", ctypes.c_ubyte * 16),
        ("counts", ctypes.c_uint32 * 4),
        ("start", CStart),
        ("ratio", ctypes.c_double),
        ("ok", ctypes.c_bool),
        ("mac", ctypes.c_ubyte * 6),
        ("starts", CStart * 2),
        ("grid", ctypes.c_int16 * 3 * 2),
        ("many", ctypes.c_uint16 * 100),
        ("wide", ctypes.c_uint64 * 2),
    )


_CODECS: dict[str, Codec[Any]] = {
    "pid": codec.U32,
    "comm": codec.Text(16),
    "counts": codec.Array(codec.U32, 4),
    "start": codec.of(Start),
    "ratio": codec.F64,
    "ok": codec.BOOL,
    "mac": codec.Bytes(6),
    "starts": codec.Array(codec.of(Start), 2),
    "grid": codec.Array(codec.Array(codec.S16, 3), 2),
    "many": codec.Array(codec.U16, 100),
    "wide": codec.Int(16),
}
EVENT = codec.struct(
    Event,
    ctypes.sizeof(CEvent),
    tuple((name, getattr(CEvent, name).offset, each) for name, each in _CODECS.items()),
)


def ints(size: int, signed: bool = False) -> st.SearchStrategy[int]:
    bits = 8 * size
    return (
        st.integers(-(1 << bits - 1), (1 << bits - 1) - 1)
        if signed
        else st.integers(0, (1 << bits) - 1)
    )


def text(size: int) -> st.SearchStrategy[str]:
    """Whatever a char[size] can hold: any bytes without NUL, as os.fsdecode() shows them."""
    return st.binary(max_size=size).map(
        lambda data: data.replace(b"\0", b"").decode("utf-8", "surrogateescape")
    )


STARTS = st.builds(
    Start,
    ts=ints(8),
    flags=ints(4, signed=True),
    verdict=st.one_of(st.sampled_from(Verdict), ints(4, signed=True)).map(
        lambda number: Verdict(number) if number in (0, 1, -5) else number
    ),
)
EVENTS = st.builds(
    Event,
    pid=ints(4),
    comm=text(16),
    counts=st.lists(ints(4), min_size=4, max_size=4),
    start=STARTS,
    ratio=st.floats(allow_nan=False),
    ok=st.booleans(),
    mac=st.binary(min_size=6, max_size=6),
    starts=st.lists(STARTS, min_size=2, max_size=2),
    grid=st.lists(st.lists(ints(2, signed=True), min_size=3, max_size=3), min_size=2, max_size=2),
    many=st.lists(ints(2), min_size=100, max_size=100),
    wide=ints(16),
)


@given(EVENTS)
def test_a_struct_survives_the_way_to_bytes_and_back(event: Event) -> None:
    data = EVENT.pack(event)
    assert len(data) == EVENT.size
    assert EVENT.unpack(data) == event
    assert EVENT.unpack(b"abc" + data, 3) == event
    place = bytearray(b"\xff" * (EVENT.size + 8))
    EVENT.pack_into(place, 4, event)
    assert place == b"\xff" * 4 + data + b"\xff" * 4


@given(EVENTS)
def test_a_struct_lies_in_memory_as_ctypes_lays_it(event: Event) -> None:
    theirs = CEvent.from_buffer_copy(EVENT.pack(event))
    assert theirs.pid == event.pid
    encoded = event.comm.encode("utf-8", "surrogateescape")
    assert bytes(theirs.comm) == encoded.ljust(16, b"\0")
    assert list(theirs.counts) == event.counts
    assert (theirs.start.ts, theirs.start.flags) == (event.start.ts, event.start.flags)
    assert theirs.start.verdict == event.start.verdict
    assert theirs.ratio == event.ratio
    assert theirs.ok is event.ok
    assert bytes(theirs.mac) == event.mac
    assert [(s.ts, s.flags, s.verdict) for s in theirs.starts] == [
        (s.ts, s.flags, s.verdict) for s in event.starts
    ]
    assert [list(row) for row in theirs.grid] == event.grid
    assert list(theirs.many) == event.many
    low, high = theirs.wide if LITTLE else reversed(theirs.wide)
    assert low | high << 64 == event.wide


@given(st.lists(EVENTS, max_size=4))
def test_a_buffer_of_records_gives_what_each_record_gives(events: list[Event]) -> None:
    data = b"".join(map(EVENT.pack, events))
    assert EVENT.unpack_list(data) == events
    assert list(EVENT.iter_unpack(memoryview(data))) == events
    assert EVENT.unpack_list(bytearray(data)) == events


@given(st.binary(min_size=EVENT.size, max_size=EVENT.size))
def test_whatever_bytes_there_are_unpack_and_pack_again(data: bytes) -> None:
    event = EVENT.unpack(data)
    again = EVENT.unpack(EVENT.pack(event))
    if math.isnan(event.ratio):
        event.ratio = again.ratio = 0.0
    assert again == event


SCALARS: list[tuple[Codec[Any], Any, bytes]] = [
    (codec.U8, 0xFE, struct.pack("=B", 0xFE)),
    (codec.S8, -2, struct.pack("=b", -2)),
    (codec.U16, 0xFEDC, struct.pack("=H", 0xFEDC)),
    (codec.S16, -3, struct.pack("=h", -3)),
    (codec.U32, 0xFEDCBA98, struct.pack("=I", 0xFEDCBA98)),
    (codec.S32, -4, struct.pack("=i", -4)),
    (codec.U64, 2**64 - 1, struct.pack("=Q", 2**64 - 1)),
    (codec.S64, -(2**63), struct.pack("=q", -(2**63))),
    (codec.Int(16), 2**100, (2**100).to_bytes(16, sys.byteorder)),
    (codec.Int(16, signed=True), -(2**100), (-(2**100)).to_bytes(16, sys.byteorder, signed=True)),
    (codec.Int(3), 0x010203, (0x010203).to_bytes(3, sys.byteorder)),
    (codec.BOOL, True, b"\1"),
    (codec.F32, 0.5, struct.pack("=f", 0.5)),
    (codec.F64, -1e300, struct.pack("=d", -1e300)),
    (codec.Text(4), "ab", b"ab\0\0"),
    (codec.Text(4), "abcd", b"abcd"),
    (codec.Text(4), "\udcff", b"\xff\0\0\0"),
    (codec.Text(2), "é", "é".encode()),
    (codec.Text(0), "", b""),
    (codec.Bytes(3), b"a\0b", b"a\0b"),
    (codec.Enum(Verdict, 1), Verdict.DROP, b"\1"),
    (codec.Enum(Verdict, 8), 77, struct.pack("=Q", 77)),
    (codec.Enum(Verdict, 4, signed=True), Verdict.NEGATIVE, struct.pack("=i", -5)),
    (codec.Array(codec.U8, 3), [1, 2, 3], b"\1\2\3"),
    (codec.Array(codec.U8, 0), [], b""),
    (codec.Array(codec.Text(2), 40), ["ab"] * 40, b"ab" * 40),
    (codec.Array(codec.F32, 50), [1.5] * 50, struct.pack("=50f", *[1.5] * 50)),
    (codec.Padded(codec.U16, 8), 7, struct.pack("=H6x", 7)),
    (codec.Padded(codec.U16, 8, lead=4), 7, struct.pack("=4xH2x", 7)),
]


@pytest.mark.parametrize(("kind", "value", "data"), SCALARS)
def test_a_value_has_the_bytes_c_gives_it(kind: Codec[Any], value: Any, data: bytes) -> None:
    assert kind.pack(value) == data
    assert kind.size == kind.full_size == len(data)
    found = kind.unpack(data)
    assert found == value
    assert type(found) is type(value)
    if data:
        assert kind.unpack_list(data * 3) == [value] * 3
        assert list(kind.iter_unpack(data * 3)) == [value] * 3


def test_text_ends_at_the_first_nul_whatever_follows() -> None:
    assert codec.Text(8).unpack(b"ab\0cd\xff\0\0") == "ab"


def test_any_byte_but_zero_is_true() -> None:
    assert [codec.BOOL.unpack(bytes([byte])) for byte in (0, 1, 2, 255)] == [
        False,
        True,
        True,
        True,
    ]


def test_an_unknown_number_of_an_enum_stays_a_plain_int() -> None:
    known, unknown = codec.Enum(Verdict, 4).unpack_list(struct.pack("=2I", 1, 9))
    assert known is Verdict.DROP
    assert unknown == 9
    assert type(unknown) is int


def test_padding_is_zero_when_packing() -> None:
    place = bytearray(b"\xff" * 16)
    gap = codec.struct(Gap, 16, (("a", 0, codec.U8), ("b", 8, codec.U8)))
    gap.pack_into(place, 0, Gap(1, 2))
    assert place == b"\1" + bytes(7) + b"\2" + bytes(7)


@dataclasses.dataclass(slots=True)
class Gap:
    a: int = 0
    b: int = 0


ERRORS: list[tuple[Event, type[Exception], str]] = [
    (Event(pid=2**32), ValueError, "Event.pid: 4294967296 does not fit __u32 (0..4294967295)"),
    (Event(pid=-1), ValueError, "Event.pid: -1 does not fit __u32 (0..4294967295)"),
    (Event(pid="x"), TypeError, "Event.pid: __u32 takes an int, not str"),  # type: ignore[arg-type]
    (Event(pid=1.5), TypeError, "Event.pid: __u32 takes an int, not float"),  # type: ignore[arg-type]
    (
        Event(start=Start(flags=2**31)),
        ValueError,
        "Event.start.flags: 2147483648 does not fit __s32 (-2147483648..2147483647)",
    ),
    (
        Event(starts=[Start(), Start(ts=-1)]),
        ValueError,
        "Event.starts[1].ts: -1 does not fit __u64 (0..18446744073709551615)",
    ),
    (
        Event(comm="é" * 9),
        ValueError,
        "Event.comm: text of 18 bytes does not fit char[16] ('ééééééééé')",
    ),
    (Event(comm=b"x"), TypeError, "Event.comm: char[16] takes a str, not bytes"),  # type: ignore[arg-type]
    (Event(counts=[1, 2, 3]), ValueError, "Event.counts: __u32[4] takes 4 elements, 3 were given"),
    (Event(counts=[1] * 5), ValueError, "Event.counts: __u32[4] takes 4 elements, 5 were given"),
    (Event(counts=5), TypeError, "Event.counts: __u32[4] takes a list, not int"),  # type: ignore[arg-type]
    (
        Event(grid=[[0, 0, 0], [0, 0, 70000]]),
        ValueError,
        "Event.grid[1][2]: 70000 does not fit __s16 (-32768..32767)",
    ),
    (Event(many=[0] * 99), ValueError, "Event.many: __u16[100] takes 100 elements, 99 were given"),
    (
        Event(many=[0] * 99 + [-1]),
        ValueError,
        "Event.many[99]: -1 does not fit __u16 (0..65535)",
    ),
    (
        Event(mac=b"12345"),
        ValueError,
        "Event.mac: unsigned char[6] takes 6 bytes, 5 were given",
    ),
    (Event(mac="123456"), TypeError, "Event.mac: unsigned char[6] takes bytes, not str"),  # type: ignore[arg-type]
    (Event(start=None), TypeError, "Event.start takes Start, not NoneType"),  # type: ignore[arg-type]
    (Event(ratio="1"), TypeError, "Event.ratio: double takes a float, not str"),  # type: ignore[arg-type]
    (
        Event(wide=1 << 128),
        ValueError,
        f"Event.wide: {1 << 128} does not fit __u128 (0..{(1 << 128) - 1})",
    ),
]


@pytest.mark.parametrize(("event", "kind", "message"), ERRORS)
def test_a_value_that_does_not_fit_is_named_with_its_range(
    event: Event, kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind) as caught:
        EVENT.pack(event)
    assert str(caught.value) == message
    with pytest.raises(kind) as caught:
        EVENT.pack_into(bytearray(EVENT.size), 0, event)
    assert str(caught.value) == message


def test_too_few_bytes_are_refused_with_both_sizes() -> None:
    size = EVENT.size
    with pytest.raises(ValueError, match=f"Event takes {size} bytes, the buffer has {size - 1}$"):
        EVENT.unpack(bytes(size - 1))
    with pytest.raises(ValueError, match=f"at offset 4, the buffer has {size - 4} from there on$"):
        EVENT.unpack(bytes(size), 4)
    with pytest.raises(ValueError, match=f"Event takes {size} bytes, the buffer has 10$"):
        EVENT.pack_into(bytearray(10), 0, Event())
    with pytest.raises(ValueError, match="10 bytes is no whole number of __u32"):
        codec.U32.unpack_list(bytes(10))
    with pytest.raises(ValueError, match="is no whole number of Event"):
        EVENT.iter_unpack(bytes(size + 1))


def test_a_traceback_shows_the_line_of_the_compiled_function() -> None:
    try:
        EVENT.pack(Event(pid=-1))
    except ValueError as error:
        shown = "".join(traceback.format_exception(error))
    assert "<bpf2py pack of Event>" in shown
    assert "raise " in shown


def test_members_given_out_of_order_land_where_the_table_says() -> None:
    gap = codec.struct(Gap, 4, (("b", 2, codec.U16), ("a", 0, codec.U16)))
    assert gap.pack(Gap(a=1, b=2)) == struct.pack("=HH", 1, 2)
    assert gap.unpack(struct.pack("=HH", 1, 2)) == Gap(a=1, b=2)


def test_a_table_that_contradicts_itself_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Gap\.b lies outside of the 4 bytes"):
        codec.struct(Gap, 4, (("a", 0, codec.U32), ("b", 4, codec.U8)))
    overlapping = codec.struct(Gap, 4, (("a", 0, codec.U32), ("b", 2, codec.U8)))
    with pytest.raises(ValueError, match="overlaps"):
        overlapping.pack(Gap())


def test_a_class_without_a_layout_is_named() -> None:
    with pytest.raises(TypeError, match="int has no registered layout"):
        codec.of(int)


@dataclasses.dataclass(slots=True)
class Flexible:
    count: int = 0
    kind: int = 0
    items: list[int] = dataclasses.field(default_factory=list)


def test_a_flexible_array_takes_what_follows_its_offset() -> None:
    # struct { __u32 count; __u16 kind; __u16 items[]; }: 8 bytes, the array begins in the padding
    flexible = codec.struct(
        Flexible,
        8,
        (("count", 0, codec.U32), ("kind", 4, codec.U16), ("items", 6, codec.Rest(codec.U16))),
    )
    assert flexible.variable
    assert (flexible.size, flexible.full_size) == (6, 8)
    value = Flexible(3, 5, [100, 200, 300])
    data = flexible.pack(value)
    assert data == struct.pack("=IHHHH", 3, 5, 100, 200, 300)
    assert flexible.unpack(data) == value
    assert flexible.unpack(b"x" + data, 1) == value
    assert flexible.unpack(data + b"\1") == value  # half an element is none
    assert flexible.unpack(data[:6]) == Flexible(3, 5, [])
    assert len(flexible.pack(Flexible())) == 8  # never less than sizeof
    place = bytearray(20)
    flexible.pack_into(place, 2, value)
    assert place == b"\0\0" + data + bytes(6)
    with pytest.raises(ValueError, match="Flexible takes 6 bytes, the buffer has 5"):
        flexible.unpack(bytes(5))
    with pytest.raises(ValueError, match="no fixed size"):
        flexible.unpack_list(data * 2)
    with pytest.raises(ValueError, match=r"Flexible\.items\[1\]: 65536 does not fit __u16"):
        flexible.pack(Flexible(items=[1, 65536]))
    with pytest.raises(TypeError, match="cannot be in an array"):
        codec.Array(flexible, 2)


def test_the_rest_of_a_buffer_can_be_bytes_or_text() -> None:
    assert codec.RestBytes().unpack(b"ab\0c", 1) == b"b\0c"
    assert codec.RestBytes().pack(b"ab") == b"ab"
    assert codec.RestText().unpack(b"ab\0c") == "ab"
    assert codec.RestText().pack("é") == "é".encode() + b"\0"


@dataclasses.dataclass(slots=True)
class Big:
    before: int = 0
    events: list[Event] = dataclasses.field(default_factory=list)
    event: Event = dataclasses.field(default_factory=Event)


@given(st.lists(EVENTS, min_size=3, max_size=3), EVENTS)
def test_structs_too_long_for_one_line_nest_all_the_same(events: list[Event], last: Event) -> None:
    big = codec.struct(
        Big,
        8 + 4 * EVENT.size,
        (
            ("before", 0, codec.U64),
            ("events", 8, codec.Array(EVENT, 3)),
            ("event", 8 + 3 * EVENT.size, EVENT),
        ),
    )
    value = Big(7, events, last)
    data = big.pack(value)
    assert data[8:] == b"".join(map(EVENT.pack, [*events, last]))
    assert big.unpack(data) == value
