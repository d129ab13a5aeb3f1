"""Field records: paths through two tables, and the numbers they lead to."""

from __future__ import annotations

import pytest

from bpf2py.btf import types as t
from bpf2py.btf.core_errors import Unanswerable
from bpf2py.btf.errors import BTFError
from bpf2py.uapi import CoreRelocationKind as Kind

from .tables import INT, LONG, SHORT, U8, U64, UNSIGNED, bits, fixup, struct_of, union_of

OFFSET, SIZE, EXISTS = Kind.FIELD_BYTE_OFFSET, Kind.FIELD_BYTE_SIZE, Kind.FIELD_EXISTS
SIGNED, LSHIFT, RSHIFT = Kind.FIELD_SIGNED, Kind.FIELD_LSHIFT_U64, Kind.FIELD_RSHIFT_U64

Types = tuple[t.Type, ...]

# struct s { int a; int b; }, here and there
LOCAL: Types = (struct_of("s", 8, ("a", 2, 0), ("b", 2, 4)), INT)

#: what is tried: local types, target types, kind, access string, number here, number there
FIELDS: dict[str, tuple[Types, Types, Kind, str, int, int | None]] = {
    "a member that moved": (
        LOCAL,
        (INT, struct_of("s", 24, ("x", 1, 0), ("b", 1, 12), ("a", 1, 20))),
        OFFSET,
        "0:1",
        4,
        12,
    ),
    "a member that is gone": (LOCAL, (INT, struct_of("s", 4, ("a", 1, 0))), OFFSET, "0:1", 4, None),
    "a struct that is gone": (LOCAL, (INT, struct_of("r", 4, ("b", 1, 0))), OFFSET, "0:1", 4, None),
    "a union of the name of a struct": (
        LOCAL,
        (INT, union_of("s", 4, ("b", 1))),
        EXISTS,
        "0:1",
        1,
        0,
    ),
    "a flavour here": (
        (struct_of("s___old", 8, ("a", 2, 0), ("b", 2, 4)), INT),
        (INT, struct_of("s", 8, ("b", 1, 0))),
        OFFSET,
        "0:1",
        4,
        0,
    ),
    "a flavour there": (LOCAL, (INT, struct_of("s___2", 8, ("b", 1, 0))), OFFSET, "0:1", 4, 0),
    "an array of structs, indexed at the root": (
        LOCAL,
        (INT, struct_of("s", 20, ("b", 1, 16))),
        OFFSET,
        "2:1",
        20,
        56,
    ),
    "exists": (LOCAL, (INT, struct_of("s", 4, ("a", 1, 0))), EXISTS, "0:0", 1, 1),
    "exists not": (LOCAL, (INT, struct_of("s", 4, ("a", 1, 0))), EXISTS, "0:1", 1, 0),
    "size": (LOCAL, (LONG, struct_of("s", 8, ("a", 1, 0))), SIZE, "0:0", 4, 8),
    "size of an array": (
        (struct_of("s", 16, ("a", 2, 0)), t.Array(3, 3, 16), U8),
        (struct_of("s", 32, ("a", 2, 0)), t.Array(3, 3, 32), U8),
        SIZE,
        "0:0",
        16,
        32,
    ),
    "signed, and not there": (
        LOCAL,
        (UNSIGNED, struct_of("s", 4, ("a", 1, 0))),
        SIGNED,
        "0:0",
        1,
        0,
    ),
    "signed enum": (
        (*LOCAL[:1], t.Enum("e", 4, (), signed=True)),
        (t.Enum("e", 4, (), signed=False), struct_of("s", 4, ("a", 1, 0))),
        SIGNED,
        "0:0",
        1,
        0,
    ),
    "an unsigned bool is not signed": (
        LOCAL,
        (t.Int("bool", 1, 8, boolean=True), struct_of("s", 4, ("a", 1, 0))),
        SIGNED,
        "0:0",
        1,
        0,
    ),
    "behind typedefs and qualifiers": (
        (t.Typedef("s_t", 2), t.Const(3), struct_of("s", 8, ("a", 4, 4)), t.Volatile(5), INT),
        (t.Typedef("s_t", 3), INT, struct_of("anything", 8, ("a", 4, 0)), t.Typedef("int_t", 2)),
        OFFSET,
        "0:0",
        4,
        0,
    ),
    "inside of a nested struct": (
        (struct_of("s", 8, ("in", 2, 4)), struct_of("t", 4, ("a", 3, 0)), INT),
        (struct_of("s", 32, ("in", 2, 16)), union_of("other", 8, ("z", 3), ("a", 3)), INT),
        OFFSET,
        "0:0:0",
        4,
        16,
    ),
    "moved into anonymous structs and unions": (
        LOCAL,
        (
            struct_of("s", 32, ("x", 4, 0), ("", 2, 8)),
            union_of("", 16, ("", 3), ("y", 4)),
            struct_of("", 16, ("z", 4, 0), ("b", 4, 12)),
            INT,
        ),
        OFFSET,
        "0:1",
        4,
        20,
    ),
    "moved out of an anonymous union": (
        (struct_of("s", 12, ("x", 3, 0), ("", 2, 4)), union_of("", 8, ("c", 3), ("b", 3)), INT),
        (INT, struct_of("s", 32, ("b", 1, 28))),
        OFFSET,
        "0:1:1",
        4,
        28,
    ),
    "an element of an array": (
        (struct_of("s", 16, ("a", 2, 0)), t.Array(3, 3, 4), INT),
        (struct_of("s", 64, ("a", 2, 8)), t.Array(3, 3, 6), LONG),
        OFFSET,
        "0:0:3",
        12,
        32,
    ),
    "size of an element": (
        (struct_of("s", 16, ("a", 2, 0)), t.Array(3, 3, 4), INT),
        (struct_of("s", 64, ("a", 2, 8)), t.Array(3, 3, 6), LONG),
        SIZE,
        "0:0:3",
        4,
        8,
    ),
    "behind the end of the kernel's array": (
        (struct_of("s", 16, ("a", 2, 0)), t.Array(3, 3, 4), INT),
        (struct_of("s", 16, ("a", 2, 0), ("b", 3, 12)), t.Array(3, 3, 3), INT),
        OFFSET,
        "0:0:3",
        12,
        None,
    ),
    "a flexible array there": (
        (struct_of("s", 16, ("a", 2, 0)), t.Array(3, 3, 4), INT),
        (struct_of("s", 8, ("x", 3, 0), ("a", 2, 8)), t.Array(3, 3, 0), INT),
        OFFSET,
        "0:0:3",
        12,
        20,
    ),
    "an empty array that is not the last member": (
        (struct_of("s", 16, ("a", 2, 0)), t.Array(3, 3, 4), INT),
        (struct_of("s", 8, ("a", 2, 0), ("x", 3, 0)), t.Array(3, 3, 0), INT),
        EXISTS,
        "0:0:3",
        1,
        0,
    ),
    "a flexible array here": (
        (struct_of("s", 4, ("x", 3, 0), ("a", 2, 4)), t.Array(3, 3, 0), INT),
        (struct_of("s", 44, ("a", 2, 4)), t.Array(3, 3, 10), INT),
        OFFSET,
        "0:1:7",
        32,
        32,
    ),
    "an array of arrays": (
        (struct_of("s", 24, ("a", 2, 0)), t.Array(3, 4, 2), t.Array(4, 4, 3), INT),
        (struct_of("s", 99, ("a", 2, 0)), t.Array(3, 4, 2), t.Array(4, 4, 5), INT),
        OFFSET,
        "0:0:1:2",
        20,
        28,
    ),
    "an array here, none there": (
        (struct_of("s", 16, ("a", 2, 0)), t.Array(3, 3, 4), INT),
        (struct_of("s", 16, ("a", 2, 0)), INT),
        EXISTS,
        "0:0",
        1,
        0,
    ),
    "pointers of any kind fit": (
        (struct_of("s", 8, ("a", 2, 0)), t.Ptr(3), INT),
        (struct_of("s", 16, ("a", 2, 8)), t.Ptr(0)),
        OFFSET,
        "0:0",
        0,
        8,
    ),
    "a pointer here, a number there": (
        (struct_of("s", 8, ("a", 2, 0)), t.Ptr(0)),
        (struct_of("s", 16, ("a", 2, 8)), U64),
        OFFSET,
        "0:0",
        0,
        None,
    ),
    "enums of different names": (
        (struct_of("s", 8, ("a", 2, 0)), t.Enum("e", 4, ())),
        (struct_of("s", 8, ("a", 2, 0)), t.Enum("f", 4, ())),
        EXISTS,
        "0:0",
        1,
        0,
    ),
    "an anonymous enum fits any": (
        (struct_of("s", 8, ("a", 2, 0)), t.Enum("", 4, ())),
        (struct_of("s", 8, ("a", 2, 0)), t.Enum("f", 4, ())),
        EXISTS,
        "0:0",
        1,
        1,
    ),
    "an enum that grew to eight bytes": (
        (struct_of("s", 8, ("a", 2, 0)), t.Enum("e___flavour", 4, ())),
        (struct_of("s", 8, ("a", 2, 0)), t.Enum64("e", 8, ())),
        EXISTS,
        "0:0",
        1,
        1,
    ),
    "floats fit": (
        (struct_of("s", 8, ("a", 2, 0)), t.Float("float", 4)),
        (struct_of("s", 16, ("a", 2, 8)), t.Float("double", 8)),
        OFFSET,
        "0:0",
        0,
        8,
    ),
    "an integer of an old compiler that stands for a bitfield": (
        LOCAL,
        (t.Int("int", 4, 3, bit_offset=5), struct_of("s", 4, ("a", 1, 0))),
        EXISTS,
        "0:0",
        1,
        0,
    ),
    # struct s { u8 x:3, a:4; } and struct s { unsigned x:30, a:4; } in little endian
    "a bitfield's offset": (
        (bits("s", 1, ("x", 2, 0, 3), ("a", 2, 3, 4)), U8),
        (bits("s", 8, ("x", 2, 0, 8), ("a", 2, 40, 4)), UNSIGNED),
        OFFSET,
        "0:1",
        0,
        4,
    ),
    "a bitfield over two words is loaded by a longer one": (
        (bits("s", 1, ("x", 2, 0, 3), ("a", 2, 3, 4)), U8),
        (bits("s", 8, ("x", 2, 0, 30), ("a", 2, 30, 4)), UNSIGNED),
        SIZE,
        "0:1",
        1,
        8,
    ),
    "a bitfield's left shift": (
        (bits("s", 1, ("x", 2, 0, 3), ("a", 2, 3, 4)), U8),
        (bits("s", 8, ("x", 2, 0, 30), ("a", 2, 30, 4)), UNSIGNED),
        LSHIFT,
        "0:1",
        57,
        30,
    ),
    "a bitfield's right shift": (
        (bits("s", 1, ("x", 2, 0, 3), ("a", 2, 3, 4)), U8),
        (bits("s", 8, ("x", 2, 0, 30), ("a", 2, 30, 6)), UNSIGNED),
        RSHIFT,
        "0:1",
        60,
        58,
    ),
    "a bitfield here, a whole member there": (
        (bits("s", 1, ("x", 2, 0, 3), ("a", 2, 3, 4)), U8),
        (struct_of("s", 8, ("a", 2, 4)), SHORT),
        LSHIFT,
        "0:1",
        57,
        48,
    ),
}


