"""Types for hypothesis: lists that BTF can say, with references to ids that are there."""

from __future__ import annotations

from pathlib import Path

from hypothesis import strategies as st

from bpf2py.btf import types as t

DATA = Path(__file__).parents[1] / "data"
KERNEL_BTF = Path("/sys/kernel/btf/vmlinux")

U32 = st.integers(0, 2**32 - 1)
NAMES = st.one_of(
    st.just(""),
    st.sampled_from(
        ["a", "b", "task_struct", "task_struct___old", "x___1___2", "___", "long name"]
    ),
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=6),
)


def _members(ids: st.SearchStrategy[int], *, wide: bool) -> st.SearchStrategy[tuple[t.Member, ...]]:
    if wide:
        each = st.builds(t.Member, NAMES, ids, U32, st.just(0))
    else:
        each = st.builds(t.Member, NAMES, ids, st.integers(0, 2**24 - 1), st.integers(0, 255))
    return st.lists(each, max_size=4).map(tuple)


def _values(bits: int, *, signed: bool) -> st.SearchStrategy[tuple[t.Enumerator, ...]]:
    low = -(2 ** (bits - 1)) if signed else 0
    each = st.builds(t.Enumerator, NAMES, st.integers(low, low + 2**bits - 1))
    return st.lists(each, max_size=4).map(tuple)


@st.composite
def integers(draw: st.DrawFn) -> t.Int:
    size = draw(st.sampled_from([1, 2, 4, 8, 16]))
    offset = draw(st.integers(0, min(8 * size, 128)))
    bits = draw(st.integers(0, min(8 * size, 255) - offset))
    flags = [draw(st.booleans()) for _ in range(3)]
    return t.Int(draw(NAMES), size, bits, offset, *flags)


def any_type(count: int) -> st.SearchStrategy[t.Type]:
    """One type that refers to ids 0 to *count*."""
    ids = st.integers(0, count)
    flags = st.booleans()
    composites = [
        st.builds(cls, NAMES, U32, _members(ids, wide=not flag), st.just(flag))
        for cls in (t.Struct, t.Union)
        for flag in (False, True)
    ]
    enums = [
        st.builds(cls, NAMES, U32, _values(bits, signed=signed), st.just(signed))
        for cls, bits in ((t.Enum, 32), (t.Enum64, 64))
        for signed in (False, True)
    ]
    return st.one_of(
        integers(),
        st.builds(t.Ptr, ids),
        st.builds(t.Array, ids, ids, U32),
        *composites,
        *enums,
        st.builds(t.Fwd, NAMES, flags),
        st.builds(t.Typedef, NAMES, ids),
        st.builds(t.Volatile, ids),
        st.builds(t.Const, ids),
        st.builds(t.Restrict, ids),
        st.builds(t.Func, NAMES, ids, st.integers(0, 2)),
        st.builds(
            t.FuncProto, ids, st.lists(st.builds(t.Param, NAMES, ids), max_size=4).map(tuple)
        ),
        st.builds(t.Var, NAMES, ids, U32),
        st.builds(
            t.Datasec,
            NAMES,
            U32,
            st.lists(st.builds(t.SectionVar, ids, U32, U32), max_size=4).map(tuple),
        ),
        st.builds(t.Float, NAMES, U32),
        st.builds(t.DeclTag, NAMES, ids, st.integers(-(2**31), 2**31 - 1), flags),
        st.builds(t.TypeTag, NAMES, ids, flags),
    )


def type_lists(first_id: int = 1) -> st.SearchStrategy[list[t.Type]]:
    """Types with ids from *first_id* on, which refer to each other and to the base's."""
    return st.integers(1, 12).flatmap(
        lambda count: st.lists(any_type(first_id + count - 1), min_size=count, max_size=count)
    )
