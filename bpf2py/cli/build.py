"""``bpf2py build``: BPF C in, objects and their Python modules out.

The compiler writes into a temporary folder; objects and modules appear when all of them are made, so
a source that does not compile leaves everything as it was.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from ..project import CompileError, compiler, output
from ..project.compile import compile_source, require_compiler, write_vmlinux
from ..project.modules import ObjectFile, module_name
from ..project.variants import ARCHS, CPUS, TARGETS, Build, builds
from . import gen
from .main import Failure, require_packages


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
    "targets",
    multiple=True,
    type=click.Choice(TARGETS),
    help="Byte order: this machine's (bpf, the default), little, big; may be repeated.",
)
@click.option(
    "--arch",
    "archs",
    multiple=True,
    type=click.Choice(ARCHS),
    help="Whose registers the program reads (__TARGET_ARCH_x); this machine's otherwise; may be "
    "repeated.",
)
@click.option(
    "--cpu",
    "cpus",
    multiple=True,
    type=click.Choice(CPUS),
    help="BPF CPU version (-mcpu); the compiler's choice otherwise; may be repeated.",
)
@click.option(
    "--vmlinux",
    is_flag=True,
    help="Write vmlinux.h beside the source, from the running kernel, if there is none.",
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
    targets: tuple[str, ...],
    archs: tuple[str, ...],
    cpus: tuple[str, ...],
    vmlinux: bool,
    depfile: Path | None,
    output_dir: Path | None,
    **rest: Any,
) -> None:
    """Compile BPF C sources, then generate their modules as `bpf2py gen` does.

    opensnoop.bpf.c becomes opensnoop.bpf.o and opensnoop_bpf.py.  With --check the object is
    compiled and compared, not written.

    With several --target, --arch or --cpu the source is compiled for each (opensnoop.arm64.bpf.o,
    opensnoop.x86.bpf.o), and one module has them all: see `bpf2py gen --as-one`.
    """
    require_packages("elftools", "jinja2")
    options = gen.Options(**rest)
    found = require_compiler(cc)
    host = compiler.host_architecture()
    if not archs and host is None:
        raise Failure("this machine's registers have no name in bpf_tracing.h", hint="pass --arch")
    try:
        ways = builds(targets, archs, cpus)
    except ValueError as error:
        raise click.UsageError(str(error)) from None
    requests: list[gen.Request] = []
    objects: dict[Path, bytes] = {}
    rules = ""
    with tempfile.TemporaryDirectory(prefix="bpf2py-") as scratch:
        for number, source in enumerate(sources):
            directory = output_dir or source.parent
            if vmlinux and not options.check:
                header = source.parent / "vmlinux.h"
                if write_vmlinux(header):
                    click.echo(f"{header}: written from this machine's kernel")
            usual = Path(Build().object_name(source))
            made: list[ObjectFile] = []
            for build in ways:
                name = build.object_name(source)
                result = Path(scratch, str(number), name)
                result.parent.mkdir(exist_ok=True)
                extra = (*cflags, *build.flags)
                if depfile:
                    outputs = f"{directory / name} {directory / module_name(usual)}.py"
                    extra += ("-MMD", "-MF", f"{result}.d", "-MT", outputs)
                arch = build.arch or host or ""
                try:
                    said = compile_source(
                        found,
                        source,
                        result,
                        target=build.target,
                        architecture=arch,
                        extra=extra,
                        color=sys.stderr.isatty(),
                    )
                except CompileError as error:
                    click.echo(error.diagnostics, err=True, nl=False)
                    raise
                click.echo(said, err=True, nl=False)
                if depfile:
                    rules += Path(f"{result}.d").read_text(encoding="utf-8")
                data = objects[directory / name] = result.read_bytes()
                made.append(ObjectFile.built(name, data, build, arch))
            together = usual.name.partition(".")[0] if len(ways) > 1 else ""
            requests.append(gen.Request(directory=directory, built=tuple(made), name=together))
        gen.run(requests, options, objects=objects)
    if depfile and not options.check:
        output.publish(depfile, rules)
