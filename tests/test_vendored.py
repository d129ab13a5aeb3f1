"""``--vendor``: the copied runtime works alone, under ``python -I -S``, in a folder and a package."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bpf2py.cli.main import cli
from bpf2py.codegen import vendor

from .conftest import bpf_works

ROOT = Path(__file__).parents[1]
OBJECT = ROOT / "generated_fixtures" / "minimal.bpf.o"

#: Where everything that was imported came from: the standard library or the copy.
_REPORT = """
for name, module in sorted(sys.modules.items()):
    print(name, getattr(module, "__file__", None) or "-")
"""


def gen(directory: Path, *extra: str) -> Result:
    arguments = ["gen", str(OBJECT), "-o", str(directory), "--vendor", *extra]
    return CliRunner().invoke(cli, arguments, catch_exceptions=False)


def run_alone(directory: Path, code: str) -> str:
    """What *code* prints in an interpreter that has the standard library and *directory* alone."""
    code = f"import sys\nsys.path.insert(0, {str(directory)!r})\n{code}"
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
    )
    assert result.returncode == 0, result.stderr
    return result.stdout


def foreign_modules(report: str, directory: Path) -> list[str]:
    """The lines of *_REPORT* that come from neither the standard library nor *directory*."""
    return [
        line
        for line in report.splitlines()
        for name, _, file in [line.partition(" ")]
        if file != "-"
        and not file.startswith(str(directory))
        and name.partition(".")[0] not in sys.stdlib_module_names
    ]


def test_a_vendored_module_in_a_folder_needs_nothing_but_python(tmp_path: Path) -> None:
    assert gen(tmp_path).exit_code == 0
    report = run_alone(
        tmp_path,
        "import minimal_bpf\nminimal_bpf.Minimal.spec()\nassert '_bpf2py' in sys.modules\n"
        + _REPORT,
    )
    assert not foreign_modules(report, tmp_path)
    assert "\nbpf2py" not in report


def test_a_vendored_module_in_a_package_imports_relatively(tmp_path: Path) -> None:
    package = tmp_path / "tool" / "bpf"
    package.mkdir(parents=True)
    (tmp_path / "tool" / "__init__.py").touch()
    (package / "__init__.py").touch()
    assert gen(package).exit_code == 0
    report = run_alone(
        tmp_path, "from tool.bpf import minimal_bpf\nminimal_bpf.Minimal.spec()\n" + _REPORT
    )
    assert "tool.bpf._bpf2py.runtime " in report
    assert not foreign_modules(report, tmp_path)


def test_every_module_of_the_copy_can_be_imported_alone(tmp_path: Path) -> None:
    assert gen(tmp_path).exit_code == 0
    names = [
        f"{vendor.FOLDER}.{name.removesuffix('.py').replace('/', '.').removesuffix('.__init__')}"
        for name in vendor.files()
        if name != "__init__.py"
    ]
    assert len(names) > 30
    report = run_alone(
        tmp_path,
        f"import importlib\nfor name in {names!r}:\n    importlib.import_module(name)\n" + _REPORT,
    )
    assert not foreign_modules(report, tmp_path)


@pytest.mark.skipif(not bpf_works(), reason="bpf(2) needs root and a kernel that allows it")
def test_a_vendored_module_loads_into_the_kernel(tmp_path: Path) -> None:
    assert gen(tmp_path).exit_code == 0
    printed = run_alone(
        tmp_path,
        "import minimal_bpf\n"
        "with minimal_bpf.Minimal.spec().load() as minimal:\n"
        "    print(len(minimal.programs), all(p.fileno() > 2 for p in vars(minimal.programs).values() if hasattr(p, 'fileno')))\n",
    )
    assert printed.split()[1] == "True"
    assert int(printed.split()[0]) > 0


def test_the_copy_is_checked_like_a_generated_module(tmp_path: Path) -> None:
    assert gen(tmp_path).exit_code == 0
    assert gen(tmp_path, "--check").exit_code == 0
    (tmp_path / vendor.FOLDER / "spec.py").write_text("# edited\n")
    checked = gen(tmp_path, "--check")
    assert checked.exit_code == 1
    assert "_bpf2py/spec.py" in checked.output
    assert (tmp_path / vendor.FOLDER / "spec.py").read_text() == "# edited\n"
    assert gen(tmp_path).exit_code == 0
    assert gen(tmp_path, "--check").exit_code == 0


def test_what_an_older_copy_had_and_this_one_has_not_is_removed(tmp_path: Path) -> None:
    assert gen(tmp_path).exit_code == 0
    old = tmp_path / vendor.FOLDER / "runtime" / "given_up.py"
    old.touch()
    assert gen(tmp_path, "--check").exit_code == 1
    assert old.exists()
    assert gen(tmp_path).exit_code == 0
    assert not old.exists()


def test_a_folder_of_that_name_that_is_not_ours_is_left_alone(tmp_path: Path) -> None:
    theirs = tmp_path / vendor.FOLDER / "spec.py"
    theirs.parent.mkdir()
    theirs.write_text("# theirs\n")
    result = gen(tmp_path)
    assert result.exit_code == 1
    assert vendor.FOLDER in result.output
    assert theirs.read_text() == "# theirs\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == [vendor.FOLDER]


def test_the_copy_carries_the_licence() -> None:
    assert (ROOT / "LICENSE").read_text(encoding="utf-8") == vendor.LICENCE
    assert vendor.LICENCE in vendor.files()["__init__.py"]
