"""Every feature of C layouts, from BTF written in Python to values packed by the module."""

from __future__ import annotations

import dataclasses
import enum
import inspect
import struct
import sys

import pytest

from bpf2py import runtime
from bpf2py.btf import types as t
from bpf2py.codegen import CodegenError, generate
from bpf2py.runtime import codec
from bpf2py.spec import MapSpec
from bpf2py.uapi import MapType

from .source import Types


def test_integers_bool_and_floats_lie_where_btf_says_and_start_as_zero() -> None:
    types = Types()
    wide = types.add(t.Int("__int128", 16, 128, signed=True))
    double = types.add(t.Float("double", 8))
    types.struct(
        "event", 48, ("a", types.u8, 0), ("b", types.s32, 4), ("c", types.boolean, 8),
        ("d", double, 16), ("e", wide, 32),
    )  # fmt: skip
    cls = types.module("event").Event
    assert dataclasses.asdict(cls()) == {"a": 0, "b": 0, "c": False, "d": 0.0, "e": 0}
    data = codec.of(cls).pack(cls(a=1, b=-2, c=True, d=0.5, e=-3))
    assert len(data) == 48
    assert data[4:8] == (-2).to_bytes(4, "little", signed=True)
    assert data[32:] == (-3).to_bytes(16, "little", signed=True)
    assert codec.of(cls).unpack(data) == cls(a=1, b=-2, c=True, d=0.5, e=-3)


def test_char_arrays_are_text_unsigned_ones_bytes_and_others_lists() -> None:
    types = Types()
    signed_char = types.add(t.Int("signed char", 1, 8, signed=True))
    u8 = types.add(t.Typedef("__u8", types.u8))
    types.struct(
        "s", 32, ("text", types.array(types.char, 8), 0), ("raw", types.array(u8, 4), 8),
        ("numbers", types.array(types.array(types.u16, 2), 2), 12),
        ("texts", types.array(types.array(types.char, 2), 2), 20),
        ("signed", types.array(signed_char, 2), 24),
        ("flags", types.array(types.boolean, 2), 26),
    )  # fmt: skip
    cls = types.module("s").S
    assert cls() == cls(
        text="", raw=bytes(4), numbers=[[0, 0], [0, 0]], texts=["", ""],
        signed=[0, 0], flags=[False, False],
    )  # fmt: skip
    value = cls(text="hi", raw=b"\1\2\3\4", numbers=[[1, 2], [3, 4]], texts=["a", "b"])
    data = codec.of(cls).pack(value)
    assert data[:20] == b"hi\0\0\0\0\0\0\1\2\3\4\1\0\2\0\3\0\4\0"
    assert codec.of(cls).unpack(data) == value


def test_no_two_values_share_a_default_that_can_change() -> None:
    types = Types()
    inner = types.struct("inner", 4, ("a", types.u32, 0))
    types.struct(
        "s", 16, ("one", inner, 0), ("many", types.array(inner, 2), 4),
        ("n", types.array(types.u32, 1), 12),
    )  # fmt: skip
    cls = types.module("s").S
    first, second = cls(), cls()
    first.one.a = first.many[0].a = first.n[0] = 7
    assert second == cls()
    assert first.many[1].a == 0


def test_an_enum_member_is_a_number_too_and_starts_as_the_constant_for_zero() -> None:
    types = Types()
    verdict = types.enum("verdict", PASS=0, DROP=1, LAST=1)
    no_zero = types.enum("no_zero", ONE=1)
    minus = types.enum("minus", DOWN=-1, __HIDDEN=0)
    types.struct("s", 12, ("v", verdict, 0), ("n", no_zero, 4), ("m", minus, 8))
    module = types.module("s")
    assert module.Verdict.LAST is module.Verdict.DROP
    value = module.S()
    assert value.v is module.Verdict.PASS
    assert value.n == 0
    assert not isinstance(value.n, enum.Enum)
    assert value.m is module.Minus(0)
    read = codec.of(module.S).unpack(b"\1\0\0\0\1\0\0\0\xff\xff\xff\xff")
    assert read == module.S(module.Verdict.DROP, module.NoZero.ONE, module.Minus.DOWN)
    assert codec.of(module.S).unpack(b"\x09" + bytes(11)).v == 9


