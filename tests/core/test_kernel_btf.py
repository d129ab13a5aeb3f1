"""The kernel's BTF and its index on disk: right, quick, and unmoved by whatever lies in the cache."""

from __future__ import annotations

import errno
import os
import random
import stat
import struct
import subprocess
import sys
import tempfile
import zlib
from pathlib import Path
from typing import NoReturn

import pytest

from bpf2py.btf import BTFError, decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.header import read_header
from bpf2py.btf.table import TypeTable
from bpf2py.runtime import btf_index, cache_folder, kernel, kernel_btf
from bpf2py.runtime.btf_index import build_index, open_index
from bpf2py.runtime.errors import NotSupportedError
from bpf2py.uapi import BTFKind

from .conftest import BUILD, KERNEL
from .tables import INT, struct_of


def index_file(machine: Path) -> Path:
    return machine / "cache" / "bpf2py" / f"btf-{BUILD.hex()}"


def fresh() -> TypeTable:
    """The kernel's types as another process would get them."""
    kernel_btf.forget()
    return kernel_btf.kernel_btf()


def uses_index(table: TypeTable) -> bool:
    """Whether the table came from an index file instead of a scan."""
    return isinstance(table.offsets, memoryview)


def assert_right(table: TypeTable) -> None:
    """The same types and the same names as a plain scan finds."""
    scanned = decode(KERNEL.read_bytes())
    assert list(table.offsets) == list(scanned.offsets)
    for type_id in scanned:
        name = scanned.name(type_id)
        assert list(table.ids_named(name)) == list(scanned.ids_named(name))
        essential = list(table.ids_essentially_named(name))
        assert essential == list(scanned.ids_essentially_named(name))
    assert table.find("task_struct", BTFKind.STRUCT) == scanned.find("task_struct")
    for missing in ("no_such_type", "task_struc", "task_struct_", "", "a\0b"):
        assert not table.ids_named(missing)
        assert not table.ids_essentially_named(missing)


# ---- the ordinary way ----


def test_the_first_time_scans_and_writes_and_the_second_reads(machine: Path) -> None:
    assert_right(fresh())
    written = index_file(machine)
    about = written.stat()
    assert stat.S_IMODE(about.st_mode) == 0o600
    assert stat.S_IMODE(written.parent.stat().st_mode) == 0o700
    again = fresh()
    assert uses_index(again)
    assert_right(again)
    assert written.stat().st_mtime_ns == about.st_mtime_ns
    assert [path.name for path in written.parent.iterdir()] == [written.name]


def test_the_kernels_btf_is_remembered(machine: Path) -> None:
    assert fresh() is kernel_btf.kernel_btf()


def test_flavours_are_found_by_the_name_without(machine: Path) -> None:
    names = ("s", "s___a", "s___a___b", "s___a", "s_", "s____c", "__s", "s___", "t")
    types: list[t.Type] = [INT, *(struct_of(name, 4) for name in names)]
    blob = encode(types, byte_order=sys.byteorder)
    (machine / "vmlinux").write_bytes(blob)
    for table in (decode(blob), fresh(), fresh()):
        assert list(table.ids_essentially_named("s")) == [2, 3, 5]
        assert list(table.ids_essentially_named("s___a")) == [4]
        assert list(table.ids_named("s___a")) == [3, 5]
        assert list(table.ids_named("s")) == [2]
        assert list(table.ids_essentially_named("s_")) == [6]
    assert uses_index(table)


def test_nothing_is_read_or_written_if_the_cache_is_switched_off(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache_folder.NO_CACHE, "1")
    assert_right(fresh())
    assert not (machine / "cache").exists()


def test_a_kernel_without_build_id_is_scanned_every_time(machine: Path) -> None:
    for notes in (b"", b"\0" * 11, struct.pack("=III", 4, 20, 3) + b"GNU\0short"):
        (machine / "notes").write_bytes(notes)
        assert_right(fresh())
    (machine / "notes").unlink()
    assert_right(fresh())
    assert not (machine / "cache").exists()


def test_a_kernel_without_btf_is_told_what_to_do(machine: Path) -> None:
    (machine / "vmlinux").unlink()
    with pytest.raises(NotSupportedError, match="CONFIG_DEBUG_INFO_BTF"):
        fresh()


