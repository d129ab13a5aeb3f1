"""All names of an object meet in one module: whatever they are, each leads to its own thing.

The models say which Python name a C name got; the module is imported and used by those names.
"""

from __future__ import annotations

import keyword
import struct
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from bpf2py import codegen, runtime
from bpf2py.btf import types as t
from bpf2py.codegen import EnumModel, ModuleModel, StructModel, UnionModel
from bpf2py.runtime.loaded import Loaded
from bpf2py.runtime.programs.base import LoadedProgram
from bpf2py.spec import MapSpec, ObjectSpec, ProgramSpec, VariableSpec
from bpf2py.uapi import MapType, ProgType
from tests.codegen.source import Types, imported
from tests.codegen.test_module import section

#: Names that Python, the standard library, the runtime or the generator has a use for.
HOSTILE = list(dict.fromkeys([
    *keyword.kwlist,
    *keyword.softkwlist,
    *("int", "str", "bytes", "list", "bool", "float", "dict", "object", "super", "property"),
    *("self", "cls", "codec", "runtime", "spec", "uapi", "enum", "typing", "builtins", "dataclass"),
    *("name", "value", "mro", "real", "maps", "programs", "links", "load", "attach", "close"),
    *("_storage", "_size", "_foreign", "_loaded", "_spec", "_object_spec", "_value_", "_missing_", "_ignore_"),
    *("_generate_next_value_", "_member_map_", "_Thing__x", "_x_", "_", "__", "___", "_1"),
    *("__init__", "__class__", "__slots__", "__dict__", "__doc__", "__hash__", "__eq__", "__pad"),
    *("__access__", "__c_names__", "__annotations__", "__getattr__", "__post_init__", "__match_"),
    *("_Specs__specs", "_Specs__kind", "_Parts__names", "_Parts__kind", "_Parts__made"),
    *("union_0", "union_8", "union_0_", "thing", "Thing", "thing_", "THING", "tHing", "thing_spec"),
    *("thing_maps", "thing_map_specs", "thing_bss", "thing_2", "Thing_2", "thing__2", "object"),
    *("runtime_error", "exception", "none", "true", "not_implemented", "union", "struct"),
    *("µ", "μ", "ß", "SS", "ǆ", "ªb", "ab", "数据", "ﬁ", "fi", "ΐ", "é", "e\u0301", "a$b", "a.b"),
]))  # fmt: skip
NAMES = st.sampled_from(HOSTILE) | st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True)
SETS = st.lists(NAMES, unique=True, max_size=5)
DEADLINE = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def model_and_module(spec: ObjectSpec, *types: str) -> tuple[ModuleModel, Any]:
    model = codegen.describe(spec, codegen.Options(types=types))
    text = codegen.render(model, template='{% include "module.py.j2" %}')  # formatting takes long
    return model, imported(text)


@DEADLINE
@given(SETS, st.sampled_from(HOSTILE))
@example(HOSTILE, "thing")
def test_every_member_of_a_struct_keeps_its_value(members: list[str], name: str) -> None:
    types = Types()
    types.struct(name, 4 * len(members), *((m, types.u32, 4 * i) for i, m in enumerate(members)))
    model, module = model_and_module(types.spec(), f"struct {name}")
    (found,) = model.types
    assert isinstance(found, StructModel)
    cls = getattr(module, found.name)
    value = cls(**{each.name: 100 + each.offset for each in found.members})
    assert [each.c_name for each in found.members] == members
    packed = runtime.pack(value)
    assert packed == struct.pack(f"={len(members)}I", *(100 + 4 * i for i in range(len(members))))
    read = runtime.unpack(cls, packed)
    assert [getattr(read, each.name) for each in found.members] == [
        100 + 4 * i for i in range(len(members))
    ]
    assert repr(read) == repr(value)
    assert read == value


