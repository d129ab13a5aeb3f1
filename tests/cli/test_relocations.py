"""``bpf2py inspect --relocations``: the report for this kernel, for a file, for a folder of many."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from rich.console import Console

from bpf2py.cli.main import cli
from bpf2py.cli.relocations import report, show
from bpf2py.elf import read_object_file
from bpf2py.project.hub import archive
from bpf2py.runtime import relocations

from ..core.trim import FOLDER, ROOT

OBJECT = ROOT / "generated_fixtures" / "core_fields.bpf.o"
OLD, NEW = FOLDER / "debian-5.10.btf", FOLDER / "debian-6.12.btf"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["inspect", *map(str, arguments)])


def test_of_one_kernel_each_relocation_is_a_row() -> None:
    result = run(OBJECT, "--relocations", "--btf", OLD)
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == f"core_fields on {OLD}: 7 same, 33 changed, 5 absent, 5 missing"
    assert lines[2].strip() == "measure (core_fields.bpf.c)"
    assert lines[3].split() == ["insn", "line", "kind", "of", "value", "outcome"]
    # bpftool prints bits_offset=17856.
    wanted = f"4 162 byte_offset struct task_struct.pid 28 → {17856 // 8} changed"
    assert lines[5].split() == wanted.split()
    assert "read_current (core_fields.bpf.c)" in map(str.strip, lines)
    assert (
        "core_fields.bpf.c:218: missing: field_byte_offset of struct task_struct___new.__state "
        "(program 'read_current', instruction 168)\n"
    ) in result.stdout
    assert "has no member '__state'; nearest: state, " in result.stdout
    assert "the program asks whether the kernel has it" in result.stdout


def test_a_terminal_of_80_columns_shows_most_rows_on_a_line_each() -> None:
    document = report(read_object_file(OBJECT), NEW)
    console = Console(width=80, file=io.StringIO())
    show(console, document)
    assert isinstance(console.file, io.StringIO)
    lines = console.file.getvalue().splitlines()
    rows = len(document["kernels"][0]["relocations"])
    whole = [line for line in lines if re.fullmatch(r"\d+ +\d+ +\S+ +\w+ \w+\S* .*\w *", line)]
    assert len(whole) >= rows * 3 // 4
    assert max(map(len, lines)) <= 80


def test_of_a_folder_each_kernel_is_a_row_and_problems_are_told_once() -> None:
    result = run(OBJECT, "--relocations", "--btf", FOLDER)
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines() if line.startswith("debian-")]
    assert rows == [
        ["debian-5.10", "7", "33", "5", "5"],
        ["debian-6.1", "10", "31", "4", "5"],
        ["debian-6.12", "10", "31", "4", "5"],
        ["debian-7.2", "10", "31", "4", "5"],
    ]
    assert result.stdout.count("core_fields.bpf.c:224: missing") == 1
    assert "  on debian-5.10, debian-6.1, debian-6.12, … (4 kernels)" in result.stdout
    assert "  on debian-5.10\n" in result.stdout


def test_an_archive_is_as_good_as_a_folder(tmp_path: Path) -> None:
    path = tmp_path / "btf.tar.xz"
    files = [(f"debian/12/{each.name}", each.read_bytes()) for each in (OLD, NEW)]
    path.write_bytes(archive(files))
    result = run(OBJECT, "--relocations", "--btf", path, "--json")
    document = json.loads(result.stdout)
    assert [each["kernel"] for each in document["kernels"]] == [
        "debian/12/debian-5.10",
        "debian/12/debian-6.12",
    ]


def test_json_has_what_python_has() -> None:
    document = json.loads(run(OBJECT, "--relocations", "--btf", OLD, "--json").stdout)
    assert (document["format"], document["name"]) == (1, "core_fields")
    (kernel,) = document["kernels"]
    assert kernel["outcomes"] == {
        "same": 7,
        "changed": 33,
        "absent": 5,
        "missing": 5,
        "refused": 0,
    }
    found = relocations(read_object_file(OBJECT), OLD)
    assert [
        (row["program"], row["instruction"], row["subject"], row["target"], row["outcome"])
        for row in kernel["relocations"]
    ] == [(each.program, each.insn, each.subject, each.target, each.outcome) for each in found]
    assert kernel["relocations"][1] == {
        "program": "measure",
        "instruction": 4,
        "file": "core_fields.bpf.c",
        "line": 162,
        "text": "r->tasks_prev_offset = bpf_core_field_offset(TASK->tasks.prev);",
        "kind": "field_byte_offset",
        "subject": "struct task_struct.pid",
        "local": 28,
        "target": 2232,
        "outcome": "changed",
        "guarded": True,
        "where": "vmlinux",
        "candidates": ["struct task_struct (type 61 of vmlinux)"],
        "reason": None,
    }


def test_without_btf_the_running_kernel_is_asked() -> None:
    if not Path("/sys/kernel/btf/vmlinux").exists():
        pytest.skip("this kernel shows no BTF")
    result = run(OBJECT, "--relocations")
    assert result.exit_code == 0, result.output
    assert result.stdout.startswith("core_fields on running kernel: ")


def test_btf_without_relocations_is_wrong_usage() -> None:
    result = run(OBJECT, "--btf", OLD)
    assert result.exit_code == 2
    assert "--btf goes with --relocations" in result.stderr


def test_what_is_no_btf_is_one_line(tmp_path: Path) -> None:
    empty = run(OBJECT, "--relocations", "--btf", tmp_path)
    assert (empty.exit_code, empty.stderr.count("\n")) == (1, 1)
    assert f"{tmp_path}: no *.btf of any kernel in it" in empty.stderr
    (tmp_path / "a.btf").write_bytes(b"no BTF")
    wrong = run(OBJECT, "--relocations", "--btf", tmp_path / "a.btf")
    assert (wrong.exit_code, wrong.stderr.count("\n")) == (1, 1)
    assert "a.btf: neither BTF" in wrong.stderr
