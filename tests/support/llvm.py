"""The newest clang that is installed, and LLVM's tools of the same version."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache

import pytest

_NAMES = ("clang", *(f"clang-{number}" for number in range(14, 30)))


@cache
def clangs() -> dict[int, str]:
    """Path of each clang that runs, by its major version."""
    found: dict[int, str] = {}
    for name in _NAMES:
        path = shutil.which(name)
        if path is None:
            continue
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
        if version := re.search(r"clang version (\d+)", said.stdout):
            found[int(version[1])] = path
    return found


def require_clang(*, since: int = 14, what: str = "this test") -> str:
    """The newest clang; skips the test that asks if there is none as new as *since*."""
    newest = max(clangs(), default=0)
    if newest < since:
        have = f"the newest here is {newest}" if newest else "there is none"
        pytest.skip(f"{what} needs clang {since} or newer; {have}")
    return clangs()[newest]


def require_tool(name: str) -> str:
    """LLVM's *name* (``llvm-objdump``) of the newest clang's version, else the one there is."""
    path = shutil.which(f"{name}-{max(clangs(), default=0)}") or shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path
