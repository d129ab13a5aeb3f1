"""Codecs of views: values written by hand, there and back, what is refused, what is imported."""

from __future__ import annotations

import datetime
import enum
import ipaddress
import json
import pickle
import struct
import subprocess
import sys
import time
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf2py import runtime
from bpf2py.runtime import codec
from bpf2py.runtime.codec import BootTime, Codec, Hex, KTime, Nanoseconds
from generated_fixtures.types_views_bpf import Blob, Event, Flow, Number, TcpFlag


class Flag(enum.IntFlag, boundary=enum.KEEP):
    A = 1
    B = 2


def native(number: int, size: int) -> bytes:
    return number.to_bytes(size, sys.byteorder)


FLAGS = codec.Flags(Flag, 4)
NS = codec.As(Nanoseconds, codec.U64)

EXAMPLES: list[tuple[Codec[Any], Any, bytes]] = [
    (codec.IPV4, ipaddress.IPv4Address("1.2.3.4"), b"\1\2\3\4"),
    (codec.IPV6, ipaddress.IPv6Address("fe80::1"), b"\xfe\x80" + bytes(13) + b"\1"),
    (codec.MAC, "aa:bb:cc:00:01:02", b"\xaa\xbb\xcc\0\1\2"),
    (codec.BE16, 0x1234, b"\x12\x34"),
    (codec.BE32, 0x12345678, b"\x12\x34\x56\x78"),
    (codec.BE64, 2**64 - 2, b"\xff" * 7 + b"\xfe"),
    (codec.BigEndian(2, signed=True), -2, b"\xff\xfe"),
    (NS, Nanoseconds(5), native(5, 8)),
    (codec.As(Hex, codec.S16), Hex(-255), native(0xFF01, 2)),
    (FLAGS, Flag.A | Flag.B, native(3, 4)),
    (FLAGS, Flag(0x80000001), native(0x80000001, 4)),
    (codec.HexText(3), "00ff10", b"\0\xff\x10"),
    (codec.Array(codec.IPV4, 2), [ipaddress.IPv4Address(0)] * 2, bytes(8)),
    (codec.Array(codec.BE16, 40), list(range(40)), b"".join(i.to_bytes(2) for i in range(40))),
]


@pytest.mark.parametrize(
    ("of", "value", "data"), EXAMPLES, ids=[each[0].c_name for each in EXAMPLES]
)
def test_a_value_and_its_bytes_by_every_way(of: Codec[Any], value: Any, data: bytes) -> None:
    assert of.pack(value) == data
    assert of.unpack(data) == value
    assert type(of.unpack(data)) is type(value)
    assert of.unpack(b"#" + data, 1) == value
    assert of.unpack_list(data * 3) == list(of.iter_unpack(data * 3)) == [value] * 3
    buffer = bytearray(b"#" * (len(data) + 2))
    of.pack_into(buffer, 1, value)
    assert buffer == b"#" + data + b"#"
    if of.word:
        assert of.from_word(struct.unpack(f"={of.word}", data)[0]) == value


@given(st.binary(min_size=runtime.sizeof(Event), max_size=runtime.sizeof(Event)))
def test_any_bytes_of_an_event_come_back_the_same(data: bytes) -> None:
    """Once padding is zero, and text ends at its NUL."""
    event = runtime.unpack(Event, data)
    clean = runtime.pack(event)
    assert runtime.unpack(Event, clean) == event
    assert runtime.pack(runtime.unpack(Event, clean)) == clean


@given(
    st.ip_addresses(v=4),
    st.integers(0, 2**16 - 1),
    st.binary(min_size=6, max_size=6),
    st.integers(0, 2**16 - 1),
)
def test_any_flow_is_the_key_it_was(
    saddr: ipaddress.IPv4Address, port: int, mac: bytes, flags: int
) -> None:
    flow = Flow(saddr, port, mac.hex(":"), TcpFlag(flags))
    data = runtime.pack(flow)
    assert data[:12] == saddr.packed + port.to_bytes(2) + mac
    again = runtime.unpack(Flow, data)
    assert again == flow
    assert hash(again) == hash(flow)


