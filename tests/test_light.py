"""``bpf2py.light`` beside what it stands for."""

from __future__ import annotations

import contextlib
import copy
import functools
import os
import pickle
import sys
import typing
from collections.abc import Callable
from typing import Any

import pytest

from bpf2py import light


class Ours(light.NamedTuple):
    a: int
    b: str = "x"

    def double(self) -> int:
        return 2 * self.a


class Theirs(typing.NamedTuple):
    a: int
    b: str = "x"

    def double(self) -> int:
        return 2 * self.a


@pytest.mark.parametrize("make", [Ours, Theirs])
def test_a_named_tuple_is_a_tuple_with_names(make: Any) -> None:
    one = make(1)
    assert one == (1, "x") == make(a=1) == make._make([1, "x"])
    assert (one.a, one.b, one.double(), *one) == (1, "x", 2, 1, "x")
    assert repr(one) == f"{make.__name__}(a=1, b='x')"
    assert one._replace(a=5) == (5, "x")
    assert type(one._replace(a=5)) is make
    if sys.version_info >= (3, 13):
        assert copy.replace(one, a=5) == (5, "x")
    assert one._asdict() == {"a": 1, "b": "x"}
    assert make._fields == make.__match_args__ == ("a", "b")
    assert make._field_defaults == {"b": "x"}
    assert type(pickle.loads(pickle.dumps(one))) is make
    assert not hasattr(one, "__dict__")
    match one:
        case make(a=a, b=b):
            assert (a, b) == (1, "x")
    for arguments, keywords in ((), {}), ((1, 2, 3), {}), ((), {"c": 1}):
        with pytest.raises(TypeError):
            make(*arguments, **keywords)
    with pytest.raises(TypeError):
        make._make([1])
    with pytest.raises((ValueError, TypeError)):
        one._replace(c=1)
    with pytest.raises(AttributeError):
        one.a = 2


def chain(error: BaseException | None) -> list[type[BaseException]]:
    found: list[type[BaseException]] = []
    while error is not None:
        found.append(type(error))
        assert len(found) < 9
        error = error.__context__
    return found


@pytest.mark.parametrize("stack_class", [light.ExitStack, contextlib.ExitStack])
def test_a_stack_calls_back_in_reverse_come_what_may(stack_class: type[Any]) -> None:
    seen: list[object] = []

    def fail() -> None:
        seen.append("fail")
        raise OSError("from a callback")

    def use(*callbacks: Callable[[], object]) -> None:
        with stack_class() as stack:
            for each in callbacks:
                stack.callback(each)
            raise ValueError("from the body")

    with pytest.raises(OSError, match="from a callback") as caught:
        use(lambda: seen.append(1), fail, lambda: seen.append(3))
    assert seen == [3, "fail", 1]
    assert isinstance(caught.value.__context__, ValueError)

    def fail_too() -> None:
        raise KeyError("from another")

    # As with nested statements: each failure has the one before it below it.
    with pytest.raises(KeyError) as last:
        use(fail_too, fail)
    assert chain(last.value) == [KeyError, OSError, ValueError]

    def fail_in_two() -> None:
        try:
            fail()
        except OSError:
            fail_too()

    with pytest.raises(KeyError) as last:
        use(fail_in_two, lambda: seen.append(1))
    assert chain(last.value) == [KeyError, OSError, ValueError]
    left = stack_class()
    left.callback(fail)
    left.callback(fail_too)
    with pytest.raises(OSError, match="from a callback") as caught:
        left.close()
    if stack_class is light.ExitStack:  # the standard's forgets the first where the body went well
        assert chain(caught.value) == [OSError, KeyError]

    seen.clear()
    with pytest.raises(ValueError, match="body"):
        use(lambda: seen.append(1))
    assert seen == [1]

    with stack_class() as stack:
        stack.callback(seen.append, 2)
        kept = stack.pop_all()
    assert seen == [1]
    kept.close()
    kept.close()
    assert seen == [1, 2]

    with stack_class() as stack:
        assert stack.enter_context(contextlib.nullcontext(5)) == 5
        stack.enter_context(contextlib.suppress(KeyError))
        raise KeyError


@pytest.mark.parametrize("suppress", [light.suppress, contextlib.suppress])
def test_only_the_named_exceptions_are_suppressed(suppress: Any) -> None:
    with suppress(FileNotFoundError, KeyError):
        names: dict[int, str] = {}
        del names[0]
    with suppress(OSError):
        os.stat("/no/such/file")
    with suppress(OSError):
        pass
    with pytest.raises(ValueError, match="no"), suppress(OSError):
        raise ValueError("no")


@pytest.mark.parametrize("cache", [light.cache, functools.cache])
def test_a_cached_function_is_called_once_per_arguments(cache: Any) -> None:
    calls: list[tuple[int, ...]] = []

    @cache  # type: ignore[untyped-decorator]
    def total(*numbers: int) -> int:
        """Adds."""
        calls.append(numbers)
        if not numbers:
            raise ValueError("nothing")
        return sum(numbers)

    assert [total(1, 2), total(1, 2), total(3)] == [3, 3, 3]
    assert calls == [(1, 2), (3,)]
    for _ in range(2):
        with pytest.raises(ValueError, match="nothing"):
            total()
    assert calls[2:] == [(), ()]
    total.cache_clear()
    assert total(3) == 3
    assert calls[-1] == (3,)
    assert len(calls) == 5
    assert (total.__name__, total.__doc__) == ("total", "Adds.")


@pytest.mark.parametrize("cached", [light.cached_property, functools.cached_property])
def test_a_cached_property_is_computed_once_per_instance(cached: Any) -> None:
    class Thing:
        calls = 0

        @cached  # type: ignore[untyped-decorator]
        def value(self) -> int:
            """Counts."""
            self.calls += 1
            return self.calls

    one, other = Thing(), Thing()
    assert (one.value, one.value, other.value) == (1, 1, 1)
    del one.value
    assert one.value == 2
    assert Thing.value.__doc__ == "Counts."


def test_a_generic_class_remembers_what_its_bases_were_given() -> None:
    t = light.TypeVar("t")

    class Base(light.Generic[t]):
        pass

    class Derived(Base["Name"]):  # type: ignore[name-defined]
        pass

    (base,) = Derived.__orig_bases__  # type: ignore[attr-defined]
    assert base.__origin__ is Base
    assert base.__args__ == ("Name",)
    assert isinstance(Base[int](), Base)
