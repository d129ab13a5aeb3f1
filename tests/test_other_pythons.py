"""The run side on the other versions of Python that this machine has, without installing anything."""

from __future__ import annotations

import glob
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: Imports all of it, and says what its enums are and what a generated class does.
_CODE = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import importlib, pickle, pkgutil
import bpf2py.asm, bpf2py.btf, bpf2py.enums, bpf2py.light, bpf2py.runtime, bpf2py.spec, bpf2py.uapi
for package in bpf2py.asm, bpf2py.btf, bpf2py.runtime, bpf2py.uapi:
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        importlib.import_module(module.name)
for module in bpf2py.uapi, bpf2py.uapi.rare, bpf2py.spec:
    for name, value in sorted(vars(module).items()):
        if isinstance(value, type) and issubclass(value, bpf2py.enums.IntEnum):
            print(name, len(value), *map(repr, value), dict(value.__members__))
from generated_fixtures.types_structs_bpf import TypesStructs
spec = TypesStructs.spec()
print(repr(pickle.loads(pickle.dumps(spec)).programs) == repr(spec.programs), *spec.programs)
target = bpf2py.runtime.targets.Target(1, None)
print(target, target._replace(type_id=2), pickle.loads(pickle.dumps(target)))
"""


def versions() -> dict[tuple[int, ...], str]:
    """The interpreters there are, one of each version that is supported."""
    folders = [*os.get_exec_path(), *glob.glob(os.path.expanduser("~/.pyenv/versions/*/bin"))]
    found: dict[tuple[int, ...], str] = {}
    for path in (f"{folder}/python3.{minor}" for folder in folders for minor in range(11, 20)):
        if os.access(path, os.X_OK):
            code = "import sys; print(*sys.version_info[:2])"
            asked = subprocess.run(
                [path, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
            )
            if not asked.returncode:  # a shim of pyenv refuses what is not switched on
                found.setdefault(tuple(map(int, asked.stdout.split())), path)
    return found


def told(python: str) -> str:
    result = subprocess.run(
        [python, "-I", "-S", "-W", "error", "-c", _CODE],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert not result.returncode, f"{python}: {result.stderr}"
    return result.stdout


def test_what_is_imported_says_the_same_on_every_python_here() -> None:
    others = versions()
    others.pop(sys.version_info[:2], None)
    if not others:
        pytest.skip("there is no other supported version of Python")
    expected = told(sys.executable)
    assert "MapType" in expected
    for _, python in sorted(others.items()):
        assert told(python) == expected, python