def test_an_enum_of_eight_bytes_keeps_its_numbers() -> None:
    types = Types()
    big = types.add(t.Enum64("big", 8, (t.Enumerator("HUGE", 1 << 63),)))
    types.struct("s", 8, ("b", big, 0))
    module = types.module("s")
    assert codec.of(module.S).pack(module.S(module.Big.HUGE)) == bytes(7) + b"\x80"


def test_an_enum_that_is_only_declared_is_an_int() -> None:
    types = Types()
    declared = types.add(t.Enum("later", 4, ()))
    types.struct("s", 4, ("e", declared, 0))
    assert types.module("s").S().e == 0


def test_pointers_are_numbers_and_the_comment_says_what_they_point_to() -> None:
    types = Types()
    forward = types.add(t.Fwd("task"))
    proto = types.add(t.FuncProto(types.s32, (t.Param("", types.pointer(types.char)),)))
    node = len(types.types) + 3
    types.pointer(node)
    types.pointer(proto)
    types.struct(
        "node", 24, ("next", node - 2, 0), ("task", types.pointer(forward), 8), ("f", node - 1, 16)
    )
    # the struct was added after one more pointer
    text = generate(types.spec(), types=["node"])
    assert "task: int = 0  # struct task *, offset 8" in text
    assert "f: int = 0  # int (*)(char *), offset 16" in text


def test_a_struct_may_point_to_itself() -> None:
    types = Types()
    to_node = types.pointer(len(types.types) + 2)
    types.struct("node", 8, ("next", to_node, 0))
    assert "next: int = 0  # struct node *, offset 0" in generate(types.spec(), types=["node"])


def test_members_of_an_anonymous_struct_appear_in_the_parent_with_their_offsets() -> None:
    types = Types()
    innermost = types.struct("", 4, ("c", types.u16, 2))
    inner = types.struct("", 8, ("b", types.u32, 0), ("", innermost, 4))
    types.struct("s", 16, ("a", types.u32, 0), ("", inner, 8))
    cls = types.module("s").S
    assert [field.name for field in dataclasses.fields(cls)] == ["a", "b", "c"]
    assert codec.of(cls).pack(cls(a=1, b=2, c=3)) == (
        b"\1\0\0\0" + bytes(4) + b"\2\0\0\0" + bytes(2) + b"\3\0"
    )


def test_a_union_is_one_storage_with_a_view_per_member() -> None:
    types = Types()
    types.union("addr", 16, ("v4", types.u32, 0), ("v6", types.array(types.u8, 16), 0))
    cls = types.module("addr").Addr
    assert bytes(cls(v4=0x01020304)) == b"\4\3\2\1" + bytes(12)
    assert cls(v6=b"x" * 16).v4 == 0x78787878
    assert cls(b"\1").v4 == 1
    value = cls()
    value.v4 = 5
    assert codec.of(cls).unpack(codec.of(cls).pack(value)) == value
    with pytest.raises(TypeError):
        cls(v4=1, v6=bytes(16))


def test_an_anonymous_union_is_a_field_named_by_offset_and_its_members_appear_in_the_struct() -> (
    None
):
    types = Types()
    pair = types.struct("", 8, ("low", types.u32, 0), ("high", types.u32, 4))
    deeper = types.union("", 8, ("both", types.u64, 0), ("", pair, 0))
    anonymous = types.union("", 8, ("byte", types.u8, 0), ("", deeper, 0))
    types.struct("s", 16, ("tag", types.u32, 0), ("", anonymous, 8))
    module = types.module("s")
    value = module.S(tag=1)
    value.high = 2
    assert value.both == 2 << 32
    assert value.union_8 == module.SUnion8(both=2 << 32)
    assert codec.of(module.S).pack(value) == b"\1" + bytes(11) + b"\2\0\0\0"
    assert [field.name for field in dataclasses.fields(module.S)] == ["tag", "union_8"]
    assert module.S(union_8=module.SUnion8(byte=9)).low == 9


def test_an_anonymous_union_inside_an_anonymous_struct_lies_at_its_real_offset() -> None:
    types = Types()
    union = types.union("", 4, ("x", types.u32, 0), ("y", types.u16, 0))
    inner = types.struct("", 8, ("a", types.u32, 0), ("", union, 4))
    types.struct("s", 16, ("b", types.u64, 0), ("", inner, 8))
    cls = types.module("s").S
    value = cls(a=1)
    value.y = 3
    assert codec.of(cls).pack(value) == bytes(8) + b"\1\0\0\0\3\0\0\0"


