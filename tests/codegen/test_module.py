"""The module as a whole: its classes and names, what it imports, its options, its spec."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bpf2py import codegen
from bpf2py.btf import types as t
from bpf2py.codegen import CodegenError, Options, describe, generate, left_out
from bpf2py.spec import Linkage, MapSpec, ObjectSpec, ProgramSpec, VariableSpec
from bpf2py.uapi import AttachType, MapFlags, MapType, ProgType

from .source import Types, imported


def hash_map(types: Types, name: str = "start", **words: Any) -> MapSpec:
    values: dict[str, Any] = {
        "map_type": MapType.HASH,
        "key_size": 4,
        "value_size": 8,
        "max_entries": 16,
        "key_type_id": types.u32,
        "value_type_id": types.u64,
    }
    return MapSpec(name=name, **{**values, **words})


def section(name: str, *variables: VariableSpec, size: int = 64) -> MapSpec:
    return MapSpec(
        name=name,
        map_type=MapType.ARRAY,
        key_size=4,
        value_size=size,
        max_entries=1,
        flags=MapFlags.MMAPABLE,
        section=name,
        data=bytearray(size),
        variables={variable.name: variable for variable in variables},
    )


def ring_buffer(name: str = "events", event: int = 0) -> MapSpec:
    return MapSpec(name=name, map_type=MapType.RINGBUF, max_entries=4096, event_type_id=event)


def program(name: str = "run", **words: Any) -> ProgramSpec:
    values: dict[str, Any] = {"section": "xdp", "prog_type": ProgType.XDP, "insns": bytes(8)}
    return ProgramSpec(name=name, **{**values, **words})


# ---- what is in it ----


def test_the_spec_in_the_module_is_the_one_it_was_generated_from() -> None:
    types = Types()
    spec = types.spec([hash_map(types)], [program(), program("other", attach_to="lo")])
    module = imported(generate(spec))
    assert module._object_spec() == spec
    assert module._object_spec() is not module._object_spec()
    assert module.Thing.spec().object_spec == spec


def test_generating_changes_nothing_in_the_spec() -> None:
    types = Types()
    types.struct("event", 4, ("a", types.u32, 0))
    spec = types.spec([ring_buffer()])
    before = spec.copy()
    generate(spec, events={"events": "event"})
    assert spec == before


def test_the_text_depends_on_nothing_but_the_object() -> None:
    code = (
        "from bpf2py.elf import read_object_file; from bpf2py.codegen import generate;"
        "from pathlib import Path; import sys;"
        "sys.stdout.write(generate(read_object_file(Path(sys.argv[1]))))"
    )
    path = Path(__file__).resolve().parents[2] / "generated_fixtures" / "types_check.bpf.o"
    texts = {
        subprocess.run(
            [sys.executable, "-c", code, str(path)],
            check=True,
            capture_output=True,
            env={**os.environ, "PYTHONHASHSEED": seed, "TZ": zone},
            cwd=folder,
        ).stdout
        for seed, zone, folder in (("1", "UTC", "/"), ("2", "Asia/Tokyo", path.parent))
    }
    assert len(texts) == 1
    assert texts.pop().count(b"/work") == 0


def test_the_header_names_the_file_and_its_digest() -> None:
    spec = Types().spec()
    lines = generate(spec, file_name="other.bpf.o").splitlines()
    assert lines[0].startswith('"""``other.bpf.o`` as Python')
    assert f"Object sha256: {'00' * 32}" in lines
    assert generate(spec).startswith('"""``thing.bpf.o`` as Python')


