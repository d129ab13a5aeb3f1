"""``bpf2py vmlinux``: a kernel's types as a C header.

Without a file to write to, the header goes to standard output and nothing else does.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Generator
from pathlib import Path

import click

from ..btf import TypeTable, c_format
from ..btf.pick import pick
from ..elf import is_split_btf_file, read_btf_file
from ..project import output
from .main import Failure

#: Where the kernel shows its types; those of each module lie beside it.
KERNEL_BTF = Path("/sys/kernel/btf/vmlinux")


def _names(
    ctx: click.Context, param: click.Parameter, values: tuple[str, ...]
) -> tuple[str, ...] | None:
    """The names of all ``a,b,c``; None if the option was not given."""
    names = [name.strip() for value in values for name in value.split(",")]
    if not values:
        return None
    if not all(names):
        raise click.BadParameter("a name is empty; give them as a,b,c")
    return tuple(names)


_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("vmlinux")
@click.option(
    "--btf",
    "btf",
    type=click.Path(path_type=Path, dir_okay=False),
    default=KERNEL_BTF,
    show_default=True,
    metavar="FILE",
    help="Raw BTF, or an ELF file with a section .BTF: a vmlinux, a module, an object.",
)
@click.option(
    "--base",
    type=_FILE,
    metavar="FILE",
    help="The kernel's BTF, for a module's; of /sys/kernel/btf/MODULE it is found.",
)
@click.option(
    "-o",
    "--output",
    "target",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE.h",
    help="Where to write; standard output otherwise.",
)
@click.option(
    "--types",
    multiple=True,
    callback=_names,
    metavar="A,B,C",
    help="Only these structs, unions, enums and typedefs, and what C needs for them.",
)
def command(
    btf: Path, base: Path | None, target: Path | None, types: tuple[str, ...] | None
) -> None:
    """Write the types of a kernel as a C header, as `bpftool btf dump file … format c` does.

    Programs that include it get CO-RE relocations for every struct.  With --types the header is
    small enough to check in: the named types whole, what they hold by value too, what they point
    to as a declaration.  An enumerator's name stands for its enum.
    """
    table = read_table(btf, base)
    picked = None if types is None else pick(table, types)
    with _no_garbage():
        text = c_format.header(table, types=picked)
    if target is None or str(target) == "-":
        click.echo(text.encode(), nl=False)
        return
    output.write_atomically(target, text)
    click.echo(f"{target}: written from {btf}")


@contextlib.contextmanager
def _no_garbage() -> Generator[None, None, None]:
    """Do not look for garbage meanwhile: there is none, and a sixth of the time goes into it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def read_table(btf: Path, base: Path | None = None) -> TypeTable:
    """The types in the file at *btf*; ``Failure`` if this kernel has none, or a base is missing."""
    if btf == KERNEL_BTF and not btf.exists():
        raise Failure(
            f"this kernel has no {KERNEL_BTF}",
            hint="it must be built with CONFIG_DEBUG_INFO_BTF; or give another kernel's with --btf",
        )
    if base is None and is_split_btf_file(btf):
        base = btf.with_name(KERNEL_BTF.name)
        if btf.parent != KERNEL_BTF.parent or not base.exists():
            raise Failure(
                f"{btf}: the BTF of a module, which continues that of its kernel",
                hint="give the BTF of the kernel that the module was built for with --base",
            )
    return read_btf_file(btf, base=None if base is None else read_btf_file(base))
