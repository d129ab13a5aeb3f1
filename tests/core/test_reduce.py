"""A kernel's BTF reduced to what objects ask: the same answers from a hundredth of the bytes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from bpf2py.btf import BTFError, TypeTable, decode, encode
from bpf2py.btf import types as t
from bpf2py.btf.core import Record, Relocator
from bpf2py.btf.core_errors import RelocationError
from bpf2py.btf.core_fixup import Fixup
from bpf2py.btf.reduce import Needs, reduce
from bpf2py.elf import read_object_file
from bpf2py.runtime.kernel import VMLINUX_BTF
from bpf2py.uapi import BTFKind
from bpf2py.uapi import CoreRelocationKind as Kind

from .tables import INT, LONG, U8, access_offset, bits, struct_of, table, union_of
from .trim import FOLDER, ROOT, needs, objects

RUNNING = Path(VMLINUX_BTF)
KERNELS = [*sorted(FOLDER.glob("*.btf")), *([RUNNING] if RUNNING.exists() else [])]
BIG_ENDIAN = sorted((ROOT / "generated_fixtures").glob("core_*.eb.bpf.o"))
needs_bpftool = pytest.mark.skipif(
    shutil.which("bpftool") is None, reason="bpftool is not installed"
)

Answer = tuple[str, int, Fixup, str, bool]


@cache
def kernel(path: Path) -> TypeTable:
    return decode(path.read_bytes())


def answers(path: Path, target: TypeTable) -> list[Answer]:
    """All that relocating each program by itself gives; ids in the kernel as names."""
    spec = read_object_file(path)
    found: list[Answer] = []
    local = decode(spec.btf)
    # One relocator per program, then one for all in the opposite order: what one program finds
    # must not be needed by another.
    together = Relocator(local, target)
    for name, program in [*spec.programs.items(), *reversed(spec.programs.items())]:
        relocator = Relocator(local, target) if len(found) < len(spec.programs) else together
        insns = bytearray(program.insns)
        for outcome in relocator.relocate(insns, program.core_relocations, program=name):
            fixup, named = outcome.fixup, ""
            if outcome.kind is Kind.TYPE_ID_TARGET and fixup.target:
                named, fixup = target.name(fixup.target), fixup._replace(target=None)
            found.append((name, outcome.insn, fixup, named, outcome.poisoned))
    return found


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.name)
def test_every_object_gets_the_same_answers_from_the_reduced_kernel(path: Path) -> None:
    full = kernel(path)
    blob = reduce(full, map(needs, objects()))
    reduced = decode(blob)
    for each in objects():
        expected = answers(each, full)
        assert expected
        assert answers(each, reduced) == expected, each.name
    assert len(blob) < 20_000
    assert reduce(reduced, map(needs, objects())) == blob


@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.name)
def test_one_object_alone_gets_the_same_answers_from_less(path: Path) -> None:
    together = len(reduce(kernel(path), map(needs, objects())))
    for each in objects():
        blob = reduce(kernel(path), [needs(each)])
        assert answers(each, decode(blob)) == answers(each, kernel(path)), each.name
        assert len(blob) < together


@needs_bpftool
@pytest.mark.parametrize("path", KERNELS, ids=lambda path: path.name)
def test_bpftool_s_reduced_kernel_gives_the_same_answers_and_is_no_smaller(
    path: Path, tmp_path: Path
) -> None:
    theirs = tmp_path / "theirs.btf"
    command = ["bpftool", "gen", "min_core_btf", str(path), str(theirs), *map(str, objects())]
    subprocess.run(command, check=True, capture_output=True)
    for each in objects():
        assert answers(each, kernel(theirs)) == answers(each, kernel(path)), each.name
    ours = reduce(kernel(path), map(needs, objects()))
    # We also keep the names of candidates that lack a member, for the messages about them.
    assert len(ours) <= theirs.stat().st_size + 100


@needs_bpftool
def test_bpftool_reads_the_reduced_kernel(tmp_path: Path) -> None:
    path = tmp_path / "reduced.btf"
    path.write_bytes(reduce(kernel(KERNELS[0]), map(needs, objects())))
    dump = subprocess.run(
        ["bpftool", "btf", "dump", "file", str(path)], check=True, capture_output=True, text=True
    )
    assert "STRUCT 'task_struct'" in dump.stdout


# ---- what is kept ----


def reduced_for(
    local: tuple[t.Type, ...], target: tuple[t.Type, ...], *asked: tuple[Kind, str], root: int = 1
) -> tuple[TypeTable, list[Fixup | str], list[Fixup | str]]:
    """The reduced table, and the answers of the full and of the reduced one to what was asked."""
    accesses = tuple(dict.fromkeys(access for _, access in asked))
    ours = table(*local, strings=accesses)
    records = [Record(0, root, blob_offset(ours, access), kind) for kind, access in asked]
    full = table(*target)
    reduced = decode(reduce(full, [Needs(ours, [records])]))
    return reduced, fixups(ours, full, records), fixups(ours, reduced, records)


def blob_offset(ours: TypeTable, access: str) -> int:
    """Where the strings of a table have an access string."""
    return next(at for at in range(ours.string_size) if ours.string(at) == access)


def fixups(ours: TypeTable, target: TypeTable, records: Sequence[Record]) -> list[Fixup | str]:
    found: list[Fixup | str] = []
    for record in records:
        try:
            found.append(Relocator(ours, target).fixup(*record[1:]))
        except Exception as error:
            found.append(str(error))
    return found


OFFSET, EXISTS, MATCHES = Kind.FIELD_BYTE_OFFSET, Kind.FIELD_EXISTS, Kind.TYPE_MATCHES


def test_only_members_that_are_read_stay_and_pointees_go() -> None:
    local = (struct_of("s", 8, ("p", 2, 0)), t.Ptr(0))
    target = (
        INT,
        struct_of("s", 24, ("a", 1, 0), ("p", 3, 8), ("far", 4, 16)),
        t.Ptr(4),
        struct_of("big", 4, ("x", 1, 0)),
    )
    reduced, before, after = reduced_for(local, target, (OFFSET, "0:0"))
    assert after == before
    assert [reduced[each] for each in reduced] == [
        t.Struct("s", 24, (t.Member("p", 2, 64),)),
        t.Ptr(0),
    ]


def test_anonymous_members_around_a_member_stay() -> None:
    local = (struct_of("s", 4, ("x", 2, 0)), INT)
    target = (
        INT,
        struct_of("", 8, ("y", 1, 0), ("x", 1, 4)),
        union_of("", 8, ("z", 1), ("", 2)),
        struct_of("s", 12, ("a", 1, 0), ("", 3, 4)),
    )
    reduced, before, after = reduced_for(local, target, (OFFSET, "0:0"))
    assert after == before
    assert isinstance(before[0], Fixup)
    assert before[0].target == 8
    assert [each.name for each in map(reduced.__getitem__, reduced)] == ["int", "", "", "s"]


def test_bitfields_stay_bitfields() -> None:
    local = (bits("s", 4, ("x", 2, 0, 3)), INT)
    target = (INT, bits("s", 8, ("a", 1, 0, 5), ("x", 1, 35, 4)))
    asked = [(Kind(kind), "0:0") for kind in range(6)]
    reduced, before, after = reduced_for(local, target, *asked)
    assert after == before
    assert reduced[2] == bits("s", 8, ("x", 1, 35, 4))


def test_an_empty_array_in_the_middle_does_not_become_one_without_end() -> None:
    local = (struct_of("s", 4, ("end", 2, 0)), t.Array(3, 3, 4), INT)
    target = (INT, t.Array(1, 1, 0), struct_of("s", 8, ("end", 2, 0), ("x", 1, 4)))
    _, before, after = reduced_for(local, target, (OFFSET, "0:0"), (OFFSET, "0:0:2"))
    assert after == before
    assert isinstance(before[1], Fixup)
    assert before[1].target is None


def test_a_pointer_whose_pointee_decides_keeps_it() -> None:
    local = (struct_of("s", 8, ("p", 2, 0)), t.Ptr(0))
    target = (struct_of("s", 8, ("p", 2, 0)), t.Ptr(3), struct_of("far", 4))
    _, before, after = reduced_for(local, target, (OFFSET, "0:0"), (MATCHES, "0"))
    assert after == before
    assert isinstance(before[1], Fixup)
    assert before[1].target == 0


def test_of_an_enum_only_the_values_asked_for_stay() -> None:
    local = (t.Enum("e", 4, (t.Enumerator("B", 0), t.Enumerator("X", 1))),)
    target = (
        t.Enum("e", 4, (t.Enumerator("A", 5), t.Enumerator("B", 6))),
        t.Enum64("e___wide", 8, (t.Enumerator("B___new", 6),)),
    )
    asked = [(kind, index) for kind in (Kind.ENUMVAL_VALUE, Kind.ENUMVAL_EXISTS) for index in "01"]
    reduced, before, after = reduced_for(local, target, *asked)
    assert after == before
    assert reduced[1] == t.Enum("e", 4, (t.Enumerator("B", 6),))
    assert reduced[2] == target[1]


def test_all_candidates_stay_so_that_they_still_disagree() -> None:
    local = (struct_of("s", 4, ("x", 2, 0)), INT)
    target = (
        INT,
        struct_of("s", 8, ("x", 1, 4)),
        struct_of("s___other", 8, ("x", 1, 0)),
        struct_of("s", 8, ("y", 1, 0)),
    )
    reduced, before, after = reduced_for(local, target, (OFFSET, "0:0"))
    assert after == before
    assert isinstance(before[0], str)
    assert "disagree" in before[0]
    assert [reduced.name(each) for each in reduced] == ["int", "s", "s___other", "s"]
    assert reduced[4] == t.Struct("s", 8, ())


def test_pointers_of_four_bytes_stay_so() -> None:
    local = (struct_of("s", 8, ("p", 2, 0)), t.Ptr(0))
    target = (
        t.Int("long", 4, 32, signed=True),
        struct_of("s", 8, ("n", 1, 0), ("p", 3, 4)),
        t.Ptr(0),
    )
    reduced, before, after = reduced_for(local, target, (Kind.FIELD_BYTE_SIZE, "0:0"))
    assert after == before
    assert reduced.find("long", BTFKind.INT)


def test_what_the_kernel_does_not_have_leaves_an_empty_table() -> None:
    local = (struct_of("s", 4, ("x", 2, 0)), INT)
    reduced, before, after = reduced_for(local, (INT, LONG, U8), (OFFSET, "0:0"), (EXISTS, "0:0"))
    assert after == before
    assert len(reduced) == 1


# ---- what is refused ----


def test_a_record_that_contradicts_its_object_names_the_object() -> None:
    types = (struct_of("s", 4, ("x", 2, 0)), INT)
    ours = table(*types, strings=("0:7",))
    record = Record(3, 1, access_offset(ours, types, "0:7"), OFFSET)
    with pytest.raises(RelocationError, match=r"'mine\.bpf\.o', instruction 3: CO-RE offset of"):
        reduce(table(INT), [Needs(ours, [[record]], name="mine.bpf.o")])


def test_another_byte_order_is_refused() -> None:
    assert BIG_ENDIAN
    with pytest.raises(RelocationError, match="big endian"):
        reduce(kernel(KERNELS[0]), [needs(BIG_ENDIAN[0])])


def test_a_module_s_types_are_refused() -> None:
    base = table(INT)
    split = decode(encode([t.Ptr(1)], byte_order="little", base=base), base=base)
    with pytest.raises(BTFError, match="split"):
        reduce(split, [])
