"""Arguments that are contexts, retyped: which ones, for whom, and that nothing else changes."""

from __future__ import annotations

import struct

import pytest

from bpf2py.btf import TypeTable, decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.arg_ctx import CONTEXTS, Tagged, retyped
from bpf2py.btf.header import PREFIX, ByteOrder
from bpf2py.uapi import ProgType

GLOBAL, STATIC = 1, 0

#: What the argument may point to, by name: type 10 on.
POINTEES: dict[str, t.Type] = {
    "void": t.Void(),
    "sk_buff": t.Struct("__sk_buff", 4, ()),
    "pt_regs": t.Struct("pt_regs", 4, ()),
    "user_pt_regs": t.Struct("user_pt_regs", 4, ()),
    "other": t.Struct("other", 4, ()),
    "u64": t.Int("unsigned long", 8, 64),
    "u32": t.Int("unsigned int", 4, 32),
}
#: The first type behind those of an object below.
FIRST = 9


def an_object(
    pointee: str, *, linkage: int = GLOBAL, component: int = 1, order: ByteOrder = "little"
) -> bytes:
    """``int function(int a, POINTEE *ctx)``, the second argument tagged, and a main function."""
    target = POINTEES[pointee]
    types: list[t.Type] = [
        t.Int("int", 4, 32, signed=True),  # 1
        t.Const(0 if isinstance(target, t.Void) else FIRST),  # 2
        t.Ptr(2),  # 3
        t.FuncProto(1, (t.Param("a", 1), t.Param("ctx", 3))),  # 4
        t.Func("function", 4, linkage),  # 5
        t.DeclTag("arg:ctx", 5, component),  # 6
        t.FuncProto(1, ()),  # 7
        t.Func("main", 7, GLOBAL),  # 8
    ]
    if not isinstance(target, t.Void):
        types.append(target)
    return encode(types, byte_order=order)


def records(*pairs: tuple[int, int], order: ByteOrder = "little") -> bytes:
    return b"".join(struct.pack(PREFIX[order] + "II", *pair) for pair in pairs)


def a_program(prog_type: ProgType, order: ByteOrder = "little") -> Tagged:
    return Tagged(prog_type, records((0, 8), (3, 5), order=order))


def function_of(table: TypeTable, func_info: bytes, order: ByteOrder = "little") -> int:
    """The type of the second function of a program."""
    found: int = struct.unpack(PREFIX[order] + "IIII", func_info)[3]
    return found


@pytest.mark.parametrize("order", ["little", "big"])
def test_the_argument_becomes_a_pointer_to_the_context(order: ByteOrder) -> None:
    blob = an_object("void", order=order)
    program = a_program(ProgType.SCHED_CLS, order)
    after, func_info = retyped(blob, {"main": program})
    table = decode(after)
    before = decode(blob)
    assert [table[i] for i in before] == [before[i] for i in before]
    function = table[function_of(table, func_info["main"], order)]
    assert isinstance(function, t.Func)
    assert (function.name, function.linkage) == ("function", GLOBAL)
    proto = table[function.target]
    assert isinstance(proto, t.FuncProto)
    assert [param.name for param in proto.params] == ["a", "ctx"]
    assert proto.params[0].target == 1
    pointer = table[proto.params[1].target]
    assert isinstance(pointer, t.Ptr)
    assert table[pointer.target] == t.Struct("__sk_buff", 0, ())
    assert func_info["main"][:12] == program.func_info[:12], "the rest of the records stays"


@pytest.mark.parametrize(
    ("prog_type", "pointee", "changes"),
    [
        (ProgType.SCHED_CLS, "void", True),
        (ProgType.SCHED_CLS, "sk_buff", False),
        (ProgType.SCHED_CLS, "other", False),
        (ProgType.SCHED_CLS, "pt_regs", False),
        (ProgType.SCHED_CLS, "u64", False),
        (ProgType.KPROBE, "pt_regs", True),
        (ProgType.PERF_EVENT, "user_pt_regs", True),
        (ProgType.RAW_TRACEPOINT, "u64", True),
        (ProgType.RAW_TRACEPOINT_WRITABLE, "u64", True),
        (ProgType.RAW_TRACEPOINT, "u32", False),
        (ProgType.TRACING, "void", False),
        (ProgType.SYSCALL, "void", False),
    ],
)
def test_what_a_context_may_be_called_depends_on_the_program(
    prog_type: ProgType, pointee: str, changes: bool
) -> None:
    blob = an_object(pointee)
    after, func_info = retyped(blob, {"main": a_program(prog_type)})
    assert (after != blob) is changes
    assert (function_of(decode(after), func_info["main"]) != 5) is changes


@pytest.mark.parametrize(
    "blob",
    [
        an_object("void", linkage=STATIC),
        an_object("void", component=-1),
        an_object("void", component=2),
        an_object("void", component=0),
    ],
    ids=["static function", "tag of the function", "no such argument", "no pointer"],
)
def test_what_the_kernel_does_not_look_at_stays(blob: bytes) -> None:
    program = a_program(ProgType.SCHED_CLS)
    assert retyped(blob, {"main": program}) == (blob, {"main": program.func_info})


def test_a_function_that_a_program_does_not_reach_stays_for_it() -> None:
    alone = Tagged(ProgType.SCHED_CLS, records((0, 8)))
    blob = an_object("void")
    assert retyped(blob, {"main": alone, "bare": Tagged(ProgType.XDP, b"")}) == (
        blob,
        {"main": alone.func_info, "bare": b""},
    )


def test_programs_of_several_types_get_functions_of_their_own() -> None:
    programs = {"tc": a_program(ProgType.SCHED_CLS), "xdp": a_program(ProgType.XDP)}
    after, func_info = retyped(an_object("void"), programs)
    table = decode(after)
    contexts: list[str] = []
    for name in programs:
        function = table[function_of(table, func_info[name])]
        assert isinstance(function, t.Func)
        proto = table[function.target]
        assert isinstance(proto, t.FuncProto)
        pointer = table[proto.params[1].target]
        assert isinstance(pointer, t.Ptr)
        contexts.append(table.name(pointer.target))
    assert contexts == ["__sk_buff", "xdp_md"]


def test_two_contexts_of_one_function_share_its_copy() -> None:
    types: list[t.Type] = [
        t.Int("int", 4, 32, signed=True),
        t.Ptr(0),
        t.FuncProto(1, (t.Param("a", 2), t.Param("b", 2))),
        t.Func("function", 3, GLOBAL),
        t.DeclTag("arg:ctx", 4, 0),
        t.DeclTag("arg:ctx", 4, 1),
    ]
    blob = encode(types, byte_order="little")
    program = Tagged(ProgType.XDP, records((0, 4)))
    after, func_info = retyped(blob, {"main": program})
    table = decode(after)
    function = table[struct.unpack("<II", func_info["main"])[1]]
    assert isinstance(function, t.Func)
    proto = table[function.target]
    assert isinstance(proto, t.FuncProto)
    assert proto.params[0].target == proto.params[1].target > len(types)
    # prototype, function, struct, pointer and two tags
    assert len(table) == len(decode(blob)) + 6


def test_every_context_has_a_name_that_c_knows() -> None:
    assert all(name.isidentifier() for name in CONTEXTS.values())
    assert ProgType.TRACING not in CONTEXTS
