"""C names as Python names."""

from __future__ import annotations

import dataclasses
import enum
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf2py import runtime
from bpf2py.codegen import CodegenError, names
from bpf2py.runtime import codec
from bpf2py.runtime.loaded import Loaded
from bpf2py.spec import ObjectSpec

C_NAMES = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,6}", fullmatch=True) | st.sampled_from(
    [*keyword.kwlist, *keyword.softkwlist, "name", "value", "mro", "self", "__init__", "_x_", "__"]
)


@pytest.mark.parametrize(
    ("c_name", "python"),
    [
        ("pid", "pid"),
        ("class", "class_"),
        ("None", "None_"),
        ("match", "match"),
        ("type", "type"),
        ("_pad", "_pad"),
        ("__pad", "__pad___"),
        ("__pad_", "__pad___"),
        ("__init__", "__init___"),
        ("__", "___"),
        ("counter.2", "counter_2"),
        ("a$b", "a_b"),
        ("2nd", "_2nd"),
        ("µs", "μs"),  # Python reads both as GREEK SMALL LETTER MU
    ],
)
def test_a_name_is_kept_or_gets_underscores_until_python_can_have_it(
    c_name: str, python: str
) -> None:
    assert names.assign([c_name], where="struct s") == {c_name: python}


@pytest.mark.parametrize(
    ("c_name", "python"),
    [
        ("name", "name_"),
        ("value", "value_"),
        ("mro", "mro_"),
        ("real", "real_"),
        ("_ignore_", "_ignore__"),
        ("_x", "_x"),
        ("_x_", "_x__"),
        ("__MAX", "__MAX___"),
        ("_Verdict__x", "_Verdict__x__"),
        ("PASS", "PASS"),
    ],
)
def test_an_enum_takes_more_names_for_itself(c_name: str, python: str) -> None:
    assert names.assign([c_name], where="enum e", enum_class="Verdict") == {c_name: python}


def test_a_c_name_never_loses_its_own_name_to_an_escaped_one() -> None:
    assert names.assign(["class", "class_", "class__"], where="s") == {
        "class": "class___",
        "class_": "class_",
        "class__": "class__",
    }


def test_two_c_names_that_differ_only_in_what_python_cannot_say_stay_apart() -> None:
    assert names.assign(["a.b", "a$b", "a_b"], where="s") == {
        "a.b": "a_b_",
        "a$b": "a_b__",
        "a_b": "a_b",
    }


def test_one_c_name_twice_in_one_place_is_an_error_that_says_where() -> None:
    with pytest.raises(CodegenError, match=r"^struct s: two members are called 'a'"):
        names.assign(["a", "b", "a"], where="struct s")


@given(st.lists(C_NAMES, unique=True, max_size=8))
def test_assigned_names_are_distinct_identifiers_in_the_same_order(c_names: list[str]) -> None:
    result = names.assign(c_names, reserved=names.STRUCT_RESERVED, where="s")
    assert list(result) == c_names
    assert len(set(result.values())) == len(c_names)
    for c_name, python in result.items():
        assert python.isidentifier()
        assert not keyword.iskeyword(python)
        assert python.startswith(c_name)
        assert not python.removeprefix(c_name).strip("_")


@given(st.lists(C_NAMES, unique=True, max_size=8))
def test_a_dataclass_with_the_assigned_names_keeps_what_it_is_given(c_names: list[str]) -> None:
    result = names.assign(c_names, reserved=names.STRUCT_RESERVED, where="s")
    cls = dataclasses.make_dataclass("Probe", [(name, int, 0) for name in result.values()])
    value = cls(**{name: number for number, name in enumerate(result.values())})
    source = "\n".join(["class Inside:", "    def read(self, value):", "        return ["])
    source += ", ".join(f"value.{name}" for name in result.values()) + "]"
    scope: dict[str, type] = {}
    exec(source, scope)  # as users do: inside a class, where Python mangles
    assert scope["Inside"]().read(value) == list(range(len(c_names)))


@given(st.lists(C_NAMES, unique=True, min_size=1, max_size=8))
def test_an_enum_with_the_assigned_names_has_exactly_those_members(c_names: list[str]) -> None:
    result = names.assign(c_names, where="e", enum_class="Probe")
    body = "\n".join(f"    {name} = {number}" for number, name in enumerate(result.values()))
    scope: dict[str, type[enum.IntEnum]] = {}
    exec(f"import enum\nclass Probe(enum.IntEnum):\n{body}\n", scope)
    members = scope["Probe"].__members__
    assert [(name, int(member)) for name, member in members.items()] == [
        (name, number) for number, name in enumerate(result.values())
    ]


def test_the_table_of_what_enums_have_themselves_is_complete() -> None:
    own = {name for name in dir(enum.IntEnum) if not name.startswith("_")}
    assert own | {"name", "value", "mro"} <= names.ENUM_RESERVED


def test_the_tables_of_what_the_base_classes_keep_for_themselves_are_complete() -> None:
    unions = {name for name in vars(codec.Union) if not name.startswith("__")}
    assert unions <= names.UNION_RESERVED
    loaded = Loaded(ObjectSpec(name="x", byte_order="little"), {}, {}, None)
    spec = ObjectSpec(name="x", byte_order="little")
    for each in (runtime.MapSpecs(spec), runtime.ProgramSpecs(spec), runtime.Maps(loaded)):
        own = {*vars(each), *(name for cls in type(each).__mro__ for name in vars(cls))}
        assert {name for name in own if not name.startswith("__") and name != "_is_protocol"} <= (
            names.CONTAINER_RESERVED
        )


@pytest.mark.parametrize(
    ("c_name", "python"),
    [
        ("event", "Event"),
        ("sock_key", "SockKey"),
        ("sockKey", "SockKey"),
        ("SockKey", "SockKey"),
        ("task_struct___old", "TaskStructOld"),
        ("TCP_STATE", "TcpState"),
        ("_hidden", "Hidden"),
        ("event_t", "EventT"),
        ("_4tuple", "_4tuple"),
        ("\u0390", "\u03aa\u0301"),  # the upper case of this letter is a letter and an accent
    ],
)
def test_a_class_is_named_in_pascal_case(c_name: str, python: str) -> None:
    assert names.pascal_case(c_name) == python


def test_types_that_come_to_one_name_are_numbered_and_yield_to_the_object() -> None:
    wanted = ["Event", "Opensnoop", "Event", "None", "Event"]
    assert names.assign_classes(wanted, reserved=["Opensnoop"]) == [
        "Event",
        "Opensnoop_",
        "Event_2",
        "None_",
        "Event_3",
    ]


def test_a_name_that_is_missing_is_an_error() -> None:
    with pytest.raises(CodegenError, match="a name is missing"):
        names.identifier("")


@given(st.text(min_size=1, max_size=8))
def test_any_text_becomes_an_identifier_that_python_reads_as_itself(text: str) -> None:
    name = names.identifier(text)
    scope: dict[str, int] = {}
    if not keyword.iskeyword(name):
        exec(f"{name} = 1", scope)
        assert scope[name] == 1