@given(st.binary(max_size=20))
def test_a_flexible_array_of_digits_holds_what_follows(data: bytes) -> None:
    record = native(len(data), 4) + data
    blob = runtime.unpack(Blob, record)
    assert (blob.length, blob.data) == (len(data), data.hex())
    assert runtime.pack(blob) == record


REFUSED: list[tuple[Codec[Any], Any, type[Exception], str]] = [
    (codec.IPV4, "1.2.3.4", TypeError, r"ipv4 takes an ipaddress\.IPv4Address, not str"),
    (codec.IPV4, ipaddress.IPv6Address(1), TypeError, "not IPv6Address"),
    (codec.IPV6, ipaddress.IPv4Address(1), TypeError, "not IPv4Address"),
    (codec.IPV6, ipaddress.IPv6Address("fe80::1%eth0"), ValueError, "no room for a scope"),
    (codec.MAC, b"123456", TypeError, "mac takes a str, not bytes"),
    (codec.MAC, "aa:bb:cc:dd:ee", ValueError, "'aa:bb:cc:dd:ee' is no Ethernet address"),
    (codec.MAC, "aabbccddeeff", ValueError, "is no Ethernet address"),
    (codec.MAC, "a:abb:cc:dd:ee:ff", ValueError, "is no Ethernet address"),
    (codec.MAC, "aa:bb:cc:dd:ee:f ", ValueError, "is no Ethernet address"),
    (codec.BE16, 65536, ValueError, r"65536 does not fit be16 \(0\.\.65535\)"),
    (codec.BE32, -1, ValueError, "-1 does not fit be32"),
    (codec.BE32, 1.0, TypeError, "be32 takes an int, not float"),
    (codec.BigEndian(2, signed=True), 40000, ValueError, "does not fit be16"),
    (NS, -1, ValueError, "-1 does not fit __u64"),
    (NS, datetime.timedelta(1), TypeError, "__u64 takes an int, not timedelta"),
    (FLAGS, -1, ValueError, "-1 does not fit Flag"),
    (FLAGS, "A", TypeError, "Flag takes an int, not str"),
    (codec.HexText(2), "00", ValueError, r"hex\[2\] takes 2 bytes, 1 were given"),
    (codec.HexText(2), "00 0", ValueError, "not made of pairs of hexadecimal digits"),
    (codec.HexText(2), "00 00", ValueError, "not made of pairs of hexadecimal digits"),
    (codec.HexText(2), b"00", TypeError, r"hex\[2\] takes a str, not bytes"),
]


