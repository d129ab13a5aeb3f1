"""``bpf2py min-btf``: of a kernel's BTF, what some objects need, to be shipped with them.

A folder in gives the same folder out, with every file in it reduced: the shape of BTFHub's archive;
or one archive of it, which takes the least room in a package.
"""

from __future__ import annotations

from pathlib import Path

import click

from ..elf import read_object_file
from ..project import output
from ..project.hub import all_reduced, needs_of, packed, reduced
from ..runtime.hub_names import SUFFIX, is_name_of_archive
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
    needs = [needs_of(read_object_file(path), str(path)) for path in objects]
    if not btf.exists() and btf != KERNEL_BTF:
        raise Failure(f"{btf}: no such file or folder")
    if not (btf.is_dir() or is_name_of_archive(btf.name)):
        if is_name_of_archive(target.name):
            raise Failure(f"{target}: an archive is made of a folder of kernels' BTF, give one")
        path = target / f"{btf.stem}{SUFFIX}" if target.is_dir() else target
        blob, sentence = reduced(str(btf), read_table(btf), needs)
        output.write_atomically(path, blob)
        click.echo(f"{path}: {sentence}")
        return
    results = all_reduced(btf, needs)
    if is_name_of_archive(target.name):
        if not target.name.endswith(".tar.xz"):
            raise Failure(f"{target}: archives are written as *.tar.xz")
        content = packed(results)
        output.write_atomically(target, content)
        size = sum(len(blob) for blob, _ in results.values())
        click.echo(f"{target}: {len(results)} kernels in {len(content)} bytes, {size} unpacked")
        return
    for path, (blob, sentence) in results.items():
        output.write_atomically(target / path, blob)
        click.echo(f"{target / path}: {sentence}")
