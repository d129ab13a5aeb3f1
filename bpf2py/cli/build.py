"""``bpf2py build``: BPF C in, objects and their Python modules out.

The compiler writes into a temporary folder; objects and modules appear when all of them are made, so
a source that does not compile leaves everything as it was.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from ..btf import c_format
from . import compiler, gen, output
from .compiler import INSTALL
from .main import Failure
from .vmlinux import KERNEL_BTF, read_table

#: What a missing header means; the first row whose text is in the compiler's output is shown.
_HINTS = (
    ("'vmlinux.h' file not found", "--vmlinux writes vmlinux.h from this machine's kernel"),
    (
        "'bpf/bpf_",
        "libbpf's headers are missing: apt-get install libbpf-dev, dnf install libbpf-devel, "
        "apk add libbpf-dev",
    ),
    (
        "'asm/types.h' file not found",
        "the kernel's headers are missing: apt-get install linux-libc-dev, "
        "dnf install kernel-headers, apk add linux-headers",
    ),
    (
        "symbol 'license' is already defined",
        'a variable cannot have the name of its section: char LICENSE[] SEC("license")',
    ),
    ("No available targets are compatible", "this clang was built without BPF; name another: --cc"),
    ("unknown target triple", "this clang was built without BPF; name another: --cc"),
)


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
    depfile: Path | None,
    output_dir: Path | None,
    **rest: Any,
) -> None:
    """Compile BPF C sources, then generate their modules as `bpf2py gen` does.

    opensnoop.bpf.c becomes opensnoop.bpf.o and opensnoop_bpf.py.  With --check the object is
    compiled and compared, not written.
    """
    options = gen.Options(**rest)
    found = compiler.find_compiler(cc)
    if found is None:
        raise Failure(f"no clang found; install one:\n{INSTALL}")
    if arch is None:
        raise Failure("this machine's registers have no name in bpf_tracing.h", hint="pass --arch")
    inputs: list[tuple[Path, Path]] = []
    objects: dict[Path, bytes] = {}
    rules = ""
    with tempfile.TemporaryDirectory(prefix="bpf2py-") as scratch:
        for number, source in enumerate(sources):
            directory = output_dir or source.parent
            if vmlinux and not options.check:
                _write_vmlinux(source.parent / "vmlinux.h")
            name = f"{source.name.removesuffix('.c')}.o"
            result = Path(scratch, str(number), name)
            result.parent.mkdir()
            extra = cflags
            if depfile:
                outputs = f"{directory / name} {directory / gen.module_name(result)}.py"
                extra += ("-MMD", "-MF", f"{result}.d", "-MT", outputs)
            _compile(
                found.arguments(source, result, target=target, architecture=arch, extra=extra),
                source,
            )
            if depfile:
                rules += Path(f"{result}.d").read_text(encoding="utf-8")
            if strip := found.strip_command(result):
                subprocess.run(strip, check=False)
            inputs.append((result, directory))
            objects[directory / name] = result.read_bytes()
        gen.run(inputs, options, objects=objects)
    if depfile and not options.check:
        output.publish(depfile, rules)


def _compile(arguments: list[str], source: Path) -> None:
    """Run the compiler; what it says goes to standard error as it is."""
    if sys.stderr.isatty():
        arguments = [*arguments, "-fcolor-diagnostics"]
    try:
        result = subprocess.run(
            arguments, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False
        )
    except FileNotFoundError:
        raise Failure(f"{arguments[0]}: no such compiler; install one:\n{INSTALL}") from None
    if result.stderr:
        click.echo(result.stderr, err=True, nl=False)
    if result.returncode:
        hint = next((hint for text, hint in _HINTS if text in result.stderr), "")
        raise Failure(f"{source} does not compile", hint=hint)


def _write_vmlinux(path: Path) -> None:
    """Every type of the running kernel as C at *path*, unless there is such a file already."""
    if path.exists():
        return
    output.write_atomically(path, c_format.header(read_table(KERNEL_BTF)))
    click.echo(f"{path}: written from {KERNEL_BTF}")
