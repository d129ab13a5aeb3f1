"""Declaration tags, by the names that C has."""

from __future__ import annotations

import sys

import pytest

from bpf2py.btf import decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.tags import Tags

TYPES: list[t.Type] = [
    t.Int("int", 4, 32),
    t.Struct("event", 8, (t.Member("pid", 1, 0), t.Member("uid", 1, 32))),
    t.Var("counts", 2, 1),
    t.FuncProto(1, (t.Param("first", 1), t.Param("second", 1))),
    t.Func("handle", 4, 1),
    t.Typedef("event_t", 2),
    t.DeclTag("the map", 3),
    t.DeclTag("in order", 3),
    t.DeclTag("who", 2, 0),
    t.DeclTag("whole", 2),
    t.DeclTag("arg:nonnull", 5, 1),
    t.DeclTag("fast", 5),
    t.DeclTag("alias", 6),
    t.DeclTag("no tag of C", 3, attribute=True),
]


def tags() -> Tags:
    return Tags(decode(encode(TYPES, byte_order=sys.byteorder)))


def test_tags_are_found_by_name_in_the_order_of_c() -> None:
    found = tags()
    assert found.named("counts") == ("the map", "in order")
    assert found.named("event") == ("whole",)
    assert found.named("event", "pid") == ("who",)
    assert found.named("event", "uid") == ()
    assert found.named("handle") == ("fast",)
    assert found.named("handle", "second") == ("arg:nonnull",)
    assert found.named("event_t") == ("alias",)
    assert found.of(2, 0) == ("who",)


def test_names_that_are_not_there_are_an_error_and_not_untagged() -> None:
    with pytest.raises(LookupError, match="no variable, map, function or type 'nobody'"):
        tags().named("nobody")
    for name, part in (("event", "gid"), ("handle", "third"), ("counts", "x")):
        with pytest.raises(LookupError, match=f"'{name}' has no member or parameter '{part}'"):
            tags().named(name, part)
