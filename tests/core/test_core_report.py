"""The report of all CO-RE relocations: each outcome, and the same numbers as when it is loaded."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bpf2py.btf import decode, encode
from bpf2py.btf.header import read_header
from bpf2py.elf import read_object_file
from bpf2py.runtime.core_report import Relocation, against, relocations
from bpf2py.spec import ObjectSpec, ProgramSpec
from bpf2py.uapi import CoreRelocationKind as Kind
from bpf2py.uapi import ProgType
from generated_fixtures.core_fields_bpf import CoreFields

from .tables import INT, LDX, MOV, insn, struct_of, table
from .trim import FOLDER, numbers, objects

BTF_5_10 = FOLDER / "debian-5.10.btf"
BTF_6_12 = FOLDER / "debian-6.12.btf"
LDXW = LDX | 1

LOCAL = (
    struct_of("s", 12, ("a", 2, 0), ("b", 2, 4), ("gone", 2, 8)),
    INT,
    struct_of("nowhere", 4, ("x", 2, 0)),
)
TARGET = (INT, struct_of("s", 16, ("a", 1, 0), ("b", 1, 8), ("gone_", 1, 12)))


ACCESSES = ("0", "0:0", "0:1", "0:2")


def report(*asked: tuple[Kind | int, str, int, int]) -> list[Relocation]:
    """What is said of a program with an instruction for each (kind, access, root type, number)."""
    blob = encode(LOCAL, byte_order="little", strings=ACCESSES)
    start = read_header(blob, split=False).strings[0]
    code = bytearray()
    records = []
    for at, (kind, access, root, value) in enumerate(asked):
        loads = kind == Kind.FIELD_BYTE_OFFSET
        code += insn(LDXW, off=value) if loads else insn(MOV, imm=value)
        text = blob.index(b"\0" + access.encode() + b"\0", start) + 1 - start
        records.append(struct.pack("<IIII", at, root, text, kind))
    program = ProgramSpec(name="p", section="xdp", prog_type=ProgType.XDP)
    program.insns, program.core_relocations = bytes(code), b"".join(records)
    spec = ObjectSpec(name="o", byte_order="little", programs={"p": program}, btf=blob)
    return list(against(spec, table(*TARGET)))


OFFSET = Kind.FIELD_BYTE_OFFSET
OTHER = "struct s (type 2 of vmlinux)"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ((OFFSET, "0:0", 1, 0), ("struct s.a", 0, 0, "same", "vmlinux", (OTHER,))),
        ((OFFSET, "0:1", 1, 4), ("struct s.b", 4, 8, "changed", "vmlinux", (OTHER,))),
        ((OFFSET, "0:2", 1, 8), ("struct s.gone", 8, None, "missing", "", (OTHER,))),
        ((OFFSET, "0:1", 1, 3), ("struct s.b", None, None, "refused", "", ())),
        ((Kind.FIELD_EXISTS, "0:1", 1, 1), ("struct s.b", 1, 1, "same", "vmlinux", (OTHER,))),
        ((Kind.FIELD_EXISTS, "0:2", 1, 1), ("struct s.gone", 1, 0, "absent", "", (OTHER,))),
        ((Kind.TYPE_EXISTS, "0", 3, 1), ("struct nowhere", 1, 0, "absent", "", ())),
        ((Kind.TYPE_SIZE, "0", 1, 12), ("struct s", 12, 16, "changed", "vmlinux", (OTHER,))),
        ((Kind.TYPE_SIZE, "0", 3, 4), ("struct nowhere", 4, 0, "absent", "", ())),
        ((Kind.TYPE_ID_LOCAL, "0", 3, 3), ("struct nowhere", 3, 3, "same", "", ())),
        ((99, "0", 1, 0), ("struct s", None, None, "refused", "", ())),
    ],
)
def test_each_outcome_has_its_word_and_its_numbers(
    asked: tuple[Kind | int, str, int, int],
    expected: tuple[str, int | None, int | None, str, str, tuple[str, ...]],
) -> None:
    (found,) = report(asked)
    assert (
        *(found.subject, found.local, found.target, found.outcome, found.where),
        found.candidates,
    ) == expected
    assert (found.program, found.insn, found.kind) == ("p", 0, asked[0])
    assert bool(found.reason) == (found.outcome in ("missing", "refused"))


def test_one_that_is_refused_does_not_hide_the_others() -> None:
    found = report((OFFSET, "0:1", 1, 3), (OFFSET, "0:1", 1, 4))
    assert [each.outcome for each in found] == ["refused", "changed"]
    assert found[0].reason == "the instruction has 3 where 4 was expected"


def test_what_the_program_asks_for_is_marked_as_guarded() -> None:
    found = report(
        (OFFSET, "0:2", 1, 8),
        (Kind.FIELD_EXISTS, "0:2", 1, 1),
        (OFFSET, "0:0", 3, 0),
        (OFFSET, "0:1", 1, 4),
        (Kind.TYPE_EXISTS, "0", 3, 1),
    )
    assert [each.guarded for each in found] == [True, True, True, False, True]


def test_a_missing_member_says_what_there_is_instead() -> None:
    (found,) = report((OFFSET, "0:2", 1, 8))
    assert found.reason == f"the kernel's {OTHER} has no member 'gone'; nearest: gone_"
    assert str(found) == (
        "program 'p', instruction 0: field_byte_offset of struct s.gone: missing\n"
        f"  the kernel's {OTHER} has no member 'gone'; nearest: gone_"
    )


@pytest.mark.parametrize("kernel", [BTF_5_10, BTF_6_12], ids=["5.10", "6.12"])
@pytest.mark.parametrize("path", objects(), ids=lambda path: path.name)
def test_the_numbers_are_those_that_loading_writes(path: Path, kernel: Path) -> None:
    types = decode(kernel.read_bytes())
    found = relocations(read_object_file(path), kernel)
    assert found
    assert [
        (
            each.program,
            each.insn,
            (
                types.name(each.target)
                if each.kind == Kind.TYPE_ID_TARGET and each.target
                else each.target
            ),
        )
        for each in found
    ] == numbers(path, types)


def test_a_generated_module_s_description_will_do_and_has_the_line_of_c() -> None:
    found = relocations(CoreFields.spec(), BTF_5_10)
    missing = [each for each in found if each.outcome == "missing" and "never_p" in each.subject]
    assert {each.subject for each in missing} == {"struct task_struct.never_pointer"}
    assert all(each.source.startswith("core_fields.bpf.c:2") for each in missing)


def test_a_description_without_relocations_asks_no_kernel(tmp_path: Path) -> None:
    spec = ObjectSpec(name="o", byte_order="little")
    assert relocations(spec, tmp_path / "no such file") == []
