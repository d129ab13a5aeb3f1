"""An object's bytes become the text of its module; modules are type-checked.

In: bytes, names, options.  Out: text.  Nothing is written.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from ..codegen import generate, vendor
from ..elf import read_object


def module_name(file: Path) -> str:
    """The module's name for an object file: ``open-snoop.bpf.o`` gives ``open_snoop_bpf``."""
    stem = file.name.removesuffix(".o").removesuffix(".bpf")
    name = "".join(c if c == "_" or (c.isascii() and c.isalnum()) else "_" for c in stem) + "_bpf"
    return name if name.isidentifier() else "_" + name


def module_text(
    data: bytes,
    *,
    file_name: str,
    directory: Path,
    vendored: bool = False,
    class_name: str = "",
    types: Sequence[str] = (),
    events: Mapping[str, str] = MappingProxyType({}),
    as_bytes: Sequence[str] = (),
    contexts: bool = False,
    constants: Mapping[str, int | float | str] = MappingProxyType({}),
) -> str:
    """The module for an object's bytes, to lie in *directory*; *vendored* beside a runtime's copy."""
    return generate(
        read_object(data, name=file_name),
        file_name=file_name,
        class_name=class_name,
        package=vendor.import_name(directory) if vendored else "bpf2py",
        types=types,
        events=events,
        as_bytes=as_bytes,
        contexts=contexts,
        constants=constants,
    )


def typecheck(modules: Iterable[Path]) -> tuple[list[Path], str]:
    """Run ``mypy --strict``, once per directory: the modules it is content with, its findings.

    No configuration file is read: the modules shall be clean in anybody's project.
    """
    if importlib.util.find_spec("mypy") is None:
        raise ModuleNotFoundError("mypy is not installed", name="mypy")
    cache = cache_folder() / "mypy"
    by_directory: dict[Path, list[Path]] = {}
    for module in modules:
        by_directory.setdefault(module.parent, []).append(module)
    content: list[Path] = []
    findings = ""
    for paths in by_directory.values():
        mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary"]
        result = subprocess.run(
            [*mypy, f"--cache-dir={cache}", *map(str, paths)],
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode:
            findings += result.stdout + result.stderr
        else:
            content += paths
    return content, findings


def cache_folder() -> Path:
    """Where bpf2py keeps what can be made again; outside every project."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "bpf2py")