def test_a_field_already_called_like_the_storage_of_a_union_keeps_its_name() -> None:
    types = Types()
    union = types.union("", 4, ("x", types.u32, 0))
    types.struct("s", 8, ("union_4", types.u32, 0), ("", union, 4))
    cls = types.module("s").S
    assert [field.name for field in dataclasses.fields(cls)] == ["union_4", "union_4_"]
    value = cls(union_4=1)
    value.x = 2
    assert codec.of(cls).pack(value) == b"\1\0\0\0\2\0\0\0"


def test_types_without_a_name_are_named_after_parent_and_member_or_their_typedef() -> None:
    types = Types()
    addr = types.struct("", 4, ("port", types.u16, 0))
    kind = types.enum("", A=0)
    item = types.struct("", 2, ("x", types.u16, 0))
    pair = types.struct("", 4, ("l", types.u16, 0))
    pair_t = types.add(t.Typedef("pair_t", pair))
    types.struct(
        "event", 20, ("addr", addr, 0), ("kind", kind, 4), ("items", types.array(item, 2), 8),
        ("pair", pair_t, 12),
    )  # fmt: skip
    module = types.module("event")
    assert module.Event() == module.Event(
        module.EventAddr(), module.EventKind.A, [module.EventItems()] * 2, module.PairT()
    )
    assert (inspect.getdoc(module.PairT) or "").startswith("``pair_t``, 4 bytes.\n")


def test_bitfields_are_read_and_written_at_their_bits() -> None:
    types = Types()
    verdict = types.enum("verdict", PASS=0, DROP=1)
    types.bitfields(
        "s", 8, ("a", types.u32, 0, 3), ("b", types.s32, 3, 7), ("flag", types.boolean, 16, 1),
        ("v", verdict, 17, 2), ("plain", types.u32, 32, 0),
    )  # fmt: skip
    module = types.module("s")
    value = module.S(a=5, b=-1, flag=True, v=module.Verdict.DROP, plain=9)
    packed = 5 | 0x7F << 3 | 1 << 16 | 1 << 17 | 9 << 32
    assert codec.of(module.S).pack(value) == packed.to_bytes(8, "little")
    assert codec.of(module.S).unpack(packed.to_bytes(8, "little")) == value
    text = generate(types.spec(), types=["s"])
    assert "b: int = 0  # int, offset 0 bit 3 width 7" in text


def test_bitfields_of_old_compilers_are_said_by_their_integer() -> None:
    types = Types()
    four = types.add(t.Int("unsigned int", 4, 4, bit_offset=2))
    types.struct("s", 4, ("a", four, 0))
    cls = types.module("s").S
    assert codec.of(cls).pack(cls(a=15)) == (15 << 2).to_bytes(4, "little")


def test_padding_bits_without_a_name_are_nothing() -> None:
    types = Types()
    types.bitfields("s", 4, ("a", types.u32, 0, 3), ("", types.u32, 3, 5), ("b", types.u32, 8, 8))
    cls = types.module("s").S
    assert codec.of(cls).pack(cls(a=1, b=2)) == b"\1\2\0\0"


def test_a_packed_struct_lies_as_btf_says() -> None:
    types = Types()
    types.struct("s", 5, ("a", types.u8, 0), ("b", types.u32, 1))
    cls = types.module("s").S
    assert codec.of(cls).pack(cls(a=1, b=2)) == b"\1\2\0\0\0"


@pytest.mark.parametrize(
    ("element", "value", "data"),
    [
        ("u16", [1, 2], b"\1\0\2\0"),
        ("u8", b"ab", b"ab"),
        ("char", "ab", b"ab\0"),
    ],
)
def test_a_flexible_array_is_what_follows_in_the_buffer(
    element: str, value: object, data: bytes
) -> None:
    types = Types()
    array = types.array(getattr(types, element), 0)
    types.struct("message", 4, ("length", types.u32, 0), ("data", array, 4))
    cls = types.module("message").Message
    assert not cls().data
    assert codec.of(cls).pack(cls(3, value)) == b"\3\0\0\0" + data
    assert codec.of(cls).unpack(b"\3\0\0\0" + data) == cls(3, value)