@DEADLINE
@given(SETS, SETS)
@example(HOSTILE, [])
@example(HOSTILE[::2], HOSTILE[1::2])
def test_members_of_a_union_and_of_an_anonymous_one_are_views_of_the_storage(
    members: list[str], around: list[str]
) -> None:
    types = Types()
    inner = [name for name in members if name not in around]
    union = types.union("", 8, *((name, types.u32, 4 * (i % 2)) for i, name in enumerate(inner)))
    places = [(name, types.u32, 8 + 4 * i) for i, name in enumerate(around)]
    types.struct("s", 8 + 4 * len(around), ("", union, 0), *places)
    model, module = model_and_module(types.spec(), "struct s")
    found = model.type("S")
    assert isinstance(found, StructModel)
    data = struct.pack(f"={2 + len(around)}I", *range(7, 9 + len(around)))
    value = runtime.unpack(module.S, data)
    for each in found.members:
        assert getattr(value, each.name) == 7 + each.offset // 4
        setattr(value, each.name, 1000)
        assert runtime.pack(value)[each.offset :][:4] == struct.pack("=I", 1000)
        setattr(value, each.name, 7 + each.offset // 4)
    assert {each.c_name for each in found.members} == {*inner, *around}
    whole = next(each for each in model.types if isinstance(each, UnionModel))
    for each in whole.members:
        made = getattr(module, whole.name)(**{each.name: 5})
        assert getattr(made, each.name) == 5
        assert len(bytes(made)) == 8


@DEADLINE
@given(SETS.filter(bool), st.sampled_from(HOSTILE))
@example(HOSTILE, "thing")
@example(HOSTILE, "x")
def test_every_enumerator_is_there_under_its_name(values: list[str], name: str) -> None:
    types = Types()
    types.add(t.Enum(name, 4, tuple(t.Enumerator(v, n) for n, v in enumerate(values))))
    model, module = model_and_module(types.spec(), f"enum {name}")
    (found,) = model.types
    assert isinstance(found, EnumModel)
    cls = getattr(module, found.name)
    assert [(m.c_name, int(cls[m.name])) for m in found.members] == [
        (value, number) for number, value in enumerate(values)
    ]
    assert len(cls) == len(values)


@DEADLINE
@given(st.lists(st.tuples(st.sampled_from(["struct", "union", "enum"]), NAMES), max_size=8))
@example([(kind, name) for name in HOSTILE for kind in ("union", "enum", "struct")])
def test_types_of_any_kind_and_name_get_a_class_each(wanted: list[tuple[str, str]]) -> None:
    types = Types()
    wanted = list(dict.fromkeys(wanted))
    for number, (kind, name) in enumerate(wanted, 1):
        if kind == "enum":
            types.add(t.Enum(name, 4, (t.Enumerator("v", number),)))
        else:  # of different sizes, so that no two are equal
            make = types.struct if kind == "struct" else types.union
            make(name, number, ("x", types.array(types.u8, number), 0))
    model, module = model_and_module(types.spec(), *(f"{k} {n}" for k, n in wanted))
    by_c_name = {each.c_name: each for each in model.types}
    assert len(by_c_name) == len(wanted) == len({each.name for each in model.types})
    for number, (kind, name) in enumerate(wanted, 1):
        found = by_c_name[f"{kind} {name}"]
        cls = getattr(module, found.name)
        size = 4 if kind == "enum" else number
        assert found.size == size
        assert list(cls) == [number] if kind == "enum" else runtime.sizeof(cls) == size
    # the same again, after the same: numbers do not wander
    assert [each.name for each in codegen.describe(model.spec, _types(wanted)).types] == [
        each.name for each in model.types
    ]


def _types(wanted: list[tuple[str, str]]) -> codegen.Options:
    return codegen.Options(types=[f"{kind} {name}" for kind, name in wanted])


@DEADLINE
@given(SETS, SETS, SETS, NAMES)
@example(HOSTILE, HOSTILE, HOSTILE, "_loaded")
def test_maps_programs_and_variables_are_attributes_before_and_after_loading(
    maps: list[str], programs: list[str], variables: list[str], section_name: str
) -> None:
    types = Types()
    variables = [name for name in variables if "." not in name]
    rows = [
        VariableSpec(name=name, offset=4 * number, size=4, type_id=types.u32)
        for number, name in enumerate(variables)
    ]
    sections = {f".data.{section_name}": rows, ".bss": rows, ".rodata": rows}
    spec = types.spec(
        [
            *(MapSpec(name=name, map_type=MapType.HASH, key_size=4, value_size=8) for name in maps),
            *(section(name, *each, size=4 * len(rows)) for name, each in sections.items()),
        ],
        [
            ProgramSpec(name=name, section="xdp", prog_type=ProgType.XDP, insns=bytes(8))
            for name in programs
        ],
    )
    spec.maps.update({row.name: row for row in spec.maps.values()})
    model, module = model_and_module(spec)
    typed = module.Thing.spec()
    for each in model.maps:
        assert getattr(typed.maps, each.name) is typed.object_spec.maps[each.c_name]
    for program in model.programs:
        assert getattr(typed.programs, program.name) is typed.object_spec.programs[program.c_name]
    for data in model.spec_sections:
        values = getattr(typed, data.attribute)
        for variable in data.variables:
            setattr(values, variable.name, 1000 + variable.offset)
        written = typed.object_spec.maps[data.section].data
        for variable in data.variables:
            assert getattr(values, variable.name) == 1000 + variable.offset
            assert written[variable.offset :][:2] == struct.pack("=H", 1000 + variable.offset)
    loaded = module.Thing(_loaded(typed.object_spec))
    for program in model.programs:
        assert getattr(loaded.programs, program.name).name == program.c_name
    for each in model.maps:
        assert getattr(loaded.maps, each.name).name == each.c_name


class _Handle:
    """As much of a map's handle as its class looks at before it is used."""

    def __init__(self, spec: MapSpec) -> None:
        self.spec = spec
        self.name = spec.name
        self.flags = spec.flags
        self.key_size, self.value_size = spec.key_size, spec.value_size
        self.map_type = spec.map_type
        self.what = f"map {spec.name!r}"
        self.at_close: list[Any] = []
        self.room = spec.value_size
        self.last_array = None


def _loaded(spec: ObjectSpec) -> Loaded:
    handles: Mapping[str, Any] = {name: _Handle(each) for name, each in spec.maps.items()}
    programs = {name: LoadedProgram(each, None) for name, each in spec.programs.items()}
    return Loaded(spec, dict(handles), programs, None)
