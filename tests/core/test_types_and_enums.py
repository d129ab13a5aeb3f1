"""Records on whole types and on enumerators."""

from __future__ import annotations

import pytest

from bpf2py.btf import types as t
from bpf2py.btf.core_errors import Unanswerable
from bpf2py.btf.errors import BTFError
from bpf2py.uapi import CoreRelocationKind as Kind

from .tables import INT, LONG, U8, U64, UNSIGNED, fixup, struct_of, union_of

Types = tuple[t.Type, ...]
EXISTS, MATCHES, SIZE = Kind.TYPE_EXISTS, Kind.TYPE_MATCHES, Kind.TYPE_SIZE
LOCAL_ID, TARGET_ID = Kind.TYPE_ID_LOCAL, Kind.TYPE_ID_TARGET
VALUE, VALUE_EXISTS = Kind.ENUMVAL_VALUE, Kind.ENUMVAL_EXISTS

POINT: Types = (struct_of("s", 8, ("a", 2, 0), ("b", 2, 4)), INT)
FUNCTION: Types = (t.Typedef("fn", 2), t.Ptr(3), t.FuncProto(4, (t.Param("x", 4),)), INT)


def func(*params: int, returns: int = 4) -> Types:
    """``typedef … (*fn)(…)`` with type 4 an int, 5 a long, 6 a pointer to void."""
    signature = t.FuncProto(returns, tuple(t.Param("", each) for each in params))
    return (t.Typedef("fn", 2), t.Ptr(3), signature, INT, LONG, t.Ptr(0))


#: local types, target types, whether the target has the type, and whether it matches
PRESENCE: dict[str, tuple[Types, Types, bool, bool]] = {
    "the same": (POINT, POINT, True, True),
    "nothing of that name": (POINT, (INT,), False, False),
    "another kind": (POINT, (union_of("s", 4, ("a", 2)), INT), False, False),
    "a typedef of the name of a struct": (POINT, (t.Typedef("s", 2), INT), False, False),
    "more members there": (
        POINT,
        (struct_of("s", 12, ("c", 2, 0), ("b", 2, 4), ("a", 2, 8)), INT),
        True,
        True,
    ),
    "fewer members there": (POINT, (struct_of("s", 4, ("a", 2, 0)), INT), True, False),
    "a member of another size": (
        POINT,
        (struct_of("s", 16, ("a", 2, 0), ("b", 3, 8)), INT, LONG),
        True,
        False,
    ),
    "a member of another sign": (
        POINT,
        (struct_of("s", 8, ("a", 2, 0), ("b", 2, 4)), t.Int("int", 4, 32)),
        True,
        False,
    ),
    "flavours of types and members": (
        (struct_of("s___f", 4, ("a___f", 2, 0)), INT),
        (INT, struct_of("s", 4, ("a", 1, 0))),
        True,
        True,
    ),
    "an anonymous member that matches": (
        (struct_of("s", 4, ("", 2, 0)), union_of("", 4, ("a", 3)), INT),
        (struct_of("s", 8, ("", 3, 0), ("", 2, 4)), union_of("", 4, ("a", 4)), t.Ptr(0), INT),
        True,
        True,
    ),
    "an anonymous member that does not": (
        (struct_of("s", 4, ("", 2, 0)), union_of("", 4, ("a", 3)), INT),
        (struct_of("s", 8, ("", 2, 0)), union_of("", 4, ("b", 3)), INT),
        True,
        False,
    ),
    "behind a pointer names are enough": (
        (struct_of("s", 8, ("p", 2, 0)), t.Ptr(3), struct_of("t", 4, ("x", 4, 0)), INT),
        (struct_of("s", 8, ("p", 2, 0)), t.Ptr(3), struct_of("t", 4, ("y", 4, 0)), INT),
        True,
        True,
    ),
    "behind a pointer a declaration is enough": (
        (struct_of("s", 8, ("p", 2, 0)), t.Ptr(3), struct_of("t", 0)),
        (struct_of("s", 8, ("p", 2, 0)), t.Ptr(3), t.Fwd("t")),
        True,
        True,
    ),
    "a declaration here, a struct there": (
        (struct_of("s", 8, ("p", 2, 0)), t.Ptr(3), t.Fwd("t")),
        (struct_of("s", 8, ("p", 2, 0)), t.Ptr(3), struct_of("t", 0)),
        True,
        True,
    ),
    "a declared union, a struct there": (
        (struct_of("s", 8, ("p", 2, 0)), t.Ptr(3), t.Fwd("t", is_union=True)),
        (struct_of("s", 8, ("p", 2, 0)), t.Ptr(3), struct_of("t", 0)),
        True,
        False,
    ),
    "a pointer to something of another name": (
        (struct_of("s", 8, ("p", 2, 0)), t.Ptr(3), struct_of("t", 0)),
        (struct_of("s", 8, ("p", 2, 0)), t.Ptr(3), struct_of("u", 0)),
        True,
        False,
    ),
    "void pointers": (
        (struct_of("s", 8, ("p", 2, 0)), t.Ptr(0)),
        (struct_of("s", 8, ("p", 2, 0)), t.Ptr(3), INT),
        True,
        False,
    ),
    "an array of another length": (
        (struct_of("s", 4, ("a", 2, 0)), t.Array(3, 3, 4), U8),
        (struct_of("s", 8, ("a", 2, 0)), t.Array(3, 3, 8), U8),
        True,
        False,
    ),
    "typedefs of numbers": ((t.Typedef("n", 2), INT), (LONG, t.Typedef("n", 1)), True, False),
    "integers of one name": ((INT,), (t.Int("int", 8, 64),), True, False),
    "an integer that stands for a bitfield": (
        (t.Typedef("n", 2), INT),
        (t.Typedef("n", 2), t.Int("int", 4, 3, bit_offset=2)),
        False,
        False,
    ),
    "functions": (func(4, 6), func(4, 6), True, True),
    "functions of other numbers": (func(4, 4), func(4, 5), True, False),
    "functions of other kinds": (func(4, 4), func(4, 6), False, False),
    "functions with more arguments": (func(4), func(4, 4), False, False),
    "functions that return something else": (func(4), func(4, returns=6), False, False),
    "a function that returns nothing": (func(returns=0), func(returns=0), True, True),
    "enums with more values there": (
        (t.Enum("e", 4, (t.Enumerator("A", 7),)),),
        (t.Enum("e", 4, (t.Enumerator("B", 1), t.Enumerator("A", 2))),),
        True,
        True,
    ),
    "enums with other values": (
        (t.Enum("e", 4, (t.Enumerator("A", 7),)),),
        (t.Enum("e", 4, (t.Enumerator("B", 1),)),),
        True,
        False,
    ),
    "enums of another size": (
        (t.Enum("e", 4, (t.Enumerator("A", 7),)),),
        (t.Enum64("e", 8, (t.Enumerator("A", 7),)),),
        True,
        False,
    ),
    "an enum64 that is one by its flag only": (
        (t.Enum("e", 8, (t.Enumerator("A", 7),)),),
        (t.Enum64("e", 8, (t.Enumerator("A", 7),)),),
        True,
        True,
    ),
    "floats exist only as themselves": ((t.Float("f", 4),), (t.Float("f", 4),), False, False),
}


