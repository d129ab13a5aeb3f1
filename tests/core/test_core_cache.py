"""What is kept of CO-RE: the same bytes and outcomes as without, or nothing at all."""

from __future__ import annotations

import os
import stat
import struct
import sys
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from bpf2py.btf import decode, encode
from bpf2py.btf.core import Relocator
from bpf2py.elf import read_object_file
from bpf2py.records import replace
from bpf2py.runtime import cache_folder, core_cache, kernel, kernel_btf, module_btf
from bpf2py.runtime.core_cache import CoreCache
from bpf2py.spec import ObjectSpec

from .conftest import BUILD_ID, KERNEL
from .tables import INT

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "generated_fixtures"
BTF = Path(core_cache.__file__).parents[1] / "btf"


def objects() -> Iterator[ObjectSpec]:
    for path in sorted(FIXTURES.glob("*.bpf.o")):
        spec = read_object_file(path)
        if spec.byte_order == sys.byteorder and any(
            each.core_relocations for each in spec.programs.values()
        ):
            yield spec


@dataclass
class Result:
    """Instructions and outcomes by program, or why there are none."""

    insns: dict[str, bytes]
    outcomes: dict[str, list[str]]
    error: str = ""


def run(relocator: Relocator | CoreCache, spec: ObjectSpec) -> Result:
    result = Result({}, {})
    try:
        for name, program in spec.programs.items():
            if program.autoload and program.core_relocations:
                insns = bytearray(program.insns)
                outcomes = relocator.relocate(
                    insns,
                    program.core_relocations,
                    program=name,
                    source=lambda insn: f"line {insn}",
                )
                result.insns[name] = bytes(insns)
                result.outcomes[name] = [f"{each!r} {each.describe()}" for each in outcomes]
    except RuntimeError as error:
        result.error = str(error)
    return result


def cached(spec: ObjectSpec) -> tuple[CoreCache, Result]:
    """As another process would have it: nothing of the kernel's BTF is known yet."""
    kernel_btf.forget()
    cache = CoreCache(spec, lambda: decode(spec.btf))
    result = run(cache, spec)
    if not result.error:
        cache.keep()
    return cache, result


def heavy() -> ObjectSpec:
    return read_object_file(FIXTURES / "core_heavy.bpf.o")


def folder(machine: Path) -> Path:
    return machine / "cache" / "bpf2py"


def kept(machine: Path) -> list[Path]:
    return sorted(folder(machine).glob("core-*"))


@pytest.fixture(autouse=True)
def no_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module_btf, "module_tables", lambda kernel: iter(()))


def test_every_fixture_becomes_the_same_bytes_and_outcomes_with_and_without(machine: Path) -> None:
    target, known, unknown = decode(KERNEL.read_bytes()), 0, []
    for spec in objects():
        plain = run(Relocator(decode(spec.btf), target, modules=lambda: iter(())), spec)
        first, result = cached(spec)
        assert result == plain
        assert not first._known
        second, result = cached(spec)
        assert result == plain
        known += second._known
        if not second._known and not plain.error:
            unknown.append(spec.name)
            assert second._modules_asked
    assert known > 5
    # Types that this kernel does not have are looked for in modules.
    assert unknown


