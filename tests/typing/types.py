"""Structs, unions and enums, as the checkers see them."""

from __future__ import annotations

import dataclasses
from typing import Any, assert_type

from generated_fixtures.types_bitfields_bpf import AllKinds, Negative, Small
from generated_fixtures.types_unions_bpf import InAddrAny, Number, Tagged, TaggedUnion4


def structs() -> None:
    value = AllKinds(u1=1, e=Small.SMALL_B, n=-1)
    assert_type(value.u1, int)
    assert_type(value.e, Small | int)
    assert_type(value.n, Negative | int)
    assert_type(value.b, bool)
    AllKinds(u1="1")  # type: ignore[arg-type]
    AllKinds(no_such_member=1)  # type: ignore[call-arg]
    assert_type(dataclasses.replace(value, u1=2), AllKinds)
    assert_type(dataclasses.asdict(value), dict[str, Any])
    assert_type([field.name for field in dataclasses.fields(AllKinds)], list[str])
    match value:
        case AllKinds(first):
            assert_type(first, int)
    value.no_such_member = 1  # type: ignore[attr-defined]


def unions() -> None:
    assert_type(InAddrAny().v4, int)
    assert_type(InAddrAny(v6=[1, 2, 3, 4]).local.port, int)
    assert_type(Number(b"12345678").d, float)
    InAddrAny(v4="1")  # type: ignore[call-overload]
    InAddrAny(v4=1, v6=[1])  # type: ignore[call-overload]
    value = Tagged(tag=1, union_4=TaggedUnion4(text="x"))
    assert_type(value.text, str)
    assert_type(value.half, int)
    assert_type(value.numbers, list[Number])
    value.text = "y"
    value.text = 1  # type: ignore[assignment]
