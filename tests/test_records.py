"""``bpf2py.records`` makes the classes that ``dataclasses`` would: each is held against its twin."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from typing import Any

import pytest

from bpf2py import records, spec
from bpf2py.runtime.syscalls.map import MapInfo


def make(module: Any) -> tuple[Any, Any, Any]:
    """The same three classes, by *module*'s ``dataclass``."""

    @module.dataclass(slots=True)
    class Plain:
        """By position or by name."""

        a: int
        b: str = "b"
        many: list[int] = module.field(default_factory=list)

        @property
        def double(self) -> int:
            return 2 * self.a

    @module.dataclass(slots=True, kw_only=True)
    class Named:
        b: int = 1
        a: int

    @module.dataclass(slots=True, frozen=True)
    class Frozen:
        a: int
        b: int | None = None

    return Plain, Named, Frozen


OURS, THEIRS = make(records), make(dataclasses)
ARGUMENTS: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
    ((), {}),
    ((1,), {}),
    ((1, 2), {}),
    ((1, 2, 3), {}),
    ((1, 2, 3, 4), {}),
    ((1,), {"a": 2}),
    ((), {"a": 1}),
    ((), {"a": 1, "b": 2}),
    ((), {"b": 2}),
    ((), {"a": 1, "c": 3}),
)


@pytest.mark.parametrize("which", range(3))
@pytest.mark.parametrize(("args", "named"), ARGUMENTS)
def test_arguments_are_taken_and_refused_as_the_standard_does(
    which: int, args: tuple[Any, ...], named: dict[str, Any]
) -> None:
    ours, theirs = OURS[which], THEIRS[which]
    try:
        wanted = theirs(*args, **named)
    except TypeError:
        with pytest.raises(TypeError, match=ours.__name__):
            ours(*args, **named)
    else:
        found = ours(*args, **named)
        assert repr(found) == repr(wanted)
        assert dataclasses.asdict(found) == dataclasses.asdict(wanted)


@pytest.mark.parametrize("which", range(3))
def test_the_class_shows_what_the_standard_ones_show(which: int) -> None:
    ours, theirs = OURS[which], THEIRS[which]
    for attribute in ("__name__", "__qualname__", "__module__", "__slots__", "__match_args__"):
        assert getattr(ours, attribute) == getattr(theirs, attribute)
    assert ours.__annotations__ == theirs.__annotations__
    assert (ours.__hash__ is None) == (theirs.__hash__ is None)
    for one, other in zip(dataclasses.fields(ours), dataclasses.fields(theirs), strict=True):
        for attribute in ("name", "type", "default", "default_factory", "kw_only"):
            assert getattr(one, attribute) == getattr(other, attribute)
    made = ours(a=1)
    assert not hasattr(made, "__dict__")
    with pytest.raises(AttributeError):
        made.no_such_field = 1
    assert dataclasses.is_dataclass(made)


def test_methods_and_properties_stay() -> None:
    assert OURS[0](4).double == 8
    assert OURS[0].__doc__ == "By position or by name."


def test_each_instance_has_a_default_of_its_own() -> None:
    one, other = OURS[0](1), OURS[0](1)
    assert one == other
    one.many.append(1)
    assert one != other
    assert other.many == []


def test_only_the_same_class_is_equal() -> None:
    assert OURS[0](1, "x") != THEIRS[0](1, "x")
    assert OURS[0](1, "x") != (1, "x", [])


def test_frozen_ones_refuse_changes_and_are_keys() -> None:
    frozen = OURS[2](1)
    with pytest.raises(dataclasses.FrozenInstanceError, match="'a'"):
        frozen.a = 2
    with pytest.raises(dataclasses.FrozenInstanceError, match="'a'"):
        del frozen.a
    assert {frozen: 1}[OURS[2](1)] == 1
    assert copy.copy(frozen) == copy.deepcopy(frozen) == frozen


def test_those_that_change_are_no_keys() -> None:
    with pytest.raises(TypeError, match="unhashable"):
        hash(OURS[0](1))


def test_replace_makes_another_one() -> None:
    one = OURS[0](1, many=[1])
    for replace in (records.replace, dataclasses.replace):
        other = replace(one, b="c")
        assert (other.a, other.b) == (1, "c")
        assert other.many is one.many
        assert one.b == "b"
        with pytest.raises(TypeError):
            replace(one, c=1)


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
