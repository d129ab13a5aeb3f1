"""C names as Python names."""

from __future__ import annotations

import dataclasses
import enum
import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf2py.codegen import CodegenError, names

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


# ---- prefixes of enums ----


@pytest.mark.parametrize(
    ("enum_name", "c_names", "left"),
    [
        ("tcp_state", ["TCP_STATE_OPEN", "TCP_STATE_SHUT"], ["OPEN", "SHUT"]),
        ("xdp_action", ["XDP_ABORTED", "XDP_DROP"], ["ABORTED", "DROP"]),
        ("color", ["color_red", "color_dark_red"], ["red", "dark_red"]),
        ("", ["MAX_A", "MAX_B"], ["A", "B"]),  # without a name
        # a word ends behind an underscore
        ("e", ["FOOBAR", "FOOBAZ"], ["FOOBAR", "FOOBAZ"]),
        ("e", ["FOO_BAR", "FOO_BAZ"], ["BAR", "BAZ"]),
        ("e", ["FOO", "FOO_BAR"], ["FOO", "FOO_BAR"]),
        ("e", ["A_B", "A_B_C"], ["B", "B_C"]),
        ("e", ["A__B", "A__C"], ["B", "C"]),
        # one member agrees with itself about everything: the enum's name then
        ("limit", ["LIMIT_MAX_CPUS"], ["MAX_CPUS"]),
        ("limit", ["MAX_CPUS"], ["MAX_CPUS"]),
        # where they do not agree, the enum's name
        ("verdict", ["VERDICT_PASS", "DROP"], ["PASS", "DROP"]),
        ("verdict", ["VERDICT_PASS", "PASS"], ["VERDICT_PASS", "PASS"]),
        ("map_type", ["MAP_TYPE_HASH", "MAP_TYPE_ARRAY", "__MAX_MAP_TYPE"],
         ["HASH", "ARRAY", "__MAX_MAP_TYPE"]),
        # fewer words, where all of them would leave what Python cannot have
        ("v", ["PROTO_IP_4", "PROTO_IP_6"], ["IP_4", "IP_6"]),
        ("v", ["IP_4", "IP_6"], ["IP_4", "IP_6"]),
        ("k", ["kind_is_class", "kind_is_x"], ["is_class", "is_x"]),
        ("k", ["kind_None", "kind_x"], ["kind_None", "kind_x"]),
        ("k", ["kind_of_name", "kind_of_x"], ["of_name", "of_x"]),
        ("k", ["K__x", "K_y"], ["K__x", "K_y"]),
        ("k", ["A_", "A_B"], ["A_", "A_B"]),
        ("k", [], []),
        ("k", ["__A", "__B"], ["__A", "__B"]),
    ],
)  # fmt: skip
def test_members_of_an_enum_lose_the_words_that_all_begin_with(
    enum_name: str, c_names: list[str], left: list[str]
) -> None:
    found = names.without_prefix(c_names, enum_name=enum_name, enum_class="E")
    assert found == dict(zip(c_names, left, strict=True))


@given(
    st.lists(st.lists(C_NAMES, min_size=1, max_size=3).map("_".join), unique=True, max_size=5),
    C_NAMES,
)
def test_what_is_left_of_any_enum_is_as_usable_as_before(
    c_names: list[str], enum_name: str
) -> None:
    found = names.without_prefix(c_names, enum_name=enum_name, enum_class="E")
    assert list(found) == c_names
    assert len(set(found.values())) == len(c_names)
    for c_name, left in found.items():
        assert c_name.endswith(left)
        if left != c_name:
            given = names.assign([left], where="enum", enum_class="E")
            assert given == {left: left}
            assert left[0] != "_"
