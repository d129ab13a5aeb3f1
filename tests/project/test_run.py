"""A project is made, and again only where something changed."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bpf2py.elf import read_object_file
from bpf2py.project import Outcome, Status, build, load, state
from tests.project.builds import HAS_COMPILER, MINIMAL, SOURCE, project, with_object

needs_compiler = pytest.mark.skipif(
    not HAS_COMPILER, reason="no clang is installed, and no ziglang"
)

BOTH = 'sources = ["bpf/*.bpf.c"]\noutput-dir = "out"\n'


def make(folder: Path, *, check: bool = False) -> list[Outcome]:
    file = folder / "pyproject.toml"
    return build(load(file), check=check, state=state.State.of(file))


def statuses(outcomes: list[Outcome]) -> dict[str, Status]:
    return {outcome.job.module.name: outcome.status for outcome in outcomes}


WRITTEN, UNCHANGED, FAILED = Status.WRITTEN, Status.UNCHANGED, Status.FAILED


@needs_compiler
def test_objects_and_modules_are_made(tmp_path: Path) -> None:
    project(tmp_path, BOTH, one=SOURCE, two=SOURCE)
    assert statuses(make(tmp_path)) == {"one_bpf.py": WRITTEN, "two_bpf.py": WRITTEN}
    names = sorted(str(p.relative_to(tmp_path)) for p in tmp_path.rglob("*") if p.is_file())
    assert names == [
        "bpf/one.bpf.c",
        "bpf/one.bpf.o",
        "bpf/two.bpf.c",
        "bpf/two.bpf.o",
        "out/one_bpf.py",
        "out/two_bpf.py",
        "pyproject.toml",
    ]
    assert statuses(make(tmp_path)) == {"one_bpf.py": UNCHANGED, "two_bpf.py": UNCHANGED}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The modules that were made, not only looked at, in order."""
    found: list[str] = []
    original = state.State.record

    def record(self: state.State, job: str, *rest: Any) -> None:
        found.append(job)
        original(self, job, *rest)

    monkeypatch.setattr(state.State, "record", record)
    return found


def edit_source(folder: Path) -> None:
    path = folder / "bpf" / "one.bpf.c"
    path.write_text(path.read_text().replace("START 7", "START 8"))


def edit_header(folder: Path) -> None:
    (folder / "headers" / "mine.h").write_text("#define START 9\n")


def edit_module(folder: Path) -> None:
    path = folder / "out" / "one_bpf.py"
    path.write_text(path.read_text() + "x = 1\n")


def remove_object(folder: Path) -> None:
    (folder / "bpf" / "one.bpf.o").unlink()


def edit_flags(folder: Path) -> None:
    path = folder / "pyproject.toml"
    path.write_text(path.read_text().replace("-DHEADER", "-DHEADER', '-DLOOK=1"))


HEADERS = (
    "includes = ['headers']\n[[tool.bpf2py.targets]]\nsources = ['bpf/one.bpf.c']\n"
    "cflags = ['-DHEADER']\noutput-dir = 'out'\n"
    "[[tool.bpf2py.targets]]\nsources = ['bpf/two.bpf.c']\noutput-dir = 'out'\n"
)


@needs_compiler
@pytest.mark.parametrize("edit", [edit_source, edit_header, edit_module, remove_object, edit_flags])
def test_only_what_changed_is_made_again(
    tmp_path: Path, edit: Callable[[Path], None], made: list[str]
) -> None:
    project(tmp_path, HEADERS, one=SOURCE, two=SOURCE)
    (tmp_path / "headers").mkdir()
    (tmp_path / "headers" / "mine.h").write_text("/* nothing yet */\n")
    make(tmp_path)
    assert made == ["out/one_bpf.py", "out/two_bpf.py"]
    make(tmp_path)
    edit(tmp_path)
    make(tmp_path)
    make(tmp_path)
    assert made[2:] == ["out/one_bpf.py"]


@needs_compiler
def test_a_header_reaches_the_object(tmp_path: Path) -> None:
    project(tmp_path, HEADERS, one=SOURCE, two=SOURCE)
    (tmp_path / "headers").mkdir()
    edit_header(tmp_path)
    make(tmp_path)
    values = []
    for name in ("one", "two"):
        data = read_object_file(tmp_path / "bpf" / f"{name}.bpf.o").maps[".rodata"].data
        assert data is not None
        values.append(data[0])
    assert values == [9, 7]


@needs_compiler
def test_the_folder_of_a_project_does_not_reach_its_objects(tmp_path: Path) -> None:
    contents = []
    for name in ("a", "deeper/b"):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        project(folder, HEADERS, one=SOURCE, two=SOURCE)
        (folder / "headers").mkdir()
        (folder / "headers" / "mine.h").write_text("static inline int f(void) { return 3; }\n")
        make(folder)
        contents.append((folder / "bpf" / "one.bpf.o").read_bytes())
    assert contents[0] == contents[1]
    assert str(tmp_path).encode() not in contents[0]


