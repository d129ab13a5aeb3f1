"""BTF from anybody: the generator answers, or raises one of its two errors."""

from __future__ import annotations

import ast
import contextlib
import random
import struct

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bpf2py import btf
from bpf2py.btf import types as t
from bpf2py.codegen import CodegenError, generate, left_out
from bpf2py.codegen.views import VIEWS
from bpf2py.spec import ObjectSpec, ProgramSpec, VariableSpec
from bpf2py.uapi import MapType, ProgType

from .source import Types
from .test_module import hash_map, program, ring_buffer, section

IDS = st.integers(0, 24)
NAMES = st.sampled_from(
    ["", "a", "b", "class", "__x", "x.y", "x y", 'q"', "n\n", "\\", "é", "\udcff", "bpf_timer"]
)
SIZES = st.sampled_from([0, 1, 2, 3, 4, 8, 16, 64])
BITS = st.sampled_from([0, 1, 8, 31, 32, 64, 100, 1 << 20])
MEMBERS = st.lists(
    st.builds(t.Member, NAMES, IDS, BITS, st.sampled_from([0, 0, 1, 7, 40])), max_size=4
)
ENUMERATORS = st.lists(st.builds(t.Enumerator, NAMES, st.integers(0, 9)), max_size=3).map(tuple)
VIEW_NAMES = st.sampled_from([*sorted(VIEWS.keys() - {"enum"}), "flags:a", "enum:b", "enum:x y"])
TYPES = st.one_of(
    st.builds(t.Int, NAMES, SIZES, st.integers(0, 128), st.integers(0, 9), st.booleans()),
    st.builds(t.Ptr, IDS),
    st.builds(t.Array, IDS, IDS, st.integers(0, (1 << 32) - 1)),
    st.builds(t.Struct, NAMES, SIZES, MEMBERS.map(tuple), st.just(True)),
    st.builds(t.Union, NAMES, SIZES, MEMBERS.map(tuple), st.just(True)),
    st.builds(t.Enum, NAMES, SIZES, ENUMERATORS),
    st.builds(t.Fwd, NAMES),
    st.builds(t.Typedef, NAMES, IDS),
    st.builds(t.Const, IDS),
    st.builds(t.FuncProto, IDS, st.lists(st.builds(t.Param, NAMES, IDS), max_size=3).map(tuple)),
    st.builds(t.TypeTag, st.sampled_from(["kptr", "x"]), IDS),
    st.builds(t.Func, NAMES, IDS, st.integers(0, 2)),
    st.builds(t.DeclTag, VIEW_NAMES.map("bpf2py:{}".format), IDS, st.integers(-1, 3)),
    st.builds(t.Var, NAMES, IDS),
    st.builds(t.Datasec, st.sampled_from([".bss", ".maps", ".bpf2py"]), SIZES,
              st.lists(st.builds(t.SectionVar, IDS, SIZES, SIZES), max_size=2).map(tuple)),
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.lists(TYPES, min_size=1, max_size=24), st.data())
def test_any_types_become_a_module_or_an_error_of_ours(
    types: list[t.Type], data: st.DataObject
) -> None:
    try:
        blob = btf.encode(types, byte_order="little")
    except btf.BTFError:
        return
    ids = st.integers(1, len(types))
    fill = hash_map(Types(), value_type_id=0, key_type_id=0)
    fill.key_type_id, fill.key_size = data.draw(ids), data.draw(SIZES)
    fill.value_type_id, fill.value_size = data.draw(ids), data.draw(SIZES)
    row = VariableSpec(name="v", offset=0, size=64, type_id=data.draw(ids))
    spec = ObjectSpec(name="x", byte_order="little", btf=blob)
    spec.maps = data.draw(
        st.sampled_from([{"m": fill}, {".bss": section(".bss", row)}, {"e": ring_buffer("e")}])
    )
    spec.programs = {name: _program(name, data.draw(ids), data) for name in ("a", "class")}
    with contextlib.suppress(CodegenError, btf.BTFError):
        for each in left_out(spec):
            assert each.name.isprintable() or each.name in {typ.name for typ in types}
    try:
        text = generate(spec, contexts=data.draw(st.booleans()))
    except (CodegenError, btf.BTFError):
        return
    _only_what_the_generator_writes(text)


def _program(name: str, function: int, data: st.DataObject) -> ProgramSpec:
    """A program that begins with some type, reads some types, and consists of any bytes."""
    prog_type = data.draw(st.sampled_from([ProgType.SYSCALL, ProgType.XDP]))
    return program(
        name,
        prog_type=prog_type,
        insns=data.draw(st.binary(max_size=40)),
        func_info=struct.pack("<II", 0, function),
        core_relocations=data.draw(st.binary(min_size=16, max_size=17)),
    )


def _only_what_the_generator_writes(text: str) -> None:
    """No name of the object became a statement of its own."""
    allowed = ast.Import | ast.ImportFrom | ast.ClassDef | ast.FunctionDef | ast.Expr
    for node in ast.parse(text).body:
        assert isinstance(node, allowed)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            assert ast.unparse(node.value.func) in {"codec.struct", "codec.union"}


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_blob_becomes_a_module_or_an_error_of_ours(seed: int) -> None:
    rng = random.Random(seed)
    types = Types()
    inner = types.union("u", 8, ("a", types.u32, 0), ("b", types.array(types.char, 8), 0))
    event = types.struct("event", 16, ("x", types.u32, 0), ("", inner, 8))
    spec = types.spec([hash_map(types, value_type_id=event, value_size=16)])
    damaged = bytearray(spec.btf)
    for _ in range(rng.choice([1, 2, 8])):
        damaged[rng.randrange(24, len(damaged))] = rng.randrange(256)
    spec.btf = bytes(damaged)
    try:
        text = generate(spec)
    except (CodegenError, btf.BTFError):
        return
    _only_what_the_generator_writes(text)


@pytest.mark.parametrize("depth", [12, 100])
def test_declarations_that_grow_without_end_are_an_error(depth: int) -> None:
    types = Types()
    target = types.u32
    for _ in range(depth):
        params = (t.Param("", types.pointer(target)),) * 8
        target = types.add(t.FuncProto(0, params))
    types.struct("s", 8, ("f", types.pointer(target), 0))
    spec = types.spec()
    with pytest.raises(CodegenError, match=r"^struct s\.f: "):
        generate(spec, types=["s"])


def test_a_map_type_that_is_no_map_type_is_kept_as_a_number() -> None:
    types = Types()
    text = generate(types.spec([hash_map(types, map_type=77)]))
    assert "map_type=77" in text
    assert "``map type 77``" in text
    assert MapType.HASH.name not in text


@pytest.mark.parametrize("name", ["a\nimport os", "a\udcff", 'a"""'])
@pytest.mark.parametrize("kind", ["kernel's own", "empty", "plain", "bitfield", "untyped"])
def test_the_name_of_a_member_reaches_the_module_as_c_or_not_at_all(kind: str, name: str) -> None:
    types = Types()
    target, bits = {
        "kernel's own": (types.struct("bpf_timer", 16), 0),
        "empty": (types.struct("nothing", 0), 0),
        "plain": (types.s32, 0),
        "bitfield": (types.s32, 3),
        "untyped": (0, 0),
    }[kind]
    value = types.bitfields("value", 20, (name, target, 0, bits), ("b", types.s32, 128, 0))
    spec = types.spec([hash_map(types, value_type_id=value, value_size=20)])
    with pytest.raises(CodegenError, match=r"is no name that C could have|cannot be a name"):
        generate(spec)
