"""Structs, unions and enums, as the checkers see them."""

from __future__ import annotations

import dataclasses
import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import Any, assert_type

from bpf2py import runtime
from bpf2py.runtime import codec
from generated_fixtures.types_bitfields_bpf import AllKinds, Negative, Small
from generated_fixtures.types_misc_bpf import Aliases, Numbers, Pointers
from generated_fixtures.types_structs_bpf import (
    Leaf,
    Message,
    NamedTail,
    Outer,
    OuterUnnamedList,
    OuterUnnamedTypeDeeper,
    TextTail,
)
from generated_fixtures.types_unions_bpf import (
    HasEmpty,
    InAddrAny,
    InAddrAnyLocal,
    Number,
    Tagged,
    TaggedUnion4,
)
from generated_fixtures.types_views_bpf import Event, Flow, TcpFlag, TcpState, TypesViews
from generated_fixtures.types_views_bpf import Number as UnionKey


def structs() -> None:
    value = AllKinds(u1=1, e=Small.SMALL_B, n=-1)
    assert_type(value.u1, int)
    assert_type(value.e, Small | int)
    assert_type(value.n, Negative | int)
    assert_type(value.b, bool)
    AllKinds(u1="1")  # type: ignore[arg-type]
    AllKinds(no_such_member=1)  # type: ignore[call-arg]
    assert_type(dataclasses.replace(value, u1=2), AllKinds)
    assert_type(dataclasses.asdict(value), dict[str, Any])
    assert_type([field.name for field in dataclasses.fields(AllKinds)], list[str])
    match value:
        case AllKinds(first):
            assert_type(first, int)
    value.no_such_member = 1  # type: ignore[attr-defined]


def unions() -> None:
    assert_type(InAddrAny().v4, int)
    assert_type(InAddrAny(v6=[1, 2, 3, 4]).local.port, int)
    assert_type(Number(b"12345678").d, float)
    InAddrAny(v4="1")  # type: ignore[call-overload]
    InAddrAny(v4=1, v6=[1])  # type: ignore[call-overload]
    Tagged(tag=1, text=5)  # type: ignore[arg-type]
    Tagged(tag=1, txt="x")  # type: ignore[call-arg]
    assert_type(Tagged(1, x=1, y=2), Tagged)
    value = Tagged(tag=1, union_4=TaggedUnion4(text="x"))
    assert_type(value.text, str)
    assert_type(value.half, int)
    assert_type(value.numbers, list[Number])
    value.text = "y"
    value.text = 1  # type: ignore[assignment]
    value.y = 2
    value.half = "2"  # type: ignore[assignment]
    value.union_4 = TaggedUnion4(letter=1)
    value.union_4 = Number()  # type: ignore[assignment]
    value.inline_named.b = [1, 2]
    value.inline_named.b = [b"1"]  # type: ignore[list-item]
    assert_type(InAddrAny().local, InAddrAnyLocal)
    assert_type(value.numbers[0].raw, bytes)
    InAddrAny(5)  # type: ignore[call-overload]
    assert_type(HasEmpty().bits.signed_bits, int)
    print(InAddrAny().no_such_member)  # type: ignore[attr-defined]


def enums() -> None:
    """An enum is an ``IntEnum``; a member of that type may hold a number it does not know."""
    assert_type(Small(1), Small)
    plain: int = Small(1).value
    name: str = Small(1).name
    assert_type(Small["SMALL_B"], Small)
    assert_type(list(Small), list[Small])
    assert_type(Small.SMALL_A | 4, int)
    number: int = Small.SMALL_B + Negative(-1)
    Small.SMALL_B = 3  # type: ignore[misc]
    print(Small.NO_SUCH_NAME, number, plain, name)  # type: ignore[attr-defined]
    value = AllKinds(e=77)
    if isinstance(value.e, Small):
        assert_type(value.e, Small)
    else:
        assert_type(value.e, int)
    value.e = "SMALL_B"  # type: ignore[assignment]


def bitfields() -> None:
    value = AllKinds()
    value.u1, value.b, value.e = 1, True, Small.SMALL_B
    value.b = 2  # type: ignore[assignment]
    value.u1 = 1.0  # type: ignore[assignment]


def arrays() -> None:
    """One dimension is a list, more are lists of lists; rows of text are a list of ``str``."""
    value = Outer(grid=[[[1]]], lines=["a", "b", "c"], leaves=[Leaf(a=1)] * 3)
    assert_type(value.grid[0][0][0], int)
    assert_type(value.lines, list[str])
    assert_type(value.leaves[0].b, int)
    assert_type(value.unnamed_list, list[OuterUnnamedList])
    assert_type(Aliases().digests, list[bytes])
    value.grid = [[1]]  # type: ignore[list-item]
    value.lines[0] = b"a"  # type: ignore[call-overload]
    Outer(leaves=Leaf())  # type: ignore[arg-type]


