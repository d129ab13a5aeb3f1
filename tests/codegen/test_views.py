"""Views: which one a place has, what it makes of the type, and what is refused."""

from __future__ import annotations

import enum
import typing
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address
from typing import Any

import pytest

from bpf2py.btf import types as t
from bpf2py.btf.layout import size_of
from bpf2py.codegen import CodegenError, generate
from bpf2py.codegen.views import VIEWS
from bpf2py.runtime import codec, pack
from bpf2py.spec import MapSpec, VariableSpec
from bpf2py.uapi import MapType
from tests.codegen.source import Types, imported

Make = Callable[[Types], int]


def with_member(types: Types, name: str, view: str, make: Make, *, tag: bool) -> dict[str, str]:
    """A struct of that name with a member ``it``, shown as *view*; the options if it is no tag."""
    member = make(types)
    size = size_of(types.table(), member)
    struct = types.struct(name, size, ("it", member, 0))
    if tag:
        types.tag(view, struct, 0)
    return {} if tag else {f"{name}.it": view}


def in6(types: Types) -> int:
    return types.struct("in6_addr", 16, ("bytes", types.array(types.u8, 16), 0))


FITTING: list[tuple[str, Make, Any]] = [
    ("ipv4", lambda types: types.u32, IPv4Address),
    ("ipv4", lambda types: types.s32, IPv4Address),
    ("ipv4", lambda types: types.array(types.u8, 4), IPv4Address),
    ("ipv4", lambda types: types.struct("in_addr", 4, ("s", types.u32, 0)), IPv4Address),
    ("ipv4", lambda types: types.array(types.u32, 4), list[IPv4Address]),
    ("ipv4", lambda types: types.array(types.array(types.u8, 4), 3), list[IPv4Address]),
    ("ipv4", lambda types: types.array(types.array(types.u32, 2), 3), list[list[IPv4Address]]),
    ("ipv4", lambda types: types.add(t.Typedef("__be32", types.add(t.Const(types.u32)))), IPv4Address),
    ("ipv6", in6, IPv6Address),
    ("ipv6", lambda types: types.array(types.u32, 4), IPv6Address),
    ("ipv6", lambda types: types.array(types.u64, 2), IPv6Address),
    ("ipv6", lambda types: types.array(types.array(types.u8, 16), 2), list[IPv6Address]),
    ("ipv6", lambda types: types.add(t.Int("__int128", 16, 128)), IPv6Address),
    ("mac", lambda types: types.array(types.u8, 6), str),
    ("mac", lambda types: types.array(types.array(types.char, 6), 2), list[str]),
    ("be16", lambda types: types.u16, int),
    ("be32", lambda types: types.array(types.s32, 3), list[int]),
    ("be64", lambda types: types.u64, int),
    ("ns", lambda types: types.u64, codec.Nanoseconds),
    ("ns", lambda types: types.u32, codec.Nanoseconds),
    ("ktime", lambda types: types.u64, codec.KTime),
    ("boottime", lambda types: types.array(types.u64, 2), list[codec.BootTime]),
    ("text", lambda types: types.array(types.u8, 6), str),
    ("text", lambda types: types.array(types.array(types.u8, 6), 2), list[str]),
    ("bytes", lambda types: types.array(types.char, 6), bytes),
    ("bytes", lambda types: types.array(types.array(types.char, 6), 2), list[bytes]),
    ("bytes", lambda types: types.array(types.u32, 2), bytes),
    ("bytes", in6, bytes),
    ("bytes", lambda types: types.pointer(), bytes),
    ("hex", lambda types: types.array(types.u8, 6), str),
    ("hex", lambda types: types.u32, int),
    ("hex", lambda types: types.pointer(), int),
    ("hex", lambda types: types.array(types.u64, 2), list[int]),
    ("none", lambda types: types.u32, int),
]  # fmt: skip


@pytest.fixture(scope="module", params=[True, False], ids=["tag", "option"])
def fitting(request: pytest.FixtureRequest) -> Any:
    """A module with a struct for each row."""
    types, views = Types(), dict[str, str]()
    for number, (view, make, _) in enumerate(FITTING):
        views |= with_member(types, f"s{number}", view, make, tag=request.param)
    return types.module(*(f"s{number}" for number in range(len(FITTING))), views=views)


