"""``bpf2py build``: BPF C in, objects and their Python modules out.

The compiler writes into a temporary folder; objects and modules appear when all of them are made, so
a source that does not compile leaves everything as it was.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..project import CompileError, compiler, output
from ..project.compile import compile_source, require_compiler, write_vmlinux
from ..project.constants import Value, read_constants
from ..project.modules import module_name
from . import gen
from .main import Failure


@click.command("build")
@click.argument(
    "sources",
    nargs=-1,
    required=True,
    metavar="FILE.bpf.c...",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
)
@click.option(
    "--cc",
    envvar="CLANG",
    metavar="CLANG",
    help="The compiler; otherwise clang, clang-N, or the clang of the ziglang wheel.  [$CLANG]",
)
@click.option(
    "--cflag",
    "cflags",
    multiple=True,
    metavar="FLAG",
    help="One more argument for the compiler, as in --cflag=-DDEBUG; may be repeated.",
)
@click.option(
    "--target",
    type=click.Choice(["bpf", "bpfel", "bpfeb"]),
    default="bpf",
    show_default=True,
    help="Byte order: this machine's, little, big.",
)
@click.option(
    "--arch",
    type=click.Choice(sorted(set(compiler.ARCHITECTURES.values()))),
    default=compiler.host_architecture,
    help="Whose registers the program reads (__TARGET_ARCH_x); this machine's otherwise.",
)
@click.option(
    "--vmlinux",
    is_flag=True,
    help="Write vmlinux.h beside the source, from the running kernel, if there is none.",
)
@click.option(
    "--constants",
    multiple=True,
    metavar="NAME",
    help="Also generate this macro of the source, as in --constants='MAX_*'; may be repeated.",
)
@click.option(
    "--depfile",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the headers that each object depends on, as rules for make.",
)
@gen.options
def command(
    sources: tuple[Path, ...],
    cc: str | None,
    cflags: tuple[str, ...],
    target: str,
    arch: str | None,
    vmlinux: bool,
    constants: tuple[str, ...],
    depfile: Path | None,
    output_dir: Path | None,
    **rest: Any,
) -> None:
    """Compile BPF C sources, then generate their modules as `bpf2py gen` does.

    opensnoop.bpf.c becomes opensnoop.bpf.o and opensnoop_bpf.py.  With --check the object is
    compiled and compared, not written.
    """
    options = gen.Options(**rest)
    found = require_compiler(cc)
    if arch is None:
        raise Failure("this machine's registers have no name in bpf_tracing.h", hint="pass --arch")
    inputs: list[tuple[Path, Path]] = []
    objects: dict[Path, bytes] = {}
    values: dict[Path, Mapping[str, Value]] = {}
    rules = ""
    with tempfile.TemporaryDirectory(prefix="bpf2py-") as scratch:
        for number, source in enumerate(sources):
            directory = output_dir or source.parent
            if vmlinux and not options.check:
                header = source.parent / "vmlinux.h"
                if write_vmlinux(header):
                    click.echo(f"{header}: written from this machine's kernel")
            name = f"{source.name.removesuffix('.c')}.o"
            result = Path(scratch, str(number), name)
            result.parent.mkdir()
            extra = cflags
            if depfile:
                outputs = f"{directory / name} {directory / module_name(result)}.py"
                extra += ("-MMD", "-MF", f"{result}.d", "-MT", outputs)
            try:
                said = compile_source(
                    found,
                    source,
                    result,
                    target=target,
                    architecture=arch,
                    extra=extra,
                    color=sys.stderr.isatty(),
                )
            except CompileError as error:
                click.echo(error.diagnostics, err=True, nl=False)
                raise
            click.echo(said, err=True, nl=False)
            values[result] = read_constants(
                found, source, constants, target=target, architecture=arch, extra=cflags
            )
            if depfile:
                rules += Path(f"{result}.d").read_text(encoding="utf-8")
            inputs.append((result, directory))
            objects[directory / name] = result.read_bytes()
        gen.run(inputs, options, objects=objects, constants=values)
    if depfile and not options.check:
        output.publish(depfile, rules)