@pytest.mark.parametrize("case", FIELDS)
def test_a_field_is_found_where_the_kernel_has_it(case: str) -> None:
    local, target, kind, access, original, expected = FIELDS[case]
    found = fixup(local, target, kind, access)
    assert (found.original, found.target) == (original, expected)


#: the numbers of the same bitfields where the first bit is the highest
BIG_ENDIAN = {
    "a bitfield's left shift": (59, 30),
    "a bitfield's right shift": (60, 58),
    "a bitfield's offset": (0, 4),
    "a bitfield here, a whole member there": (59, 48),
}


@pytest.mark.parametrize("case", BIG_ENDIAN)
def test_shifts_depend_on_the_byte_order(case: str) -> None:
    local, target, kind, access, _, _ = FIELDS[case]
    found = fixup(local, target, kind, access, order="big")
    assert (found.original, found.target) == BIG_ENDIAN[case]


def test_only_what_compilers_cannot_choose_is_checked_of_a_bitfield() -> None:
    local: Types = (bits("s", 1, ("a", 2, 3, 4)), U8)
    checked = {kind: fixup(local, local, kind, "0:0").validate for kind in (*range(6),)}
    assert checked == {
        OFFSET: False,
        SIZE: False,
        EXISTS: True,
        SIGNED: True,
        LSHIFT: False,
        RSHIFT: True,
    }