@pytest.mark.parametrize("number", range(len(FITTING)), ids=[row[0] for row in FITTING])
def test_a_view_makes_of_a_type(fitting: Any, number: int) -> None:
    cls = getattr(fitting, f"S{number}")
    assert typing.get_type_hints(cls)["it"] == FITTING[number][2]
    assert pack(cls()) == bytes(codec.of(cls).size)
    data = bytes(range(1, codec.of(cls).size + 1))
    assert pack(codec.of(cls).unpack(data)) == data


def test_every_view_is_among_them() -> None:
    assert {view for view, _, _ in FITTING} == VIEWS.keys() - {"enum", "flags"}


REFUSED: list[tuple[str, Make, str]] = [
    ("ipv4", lambda types: types.u16, "unsigned short is not 4 bytes: an integer"),
    ("ipv4", lambda types: types.array(types.u16, 3), r"unsigned short\[3\] is not 4 bytes"),
    ("ipv4", lambda types: types.add(t.Float("float", 4)), "float is not 4 bytes: an integer"),
    ("ipv4", in6, "struct in6_addr is not 4 bytes"),
    ("ipv6", lambda types: types.u64, "unsigned long long is not 16 bytes"),
    ("mac", lambda types: types.array(types.u8, 8), r"unsigned char\[8\] is not 6 bytes"),
    ("be16", lambda types: types.u32, "unsigned int is not an integer of 2 bytes"),
    ("be32", lambda types: types.boolean, "_Bool is not an integer of 4 bytes"),
    ("ns", lambda types: types.u16, "unsigned short is not an integer of 4 or 8 bytes"),
    ("ktime", lambda types: types.u32, "unsigned int is not an integer of 8 bytes"),
    ("boottime", lambda types: types.pointer(), r"void \* is not an integer of 8 bytes"),
    ("text", lambda types: types.u64, "is not an array of characters or bytes"),
    ("hex", in6, "struct in6_addr is not an integer, a pointer, or an array"),
    ("enum:color", lambda types: types.add(t.Float("double", 8)), "double is not an integer"),
    ("enum:color", in6, "struct in6_addr is not an integer"),
    ("flags", lambda types: types.u32, "unsigned int is not an integer, with the enum's name"),
    ("flags:colour", lambda types: types.u32, "there is no enum 'colour' in the BTF.*BPF2PY_TYPE"),
    ("enum:event", lambda types: types.u32, "there is no enum 'event' in the BTF"),
]  # fmt: skip


def refused(view: str, make: Make, message: str, *, tag: bool) -> None:
    types = Types()
    color(types)
    views = with_member(types, "event", view, make, tag=tag)
    with pytest.raises(CodegenError, match=message):
        generate(types.spec(), types=["event"], views=views)


@pytest.mark.parametrize("tag", [True, False], ids=["tag", "option"])
@pytest.mark.parametrize(("view", "make", "message"), REFUSED)
def test_a_view_that_does_not_fit_names_path_and_tag(
    view: str, make: Make, message: str, tag: bool
) -> None:
    said = rf'btf_decl_tag\("bpf2py:{view}"\)' if tag else f"view '{view}'"
    refused(view, make, rf"^struct event\.it: {said}: .*{message}", tag=tag)


@pytest.mark.parametrize("tag", [True, False], ids=["tag", "option"])
@pytest.mark.parametrize("view", ["ip", "ipv4:x", "", "IPV4", "flag:color", "enum"])
def test_an_unknown_view_lists_those_there_are(view: str, tag: bool) -> None:
    what = "say which enum" if view == "enum" else "no such view; there are: ipv4, ipv6"
    refused(view, lambda types: types.u32, rf"event\.it: .*{what}", tag=tag)


def test_tags_of_others_are_left_alone() -> None:
    types = Types()
    event = types.struct("event", 4, ("it", types.u32, 0))
    types.add(t.DeclTag("ipv4", event, 0))
    types.add(t.DeclTag("contains:node:member", event, -1))
    types.add(t.DeclTag("bpf2py:ipv4", event, 0, attribute=True))
    assert types.module("event").Event().it == 0