def nested() -> None:
    """What an anonymous struct holds belongs to the struct around it."""
    value = Outer()
    assert_type(value.one, int)
    assert_type(value.unnamed_type.deeper, OuterUnnamedTypeDeeper)
    assert_type(value.unnamed_type.in_, int)
    value.leaf.a = 1
    value.leaf = Message()  # type: ignore[assignment]


def flexible_arrays() -> None:
    """What follows in the buffer: as many as there are."""
    assert_type(Message(items=[1, 2, 3]).items, list[int])
    assert_type(NamedTail().leaves, list[Leaf])
    assert_type(TextTail(text="any length").text, str)
    Message(items=["1"])  # type: ignore[list-item]


def scalars() -> None:
    value = Numbers(u128=1 << 127, f=1)
    assert_type(value.u128, int)
    assert_type(value.d, float)
    assert_type(value.yes, bool)
    assert_type(Pointers().function, int)
    value.letter = "a"  # type: ignore[assignment]
    value.yes = 5  # type: ignore[assignment]


def bytes_and_back() -> None:
    assert_type(runtime.pack(Leaf()), bytes)
    assert_type(runtime.unpack(Leaf, b""), Leaf)
    assert_type(runtime.sizeof(Leaf), int)
    assert_type(runtime.struct_format(Leaf), str)
    assert_type(codec.of(Leaf), codec.Codec[Leaf])
    assert_type([leaf.a for leaf in codec.of(Leaf).iter_unpack(b"")], list[int])
    assert_type({Leaf(a=1): "hashable: it is a key"}, dict[Leaf, str])


def views() -> None:
    event = Event(saddr=IPv4Address("10.0.0.1"), flags=TcpFlag.TCP_FLAG_SYN | TcpFlag.TCP_FLAG_ACK)
    assert_type(event.saddr, IPv4Address)
    assert_type(event.saddr6, IPv6Address)
    assert_type(event.hops, list[IPv4Address])
    assert_type(event.source, str)
    assert_type(event.macs, list[str])
    assert_type(event.sport, int)
    assert_type(event.ktime, runtime.KTime)
    assert_type(event.ktime - event.boottime, runtime.Nanoseconds)
    assert_type(event.ktime.datetime(), datetime.datetime)
    assert_type(event.duration.timedelta(), datetime.timedelta)
    assert_type(event.duration.seconds, float)
    assert_type(event.name, str)
    assert_type(event.raw, bytes)
    assert_type(event.digest, str)
    assert_type(event.pointer, int)
    assert_type(event.flags, TcpFlag)
    assert_type(event.low_flags, TcpFlag)
    assert_type(event.state, TcpState | int)
    assert_type(event.peer.v4, IPv4Address)
    assert_type(event.number_union.big, int)
    Event(saddr="10.0.0.1")  # type: ignore[arg-type]
    Event(saddr=1)  # type: ignore[arg-type]
    Event(flags=3)  # type: ignore[arg-type]
    Event(source=b"123456")  # type: ignore[arg-type]
    Event(duration=5)  # type: ignore[arg-type]
    event.peer.v4 = IPv6Address("::1")  # type: ignore[assignment]
    event.hops = ["1.2.3.4"]  # type: ignore[list-item]
    assert_type({Flow(): 1}, dict[Flow, int])
    assert_type({UnionKey(): 1}, dict[UnionKey, int])


def viewed_maps(loaded: TypesViews) -> None:
    maps = loaded.maps
    assert_type(maps.by_address, runtime.HashMap[IPv4Address, runtime.Nanoseconds])
    assert_type(maps.by_flow, runtime.HashMap[Flow, TcpFlag])
    maps.by_address[IPv4Address("10.0.0.1")] = runtime.Nanoseconds(5)
    maps.by_address["10.0.0.1"] = runtime.Nanoseconds(5)  # type: ignore[index]
    maps.by_address[IPv4Address("10.0.0.1")] = 5  # type: ignore[assignment]
    for packet in maps.packets:
        assert_type(packet.hops, list[IPv4Address])


def viewed_variables(loaded: TypesViews) -> None:
    spec = TypesViews.spec()
    spec.rodata.target = IPv4Address("10.0.0.1")
    spec.rodata.target = "10.0.0.1"  # type: ignore[assignment]
    assert_type(loaded.rodata.gateway, str)
    assert_type(loaded.bss.started.datetime(), datetime.datetime)
    loaded.bss.seen_flags |= TcpFlag.TCP_FLAG_FIN
    loaded.bss.seen_flags = 1  # type: ignore[assignment]