def test_only_what_is_used_is_imported() -> None:
    types = Types()
    types.enum("kind", A=0)
    types.struct("plain", 4, ("a", types.u32, 0))
    types.struct("shadow", 8, ("int", types.u32, 0), ("b", types.u32, 4))
    types.union("either", 4, ("a", types.u32, 0))
    spec = types.spec()
    always = {"annotations", "runtime", "spec"}
    for names, modules in (
        ([], set[str]()),
        (["kind"], {"enum"}),
        (["plain"], {"codec"}),
        (["shadow"], {"codec", "builtins"}),
        (["either"], {"typing", "codec"}),
    ):
        tree = ast.parse(generate(spec, types=names))
        found = {
            alias.name
            for node in ast.walk(tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for alias in node.names
        }
        assert found == always | modules, names


def test_a_name_that_linters_refuse_switches_that_one_rule_off() -> None:
    types = Types()
    types.struct("pair", 8, ("l", types.u32, 0), ("r", types.u32, 4))
    assert "\n# ruff: noqa: E741\n" in generate(types.spec(), types=["pair"])
    assert "noqa" not in generate(types.spec())


def test_the_runtime_can_be_imported_from_another_place() -> None:
    text = generate(Types().spec(), package="._bpf2py")
    assert "\nfrom ._bpf2py import runtime, spec\n" in text
    for wrong in ("", ".", "a b", "a;import os", "a..b", "1a"):
        with pytest.raises(CodegenError, match="is no package to import from"):
            generate(Types().spec(), package=wrong)


def test_lines_are_short_enough_to_be_read_except_long_names() -> None:
    types = Types()
    spec = types.spec([hash_map(types)], [program(insns=os.urandom(4096))])
    assert max(map(len, generate(spec).splitlines())) <= 100


# ---- maps and programs ----


def test_maps_and_programs_become_attributes_with_the_runtimes_classes() -> None:
    types = Types()
    event = types.struct("event", 4, ("a", types.u32, 0))
    maps = [
        hash_map(types),
        hash_map(types, "bare", key_type_id=0, value_type_id=0),
        hash_map(types, "array", map_type=MapType.ARRAY),
        hash_map(types, "cpus", map_type=MapType.PERCPU_ARRAY),
        ring_buffer(event=event),
        ring_buffer("raw"),
        hash_map(types, "queue", map_type=MapType.QUEUE, key_size=0, key_type_id=0),
        hash_map(types, "newer", map_type=999),
    ]
    programs = [
        program(),
        program("tp", prog_type=ProgType.TRACING, attach_type=AttachType.TRACE_RAW_TP),
        program("newer", prog_type=999),
    ]
    text = generate(types.spec(maps, programs))
    for line in (
        'self.start = runtime.HashMap(loaded.map("start"), codec.U32, codec.U64)',
        'self.bare = runtime.HashMap(loaded.map("bare"), codec.Bytes(4), codec.Bytes(8))',
        'self.array = runtime.ArrayMap(loaded.map("array"), codec.U64)',
        'self.cpus = runtime.PerCPUArrayMap(loaded.map("cpus"), codec.U64)',
        'self.events = runtime.RingBuf(loaded.map("events"), codec.of(Event))',
        'self.raw = runtime.RingBuf(loaded.map("raw"))',
        'self.run = runtime.XDP(loaded.program("run"))',
        'self.tp = runtime.BTFTracepoint(loaded.program("tp"))',
        'self.newer = runtime.Program(loaded.program("newer"))',
    ):
        assert f"        {line}\n" in text
    assert '"""``BPF_MAP_TYPE_HASH``, key ``unsigned int``, value ``unsigned long long``' in text


def test_a_key_or_value_that_is_not_as_large_as_its_type_is_an_error() -> None:
    types = Types()
    with pytest.raises(CodegenError, match=r"^map start: value: has 4 bytes, but its type has 8"):
        generate(types.spec([hash_map(types, value_size=4)]))


def test_renamed_maps_and_programs_keep_the_way_to_their_c_name() -> None:
    types = Types()
    module = imported(
        generate(
            types.spec(
                [hash_map(types, "class"), hash_map(types, "__odd")],
                [program("exit"), program("spec")],
            )
        )
    )
    spec = module.Thing.spec()
    assert spec.maps.class_ is spec.object_spec.maps["class"]
    assert spec.maps.__odd___ is spec.object_spec.maps["__odd"]
    assert spec.programs.exit is spec.object_spec.programs["exit"]
    assert spec.programs.spec_ is spec.object_spec.programs["spec"]


def test_the_event_type_can_be_chosen_and_lands_in_the_spec() -> None:
    types = Types()
    event = types.struct("event", 4, ("a", types.u32, 0))
    spec = types.spec([ring_buffer(), hash_map(types)])
    module = imported(generate(spec, events={"events": "struct event"}))
    assert module._object_spec().maps["events"].event_type_id == event
    for name, message in (
        ("nope", r"map 'nope' is not in the object; there are: events"),
        ("start", r"map 'start' is no ring buffer or perf array; there are: events"),
    ):
        with pytest.raises(CodegenError, match=message):
            generate(spec, events={name: "event"})
    with pytest.raises(CodegenError, match=r"there is no type 'evnt'; there are: event$"):
        generate(spec, events={"events": "evnt"})


def test_types_are_found_with_and_without_their_tag() -> None:
    types = Types()
    types.add(t.Typedef("thing_t", types.struct("both", 4, ("a", types.u32, 0))))
    types.enum("both", A=0)
    spec = types.spec()
    for name, classes in (
        ("both", {"Both"}),
        ("struct both", {"Both"}),
        ("enum both", {"Both"}),
        ("thing_t", {"Both"}),
    ):
        model = describe(spec, Options(types=[name]))
        assert {row.name for row in model.types} == classes
        assert isinstance(model.types[0], codegen.model.EnumModel) == name.startswith("enum")
    types.enum("", LIMIT=9)
    assert "class Limit(enum.IntEnum):" in generate(types.spec(), types=["LIMIT"])
    for name in ("union both", "struct thing_t", "strct both", "unsigned int"):
        with pytest.raises(CodegenError, match="there is no type"):
            generate(spec, types=[name])


# ---- variables ----


def test_variables_become_attributes_of_their_section() -> None:
    types = Types()
    constant = types.add(t.Const(types.add(t.Volatile(types.u32))))
    spec = types.spec(
        [
            section(".rodata", VariableSpec(name="uid", offset=4, size=4, type_id=constant)),
            section(
                ".bss",
                VariableSpec(name="hidden", offset=0, size=8, type_id=types.u64, linkage=Linkage.STATIC),
                VariableSpec(name="codec", offset=8, size=4, type_id=types.u32),
                VariableSpec(name="raw", offset=12, size=3),
                VariableSpec(name="run.____fmt", offset=16, size=4, type_id=types.u32),
                VariableSpec(name="hidden.2", offset=24, size=8, type_id=types.u64),
            ),
            section(".rodata.str1.1"),
            section(".data.my-own", VariableSpec(name="x", offset=0, size=4, type_id=types.u32)),
        ]
    )  # fmt: skip
    text = generate(spec)
    for line in (
        "    uid = runtime.Constant(codec.U32, 4)\n    \"\"\"``const volatile unsigned int uid``\"\"\"",
        "    uid = runtime.Variable(codec.U32, 4)",
        "    hidden = runtime.Variable(codec.U64, 0)\n    \"\"\"``static unsigned long long hidden``\"\"\"",
        "    codec_ = runtime.Variable(codec.U32, 8)",
        "    raw = runtime.Variable(codec.Bytes(3), 12)",
        "    hidden_2 = runtime.Variable(codec.U64, 24)",
        '        self.rodata = ThingRodata(loaded.data(".rodata"))',
        '        self.data_my_own = ThingDataMyOwn(loaded.data(".data.my-own"))',
    ):  # fmt: skip
        assert f"{line}\n" in text, line
    assert "____fmt = " not in text
    assert "class ThingRodataStr" not in text


def test_kernel_configuration_is_read_after_loading_and_never_set() -> None:
    row = VariableSpec(name="CONFIG_HZ", offset=0, size=4, type_id=3, linkage=Linkage.EXTERN)
    text = generate(Types().spec([section(".kconfig", row)]))
    assert "    CONFIG_HZ = runtime.Constant(codec.U32, 0)\n" in text
    assert '"""``extern unsigned int CONFIG_HZ``"""' in text
    assert 'self.kconfig = ThingKconfig(loaded.data(".kconfig"))' in text
    assert "ThingKconfigSpec" not in text


def test_a_variable_that_the_kernel_owns_is_a_comment() -> None:
    types = Types()
    lock = types.struct("bpf_spin_lock", 4, ("val", types.u32, 0))
    row = VariableSpec(name="lock", offset=0, size=4, type_id=lock)
    text = generate(types.spec([section(".data.lock", row)]))
    assert "    # struct bpf_spin_lock lock, offset 0: the kernel's own\n" in text


def test_a_static_struct_that_the_compiler_took_apart_is_a_comment_and_told() -> None:
    types = Types()
    pair = types.struct("pair", 8, ("a", types.u32, 0), ("b", types.u32, 4))
    row = VariableSpec(name="st.0", offset=0, size=4, type_id=pair, linkage=Linkage.STATIC)
    spec = types.spec([section(".bss", row)])
    text = generate(spec)
    assert "    # struct pair st.0, offset 0: the compiler kept 4 of its 8 bytes\n" in text
    assert "class Pair" not in text
    told = [each for each in left_out(spec) if each.kind == "variable"]
    assert [(each.name, each.reason) for each in told] == [
        ("st.0", "the compiler kept 4 of its 8 bytes")
    ]


@pytest.mark.parametrize(
    ("variable", "message"),
    [
        (VariableSpec(name="x", offset=60, size=8, type_id=4), "lies outside of its section"),
        (VariableSpec(name="x", offset=0, size=4, type_id=4), "has 4 bytes, but its type has 8"),
    ],
)
def test_a_variable_that_lies_where_it_cannot_is_an_error(
    variable: VariableSpec, message: str
) -> None:
    with pytest.raises(CodegenError, match=rf"^\.bss: x: {message}"):
        generate(Types().spec([section(".bss", variable)]))


# ---- names ----


def test_types_yield_to_the_classes_of_the_object() -> None:
    types = Types()
    types.struct("thing", 4, ("a", types.u32, 0))
    types.struct("ThingMaps", 4, ("a", types.u32, 0))
    model = describe(types.spec(), Options(types=["thing", "ThingMaps"]))
    assert model.names.object == "Thing"
    assert [row.name for row in model.types] == ["Thing_", "ThingMaps_"]


def test_sections_that_come_to_one_name_stay_apart() -> None:
    rows = [
        section(name, VariableSpec(name="x", offset=0, size=4))
        for name in (".data.a", ".data_a", ".data.a_spec", ".data")
    ]
    model = describe(Types().spec(rows), Options())
    assert [row.attribute for row in model.sections] == ["data_a_", "data_a", "data_a_spec", "data"]
    classes = [name for row in model.sections for name in (row.name, row.spec_name)]
    assert len(set(classes)) == 8


def test_the_class_of_the_object_can_be_named() -> None:
    spec = Types().spec(name="9lives")
    with pytest.raises(CodegenError, match="say how its class shall be called"):
        generate(spec)
    assert "\nclass NineLives(runtime.Object):\n" in generate(spec, class_name="NineLives")
    for wrong in ("class", "a b", "None"):
        with pytest.raises(CodegenError, match="cannot be the name of a class"):
            generate(spec, class_name=wrong)


def test_a_name_that_could_break_out_of_a_string_is_refused_or_quoted() -> None:
    types = Types()
    evil = 'x"""; import os #'
    with pytest.raises(CodegenError):
        generate(types.spec(), file_name=evil)
    spec = types.spec([hash_map(types, evil)], [program("a\\"), program("b", section="x\n")])
    with pytest.raises(CodegenError):
        generate(spec)
    text = generate(types.spec([hash_map(types, evil)]))
    module = imported(text)
    assert list(module._object_spec().maps) == [evil]


def test_an_object_without_btf_still_has_maps_and_programs() -> None:
    spec = ObjectSpec(name="bare", byte_order="little", digest="ab")
    spec.maps["m"] = MapSpec(name="m", map_type=MapType.HASH, key_size=4, value_size=8)
    spec.programs["p"] = program("p")
    assert imported(generate(spec))._object_spec() == spec
    with pytest.raises(CodegenError, match=r"there is no type 'x'; there are: none"):
        generate(spec, types=["x"])
