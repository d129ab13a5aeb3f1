"""``bpf2py gen``: compiled objects in, Python modules out.

All modules are made before the first is written, so that an object which is refused leaves every
file as it was.
"""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import click

from ..codegen import generate, vendor
from ..elf import read_object
from . import output
from .main import Failure

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What ``gen`` and ``build`` share."""

    types: tuple[str, ...] = ()
    events: tuple[tuple[str, str], ...] = ()
    as_bytes: tuple[str, ...] = ()
    class_name: str = ""
    vendor: bool = False
    check: bool = False
    typecheck: bool = False


def _events(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Each ``MAP=TYPE`` as a pair."""
    pairs = []
    for value in values:
        map_name, _, type_name = value.partition("=")
        type_name = type_name.removeprefix("struct ").strip()
        if not map_name or not type_name:
            raise click.BadParameter(f"{value!r} is not MAP=TYPE, as in events=event")
        pairs.append((map_name, type_name))
    return tuple(pairs)


_OPTIONS = (
    click.option(
        "-o",
        "--output-dir",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Where to write; beside each input otherwise.",
    ),
    click.option(
        "--type",
        "types",
        multiple=True,
        metavar="NAME",
        help="Also generate this C struct, union, enum or typedef; may be repeated.",
    ),
    click.option(
        "--event",
        "events",
        multiple=True,
        callback=_events,
        metavar="MAP=TYPE",
        help="What a ring buffer or perf array carries, where the C map has no __type(value, …).",
    ),
    click.option(
        "--bytes",
        "as_bytes",
        multiple=True,
        metavar="STRUCT.MEMBER",
        help="Make this char array bytes, all of it, instead of str; may be repeated.",
    ),
    click.option(
        "--class",
        "class_name",
        default="",
        metavar="NAME",
        help="Name of the object's class, otherwise made from the file name; one FILE only.",
    ),
    click.option(
        "--vendor",
        is_flag=True,
        help=f"Copy the runtime beside the modules as {vendor.FOLDER}/: no bpf2py needed then.",
    ),
    click.option(
        "--check",
        is_flag=True,
        help="Write nothing; show what is out of date and exit with 1.",
    ),
    click.option("--typecheck", is_flag=True, help="Run mypy --strict over the modules."),
)


def options(function: _F) -> _F:
    """Add the options of ``gen`` to a command; it gets *output_dir* and those of `Options`."""
    for decorate in reversed(_OPTIONS):
        function = decorate(function)
    return function


@click.command("gen")
@click.argument(
    "files",
    nargs=-1,
    required=True,
    metavar="FILE.o...",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@options
def command(files: tuple[Path, ...], output_dir: Path | None, **rest: Any) -> None:
    """Generate one typed Python module per compiled BPF object.

    opensnoop.bpf.o becomes opensnoop_bpf.py with the class Opensnoop.  The objects need BTF:
    compile them with `clang -g`, or let `bpf2py build` do it.  Files are replaced whole, and only
    when their content changes.
    """
    run([(file, output_dir or file.parent) for file in files], Options(**rest))


def module_name(file: Path) -> str:
    """The module's name for an object file: ``open-snoop.bpf.o`` gives ``open_snoop_bpf``."""
    stem = file.name.removesuffix(".o").removesuffix(".bpf")
    name = "".join(c if c == "_" or (c.isascii() and c.isalnum()) else "_" for c in stem) + "_bpf"
    return name if name.isidentifier() else "_" + name


def run(
    inputs: Iterable[tuple[Path, Path]],
    options: Options,
    *,
    objects: Mapping[Path, bytes] = MappingProxyType({}),
) -> None:
    """Generate the module of each (object file, directory); ``Failure`` if out of date.

    *objects* are files to be written or compared along with the modules.
    """
    texts: dict[Path, str] = {}
    sources: dict[Path, Path] = {}
    for file, directory in inputs:
        path = directory / f"{module_name(file)}.py"
        if path in sources:
            raise Failure(f"{sources[path]} and {file} would both become {path}")
        sources[path] = file
    if options.class_name and len(sources) > 1:
        raise click.UsageError("--class names the class of one object, there are more")
    for path, file in sources.items():
        texts[path] = _generate(file, path.parent, options)
    stale: list[Path] = []
    if options.vendor:
        for directory in sorted({path.parent for path in texts}):
            folder = directory / vendor.FOLDER
            vendor.require_ours(folder)
            texts |= {folder / name: text for name, text in vendor.files().items()}
            stale += vendor.left_over(folder)
    if options.check:
        _check(texts, stale, objects)
    else:
        for path, data in objects.items():
            if not path.exists() or path.read_bytes() != data:
                output.write_atomically(path, data)
        _write(texts, stale, shown=set(sources))
    if options.typecheck:
        typecheck(sources)


def _generate(file: Path, directory: Path, options: Options) -> str:
    spec = read_object(file.read_bytes(), name=file.name)
    package = vendor.import_name(directory) if options.vendor else "bpf2py"
    return generate(
        spec,
        file_name=file.name,
        class_name=options.class_name,
        package=package,
        types=options.types,
        events=dict(options.events),
        as_bytes=options.as_bytes,
    )


def _check(texts: dict[Path, str], stale: list[Path], objects: Mapping[Path, bytes]) -> None:
    outdated = [path for path, text in texts.items() if not output.is_current(path, text)]
    for path in outdated:
        click.echo(output.difference(path, texts[path]))
    for path, data in objects.items():
        if not path.exists() or path.read_bytes() != data:
            click.echo(f"{path}: the source compiles to another object")
            outdated.append(path)
    for path in stale:
        click.echo(f"{path}: no longer part of the runtime")
    if outdated or stale:
        names = ", ".join(map(str, outdated + stale))
        raise Failure(f"out of date: {names}", hint="run the same command without --check")


def _write(texts: dict[Path, str], stale: list[Path], *, shown: set[Path]) -> None:
    folders: dict[Path, bool] = {}
    for path, text in texts.items():
        written = output.publish(path, text)
        if path in shown:
            click.echo(f"{path}: {'written' if written else 'unchanged'}")
        else:
            folder = next(parent for parent in path.parents if parent.name == vendor.FOLDER)
            folders[folder] = folders.get(folder, False) or written
    for path in stale:
        path.unlink()
    for folder, written in folders.items():
        click.echo(f"{folder}/: {'written' if written or stale else 'unchanged'}")


def typecheck(modules: Iterable[Path]) -> None:
    """Run ``mypy --strict`` over *modules*, a run per directory; ``Failure`` with its findings.

    No configuration file is read: the modules shall be clean in anybody's project.
    """
    if importlib.util.find_spec("mypy") is None:
        raise ModuleNotFoundError("mypy is not installed", name="mypy")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "bpf2py", "mypy")
    by_directory: dict[Path, list[str]] = {}
    for module in modules:
        by_directory.setdefault(module.parent, []).append(str(module))
    findings = ""
    for paths in by_directory.values():
        mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "--no-error-summary"]
        result = subprocess.run(
            [*mypy, f"--cache-dir={cache}", *paths], capture_output=True, text=True, check=False
        )
        if result.returncode:
            findings += result.stdout + result.stderr
        else:
            for path in paths:
                click.echo(f"{path}: mypy --strict is content")
    if findings:
        click.echo(findings.rstrip())
        raise Failure("mypy --strict has findings in the generated modules")
