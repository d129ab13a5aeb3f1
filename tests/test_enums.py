"""``bpf2py.enums`` beside ``enum``: what the kernel's constants do is what the standard's would."""

from __future__ import annotations

import copy
import enum
import inspect
import json
import pickle
import pydoc
import threading
import types
from collections.abc import Callable
from typing import Any

import pytest

from bpf2py import enums, spec, uapi
from bpf2py.uapi import rare

CLASSES: list[Any] = [
    each
    for module in (uapi, rare, spec)
    for each in vars(module).values()
    if isinstance(each, type)
    and issubclass(each, enums.IntEnum)
    and each not in (enums.IntEnum, enums.IntFlag)
]


COMBINE: tuple[Callable[[Any, int, int], Any], ...] = (
    lambda c, a, b: c(a) | c(b),
    lambda c, a, b: c(a) & b,
    lambda c, a, b: a ^ c(b),
)
FLAGS = [each for each in CLASSES if issubclass(each, enums.IntFlag)]


def standard(cls: Any) -> Any:
    """The same class as the standard library makes it."""
    members = {name: int(member) for name, member in cls.__members__.items()}
    if cls in FLAGS:
        return enum.IntFlag(cls.__name__, members, boundary=enum.KEEP)
    return enum.IntEnum(cls.__name__, members)


def outcome(what: Callable[[], object]) -> object:
    try:
        value = what()
    except (ValueError, KeyError, AttributeError) as exc:
        return type(exc), str(exc) if isinstance(exc, ValueError) else ""
    return value


def test_all_classes_are_compared() -> None:
    assert {"Cmd", "MapType", "MapFlags", "LinkType", "Pinning"} <= {c.__name__ for c in CLASSES}


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_members_are_named_numbered_and_shown_like_the_standards(cls: Any) -> None:
    theirs = standard(cls)
    assert repr(cls) == repr(theirs)
    assert list(cls.__members__) == list(theirs.__members__)
    assert [*map(repr, cls)] == [*map(repr, theirs)]
    assert [*map(repr, reversed(cls))] == [*map(repr, reversed(theirs))]
    assert len(cls) == len(theirs)
    for name, other in theirs.__members__.items():
        ours = getattr(cls, name)
        assert ours is cls[name] is cls(int(other)) is copy.deepcopy(ours) is copy.copy(ours)
        assert pickle.loads(pickle.dumps(ours)) is ours
        assert isinstance(ours, cls)
        assert ours in cls
        assert int(other) in cls
        for show in (repr, str, int, hash, "{}".format, "{:#x}".format, bool):
            assert show(ours) == show(other)
        assert (ours.name, ours.value) == (other.name, other.value)
        assert type(ours.value) is int
        assert ours == int(other)
        assert name in dir(cls)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_what_is_no_member_is_refused_like_the_standards(cls: Any) -> None:
    theirs = standard(cls)
    for ask in (
        lambda c: c("A"),
        lambda c: c["NO_SUCH_NAME"],
        lambda c: c.NO_SUCH_NAME,
        lambda c: repr(c(1 << 40)),
        lambda c: c(None),
        lambda c: c([]),
        lambda c: setattr(c, next(iter(c.__members__)), 5),
        lambda c: delattr(c, next(iter(c.__members__))),
    ):
        assert outcome(lambda ask=ask: ask(cls)) == outcome(lambda ask=ask: ask(theirs))  # type: ignore[misc]
    assert (1 << 40) not in cls
    assert "A" not in cls


@pytest.mark.parametrize("cls", FLAGS, ids=lambda cls: cls.__name__)
def test_flags_combine_like_the_standards_and_keep_what_they_do_not_know(cls: Any) -> None:
    theirs = standard(cls)
    numbers = [0, *map(int, cls), 1 << 40, 1 << 40 | 1, 3, 7]
    for one in numbers:
        for other in numbers:
            for combine in COMBINE:
                ours, their = combine(cls, one, other), combine(theirs, one, other)
                assert type(ours) is cls
                assert int(ours) == int(their)
                assert (repr(ours), ours.name) == (repr(their), their.name)
                assert ours is cls(int(their))
                assert [*map(int, ours)] == [*map(int, their)]
                assert len(ours) == len(their)
        assert (cls(other) in cls(one)) == (theirs(other) in theirs(one))
        # Which bits beyond the known ones it sets differs between versions of Python.
        assert int(~cls(one)) & one == 0
        assert all(int(each) & one or each in ~cls(one) for each in cls)
    with pytest.raises(TypeError):
        cls(1) | "x"
    with pytest.raises(TypeError):
        assert "1" not in cls(1)


def test_what_python_notes_in_a_class_is_no_member() -> None:
    """Python 3.13 has the line at which a class begins in its body."""

    class Fresh(enums.IntEnum):
        __firstlineno__ = 7
        A = 1

    assert list(Fresh.__members__) == ["A"]
    assert vars(Fresh)["__firstlineno__"] == 7


def test_a_class_that_has_members_is_not_extended() -> None:
    with pytest.raises(TypeError, match=r"'More' cannot extend <enum 'Cmd'>"):
        types.new_class("More", (uapi.Cmd,))


def test_members_serve_wherever_numbers_and_names_do() -> None:
    kind = uapi.MapType.HASH
    assert json.dumps({"kind": kind, kind: [kind]}) == '{"kind": 1, "1": [1]}'
    assert {kind: "x"}[uapi.MapType(1)] == {1: "x"}[kind] == "x"
    assert f"{kind} {kind:>3} {kind!r} {kind.name}" == "1   1 <MapType.HASH: 1> HASH"
    match uapi.MapType(1):
        case uapi.MapType.ARRAY:
            pytest.fail("matched")
        case uapi.MapType.HASH as found:
            assert found is kind
    match kind:
        case int(number):
            assert number == 1
    assert enum.unique(uapi.BTFKind) is uapi.BTFKind
    assert "HASH" in dict(inspect.getmembers(uapi.MapType))
    assert "class MapType" in pydoc.render_doc(uapi.MapType)
    assert next(iter(inspect.signature(uapi.MapType).parameters)) == "value"


def test_threads_that_ask_at_once_get_the_same_member() -> None:
    for _ in range(20):

        class Fresh(enums.IntFlag):
            A = 1

        start = threading.Barrier(4)
        found: list[object] = []

        def ask(cls: Any = Fresh, start: threading.Barrier = start, found: Any = found) -> None:
            start.wait()
            found.extend(cls(number) for number in range(200))

        threads = [threading.Thread(target=ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len({id(each) for each in found}) == 200


def test_nothing_is_made_before_it_is_asked_for() -> None:
    class Fresh(enums.IntEnum):
        A = 1
        B = 2

    made: dict[int, object] = Fresh.__made__  # type: ignore[attr-defined]
    assert not made
    assert Fresh.B.name == "B"
    assert list(made) == [2]
