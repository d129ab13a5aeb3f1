"""One C source becomes an object: run the compiler, explain what it refuses.

In: a source, a :class:`Compiler`, flags.  Out: an object file and what the compiler said; a
:class:`CompileError` names the line of C and what to do.  :mod:`.compiler` knows which compiler
and with what arguments, :mod:`.mend` what its complaints mean.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from . import mend, output
from .compiler import Compiler, find_compiler
from .errors import CompileError

if TYPE_CHECKING:
    import subprocess

_VMLINUX = Path("/sys/kernel/btf/vmlinux")

_COLOR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_INCLUDED = re.compile(r"In file included from (.+?):(\d+):$")
_ERROR = re.compile(r"(?:(.+?):(\d+):(?:\d+:)? )?(?:fatal )?error: (.*)$")
_NO_ERROR = re.compile(r".+?:\d+:(?:\d+:)? (?:note|warning): ")


def require_compiler(named: str | None = None) -> Compiler:
    """The compiler that :func:`find_compiler` finds; :class:`CompileError` if there is none."""
    found = find_compiler(named or None)
    if found is None:
        raise CompileError("no clang found", hint=str(mend.CLANG))
    return found


def version(compiler: Compiler) -> str:
    """What the compiler says about itself."""
    return run_compiler([*compiler.words, "--version"], None).stdout


def compile_source(
    compiler: Compiler,
    source: Path,
    result: Path,
    *,
    target: str,
    architecture: str,
    extra: tuple[str, ...] = (),
    cwd: Path | None = None,
    color: bool = False,
) -> str:
    """Compile *source* to *result* without DWARF; what the compiler said, in *color* if wanted."""
    with open(
        (cwd or Path()) / source, "rb"
    ) as file:  # clang takes it for the linker, and is silent
        if file.read(4) == b"\x7fELF":
            raise CompileError(f"{source}: compiled already", hint=f"bpf2py gen {source}")
    arguments = compiler.arguments(
        source, result, target=target, architecture=architecture, extra=extra
    )
    done = run_compiler([*arguments, *(["-fcolor-diagnostics"] if color else [])], cwd)
    if done.returncode:
        said = _COLOR.sub("", done.stderr)
        raise CompileError(summary(said, source), diagnostics=done.stderr, hint=mend.hint(said))
    if strip := compiler.strip_command(result):
        import subprocess

        subprocess.run(strip, check=False)
    return done.stderr


def summary(diagnostics: str, source: Path) -> str:
    """The first error in one line: file, line, text, and the user's line that included the file."""
    included: list[str] = []  # how the next complaint's file was reached, the source first
    errors: list[str] = []
    for line in diagnostics.splitlines():
        if place := _INCLUDED.match(line):
            included.append(f"{place[1]}:{place[2]}")
        elif error := _ERROR.match(line):
            where = f"{error[1]}:{error[2]}" if error[1] else f"{source} does not compile"
            by = f" (included from {included[0]})" if included else ""
            errors.append(f"{where}: {error[3].rstrip('.')}{by}")
            included.clear()
        elif _NO_ERROR.match(line):
            included.clear()
    if not errors:
        return f"{source} does not compile"
    return errors[0] + (f" (and {len(errors) - 1} more)" if len(errors) > 1 else "")


def dependencies(depfile: Path) -> list[Path]:
    """The files that a rule written by ``-MD`` names behind its target, source first."""
    text = depfile.read_text(encoding="utf-8").replace("\\\n", " ")
    words = re.findall(r"(?:\\[ #]|\$\$|[^\s])+", text.partition(": ")[2])
    return [
        Path(re.sub(r"\\([ #])|\$(\$)", lambda found: found[1] or found[2], word)) for word in words
    ]


def write_vmlinux(path: Path) -> bool:
    """Every type of the running kernel as C at *path*, unless there is such a file already."""
    if path.exists():
        return False
    try:
        data = _VMLINUX.read_bytes()
    except FileNotFoundError:
        raise CompileError(f"this kernel has no {_VMLINUX}", hint=str(mend.KERNEL_BTF)) from None
    from ..btf import c_format, decode

    output.write_atomically(path, c_format.header(decode(data)))
    return True


def run_compiler(arguments: list[str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a compiler's command line; :class:`CompileError` if there is no such compiler."""
    import subprocess

    try:
        return subprocess.run(
            arguments,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
        )
    except FileNotFoundError:
        raise CompileError(f"{arguments[0]}: no such compiler", hint=str(mend.CLANG)) from None
