"""Several objects as one module: what must be the same, and what may differ."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from bpf2py import btf, runtime
from bpf2py.codegen import CodegenError, Options, facts, render
from bpf2py.codegen.model import ModuleModel, SidecarModel
from bpf2py.codegen.variants import Source, describe_variants
from bpf2py.elf import read_object_file
from bpf2py.runtime import machine
from bpf2py.spec import ByteOrder, MapSpec, ObjectSpec, ProgramSpec, VariableSpec
from bpf2py.uapi import MapType, ProgType
from tests.codegen.source import Types

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"
VARIANTS = ("variants.v2", "variants", "variants.v4", "variants.eb")


def fixture(name: str, *, arch: str = "", cpu: int = 0) -> Source:
    spec = read_object_file(FIXTURES / f"{name}.bpf.o")
    spec.arch = arch
    return Source(spec=spec, file_name=f"{name}.bpf.o", cpu=cpu)


def imported(model: ModuleModel, tmp_path: Path) -> ModuleType:
    path = tmp_path / "several_bpf.py"
    path.write_text(render(model))
    if model.sidecar:
        (tmp_path / model.sidecar.name).write_bytes(model.sidecar.data)
    spec = importlib.util.spec_from_file_location(f"several_{tmp_path.name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


@pytest.mark.parametrize("sidecar", ["", "several_bpf.bin"])
def test_each_object_is_described_as_if_it_were_alone(tmp_path: Path, sidecar: str) -> None:
    sources = [fixture(name) for name in VARIANTS]
    module = imported(describe_variants(sources, Options(sidecar=sidecar)), tmp_path)
    for number, source in enumerate(sources, 1):
        function = f"_object_spec_{number}" if number > 1 else "_object_spec"
        assert getattr(module, function)() == source.spec


def test_what_is_equal_is_said_once(tmp_path: Path) -> None:
    alone = len(render(describe_variants([fixture("variants.v2")], Options())))
    text = render(describe_variants([fixture(name) for name in VARIANTS], Options()))
    assert text.count("class Header:") == text.count("class VariantsSpec(") == 1
    assert text.count("spec.MapSpec(") == 3
    assert len(text) < 2.5 * alone  # three more objects, each with instructions and BTF of its own


def test_bytes_that_two_objects_share_are_once_in_the_file_beside() -> None:
    once = describe_variants([fixture("variants.v2")], Options(sidecar="x.bin")).sidecar
    arms = [fixture("variants.v2", arch="arm64"), fixture("variants.v2", arch="x86")]
    twice = describe_variants(arms, Options(sidecar="x.bin")).sidecar
    assert isinstance(once, SidecarModel)
    assert isinstance(twice, SidecarModel)
    assert once.data == twice.data


def test_machines_stay_in_order_and_versions_are_sorted() -> None:
    model = describe_variants([fixture(name) for name in reversed(VARIANTS)], Options())
    assert [(each.byte_order, each.cpu) for each in model.variants] == [
        ("big", 3),
        ("little", 1),
        ("little", 3),
        ("little", 4),
    ]


@pytest.mark.skipif(sys.byteorder == "big", reason="the bytes are those of little-endian machines")
@pytest.mark.parametrize(("order", "first", "low"), [("little", 0x45, 1), ("big", 0x54, 0x20)])
def test_the_layout_of_this_machine_is_taken_at_import(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, order: ByteOrder, first: int, low: int
) -> None:
    monkeypatch.setattr(machine, "this", lambda: f"{order}-endian x86")
    model = describe_variants([fixture(name) for name in VARIANTS], Options())
    assert model.machines == (("little-endian",), ("big-endian",))
    module = imported(model, tmp_path)
    data = runtime.pack(module.Header(version=4, ihl=5, union_4=module.HeaderUnion4(low=1)))
    assert (data[0], data[4]) == (first, low)
    assert runtime.layout_digest(module) == model.layout_digests[order == "big"]


def test_byte_orders_that_agree_have_one_layout() -> None:
    both = [fixture("types_bitfields"), fixture("types_bitfields.eb")]
    for source in both:
        source.spec.name = "types_bitfields"
    model = describe_variants(both, Options())
    assert model.machines == ()
    assert len(model.layout_digests) == 1
    assert "own_layout" not in render(model)


def test_one_of_two_with_the_same_instructions_is_left_out() -> None:
    model = describe_variants([fixture("variants", cpu=3), fixture("variants", cpu=4)], Options())
    assert [each.cpu for each in model.variants] == [3]
    assert "_variants" not in render(model)


def test_two_different_ones_for_the_same_machine_are_refused() -> None:
    with pytest.raises(CodegenError, match=r"variants.bpf.o and variants.v4.bpf.o are both for"):
        describe_variants([fixture("variants", cpu=3), fixture("variants.v4", cpu=3)], Options())


# ---- what objects of one source must have in common ----


def tool(
    order: ByteOrder = "little", *, arch: str = "", change: Callable[[ObjectSpec, Types], None]
) -> Source:
    types = Types()
    types.struct("event", 8, ("pid", types.u32, 0), ("port", types.u16, 4))
    event = len(types.types)
    spec = ObjectSpec(
        name="tool",
        byte_order=order,
        arch=arch,
        maps={
            "m": MapSpec(
                name="m",
                map_type=MapType.HASH,
                key_size=4,
                value_size=8,
                key_type_id=types.u32,
                value_type_id=event,
            ),
            ".data": MapSpec(
                name=".data",
                map_type=MapType.ARRAY,
                value_size=8,
                section=".data",
                data=bytearray(8),
                variables={"x": VariableSpec(name="x", offset=0, size=4, type_id=types.u32)},
            ),
        },
        programs={"p": ProgramSpec(name="p", section="socket", prog_type=ProgType.SOCKET_FILTER)},
    )
    change(spec, types)
    spec.btf = btf.encode(types.types, byte_order=order)
    return Source(spec=spec, file_name=f"tool.{arch or order}.bpf.o")


def nothing(spec: ObjectSpec, types: Types) -> None:
    pass


def another_map(spec: ObjectSpec, types: Types) -> None:
    spec.maps["extra"] = MapSpec(name="extra", map_type=MapType.QUEUE, value_size=4)


def no_program(spec: ObjectSpec, types: Types) -> None:
    del spec.programs["p"]


def another_kind(spec: ObjectSpec, types: Types) -> None:
    spec.programs["p"].prog_type = ProgType.XDP


def moved_variable(spec: ObjectSpec, types: Types) -> None:
    spec.maps[".data"].variables["x"].offset = 4


def another_key(spec: ObjectSpec, types: Types) -> None:
    spec.maps["m"].key_size, spec.maps["m"].key_type_id = 8, types.u64


def another_member(spec: ObjectSpec, types: Types) -> None:
    spec.maps["m"].value_type_id = types.struct("event", 8, ("pid", types.u32, 0))


def another_annotation(spec: ObjectSpec, types: Types) -> None:
    port = types.array(types.u16, 1)
    spec.maps["m"].value_type_id = types.struct(
        "event", 8, ("pid", types.u32, 0), ("port", port, 4)
    )


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (another_map, "map extra: new"),
        (no_program, "program p: dropped"),
        (another_kind, "program p: class SocketFilter → XDP"),
        (moved_variable, "variable .data x: moved from offset 0 to 4"),
        (
            another_key,
            "map m: codecs codec.U32, codec.of(Event) → codec.U64, codec.of(Event); map m: "
            "key_size 4 → 8",
        ),
        (another_member, "struct event: port dropped, was int"),
        (another_annotation, "struct event: port int → list[int]"),
    ],
)
@pytest.mark.parametrize("other", ["big", "arm64"])
def test_what_objects_do_not_agree_on_is_named(
    change: Callable[[ObjectSpec, Types], None], difference: str, other: str
) -> None:
    second = tool("big", change=change) if other == "big" else tool(arch="arm64", change=change)
    with pytest.raises(CodegenError) as caught:
        describe_variants([tool(arch="x86", change=nothing), second], Options())
    assert str(caught.value) == (
        f"tool.x86.bpf.o and tool.{other}.bpf.o cannot be one module: {difference}"
    )


def moved_member(spec: ObjectSpec, types: Types) -> None:
    text = types.array(types.char, 4)
    spec.maps["m"].value_size = 16
    spec.maps["m"].value_type_id = types.struct(
        "event", 16, ("pid", types.u32, 8), ("port", types.u16, 4), ("name", text, 12)
    )


def longer_member(spec: ObjectSpec, types: Types) -> None:
    spec.maps["m"].value_size = 16
    spec.maps["m"].value_type_id = types.struct(
        "event",
        16,
        ("pid", types.u32, 0),
        ("port", types.u16, 4),
        ("name", types.array(types.u8, 10), 6),
    )


def shorter_member(spec: ObjectSpec, types: Types) -> None:
    spec.maps["m"].value_size = 16
    spec.maps["m"].value_type_id = types.struct(
        "event",
        16,
        ("name", types.array(types.u8, 6), 0),
        ("port", types.u16, 6),
        ("pid", types.u32, 8),
    )


def test_a_struct_may_lie_otherwise_on_another_architecture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = [
        tool(arch="x86", change=longer_member),
        tool(arch="arm64", change=shorter_member),
    ]
    model = describe_variants(sources, Options())
    here = sys.byteorder
    for arch, size, offset in (("x86", 10, 6), ("arm64", 6, 0)):
        monkeypatch.setattr(machine, "this", lambda arch=arch: f"{here}-endian {arch}")
        folder = tmp_path / arch
        folder.mkdir()
        module = imported(model, folder)
        event = module.Event(pid=1, port=2)
        assert event.name == bytes(size)
        data = runtime.pack(module.Event(name=b"\xff" * size))
        assert data == bytes(offset) + b"\xff" * size + bytes(16 - offset - size)


def test_cpu_versions_of_one_machine_have_one_layout() -> None:
    older, newer = tool(change=longer_member), tool(change=shorter_member)
    with pytest.raises(CodegenError, match=r"cannot be one module: struct event: pid moved from"):
        describe_variants([replace(older, cpu=2), replace(newer, cpu=4)], Options())


# ---- digests ----


def digest(change: Callable[[ObjectSpec, Types], None]) -> str:
    return describe_variants([tool(change=change)], Options()).layout_digests[0]


def other_code(spec: ObjectSpec, types: Types) -> None:
    spec.programs["p"].insns = bytes(16)
    spec.programs["q"] = replace_name(spec.programs["p"], "q")
    spec.maps["m"].max_entries = 99
    spec.maps[".data"].data = bytearray(b"\7" * 8)
    types.struct("local", 4, ("not_seen", types.u32, 0))


def replace_name(program: ProgramSpec, name: str) -> ProgramSpec:
    return ProgramSpec(name=name, section=program.section, prog_type=program.prog_type)


def other_order(spec: ObjectSpec, types: Types) -> None:
    spec.maps = dict(reversed(spec.maps.items()))


def test_the_digest_of_the_layout_is_about_what_others_can_see() -> None:
    same = {digest(change) for change in (nothing, other_code, other_order, no_program)}
    assert len(same) == 1
    others = [another_map, moved_variable, another_key, another_member, moved_member, longer_member]
    assert len({digest(change) for change in others} | same) == len(others) + 1


def test_a_digest_is_had_from_module_class_and_object() -> None:
    from generated_fixtures import minimal_bpf

    assert runtime.layout_digest(minimal_bpf) == runtime.layout_digest(minimal_bpf.Minimal)
    with pytest.raises(TypeError, match="was not generated by bpf2py"):
        runtime.layout_digest(runtime.Object)
    with pytest.raises(TypeError, match="was not generated"):
        runtime.layout_digest(sys)


def test_facts_that_differ_are_sentences() -> None:
    place = facts.Place(0, "codec.U8")
    old: facts.Facts = {"struct a": {"x": place, "size": 4}, "map m": {"max_entries": 1}}
    new: facts.Facts = {"struct a": {"x": place, "y": place, "size": 8}, "map n": {}}
    assert list(facts.differences(old, new)) == [
        "struct a: size 4 → 8",
        "struct a: y added at offset 0",
        "map m: dropped",
        "map n: new",
    ]
    assert list(facts.differences(old, old)) == []