def test_two_views_of_one_member_are_refused() -> None:
    types = Types()
    event = types.struct("event", 4, ("it", types.u32, 0))
    types.tag("ipv4", event, 0)
    types.tag("ipv4", event, 0)
    assert types.module("event").Event().it == IPv4Address(0)
    types.tag("be32", event, 0)
    with pytest.raises(CodegenError, match=r"struct event\.it: .*ipv4.* and .*be32.*: choose one"):
        types.module("event")


def test_a_tag_on_a_function_or_a_wrong_one_anywhere_is_refused() -> None:
    types = Types()
    proto = types.add(t.FuncProto(types.s32))
    types.tag("ipv4", types.add(t.Func("run", proto)))
    with pytest.raises(CodegenError, match=r"function run: .* a function has no view"):
        types.module()


# ---- enums and flags ----


def color(types: Types) -> int:
    return types.enum("color", COLOR_RED=1, COLOR_BLUE=2)


def test_an_integer_can_hold_an_enum_or_flags_of_it() -> None:
    types = Types()
    color(types)
    event = types.struct("event", 4, ("a", types.u8, 0), ("b", types.u16, 2))
    types.tag("enum:color", event, 0)
    other = types.enum("mode", MODE_R=1, MODE_W=2)
    mode = types.struct("modes", 8, ("a", types.u8, 0), ("b", other, 4))
    types.tag("flags:enum mode", mode, 0)
    module = types.module("event", "modes", views={"event.b": "enum:color"})
    value = codec.of(module.Event).unpack(b"\1\0\2\0")
    assert value == module.Event(module.Color.COLOR_RED, module.Color.COLOR_BLUE)
    assert pack(value) == b"\1\0\2\0"
    assert issubclass(module.Color, enum.IntEnum)
    # one enum of C is one class, also where C says the enum itself
    assert issubclass(module.Mode, enum.IntFlag)
    modes = codec.of(module.Modes).unpack(b"\x83\0\0\0\3\0\0\0")
    both = module.Mode.MODE_R | module.Mode.MODE_W
    assert (modes.a, modes.b) == (both | 0x80, both)
    assert typing.get_type_hints(module.Modes) == {"a": module.Mode, "b": module.Mode}


def test_an_enum_can_be_flags_wherever_it_is_used() -> None:
    types = Types()
    it = color(types)
    types.struct("event", 8, ("a", it, 0), ("b", it, 4))
    module = types.module("event", views={"enum color": "flags"})
    assert module.Event(a=module.Color(3)).b == module.Color(0)
    assert issubclass(module.Color, enum.IntFlag)


def test_an_enum_behind_a_typedef_can_be_named() -> None:
    types = Types()
    types.add(t.Typedef("color_t", types.enum("", RED=1)))
    types.struct("event", 1, ("a", types.u8, 0))
    module = types.module("event", views={"event.a": "enum:color_t"})
    assert codec.of(module.Event).unpack(b"\1").a is module.ColorT.RED


def test_negative_values_need_a_signed_integer_and_are_no_flags() -> None:
    types = Types()
    types.enum("verdict", DROP=-1, PASS=1)
    types.struct("event", 8, ("u", types.u32, 0), ("s", types.s32, 4))
    module = types.module("event", views={"event.s": "enum:verdict"})
    assert codec.of(module.Event).unpack(b"\xff" * 8).s is module.Verdict.DROP
    for place, view in (("event.u", "enum:verdict"), ("event.s", "flags:verdict")):
        with pytest.raises(CodegenError, match="enum verdict has negative values"):
            types.module("event", views={place: view})


@pytest.mark.parametrize(
    ("view", "python"),
    [("flags:color", "Color"), ("enum:color", "Color"), ("hex", "int"), ("ns", "int")],
)
def test_a_bitfield_has_views_of_integers(view: str, python: str) -> None:
    types = Types()
    color(types)
    event = types.bitfields("event", 4, ("low", types.u32, 0, 3), ("it", types.u32, 3, 7))
    types.tag(view, event, 1)
    module = types.module("event")
    value = codec.of(module.Event).unpack(b"\x17\0\0\0")
    assert (value.low, value.it) == (7, 2)
    assert type(value.it).__name__ in (python, "Hex", "Nanoseconds")
    assert pack(value) == b"\x17\0\0\0"


