"""``bpf2py link``: several compiled objects as one, as ``bpftool gen object`` makes it."""

from __future__ import annotations

from pathlib import Path

import click

from ..elf import ObjectError, link_object_files, read_object
from ..project import output
from .main import Failure


@click.command("link")
@click.argument(
    "objects",
    nargs=-1,
    required=True,
    metavar="FILE.o...",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    metavar="FILE.o",
    help="Where to write the one object.",
)
def command(objects: tuple[Path, ...], target: Path) -> None:
    """Link objects, compiled from several C files, into one.

    Functions, variables and maps that one file declares extern are those that another defines; a
    __weak definition gives way to a strong one; static names stay apart.  What the kernel is to
    give (__ksym, __kconfig) stays extern, and so does what nobody defines yet: the result can be
    linked again.  It is an object like any other, for `bpf2py gen`, bpftool or libbpf.
    """
    for path in objects:
        if target.exists() and target.samefile(path):
            raise Failure(f"{path}: is to be linked and to be written")
    linked = link_object_files(objects)
    try:
        spec = read_object(linked, name=target.name)
    except ObjectError as error:
        holds = f"not to be loaded as it is ({error})"
    else:
        holds = f"{len(spec.programs)} programs, {len(spec.maps)} maps"
    output.write_atomically(target, linked)
    click.echo(f"{target}: {len(linked)} bytes of {len(objects)} objects, {holds}")
