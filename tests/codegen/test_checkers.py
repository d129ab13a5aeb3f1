"""mypy and pyright, both strict, read every generated module and what users write with them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
READ = ("generated_fixtures/*_bpf.py", "tests/typing/*.py")


def test_mypy_finds_nothing_in_generated_modules_nor_in_their_use() -> None:
    files = [str(path) for pattern in READ for path in sorted(ROOT.glob(pattern))]
    assert len(files) > 25
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.skipif(shutil.which("node") is None, reason="pyright needs node")
def test_pyright_finds_nothing_in_generated_modules_nor_in_their_use(tmp_path: Path) -> None:
    config = {
        "include": [os.path.relpath(ROOT / pattern, tmp_path) for pattern in READ],
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
    assert report["summary"]["filesAnalyzed"] > 25
    found = [
        f"{row['file']}:{row['range']['start']['line'] + 1}: {row['message']}"
        for row in report["generalDiagnostics"]
    ]
    assert found == []
