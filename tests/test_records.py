"""``bpf2py.records`` makes the classes that ``dataclasses`` would: each is held against its twin."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
import re
import subprocess
import sys
import typing
from pathlib import Path
from typing import Any, ClassVar

import pytest

from bpf2py import records, spec
from bpf2py.codegen import generate
from bpf2py.runtime import codec
from bpf2py.runtime.syscalls.map import MapInfo
from tests.codegen.source import Types


def make(module: Any) -> list[Any]:
    """The same classes, by *module*'s ``dataclass``."""

    @module.dataclass(slots=True)
    class Plain:
        """By position or by name."""

        a: int
        b: str = "b"
        many: list[int] = module.field(default_factory=lambda: [0] * 2)

        @property
        def double(self) -> int:
            return 2 * self.a

    @module.dataclass(slots=True, kw_only=True)
    class Named:
        """By name alone."""

        b: int = 1
        a: int

    @module.dataclass(slots=True, frozen=True)
    class Frozen:
        """Unchangeable."""

        kind: ClassVar[str] = "of the class"
        a: int
        b: int | None = None

    @module.dataclass(slots=True, frozen=True, kw_only=True)
    class Both:
        """By name, unchangeable."""

        b: list[int] = module.field(default_factory=list)
        a: int

    @module.dataclass(slots=True, unsafe_hash=True)
    class Key:
        """May change, may be a key."""

        a: int = 0
        b: str = ""

    @module.dataclass(slots=True, kw_only=True)
    class Empty:
        """Nothing."""

    return [Plain, Named, Frozen, Both, Key, Empty]


def pairs() -> list[Any]:
    """Each class, new and after enough use to have its own ``__init__``, with its twin."""
    found = []
    for compiled in (False, True):
        for ours, theirs in zip(make(records), make(dataclasses), strict=True):
            if compiled:
                for _ in range(records.LOOPS + 1):
                    ours() if ours.__name__ == "Empty" else ours(a=1)
            assert ("__init__" in vars(ours)) == compiled
            name = f"{ours.__name__}-{'compiled' if compiled else 'new'}"
            found.append(pytest.param(ours, theirs, id=name))
    return found


both = pytest.mark.parametrize(("ours", "theirs"), pairs())
ARGUMENTS: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
    ((), {}),
    ((1,), {}),
    ((1, 2), {}),
    ((1, 2, [3]), {}),
    ((1, 2, 3, 4), {}),
    ((1,), {"a": 2}),
    ((), {"a": 1}),
    ((), {"a": 1, "b": 2}),
    ((), {"b": 2}),
    ((), {"many": [9], "a": 1}),
    ((), {"a": 1, "c": 3}),
)


@codec.dataclass(slots=True)
class Top:
    """At the module's level, so that it can be pickled."""

    a: int = 0
    b: list[int] = codec.field(default_factory=list[int])


@codec.dataclass(slots=True, frozen=True)
class Fixed:
    a: int
    b: str = ""


@pytest.mark.parametrize("which", range(6))
@pytest.mark.parametrize("compiled", [False, True])
@pytest.mark.parametrize(("args", "named"), ARGUMENTS)
def test_arguments_are_taken_and_refused_as_the_standard_does(
    which: int, compiled: bool, args: tuple[Any, ...], named: dict[str, Any]
) -> None:
    ours, theirs = make(records)[which], make(dataclasses)[which]
    if compiled:
        inspect.signature(ours)
    try:
        wanted = theirs(*args, **named)
    except TypeError as error:
        with pytest.raises(TypeError, match=f"^{re.escape(str(error))}$"):
            ours(*args, **named)
        return
    found = ours(*args, **named)
    assert repr(found) == repr(wanted)
    assert dataclasses.asdict(found) == dataclasses.asdict(wanted)
    assert dataclasses.astuple(found) == dataclasses.astuple(wanted)
    assert found == ours(*args, **named)
    assert found != wanted


