"""mypy and pyright, both strict, read every generated module and what users write with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .kernel_types import KERNEL_BTF, Kernel

ROOT = Path(__file__).resolve().parents[2]
READ = ("generated_fixtures/*_bpf.py", "examples/*/*_bpf.py", "tests/typing/*.py")
#: One in so many types of the kernel is read as well.
EVERY = 1200


@pytest.fixture(scope="module")
def of_the_kernel(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """A module of types of the running kernel, if it has BTF."""
    if not KERNEL_BTF.exists():
        return []
    kernel = Kernel()
    path = tmp_path_factory.mktemp("kernel") / "kernel_bpf.py"
    path.write_text(kernel.text(kernel.ids()[::EVERY]))
    return [path]


def read() -> list[Path]:
    """Every module that is checked in, and every use of one that is stated."""
    paths = [path for pattern in READ for path in sorted(ROOT.glob(pattern))]
    assert len(paths) > 50
    return paths


def test_mypy_finds_nothing_in_generated_modules_nor_in_their_use(
    of_the_kernel: list[Path],
) -> None:
    files = [str(path) for path in read() + of_the_kernel]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(shutil.which("node") is None, reason="pyright needs node")
def test_pyright_finds_nothing_in_generated_modules_nor_in_their_use(
    tmp_path: Path, of_the_kernel: list[Path]
) -> None:
    files = read() + of_the_kernel
    config = {
        "include": [os.path.relpath(path, tmp_path) for path in files],
        "extraPaths": [os.path.relpath(ROOT, tmp_path)],
        "typeCheckingMode": "strict",
        "pythonVersion": "3.11",
        "reportUnnecessaryTypeIgnoreComment": True,
        "reportMissingModuleSource": True,
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(config))
    done = subprocess.run(
        [sys.executable, "-m", "pyright", "--outputjson", "--project", str(tmp_path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    report = json.loads(done.stdout)
    assert report["summary"]["filesAnalyzed"] == len(files)
    found = [
        f"{row['file']}:{row['range']['start']['line'] + 1}: {row['message']}"
        for row in report["generalDiagnostics"]
    ]
    assert found == []