def test_a_flexible_array_inside_another_struct_holds_nothing_and_the_comment_says_so() -> None:
    types = Types()
    key = types.struct("trie", 4, ("prefix", types.u32, 0), ("data", types.array(types.u8, 0), 4))
    types.struct("outer", 8, ("trie", key, 0), ("address", types.u32, 4))
    text = generate(types.spec(), types=["outer"])
    assert "# unsigned char[0] data, offset 4: has no bytes here" in text
    cls = types.module("outer").Outer
    assert codec.of(cls).pack(cls(address=1)) == bytes(4) + b"\1\0\0\0"


def test_a_flexible_array_that_ends_the_struct_at_the_end_is_what_follows() -> None:
    types = Types()
    inner = types.struct("inner", 4, ("n", types.u16, 0), ("d", types.array(types.u16, 0), 2))
    types.struct("outer", 8, ("a", types.u32, 0), ("in", inner, 4))
    module = types.module("outer")
    value = module.Outer(1, module.Inner(2, [3, 4]))
    data = b"".join(n.to_bytes(size, sys.byteorder) for n, size in [(1, 4), (2, 2), (3, 2), (4, 2)])
    assert codec.pack(value) == data
    assert codec.unpack(module.Outer, data) == value
    assert len(codec.pack(module.Outer())) == codec.sizeof(module.Outer) == 8


def test_one_struct_with_and_without_its_flexible_array_becomes_two_classes() -> None:
    types = Types()
    inner = types.struct("part", 4, ("n", types.u32, 0), ("d", types.array(types.u8, 0), 4))
    types.struct("whole", 8, ("part", inner, 0), ("x", types.u32, 4))
    module = types.module("part", "whole")
    assert [field.name for field in dataclasses.fields(module.Part)] == ["n", "d"]
    assert [field.name for field in dataclasses.fields(module.Part_2)] == ["n"]


def test_members_without_bytes_are_left_out_with_a_comment() -> None:
    types = Types()
    nothing = types.struct("nothing", 0)
    types.struct(
        "s", 4, ("mark", types.array(types.u32, 0), 0), ("e", nothing, 0), ("a", types.u32, 0)
    )
    text = generate(types.spec(), types=["s"])
    assert "    # unsigned int[0] mark, offset 0: has no bytes here\n" in text
    assert "    # struct nothing e, offset 0: has no bytes here\n    a: int = 0" in text


@pytest.mark.parametrize("name", ["bpf_spin_lock", "bpf_timer", "bpf_list_head", "bpf_rb_root"])
def test_what_the_kernel_owns_is_left_out_and_stays_zero(name: str) -> None:
    types = Types()
    owned = types.struct(name, 16, ("__opaque", types.array(types.u64, 2), 0))
    types.struct("s", 32, ("a", types.u32, 0), ("o", owned, 8), ("b", types.u64, 24))
    text = generate(types.spec(), types=["s"])
    assert f"    # struct {name} o, offset 8: the kernel's own\n    b: int" in text
    cls = types.module("s").S
    assert codec.of(cls).pack(cls(1, 2)) == b"\1" + bytes(23) + b"\2" + bytes(7)


def test_a_pointer_that_the_kernel_counts_is_left_out_but_a_user_pointer_is_not() -> None:
    types = Types()
    task = types.struct("task", 4, ("pid", types.s32, 0))
    kptr = types.pointer(types.add(t.TypeTag("kptr", task)))
    uptr = types.pointer(types.add(t.TypeTag("uptr", task)))
    types.struct("s", 24, ("k", kptr, 0), ("u", uptr, 8), ("ks", types.array(kptr, 1), 16))
    cls = types.module("s").S
    assert [field.name for field in dataclasses.fields(cls)] == ["u"]


def test_a_member_named_like_a_builtin_keeps_its_name() -> None:
    types = Types()
    types.struct(
        "s", 32, ("bytes", types.u64, 0), ("list", types.array(types.u32, 2), 8),
        ("str", types.array(types.char, 4), 16), ("int", types.array(types.u8, 4), 20),
        ("property", types.s32, 24),
    )  # fmt: skip
    cls = types.module("s").S
    assert cls(bytes=1).int == bytes(4)
    assert "int: builtins.bytes = builtins.bytes(4)" in generate(types.spec(), types=["s"])


