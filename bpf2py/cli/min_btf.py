"""``bpf2py min-btf``: of a kernel's BTF, what some objects need, to be shipped with them.

A folder in gives the same folder out, with every file in it reduced: the shape of BTFHub's archive.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click

from ..btf import TypeTable, decode
from ..btf.core_errors import RelocationError
from ..btf.errors import BTFError
from ..btf.reduce import Needs, reduce
from ..elf import read_object_file
from ..project import output
from .main import Failure
from .vmlinux import KERNEL_BTF, read_table

_SUFFIX = ".btf"
_ARCHIVE = ".btf.tar.xz"


@click.command("min-btf")
@click.argument(
    "objects",
    nargs=-1,
    required=True,
    metavar="FILE.o...",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.option(
    "--btf",
    type=click.Path(path_type=Path),
    default=KERNEL_BTF,
    show_default=True,
    metavar="FILE|DIR",
    help="A kernel's BTF, raw or in a vmlinux; or a folder of *.btf and *.btf.tar.xz.",
)
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE|DIR",
    help="Where to write: a file, or with a folder for --btf the folder.",
)
def command(objects: tuple[Path, ...], btf: Path, target: Path) -> None:
    """Cut a kernel's BTF down to what the objects' CO-RE relocations look at.

    Megabytes become kilobytes, which `load(kernel_btf=…)` takes on kernels that have no BTF of
    their own.  Relocations come out as with the whole, except that bpf_core_type_id_kernel()
    gives ids of the reduced BTF.  All files are read before the first is written.
    """
    needs = [_needs(path) for path in objects]
    if not btf.exists() and btf != KERNEL_BTF:
        raise Failure(f"{btf}: no such file or folder")
    results: dict[Path, tuple[bytes, str]] = {}
    if btf.is_dir():
        for source, place in _tree(btf):
            table = _archived(source) if source.name.endswith(_ARCHIVE) else read_table(source)
            path = target / place
            if path in results:
                raise Failure(f"two files in {btf} would both become {path}")
            results[path] = _reduced(source, table, needs)
        if not results:
            raise Failure(f"{btf}: no *{_SUFFIX} or *{_ARCHIVE} in it")
    else:
        path = target / f"{btf.stem}{_SUFFIX}" if target.is_dir() else target
        results[path] = _reduced(btf, read_table(btf), needs)
    for path, (blob, sentence) in results.items():
        output.write_atomically(path, blob)
        click.echo(f"{path}: {sentence}")


def _needs(path: Path) -> Needs:
    """What an object asks of a kernel."""
    spec = read_object_file(path)
    records = [each.core_relocations for each in spec.programs.values()]
    return Needs(decode(spec.btf), records, name=str(path))


def _reduced(source: Path, table: TypeTable, needs: list[Needs]) -> tuple[bytes, str]:
    """The blob, and a sentence about it."""
    try:
        blob = reduce(table, needs)
    except (BTFError, RelocationError) as error:
        raise Failure(f"{source}: {error}") from error
    types = len(decode(blob)) - 1
    return blob, f"{types} types in {len(blob)} bytes, of {len(table) - 1} in {source}"


def _tree(folder: Path) -> Iterator[tuple[Path, Path]]:
    """Every file of BTF below *folder*, and its place in the new tree."""
    for source in sorted(folder.rglob("*")):
        if source.name.endswith((_SUFFIX, _ARCHIVE)) and source.is_file():
            place = source.relative_to(folder)
            yield source, place.with_name(place.name.removesuffix(".tar.xz"))


def _archived(source: Path) -> TypeTable:
    """The types in a ``.btf.tar.xz`` as BTFHub keeps them: one file in it."""
    import lzma
    import tarfile

    try:
        with tarfile.open(source, "r:xz") as archive:
            for entry in archive:
                content = archive.extractfile(entry) if entry.name.endswith(_SUFFIX) else None
                if content is not None:
                    return decode(content.read())
    except (tarfile.TarError, lzma.LZMAError, EOFError, BTFError) as error:
        raise Failure(f"{source}: {error}") from error
    raise Failure(f"{source}: no *{_SUFFIX} in the archive")
