"""Types found by the names that people type."""

from __future__ import annotations

import pytest

from bpf2py.btf import decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.errors import UnknownTypeError
from bpf2py.btf.pick import pick

TABLE = decode(
    encode(
        [
            t.Int("int", 4, 32, signed=True),
            t.Struct("task_struct", 0, ()),
            t.Enum("task_struct", 4, (t.Enumerator("T", 0),)),
            t.Typedef("pid_t", 1),
            t.Enum("", 4, (t.Enumerator("BPF_ANY", 0), t.Enumerator("BPF_EXIST", 2))),
            t.Fwd("declared"),
            t.Fwd("task_struct"),
            t.Struct("task_struct", 4, ()),
            t.Func("do_exit", 10),
            t.FuncProto(0),
        ],
        byte_order="little",
    )
)


@pytest.mark.parametrize(
    ("names", "ids"),
    [
        (["task_struct"], [2, 3, 8]),
        (["struct task_struct"], [2, 8]),
        (["  enum   task_struct "], [3]),
        (["pid_t", "task_struct", "pid_t"], [4, 2, 3, 8]),
        (["BPF_EXIST"], [5]),
        (["struct declared"], [6]),
        ([], []),
    ],
)
def test_a_name_finds_all_types_that_bear_it(names: list[str], ids: list[int]) -> None:
    assert pick(TABLE, names) == ids


@pytest.mark.parametrize("name", ["int", "do_exit", "struct pid_t", "long task_struct", "", "T T"])
def test_what_is_no_such_type_is_refused(name: str) -> None:
    with pytest.raises(UnknownTypeError, match="has no type") as refused:
        pick(TABLE, [name])
    assert repr(name) in str(refused.value)


def test_all_missing_names_are_told_with_similar_ones() -> None:
    with pytest.raises(UnknownTypeError, match="'task_strct', 'zzz'") as refused:
        pick(TABLE, ["task_strct", "pid_t", "zzz"])
    assert refused.value.hint == "near 'task_strct': task_struct"
