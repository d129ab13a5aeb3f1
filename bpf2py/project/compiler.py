"""Finding a compiler that emits BPF, and how to call it.

In: what the user named, the environment, what is installed.  Out: command lines.  Nothing is run
here.  A clang on PATH is taken first; the ``ziglang`` wheel carries a clang too, which makes
``bpf2py build`` work from PyPI alone.
"""

from __future__ import annotations

import importlib.util
import os
import platform
import re
import shlex
import shutil
import sys
from pathlib import Path

from ..records import dataclass
from ..runtime.machine import ARCHITECTURES

#: Where the kernel's headers for an architecture lie: Debian's multiarch folder, zig's folder.
_HEADERS = {
    "arm": ("arm-linux-gnueabihf", "arm-linux-any"),
    "arm64": ("aarch64-linux-gnu", "aarch64-linux-any"),
    "loongarch": ("loongarch64-linux-gnu", "loongarch-linux-any"),
    "mips": ("mips64el-linux-gnuabi64", "mips-linux-any"),
    "powerpc": ("powerpc64le-linux-gnu", "powerpc-linux-any"),
    "riscv": ("riscv64-linux-gnu", "riscv-linux-any"),
    "s390": ("s390x-linux-gnu", "s390x-linux-any"),
    "x86": ("x86_64-linux-gnu", "x86-linux-any"),
}

#: The folder of ``bpf2py.h``, which says views and types in C.
INCLUDE_FOLDER = Path(__file__).resolve().parents[1] / "include"

#: Versions that Linux distributions package under their number, newest first; 13 is the oldest
#: with all that current BPF headers use.
_CLANG_VERSIONS = range(29, 12, -1)

_ALWAYS = ("-g", "-O2", "-Wall", "-fno-ident")

#: zig switches on for every target what only a process can use.
_ZIG_FLAGS = (
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",
    "-fno-stack-protector",
    "-fno-sanitize=all",
)


@dataclass(frozen=True, slots=True)
class Compiler:
    """A command that compiles C, and whether it is zig's clang."""

    words: tuple[str, ...]
    is_zig: bool = False

    def arguments(
        self, source: Path, result: Path, *, target: str, architecture: str, extra: tuple[str, ...]
    ) -> list[str]:
        """The command line that compiles *source* to *result*.

        Reproducible: neither the folder of the source nor the compiler's version reaches the
        object as text.
        """
        directory = source.parent
        target = f"bpf{'el' if sys.byteorder == 'little' else 'eb'}" if target == "bpf" else target
        triple = f"{target}-freestanding-none" if self.is_zig else target
        folders = dict.fromkeys((str(directory), str(directory.absolute())))
        return [
            *self.words,
            "-target",
            triple,
            *_ALWAYS,
            *(_ZIG_FLAGS if self.is_zig else ()),
            f"-D__TARGET_ARCH_{architecture}",
            *(f"-fdebug-prefix-map={folder}=." for folder in folders if folder != "."),
            "-fdebug-compilation-dir=.",
            f"-I{directory}",
            *self._include_folders(architecture),
            *extra,
            "-c",
            str(source),
            "-o",
            str(result),
        ]

    def _include_folders(self, architecture: str) -> list[str]:
        """Our header and the system's, behind all others: a BPF target has no folder of its own."""
        multiarch, zig_folder = _HEADERS.get(architecture, ("", ""))
        host = f"{platform.machine()}-linux-gnu"
        # asm/ of the wanted architecture, or of this machine: BPF programs hardly care
        asm = next((f for f in (multiarch, host) if f and Path("/usr/include", f).is_dir()), None)
        folders = [str(INCLUDE_FOLDER), *([f"/usr/include/{asm}"] if asm else []), "/usr/include"]
        if self.is_zig and (zig := _zig_headers()):
            folders += [str(zig / zig_folder), str(zig / "any-linux-any")]
        return [word for folder in folders for word in ("-idirafter", folder)]

    def strip_command(self, result: Path) -> list[str] | None:
        """What removes DWARF (never BTF) from *result*; ``None`` where llvm-strip is missing."""
        version = re.search(r"-\d+$", self.words[0])
        names = [f"llvm-strip{version.group() if version else ''}", "llvm-strip"]
        names += [f"llvm-strip-{number}" for number in _CLANG_VERSIONS]
        found = next(filter(None, map(shutil.which, names)), None)
        return [found, "--strip-debug", str(result)] if found else None


def find_compiler(named: str | None = None) -> Compiler | None:
    """The compiler: *named* (``--cc`` or ``$CLANG``), else clang on PATH, else the ziglang wheel.

    ``None`` if there is none; what *named* says is not looked for.
    """
    if named:
        words = tuple(shlex.split(named))
        is_zig = len(words) > 1 and words[-1] == "cc" and ("zig" in words[-2])
        return Compiler(words, is_zig)
    for name in ("clang", *(f"clang-{number}" for number in _CLANG_VERSIONS)):
        if shutil.which(name):
            return Compiler((name,))
    if importlib.util.find_spec("ziglang"):
        return Compiler((sys.executable, "-m", "ziglang", "cc"), is_zig=True)
    return None


def host_architecture() -> str | None:
    """``__TARGET_ARCH_x`` of this machine, ``None`` if libbpf's headers know no such."""
    return ARCHITECTURES.get(platform.machine().lower())


def _zig_headers() -> Path | None:
    spec = importlib.util.find_spec("ziglang")
    if spec is None or spec.origin is None:
        return None
    return Path(os.path.dirname(spec.origin), "lib", "libc", "include")
