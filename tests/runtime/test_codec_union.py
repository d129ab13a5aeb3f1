"""Unions: one storage, a view per member, also through the struct around it."""

from __future__ import annotations

import copy
import dataclasses
import struct
import sys
from typing import TYPE_CHECKING

import pytest

from bpf2py.runtime import codec


@dataclasses.dataclass(slots=True)
class Pair:
    low: int = 0
    high: int = 0


codec.struct(Pair, 8, (("low", 0, codec.U32), ("high", 4, codec.U32)))


class Address(codec.Union):
    __slots__ = ()

    v4 = codec.member(codec.U32)
    v6 = codec.member(codec.Bytes(16))
    pair = codec.member(codec.of(Pair))
    words = codec.member(codec.Array(codec.U16, 8))
    name = codec.member(codec.Text(4))
    second = codec.member(codec.U32, 4)
    flag = codec.member(codec.Bits(0, 1, codec.BOOL), 8)


codec.union(Address, 16)


@dataclasses.dataclass(slots=True)
class Packet:
    port: int = 0
    union_4: Address = dataclasses.field(default_factory=Address)

    v4 = codec.forward("union_4", Address.v4)
    pair = codec.forward("union_4", Address.pair)


PACKET = codec.struct(Packet, 20, (("port", 0, codec.U16), ("union_4", 4, codec.of(Address))))


def test_every_member_sees_the_same_bytes() -> None:
    address = Address(v4=0x01020304)
    assert bytes(address) == struct.pack("=I12x", 0x01020304)
    assert address.v6 == bytes(address)
    address.pair = Pair(1, 2)
    assert address.v4 == 1
    assert address.second == 2
    assert address.words[:4] == list(struct.unpack("=4H", struct.pack("=II", 1, 2)))
    address.second = 9
    assert address.pair == Pair(1, 9)


def test_writing_a_member_leaves_the_bytes_behind_it() -> None:
    address = Address(b"\xff" * 16)
    address.v4 = 0
    assert bytes(address) == bytes(4) + b"\xff" * 12
    address.flag = False
    byte = bytes(address)[8]
    assert byte == (0xFE if sys.byteorder == "little" else 0x7F)


def test_what_is_read_is_a_copy() -> None:
    address = Address(pair=Pair(1, 2))
    read = address.pair
    read.low = 99
    address.words[0] = 7
    assert address.pair == Pair(1, 2)


def test_it_is_made_of_bytes_or_of_one_member_or_of_zeros() -> None:
    assert bytes(Address()) == bytes(16)
    assert bytes(Address(b"ab")) == b"ab".ljust(16, b"\0")
    assert Address(name="ab").name == "ab"
    with pytest.raises(ValueError, match="Address takes 16 bytes, 17 were given"):
        Address(bytes(17))
    with pytest.raises(TypeError, match="its bytes or one member, not both"):
        Address(v4=1, second=2)
    with pytest.raises(TypeError, match="its bytes or one member, not both"):
        Address(b"a", v4=1)
    with pytest.raises(TypeError, match="Address has no member 'v5'"):
        Address(v5=1)


def test_a_value_that_does_not_fit_names_union_and_member() -> None:
    address = Address()
    with pytest.raises(ValueError, match=r"Address\.v4: -1 does not fit __u32"):
        address.v4 = -1
    with pytest.raises(ValueError, match=r"Address\.pair\.high: 4294967296 does not fit __u32"):
        address.pair = Pair(0, 2**32)
    with pytest.raises(TypeError, match=r"Address\.name: char\[4\] takes a str"):
        Address(name=5)
    with pytest.raises(ValueError, match=r"Address\.flag: 2 does not fit bool:1"):
        address.flag = 2  # type: ignore[assignment]
    assert bytes(address) == bytes(16)
    with pytest.raises(AttributeError):
        address.v5 = 1  # type: ignore[attr-defined]


def test_equal_means_same_class_and_same_bytes() -> None:
    class Other(codec.Union):
        v4 = codec.member(codec.U32)

    codec.union(Other, 16)
    assert Address(v4=5) == Address(v6=struct.pack("=I12x", 5))
    assert Address(v4=5) != Address(v4=6)
    assert Address() != Other()
    with pytest.raises(TypeError):
        hash(Address())


def test_its_repr_makes_it_again() -> None:
    address = Address(pair=Pair(1, 2))
    assert eval(repr(address)) == address


def test_a_copy_has_its_own_storage() -> None:
    address = Address(v4=1)
    for other in (copy.copy(address), copy.deepcopy(address)):
        assert other == address
        other.v4 = 2
        assert address.v4 == 1


def test_an_anonymous_union_is_reached_through_the_struct() -> None:
    packet = Packet(port=80)
    packet.v4 = 7
    assert packet.union_4 == Address(v4=7)
    packet.pair = Pair(3, 4)
    assert packet.v4 == 3
    data = PACKET.pack(packet)
    assert data == struct.pack("=H2xII8x", 80, 3, 4)
    assert PACKET.unpack(data) == packet
    assert PACKET.unpack(data).pair == Pair(3, 4)
    with pytest.raises(ValueError, match=r"Address\.v4: 4294967296 does not fit"):
        packet.v4 = 2**32


def test_a_struct_refuses_another_union_in_its_place() -> None:
    with pytest.raises(TypeError, match=r"Packet\.union_4 takes Address, not bytes"):
        PACKET.pack(Packet(union_4=bytes(16)))  # type: ignore[arg-type]


def test_a_member_beyond_the_storage_is_refused() -> None:
    class Small(codec.Union):
        v6 = codec.member(codec.Bytes(16))

    with pytest.raises(ValueError, match=r"Small\.v6 lies outside of the 4 bytes"):
        codec.union(Small, 4)


@codec.dataclass(slots=True)
class Both:
    port: int = 0
    union_4: Address = codec.field(default_factory=Address)

    v4 = codec.forward("union_4", Address.v4)
    pair = codec.forward("union_4", Address.pair)
    second = codec.forward("union_4", Address.second)

    if TYPE_CHECKING:

        def __init__(self, port: int = ..., union_4: Address = ..., *, v4: int = ..., pair: Pair = ..., second: int = ...,
        ) -> None: ...  # fmt: skip


codec.struct(Both, 20, (("port", 0, codec.U16), ("union_4", 4, codec.of(Address))))


def test_a_struct_is_made_from_members_of_its_anonymous_unions() -> None:
    assert Both(80, v4=7) == Both(80, Address(v4=7))
    assert Both(v4=1, second=2).pair == Pair(1, 2)  # as an anonymous struct inside the union
    with pytest.raises(TypeError, match=r"Both\.__init__\(\) got an unexpected .* 'v5'"):
        Both(80, v5=7)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match=r"Address\.v4: -1 does not fit __u32"):
        Both(v4=-1)
    given = Address(v4=1)
    assert Both(union_4=given, second=2).pair == Pair(1, 2)
    assert given == Address(v4=1)


def test_a_member_of_an_anonymous_union_is_replaced_in_the_copy_alone() -> None:
    one = Both(80, v4=7)
    two = dataclasses.replace(one, v4=8)  # type: ignore[call-arg]  # mypy asks for fields
    assert (one.v4, two.v4, two.port) == (7, 8, 80)
    assert copy.deepcopy(two) == two
    assert codec.unpack(Both, codec.pack(two)) == two