@pytest.mark.parametrize("view", ["ipv4", "be32", "bytes"])
def test_a_bitfield_has_no_other_view(view: str) -> None:
    types = Types()
    event = types.bitfields("event", 4, ("it", types.u32, 0, 8))
    types.tag(view, event, 0)
    with pytest.raises(CodegenError, match=r"struct event\.it: a bitfield of unsigned int"):
        types.module("event")


# ---- which view a place has ----


def test_the_place_goes_before_its_type_and_the_options_before_a_tag() -> None:
    types = Types()
    inner = types.add(t.Typedef("ip_t", types.u32))
    types.tag("ipv4", inner)
    outer = types.add(t.Typedef("raw_t", inner))
    types.tag("be32", outer)
    event = types.struct(
        "event", 20, ("a", inner, 0), ("b", inner, 4), ("c", outer, 8),
        ("d", inner, 12), ("e", types.array(inner, 1), 16),
    )  # fmt: skip
    types.tag("hex", event, 1)
    types.tag("none", event, 3)

    def hints(**views: str) -> list[Any]:
        places = {key.replace("__", "."): value for key, value in views.items()}
        module = types.module("event", views=places)
        return list(typing.get_type_hints(module.Event).values())

    assert hints() == [IPv4Address, int, int, int, list[IPv4Address]]
    assert hints(event__a="none", event__e="none") == [int, int, int, int, list[int]]
    assert hints(event__b="ipv4", event__d="ns") == [
        IPv4Address,
        IPv4Address,
        int,
        codec.Nanoseconds,
        list[IPv4Address],
    ]
    assert hints(ip_t="bytes") == [bytes, int, int, int, list[bytes]]
    assert hints(raw_t="none") == [IPv4Address, int, int, int, list[IPv4Address]]
    module = types.module("event", views={"event.c": "none"})
    assert codec.of(module.Event).unpack(bytes(8) + b"\1\0\0\0" + bytes(8)).c == 1


def test_a_struct_of_someone_else_can_have_a_view_everywhere() -> None:
    types = Types()
    addr = in6(types)
    types.struct("event", 48, ("a", addr, 0), ("b", types.array(addr, 2), 16))
    module = types.module("event", views={"struct in6_addr": "ipv6"})
    assert typing.get_type_hints(module.Event) == {"a": IPv6Address, "b": list[IPv6Address]}
    assert not hasattr(module, "In6Addr")
    types.tag("bytes", addr)
    assert typing.get_type_hints(types.module("event").Event) == {
        "a": bytes,
        "b": list[bytes],
    }


def test_members_of_anonymous_parts_are_called_as_in_c() -> None:
    types = Types()
    deep = types.struct("", 4, ("ip", types.u32, 0))
    union = types.union("", 8, ("v4", types.u32, 0), ("", deep, 0), ("n", types.u64, 0))
    types.tag("ipv4", deep, 0)
    box = types.struct("", 4, ("x", types.u32, 0))
    types.struct("event", 24, ("tag", types.u32, 0), ("", union, 8), ("box", box, 16))
    places = {"event.v4": "ipv4", "struct event.n": "be64", "event.box.x": "hex"}
    module = types.module("event", views=places)
    event = module.Event()
    event.v4 = IPv4Address("1.2.3.4")
    assert event.ip == event.v4
    assert event.n == 0x01020304 << 32
    assert str(codec.of(module.EventBox).unpack(b"\xff\0\0\0").x) == "0xff"


