"""Which of many kernels' BTF is this kernel's: BTFHub's layout, flat folders, archives, zip files."""

from __future__ import annotations

import lzma
import os
import struct
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from bpf2py.btf import BTFError, decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.header import read_header
from bpf2py.project.hub import archive
from bpf2py.runtime import btf_hub, core_types, kernel, kernel_btf, module_btf
from bpf2py.runtime.btf_hub import Kernel, choose, entries_of_folder
from bpf2py.runtime.errors import NotSupportedError

UBUNTU = Kernel("5.4.0-91-generic", "x86_64", ("ubuntu", "debian"), ("20.04", "focal", "20"))
DEBIAN = Kernel("5.10.0-8-arm64", "aarch64", ("debian",), ("11", "bullseye"))
ROCKY = Kernel("4.18.0-80.el8.x86_64", "x86_64", ("rocky", "rhel", "centos"), ("8.4", "8"))
CONTAINER = Kernel("5.4.0-91-generic", "x86_64", ("alpine",), ("3.18.4", "3"))


def blob(name: str) -> bytes:
    """BTF with one type of that name."""
    return encode([t.Struct(name, 4, ())], byte_order=sys.byteorder)


def chosen(folder: Path, kernel: Kernel) -> str | None:
    """The name of the one type in what is chosen."""
    found, _ = choose(entries_of_folder(folder), kernel, str(folder))
    return None if found is None else decode(bytes(found)).name(1)


def make(folder: Path, *places: str) -> Path:
    """A folder with BTF at *places*, in which a type says the place; ``place=name`` says another."""
    for each in places:
        place, _, name = each.partition("=")
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        content = blob(name or place)
        if place.endswith(".tar.xz"):
            inside = path.with_name("inside")
            inside.write_bytes(content)
            with tarfile.open(path, "w:xz") as tar:
                tar.add(inside, f"./{path.name.removesuffix('.tar.xz')}")
            inside.unlink()
        elif place.endswith(".xz"):
            path.write_bytes(lzma.compress(content))
        else:
            path.write_bytes(content)
    return folder


@pytest.mark.parametrize(
    ("kernel", "places", "expected"),
    [
        pytest.param(
            UBUNTU,
            ("ubuntu/20.04/x86_64/5.4.0-91-generic.btf.tar.xz", "ubuntu/20.04/x86_64/5.4.0-9.btf"),
            0,
            id="BTFHub",
        ),
        pytest.param(UBUNTU, ("5.4.0-91-generic.btf", "5.4.0-91.btf"), 0, id="flat"),
        pytest.param(UBUNTU, ("vmlinux-5.4.0-91-generic",), 0, id="called as a vmlinux"),
        pytest.param(UBUNTU, ("a/b/c/d/5.4.0-91-generic.btf.xz",), 0, id="anywhere"),
        pytest.param(
            UBUNTU,
            (
                "ubuntu/18.04/x86_64/5.4.0-91-generic.btf",
                "ubuntu/20.04/x86_64/5.4.0-91-generic.btf",
            ),
            1,
            id="by version",
        ),
        pytest.param(
            UBUNTU,
            ("ubuntu/focal/x86_64/5.4.0-91-generic.btf", "debian/20/x86_64/5.4.0-91-generic.btf"),
            0,
            id="by code name",
        ),
        pytest.param(
            DEBIAN,
            ("debian/bullseye/arm64/5.10.0-8-arm64.btf", "debian/9/arm64/5.10.0-8-arm64.btf"),
            0,
            id="arm64 is aarch64",
        ),
        pytest.param(
            UBUNTU,
            ("ubuntu/20.04/arm64/5.4.0-91-generic.btf", "ubuntu/18.04/x86_64/5.4.0-91-generic.btf"),
            1,
            id="never of another architecture",
        ),
        pytest.param(
            ROCKY,
            ("ol/8/x86_64/4.18.0-80.el8.x86_64.btf", "centos/8/x86_64/4.18.0-80.el8.x86_64.btf"),
            1,
            id="what the distribution is like",
        ),
        pytest.param(
            CONTAINER,
            ("ubuntu/20.04/x86_64/5.4.0-91-generic.btf",),
            0,
            id="a container of another distribution",
        ),
        pytest.param(UBUNTU, ("ubuntu/20.04/arm64/5.4.0-91-generic.btf",), None, id="only arm64"),
        pytest.param(UBUNTU, ("5.4.0-91-lowlatency.btf", "notes.txt"), None, id="another release"),
        pytest.param(UBUNTU, (".git/5.4.0-91-generic.btf",), None, id="in git's own folder"),
    ],
)
def test_the_file_of_the_release_is_chosen(
    tmp_path: Path, kernel: Kernel, places: tuple[str, ...], expected: int | None
) -> None:
    make(tmp_path, *places)
    assert chosen(tmp_path, kernel) == (None if expected is None else places[expected])


