"""``bpf2py gen``: compiled objects in, Python modules out.

All modules are made before the first is written, so that an object which is refused leaves every
file as it was.  Without objects the nearest ``pyproject.toml`` says what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import click

from ..codegen import vendor
from ..project import modules, output
from ..project.modules import module_name
from . import gen_project, left_out
from .main import Failure

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What ``gen`` and ``build`` share."""

    types: tuple[str, ...] = ()
    events: tuple[tuple[str, str], ...] = ()
    as_bytes: tuple[str, ...] = ()
    class_name: str = ""
    contexts: bool = False
    vendor: bool = False
    check: bool = False
    typecheck: bool = False
    verbose: bool = False


def _events(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Each ``MAP=TYPE`` as a pair."""
    pairs: list[tuple[str, str]] = []
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
        "--contexts",
        is_flag=True,
        help="Also generate what programs and global functions take: struct xdp_md and the like.",
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
    click.option(
        "-v",
        "--verbose",
        is_flag=True,
        help="Say what the modules leave out of their objects, why, and what brings it in.",
    ),
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
    metavar="[FILE.o...]",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@options
@click.option(
    "--watch", is_flag=True, help="Without FILE: go on, and make again what a changed file touches."
)
def command(files: tuple[Path, ...], output_dir: Path | None, watch: bool, **rest: Any) -> None:
    """Generate one typed Python module per compiled BPF object.

    opensnoop.bpf.o becomes opensnoop_bpf.py with the class Opensnoop.  The objects need BTF:
    compile them with `clang -g`, or let `bpf2py build` do it.  Files are replaced whole, and only
    when their content changes.

    Without FILE, [tool.bpf2py] of the nearest pyproject.toml says what to compile and generate;
    only what changed is made.
    """
    if not files:
        gen_project.run(
            click.get_current_context(),
            watch=watch,
            check=rest["check"],
            typecheck=rest["typecheck"],
            verbose=rest["verbose"],
        )
        return
    if watch:
        raise click.UsageError("--watch is for what [tool.bpf2py] describes: give it no FILE")
    run([(file, output_dir or file.parent) for file in files], Options(**rest))


def run(
    inputs: Iterable[tuple[Path, Path]],
    options: Options,
    *,
    objects: Mapping[Path, bytes] = MappingProxyType({}),
    constants: Mapping[Path, Mapping[str, int | float | str]] = MappingProxyType({}),
) -> None:
    """Generate the module of each (object file, directory); ``Failure`` if out of date.

    *objects* are files to be written or compared along with the modules; *constants* are the
    macros of an object's source.
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
        texts[path] = _generate(file, path.parent, options, constants.get(file, {}))
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
        _write(texts, stale, objects, shown=set(sources))
    if options.verbose:
        for path, file in sources.items():
            left_out.show(path, file, options)
    if options.typecheck:
        typecheck(sources)


def _generate(
    file: Path, directory: Path, options: Options, constants: Mapping[str, int | float | str]
) -> str:
    return modules.module_text(
        file.read_bytes(),
        file_name=file.name,
        directory=directory,
        vendored=options.vendor,
        class_name=options.class_name,
        types=options.types,
        events=dict(options.events),
        as_bytes=options.as_bytes,
        contexts=options.contexts,
        constants=constants,
    )


def _check(texts: dict[Path, str], stale: list[Path], objects: Mapping[Path, bytes]) -> None:
    outdated = output.reasons(texts, objects, stale)
    for reason in outdated.values():
        click.echo(reason)
    if outdated:
        names = ", ".join(map(str, outdated))
        raise Failure(f"out of date: {names}", hint="run the same command without --check")


def _write(
    texts: dict[Path, str], stale: list[Path], objects: Mapping[Path, bytes], *, shown: set[Path]
) -> None:
    changed = output.publish_all(texts, objects, stale)
    folders: dict[Path, bool] = {}
    for path in (*texts, *stale):
        if path in shown:
            click.echo(f"{path}: {'written' if path in changed else 'unchanged'}")
        else:
            folder = next(parent for parent in path.parents if parent.name == vendor.FOLDER)
            folders[folder] = folders.get(folder, False) or path in changed
    for folder, written in folders.items():
        click.echo(f"{folder}/: {'written' if written else 'unchanged'}")


def typecheck(paths: Iterable[Path]) -> None:
    """Run ``mypy --strict`` over the modules at *paths*; ``Failure`` with its findings."""
    content, findings = modules.typecheck(paths)
    for path in content:
        click.echo(f"{path}: mypy --strict is content")
    if findings:
        click.echo(findings.rstrip())
        raise Failure("mypy --strict has findings in the generated modules")