@needs_compiler
def test_one_that_fails_keeps_its_files_and_does_not_stop_the_others(tmp_path: Path) -> None:
    project(tmp_path, BOTH, one=SOURCE, two=SOURCE)
    make(tmp_path)
    kept = (tmp_path / "bpf" / "one.bpf.o").read_bytes()
    for name, text in (("one", "return start"), ("two", "START 7")):
        path = tmp_path / "bpf" / f"{name}.bpf.c"
        path.write_text(path.read_text().replace(text, text.replace("start", "wrong") + "1"))
    outcomes = make(tmp_path)
    assert statuses(outcomes) == {"one_bpf.py": FAILED, "two_bpf.py": WRITTEN}
    assert (tmp_path / "bpf" / "one.bpf.o").read_bytes() == kept
    assert str(outcomes[0].error).startswith("bpf/one.bpf.c:10: use of undeclared identifier")
    assert "bpf/one.bpf.c:10:9: error: " in outcomes[0].diagnostics
    assert statuses(make(tmp_path)) == {"one_bpf.py": FAILED, "two_bpf.py": UNCHANGED}


@needs_compiler
def test_check_compares_without_trust_in_what_was_noted(tmp_path: Path) -> None:
    project(tmp_path, BOTH, one=SOURCE)
    (missing,) = make(tmp_path, check=True)
    assert missing.status is Status.OUTDATED
    assert not (tmp_path / "out").exists()
    assert missing.reasons[tmp_path / "bpf" / "one.bpf.o"].endswith("does not exist")
    make(tmp_path)
    assert statuses(make(tmp_path, check=True)) == {"one_bpf.py": UNCHANGED}
    edit_source(tmp_path)
    (stale,) = make(tmp_path, check=True)
    assert set(stale.reasons) == {
        tmp_path / "bpf" / "one.bpf.o",
        tmp_path / "out" / "one_bpf.py",
    }
    assert "compiles to another object" in stale.reasons[tmp_path / "bpf" / "one.bpf.o"]


def test_an_object_needs_no_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with_object(tmp_path)
    assert statuses(make(tmp_path)) == {"minimal_bpf.py": WRITTEN}
    assert statuses(make(tmp_path)) == {"minimal_bpf.py": UNCHANGED}
    expected = MINIMAL.with_name("minimal_bpf.py").read_text()
    assert (tmp_path / "minimal_bpf.py").read_text() == expected


def test_a_copied_runtime_is_mended(tmp_path: Path) -> None:
    with_object(tmp_path, 'objects = ["*.bpf.o"]\nvendor = true\n')
    (made,) = make(tmp_path)
    copied = tmp_path / "_bpf2py" / "spec.py"
    assert copied in made.files
    copied.unlink()
    (tmp_path / "_bpf2py" / "older.py").write_text("")
    assert set(make(tmp_path, check=True)[0].reasons) == {copied, copied.with_name("older.py")}
    assert statuses(make(tmp_path)) == {"minimal_bpf.py": WRITTEN}
    assert copied.exists()
    assert statuses(make(tmp_path)) == {"minimal_bpf.py": UNCHANGED}


@pytest.mark.parametrize("damage", ["", "[]", "{}", '{"format": ["1", "0"], "jobs": {}}'])
def test_a_damaged_record_means_that_everything_is_made(
    tmp_path: Path, cache: Path, damage: str
) -> None:
    with_object(tmp_path)
    make(tmp_path)
    (record,) = (cache / "bpf2py" / "projects").iterdir()
    record.write_text(damage)
    (tmp_path / "minimal_bpf.py").unlink()
    assert statuses(make(tmp_path)) == {"minimal_bpf.py": WRITTEN}


def test_a_cache_that_cannot_be_written_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/self/nowhere")
    with_object(tmp_path)
    assert statuses(make(tmp_path)) == {"minimal_bpf.py": WRITTEN}
    assert statuses(make(tmp_path)) == {"minimal_bpf.py": UNCHANGED}


def test_a_refused_object_is_an_outcome(tmp_path: Path) -> None:
    with_object(tmp_path)
    (tmp_path / "zdamaged.bpf.o").write_bytes(b"no ELF")
    found = make(tmp_path)
    assert statuses(found) == {"minimal_bpf.py": WRITTEN, "zdamaged_bpf.py": FAILED}
    assert "zdamaged.bpf.o" in str(found[1].error)


@needs_compiler
@pytest.mark.skipif(
    not Path("/sys/kernel/btf/vmlinux").exists(), reason="this kernel carries no BTF"
)
def test_vmlinux_h_is_written_where_it_is_missing(tmp_path: Path) -> None:
    source = '#include "vmlinux.h"\n' + SOURCE.replace("int look", "__u32 look")
    project(tmp_path, BOTH + "vmlinux = true\n", one=source)
    assert statuses(make(tmp_path)) == {"one_bpf.py": WRITTEN}
    header = tmp_path / "bpf" / "vmlinux.h"
    stamp = header.stat().st_mtime_ns
    assert statuses(make(tmp_path)) == {"one_bpf.py": UNCHANGED}
    assert header.stat().st_mtime_ns == stamp


def test_another_compiler_makes_everything_again(tmp_path: Path, made: list[str]) -> None:
    names = [name for name in ("clang-14", "clang-16", "clang-19") if shutil.which(name)]
    if len(names) < 2:
        pytest.skip("two versions of clang are not installed")
    for name in names[:2]:
        project(tmp_path, BOTH + f"clang = '{name}'\n", one=SOURCE)
        make(tmp_path)
        make(tmp_path)
    assert made == ["out/one_bpf.py"] * 2
