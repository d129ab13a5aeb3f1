"""The jobs of the benchmark that generate modules: whole processes, beside ``bpftool gen skeleton``.

bpftool writes a C header that has a compiler ahead of it, bpf2py a module that is ready to be
imported and typed; both read the same objects, and both are a command in somebody's build.
"""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
OBJECTS = sorted(ROOT.glob("examples/*/*.bpf.o"))
BPFTOOL = shutil.which("bpftool") or shutil.which("bpftool", path="/usr/sbin:/sbin")


def bpftool(objects: list[Path]) -> list[str]:
    """``bpftool gen skeleton`` of *objects*: it takes one, so a shell runs it for each."""
    commands = [shlex.join([str(BPFTOOL), "gen", "skeleton", str(path)]) for path in objects]
    return ["sh", "-c", " && ".join([*commands[:-1], f"exec {commands[-1]}"])]


def bpf2py(*words: str | Path) -> list[str]:
    """``bpf2py`` with *words*, as its environment has it installed."""
    return [sys.executable, "-P", "-m", "bpf2py", *map(str, words)]


def prepare(work: Path) -> Path:
    """A project of the same objects, its modules made; their folder is *work* / ``modules``."""
    project = work / "project"
    shutil.rmtree(project, ignore_errors=True)
    project.mkdir()
    for path in OBJECTS:
        shutil.copy(path, project)
    (project / "pyproject.toml").write_text(
        '[tool.bpf2py]\ntargets = [{ objects = ["*.bpf.o"] }]\n'
    )
    return project