def test_the_second_process_opens_no_btf(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, expected = cached(heavy())

    def refuse(*_: object) -> object:
        raise AssertionError("the kernel's BTF was read")

    monkeypatch.setattr(kernel_btf, "kernel_btf", refuse)
    spec = heavy()
    cache = CoreCache(spec, lambda: pytest.fail("the object's BTF was read"))
    for name, program in spec.programs.items():
        insns = bytearray(program.insns)
        outcomes = cache.relocate(
            insns, program.core_relocations, program=name, source=lambda insn: ""
        )
        assert len(outcomes) == len(program.core_relocations) // 16  # as the debug log says it
        assert bytes(insns) == expected.insns[name] != program.insns


def test_outcomes_of_what_was_kept_are_a_sequence(machine: Path) -> None:
    cached(heavy())
    spec = heavy()
    cache = CoreCache(spec, lambda: decode(spec.btf))
    for name, program in spec.programs.items():
        outcomes = cache.relocate(
            bytearray(program.insns), program.core_relocations, program=name, source=lambda i: ""
        )
        assert len(outcomes) == len(program.core_relocations) // 16
        assert outcomes[0].insn == next(iter(outcomes)).insn
        assert [each.insn for each in outcomes[1:3]] == [each.insn for each in outcomes][1:3]


@pytest.mark.parametrize("part", ["insns", "records", "btf", "autoload"])
def test_an_object_that_differs_in_anything_is_another_question(machine: Path, part: str) -> None:
    cached(heavy())
    spec = heavy()
    program = next(iter(spec.programs.values()))
    if part == "insns":
        program.insns = program.insns + program.insns[-8:]
    elif part == "records":
        program.core_relocations = program.core_relocations[:-16]
    elif part == "btf":
        spec.btf += b"\0"
    else:
        spec.programs["more"] = replace(program, name="more")
    cache = CoreCache(spec, lambda: decode(spec.btf))
    assert not cache._known
    assert cache._path is not None


def test_another_build_of_the_kernel_is_another_question(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cached(heavy())
    notes = (machine / "notes").read_bytes()
    (machine / "notes").write_bytes(notes.replace(BUILD_ID, BUILD_ID[::-1]))
    assert not cached(heavy())[0]._known
    (machine / "notes").write_bytes(notes)
    assert cached(heavy())[0]._known
    # The same build id, but not this BTF: somebody else's idea of a build id.
    with (machine / "vmlinux").open("ab") as file:
        file.write(b"\0")
    spec = heavy()
    assert not CoreCache(spec, lambda: decode(spec.btf))._known


def test_other_rules_are_another_question(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(heavy())
    monkeypatch.setattr(core_cache, "RULES", core_cache.RULES ^ 1)
    assert not cached(heavy())[0]._known
    assert cached(heavy())[0]._known


def test_what_modules_were_asked_for_is_not_kept(machine: Path) -> None:
    spec = heavy()
    # A kernel that has nothing of all that: one type, and the build id of the other.
    (machine / "vmlinux").write_bytes(encode([INT], byte_order=sys.byteorder))
    for _ in range(2):
        cache, result = cached(spec)
        assert cache._modules_asked
        assert not result.error
        assert not kept(machine)


def test_a_record_that_no_kernel_could_honour_leaves_nothing(machine: Path) -> None:
    spec = heavy()
    program = next(iter(spec.programs.values()))
    # Kind 99 of relocation.
    program.core_relocations = program.core_relocations[:-4] + struct.pack("=I", 99)
    for _ in range(2):
        cache, result = cached(spec)
        assert "kind 99" in result.error
        assert not cache._known
        cache.keep()
        assert not kept(machine)


def test_nothing_is_kept_of_an_object_of_which_a_program_was_not_asked_for(machine: Path) -> None:
    spec = heavy()
    spec.programs["more"] = replace(next(iter(spec.programs.values())), name="more")
    cache = CoreCache(spec, lambda: decode(spec.btf))
    program = spec.programs["more"]
    cache.relocate(
        bytearray(program.insns), program.core_relocations, program="more", source=lambda i: ""
    )
    cache.keep()
    assert not kept(machine)


def test_no_file_is_read_or_written_where_none_is_wanted(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(cache_folder.NO_CACHE, "1")
    _, one = cached(heavy())
    cache, other = cached(heavy())
    assert one == other
    assert not cache._known
    assert not folder(machine).exists()


def test_every_damage_to_a_file_is_seen_and_mended(machine: Path) -> None:
    _, expected = cached(heavy())
    (path,) = kept(machine)
    good = path.read_bytes()
    places = [*range(64), *range(64, len(good), 701), *range(len(good) - 40, len(good))]
    damaged = [good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :] for at in places]
    damaged += [good[:at] for at in places] + [good + b"\0", good * 2]
    for content in damaged:
        path.write_bytes(content)
        spec = heavy()
        assert not CoreCache(spec, lambda: pytest.fail("asked"))._known, len(content)
    _, result = cached(heavy())
    assert result == expected
    assert path.read_bytes() == good
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("number", [0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("place", ["count", "first", "middle", "last"])
def test_a_file_with_a_right_checksum_and_wrong_numbers_is_ignored(
    machine: Path, place: str, number: int
) -> None:
    cached(heavy())
    (path,) = kept(machine)
    content = bytearray(path.read_bytes())
    spec = heavy()
    start = core_cache._HEADER.size + len(CoreCache(spec, lambda: pytest.fail("asked"))._question)
    (count,) = struct.unpack_from("=I", content, start)
    row = {"count": 0, "first": 4, "middle": 4 + count // 2 * 12, "last": len(content) - start - 12}
    struct.pack_into("=I", content, start + row[place], number)
    struct.pack_into("=I", content, 12, zlib.crc32(content[16:]))
    path.write_bytes(content)
    assert not CoreCache(spec, lambda: pytest.fail("asked"))._known


@pytest.mark.parametrize("kind", ["link", "fifo", "folder", "writable", "foreign"])
def test_a_file_that_somebody_else_may_have_made_is_ignored(machine: Path, kind: str) -> None:
    _, expected = cached(heavy())
    (path,) = kept(machine)
    good = path.read_bytes()
    if kind == "writable":
        path.chmod(0o666)
    elif kind == "foreign":
        if os.geteuid():
            pytest.skip("only root can give files away")
        os.chown(path, 65534, 65534)
    else:
        path.unlink()
        if kind == "link":
            (machine / "elsewhere").write_bytes(good)
            path.symlink_to(machine / "elsewhere")
        elif kind == "fifo":
            os.mkfifo(path, 0o600)
        else:
            path.mkdir()
    cache, result = cached(heavy())
    assert not cache._known
    assert result == expected


def test_only_so_many_files_stay(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cached(heavy())
    monkeypatch.setattr(cache_folder, "ROOM", 7 * kept(machine)[0].stat().st_size // 2)
    (index,) = folder(machine).glob("btf-*")
    for number in range(5):
        spec = heavy()
        program = next(iter(spec.programs.values()))
        program.insns += program.insns[-8:] * (number + 1)
        cached(spec)
    assert len(kept(machine)) == 3
    assert index.exists()
    monkeypatch.setattr(core_cache, "_LARGEST", 100)
    assert CoreCache(heavy(), lambda: pytest.fail("asked"))._path is None


def test_a_change_of_the_rules_changes_their_number() -> None:
    files = sorted({*BTF.glob("core*.py"), *(BTF / f"{each}.py" for each in ("names", "table"))})
    number = 0
    for path in files:
        if path.name not in ("core_explain.py", "core_errors.py"):
            number = zlib.crc32(path.read_bytes(), number)
    assert number == core_cache.RULES, f"core_cache.py: set RULES = 0x{number:08x}"


def test_the_running_kernels_files_are_where_they_should_be() -> None:
    assert kernel.VMLINUX_BTF == "/sys/kernel/btf/vmlinux"
    assert kernel.KERNEL_NOTES == "/sys/kernel/notes"
