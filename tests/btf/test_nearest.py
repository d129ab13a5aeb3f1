"""What a missing name may have been meant to be."""

from __future__ import annotations

from bpf2py.btf import decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.nearest import nearest, nearest_named
from bpf2py.uapi import BTFKind

NAMES = ("bpf_iter_task", "bpf_iter_bpf_map", "do_unlinkat", "do_unlinkable_by_nobody")
TABLE = decode(
    encode(
        [t.FuncProto(0, ()), *(t.Func(name, 1) for name in NAMES), t.Fwd("do_unlinkatt")],
        byte_order="little",
    )
)


def test_near_names_are_shown_and_far_ones_are_not() -> None:
    assert nearest("taks", ["task", "netlink"]) == "; nearest: task"
    assert nearest("taks", ["netlink"]) == ""


def test_in_a_table_names_of_the_kind_count_and_of_about_the_length() -> None:
    assert nearest_named(TABLE, "do_unlinkatx", BTFKind.FUNC) == "; nearest: do_unlinkat"


def test_a_prefix_belongs_to_all_names_and_is_not_shown() -> None:
    assert nearest_named(TABLE, "taks", BTFKind.FUNC, "bpf_iter_") == "; nearest: task"
    assert nearest_named(TABLE, "taks", BTFKind.FUNC) == ""
