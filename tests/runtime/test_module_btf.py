"""BTF of modules: what cannot be read is left out with a warning, everything else is raised."""

from __future__ import annotations

import errno
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpf2py.btf import TypeTable, decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.header import read_header
from bpf2py.runtime import module_btf
from bpf2py.runtime.module_btf import module_tables, module_types
from bpf2py.uapi import Cmd
from tests.runtime.conftest import FakeKernel

pytestmark = pytest.mark.usefixtures("no_open_files")

KERNEL_BLOB = encode([t.Int("int", 4, 32)], byte_order=sys.byteorder)
KERNEL = decode(KERNEL_BLOB)


@pytest.mark.parametrize("code", [errno.EPERM, errno.EINVAL], ids=["no right", "before 5.1"])
def test_where_modules_cannot_be_listed_there_are_none(kernel: FakeKernel, code: int) -> None:
    kernel.handlers[Cmd.BTF_GET_NEXT_ID] = lambda _: -code
    assert list(module_tables(KERNEL)) == []


def test_any_other_refusal_is_raised(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.BTF_GET_NEXT_ID] = lambda _: -errno.ENOMEM
    with pytest.raises(OSError, match="Cannot allocate memory"):
        list(module_tables(KERNEL))


def test_a_module_that_goes_away_meanwhile_is_left_out(kernel: FakeKernel) -> None:
    ids = iter((7, 8))

    def next_id(attr: object) -> int:
        number = next(ids, None)
        if number is None:
            return -errno.ENOENT
        attr.write(4, number.to_bytes(4, sys.byteorder))  # type: ignore[attr-defined]
        return 0

    kernel.handlers[Cmd.BTF_GET_NEXT_ID] = next_id
    kernel.handlers[Cmd.BTF_GET_FD_BY_ID] = lambda _: -errno.ENOENT
    assert list(module_tables(KERNEL)) == []
    assert len(kernel.of(Cmd.BTF_GET_FD_BY_ID)) == 2


# ---- types alone, for CO-RE: out of sysfs ----


@pytest.fixture
def sysfs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the modules' BTF: one good module, and the kernel's own."""
    monkeypatch.setattr(module_btf, "SYSFS_BTF", str(tmp_path))
    (tmp_path / "vmlinux").write_bytes(b"not looked at")
    (tmp_path / "good").write_bytes(split("mine"))
    return tmp_path


def split(name: str) -> bytes:
    """A module's BTF: a pointer to the kernel's int under a name, its ids and strings behind."""
    whole = encode([t.Int("int", 4, 32), t.Typedef(name, 1)], byte_order=sys.byteorder)
    header = read_header(whole, split=False)
    types = whole[header.types[0] : sum(header.types)][16:]
    strings = f"{name}\0".encode()
    base = read_header(KERNEL_BLOB, split=False).strings[1]
    typedef = struct.pack("=III", base, *struct.unpack("=II", types[4:]))
    return whole[:12] + struct.pack("=III", 12, 12, len(strings)) + typedef + strings


def names(found: Iterator[tuple[str, TypeTable]]) -> dict[str, str]:
    return {name: table.name(table.first_id) for name, table in found}


def test_types_of_modules_are_read_without_rights(sysfs: Path, kernel: FakeKernel) -> None:
    (sysfs / "other").write_bytes(split("theirs"))
    assert names(module_types(KERNEL)) == {"good": "mine", "other": "theirs"}
    assert kernel.calls == []


@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"", id="nothing in it"),
        pytest.param(b"\x9f\xeb\x01", id="cut short"),
        pytest.param(split("bad")[:-3], id="strings cut short"),
        pytest.param(split("bad").replace(b"\0\0\0\x08", b"\0\0\0\x5f"), id="a kind of the future"),
    ],
)
@pytest.mark.skipif(sys.byteorder == "big", reason="the byte of the kind is looked for as the last")
def test_a_module_that_cannot_be_read_is_left_out_with_a_warning(
    sysfs: Path, content: bytes
) -> None:
    (sysfs / "bad").write_bytes(content)
    with pytest.warns(RuntimeWarning, match=r"BTF of module 'bad' cannot be read.*bad BTF at byte"):
        assert names(module_types(KERNEL)) == {"good": "mine"}


def test_a_module_that_may_not_be_read_is_left_out_with_a_warning(sysfs: Path) -> None:
    (sysfs / "a_folder").mkdir()
    with pytest.warns(RuntimeWarning, match="BTF of module 'a_folder' cannot be read"):
        assert names(module_types(KERNEL)) == {"good": "mine"}


def test_a_module_with_empty_btf_is_no_error(sysfs: Path) -> None:
    (sysfs / "nls_cp437").write_bytes(split("x")[:12] + bytes(12))
    assert [(name, len(table)) for name, table in module_types(KERNEL)] == [
        ("good", len(KERNEL) + 1),
        ("nls_cp437", len(KERNEL)),
    ]


def test_without_sysfs_the_kernel_is_asked(
    sysfs: Path, monkeypatch: pytest.MonkeyPatch, kernel: FakeKernel
) -> None:
    monkeypatch.setattr(module_btf, "SYSFS_BTF", str(sysfs / "none"))
    kernel.handlers[Cmd.BTF_GET_NEXT_ID] = lambda _: -errno.EPERM
    assert names(module_types(KERNEL)) == {}
    assert len(kernel.of(Cmd.BTF_GET_NEXT_ID)) == 1


def test_btf_that_may_not_be_opened_by_id_is_left_out_with_a_warning(kernel: FakeKernel) -> None:
    ids = iter((7,))

    def next_id(attr: object) -> int:
        number = next(ids, None)
        if number is None:
            return -errno.ENOENT
        attr.write(4, number.to_bytes(4, sys.byteorder))  # type: ignore[attr-defined]
        return 0

    kernel.handlers[Cmd.BTF_GET_NEXT_ID] = next_id
    kernel.handlers[Cmd.BTF_GET_FD_BY_ID] = lambda _: -errno.EACCES
    with pytest.warns(RuntimeWarning, match="BTF of a module .with id 7. cannot be read"):
        assert list(module_tables(KERNEL)) == []