@pytest.mark.parametrize(("of", "value", "error", "message"), REFUSED)
def test_what_does_not_fit_is_refused(
    of: Codec[Any], value: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        of.pack(value)
    with pytest.raises(error, match=message):
        of.pack_into(bytearray(of.size), 0, value)


def test_an_error_names_the_member_in_the_struct() -> None:
    with pytest.raises(ValueError, match=r"^Flow\.mac: 'nope' is no Ethernet address"):
        runtime.pack(Flow(mac="nope"))
    with pytest.raises(ValueError, match=r"^Event\.hops: ipv4\[3\] takes 3 elements, 1 were"):
        runtime.pack(Event(hops=[ipaddress.IPv4Address(1)]))
    with pytest.raises(ValueError, match=r"^Event\.low_flags: 32 does not fit TcpFlag:5"):
        runtime.pack(Event(low_flags=TcpFlag(32)))
    with pytest.raises(ValueError, match=r"^Blob\.data: 'x' is not made of pairs"):
        runtime.pack(Blob(data="x"))


def test_addresses_as_people_write_them_are_taken() -> None:
    assert codec.MAC.pack("AA-BB-CC-00-01-02") == codec.MAC.pack("aa:bb:cc:00:01:02")
    assert codec.HexText(2).pack("FFee") == b"\xff\xee"
    assert codec.IPV4.pack(ipaddress.IPv4Interface("10.0.0.1/8")) == b"\x0a\0\0\1"


def test_views_of_a_union_read_and_write_the_same_bytes() -> None:
    number = Number(digits="0102030405060708")
    assert (number.big, bytes(number)) == (0x0102030405060708, bytes(range(1, 9)))
    number.big = 1
    assert number.digits == "0000000000000001"
    assert str(number.address) == hex(number.plain)


def test_a_union_that_is_no_key_has_no_hash() -> None:
    assert hash(Number(big=1)) == hash(Number(big=1))
    with pytest.raises(TypeError, match="unhashable"):
        hash(Event().peer.union_0)


# ---- values ----


def test_nanoseconds_are_exact_integers() -> None:
    start, end = KTime(2**63 - 1), KTime(2**63 + 1)
    assert (end - start, type(end - start)) == (2, Nanoseconds)
    assert (repr(end - start), str(start)) == ("Nanoseconds(2)", "9223372036854775807")
    assert json.dumps([start, Hex(16)]) == "[9223372036854775807, 16]"
    assert {start: 1}[KTime(2**63 - 1)] == 1
    assert Nanoseconds(-1).timedelta() == datetime.timedelta(microseconds=-1)


@pytest.mark.parametrize(
    ("reading", "clock"), [(KTime, time.CLOCK_MONOTONIC), (BootTime, time.CLOCK_BOOTTIME)]
)
def test_a_clocks_reading_becomes_the_time_of_day(
    reading: type[KTime | BootTime], clock: int
) -> None:
    before = datetime.datetime.now(datetime.UTC)
    found = reading(time.clock_gettime_ns(clock)).datetime()
    after = datetime.datetime.now(datetime.UTC)
    margin = datetime.timedelta(milliseconds=50)
    assert before - margin < found < after + margin
    earlier = reading(time.clock_gettime_ns(clock) - 3600 * 10**9).datetime()
    assert abs(after - earlier - datetime.timedelta(hours=1)) < margin


@pytest.mark.parametrize("value", [Hex(255), Nanoseconds(5), KTime(6), BootTime(7)])
def test_values_survive_being_pickled(value: int) -> None:
    again = pickle.loads(pickle.dumps(value))
    assert (again, type(again)) == (value, type(value))


def test_a_hexadecimal_integer_is_shown_as_one() -> None:
    value = Hex(255)
    assert f"{value} {value!r} {value:d} {value:x}" == "0xff 0xff 255 ff"


# ---- imports ----


def test_ipaddress_is_imported_by_the_first_address() -> None:
    code = """
import sys
from generated_fixtures import types_views_bpf as module
from bpf2py import runtime
spec = module.TypesViews.spec()
assert spec.bss.port == 0
assert not {"ipaddress", "datetime"} & set(sys.modules), "imported too early"
assert str(runtime.unpack(module.Flow, bytes(16)).saddr) == "0.0.0.0"
assert "ipaddress" in sys.modules
import typing
assert typing.get_type_hints(module.Flow)["saddr"] is sys.modules["ipaddress"].IPv4Address
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_module_without_views_imports_none_of_it() -> None:
    code = """
import sys
from generated_fixtures import types_check_bpf as module
from bpf2py.runtime import codec
module.TypesCheck.spec()
assert not [name for name in sys.modules if name.endswith(("codec.views", "codec.values"))]
try:
    codec.no_such_codec
except AttributeError as error:
    assert "no attribute 'no_such_codec'" in str(error)
"""
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("order", ["little", "big"])
def test_views_are_read_from_machines_of_either_byte_order(
    order: Literal["little", "big"],
) -> None:
    flow = Flow(ipaddress.IPv4Address("1.2.3.4"), 443, "aa:bb:cc:00:01:02", TcpFlag(0x1200))
    data = codec.pack(flow, byte_order=order)
    assert data[:14] == b"\1\2\3\4\x01\xbb\xaa\xbb\xcc\0\1\2" + 0x1200.to_bytes(2, order)
    assert codec.unpack(Flow, data, byte_order=order) == flow
    duration = codec.As(Nanoseconds, codec.U64).in_byte_order(order)
    assert duration.pack(Nanoseconds(5)) == (5).to_bytes(8, order)
    assert codec.BE32.in_byte_order(order).unpack(b"\0\0\0\1") == 1
    event = codec.unpack(Event, bytes(range(216)), byte_order=order)
    assert codec.unpack(Event, codec.pack(event, byte_order=order), byte_order=order) == event
    assert hash(codec.unpack(Number, bytes(8), byte_order=order)) == hash(Number())