def test_a_union_with_a_member_named_like_a_builtin_says_which_is_the_type() -> None:
    types = Types()
    types.union("u", 8, ("object", types.u64, 0), ("bytes", types.u32, 0))
    assert types.module("u").U(object=1).bytes == 1
    text = generate(types.spec(), types=["u"])
    assert "*data: builtins.object, **member: builtins.object" in text
    assert "data: builtins.bytes" in text


def test_a_struct_that_is_a_key_can_be_a_key_of_a_dict() -> None:
    types = Types()
    plain = types.struct("plain", 8, ("a", types.u32, 0), ("b", types.array(types.char, 4), 4))
    union = types.union("u", 4, ("x", types.u32, 0))
    array = types.struct("array", 12, ("a", types.array(types.u32, 2), 0), ("u", union, 8))
    types.struct("neither", 4, ("a", types.u32, 0))
    maps = [
        MapSpec(
            name=f"m{key}", map_type=MapType.HASH, key_size=size, value_size=4, key_type_id=key,
            value_type_id=types.u32,
        )
        for key, size in ((plain, 8), (array, 12))
    ]  # fmt: skip
    text = generate(types.spec(maps), types=["neither"])
    assert text.count("unsafe_hash=True") == 1
    assert text.count("def __hash__") == 1
    module = types.module("plain", "neither")
    with pytest.raises(TypeError):
        hash(module.Neither())


def test_equal_types_are_one_class_and_different_ones_of_one_name_are_numbered() -> None:
    types = Types()
    first = types.struct("item", 4, ("a", types.u32, 0))
    same = types.struct("item", 4, ("a", types.u32, 0))
    other = types.struct("item", 8, ("b", types.u64, 0))
    types.struct("all", 16, ("f", first, 0), ("s", same, 4), ("o", other, 8))
    module = types.module("all")
    assert module.All() == module.All(module.Item(), module.Item(), module.Item_2())
    assert not hasattr(module, "Item_3")


def test_a_char_array_can_be_bytes_if_the_user_says_so() -> None:
    types = Types()
    types.struct("event", 8, ("comm", types.array(types.char, 8), 0))
    assert types.module("event", as_bytes=["event.comm"]).Event().comm == bytes(8)
    with pytest.raises(
        CodegenError, match=r"nothing .* 'event\.nope' \(did you mean 'event\.comm'"
    ):
        types.module("event", as_bytes=["event.nope"])


# ---- what cannot be said ----


def _refused(types: Types, name: str, message: str) -> None:
    with pytest.raises(CodegenError, match=message):
        generate(types.spec(), types=[name])


def test_a_forward_declared_struct_by_value_is_an_error_with_its_path() -> None:
    types = Types()
    later = types.add(t.Fwd("later"))
    inner = types.struct("", 8, ("deep", later, 0))
    types.struct("s", 8, ("in", inner, 0))
    _refused(types, "s", r"^struct s\.in\.deep: struct later is declared, but never defined")


def test_a_function_by_value_is_an_error() -> None:
    types = Types()
    types.struct("s", 8, ("f", types.add(t.FuncProto(0)), 0))
    _refused(types, "s", r"^struct s\.f: a FUNC_PROTO is no type of a value")


@pytest.mark.parametrize(("name", "size"), [("long double", 16), ("complex float", 8)])
def test_a_float_that_python_does_not_have_is_its_bytes(name: str, size: int) -> None:
    types = Types()
    types.struct("s", size, ("f", types.add(t.Float(name, size)), 0))
    assert types.module("s").S().f == bytes(size)


def test_a_float_of_two_bytes_is_a_float() -> None:
    types = Types()
    types.struct("s", 4, ("f", types.add(t.Float("__fp16", 2)), 2))
    cls = types.module("s").S
    assert codec.pack(cls(f=-1.5)) == struct.pack("=2xe", -1.5)
    assert codec.unpack(cls, struct.pack("=2xe", 0.25)).f == 0.25
    assert runtime.struct_format(cls) == "=2xe"
    with pytest.raises(ValueError, match=r"S\.f: 1e\+30 does not fit __fp16"):
        codec.pack(cls(f=1e30))


