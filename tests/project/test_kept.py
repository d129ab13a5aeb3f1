"""Texts that were made before: believed only if nothing that decides them changed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bpf2py.project import kept, modules

OBJECT = Path(__file__).resolve().parents[2] / "generated_fixtures" / "minimal.bpf.o"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "bpf2py" / "generated"


def text(tmp_path: Path, data: bytes = OBJECT.read_bytes(), **options: object) -> str:
    each = modules.ObjectFile(name="minimal.bpf.o", data=data)
    path = tmp_path / "minimal_bpf.py"
    return modules.generated([each], module=path, **options).text  # type: ignore[arg-type]


def test_a_text_is_made_once_and_the_same_afterwards(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = text(tmp_path)
    assert [path.stat().st_mode & 0o777 for path in folder.iterdir()] == [0o600]
    with monkeypatch.context() as patched:
        patched.setattr("bpf2py.elf.read_object", None)  # calling it would fail
        assert text(tmp_path) == made
        with pytest.raises(TypeError):
            text(tmp_path, class_name="Other")


def test_whatever_decides_the_text_is_in_its_name() -> None:
    names = {
        kept.key(b"object", "x.bpf.o", ("a", "b")),
        kept.key(b"object2", "x.bpf.o", ("a", "b")),
        kept.key(b"object", "y.bpf.o", ("a", "b")),
        kept.key(b"object", "x.bpf.o", ("ab",)),
        kept.key(b"objectx.bpf.o", ("a", "b")),
    }
    assert len(names) == 5


def test_another_generator_believes_nothing(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "render.py").write_text("1")
    monkeypatch.setattr(kept, "_ROOT", package)

    def name() -> str:
        kept.generator.cache_clear()
        return kept.key(b"object")

    try:
        before = name()
        assert name() == before
        os.utime(package / "render.py", ns=(1, 1))
        assert name() != before
        (package / "new.py.j2").touch()
        assert name() != before
        monkeypatch.setattr(kept, "__version__", "other")
        assert name() != before
    finally:
        kept.generator.cache_clear()


@pytest.mark.parametrize("damage", ["changed", "cut", "empty", "link", "directory", "writable"])
def test_what_is_damaged_or_could_be_somebody_elses_is_made_again(
    folder: Path, tmp_path: Path, damage: str
) -> None:
    made = text(tmp_path)
    (path,) = folder.iterdir()
    content = path.read_bytes()
    match damage:
        case "changed":
            path.write_bytes(content.replace(b"class", b"clasS", 1))
        case "cut":
            path.write_bytes(content[:-1])
        case "empty":
            path.write_bytes(b"")
        case "link":
            path.rename(tmp_path / "elsewhere")
            path.symlink_to(tmp_path / "elsewhere")
        case "directory":
            path.unlink()
            path.mkdir()
        case "writable":
            folder.chmod(0o777)
    assert kept.load(path.name) is None
    assert text(tmp_path) == made


@pytest.mark.skipif(os.geteuid() != 0, reason="giving a folder away needs root")
def test_a_folder_of_another_user_is_neither_read_nor_written(folder: Path, tmp_path: Path) -> None:
    made = text(tmp_path)
    (path,) = folder.iterdir()
    os.chown(folder, 65534, 65534)
    assert kept.load(path.name) is None
    kept.save("other", b"data")
    assert list(folder.iterdir()) == [path]
    assert text(tmp_path) == made


def test_without_a_place_to_keep_it_the_text_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/self/nowhere")
    assert text(tmp_path) == text(tmp_path)


def test_the_ones_used_longest_ago_go_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "_KEPT", 2)
    for number, name in enumerate(("a", "b")):
        kept.save(name, b"text")
        os.utime(folder / name, ns=(number, number))
    assert kept.load("a") == b"text"
    kept.save("c", b"text")
    assert sorted(path.name for path in folder.iterdir()) == ["a", "c"]


def test_the_file_beside_a_module_is_kept_with_it(folder: Path, tmp_path: Path) -> None:
    objects = [modules.ObjectFile(name="minimal.bpf.o", data=OBJECT.read_bytes())]
    path = tmp_path / "minimal_bpf.py"
    made = modules.generated(objects, module=path, sidecar=True)
    assert made.sidecar is not None
    assert modules.Generated.decode(made.encode()) == made
    assert modules.generated(objects, module=path, sidecar=True) == made
    assert modules.generated(objects, module=path).sidecar is None
