"""Types that are there twice become one: by hand, by hypothesis, and as bpftool finds them."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpf2py.btf import BTFError, TypeTable, decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.dedup import Deduplicated, dedup
from bpf2py.btf.layout import size_of
from bpf2py.btf.references import permuted, references, renumbered
from tests.support.told import named, told_types

from .samples import EVERY_KIND
from .strategies import any_type

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"
INT = t.Int("int", 4, 32, signed=True)


def shifted(types: Sequence[t.Type], by: int) -> list[t.Type]:
    """The same types behind *by* others."""
    return [renumbered(each, lambda i: i + by if i else 0) for each in types]


def table_of(types: Sequence[t.Type]) -> TypeTable:
    return decode(encode(types, byte_order="little"))


def types_of(table: TypeTable) -> list[t.Type]:
    return [table[type_id] for type_id in table]


def is_place(each: t.Type) -> bool:
    return isinstance(each, t.Var | t.Datasec)


# ---- by hand ----


def test_the_same_file_twice_is_the_file_once() -> None:
    types = [each for each in EVERY_KIND if not is_place(each)]
    once = dedup(types)
    twice = dedup([*types, *shifted(types, len(types))])
    assert twice.types == once.types == types
    assert twice.ids == [*once.ids, *once.ids[1:]]


def test_variables_and_sections_stay_apart() -> None:
    twice = dedup([*EVERY_KIND, *shifted(EVERY_KIND, len(EVERY_KIND))])
    assert len(twice.types) == len(EVERY_KIND) + 2
    assert [each.name for each in twice.types if is_place(each)] == ["variable", ".data"] * 2


LIST: list[t.Type] = [
    t.Struct("list", 16, (t.Member("next", 2, 0), t.Member("prev", 2, 64))),
    t.Ptr(1),
]


def test_structs_that_lead_to_themselves_are_compared() -> None:
    assert dedup([*LIST, *shifted(LIST, 2)]) == Deduplicated(LIST, [0, 1, 2, 1, 2])


def test_structs_that_differ_deep_inside_stay_two() -> None:
    def through(leaf: t.Type) -> list[t.Type]:
        return [
            t.Struct("outer", 8, (t.Member("inner", 2, 0),)),
            t.Ptr(3),
            t.Struct("inner", 8, (t.Member("leaf", 4, 0), t.Member("back", 5, 32))),
            leaf,
            t.Ptr(1),
        ]

    both = [*through(INT), *shifted(through(t.Int("unsigned int", 4, 32)), 5)]
    assert len(dedup(both).types) == 10
    assert len(dedup([*through(INT), *shifted(through(INT), 5)]).types) == 5


def test_copies_inside_one_file_go_as_well() -> None:
    """Compilers describe one struct twice in a file now and then."""
    types: list[t.Type] = [
        INT,
        t.Struct("s", 4, (t.Member("x", 1, 0),)),
        t.Struct("s", 4, (t.Member("x", 1, 0),)),
        t.Struct("both", 8, (t.Member("a", 2, 0), t.Member("b", 3, 32))),
        t.Struct("both", 8, (t.Member("a", 3, 0), t.Member("b", 2, 32))),
    ]
    assert dedup(types).ids == [0, 1, 2, 2, 3, 3]


def test_a_declaration_becomes_the_struct_that_stands_opposite() -> None:
    types: list[t.Type] = [
        t.Fwd("s"),
        t.Ptr(1),
        t.Struct("holder", 8, (t.Member("s", 2, 0),)),
        t.Struct("s", 0, ()),
        t.Ptr(4),
        t.Struct("holder", 8, (t.Member("s", 5, 0),)),
        t.Struct("s", 1, ()),
    ]
    found = dedup(types)
    # There are two structs of that name: which one is meant, only the holder says.
    assert found.ids == [0, 3, 1, 2, 3, 1, 2, 4]
    assert found.types[0] == t.Ptr(3)


def test_a_declaration_becomes_the_one_struct_of_its_name() -> None:
    struct = t.Struct("s", 4, ())
    assert dedup([t.Fwd("s"), t.Ptr(1), struct]) == Deduplicated([t.Ptr(2), struct], [0, 2, 1, 2])
    others: list[t.Type] = [t.Union("s", 4, ()), t.Typedef("s", 0), t.Struct("other", 4, ())]
    for other in others:
        assert len(dedup([t.Fwd("s"), t.Ptr(1), other]).types) == 3
    two: list[t.Type] = [t.Fwd("s"), t.Ptr(1), struct, t.Struct("s", 8, ())]
    assert dedup(two).types == two


def test_a_declaration_does_not_make_one_of_two_structs() -> None:
    """Each of the two would do for the declaration, and they are still not the same."""

    def holder(number: int) -> t.Type:
        return t.Struct("holder", 8, (t.Member("s", number, 0),))

    types: list[t.Type] = [
        t.Fwd("s"),
        t.Ptr(1),
        holder(2),
        t.Struct("s", 4, ()),
        t.Ptr(4),
        holder(5),
        t.Struct("s", 8, ()),
        t.Ptr(7),
        holder(8),
    ]
    found = dedup(types)
    assert found.ids[3] == found.ids[6] != found.ids[9]
    assert found.ids[4] != found.ids[7]


def test_an_enum_without_values_becomes_the_one_with_them() -> None:
    whole = t.Enum("e", 4, (t.Enumerator("A", 1),))
    assert dedup([t.Enum("e", 4, ()), t.Ptr(1), whole]).types == [t.Ptr(2), whole]
    small = t.Enum("e", 1, (t.Enumerator("A", 1),))
    assert len(dedup([t.Enum("e", 4, ()), small]).types) == 2


def test_prototypes_differ_by_the_names_of_parameters() -> None:
    types: list[t.Type] = [
        INT,
        t.FuncProto(1, (t.Param("a", 1),)),
        t.FuncProto(1, (t.Param("b", 1),)),
    ]
    assert dedup(types).types == types


@pytest.mark.parametrize(
    ("types", "said"),
    [
        ([t.Ptr(1)], "type 1 leads back to itself"),
        ([t.Typedef("a", 2), t.Const(1)], "leads back to itself"),
        ([t.FuncProto(1)], "leads back to itself"),
        ([t.Ptr(2)], "type 1 refers to type 2, the highest id is 1"),
        ([t.Struct("s", 0, (t.Member("a", 9, 0),))], "refers to type 9"),
    ],
)
def test_types_that_make_no_sense_are_refused(types: list[t.Type], said: str) -> None:
    with pytest.raises(BTFError, match=said):
        dedup(types)


def test_chains_may_be_longer_than_python_recurses() -> None:
    long: list[t.Type] = [t.Ptr(i) for i in range(50_000)]
    assert dedup([*long, *shifted(long, len(long))]).types == long
    structs: list[t.Type] = [t.Struct("s", 8, (t.Member("next", i, 0),)) for i in range(300)]
    assert dedup(structs).types == structs


def test_structs_that_differ_far_away_are_not_compared_for_ever() -> None:
    """A hundred kilobytes, in which every two chains are alike but for their ends."""
    types: list[t.Type] = []
    for number in range(400):
        types.append(t.Int(f"i{number}", 4, 32))
        for _ in range(20):
            types.append(t.Ptr(len(types)))
            types.append(t.Struct("s", 8, (t.Member("p", len(types), 0),)))
    started = time.process_time()
    found = dedup([*types, types[0]]).types
    assert found == types  # what stays twice is no error
    assert time.process_time() - started < 20


# ---- by hypothesis ----


def acyclic(each: t.Type, type_id: int) -> t.Type:
    """References lead back, except from structs, and to types: as compilers write them."""
    if isinstance(each, t.Struct | t.Union | t.Datasec):
        return each
    return renumbered(each, lambda i: i % type_id)


def compiled() -> st.SearchStrategy[list[t.Type]]:
    """Types without places, whose only circles lead through structs."""
    return st.lists(any_type(12), min_size=12, max_size=12).map(
        lambda drawn: [
            acyclic(t.Ptr(0) if is_place(each) else each, type_id)
            for type_id, each in enumerate(drawn, 1)
        ]
    )


def same(one: t.Type, other: t.Type) -> bool:
    """Whether two types say the same besides their references, or one declares the other."""

    def bare(each: t.Type) -> t.Type:
        return renumbered(each, lambda _: 0)

    if isinstance(one, t.Fwd) and isinstance(other, t.Struct | t.Union):
        return one.name == other.name and one.is_union is isinstance(other, t.Union)
    if isinstance(one, t.Enum | t.Enum64) and not one.values and type(one) is type(other):
        assert isinstance(other, t.Enum | t.Enum64)
        return (one.name, one.size) == (other.name, other.size)
    return bare(one) == bare(other)


@settings(deadline=None, max_examples=100)
@given(compiled())
def test_every_type_becomes_one_that_says_the_same_and_then_nothing_more(
    types: list[t.Type],
) -> None:
    found = dedup(types)
    for old, each in enumerate(types, 1):
        new = found.types[found.ids[old] - 1]
        assert same(each, new)
        if type(each) is type(new):
            assert [found.ids[target] for target in references(each)] == list(references(new))
    again = dedup(found.types)
    assert again.types == found.types
    assert again.ids == list(range(len(found.types) + 1))
    twice = dedup([*types, *shifted(types, len(types))])
    assert twice.types == found.types
    assert twice.ids[1 : len(types) + 1] == twice.ids[len(types) + 1 :] == found.ids[1:]


@settings(deadline=None, max_examples=50)
@given(compiled(), st.permutations(range(1, 13)))
def test_the_order_of_types_means_nothing(types: list[t.Type], order: list[int]) -> None:
    moved = permuted(types, order)
    one, other = table_of(types), table_of(moved)
    places = {old: new for new, old in enumerate(order, 1)}
    for old in order:
        assert renumbered(one[old], lambda i: places.get(i, 0)) == other[places[old]]
    back = permuted(moved, [places[old] for old in range(1, len(types) + 1)])
    assert back == types


# ---- real ones ----

OBJECTS = [
    FIXTURES / f"{name}.bpf.o" for name in ("types_check", "section_names", "names_keywords")
]


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_layouts_stay_what_they_were(path: Path) -> None:
    from bpf2py.elf import read_btf_file

    table = read_btf_file(path)
    found = dedup(types_of(table))
    assert len(found.types) < len(table) - 1
    new = table_of(found.types)
    assert set(told_types(new)) == set(told_types(table))
    for type_id in table:
        if not isinstance(table[type_id], t.Func | t.FuncProto | t.Void | t.DeclTag | t.Fwd):
            assert size_of(new, found.ids[type_id]) == size_of(table, type_id)
            assert named(new, found.ids[type_id]) == named(table, type_id)


def test_bpftool_finds_the_same_types_twice(tmp_path: Path) -> None:
    bpftool = shutil.which("bpftool")
    if bpftool is None:
        pytest.skip("no bpftool")
    from bpf2py.elf import read_btf_file

    for path in OBJECTS:
        linked = tmp_path / path.name
        command = [bpftool, "gen", "object", str(linked), str(path)]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
        theirs = [each for each in types_of(read_btf_file(linked)) if not is_place(each)]
        ours = dedup(types_of(read_btf_file(path))).types
        assert len([each for each in ours if not is_place(each)]) == len(theirs)


def test_types_sorted_by_name_are_found_as_before() -> None:
    """Kernels from 7.0 on sort their BTF; nothing here relies on either order."""
    order = sorted(range(1, len(EVERY_KIND) + 1), key=lambda i: (EVERY_KIND[i - 1].name, i))
    table = table_of(permuted(EVERY_KIND, order))
    before = table_of(EVERY_KIND)
    for name in {each.name for each in EVERY_KIND} - {""}:
        (new,), (old,) = table.ids_named(name), before.ids_named(name)
        assert type(table[new]) is type(before[old])
        assert named(table, new) == named(before, old)


@pytest.mark.parametrize("order", [[1], [1, 1], [1, 3], [0, 1]])
def test_an_order_that_loses_types_is_refused(order: list[int]) -> None:
    with pytest.raises(BTFError, match="once in the new order"):
        permuted([INT, t.Ptr(1)], order)