def test_an_integer_of_an_odd_size_is_an_int() -> None:
    types = Types()
    types.struct("s", 8, ("i", types.add(t.Int("_BitInt(24)", 3, 24, signed=True)), 4))
    cls = types.module("s").S
    assert codec.unpack(cls, codec.pack(cls(i=-2))).i == -2
    assert codec.pack(cls(i=-2))[4:7] == (-2).to_bytes(3, sys.byteorder, signed=True)


def test_a_struct_that_contains_itself_is_an_error() -> None:
    types = Types()
    types.struct("s", 8, ("s", len(types.types) + 1, 0))
    _refused(types, "s", r"^struct s\.s: struct s contains itself")


def test_a_member_outside_of_its_struct_is_an_error() -> None:
    types = Types()
    types.struct("s", 4, ("a", types.u64, 0))
    _refused(types, "s", r"^struct s\.a: ends outside of its 4 bytes")


def test_members_of_a_struct_that_share_bytes_are_an_error() -> None:
    types = Types()
    types.struct("s", 8, ("a", types.u32, 0), ("b", types.u32, 2))
    _refused(types, "s", r"^struct s: 'b' and 'a' share bits")


def test_a_bitfield_that_does_not_fit_its_type_is_an_error() -> None:
    types = Types()
    types.bitfields("s", 8, ("a", types.u8, 0, 9))
    _refused(types, "s", r"^struct s\.a: 9 bits from bit 0 on do not fit")


def test_a_bitfield_of_something_else_is_an_error() -> None:
    types = Types()
    types.bitfields("s", 8, ("p", types.pointer(), 0, 9), ("a", types.array(types.u8, 2), 16, 3))
    _refused(types, "s", r"^struct s\.a: a bitfield of unsigned char\[2\]")


def test_a_member_that_begins_inside_a_byte_is_an_error() -> None:
    types = Types()
    types.struct("s", 8, ("a", types.u32, 0.5))
    _refused(types, "s", r"^struct s\.a: begins inside a byte, but is no bitfield")


def test_a_member_without_a_name_is_an_error() -> None:
    types = Types()
    types.struct("s", 8, ("", types.u32, 0))
    _refused(types, "s", r"^struct s: a member has no name")


def test_structs_nested_too_deeply_are_an_error() -> None:
    types = Types()
    inner = types.struct("s0", 4, ("a", types.u32, 0))
    for number in range(1, 200):
        inner = types.struct(f"s{number}", 4, ("a", inner, 0))
    _refused(types, "s199", "nested too deeply")


def test_anonymous_structs_that_multiply_are_an_error_and_not_a_hang() -> None:
    types = Types()
    inner = types.struct("", 0)
    for _ in range(40):
        inner = types.struct("", 0, ("", inner, 0), ("", inner, 0))
    types.struct("s", 4, ("", inner, 0), ("a", types.u32, 0))
    _refused(types, "s", "more than 100000 members")


def test_a_name_that_no_c_has_is_an_error_and_never_reaches_the_source() -> None:
    types = Types()
    inner = types.struct('x"""\nimport os\n"""', 4, ("a", types.u32, 0))
    types.struct("s", 4, ("a", inner, 0))
    _refused(types, "s", "is no name that C could have")
    types = Types()
    evil = types.add(t.Typedef("int\nimport os", types.u32))
    types.struct("s", 4, ("a", evil, 0))
    _refused(types, "s", "is no name that C could have")


def test_what_the_compiler_gave_no_type_is_bytes_up_to_the_next_member() -> None:
    """clang writes ``_Atomic int`` and ``_Complex float`` as void."""
    types = Types()
    types.struct("s", 16, ("a", 0, 0), ("b", types.u32, 4), ("c", types.array(0, 2), 8))
    types.union("u", 8, ("a", 0, 0), ("b", types.u32, 0))
    module = types.module("s", "u")
    value = codec.of(module.S).unpack(bytes(range(16)))
    assert value == module.S(a=bytes([0, 1, 2, 3]), b=0x07060504, c=bytes(range(8, 16)))
    assert codec.of(module.S).pack(value) == bytes(range(16))
    assert module.U(b=7).a == b"\7\0\0\0\0\0\0\0"


def test_the_comment_says_that_a_member_has_no_type() -> None:
    types = Types()
    types.struct("s", 4, ("a", 0, 0))
    assert "a: bytes = bytes(4)  # of no type in the BTF, offset 0" in generate(
        types.spec(), types=["s"]
    )