def test_old_indexes_are_dropped(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = index_file(machine).parent
    folder.mkdir(parents=True, mode=0o700)
    for number in range(12):
        path = folder / f"btf-{number:02}"
        path.write_bytes(bytes(1000))
        os.utime(path, (number, number))
    (folder / "something else").write_bytes(bytes(9000))
    fresh()
    assert len([*folder.iterdir()]) == 14
    monkeypatch.setattr(cache_folder, "ROOM", index_file(machine).stat().st_size + 7500)
    index_file(machine).unlink()
    fresh()
    left = sorted(path.name for path in folder.iterdir())
    expected = {index_file(machine).name, "something else", *(f"btf-{n:02}" for n in range(5, 12))}
    assert left == sorted(expected)


def test_where_the_kernel_cannot_map_its_btf_it_is_read(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before 6.16, mapping the sysfs file gives ENODEV."""

    def refuse(fd: int, size: int) -> NoReturn:
        raise OSError(errno.ENODEV, "no such device")

    monkeypatch.setattr(kernel_btf, "_map_fd", refuse)
    assert_right(fresh())
    # Nor could the index be mapped, which does not matter either.
    assert_right(fresh())


def test_a_full_disk_leaves_nothing_behind(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(fd: int, data: memoryview) -> NoReturn:
        raise OSError(errno.ENOSPC, "no space left")

    monkeypatch.setattr(os, "write", refuse)
    assert_right(fresh())
    assert not list(index_file(machine).parent.iterdir())


# ---- a cache that cannot be used ----


def test_a_cache_that_cannot_be_written_does_not_matter(machine: Path) -> None:
    (machine / "cache").write_bytes(b"a file where the folder should be")
    assert_right(fresh())


@pytest.mark.parametrize("home", ["relative/cache", ""])
def test_a_cache_folder_that_is_not_absolute_is_not_honoured(
    machine: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    monkeypatch.setenv("HOME", str(machine / "home"))
    monkeypatch.chdir(machine)
    fresh()
    assert (machine / "home" / ".cache" / "bpf2py" / f"btf-{BUILD.hex()}").exists()
    assert not (machine / "relative").exists()


def test_a_folder_that_others_can_write_is_neither_read_nor_written(machine: Path) -> None:
    fresh()
    folder = index_file(machine).parent
    before = index_file(machine).stat().st_mtime_ns
    folder.chmod(0o777)
    assert not uses_index(decode(KERNEL.read_bytes()))
    table = fresh()
    assert not uses_index(table)
    assert_right(table)
    assert index_file(machine).stat().st_mtime_ns == before


def test_a_folder_of_which_somebody_makes_a_link_meanwhile_is_not_followed(machine: Path) -> None:
    fresh()
    folder, path = index_file(machine).parent, str(index_file(machine))
    elsewhere = machine / "elsewhere"
    elsewhere.mkdir(mode=0o700)

    def exchange() -> bytes:
        folder.rename(folder.with_name("before"))
        folder.symlink_to(elsewhere)
        return b"new"

    (elsewhere / "btf-old").write_bytes(bytes(9))
    os.utime(elsewhere / "btf-old", (1, 1))
    assert cache_folder.put(path, exchange, kind="btf-") == b"new"
    assert [each.name for each in elsewhere.iterdir()] == ["btf-old"]
    # From then on, there is no folder.
    assert cache_folder.open_trusted(path) is None
    assert cache_folder.put(path, lambda: pytest.fail("asked"), kind="btf-") is None
    assert [each.name for each in elsewhere.iterdir()] == ["btf-old"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_nothing_is_put_into_the_home_of_another_user(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with sudo, where HOME may be kept: a folder of root's would be in that user's way."""
    home = machine / "home"
    home.mkdir()
    os.chown(home, 65534, 65534)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(home))
    assert_right(fresh())
    assert not list(home.iterdir())
    monkeypatch.setenv("HOME", "")
    assert cache_folder.place("x") is None
    monkeypatch.delenv("HOME")
    assert cache_folder.place("x") == "/root/.cache/bpf2py/x"


def test_what_was_mounted_over_the_kernels_btf_is_of_no_build(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As people do who try an object with the types of another kernel."""
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == machine.stat().st_dev:
        pytest.skip("there is one file system alone")
    with tempfile.NamedTemporaryFile(dir=shm) as other:
        other.write(KERNEL.read_bytes())
        other.flush()
        monkeypatch.setattr(kernel, "VMLINUX_BTF", other.name)
        assert kernel.build() == b""
        assert_right(fresh())
    assert not (machine / "cache").exists()


def test_a_kernel_built_anew_with_a_build_id_by_hand_is_another_one(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh()
    uname = os.uname()
    other = os.uname_result((uname[0], uname[1], uname[2], "#2 SMP Mon", uname[4]))
    monkeypatch.setattr(os, "uname", lambda: other)
    assert kernel.build()[:20] == BUILD[:20]
    assert not uses_index_of_disk(machine / "cache" / "bpf2py" / f"btf-{kernel.build().hex()}")
    fresh()
    assert len(list(index_file(machine).parent.iterdir())) == 2


def test_a_folder_that_is_a_link_is_not_followed(machine: Path) -> None:
    (machine / "cache").mkdir()
    (machine / "elsewhere").mkdir(mode=0o700)
    (machine / "cache" / "bpf2py").symlink_to(machine / "elsewhere")
    assert_right(fresh())
    assert not list((machine / "elsewhere").iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_what_belongs_to_another_user_is_ignored(machine: Path) -> None:
    fresh()
    path = index_file(machine)
    os.chown(path, 65534, 65534)
    assert not uses_index_of_disk(path)
    assert_right(fresh())
    # Replaced by one of ours.
    assert path.stat().st_uid == os.geteuid()
    os.chown(path.parent, 65534, 65534)
    path.unlink()
    assert_right(fresh())
    assert not path.exists()


def uses_index_of_disk(path: Path) -> bool:
    found = cache_folder.open_trusted(str(path))
    if found:
        os.close(found[0])
    return found is not None


def test_an_index_that_others_can_write_is_replaced(machine: Path) -> None:
    fresh()
    index_file(machine).chmod(0o666)
    assert not uses_index_of_disk(index_file(machine))
    assert_right(fresh())
    assert stat.S_IMODE(index_file(machine).stat().st_mode) == 0o600


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "empty"])
def test_an_index_that_is_no_regular_file_is_ignored(machine: Path, kind: str) -> None:
    path = index_file(machine)
    path.parent.mkdir(parents=True, mode=0o700)
    if kind == "link":
        path.symlink_to("/dev/zero")
    elif kind == "fifo":
        os.mkfifo(path, 0o600)
    elif kind == "folder":
        path.mkdir()
    else:
        path.write_bytes(b"")
        path.chmod(0o600)
    assert not uses_index_of_disk(path)
    assert_right(fresh())


# ---- functions, which the index finds in another way ----


def indexed(blob: bytes) -> TypeTable:
    """The table that a kernel with this BTF would be read from at its second load."""
    header = read_header(blob, split=False)
    where = {"build": BUILD, "types": header.types, "strings": header.strings}
    content = build_index(decode(blob), blob, **where)  # type: ignore[arg-type]
    found = open_index(content, blob, **where)  # type: ignore[arg-type]
    assert found is not None
    return decode(blob, offsets=found[0], names=found[1])


def with_functions(*names: str) -> bytes:
    """A struct ``read`` as type 2, and from type 4 on functions of these names."""
    functions = [t.Func(name, 3, 0) for name in names]
    types: list[t.Type] = [INT, struct_of("read", 4, ("a", 1, 0)), t.FuncProto(1, ())]
    return encode([*types, *functions], byte_order=sys.byteorder)


def test_functions_are_found_by_name_and_kind() -> None:
    table = indexed(with_functions("vfs_read", "read", "reader", "vfs_read"))
    assert list(table.ids_named("vfs_read")) == [4, 7]
    assert list(table.ids_named("read")) == [2, 5]
    assert list(table.ids_named("read", functions=False)) == [2]
    assert table.find("read") == 2
    assert table.find("read", BTFKind.FUNC) == 5
    assert table.find("vfs_read", BTFKind.STRUCT) is None
    assert not table.ids_named("rea")
    assert list(table.ids_essentially_named("read")) == [2]


def test_a_function_may_be_named_by_the_end_of_a_longer_name() -> None:
    blob = bytearray(with_functions("vfs_read", "other"))
    scanned = decode(bytes(blob))
    struct.pack_into("=I", blob, scanned.offset(5), scanned.name_offset(4) + len("vfs_"))
    table = indexed(bytes(blob))
    assert table.name(5) == "read"
    assert list(table.ids_named("read")) == [2, 5]
    assert table.find("read", BTFKind.FUNC) == 5


def test_a_name_across_two_pieces_of_the_strings_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"function_{number}" for number in range(40)]
    for piece in (1, 3, 16, 17, 50):
        monkeypatch.setattr(btf_index, "_PIECE", piece)
        table = indexed(with_functions(*names))
        for number, name in enumerate(names):
            assert list(table.ids_named(name)) == [4 + number]


# ---- damaged and forged files ----


def parts() -> tuple[bytes, bytes, tuple[int, int], tuple[int, int]]:
    """A blob, its index, and where its types and its strings lie."""
    blob = KERNEL.read_bytes()
    header = read_header(blob, split=False)
    content = build_index(
        decode(blob),
        blob,
        build=BUILD,
        types=header.types,
        strings=header.strings,
    )
    return blob, content, header.types, header.strings


def sealed(content: bytes) -> bytes:
    """An index file with its checksums made right, as somebody who forges one would."""
    start = btf_index._HEADER_SIZE
    header, body = bytearray(content[:start]), content[start:]
    size = btf_index._HEADER.size
    struct.pack_into("=I", header, size - 28, zlib.crc32(body))
    struct.pack_into("=I", header, size, zlib.crc32(bytes(header[:size])))
    return bytes(header) + body


def test_a_damaged_index_is_not_used(machine: Path) -> None:
    blob, content, types, strings = parts()
    assert open_index(content, blob, build=BUILD, types=types, strings=strings) is not None
    chance = random.Random(1)
    places = [*range(100), *chance.sample(range(100, len(content)), 200)]
    for at in places:
        damaged = bytearray(content)
        damaged[at] ^= 1 << chance.randrange(8)
        found = open_index(bytes(damaged), blob, build=BUILD, types=types, strings=strings)
        assert found is None, at
    for length in (*range(100), len(content) // 2, len(content) - 4, len(content) - 1):
        found = open_index(content[:length], blob, build=BUILD, types=types, strings=strings)
        assert found is None, length
    longer = content + bytes(4)
    assert open_index(longer, blob, build=BUILD, types=types, strings=strings) is None


def test_an_index_of_another_kernel_is_not_used() -> None:
    blob, content, types, strings = parts()
    for other in (
        {"build": BUILD[::-1]},
        {"build": BUILD[:19]},
        {"types": (types[0], types[1] - 4)},
        {"strings": (strings[0] + 4, strings[1])},
    ):
        asked = {"build": BUILD, "types": types, "strings": strings, **other}
        assert open_index(content, blob, **asked) is None  # type: ignore[arg-type]
    assert open_index(content, blob + b"\0", build=BUILD, types=types, strings=strings) is None


def test_a_damaged_file_is_written_anew(machine: Path) -> None:
    fresh()
    path = index_file(machine)
    good = path.read_bytes()
    for bad in (b"\0" * len(good), good[:-1], b"x", good[:2000] + b"\1" + good[2001:]):
        path.write_bytes(bad)
        assert_right(fresh())
        assert path.read_bytes() == good


def test_a_forged_index_never_gives_a_type_of_another_name(machine: Path) -> None:
    """Checksums stop accidents.  Who can forge them is this user, and still cannot do this."""
    blob, content, types, strings = parts()
    scanned = decode(blob)
    chance = random.Random(2)
    names = {scanned.name(type_id) for type_id in scanned} - {""}
    for _ in range(20):
        forged = bytearray(content)
        for at in chance.sample(range(btf_index._HEADER_SIZE, len(content)), 500):
            forged[at] = chance.choice((0, 1, 255))
        found = open_index(sealed(bytes(forged)), blob, build=BUILD, types=types, strings=strings)
        assert found is not None
        table = decode(blob, offsets=found[0], names=found[1])
        for name in names:
            try:
                for type_id in table.ids_named(name):
                    assert table.name(type_id) == name
            except BTFError:
                pass


def test_two_processes_that_write_at_once_do_not_disturb_each_other(machine: Path) -> None:
    program = (
        "import sys; from bpf2py.runtime import kernel, kernel_btf as k\n"
        f"kernel.VMLINUX_BTF, kernel.KERNEL_NOTES = {str(machine / 'vmlinux')!r}, {str(machine / 'notes')!r}\n"
        "for _ in range(20):\n"
        "    k.forget(); table = k.kernel_btf()\n"
        "    assert table.find('task_struct') and not table.ids_named('nothing')\n"
    )
    running = [subprocess.Popen([sys.executable, "-c", program]) for _ in range(3)]
    while any(each.poll() is None for each in running):
        index_file(machine).unlink(missing_ok=True)
        os.sched_yield()
    assert [each.returncode for each in running] == [0, 0, 0]
    assert_right(fresh())
    assert [path.name for path in index_file(machine).parent.iterdir()] in (
        [index_file(machine).name],
        [],
    )


@pytest.mark.skipif(
    not os.path.exists(kernel.VMLINUX_BTF), reason="the kernel does not show its BTF"
)
def test_the_running_kernels_types_are_the_same_with_and_without_index(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv(cache_folder.NO_CACHE, raising=False)
    first, second = fresh(), fresh()
    kernel_btf.forget()
    if not list(tmp_path.rglob("btf-*")):
        pytest.skip("the running kernel does not tell its build id")
    assert uses_index(second)
    scanned = decode(Path(kernel.VMLINUX_BTF).read_bytes())
    assert len(first) == len(second) == len(scanned) > 10_000
    for name in (
        "task_struct",
        "sk_buff",
        "btf_trace_sched_switch",
        "vfs_read",
        "int",
        "list_head",
    ):
        assert list(second.ids_named(name)) == list(scanned.ids_named(name)) != []
        essential = list(second.ids_essentially_named(name))
        assert essential == list(scanned.ids_essentially_named(name))
    assert second.find("vfs_read", BTFKind.FUNC) == scanned.find("vfs_read", BTFKind.FUNC)
    assert second.find("btf_trace_sched_switch", BTFKind.TYPEDEF) is not None
