"""Ids that are kept: those of the kernel's BTF, or none."""

from __future__ import annotations

import os
import stat
import sys
import zlib
from pathlib import Path

import pytest

from bpf2py.btf import decode, encode
from bpf2py.runtime import cache_folder, kernel, kernel_btf
from bpf2py.runtime.kernel_ids import KernelIds
from bpf2py.uapi import BTFKind

from .conftest import BUILD, KERNEL
from .tables import INT, struct_of

ASKED = (
    ("task_struct", BTFKind.STRUCT),
    ("u32", BTFKind.TYPEDEF),
    ("int", BTFKind.INT),
    ("task_struct", BTFKind.FUNC),
    ("no such type", BTFKind.STRUCT),
    ("", BTFKind.STRUCT),
)


def kept(machine: Path) -> Path:
    return machine / "cache" / "bpf2py" / f"ids-{BUILD.hex()}"


def ask() -> list[int | None]:
    """As another process would."""
    kernel_btf.forget()
    ids = KernelIds()
    found = [ids.find(name, kind) for name, kind in ASKED]
    ids.keep()
    return found


def expected(blob: bytes) -> list[int | None]:
    table = decode(blob)
    return [table.find(name, kind) for name, kind in ASKED]


def test_the_second_process_gets_the_same_ids_without_btf(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert ask() == ask() == expected(KERNEL.read_bytes())
    assert stat.S_IMODE(kept(machine).stat().st_mode) == 0o600
    monkeypatch.setattr(kernel_btf, "kernel_btf", lambda: pytest.fail("the BTF was read"))
    assert [KernelIds().find(*each) for each in ASKED[:3]] == expected(KERNEL.read_bytes())[:3]


def test_what_several_processes_asked_for_is_kept_together(machine: Path) -> None:
    one, other = KernelIds(), KernelIds()
    one.find(*ASKED[0])
    other.find(*ASKED[1])
    one.keep()
    other.keep()
    assert len(kept(machine).read_bytes().splitlines()) == 3
    before = kept(machine).stat().st_mtime_ns
    other.find(*ASKED[0])
    one.keep()
    KernelIds().keep()
    assert kept(machine).stat().st_mtime_ns == before


def test_another_kernel_is_asked_itself(machine: Path) -> None:
    ask()
    blob = encode([INT, struct_of("task_struct", 4)], byte_order=sys.byteorder)
    (machine / "vmlinux").write_bytes(blob)
    assert ask() == expected(blob)
    (machine / "vmlinux").unlink()
    assert not kernel.build()


def test_every_damage_is_seen(machine: Path) -> None:
    right = ask()
    good = kept(machine).read_bytes()
    damaged = [good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :] for at in range(len(good))]
    damaged += [good[:at] for at in range(len(good))] + [good + b"\n", good + b"\xff"]
    for content in damaged:
        kept(machine).write_bytes(content)
        assert not KernelIds()._known, content
    assert ask() == right
    assert kept(machine).read_bytes() == good


def test_lines_that_are_none_with_a_right_checksum_are_ignored(machine: Path) -> None:
    ask()
    for body in (b"4 task_struct x\n", b"\xff 1\n", b"\n"):
        head = f"bpf2py ids 1 {BUILD.hex()} {len(KERNEL.read_bytes())} {zlib.crc32(body):08x}\n"
        kept(machine).write_bytes(head.encode() + body)
        assert ask() == expected(KERNEL.read_bytes())


def test_what_somebody_else_may_have_written_is_ignored(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask()
    kept(machine).chmod(0o666)
    assert not KernelIds()._known
    kept(machine).chmod(0o600)
    assert KernelIds()._known
    monkeypatch.setenv(cache_folder.NO_CACHE, "1")
    assert not KernelIds()._known
    os.unlink(kept(machine))
    assert ask() == expected(KERNEL.read_bytes())
    assert not kept(machine).exists()