@both
def test_the_class_shows_what_the_standard_ones_show(ours: Any, theirs: Any) -> None:
    for attribute in ("name", "qualname", "module", "doc", "slots", "match_args", "annotations"):
        assert getattr(ours, f"__{attribute}__") == getattr(theirs, f"__{attribute}__")
    assert (ours.__hash__ is None) == (theirs.__hash__ is None)
    assert repr(ours.__dataclass_params__) == repr(theirs.__dataclass_params__)
    known: object = ours  # is_dataclass() narrows what it is given
    assert dataclasses.is_dataclass(known)
    for one, other in zip(dataclasses.fields(ours), dataclasses.fields(theirs), strict=True):
        for attribute in ("name", "type", "default", "init", "repr", "compare", "kw_only"):
            assert getattr(one, attribute) == getattr(other, attribute)
        missing = dataclasses.MISSING
        assert (one.default_factory is missing) == (other.default_factory is missing)
    assert typing.get_type_hints(ours) == typing.get_type_hints(theirs)
    assert str(inspect.signature(ours)) == str(inspect.signature(theirs))


@both
def test_instances_have_slots_alone(ours: Any, theirs: Any) -> None:
    made = ours() if ours.__name__ == "Empty" else ours(a=1)
    assert not hasattr(made, "__dict__")
    with pytest.raises(AttributeError):
        made.no_such_field = 1


def test_methods_and_properties_stay() -> None:
    assert make(records)[0](4).double == 8


def test_each_instance_has_a_default_of_its_own() -> None:
    for cls in (make(records)[0], make(records)[0]):
        one, other = cls(a=1), cls(a=1)
        assert one == other
        one.many.append(1)
        assert one != other
        assert other.many == [0, 0] == cls(1).many
        inspect.signature(cls)  # and once more, compiled
        assert cls(a=1).many is not cls(a=1).many


def test_only_the_same_class_is_equal() -> None:
    others: list[object] = [(1, []), make(dataclasses)[0](1), make(records)[0](1)]
    assert Top(1) not in others


def test_frozen_ones_refuse_changes_and_are_keys() -> None:
    for frozen in (Fixed(a=1), Fixed(1)):
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot assign to field 'a'"):
            frozen.a = 2  # type: ignore[misc]
        with pytest.raises(dataclasses.FrozenInstanceError, match="cannot delete field 'a'"):
            del frozen.a
        assert {frozen: 1}[Fixed(1)] == 1


def test_a_key_is_hashed_by_its_values() -> None:
    key = make(records)[4]
    assert hash(key(1, "x")) == hash(key(1, "x"))
    assert {key(1, "x"): 2}[key(1, "x")] == 2


def test_those_that_change_are_no_keys() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(Top(1))


def test_replace_makes_another_one() -> None:
    ones: list[Any] = [Top(1, [1]), make(records)[1](a=1, b=[1])]
    for one in ones:
        for replace in (records.replace, dataclasses.replace, type(one).__replace__):
            other = replace(one, a=2)
            assert (other.a, other.b, one.a) == (2, [1], 1)
            assert other.b is one.b
            with pytest.raises(TypeError, match="unexpected keyword argument 'c'"):
                replace(one, c=1)
    assert dataclasses.replace(Fixed(1), b="x") == Fixed(1, "x")


def test_values_are_copied_pickled_and_matched() -> None:
    for value in (Top(a=1, b=[2]), Fixed(1, "b")):
        for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(value, protocol)) == value
        for same in (copy.copy(value), copy.deepcopy(value)):
            assert same == value
            assert same is not value
        match value:
            case Top(number, rest) | Fixed(number, rest):
                assert (number, rest) == (value.a, value.b)
            case _:
                pytest.fail("nothing matched")


def test_a_class_may_be_derived_from() -> None:
    class Plain(Top):
        """Adds behaviour, no member."""

        def total(self) -> int:
            return self.a + sum(self.b)

    class Noted(Fixed):
        """Frozen, with an attribute that is not."""

        note: str

    @dataclasses.dataclass
    class Wider(Top):
        c: int = 7

    assert Plain(1, [2, 3]).total() == 6
    assert Plain(1) != Top(1)
    assert repr(Wider(1)).endswith("Wider(a=1, b=[], c=7)")
    assert list(inspect.signature(Wider).parameters) == ["a", "b", "c"]
    assert list(inspect.signature(Plain).parameters) == ["a", "b"]
    noted = Noted(1)
    noted.note = "x"
    assert copy.copy(noted).note == "x"
    with pytest.raises(dataclasses.FrozenInstanceError):
        noted.a = 2  # type: ignore[misc]


