"""What a module does not have of its object: everything is told, with a reason that is true."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from bpf2py import btf, codegen, elf
from bpf2py.btf import types as t
from bpf2py.codegen import LeftOut, Options, left_out
from bpf2py.codegen.event_sizes import event_sizes
from bpf2py.spec import MapSpec, ObjectSpec
from bpf2py.uapi import BTFKind, MapType
from generated_fixtures.generate import REFUSED
from tests.codegen.source import Types

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"
OBJECTS = sorted(
    path for path in FIXTURES.glob("*.bpf.o") if path.name.partition(".")[0] not in REFUSED
)
KINDS = {
    BTFKind.STRUCT: "struct",
    BTFKind.UNION: "union",
    BTFKind.ENUM: "enum",
    BTFKind.ENUM64: "enum",
}


def rows_of(spec: ObjectSpec, options: Options | None = None) -> dict[tuple[str, str], LeftOut]:
    rows = left_out(spec, options or Options())
    found = {(each.kind, each.name): each for each in rows}
    assert len(found) == len(rows), "a thing is told once"
    return found


@pytest.fixture(scope="module")
def arguments() -> dict[tuple[str, str], LeftOut]:
    return rows_of(elf.read_object_file(FIXTURES / "arguments.bpf.o"))


@pytest.mark.parametrize(
    ("kind", "name", "reason", "option"),
    [
        (
            "event",
            "events",
            "the object does not say what it carries: events come as bytes; programs submit 32 "
            "bytes, the size of struct request or struct event",
            "--event events=TYPE",
        ),
        (
            "event",
            "samples",
            "the object does not say what it carries: events come as bytes",
            "--event samples=TYPE",
        ),
        (
            "struct",
            "limits",
            "argument limits of clamp() points to it",
            "--type limits, or --contexts",
        ),
        (
            "struct",
            "xdp_md",
            "argument ctx of program watch points to it",
            "--type xdp_md, or --contexts",
        ),
        ("enum", "unused_by_maps", "only in clamp()", "--type unused_by_maps"),
        (
            "struct",
            "task_struct",
            "the kernel's: program exits reads it by CO-RE",
            "--type task_struct",
        ),
        (
            "struct",
            "behind",
            "only its name is in the object",
            "`struct behind *unused_behind;` in C",
        ),
    ],
)
def test_each_reason(
    arguments: dict[tuple[str, str], LeftOut], kind: str, name: str, reason: str, option: str
) -> None:
    assert arguments[kind, name] == LeftOut(kind, name, reason, option)


def test_nothing_else_is_left_out(arguments: dict[tuple[str, str], LeftOut]) -> None:
    assert len(arguments) == 7


def test_what_is_told_reads_as_a_line(arguments: dict[tuple[str, str], LeftOut]) -> None:
    assert str(arguments["struct", "limits"]) == (
        "struct limits: argument limits of clamp() points to it (--type limits, or --contexts)"
    )


def test_an_option_that_is_given_leaves_no_row() -> None:
    spec = elf.read_object_file(FIXTURES / "arguments.bpf.o")
    options = Options(
        types=("task_struct", "enum unused_by_maps"),
        events={"events": "event", "samples": "point"},
        contexts=True,
    )
    assert set(rows_of(spec, options)) == {("struct", "behind")}


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_every_type_of_the_object_is_in_the_module_or_told_with_an_option_that_works(
    path: Path,
) -> None:
    spec = elf.read_object_file(path)
    table = btf.decode(spec.btf)
    rows = rows_of(spec)
    made = {each.c_name for each in codegen.describe(spec).types}
    for type_id in table:
        kind, name = KINDS.get(table.kind(type_id)), table.name(type_id)
        if kind and name:
            assert f"{kind} {name}" in made or (kind, name) in rows
    types = [
        words[1]
        for words in (shlex.split(row.option) for row in rows.values())
        if words and words[0] == "--type"
    ]
    wanted = [each.removesuffix(",") for each in types]
    after = rows_of(spec, Options(types=wanted))
    assert not {key for key, row in after.items() if row.option.startswith("--type")}


def test_a_type_is_told_by_its_kind_where_its_name_alone_would_mean_another() -> None:
    types = Types()
    types.struct("thing", 4, ("x", types.u32, 0))
    types.enum("thing", ONE=1)
    rows = rows_of(types.spec())
    assert {row.option for row in rows.values()} == {'--type "struct thing"', '--type "enum thing"'}
    assert not rows_of(types.spec(), Options(types=("struct thing", "enum thing")))


def test_a_second_type_of_the_same_name_is_told() -> None:
    types = Types()
    first = types.struct("thing", 4, ("x", types.u32, 0))
    types.struct("thing", 8, ("x", types.u64, 0))
    rows = rows_of(types.spec([_array(first, 4)]))
    assert rows["struct", "thing"].reason == "the module has another struct of that name"


def test_a_typedef_names_what_has_no_name() -> None:
    types = Types()
    types.add(t.Typedef("point_t", types.struct("", 4, ("x", types.u32, 0))))
    rows = rows_of(types.spec())
    assert rows["typedef", "point_t"].option == "--type point_t"
    assert not rows_of(types.spec(), Options(types=("point_t",)))


def test_a_pointer_from_what_is_in_the_module_is_told_before_any_other() -> None:
    types = Types()
    target = types.struct("target", 4, ("x", types.u32, 0))
    types.struct("elsewhere", 8, ("to", types.pointer(target), 0))
    pointers = types.array(types.pointer(target), 2)
    inside = types.struct("inside", 16, ("list", pointers, 0))
    rows = rows_of(types.spec([_array(inside, 16)]))
    assert rows["struct", "target"].reason == "only behind a pointer: struct inside.list"


def test_what_only_a_callback_takes_is_told_with_the_callback() -> None:
    types = Types()
    target = types.struct("target", 4, ("x", types.u32, 0))
    proto = types.add(t.FuncProto(types.s32, (t.Param("", types.pointer(target)),)))
    owner = types.struct("owner", 8, ("call", types.pointer(proto), 0))
    rows = rows_of(types.spec([_array(owner, 8)]))
    assert rows["struct", "target"].reason == "only behind a pointer: struct owner.call"


def test_what_nothing_refers_to_is_told_so() -> None:
    types = Types()
    types.struct("alone", 8, ("next", types.pointer(len(types.types) + 2), 0))
    assert rows_of(types.spec())["struct", "alone"].reason == "no map, event or variable has it"


def test_kernel_owned_types_and_variables_cannot_be_brought_in() -> None:
    rows = rows_of(elf.read_object_file(FIXTURES / "kernel_fields.bpf.o"))
    lock = rows["struct", "bpf_spin_lock"]
    assert (lock.reason, lock.option) == ("the kernel's own: nobody else may touch it", "")


def test_a_type_under_a_view_is_told_with_the_view() -> None:
    rows = rows_of(elf.read_object_file(FIXTURES / "types_views.bpf.o"))
    row = rows["typedef", "ipv6_t"]
    assert (row.reason, row.option) == ("its values are shown as ipv6", "")


def test_variables_inside_functions_are_told() -> None:
    rows = rows_of(elf.read_object_file(FIXTURES / "printk_strings.bpf.o"))
    local = [row for row in rows.values() if row.kind == "variable"]
    assert local
    assert all("static inside a function" in row.reason for row in local)


def test_hostile_depth_is_bounded() -> None:
    types = Types()
    inner = types.struct("", 4, ("x", types.u32, 0))
    for _ in range(500):  # two to the 500th power, if each were looked into as often as it is used
        inner = types.struct("", 4, ("", inner, 0), ("", inner, 0))
    types.struct("outer", 4, ("a", inner, 0))
    assert rows_of(types.spec())["struct", "outer"].option == "--type outer"


def test_sizes_are_read_off_helper_calls() -> None:
    spec = elf.read_object_file(FIXTURES / "maps_basic.bpf.o")
    found: dict[str, set[int]] = {}
    for program in spec.programs.values():
        for name, sizes in event_sizes(program, spec.byte_order).items():
            found.setdefault(name, set()).update(sizes)
    assert found["raw_samples"] == {8}
    assert found["raw_events"] == {6}
    big = elf.read_object_file(FIXTURES / "maps_basic.eb.bpf.o")
    assert [event_sizes(each, "big") for each in big.programs.values()] == [
        event_sizes(each, "little") for each in spec.programs.values()
    ]


def _array(value: int, size: int) -> MapSpec:
    return MapSpec(
        name="m",
        map_type=MapType.ARRAY,
        key_size=4,
        value_size=size,
        value_type_id=value,
        max_entries=1,
    )