@pytest.mark.parametrize("case", PRESENCE)
def test_a_type_is_there_and_matches(case: str) -> None:
    local, target, there, matches = PRESENCE[case]
    assert fixup(local, target, EXISTS)[:2] == (1, int(there))
    assert fixup(local, target, MATCHES)[:2] == (1, int(matches))


def test_ids_and_sizes_of_types() -> None:
    target: Types = (INT, U64, struct_of("s", 24, ("x", 2, 0)))
    assert fixup(POINT, target, SIZE)[:2] == (8, 24)
    assert fixup(POINT, target, TARGET_ID)[:2] == (1, 3)
    assert fixup(POINT, target, LOCAL_ID)[:2] == (1, 1)


def test_a_missing_type_has_size_and_id_0() -> None:
    assert fixup(POINT, (INT,), SIZE)[:2] == (8, 0)
    assert fixup(POINT, (INT,), TARGET_ID)[:2] == (1, 0)


def test_ids_are_not_compared_with_the_instruction() -> None:
    """A static linker gives types new ids and leaves instructions alone."""
    assert not fixup(POINT, POINT, LOCAL_ID).validate
    assert not fixup(POINT, POINT, TARGET_ID).validate
    assert fixup(POINT, POINT, SIZE).validate


def test_a_local_id_needs_no_name() -> None:
    assert fixup((struct_of("", 4), INT), (INT,), LOCAL_ID).target == 1


def test_a_whole_type_with_a_path_is_refused() -> None:
    with pytest.raises(Unanswerable, match="where a whole type is meant"):
        fixup(POINT, POINT, EXISTS, "0:1")


