"""Addresses in /proc/kallsyms: whole names, several symbols of one name, hidden addresses."""

from __future__ import annotations

import os

import pytest

from bpf2py.runtime.externs import kallsyms
from bpf2py.runtime.externs.kallsyms import find_addresses, has_syscall_wrapper

TEXT = b"""\
0000000000000000 A fixed_percpu_data
ffffffff81000000 T _stext
ffffffff81000010 t schedule_tail
ffffffff81000020 T schedule
ffffffff81000030 t twice
ffffffff81000040 t twice
ffffffff81000050 t same
ffffffff81000050 t same
ffffffff81000060 d variable.llvm.123456
ffffffff81000070 t function.llvm.123456
ffffffffc0000000 t in_module\t[nf_conntrack]
ffffffffc0000010 t bpf_prog_6deef7357e7b4530_schedule\t[bpf]
"""


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("schedule", 0xFFFFFFFF81000020),
        ("in_module", 0xFFFFFFFFC0000000),
        ("same", 0xFFFFFFFF81000050),
        ("variable", 0xFFFFFFFF81000060),
        ("fixed_percpu_data", 0),
    ],
)
def test_a_name_has_its_address(name: str, address: int) -> None:
    assert find_addresses([name], text=TEXT) == {name: address}


@pytest.mark.parametrize("name", ["sched", "chedule", "function", "nf_conntrack", "T"])
def test_a_part_of_a_name_is_not_there(name: str) -> None:
    assert find_addresses([name], text=TEXT) == {}


def test_a_name_that_stands_for_two_places_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'twice' is ambiguous.*0xffffffff81000030 and 0x"):
        find_addresses(["schedule", "twice"], text=TEXT)


def test_hidden_addresses_are_told_from_zero() -> None:
    hidden = b"".join(b"0" * 16 + line[16:] for line in TEXT.splitlines(keepends=True))
    with pytest.raises(PermissionError, match="kptr_restrict at 0 or 1: it is ") as caught:
        find_addresses(["schedule"], text=hidden)
    assert "schedule" in str(caught.value)
    assert find_addresses(["not_there"], text=hidden) == {}


@pytest.mark.parametrize(
    ("machine", "line", "answer"),
    [
        ("x86_64", b"ffff T __x64_sys_bpf\n", True),
        ("aarch64", b"ffff T __arm64_sys_bpf\n", True),
        ("x86_64", b"ffff T __x64_sys_bpfilter\n", False),
        ("x86_64", b"ffff T sys_bpf\n", False),
        ("sparc64", b"ffff T __sparc_sys_bpf\n", False),
    ],
)
def test_wrapped_system_calls_are_told_by_a_name(
    monkeypatch: pytest.MonkeyPatch, machine: str, line: bytes, answer: bool
) -> None:
    about = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((*about[:4], machine)))
    monkeypatch.setattr(kallsyms, "_read", lambda: line)
    assert has_syscall_wrapper() is answer
