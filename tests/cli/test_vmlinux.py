"""``bpf2py vmlinux``: a header in a file or on standard output."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bpf2py.btf import c_format, decode, encode
from bpf2py.btf import types as t
from bpf2py.cli import vmlinux
from bpf2py.cli.main import cli

ROOT = Path(__file__).parents[2]
UAPI = ROOT / "tests" / "data" / "uapi.btf"
OBJECT = ROOT / "generated_fixtures" / "core_fields.bpf.o"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["vmlinux", *map(str, arguments)])


def test_the_header_goes_to_standard_output_and_nothing_else() -> None:
    for more in ((), ("-o", "-")):
        result = run("--btf", UAPI, *more)
        assert result.exit_code == 0
        assert result.stdout == c_format.header(decode(UAPI.read_bytes()))
        assert result.stderr == ""


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "vmlinux.h"
    result = run("--btf", UAPI, "-o", path)
    assert result.exit_code == 0
    assert result.stdout == f"{path}: written from {UAPI}\n"
    assert path.read_text() == c_format.header(decode(UAPI.read_bytes()))
    before = path.read_bytes()
    assert run("--btf", UAPI, "-o", path, "--types", "no_such").exit_code == 1
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["vmlinux.h"]


def test_types_may_be_given_together_or_one_by_one() -> None:
    together = run("--btf", OBJECT, "--types", "struct task_struct, __u64")
    assert together.exit_code == 0
    assert (
        together.stdout == run("--btf", OBJECT, "--types", "task_struct", "--types", "__u64").stdout
    )
    assert "struct task_struct {" in together.stdout
    assert len(together.stdout) < len(run("--btf", OBJECT).stdout)


def test_an_unknown_type_is_told_with_similar_names() -> None:
    result = run("--btf", OBJECT, "--types", "task_strct")
    assert result.exit_code == 1
    assert "Error: the BTF has no type 'task_strct'" in result.stderr
    assert "Hint: near 'task_strct': task_struct" in result.stderr


def test_an_empty_name_is_wrong_usage() -> None:
    for names in ("", "a,,b", "a,"):
        assert run("--btf", OBJECT, "--types", names).exit_code == 2


def test_a_module_needs_its_kernel(tmp_path: Path) -> None:
    base, module = tmp_path / "kernel", tmp_path / "module"
    base.write_bytes(encode([t.Int("int", 4, 32, signed=True)], byte_order="little"))
    split = [t.Struct("mod", 4, (t.Member("x", 1, 0),))]
    module.write_bytes(encode(split, byte_order="little", base=decode(base.read_bytes())))
    result = run("--btf", module)
    assert result.exit_code == 1
    assert "with --base" in result.stderr
    assert "\tint x;" in run("--btf", module, "--base", base).stdout


def test_a_module_of_the_running_kernel_finds_its_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel = tmp_path / "vmlinux"
    kernel.write_bytes(encode([t.Int("int", 4, 32, signed=True)], byte_order="little"))
    split = [t.Struct("mod", 4, (t.Member("x", 1, 0),))]
    blob = encode(split, byte_order="little", base=decode(kernel.read_bytes()))
    (tmp_path / "module").write_bytes(blob)
    monkeypatch.setattr(vmlinux, "KERNEL_BTF", kernel)
    assert "\tint x;" in run("--btf", tmp_path / "module").stdout


def test_a_kernel_without_btf_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    missing = tmp_path / "vmlinux"
    monkeypatch.setattr(vmlinux, "KERNEL_BTF", missing)
    result = run("--btf", missing)
    assert result.exit_code == 1
    assert f"this kernel has no {missing}" in result.stderr
    assert "CONFIG_DEBUG_INFO_BTF" in result.stderr
    other = run("--btf", tmp_path / "other")
    assert other.exit_code == 1
    assert "No such file" in other.stderr
