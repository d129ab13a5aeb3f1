"""``codec.dataclass`` makes the classes that ``dataclasses`` would: each is held against its twin."""

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
from typing import Any

import pytest

from bpf2py.runtime import codec
from tests.codegen.source import Types


def make(decorator: Any, field: Any) -> Any:
    """The same class by either."""

    @decorator(slots=True)
    class Event:
        """An event."""

        pid: int = 1
        comm: str = ""
        many: list[int] = field(default_factory=lambda: [0] * 2)

        @property
        def double(self) -> int:
            return 2 * self.pid

    return Event


@codec.dataclass(slots=True)
class Top:
    """At the module's level, so that it can be pickled."""

    a: int = 0
    b: list[int] = codec.field(default_factory=list[int])


@codec.dataclass(slots=True, unsafe_hash=True)
class Key:
    a: int = 0
    b: str = ""


OURS = make(codec.dataclass, codec.field)
THEIRS = make(dataclasses.dataclass, dataclasses.field)
ARGUMENTS: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
    ((), {}),
    ((2,), {}),
    ((2, "x", [3]), {}),
    ((2, "x", [3], 4), {}),
    ((2,), {"pid": 2}),
    ((), {"many": [9]}),
    ((), {"nothing": 3}),
)


@pytest.mark.parametrize(("args", "named"), ARGUMENTS)
def test_the_constructor_takes_and_refuses_the_same(
    args: tuple[Any, ...], named: dict[str, Any]
) -> None:
    try:
        wanted = THEIRS(*args, **named)
    except TypeError as error:
        text = str(error)
        with pytest.raises(TypeError, match=re.escape(text)):
            OURS(*args, **named)
        return
    found = OURS(*args, **named)
    assert repr(found) == repr(wanted)
    assert dataclasses.asdict(found) == dataclasses.asdict(wanted)
    assert dataclasses.astuple(found) == dataclasses.astuple(wanted)
    assert found == OURS(*args, **named)
    assert found != wanted
    assert found.double == 2 * found.pid


def test_no_two_values_share_a_default() -> None:
    one, other = OURS(), OURS()
    one.many.append(1)
    assert other.many == [0, 0]


def test_the_standard_library_sees_the_same_fields_before_anything_is_made() -> None:
    ours = make(codec.dataclass, codec.field)
    known: object = ours  # is_dataclass() narrows what it is given
    assert dataclasses.is_dataclass(known)
    for one, other in zip(dataclasses.fields(ours), dataclasses.fields(THEIRS), strict=True):
        assert (one.name, one.type, one.default) == (other.name, other.type, other.default)
        assert (one.init, one.repr, one.compare) == (other.init, other.repr, other.compare)
    assert ours.__match_args__ == THEIRS.__match_args__
    assert ours.__slots__ == THEIRS.__slots__
    assert ours.__doc__ == THEIRS.__doc__
    assert typing.get_type_hints(ours) == typing.get_type_hints(THEIRS)
    assert list(inspect.signature(ours).parameters) == ["pid", "comm", "many"]
    assert str(inspect.signature(ours).parameters["pid"]) == "pid: 'int' = 1"
    assert ours.__hash__ is None


def test_values_are_replaced_copied_pickled_and_matched() -> None:
    value = Top(a=1, b=[2])
    assert dataclasses.replace(value, a=3) == Top(3, [2])
    assert value.__replace__(b=[]) == Top(1, [])  # type: ignore[attr-defined]
    for same in (copy.copy(value), copy.deepcopy(value), pickle.loads(pickle.dumps(value))):
        assert same == value
        assert same is not value
    match value:
        case Top(number, rest):
            assert (number, rest) == (1, [2])
    with pytest.raises(AttributeError):
        value.c = 1  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="unhashable"):
        hash(value)


def test_a_key_is_hashed_by_its_values() -> None:
    assert hash(Key(1, "x")) == hash(Key(1, "x"))
    assert {Key(1, "x"): 2}[Key(1, "x")] == 2


@pytest.mark.parametrize("count", [0, 1, 2])
def test_classes_of_few_members_are_compared_and_printed_too(count: int) -> None:
    types = Types()
    types.struct("s", 4 * count, *((f"m{i}", types.u32, 4 * i) for i in range(count)))
    cls = types.module("s").S
    assert cls(*range(count)) == cls(*range(count))
    assert repr(cls(*range(count))) == f"S({', '.join(f'm{i}={i}' for i in range(count))})"
    if count:
        assert cls(*range(count)) != cls(*range(1, count + 1))


def test_a_class_may_be_derived_from() -> None:
    class Plain(Top):
        """Adds behaviour, no member."""

        def total(self) -> int:
            return self.a + sum(self.b)

    @dataclasses.dataclass
    class Wider(Top):
        c: int = 7

    assert Plain(1, [2, 3]).total() == 6
    assert Plain(1) != Top(1)
    assert repr(Wider(1)).endswith("Wider(a=1, b=[], c=7)")
    assert list(inspect.signature(Wider).parameters) == ["a", "b", "c"]


def test_members_may_have_the_names_that_the_class_itself_uses() -> None:
    types = Types()
    names = ("__layout__", "names", "values", "defaults", "init", "cls", "__missing__", "field")
    types.struct("s", 4 * len(names), *((name, types.u32, 4 * i) for i, name in enumerate(names)))
    cls = types.module("s").S
    value = cls(*range(len(names)))
    assert codec.of(cls).unpack(codec.of(cls).pack(value)) == value
    assert dataclasses.astuple(value) == tuple(range(len(names)))


def test_importing_a_module_of_structs_compiles_no_method(tmp_path: Path) -> None:
    types = Types()
    for number in range(50):
        types.struct(f"s{number}", 8, ("a", types.u32, 0), ("b", types.u32, 4))
    from bpf2py.codegen import generate

    text = generate(types.spec(), types=[f"s{number}" for number in range(50)])
    (tmp_path / "many_bpf.py").write_text(text)
    code = (
        "import builtins, sys; sys.path.append('.')\n"
        "import bpf2py.runtime.codec\n"
        "real, count = builtins.exec, []\n"
        "builtins.exec = lambda *a: count.append(1) or real(*a)\n"
        "import many_bpf\n"
        "builtins.exec = real\n"
        "assert 'dataclasses' not in sys.modules, 'dataclasses'\n"
        "print(sum(n.startswith('__init__') for c in vars(many_bpf).values()"
        " if isinstance(c, type) for n in vars(c)))\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env={"PYTHONPATH": str(root)},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == ""
    # those of the object's own classes, none of a struct's
    assert int(done.stdout) == text.count("def __init__")
