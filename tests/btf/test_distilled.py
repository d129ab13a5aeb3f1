"""Modules that bring a summary of their base, over the base of another kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpf2py.btf import BTFError, TypeTable, decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.distilled import relocated
from bpf2py.btf.layout import size_of
from bpf2py.elf import read_btf_file
from tests.support.elfwriter import ElfWriter

INT = t.Int("int", 4, 32, signed=True)
LIST = t.Struct("list_head", 16, (t.Member("next", 3, 0), t.Member("prev", 3, 64)))
#: The kernel: ids 1 to 8.
KERNEL: list[t.Type] = [
    t.Int("char", 1, 8, char=True),
    LIST,
    t.Ptr(2),
    INT,
    t.Struct("task_struct", 4, (t.Member("pid", 4, 0),)),
    t.Union("either", 4, (t.Member("a", 4, 0),)),
    t.Enum("mode", 4, (t.Enumerator("OFF", 0),)),
    t.Struct("list_head", 8, (t.Member("other", 3, 0),)),
]
#: What pahole leaves of it: ids 1 to 5.
SUMMARY: list[t.Type] = [
    INT,
    t.Struct("list_head", 16, ()),
    t.Fwd("task_struct"),
    t.Fwd("either", is_union=True),
    t.Enum("mode", 4, ()),
]
#: The module: ids 6 to 9.
MODULE: list[t.Type] = [
    t.Ptr(3),
    t.Ptr(4),
    t.Struct(
        "mine",
        48,
        (
            t.Member("list", 2, 0),
            t.Member("task", 6, 128),
            t.Member("either", 7, 192),
            t.Member("number", 1, 256),
            t.Member("mode", 5, 288),
            t.Member("self", 9, 320),
        ),
    ),
    t.Ptr(8),
]


def split(summary: list[t.Type] = SUMMARY) -> TypeTable:
    base = decode(encode(summary, byte_order="little"))
    return decode(encode(MODULE, byte_order="little", base=base), base=base)


def kernel() -> TypeTable:
    return decode(encode(KERNEL, byte_order="little"))


def test_types_of_the_module_lie_over_those_of_the_kernel() -> None:
    table = relocated(split(), kernel())
    assert (table.first_id, len(table)) == (9, 13)
    assert (table[9], table[10]) == (t.Ptr(5), t.Ptr(6))
    mine = table[11]
    assert isinstance(mine, t.Struct)
    assert [member.target for member in mine.members] == [2, 9, 10, 4, 7, 12]
    assert table[12] == t.Ptr(11)
    assert size_of(table, 2) == 16
    assert table[2] == LIST  # with its members now


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (t.Struct("list_head", 24, ()), "no struct 'list_head' of 24 bytes"),
        (t.Fwd("gone"), "no fwd 'gone'"),
        (t.Int("int", 8, 64), "no int 'int' of 8 bytes"),
        (t.Enum("mode", 8, ()), "no enum 'mode' of 8 bytes"),
    ],
)
def test_what_the_kernel_does_not_have_is_named(missing: t.Type, said: str) -> None:
    with pytest.raises(BTFError, match=said):
        relocated(split([*SUMMARY[:4], missing]), kernel())


def test_two_types_that_fit_are_too_many() -> None:
    double = decode(encode([*KERNEL, LIST], byte_order="little"))
    with pytest.raises(BTFError, match="2 types 'list_head' of 16 bytes"):
        relocated(split(), double)


def test_a_module_s_file_is_read_with_and_without_the_kernel(tmp_path: Path) -> None:
    elf = ElfWriter()
    summary = decode(encode(SUMMARY, byte_order="little"))
    elf.section(".BTF", encode(MODULE, byte_order="little", base=summary))
    elf.section(".BTF.base", encode(SUMMARY, byte_order="little"))
    file = tmp_path / "module.ko"
    file.write_bytes(elf.build())
    alone, over = read_btf_file(file), read_btf_file(file, base=kernel())
    assert (alone.first_id, over.first_id) == (6, 9)
    assert alone.names.ids("mine") == [8]
    assert over.names.ids("mine") == [11]
