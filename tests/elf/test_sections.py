"""Section names: the table against itself, and against every name in one compiled object."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpf2py.elf import read_object, read_object_file, section_def
from bpf2py.elf.sections import SECTION_DEFS, SectionDef
from bpf2py.records import replace
from bpf2py.uapi import AttachType, ProgFlags, ProgType
from tests.support.elfwriter import EXIT, MOV, ElfWriter, insn

FIXTURES = Path(__file__).resolve().parents[2] / "generated_fixtures"


@pytest.mark.parametrize("row", SECTION_DEFS, ids=lambda row: row.pattern)
def test_a_row_is_found_by_its_own_name(row: SectionDef) -> None:
    assert section_def(row.name) is row
    assert row.target(row.name) == ""


@pytest.mark.parametrize("row", SECTION_DEFS, ids=lambda row: row.pattern)
def test_a_target_is_taken_only_where_the_pattern_has_a_plus(row: SectionDef) -> None:
    section = row.name + "/some/target"
    found = section_def(section)
    if row.pattern.endswith("+"):
        assert found is row
        assert row.target(section) == "some/target"
    else:
        assert found is None


@pytest.mark.parametrize("row", SECTION_DEFS, ids=lambda row: row.pattern)
def test_a_name_that_only_begins_like_a_row_is_another_name(row: SectionDef) -> None:
    assert section_def(row.name + "_more") is None


def test_the_table_has_no_row_twice() -> None:
    assert len({row.pattern for row in SECTION_DEFS}) == len(SECTION_DEFS) == 116


def test_every_program_type_but_the_open_one_has_a_section() -> None:
    assert {row.prog_type for row in SECTION_DEFS} == set(ProgType) - {ProgType.UNSPEC}


@pytest.mark.parametrize(
    ("section", "prog_type", "attach_type", "attach_to", "flags", "auto"),
    [
        ("tp/sched/sched_switch", ProgType.TRACEPOINT, None, "sched/sched_switch", 0, True),
        ("xdp.frags", ProgType.XDP, AttachType.XDP, "", ProgFlags.XDP_HAS_FRAGS, False),
        (
            "lsm.s/file_open",
            ProgType.LSM,
            AttachType.LSM_MAC,
            "file_open",
            ProgFlags.SLEEPABLE,
            True,
        ),
        (
            "cgroup_skb/ingress",
            ProgType.CGROUP_SKB,
            AttachType.CGROUP_INET_INGRESS,
            "",
            0,
            False,
        ),
        ("uprobe//bin/sh:main", ProgType.KPROBE, None, "/bin/sh:main", 0, True),
        ("my_own_section", ProgType.UNSPEC, None, "", 0, False),
        ("xdp/unknown", ProgType.UNSPEC, None, "", 0, False),
    ],
)
@pytest.mark.parametrize("mark", ["", "?"])
def test_a_program_is_what_its_section_says(
    section: str,
    prog_type: ProgType,
    attach_type: AttachType | None,
    attach_to: str,
    flags: int,
    auto: bool,
    mark: str,
) -> None:
    elf = ElfWriter()
    code = elf.code(mark + section, insn(MOV, order="little"), insn(EXIT, order="little"))
    elf.symbol("main", code, size=16)
    program = read_object(elf.build(), name="t.bpf.o").programs["main"]
    assert program.section == section
    assert (program.prog_type, program.attach_type) == (prog_type, attach_type)
    assert (program.attach_to, program.flags) == (attach_to, flags)
    assert program.autoload is (mark == "")
    assert program.autoattach is auto


def test_every_section_name_of_a_compiled_object_is_known() -> None:
    spec = read_object_file(FIXTURES / "section_names.bpf.o")
    unknown = [p.section for p in spec.programs.values() if p.prog_type is ProgType.UNSPEC]
    assert unknown == []
    patterns = {row.pattern for p in spec.programs.values() if (row := section_def(p.section))}
    missing = {row.pattern for row in SECTION_DEFS} - patterns
    assert missing <= {"struct_ops+", "struct_ops.s+", "lirc_mode2", "lwt_seg6local"}


def test_a_section_of_ones_own_is_read_as_its_row_says() -> None:
    known = section_def("kprobe/x")
    assert known is not None
    mine = replace(known, pattern="my_trace+")
    elf = ElfWriter()
    code = elf.code("?my_trace/do_exit", insn(MOV, order="little"), insn(EXIT, order="little"))
    elf.symbol("main", code, size=16)
    data = elf.build()
    assert read_object(data, name="t.bpf.o").programs["main"].prog_type is ProgType.UNSPEC
    program = read_object(data, name="t.bpf.o", sections=[mine]).programs["main"]
    assert (program.prog_type, program.attach_to) == (ProgType.KPROBE, "do_exit")
    assert (program.autoload, program.autoattach) == (False, True)


def test_a_row_of_ones_own_goes_before_the_tables() -> None:
    mine = SectionDef("xdp", ProgType.SCHED_CLS)
    assert section_def("xdp", [mine]) is mine
    assert section_def("xdp.frags", [mine]) is section_def("xdp.frags")
