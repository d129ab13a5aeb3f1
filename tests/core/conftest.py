"""A machine of the tests' own, for what is kept about the running kernel."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from zlib import crc32

import pytest

from bpf2py.runtime import cache_folder, kernel, kernel_btf, kernel_ids

KERNEL = Path(__file__).parents[1] / "data" / "btf" / "debian-6.12.btf"
BUILD_ID = bytes(range(20))
BUILD = BUILD_ID + crc32(f"{os.uname().release} {os.uname().version}".encode()).to_bytes(4, "big")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A machine of our own: its kernel's BTF, its notes and its user's cache folder."""
    notes = struct.pack("=III", 4, 4, 7) + b"Xen\0abcd"
    notes += struct.pack("=III", 4, 20, 3) + b"GNU\0" + BUILD_ID
    (tmp_path / "notes").write_bytes(notes)
    (tmp_path / "vmlinux").write_bytes(KERNEL.read_bytes())
    monkeypatch.setattr(kernel, "VMLINUX_BTF", str(tmp_path / "vmlinux"))
    monkeypatch.setattr(kernel, "KERNEL_NOTES", str(tmp_path / "notes"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv(cache_folder.NO_CACHE, raising=False)
    kernel_btf.forget()
    kernel_ids.kernel_ids.cache_clear()
    yield tmp_path
    kernel_btf.forget()
    kernel_ids.kernel_ids.cache_clear()