def test_what_differs_and_fits_equally_is_not_guessed(tmp_path: Path) -> None:
    places = [f"ubuntu/{each}/x86_64/5.4.0-91-generic.btf" for each in ("18.04", "20.04")]
    make(tmp_path, *places)
    with pytest.raises(BTFError, match=r"18\.04/x86_64.* and ubuntu/20\.04.*, which differ"):
        chosen(tmp_path, CONTAINER)
    make(tmp_path, *(f"{place}=same" for place in places))
    assert chosen(tmp_path, CONTAINER) == "same"


def test_the_sentence_says_what_was_looked_for_and_what_there_is(tmp_path: Path) -> None:
    make(tmp_path, *(f"ubuntu/20.04/x86_64/5.4.0-{number}-generic.btf" for number in range(40, 90)))
    _, sentence = choose(entries_of_folder(tmp_path), UBUNTU, "btf")
    assert sentence.startswith("btf has none for 5.4.0-91-generic (ubuntu 20.04 x86_64); ")
    assert "the nearest it has: ubuntu/20.04/x86_64/5.4.0-" in sentence
    assert sentence.count("generic") == 6
    assert sentence.endswith(", … (50 in all)")
    assert choose([], UBUNTU, "btf") == (None, "btf has no file *.btf")


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "5.4.0-91-generic.btf").write_bytes(b"nothing")
    with pytest.raises(BTFError, match=r"5\.4\.0-91-generic\.btf: neither BTF"):
        chosen(tmp_path, UBUNTU)


def test_links_that_lead_round_end(tmp_path: Path) -> None:
    make(tmp_path, "ubuntu/20.04/x86_64/5.4.0-91-generic.btf")
    (tmp_path / "ubuntu" / "again").symlink_to("..")
    (tmp_path / "gone").symlink_to("nowhere")
    assert chosen(tmp_path, UBUNTU) == "ubuntu/20.04/x86_64/5.4.0-91-generic.btf"
    assert len(list(entries_of_folder(tmp_path))) == 1


def test_links_that_open_a_labyrinth_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(btf_hub, "_MAX_FOLDERS", 200)
    for level in range(9):
        (tmp_path / str(level)).mkdir()
        for way in "lr":
            (tmp_path / str(level) / way).symlink_to(f"../{level + 1}")
    (tmp_path / "9").mkdir()
    with pytest.raises(BTFError, match="more than 200 folders"):
        list(entries_of_folder(tmp_path))