# ---- records that contradict the object's own types ----

BROKEN: dict[str, tuple[Types, Kind, str, str]] = {
    "no numbers": (LOCAL, OFFSET, "0:x", "is not a list of numbers"),
    "nothing between colons": (LOCAL, OFFSET, "0::1", "is not a list of numbers"),
    "a negative number": (LOCAL, OFFSET, "0:-1", "is not a list of numbers"),
    "other digits": (LOCAL, OFFSET, "0:\u0661", "is not a list of numbers"),
    "a huge number": (LOCAL, OFFSET, "0:99999999999", "number that is too large"),
    "empty": (LOCAL, OFFSET, "", "is not a list of numbers"),
    "too many steps": (LOCAL, OFFSET, ":".join(["0"] * 65), "of 65 steps"),
    "a member that is not there": (LOCAL, OFFSET, "0:2", "wants member 2 of 2 at step 1"),
    "through a number": (
        LOCAL,
        OFFSET,
        "0:0:0",
        "goes through a type that has no members at step 2",
    ),
    "behind the end of the array": (
        (struct_of("s", 16, ("a", 2, 0)), t.Array(3, 3, 4), INT),
        OFFSET,
        "0:0:4",
        "wants element 4 of 4 at step 2",
    ),
    "the sign of an element": (
        (struct_of("s", 16, ("a", 2, 0)), t.Array(3, 3, 4), INT),
        SIGNED,
        "0:0:1",
        "only offset, size and existence can be asked of an array's element",
    ),
    "a struct without a name": ((struct_of("", 4, ("a", 2, 0)), INT), OFFSET, "0:0", "has no name"),
    "a bitfield wider than a load": (
        (bits("s", 16, ("a", 2, 7, 64)), U64),
        OFFSET,
        "0:0",
        "does not fit into a load of 8 bytes",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_record_that_contradicts_its_own_types_is_refused(case: str) -> None:
    local, kind, access, message = BROKEN[case]
    with pytest.raises(Unanswerable, match=message):
        fixup(local, (INT, struct_of("s", 4, ("a", 1, 0))), kind, access)


def test_a_struct_without_size_is_refused() -> None:
    with pytest.raises(BTFError, match="has no size"):
        fixup((t.Fwd("s"),), (INT,), OFFSET, "0")


# ---- several candidates ----


def test_candidates_that_agree_are_as_good_as_one() -> None:
    same = struct_of("s", 16, ("b", 1, 12))
    assert fixup(LOCAL, (INT, same, struct_of("s", 99, ("b", 1, 12))), OFFSET, "0:1").target == 12


def test_candidates_that_disagree_are_an_error_that_names_them() -> None:
    target: Types = (INT, struct_of("s", 16, ("b", 1, 12)), struct_of("s___2", 16, ("b", 1, 8)))
    message = (
        r"disagree \(12 and 8\): struct s \(type 2 of vmlinux\), struct s___2 \(type 3 of vmlinux\)"
    )
    with pytest.raises(Unanswerable, match=message):
        fixup(LOCAL, target, OFFSET, "0:1")


def test_candidates_that_agree_on_the_number_but_not_on_the_place_are_an_error() -> None:
    """As in libbpf: the size is the same, but who asks for it will ask for the offset, too."""
    target: Types = (INT, struct_of("s", 16, ("b", 1, 12)), struct_of("s", 16, ("b", 1, 8)))
    with pytest.raises(Unanswerable, match="disagree"):
        fixup(LOCAL, target, SIZE, "0:1")


def test_a_candidate_without_the_member_does_not_count() -> None:
    target: Types = (INT, struct_of("s", 16, ("a", 1, 12)), struct_of("s", 16, ("b", 1, 8)))
    assert fixup(LOCAL, target, OFFSET, "0:1").target == 8
