"""``kernels`` in [tool.bpf2py]: the reduced BTF of many kernels comes with the module."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from bpf2py.btf import decode
from bpf2py.btf.reduce import reduce
from bpf2py.hooks import generate
from bpf2py.project import ConfigError, Outcome, Status, build, load, state
from bpf2py.runtime.btf_hub import entries_of_archive
from tests.core.trim import FOLDER, ROOT, needs
from tests.project.builds import project

OBJECT = ROOT / "generated_fixtures" / "core_fields.bpf.o"
CONFIG = 'objects = ["bpf/*.bpf.o"]\noutput-dir = "out"\nkernels = "hub"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with one object, and a folder with the BTF of four kernels."""
    project(tmp_path, CONFIG)
    (tmp_path / "bpf").mkdir(exist_ok=True)
    shutil.copy(OBJECT, tmp_path / "bpf")
    shutil.copytree(FOLDER, tmp_path / "hub" / "debian" / "x86_64")
    return tmp_path


def make(folder: Path, *, check: bool = False) -> Outcome:
    file = folder / "pyproject.toml"
    (outcome,) = build(load(file), check=check, state=state.State.of(file))
    return outcome


def shipped(folder: Path) -> dict[str, bytes]:
    data = (folder / "out" / "core_fields_btf.tar.xz").read_bytes()
    return {str(entry): bytes(entry.read()) for entry in entries_of_archive(data)}


def test_what_the_object_needs_of_each_kernel_lies_beside_its_module(folder: Path) -> None:
    assert make(folder).status is Status.WRITTEN
    assert shipped(folder) == {
        f"debian/x86_64/{path.stem}": reduce(decode(path.read_bytes()), [needs(OBJECT)])
        for path in FOLDER.glob("*.btf")
    }
    assert make(folder).status is Status.UNCHANGED
    assert make(folder, check=True).status is Status.UNCHANGED


def test_a_kernel_that_comes_or_changes_is_noticed(folder: Path) -> None:
    make(folder)
    first = folder / "hub" / "debian" / "x86_64" / "debian-5.10.btf"
    shutil.copy(first, folder / "hub" / "5.11.btf")
    assert make(folder, check=True).status is Status.OUTDATED
    assert make(folder).status is Status.WRITTEN
    assert "5.11" in shipped(folder)
    assert make(folder).status is Status.UNCHANGED
    shutil.copy(FOLDER / "debian-6.12.btf", folder / "hub" / "5.11.btf")
    os.utime(folder / "hub" / "5.11.btf", ns=(1, 1))
    assert make(folder).status is Status.WRITTEN
    assert shipped(folder)["5.11"] == shipped(folder)["debian/x86_64/debian-6.12"]


def test_an_archive_that_is_gone_is_made_again(folder: Path) -> None:
    make(folder)
    (folder / "out" / "core_fields_btf.tar.xz").unlink()
    assert make(folder).status is Status.WRITTEN
    assert len(shipped(folder)) == 4


def test_without_the_folder_the_archive_stays_and_goes_into_the_wheel(folder: Path) -> None:
    make(folder)
    before = shipped(folder)
    shutil.rmtree(folder / "hub")
    assert make(folder).status is Status.UNCHANGED
    names = {path.name for path in generate(folder)}
    assert names == {"core_fields_bpf.py", "core_fields_btf.tar.xz"}
    assert shipped(folder) == before


def test_without_folder_and_archive_it_is_said_what_is_missing(folder: Path) -> None:
    shutil.rmtree(folder / "hub")
    outcome = make(folder)
    assert outcome.status is Status.FAILED
    assert isinstance(outcome.error, ConfigError)
    assert "hub is not there, and out/core_fields_btf.tar.xz was not made" in str(outcome.error)
    assert not (folder / "out").exists()


def test_damaged_btf_is_named_and_nothing_is_written(folder: Path) -> None:
    (folder / "hub" / "6.btf").write_bytes(b"no BTF")
    outcome = make(folder)
    assert outcome.status is Status.FAILED
    assert "hub/6.btf: " in str(outcome.error)
    assert not (folder / "out").exists()


def test_of_both_byte_orders_a_kernel_gets_its_own(folder: Path) -> None:
    shutil.copy(ROOT / "generated_fixtures" / "core_fields.eb.bpf.o", folder / "bpf")
    text = (folder / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text(text + 'as-one = "core_fields"\n')
    assert make(folder).status is Status.WRITTEN
    assert shipped(folder)["debian/x86_64/debian-5.10"] == reduce(
        decode((FOLDER / "debian-5.10.btf").read_bytes()), [needs(OBJECT)]
    )