@pytest.mark.parametrize("kind", ["pipe", "folder"])
def test_what_is_called_like_a_file_and_is_none_is_named(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "5.4.0-91-generic.btf"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(BTFError, match=r"5\.4\.0-91-generic\.btf: not a file"):
        chosen(tmp_path, UBUNTU)


def test_this_kernel_is_what_uname_says() -> None:
    found = btf_hub.this_kernel()
    assert (found.release, found.machine) == (os.uname().release, os.uname().machine)


def test_the_distribution_is_that_of_os_release(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "os-release"
    path.write_text(
        'NAME="Rocky Linux"\nVERSION_ID="8.4"\nID="rocky"\nID_LIKE="rhel centos fedora"\n# no\n'
    )
    monkeypatch.setattr(btf_hub, "_OS_RELEASE", (str(tmp_path / "none"), str(path)))
    found = btf_hub.this_kernel()
    assert found.ids == ("rocky", "rhel", "centos", "fedora")
    assert found.versions == ("8.4", "8")


# ---- as load() asks ----


@pytest.fixture
def without_btf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A kernel without BTF of its own; the folder for its BTF."""
    monkeypatch.setattr(kernel, "VMLINUX_BTF", str(tmp_path / "none"))
    monkeypatch.setattr(core_types, "_VMLINUX", (str(tmp_path / "boot-{}"),))
    monkeypatch.setattr(btf_hub, "this_kernel", lambda: UBUNTU)
    monkeypatch.delenv(core_types.ENVIRONMENT, raising=False)
    kernel_btf.forget()
    return tmp_path / "hub"


def named(source: core_types.KernelTypes | None) -> tuple[str, bool]:
    """The name of the one type, and whether it is the kernel's own."""
    table, modules = core_types.core_types(source)
    assert core_types.is_own(source) is (modules is not None)
    return table.name(1), modules is not None


PLACE = "ubuntu/20.04/x86_64/5.4.0-91-generic.btf"


def test_a_folder_is_for_a_kernel_without_btf(without_btf: Path) -> None:
    make(without_btf, PLACE)
    assert named(without_btf) == (PLACE, False)
    assert named(str(without_btf)) == (PLACE, False)


def test_a_kernel_with_btf_has_no_look_at_the_folder(
    without_btf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = without_btf.with_name("own")
    own.write_bytes(blob("own"))
    monkeypatch.setattr(kernel, "VMLINUX_BTF", str(own))
    monkeypatch.setenv("BPF2PY_NO_CACHE", "1")
    without_btf.mkdir()
    assert named(without_btf) == ("own", True)
    assert named(None) == ("own", True)
    given = make(without_btf, PLACE) / PLACE
    assert named(given) == (PLACE, False)
    kernel_btf.forget()


def test_a_file_bytes_and_types_are_taken_as_they_are(without_btf: Path) -> None:
    make(without_btf, "5.4.0-1.btf.tar.xz=packed", "mine=raw")
    assert named(without_btf / "5.4.0-1.btf.tar.xz") == ("packed", False)
    assert named(str(without_btf / "mine")) == ("raw", False)
    assert named(blob("bytes")) == ("bytes", False)
    assert named(decode(blob("types"))) == ("types", False)
    with pytest.raises(FileNotFoundError):
        core_types.core_types(without_btf / "none")
    (without_btf / "empty").write_bytes(b"")
    with pytest.raises(BTFError, match=r"empty: empty"):
        core_types.core_types(without_btf / "empty")


def test_an_archive_is_a_folder(without_btf: Path) -> None:
    without_btf.mkdir()
    path = without_btf / "btf.tar.xz"
    path.write_bytes(archive([("5.4.0-9-generic.btf", blob("no")), (PLACE, blob("yes"))]))
    assert named(path) == ("yes", False)
    path.write_bytes(archive([("5.4.0-9-generic.btf", blob("no"))]))
    with pytest.raises(NotSupportedError, match=r"btf\.tar\.xz has none for 5\.4\.0-91-generic"):
        core_types.core_types(path)


def test_a_package_in_a_zip_file_has_its_folder_and_archive_read(without_btf: Path) -> None:
    without_btf.mkdir()
    with zipfile.ZipFile(without_btf / "tool.pyz", "w") as zipped:
        zipped.writestr(f"tool/btf/{PLACE}", blob("folder"))
        zipped.writestr("tool/btf.tar.xz", archive([(PLACE, blob("archive"))]))
        zipped.writestr("tool/one.btf", blob("file"))
    with zipfile.ZipFile(without_btf / "tool.pyz") as zipped:
        inside = zipfile.Path(zipped) / "tool"
        assert named(inside / "btf") == ("folder", False)
        assert named(inside / "btf.tar.xz") == ("archive", False)
        assert named(inside / "one.btf") == ("file", False)


def test_importlib_resources_names_the_folder(
    without_btf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from importlib.resources import files

    make(without_btf / "shipped_with_btf" / "btf", PLACE)
    (without_btf / "shipped_with_btf" / "__init__.py").touch()
    monkeypatch.syspath_prepend(str(without_btf))
    assert named(files("shipped_with_btf") / "btf") == (PLACE, False)
    del sys.modules["shipped_with_btf"]


def test_the_environment_goes_before_a_folder_and_after_a_file(
    without_btf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(without_btf / "ours", PLACE)
    make(without_btf / "theirs", f"{PLACE}=theirs", "one.btf=one")
    monkeypatch.setenv(core_types.ENVIRONMENT, str(without_btf / "theirs"))
    assert named(None) == ("theirs", False)
    assert named(without_btf / "ours") == ("theirs", False)
    assert named(without_btf / "ours" / PLACE) == (PLACE, False)
    monkeypatch.setenv(core_types.ENVIRONMENT, str(without_btf / "theirs" / "one.btf"))
    assert named(without_btf / "ours") == ("one", False)
    (without_btf / "theirs" / PLACE).unlink()
    monkeypatch.setenv(core_types.ENVIRONMENT, str(without_btf / "theirs"))
    assert named(without_btf / "ours") == (PLACE, False)


def test_a_vmlinux_that_lies_about_comes_last(without_btf: Path) -> None:
    make(without_btf, PLACE)
    (without_btf.parent / f"boot-{os.uname().release}").write_bytes(blob("boot"))
    assert named(without_btf) == (PLACE, False)
    assert named(None) == ("boot", False)
    (without_btf / PLACE).rename(without_btf / "5.btf")
    assert named(without_btf) == ("boot", False)
    (without_btf.parent / f"boot-{os.uname().release}").write_bytes(b"no BTF in it")
    with pytest.raises(
        NotSupportedError,
        match=r"CONFIG_DEBUG_INFO_BTF; load\(kernel_btf=…\), or BPF2PY_KERNEL_BTF",
    ):
        core_types.core_types(None)


def test_a_dict_adds_modules_to_the_kernel(without_btf: Path) -> None:
    make(without_btf, PLACE, "whole.btf=whole")
    base = decode(blob(PLACE))
    whole = encode([t.Struct("mine", 4, ())], byte_order=sys.byteorder)
    # Behind the base: its strings go on where those of the base end.
    name = read_header(blob(PLACE), split=False).strings[1]
    header = struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, 12, 12, 5)
    split = header + struct.pack("=III", name, *struct.unpack_from("=II", whole, 28)) + b"mine\0"
    types, modules = core_types.core_types(
        {"vmlinux": without_btf / PLACE, "nvidia": split, "zfs": without_btf / "whole.btf"}
    )
    assert modules is not None
    found = dict(modules())
    assert types.name(1) == PLACE
    assert found["nvidia"].base is types
    assert found["nvidia"].name(len(base)) == "mine"
    assert (found["zfs"].base, found["zfs"].name(1)) == (None, "whole")


def test_a_dict_without_vmlinux_is_about_the_running_kernel_and_its_modules(
    without_btf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(without_btf, "own=own", "sys/vmlinux=no", "mine.btf=mine")
    monkeypatch.setattr(kernel, "VMLINUX_BTF", str(without_btf / "own"))
    monkeypatch.setattr(module_btf, "SYSFS_BTF", str(without_btf / "sys"))
    monkeypatch.setenv("BPF2PY_NO_CACHE", "1")
    (without_btf / "sys" / "loaded").write_bytes(
        struct.pack("=HBBIIIII", 0xEB9F, 1, 0, 24, 0, 0, 0, 0)
    )
    given = {"mine": without_btf / "mine.btf"}
    assert not core_types.is_own(given)
    types, modules = core_types.core_types(given)
    assert modules is not None
    assert types.name(1) == "own"
    assert [name for name, _ in modules()] == ["mine", "loaded"]
    kernel_btf.forget()