def test_a_type_that_is_not_there_in_the_object_is_refused() -> None:
    with pytest.raises(BTFError, match="there is no type 9"):
        fixup(POINT, POINT, LOCAL_ID, root=9)


def test_a_pointer_of_a_32_bit_kernel_has_four_bytes() -> None:
    local: Types = (t.Typedef("p", 2), t.Ptr(0))
    wide = (*local, t.Int("long unsigned int", 8, 64))
    narrow = (*local, t.Int("long unsigned int", 4, 32))
    assert fixup(local, wide, SIZE)[:2] == (8, 8)
    assert fixup(narrow, narrow, SIZE)[:2] == (8, 4)


def test_a_chain_that_is_too_long_is_refused() -> None:
    chain: Types = (t.Typedef("p", 2), *(t.Ptr(n) for n in range(3, 60)), INT)
    for kind in (EXISTS, MATCHES):
        with pytest.raises(Unanswerable, match="nested too deeply"):
            fixup(chain, chain, kind)


def test_structs_that_are_nested_too_deeply_are_refused() -> None:
    chain: Types = (*(struct_of(f"s{n}", 4, ("a", n, 0)) for n in range(2, 60)), INT)
    with pytest.raises(Unanswerable, match="nested too deeply"):
        fixup(chain, chain, MATCHES)


# ---- enumerators ----


def enum(*values: tuple[str, int], signed: bool = False, name: str = "e") -> t.Enum:
    return t.Enum(name, 4, tuple(t.Enumerator(*each) for each in values), signed)


def enum64(*values: tuple[str, int], signed: bool = False) -> t.Enum64:
    return t.Enum64("e", 8, tuple(t.Enumerator(*each) for each in values), signed)


ALL_ONES = 2**64
#: local enum, target enum, access, value here, value there as unsigned 64 bits
VALUES: dict[str, tuple[t.Type, t.Type, str, int, int | None]] = {
    "another number": (enum(("A", 1), ("B", 2)), enum(("B", 9), ("A", 8)), "1", 2, 9),
    "not there": (enum(("A", 1)), enum(("B", 9)), "0", 1, None),
    "flavours": (enum(("A___x", 1), name="e___x"), enum(("A___y", 9)), "0", 1, 9),
    "a negative one": (
        enum(("A", -1), signed=True),
        enum(("A", -2), signed=True),
        "0",
        ALL_ONES - 1,
        ALL_ONES - 2,
    ),
    "grown to eight bytes": (enum(("A", 1)), enum64(("A", 2**40)), "0", 1, 2**40),
    "eight bytes, negative": (
        enum64(("A", 2**40)),
        enum64(("A", -(2**40)), signed=True),
        "0",
        2**40,
        ALL_ONES - 2**40,
    ),
    "shrunk to four": (enum64(("A", 2**40)), enum(("A", 7)), "0", 2**40, 7),
    "the first of two of one name": (enum(("A", 1)), enum(("A", 5), ("A", 6)), "0", 1, 5),
    "another kind of type": (enum(("A", 1)), struct_of("e", 4), "0", 1, None),
}


@pytest.mark.parametrize("case", VALUES)
def test_an_enumerator_has_the_kernels_value(case: str) -> None:
    local, target, access, original, expected = VALUES[case]
    found = fixup((local,), (target,), VALUE, access)
    assert (found.original, found.target) == (original, expected)
    assert fixup((local,), (target,), VALUE_EXISTS, access)[:2] == (1, int(expected is not None))


def test_an_enumerator_is_found_behind_a_typedef() -> None:
    local: Types = (t.Typedef("e_t", 2), enum(("A", 1), name=""))
    target: Types = (enum(("A", 3), name=""), t.Typedef("e_t", 1))
    assert fixup(local, target, VALUE)[:2] == (1, 3)


@pytest.mark.parametrize("access", ["1", "0:0", "x"])
def test_an_enumerator_that_is_not_there_in_the_object_is_refused(access: str) -> None:
    with pytest.raises(Unanswerable):
        fixup((enum(("A", 1)),), (enum(("A", 1)),), VALUE, access)


def test_a_value_of_a_struct_is_refused() -> None:
    with pytest.raises(Unanswerable, match="not an enum"):
        fixup((UNSIGNED,), (UNSIGNED,), VALUE)


def test_a_kind_nobody_knows_is_refused() -> None:
    with pytest.raises(Unanswerable, match="kind 99 of relocation is not known"):
        fixup(POINT, POINT, 99)  # type: ignore[arg-type]
