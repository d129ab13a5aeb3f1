"""Views against C: ``types_views.bpf.c`` writes what it means, Python reads it, and the other way."""

from __future__ import annotations

import datetime
import ipaddress
import time
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

import pytest

from bpf2py import runtime
from generated_fixtures.types_views_bpf import (
    Address,
    AddressUnion0,
    Capability,
    Event,
    Flow,
    Number,
    Packet,
    TcpFlag,
    TcpState,
    TypesViews,
    Verdict,
)

TARGET = IPv4Address("203.0.113.9")


@pytest.fixture
def loaded() -> Iterator[TypesViews]:
    spec = TypesViews.spec()
    spec.rodata.target = TARGET
    spec.rodata.gateway = "02-00-00-00-00-2A"
    with spec.load() as loaded:
        assert loaded.programs.set.run(bytes(64)).return_value == 0x2A
        yield loaded


WANTED = {
    "duration": runtime.Nanoseconds(1_500_000_001),
    "short_duration": runtime.Nanoseconds(1000),
    "saddr": IPv4Address("192.168.1.2"),
    "daddr": TARGET,
    "number": 5,
    "hops": [IPv4Address("1.2.3.4"), IPv4Address(0), IPv4Address("255.255.255.255")],
    "octets": IPv4Address("127.0.0.1"),
    "words6": IPv6Address("2001:db8::1"),
    "saddr6": IPv6Address("fe80::2"),
    "daddr6": IPv6Address("::1"),
    "source": "aa:bb:cc:01:02:03",
    "macs": ["00:00:00:00:00:00", "ff:ff:ff:ff:ff:ff"],
    "sport": 443,
    "ports": [0, 53],
    "sequence": 0x01020304,
    "cookie": 0x0102030405060708,
    "name": "eth0",
    "raw": b"\0\x01\xfe\xff",
    "digest": "deadbeef",
    "pointer": 0xFFFF888000001000,
    "mask": 0xFF00,
    "flags": TcpFlag.TCP_FLAG_SYN | 0x80,
    "state": TcpState.TCP_STATE_CLOSED,
    "verdict": Verdict.VERDICT_DROP,
    "capability": Capability.CAPABILITY_WRITE,
    "low_flags": TcpFlag.TCP_FLAG_ACK | TcpFlag.TCP_FLAG_FIN,
    "low_state": TcpState.TCP_STATE_OPEN,
    "low_hex": 0x1AB,
    "plain": 9,
}


@pytest.mark.parametrize("member", WANTED)
def test_a_member_reads_as_what_c_meant(loaded: TypesViews, member: str) -> None:
    found, wanted = getattr(loaded.bss.event, member), WANTED[member]
    assert found == wanted
    assert isinstance(found, type(wanted))


def test_every_member_of_the_event_is_among_them() -> None:
    others = {"ktime", "boottime", "peer", "number_union"}
    assert WANTED.keys() | others == set(Event.__match_args__)


def test_members_of_unions_have_views(loaded: TypesViews) -> None:
    event = loaded.bss.event
    assert (event.peer.mac, event.peer.vlan) == ("02:04:06:08:0a:0c", 100)
    assert (event.number_union.big, event.number_union.digits) == (1, "0000000000000001")


def test_integers_in_hexadecimal_look_like_it(loaded: TypesViews) -> None:
    event = loaded.bss.event
    assert f"{event.pointer} {event.low_hex!r}" == "0xffff888000001000 0x1ab"


def test_readings_of_the_kernels_clocks_become_times(loaded: TypesViews) -> None:
    event = loaded.bss.event
    now = datetime.datetime.now(datetime.UTC)
    assert event.ktime == loaded.bss.started
    assert 0 <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) - event.ktime < 60_000_000_000
    assert 0 <= time.clock_gettime_ns(time.CLOCK_BOOTTIME) - event.boottime < 60_000_000_000
    for reading in (event.ktime, event.boottime):
        assert abs(now - reading.datetime()) < datetime.timedelta(minutes=1)
    assert event.duration.timedelta() == datetime.timedelta(seconds=1, milliseconds=500)
    assert event.duration.seconds == 1.500000001


def test_variables_have_views_and_can_be_written(loaded: TypesViews) -> None:
    assert loaded.rodata.target == TARGET
    assert loaded.rodata.gateway == "02:00:00:00:00:2a"
    assert loaded.bss.port == 8080
    assert loaded.bss.seen_flags == TcpFlag.TCP_FLAG_FIN | 0x80000000
    loaded.bss.port = 0x1234
    loaded.bss.seen_flags |= TcpFlag.TCP_FLAG_ACK
    event = loaded.bss.event
    event.daddr = ipaddress.IPv4Address("8.8.4.4")
    loaded.bss.event = event
    assert loaded.bss.port == 0x1234
    assert loaded.bss.seen_flags == 0x80000011
    assert loaded.bss.event == event


def test_keys_and_values_of_maps_have_views(loaded: TypesViews) -> None:
    address = IPv4Address("10.0.0.1")
    assert dict(loaded.maps.by_address) == {address: 1_500_000_001}
    assert loaded.maps.by_address[address].timedelta().total_seconds() == 1.5
    assert address in loaded.maps.by_address
    assert IPv4Address("10.0.0.2") not in loaded.maps.by_address

    flow = Flow(address, 22, "aa:bb:cc:01:02:03", TcpFlag.TCP_FLAG_FIN)
    assert dict(loaded.maps.by_flow) == {flow: TcpFlag.TCP_FLAG_SYN | TcpFlag.TCP_FLAG_ACK}
    loaded.maps.by_flow[flow] = TcpFlag.TCP_FLAG_ACK
    flow.port = 23
    loaded.maps.by_flow.update({flow: TcpFlag(0)})
    assert {key.port: value for key, value in loaded.maps.by_flow.items()} == {22: 16, 23: 0}


def test_a_union_can_be_a_key(loaded: TypesViews) -> None:
    number = Number(big=2)
    assert dict(loaded.maps.by_number) == {
        number: Address(AddressUnion0(v4=IPv4Address("10.0.0.1")))
    }
    assert {number: 1}[Number(big=2)] == 1


def test_a_flexible_array_of_addresses_comes_through_a_ring_buffer(loaded: TypesViews) -> None:
    packet = next(iter(loaded.maps.packets))
    assert packet == Packet(2, [IPv4Address("10.0.0.1"), IPv4Address("10.0.0.2")])


def test_what_is_no_address_names_the_map_key_and_the_class(loaded: TypesViews) -> None:
    with pytest.raises(TypeError, match=r"ipv4 takes an ipaddress\.IPv4Address, not str"):
        loaded.maps.by_address["10.0.0.1"]  # type: ignore[index]
    event = loaded.bss.event
    event.saddr = IPv6Address("::1")  # type: ignore[assignment]
    with pytest.raises(TypeError, match=r"event\.saddr: ipv4 takes .*IPv4Address, not IPv6Address"):
        loaded.bss.event = event
