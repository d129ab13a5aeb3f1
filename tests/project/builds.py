"""Small projects to build: sources that need no header, so that every clang compiles them."""

from __future__ import annotations

import shutil
from pathlib import Path

from bpf2py.project import compiler

ROOT = Path(__file__).parents[2]
MINIMAL = ROOT / "generated_fixtures" / "minimal.bpf.o"

#: A program and a variable; ``START`` may be set by a flag, ``mine.h`` is optional.
SOURCE = """\
#ifdef HEADER
#include "mine.h"
#endif
#ifndef START
#define START 7
#endif
volatile const int start = START;
__attribute__((section("socket"), used)) int look(void *ctx)
{
	return start;
}
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
"""

HAS_COMPILER = compiler.find_compiler() is not None


def project(folder: Path, config: str, **files: str) -> Path:
    """``pyproject.toml`` with *config* in *folder*, and C sources by name; the folder."""
    (folder / "pyproject.toml").write_text(f"[tool.bpf2py]\n{config}")
    for name, text in files.items():
        path = folder / "bpf" / f"{name}.bpf.c"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def with_object(folder: Path, config: str = 'objects = ["*.bpf.o"]\n') -> Path:
    """A project with one object, which needs no compiler."""
    shutil.copy(MINIMAL, folder)
    return project(folder, config)
