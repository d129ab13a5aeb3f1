"""Files are written whole or not at all, and compared by what their blobs stand for."""

from __future__ import annotations

import base64
import os
import stat
import zlib
from pathlib import Path

import pytest

from bpf2py.project import output

DATA = bytes(range(256)) * 8


def module(level: int, data: bytes = DATA) -> str:
    """A module with one blob, compressed at *level*."""
    text = base64.b64encode(zlib.compress(data, level)).decode()
    half = len(text) // 2
    return (
        f'X = spec.Y(\n    a="é",\n    insns=runtime.blob(\n        "{text[:half]}"\n'
        f'        "{text[half:]}"\n    ), other=runtime.blob("{text}"),\n)\n'
    )


def test_another_compression_of_the_same_bytes_is_the_same_module(tmp_path: Path) -> None:
    path = tmp_path / "x_bpf.py"
    path.write_text(module(1))
    assert module(1) != module(9)
    assert output.is_current(path, module(9))
    assert not output.publish(path, module(9))
    assert path.read_text() == module(1)


def test_other_bytes_are_another_module(tmp_path: Path) -> None:
    path = tmp_path / "x_bpf.py"
    path.write_text(module(9))
    changed = module(9, DATA + b"!")
    assert not output.is_current(path, changed)
    shown = output.difference(path, changed)
    assert "blob(2048 bytes, " in shown
    assert "blob(2049 bytes, " in shown
    assert len(shown) < 1000
    assert output.publish(path, changed)
    assert path.read_text() == changed


def test_a_damaged_blob_is_a_difference(tmp_path: Path) -> None:
    path = tmp_path / "x_bpf.py"
    path.write_text(module(9).replace("eN", "!!"))
    assert not output.is_current(path, module(9))


def test_what_is_no_python_is_compared_as_text(tmp_path: Path) -> None:
    path = tmp_path / "x_bpf.py"
    path.write_text("def\n")
    assert output.comparable("def\n") == "def\n"
    assert "-def" in output.difference(path, "x = 1\n")


def test_a_missing_file_differs_from_nothing(tmp_path: Path) -> None:
    shown = output.difference(tmp_path / "x_bpf.py", "x = 1\n")
    assert shown.splitlines()[0] == f"--- {os.devnull}"
    assert shown.splitlines()[-1] == "+x = 1"


def test_a_long_difference_is_cut(tmp_path: Path) -> None:
    shown = output.difference(tmp_path / "x_bpf.py", "x = 1\n" * 500)
    assert len(shown.splitlines()) < 70
    assert shown.endswith("more lines")


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x_bpf.py"
    path.write_text("old\n")

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        output.publish(path, "new\n")
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]


def test_mode_and_symbolic_link_survive(tmp_path: Path) -> None:
    target = tmp_path / "real.py"
    target.write_text("old\n")
    target.chmod(0o640)
    link = tmp_path / "x_bpf.py"
    link.symlink_to(target)
    assert output.publish(link, "new\n")
    assert link.is_symlink()
    assert target.read_text() == "new\n"
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_an_unchanged_file_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "x_bpf.py"
    path.write_text("same\n")
    os.utime(path, ns=(1, 1))
    assert not output.publish(path, "same\n")
    assert path.stat().st_mtime_ns == 1