def test_flexible_arrays_have_views() -> None:
    types = Types()
    rest = types.array(types.u32, 0)
    types.struct("a", 4, ("n", types.u32, 0), ("ips", rest, 4))
    types.struct("b", 4, ("n", types.u32, 0), ("data", types.array(types.u8, 0), 4))
    types.struct("c", 4, ("n", types.u32, 0), ("data", types.array(types.char, 0), 4))
    types.struct("d", 4, ("n", types.u32, 0), ("macs", types.array(types.array(types.u8, 6), 0), 4))
    views = {"a.ips": "ipv4", "b.data": "hex", "c.data": "bytes", "d.macs": "mac"}
    module = types.module("a", "b", "c", "d", views=views)
    head = bytes(4)
    assert codec.of(module.A).unpack(head + b"\1\2\3\4").ips == [IPv4Address("1.2.3.4")]
    assert codec.of(module.B).unpack(head + b"\1\2").data == "0102"
    assert codec.of(module.C).unpack(head + b"\1\0").data == b"\1\0"
    assert codec.of(module.D).unpack(head + bytes(12)).macs == ["00:00:00:00:00:00"] * 2
    for cls in (module.A, module.B, module.C, module.D):
        assert pack(cls())[:4] == head
    text = types.module("b", views={"b.data": "text"})
    assert codec.of(text.B).unpack(head + b"hi\0").data == "hi"


def test_what_btf_has_no_type_for_can_have_a_view() -> None:
    types = Types()
    event = types.struct("event", 8, ("atomic", 0, 0), ("last", types.u32, 4))
    types.tag("ipv4", event, 0)
    module = types.module("event")
    assert codec.of(module.Event).unpack(b"\1\2\3\4" + bytes(4)).atomic == IPv4Address("1.2.3.4")


@pytest.mark.parametrize(
    ("place", "meant"),
    [("event.adr", "event.addr"), ("evnt.addr", "event.addr"), ("addr", ""), ("m:key", "")],
)
def test_a_place_that_is_not_there_is_refused(place: str, meant: str) -> None:
    types = Types()
    types.struct("event", 4, ("addr", types.u32, 0))
    types.struct("unused", 4, ("addr", types.u32, 0))
    with pytest.raises(CodegenError, match=rf"view 'ipv4': nothing in the module .*{meant}"):
        types.module("event", views={place: "ipv4"})
    with pytest.raises(CodegenError, match=r"nothing in the module is called 'unused\.addr'"):
        types.module("event", views={"unused.addr": "ipv4"})


def test_a_place_is_said_once() -> None:
    types = Types()
    types.struct("event", 8, ("comm", types.array(types.char, 8), 0))
    with pytest.raises(CodegenError, match=r"event\.comm: is in views and in as_bytes"):
        types.module("event", views={"event.comm": "text"}, as_bytes=["event.comm"])
    both = types.module("event", views={"event.comm": "bytes"}, as_bytes=["event.comm"])
    assert both.Event().comm == bytes(8)
    with pytest.raises(CodegenError, match="has two views"):
        types.module("event", views={"m: key": "ipv4", "m:key": "ipv6"})


# ---- variables and maps ----


def variable(name: str, offset: int, size: int, type_id: int = 0) -> VariableSpec:
    return VariableSpec(name=name, offset=offset, size=size, type_id=type_id)


def with_maps(types: Types, **views: str) -> tuple[str, Any]:
    """A module with a variable, a hash with types and one without, and its text."""
    maps = [
        MapSpec(
            name="counts", map_type=MapType.HASH, key_size=4, value_size=8,
            key_type_id=types.u32, value_type_id=types.u64,
        ),
        MapSpec(name="untyped", map_type=MapType.HASH, key_size=16, value_size=6),
        MapSpec(
            name=".data", map_type=MapType.ARRAY, key_size=4, value_size=24, section=".data",
            variables={
                "target": variable("target", 0, 4, types.u32),
                "comm": variable("comm", 4, 16, types.array(types.char, 16)),
                "bare": variable("bare", 20, 4),
            },
        ),
    ]  # fmt: skip
    places = {key.replace("__", ":"): value for key, value in views.items()}
    text = generate(types.spec(maps), views=places)
    return text, imported(text)


def test_keys_values_and_variables_have_views_by_option() -> None:
    text, module = with_maps(
        Types(), counts__key="ipv4", counts__value="ns", untyped__key="ipv6", untyped__value="mac",
        target="be32", comm="bytes", bare="hex",
    )  # fmt: skip
    assert 'runtime.HashMap(\n            loaded.map("counts"), codec.IPV4, codec.As' in text
    assert 'loaded.map("untyped"), codec.IPV6, codec.MAC' in text
    data = module.Thing.spec().data
    data.target = 1
    assert (data.target, data.comm, data.bare) == (1, bytes(16), "00000000")
    assert "key ``unsigned int`` as ipv4, value ``unsigned long long`` as ns" in text
    full, _ = with_maps(Types(), **{"map counts: key": "ipv4", ".data: target": "ipv4"})
    assert "codec.IPV4, codec.U64" in full


