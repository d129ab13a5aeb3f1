"""``bpf2py gen``: compiled objects in, Python modules out.

All modules are made before the first is written, so that an object which is refused leaves every
file as it was.  Without objects the nearest ``pyproject.toml`` says what to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import click

from ..project import modules, output
from ..project.modules import module_name
from ..project.variants import split_arch
from ..records import dataclass, field
from .main import Failure

_F = TypeVar("_F", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What ``gen`` and ``build`` share."""

    types: tuple[str, ...] = ()
    events: tuple[tuple[str, str], ...] = ()
    views: tuple[tuple[str, str], ...] = ()
    as_bytes: tuple[str, ...] = ()
    strip_enum_prefix: bool = False
    class_name: str = ""
    contexts: bool = False
    sections: tuple[tuple[str, str], ...] = ()
    vendor: bool = False
    sidecar: bool = False
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


def _views(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Each ``PLACE=VIEW`` as a pair; of a place that is said twice the last one counts."""
    pairs: dict[str, str] = {}
    for value in values:
        place, _, view = value.rpartition("=")
        if not place.strip() or not view.strip():
            raise click.BadParameter(f"{value!r} is not PLACE=VIEW, as in event.saddr=ipv4")
        pairs[place.strip()] = view.strip()
    return tuple(pairs.items())


def own_sections(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[str, str], ...]:
    """Each ``NAME=SECTION`` as a pair; what is wrong with one is a usage error."""
    from ..elf import ObjectError
    from ..elf import own_sections as rows

    pairs: dict[str, str] = {}
    for value in values:
        own, equals, known = value.partition("=")
        if not equals:
            raise click.BadParameter(f"{value!r} is not NAME=SECTION, as in my_probe=kprobe")
        pairs[own.strip()] = known.strip()
    try:
        rows(pairs)
    except ObjectError as error:
        raise click.BadParameter(str(error)) from None
    return tuple(pairs.items())


#: ``--section``, which ``inspect`` has, too.
SECTION_OPTION = click.option(
    "--section",
    "sections",
    multiple=True,
    callback=own_sections,
    metavar="NAME=SECTION",
    help="Take programs under SEC(NAME), a name of your own, as those under SEC(SECTION): "
    "my_probe=kprobe, my_filter/=xdp (with anything after the slash); may be repeated.",
)

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
        "--view",
        "views",
        multiple=True,
        callback=_views,
        metavar="PLACE=VIEW",
        help="Show STRUCT.MEMBER, VARIABLE, MAP:key or TYPE as "
        "ipv4, ipv6, mac, be16, be32, be64, ns, ktime, boottime, text, bytes, hex, none, "
        "enum:NAME or flags:NAME; may be repeated.",
    ),
    click.option(
        "--bytes",
        "as_bytes",
        multiple=True,
        metavar="PLACE",
        help="Make this char array bytes, all of it, instead of str: --view PLACE=bytes.",
    ),
    click.option(
        "--strip-enum-prefix",
        "--strip-prefix",
        is_flag=True,
        help="Leave out of the members of an enum what all their names begin with.",
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
    SECTION_OPTION,
    click.option(
        "--vendor",
        is_flag=True,
        help="Copy the runtime beside the modules as _bpf2py/: no bpf2py needed then.",
    ),
    click.option(
        "--sidecar",
        is_flag=True,
        help="Put instructions, BTF and data into a file beside the module, NAME_bpf.bin.",
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


def _objects(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[tuple[Path, str], ...]:
    """Each ``FILE`` or ``ARCH=FILE`` as path and architecture."""
    path = click.Path(exists=True, dir_okay=False)
    parts = [split_arch(value) for value in values]
    return tuple((Path(str(path.convert(file, param, ctx))), arch) for arch, file in parts)


@click.command("gen")
@click.argument("files", nargs=-1, metavar="[[ARCH=]FILE.o...]", callback=_objects)
@options
@click.option(
    "--as-one",
    metavar="NAME",
    default="",
    help="All FILEs are one source, compiled for several machines: make one module, NAME_bpf.py.",
)
@click.option(
    "--link",
    metavar="NAME",
    default="",
    help="All FILEs are parts of one program: link them as `bpf2py link` does, and make one module,"
    " NAME_bpf.py.",
)
@click.option(
    "--watch", is_flag=True, help="Without FILE: go on, and make again what a changed file touches."
)
def command(
    files: tuple[tuple[Path, str], ...],
    output_dir: Path | None,
    as_one: str,
    link: str,
    watch: bool,
    **rest: Any,
) -> None:
    """Generate one typed Python module per compiled BPF object.

    opensnoop.bpf.o becomes opensnoop_bpf.py with the class Opensnoop.  The objects need BTF:
    compile them with `clang -g`, or let `bpf2py build` do it.  Files are replaced whole, and only
    when their content changes.

    An object for one architecture is written x86=FILE.o, or called so (x.x86.bpf.o and bpf2go's
    x_x86_bpfel.o): the module is refused elsewhere.  With --as-one, the one that fits is chosen
    where the module is used: by byte order, architecture, and the instructions the kernel knows.

    Without FILE, [tool.bpf2py] of the nearest pyproject.toml says what to compile and generate;
    only what changed is made.
    """
    if not files:
        from . import gen_project

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
    each = Options(**rest)
    directory = output_dir or files[0][0].parent
    if as_one and link:
        raise click.UsageError("--as-one is for variants of one source, --link for parts: give one")
    if link:
        parts = [modules.ObjectFile.at(path, arch) for path, arch in files]
        run([Request(directory=directory, built=(modules.linked(link, parts),))], each)
    elif as_one:
        run([Request(name=as_one, directory=directory, files=files)], each)
    else:
        run(
            [Request(directory=output_dir or file[0].parent, files=(file,)) for file in files], each
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One module: its folder, its objects with their architectures, what several are called.

    *built* are objects that are not files yet; they are generated from, too.  *constants* are
    macros of their source.
    """

    directory: Path
    files: tuple[tuple[Path, str], ...] = ()
    built: tuple[modules.ObjectFile, ...] = ()
    name: str = ""
    constants: Mapping[str, int | float | str] = field(default_factory=dict[str, int | float | str])

    def objects(self) -> list[modules.ObjectFile]:
        """The objects, read."""
        return [*self.built, *(modules.ObjectFile.at(path, arch) for path, arch in self.files)]

    @property
    def file(self) -> Path:
        """What the module is named after."""
        if self.name:
            return Path(f"{self.name}.bpf.o")
        return self.files[0][0] if self.files else Path(self.built[0].name)


def run(
    requests: Iterable[Request],
    options: Options,
    *,
    objects: Mapping[Path, bytes] = MappingProxyType({}),
) -> None:
    """Generate the module of each request; ``Failure`` if out of date.

    *objects* are files to be written or compared along with the modules.
    """
    texts: dict[Path, str] = {}
    stale: list[Path] = []
    binaries = dict(objects)
    sources: dict[Path, Request] = {}
    for request in requests:
        path = request.directory / f"{module_name(request.file)}.py"
        if path in sources:
            raise Failure(f"{sources[path].file} and {request.file} would both become {path}")
        sources[path] = request
    if options.class_name and len(sources) > 1:
        raise click.UsageError("--class names the class of one object, there are more")
    for path, request in sources.items():
        made = _generate(request, path, options)
        texts[path] = made.text
        binaries |= made.bytes_beside(path)
        stale += made.left_beside(path)
    if options.vendor:
        from ..codegen import vendor

        for directory in sorted({path.parent for path in texts}):
            folder = directory / vendor.FOLDER
            vendor.require_ours(folder)
            texts |= {folder / name: text for name, text in vendor.files().items()}
            stale += vendor.left_over(folder)
    if options.check:
        _check(texts, stale, binaries)
    else:
        _write(texts, stale, binaries, shown=set(sources))
    if options.verbose:
        for path, request in sources.items():
            from . import left_out

            left_out.show(path, request.objects(), options)
    if options.typecheck:
        typecheck(sources)


def _generate(request: Request, path: Path, options: Options) -> modules.Generated:
    return modules.generated(
        request.objects(),
        module=path,
        name=request.name,
        vendored=options.vendor,
        sidecar=options.sidecar,
        class_name=options.class_name,
        types=options.types,
        events=dict(options.events),
        views=dict(options.views),
        as_bytes=options.as_bytes,
        contexts=options.contexts,
        constants=request.constants,
        strip_enum_prefix=options.strip_enum_prefix,
        sections=dict(options.sections),
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
        elif path.suffix == ".bin":
            click.echo(f"{path}: removed")
        else:
            from ..codegen import vendor

            folder = next(parent for parent in path.parents if parent.name == vendor.FOLDER)
            folders[folder] = folders.get(folder, False) or path in changed
    for path in objects:
        if path.suffix != ".o":
            click.echo(f"{path}: {'written' if path in changed else 'unchanged'}")
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
