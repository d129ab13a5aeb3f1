"""The model of a module says what the C source says: whoever writes a generator relies on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpf2py import codegen, elf
from bpf2py.btf import types as t
from bpf2py.codegen import ArgumentModel, MemberModel, ModuleModel, Options, ValueModel
from bpf2py.spec import MapSpec, ObjectSpec
from bpf2py.uapi import MapType
from tests.codegen.source import Types

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"


def spec_of(name: str) -> ObjectSpec:
    return elf.read_object_file(FIXTURES / f"{name}.bpf.o")


@pytest.fixture(scope="module")
def model() -> ModuleModel:
    return codegen.describe(spec_of("arguments"))


def c_line(name: str, text: str) -> int:
    source = (FIXTURES / f"{name}.bpf.c").read_text(encoding="utf-8")
    return source[: source.index(text)].count("\n") + 1


def test_a_struct_has_its_members_with_c_type_place_and_annotation(model: ModuleModel) -> None:
    event = model.type("Event")
    assert (event.kind, event.c_name, event.size) == ("struct", "struct event", 32)
    assert event.members == (
        MemberModel("pid", "pid", "__u32", "int", 0, 4),
        MemberModel(
            "verdict", "verdict", "enum verdict", "Verdict | int", 4, 4, class_names=("Verdict",)
        ),
        MemberModel("comm", "comm", "char[16]", "str", 8, 16),
        MemberModel("where", "where", "struct point", "Point", 24, 8, class_names=("Point",)),
    )


def test_bits_and_the_members_of_an_anonymous_union_are_members_of_the_struct(
    model: ModuleModel,
) -> None:
    request = model.type("Request")
    assert [(m.name, m.offset, m.size, m.bits, m.storage) for m in request.members] == [  # type: ignore[union-attr]
        ("op", 0, 4, (0, 4), ""),
        ("urgent", 0, 4, (4, 1), ""),
        ("number", 8, 8, None, "union_8"),
        ("point", 8, 8, None, "union_8"),
        ("behind", 16, 8, None, ""),
        ("result", 24, 8, None, ""),
    ]


def test_a_union_has_its_views(model: ModuleModel) -> None:
    union = model.type("RequestUnion8")
    assert union.kind == "union"
    assert [(m.name, m.annotation) for m in union.members] == [  # type: ignore[union-attr]
        ("number", "int"),
        ("point", "Point"),
    ]


def test_an_enum_has_its_values_by_python_and_c_name() -> None:
    model = codegen.describe(spec_of("names_keywords"))
    enums = [each for each in model.types if isinstance(each, codegen.EnumModel)]
    renamed = {m.c_name: m.name for each in enums for m in each.members if m.name != m.c_name}
    assert renamed
    for c_name, name in renamed.items():
        assert name == c_name.rstrip("_") + "_" * (len(name) - len(c_name.rstrip("_")))


def test_a_map_has_the_types_of_key_value_and_event_and_the_map_inside() -> None:
    model = codegen.describe(spec_of("inner_maps"))
    by_name = {each.c_name: each for each in model.maps}
    inner = [each.inner for each in by_name.values() if each.inner]
    assert inner
    for each in inner:
        assert each.spec.max_entries
        assert each.value is not None
        assert each.value.size == each.spec.value_size
    flows = {each.c_name: each for each in codegen.describe(spec_of("maps_basic")).maps}["flows"]
    assert flows.class_name == "LRUHashMap"
    assert flows.key == ValueModel("struct flow", "Flow", 16, "codec.of(Flow)", ("Flow",))
    assert flows.value is not None
    assert (flows.value.c_type, flows.value.annotation) == ("__u64", "int")
    assert flows.event is None


def test_a_ring_buffer_has_its_event_and_nothing_else(model: ModuleModel) -> None:
    events, reports, samples = model.maps
    assert reports.event == ValueModel(
        "struct report", "Report", 60, "codec.of(Report)", ("Report",)
    )
    assert (reports.key, reports.value) == (None, None)
    assert events.event is samples.event is None


def test_a_value_without_a_type_is_bytes_of_no_c_type() -> None:
    spec = Types().spec(
        [MapSpec(name="m", map_type=MapType.HASH, key_size=3, value_size=5, max_entries=1)]
    )
    (found,) = codegen.describe(spec).maps
    assert found.key == ValueModel("", "bytes", 3, "codec.Bytes(3)")
    assert found.value == ValueModel("", "bytes", 5, "codec.Bytes(5)")


def test_a_program_has_section_place_and_arguments(model: ModuleModel) -> None:
    serve, watch, exits = model.programs
    assert (serve.section, serve.class_name) == ("syscall", "Syscall")
    assert serve.file == "arguments.bpf.c"
    assert serve.line == c_line("arguments", "int serve(")
    assert serve.arguments == (ArgumentModel("request", "struct request *", "Request"),)
    assert serve.context == ValueModel(
        "struct request", "Request", 32, "codec.of(Request)", ("Request",)
    )
    assert watch.arguments == (ArgumentModel("ctx", "struct xdp_md *", ""),)
    assert watch.context is exits.context is None


def test_with_contexts_what_arguments_point_to_is_in_the_module() -> None:
    model = codegen.describe(spec_of("arguments"), Options(contexts=True))
    names = {each.name for each in model.types}
    assert {"XdpMd", "Limits"} <= names
    assert "TaskStruct" not in names
    assert model.programs[1].arguments == (ArgumentModel("ctx", "struct xdp_md *", "XdpMd"),)


def test_a_global_function_has_its_declaration_and_arguments(model: ModuleModel) -> None:
    (clamp,) = model.functions
    assert clamp.c_type == "int clamp(struct limits *limits, enum unused_by_maps which)"
    assert clamp.arguments == (
        ArgumentModel("limits", "struct limits *", ""),
        ArgumentModel("which", "enum unused_by_maps", ""),
    )


def test_a_variable_has_its_section_and_type(model: ModuleModel) -> None:
    (bss,) = model.sections
    assert (bss.section, bss.attribute) == (".bss", "bss")
    parent = next(each for each in bss.variables if each.c_name == "parent")
    assert parent.value == ValueModel("__u32", "int", 4, "codec.U32")
    assert parent.offset == model.spec.maps[".bss"].variables["parent"].offset


def test_with_contexts_the_functions_of_struct_ops_bring_their_types_in() -> None:
    types = Types()
    sock = types.struct("sock", 4, ("mark", types.u32, 0))
    only_declared = types.add(t.Fwd("tcp_ack_sample"))
    params = (
        t.Param("sk", types.pointer(sock)),
        t.Param("ack", types.pointer(only_declared)),
        t.Param("n", types.u32),
    )
    proto = types.add(t.FuncProto(types.u32, params))
    operations = types.struct("ops", 16, ("undo", types.pointer(proto), 0), ("f", types.u64, 8))
    spec = types.spec(
        [
            MapSpec(
                name="m",
                map_type=MapType.STRUCT_OPS,
                key_size=4,
                value_size=16,
                value_type_id=operations,
                max_entries=1,
            )
        ]
    )
    names = {each.name for each in codegen.describe(spec).types}
    assert "Sock" not in names
    rows = {row.name: row for row in codegen.left_out(spec)}
    assert rows["sock"].reason == "argument sk of ops.undo() points to it"
    model = codegen.describe(spec, Options(contexts=True))
    assert {each.name for each in model.types} == names | {"Sock"}


def test_the_model_carries_the_spec_it_was_made_from_and_leaves_the_given_one_alone() -> None:
    given = spec_of("arguments")
    model = codegen.describe(given, Options(events={"events": "event"}))
    assert model.spec.maps["events"].event_type_id
    assert given.maps["events"].event_type_id == 0


def test_a_pointer_variable_brings_in_what_it_points_to_unless_it_is_the_kernels(
    model: ModuleModel,
) -> None:
    names = {each.name for each in model.types}
    assert "Event" in names, "struct event *unused_event"
    assert "TaskStruct" not in names, "struct task_struct *last_task, read by CO-RE"


def test_a_class_that_is_not_there_is_a_key_error(model: ModuleModel) -> None:
    with pytest.raises(KeyError, match="NoSuch"):
        model.type("NoSuch")
