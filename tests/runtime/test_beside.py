"""The file beside a module: read by the import system, when asked for, and only if it fits."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from bpf2py.project.modules import ObjectFile, generated

ROOT = Path(__file__).parents[2]
OBJECT = ROOT / "generated_fixtures" / "big_program.bpf.o"
CODE = "import {0}\nspec = {0}.BigProgram.spec()\nprint(len(spec.object_spec.btf) > 100)\n"

Run = Callable[..., subprocess.CompletedProcess[str]]


def write(folder: Path) -> Path:
    """A module in *folder*, with its file beside it; the file."""
    folder.mkdir(exist_ok=True)
    module = folder / "big_program_bpf.py"
    made = generated([ObjectFile.at(OBJECT)], module=module, sidecar=True)
    module.write_text(made.text)
    ((path, data),) = made.bytes_beside(module).items()
    path.write_bytes(data)
    assert "runtime.blob" not in made.text
    return path


@pytest.fixture
def run() -> Run:
    def python(code: str, *paths: Path) -> subprocess.CompletedProcess[str]:
        code = f"import sys; sys.path[:0] = {[str(path) for path in (*paths, ROOT)]!r}\n{code}"
        return subprocess.run(
            [sys.executable, "-I", "-S", "-W", "error", "-c", code],
            capture_output=True,
            text=True,
            cwd="/",
        )

    return python


@pytest.mark.parametrize("package", ["", "tool"])
@pytest.mark.parametrize("zipped", [False, True])
def test_it_is_found_wherever_the_module_was_imported_from(
    tmp_path: Path, run: Run, package: str, zipped: bool
) -> None:
    write(tmp_path / package)
    name = "big_program_bpf"
    if package:
        (tmp_path / package / "__init__.py").touch()
        name = f"{package}.{name}"
    place = tmp_path
    if zipped:
        place = tmp_path / "all.zip"
        with zipfile.ZipFile(place, "w") as archive:
            for path in (tmp_path / package).glob("*[yn]"):
                archive.write(path, path.relative_to(tmp_path))
    done = run(CODE.format(name), place)
    assert (done.stdout, done.stderr) == ("True\n", "")


def test_importing_the_module_does_not_read_it(tmp_path: Path, run: Run) -> None:
    write(tmp_path).unlink()
    assert run("import big_program_bpf", tmp_path).returncode == 0


@pytest.mark.parametrize("zipped", [False, True])
def test_a_missing_file_says_which_and_what_to_do(tmp_path: Path, run: Run, zipped: bool) -> None:
    write(tmp_path).unlink()
    place = tmp_path
    if zipped:
        place = tmp_path / "all.zip"
        with zipfile.ZipFile(place, "w") as archive:
            archive.write(tmp_path / "big_program_bpf.py", "big_program_bpf.py")
    last = run(CODE.format("big_program_bpf"), place).stderr.splitlines()[-1]
    assert last.startswith("FileNotFoundError: [Errno 2] the module big_program_bpf has its")
    assert "package-data" in last
    assert last.endswith("'big_program_bpf.bin'")


@pytest.mark.parametrize("change", [lambda data: data + b"\0", lambda data: b"\0" + data[1:]])
def test_a_file_of_another_build_is_refused(
    tmp_path: Path, run: Run, change: Callable[[bytes], bytes]
) -> None:
    path = write(tmp_path)
    path.write_bytes(change(path.read_bytes()))
    last = run(CODE.format("big_program_bpf"), tmp_path).stderr.splitlines()[-1]
    assert last.startswith("ValueError: big_program_bpf.bin is of another build than the module")


def test_a_loader_that_only_knows_resources_is_asked_for_them(tmp_path: Path, run: Run) -> None:
    write(tmp_path / "tool")
    (tmp_path / "tool" / "__init__.py").touch()
    code = (
        "import importlib.machinery as m\n"
        "class Other:\n"
        "    def __init__(self, inner): self.inner = inner\n"
        "    def create_module(self, spec): return None\n"
        "    def exec_module(self, module): self.inner.exec_module(module)\n"
        "class Finder:\n"
        "    def find_spec(name, path, target=None):\n"
        "        spec = m.PathFinder.find_spec(name, path)\n"
        "        if spec and 'big_program' in name:\n"
        "            spec.loader = Other(spec.loader)\n"
        "        return spec\n"
        "sys.meta_path.insert(0, Finder)\n"
    ) + CODE.format("tool.big_program_bpf")
    done = run(code, tmp_path)
    assert (done.stdout, done.stderr) == ("True\n", "")
