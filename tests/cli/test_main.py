"""The command as people start it: help, errors in one line, exit codes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from bpf2py import __version__
from bpf2py.btf import encode
from bpf2py.btf import types as t
from bpf2py.cli.main import COMMANDS, cli
from bpf2py.spec import Linkage
from tests.support.elfwriter import ALLOC, WRITE, ElfWriter
from tests.support.elfwriter import OBJECT as ELF_OBJECT

ROOT = Path(__file__).parents[2]
OBJECT = ROOT / "generated_fixtures" / "minimal.bpf.o"


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """``python -m bpf2py`` as its own process."""
    return subprocess.run(
        [sys.executable, "-m", "bpf2py", *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env=os.environ | environment,
    )


def without_packages(tmp_path: Path, *hidden: str) -> dict[str, str]:
    """An environment in which *hidden* packages cannot be imported."""
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name in {hidden!r}:\n"
        "            raise ModuleNotFoundError(f'No module named {name!r}', name=name)\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    return {"PYTHONPATH": str(tmp_path)}


def test_python_dash_m_shows_every_command() -> None:
    result = run("--help")
    assert result.returncode == 0
    for name in COMMANDS:
        assert f"  {name} " in result.stdout


def test_the_installed_command_is_the_same() -> None:
    command = Path(sys.executable).with_name("bpf2py")
    if not command.exists():
        pytest.skip("bpf2py is not installed into this interpreter's environment")
    result = subprocess.run([command, "--version"], capture_output=True, text=True, check=True)
    assert __version__ in result.stdout


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_that_says_what_it_does(command: str) -> None:
    result = CliRunner().invoke(cli, [command, "--help"])
    assert result.exit_code == 0
    assert result.output.startswith("Usage:")
    assert len(result.output.splitlines()) > 8


def test_an_unknown_command_is_wrong_usage() -> None:
    result = run("generate")
    assert result.returncode == 2
    assert "No such command 'generate'" in result.stderr


@pytest.mark.parametrize(
    ("command", "package"),
    [
        ("gen", "click"),
        ("gen", "elftools"),
        ("gen", "jinja2"),
        ("inspect", "rich"),
        ("build", "elftools"),
    ],
)
def test_a_missing_build_package_is_one_line_and_exit_code_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, package: str
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))  # nothing was generated before
    result = run(command, str(OBJECT), **without_packages(tmp_path, package))
    assert result.returncode == 2
    assert result.stderr == f"bpf2py {command} needs the build extra: pip install 'bpf2py[build]'\n"
    assert result.stdout == ""


def test_a_missing_package_of_somebody_else_is_not_called_the_build_extra(tmp_path: Path) -> None:
    result = run("inspect", str(OBJECT), **without_packages(tmp_path, "json"))
    assert result.returncode == 1
    assert "build extra" not in result.stderr
    assert "Traceback" in result.stderr


def test_a_refused_object_is_one_line_without_traceback(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.bpf.o"
    damaged.write_bytes(OBJECT.read_bytes()[:100])
    result = run("inspect", str(damaged))
    assert result.returncode == 1
    assert result.stderr.startswith("Error: damaged.bpf.o")
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout == ""


@pytest.mark.parametrize("command", ["gen", "gen --verbose", "inspect", "link -o x.o"])
def test_types_that_turn_out_to_be_damaged_are_reported_with_their_file(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is wrong with a type is seen when it is asked for, long after the file was read."""
    elf = ElfWriter()
    held = elf.section(".data", bytes(4), flags=WRITE | ALLOC)
    types: list[t.Type] = [t.Int("int", 4, 32)]
    types += [t.Typedef(f"t{number}", number) for number in range(1, 80)]
    types += [t.Var("v", 80, Linkage.GLOBAL), t.Datasec(".data", 0, (t.SectionVar(81, 0, 4),))]
    elf.section(".BTF", encode(types, byte_order="little"), flags=0)
    elf.symbol("v", held, size=4, kind=ELF_OBJECT)
    (tmp_path / "deep.bpf.o").write_bytes(elf.build())
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, [*command.split(), "deep.bpf.o"])
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: deep.bpf.o: section '.BTF' or '.BTF.ext' is damaged: ")
    assert os.listdir(tmp_path) == ["deep.bpf.o"]


@pytest.mark.parametrize("how", ["option", "environment"])
def test_debug_shows_the_traceback(tmp_path: Path, how: str) -> None:
    damaged = tmp_path / "damaged.bpf.o"
    damaged.write_bytes(b"no ELF")
    if how == "option":
        result = run("--debug", "inspect", str(damaged))
    else:
        result = run("inspect", str(damaged), BPF2PY_DEBUG="1")
    assert result.returncode == 1
    assert "Traceback" in result.stderr
    assert "ObjectError" in result.stderr


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    result = run("inspect", str(tmp_path / "missing.bpf.o"))
    assert result.returncode == 2
    assert "missing.bpf.o" in result.stderr
    assert "Traceback" not in result.stderr


def test_a_closed_pipe_is_no_error() -> None:
    reader = subprocess.Popen(["true"], stdin=subprocess.PIPE)
    reader.wait(timeout=10)
    assert reader.stdin is not None
    with reader.stdin as pipe:
        result = subprocess.run(
            [sys.executable, "-m", "bpf2py", "inspect", "--json", str(OBJECT)],
            stdout=pipe,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            cwd=ROOT,
        )
    assert "Traceback" not in result.stderr