def test_a_derived_class_sees_every_assignment_in_order() -> None:
    new: Any = make(records)[4]

    class Watched(new):  # type: ignore[misc]
        seen: list[str] = []  # noqa: RUF012

        def __setattr__(self, name: str, value: object) -> None:
            self.seen.append(name)
            super().__setattr__(name, value)

    assert Watched(b="x", a=1) == Watched(1, "x")
    assert Watched.seen == ["a", "b"] * 2


def test_an_init_that_was_put_there_stays() -> None:
    cls = make(records)[0]
    before, calls = cls.__init__, list[int]()

    def counted(self: Any, *args: Any) -> None:
        calls.append(1)
        before(self, *args)

    cls.__init__ = counted
    assert cls(1) == cls(1)
    assert len(calls) == 2


def test_classes_without_slots_are_refused() -> None:
    with pytest.raises(TypeError, match="slots"):
        records.dataclass(slots=False)


def test_specs_are_copied_deeply_and_pickled() -> None:
    one = spec.ObjectSpec(
        name="o",
        byte_order="little",
        maps={"m": spec.MapSpec(name="m", map_type=1, data=bytearray(b"d"))},
        programs={
            "p": spec.ProgramSpec(
                name="p",
                section="xdp",
                prog_type=6,
                map_relocations=(spec.MapRelocation(1, "m"),),
            )
        },
    )
    other = one.copy()
    assert other == one == pickle.loads(pickle.dumps(one))
    mine, copied = one.maps["m"].data, other.maps["m"].data
    assert mine is not None
    assert copied is not None
    copied[:] = b"e"
    assert bytes(mine) == b"d"
    assert other != one


@pytest.mark.parametrize(
    "cls",
    [
        spec.VariableSpec,
        spec.MapSpec,
        spec.MapRelocation,
        spec.ProgramSpec,
        spec.ObjectSpec,
        MapInfo,
    ],
)
def test_every_record_of_the_run_side_is_a_dataclass_to_the_standard_library(cls: Any) -> None:
    assert [field.name for field in dataclasses.fields(cls)] == list(cls.__slots__)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_classes_of_few_members_are_compared_and_printed_too(count: int) -> None:
    types = Types()
    types.struct("s", 4 * count, *((f"m{i}", types.u32, 4 * i) for i in range(count)))
    cls = types.module("s").S
    assert cls(*range(count)) == cls(*range(count))
    assert repr(cls(*range(count))) == f"S({', '.join(f'm{i}={i}' for i in range(count))})"
    if count:
        assert cls(*range(count)) != cls(*range(1, count + 1))


def test_members_may_have_the_names_that_the_class_itself_uses() -> None:
    types = Types()
    names = ("__layout__", "names", "values", "defaults", "init", "cls", "known", "field", "args")
    types.struct("s", 4 * len(names), *((name, types.u32, 4 * i) for i, name in enumerate(names)))
    cls = types.module("s").S
    numbers = tuple(range(len(names)))
    named = dict(zip(cls.__match_args__, numbers, strict=True))
    for value in (cls(**named), cls(*numbers)):
        assert codec.of(cls).unpack(codec.of(cls).pack(value)) == value
        assert dataclasses.astuple(value) == numbers


def test_importing_a_module_of_structs_compiles_no_method(tmp_path: Path) -> None:
    types = Types()
    for number in range(50):
        types.struct(f"s{number}", 8, ("a", types.u32, 0), ("b", types.u32, 4))
    text = generate(types.spec(), types=[f"s{number}" for number in range(50)])
    (tmp_path / "many_bpf.py").write_text(text)
    code = (
        "import sys; sys.path.append('.'); import many_bpf\n"
        "assert 'dataclasses' not in sys.modules, 'dataclasses'\n"
        "print(sum(n.startswith('__init__') for c in vars(many_bpf).values()"
        " if isinstance(c, type) for n in vars(c)))\n"
    )
    root = Path(__file__).resolve().parents[1]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(root)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == ""
    # those of the object's own classes, none of a struct's
    assert int(done.stdout) == text.count("def __init__")


def test_what_was_changed_is_what_differs_from_the_defaults_in_value_or_type() -> None:
    plain, named, *_ = make(records)
    assert list(records.changed(plain(1))) == [("a", 1)]
    assert list(records.changed(plain(1, "c", [0, 0]))) == [("a", 1), ("b", "c")]
    assert list(records.changed(plain(1, many=[]))) == [("a", 1), ("many", [])]
    assert list(records.changed(named(a=2, b=True))) == [("b", True), ("a", 2)]