def test_bytes_of_no_known_type_take_what_their_size_allows() -> None:
    for view, fits in {"be32": "codec.BE32", "text": "codec.Text(4)", "bytes": "codec.Bytes(4)",
                       "none": "codec.Bytes(4)", "ipv4": "codec.IPV4"}.items():  # fmt: skip
        assert f"runtime.Variable({fits}, 20)" in with_maps(Types(), bare=view)[0]
    for view in ("be16", "ipv6", "flags:x"):
        with pytest.raises(CodegenError, match=r"\.data: bare: .*4 bytes of no known type is not"):
            with_maps(Types(), bare=view)


def test_keys_and_variables_have_views_by_tag() -> None:
    types = Types()
    key, value = types.pointer(types.u32), types.pointer(types.u64)
    definition = types.struct("", 16, ("key", key, 0), ("value", value, 8))
    types.tag("ipv4", definition, 0)
    types.tag("ktime", definition, 1)
    counts = types.add(t.Var("counts", definition))
    types.add(t.Datasec(".maps", 16, (t.SectionVar(counts, 0, 16),)))
    target = types.add(t.Var("target", types.u32))
    types.tag("ipv4", target)
    types.add(t.Datasec(".data", 4, (t.SectionVar(target, 0, 4),)))
    text, _ = with_maps(types)
    assert "codec.IPV4, codec.As(codec.KTime, codec.U64)" in text
    assert "target = runtime.Variable(codec.IPV4, 0)" in text
    text, _ = with_maps(types, counts__key="none", target="none")
    assert "codec.U32, codec.As(codec.KTime, codec.U64)" in text
    assert "target = runtime.Variable(codec.U32, 0)" in text


def test_events_have_views() -> None:
    types = Types()
    maps = [MapSpec(name="lines", map_type=MapType.RINGBUF, event_type_id=types.array(types.u8, 8))]
    text = generate(types.spec(maps), views={"lines: event": "text"})
    assert 'runtime.RingBuf(loaded.map("lines"), codec.Text(8))' in text


def test_a_tag_on_a_map_of_events_is_that_of_the_events() -> None:
    types = Types()
    line = types.array(types.u8, 8)
    definition = types.struct("", 8, ("value", types.pointer(line), 0))
    types.tag("hex", definition, 0)
    lines = types.add(t.Var("lines", definition))
    types.add(t.Datasec(".maps", 8, (t.SectionVar(lines, 0, 8),)))
    maps = [MapSpec(name="lines", map_type=MapType.RINGBUF, event_type_id=line)]
    assert "codec.HexText(8)" in generate(types.spec(maps))


# ---- what the header keeps, prefixes ----


def test_types_kept_by_the_header_become_classes() -> None:
    types = Types()
    kept, carried = types.struct("kept", 4, ("a", types.u32, 0)), color(types)
    rows = []
    for name, target in (("bpf2py_type_0", kept), ("bpf2py_type_1", carried), ("other", types.u8)):
        pointer = types.add(t.Const(types.pointer(target)))
        rows.append(t.SectionVar(types.add(t.Var(name, pointer, 0)), 0, 8))
    types.add(t.Datasec(".bpf2py", 24, tuple(rows)))
    types.struct("not_kept", 4, ("a", types.u32, 0))
    module = types.module()
    assert module.Kept().a == 0
    assert module.Color.COLOR_RED == 1
    assert not hasattr(module, "NotKept")


def test_members_of_enums_lose_their_prefix_if_the_user_says_so() -> None:
    types = Types()
    types.struct("event", 8, ("a", color(types), 0), ("b", types.enum("", X_OFF=0, X_ON=1), 4))
    module = types.module("event", strip_enum_prefix=True)
    assert [each.name for each in module.Color] == ["RED", "BLUE"]
    assert [each.name for each in module.EventB] == ["OFF", "ON"]
    assert module.Event().b is module.EventB.OFF
    assert types.module("event").Color.COLOR_RED == 1
