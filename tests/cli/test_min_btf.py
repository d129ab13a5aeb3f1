"""``bpf2py min-btf``: files and folders of reduced BTF."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bpf2py.btf import decode
from bpf2py.btf.reduce import reduce
from bpf2py.cli.main import cli

from ..core.trim import FOLDER, ROOT, needs

FIXTURES = ROOT / "generated_fixtures"
OBJECTS = (FIXTURES / "core_fields.bpf.o", FIXTURES / "core_enums.bpf.o")
KERNEL = FOLDER / "debian-6.12.btf"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["min-btf", *map(str, arguments)])


def reduced(kernel: Path = KERNEL) -> bytes:
    return reduce(decode(kernel.read_bytes()), map(needs, OBJECTS))


def test_several_objects_share_one_file(tmp_path: Path) -> None:
    path = tmp_path / "new" / "small.btf"
    result = run(*OBJECTS, "--btf", KERNEL, "-o", path)
    assert result.exit_code == 0
    assert path.read_bytes() == reduced()
    types = len(decode(reduced())) - 1
    assert result.stdout.startswith(f"{path}: {types} types in {len(reduced())} bytes, of ")


def test_a_folder_for_the_output_gets_a_file_of_the_kernel_s_name(tmp_path: Path) -> None:
    assert run(*OBJECTS, "--btf", KERNEL, "-o", tmp_path).exit_code == 0
    assert (tmp_path / KERNEL.name).read_bytes() == reduced()


def test_a_folder_in_gives_the_same_folder_out(tmp_path: Path) -> None:
    source, target = tmp_path / "hub", tmp_path / "out"
    deep = source / "debian" / "12" / "x86_64"
    deep.mkdir(parents=True)
    (source / "a.btf").write_bytes(KERNEL.read_bytes())
    (source / "README").write_text("not BTF")
    other = FOLDER / "debian-5.10.btf"
    with tarfile.open(deep / "b.btf.tar.xz", "w:xz") as archive:
        archive.add(other, "b.btf")
    result = run(*OBJECTS, "--btf", source, "-o", target)
    assert result.exit_code == 0, result.output
    found = {path.relative_to(target): path.read_bytes() for path in target.rglob("*.btf")}
    assert found == {
        Path("a.btf"): reduced(),
        Path("debian/12/x86_64/b.btf"): reduced(other),
    }
    assert len([path for path in target.rglob("*") if path.is_file()]) == 2


def test_nothing_is_written_if_one_file_is_refused(tmp_path: Path) -> None:
    source, target = tmp_path / "hub", tmp_path / "out"
    source.mkdir()
    (source / "a.btf").write_bytes(KERNEL.read_bytes())
    (source / "b.btf").write_bytes(b"\x9f\xeb")
    result = run(*OBJECTS, "--btf", source, "-o", target)
    assert result.exit_code == 1
    assert f"{source / 'b.btf'}: bad BTF" in result.stderr
    assert not target.exists()


@pytest.mark.parametrize("content", [b"", b"no archive", "empty"])
def test_a_damaged_archive_is_named(content: bytes | str, tmp_path: Path) -> None:
    path = tmp_path / "c.btf.tar.xz"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        with tarfile.open(path, "w:xz") as archive:
            archive.addfile(tarfile.TarInfo("other"), io.BytesIO())
    result = run(*OBJECTS, "--btf", tmp_path, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert f"Error: {path}: " in result.stderr


def test_two_files_for_one_place_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.btf").write_bytes(KERNEL.read_bytes())
    with tarfile.open(tmp_path / "a.btf.tar.xz", "w:xz") as archive:
        archive.add(KERNEL, "a.btf")
    result = run(*OBJECTS, "--btf", tmp_path, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "would both become" in result.stderr


def test_an_empty_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    empty = run(*OBJECTS, "--btf", tmp_path, "-o", tmp_path / "out")
    assert empty.exit_code == 1
    assert "no *.btf" in empty.stderr
    missing = run(*OBJECTS, "--btf", tmp_path / "none", "-o", tmp_path / "out")
    assert missing.exit_code == 1
    assert "no such file" in missing.stderr


def test_an_object_of_another_byte_order_is_refused(tmp_path: Path) -> None:
    other = FIXTURES / "core_fields.eb.bpf.o"
    result = run(other, "--btf", KERNEL, "-o", tmp_path / "out.btf")
    assert result.exit_code == 1
    assert "big endian" in result.stderr
    assert not (tmp_path / "out.btf").exists()


def test_a_folder_becomes_one_archive_the_same_every_time(tmp_path: Path) -> None:
    source = tmp_path / "hub" / "debian" / "12" / "x86_64"
    source.mkdir(parents=True)
    for name in ("6.12.1-amd64", "6.12.2-amd64"):
        (source / f"{name}.btf").write_bytes(KERNEL.read_bytes())
    (source / "5.10.0-8-amd64.btf").write_bytes((FOLDER / "debian-5.10.btf").read_bytes())
    first, second = tmp_path / "btf.tar.xz", tmp_path / "again.tar.xz"
    result = run(*OBJECTS, "--btf", tmp_path / "hub", "-o", first)
    assert result.exit_code == 0, result.output
    size = 2 * len(reduced()) + len(reduced(FOLDER / "debian-5.10.btf"))
    written = first.stat().st_size
    assert result.stdout == f"{first}: 3 kernels in {written} bytes, {size} unpacked\n"
    with tarfile.open(first) as archive:
        found = {entry.name: archive.extractfile(entry) for entry in archive}
        contents = {name: file.read() for name, file in found.items() if file is not None}
    assert contents == {
        "debian/12/x86_64/6.12.1-amd64.btf": reduced(),
        "debian/12/x86_64/6.12.2-amd64.btf": reduced(),
        "debian/12/x86_64/5.10.0-8-amd64.btf": reduced(FOLDER / "debian-5.10.btf"),
    }
    assert written < size / 3
    assert run(*OBJECTS, "--btf", first, "-o", second).exit_code == 0
    assert second.read_bytes() == first.read_bytes()


@pytest.mark.parametrize(
    ("btf", "name", "complaint"),
    [
        (FOLDER, "a.tar.gz", "written as *.tar.xz"),
        (KERNEL, "a.tar.xz", "made of a folder"),
    ],
)
def test_other_archives_are_refused(tmp_path: Path, btf: Path, name: str, complaint: str) -> None:
    result = run(*OBJECTS, "--btf", btf, "-o", tmp_path / name)
    assert result.exit_code == 1
    assert complaint in result.stderr


def test_an_archive_cannot_write_outside_of_the_folder(tmp_path: Path) -> None:
    path = tmp_path / "evil.tar"
    with tarfile.open(path, "w") as archive:
        archive.add(KERNEL, "../../outside.btf")
        archive.add(KERNEL, "/inside.btf")
    assert run(*OBJECTS, "--btf", path, "-o", tmp_path / "a" / "b").exit_code == 0
    assert [each.name for each in tmp_path.rglob("*.btf")] == ["inside.btf"]
