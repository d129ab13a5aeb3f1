"""``bpf2py min-btf``: of a kernel's BTF, what some objects need, to be shipped with them.

A folder in gives the same folder out, with every file in it reduced: the shape of BTFHub's archive;
or one archive of it, which takes the least room in a package.
"""

from __future__ import annotations

from pathlib import Path

import click

from ..btf import TypeTable, decode
from ..btf.container import SUFFIX, is_name_of_archive
from ..btf.core_errors import RelocationError
from ..btf.errors import BTFError
from ..btf.reduce import Needs, reduce
from ..elf import read_object_file
from ..project import output
from .hub import archive, kernels
from .main import Failure
from .vmlinux import KERNEL_BTF, read_table


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
    help="A kernel's BTF, raw or in a vmlinux; or a folder or archive of *.btf and *.btf.tar.xz.",
)
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path),
    required=True,
    metavar="FILE|DIR",
    help="Where to write: a file; with a folder for --btf a folder, or an archive X.tar.xz.",
)
def command(objects: tuple[Path, ...], btf: Path, target: Path) -> None:
    """Cut a kernel's BTF down to what the objects' CO-RE relocations look at.

    Megabytes become kilobytes, which `load(kernel_btf=…)` takes on kernels that have no BTF of
    their own: the file, or the folder or archive, from which it takes the file that is named after
    the running kernel.  Relocations come out as with the whole, except that
    bpf_core_type_id_kernel() gives ids of the reduced BTF.  All files are read before the first is
    written.
    """
    needs = [_needs(path) for path in objects]
    if not btf.exists() and btf != KERNEL_BTF:
        raise Failure(f"{btf}: no such file or folder")
    if not (btf.is_dir() or is_name_of_archive(btf.name)):
        if is_name_of_archive(target.name):
            raise Failure(f"{target}: an archive is made of a folder of kernels' BTF, give one")
        path = target / f"{btf.stem}{SUFFIX}" if target.is_dir() else target
        blob, sentence = _reduced(str(btf), read_table(btf), needs)
        output.write_atomically(path, blob)
        click.echo(f"{path}: {sentence}")
        return
    results: dict[Path, tuple[bytes, str]] = {}
    for entry, table in kernels(btf):
        path = Path(f"{entry}{SUFFIX}")
        if path in results:
            raise Failure(f"two files in {btf} would both become {path}")
        results[path] = _reduced(f"{btf}/{'/'.join(entry.parts)}", table, needs)
    if is_name_of_archive(target.name):
        if not target.name.endswith(".tar.xz"):
            raise Failure(f"{target}: archives are written as *.tar.xz")
        packed = archive((path.as_posix(), blob) for path, (blob, _) in results.items())
        output.write_atomically(target, packed)
        size = sum(len(blob) for blob, _ in results.values())
        click.echo(f"{target}: {len(results)} kernels in {len(packed)} bytes, {size} unpacked")
        return
    for path, (blob, sentence) in results.items():
        output.write_atomically(target / path, blob)
        click.echo(f"{target / path}: {sentence}")


def _needs(path: Path) -> Needs:
    """What an object asks of a kernel."""
    spec = read_object_file(path)
    records = [each.core_relocations for each in spec.programs.values()]
    return Needs(decode(spec.btf), records, name=str(path))


def _reduced(source: str, table: TypeTable, needs: list[Needs]) -> tuple[bytes, str]:
    """The blob, and a sentence about it."""
    try:
        blob = reduce(table, needs)
    except (BTFError, RelocationError) as error:
        raise Failure(f"{source}: {error}") from error
    types = len(decode(blob)) - 1
    return blob, f"{types} types in {len(blob)} bytes, of {len(table) - 1} in {source}"
