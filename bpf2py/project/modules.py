"""An object's bytes become the text of its module; modules are type-checked.

In: bytes, names, options.  Out: text.  Nothing is written.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType

from . import kept
from .folders import cache_folder


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
) -> str:
    """The module for an object's bytes, to lie in *directory*; *vendored* beside a runtime's copy."""
    package = "bpf2py"
    if vendored:
        from ..codegen import vendor

        package = vendor.import_name(directory)
    options = (file_name, class_name, package, tuple(types), tuple(events.items()), tuple(as_bytes))
    key = kept.key(data, *options)
    if (known := kept.load(key)) is not None:
        return known.decode()
    from ..codegen import generate  # most of what a command costs that finds nothing new
    from ..elf import read_object

    text = generate(
        read_object(data, name=file_name),
        file_name=file_name,
        class_name=class_name,
        package=package,
        types=types,
        events=events,
        as_bytes=as_bytes,
    )
    kept.save(key, text.encode())
    return text


def typecheck(modules: Iterable[Path]) -> tuple[list[Path], str]:
    """Run ``mypy --strict``, once per directory: the modules it is content with, its findings.

    No configuration file is read: the modules shall be clean in anybody's project.
    """
    import subprocess

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
