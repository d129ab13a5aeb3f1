"""One text per refused object: what is wrong, what bpftool says, what we say.

In: an object.  Out: a :class:`Refusal`, and the text.  Addresses, which differ from load to load,
are written as ``0x…``; the log's hundreds of lines that bpftool prints are kept whole up to a page.
"""

from __future__ import annotations

import platform
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

from bpf2py import runtime
from bpf2py.elf import read_object_file

HERE = Path(__file__).resolve().parent
OBJECTS = HERE.parent.parent / "generated_fixtures" / "refused"
_RULE = "=" * 100
_PAGE = 60
_ADDRESS = re.compile(r"\b(?:0x)?ffff[0-9a-f]{12}\b")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What loading raised: the class, for a VerifierError its kind, and what it says."""

    error: str
    kind: str
    text: str


def objects() -> list[Path]:
    """The objects, in the order of their names."""
    return sorted(OBJECTS.glob("*.bpf.o"))


def kernel() -> str:
    """The running kernel's version, without what its vendor adds."""
    return platform.release().partition("-")[0]


def name_of(path: Path) -> str:
    return path.name.removesuffix(".bpf.o")


def record_path(path: Path) -> Path:
    return HERE / f"{name_of(path)}.txt"


def ours(path: Path) -> Refusal | None:
    """What we say; ``None`` if it loads."""
    try:
        with runtime.load(read_object_file(path)):
            return None
    except (ValueError, OSError, RuntimeError) as error:
        kind = error.kind if isinstance(error, runtime.VerifierError) else ""
        return Refusal(type(error).__name__, kind, _neutral(str(error)))


def bpftools(path: Path, pin: Path) -> str:
    """What bpftool says; AssertionError if it loads."""
    command = ["bpftool", "prog", "loadall", path.name, str(pin)]
    done = subprocess.run(command, cwd=path.parent, capture_output=True, text=True, check=False)
    assert done.returncode, f"bpftool loads {path.name}"
    lines = _neutral(done.stderr).splitlines()
    if len(lines) > _PAGE:
        middle = f"[… {len(lines) - _PAGE} lines …]"
        lines = [*lines[: _PAGE // 2], middle, *lines[-_PAGE // 2 :]]
    return "\n".join(lines)


def text(path: Path, kernel: str, bpftool_version: str, theirs: str, refusal: Refusal) -> str:
    """The file's text."""
    source = (path.parent / f"{name_of(path)}.bpf.c").read_text()
    what = next(line for line in source.splitlines()[1:] if line.startswith("// "))
    return "\n".join(
        (
            f"{path.name}: {what.removeprefix('// ')}",
            f"Linux {kernel}",
            "",
            _RULE,
            bpftool_version,
            _RULE,
            theirs.rstrip(),
            "",
            _RULE,
            f"bpf2py: {refusal.error}" + (f", kind {refusal.kind!r}" if refusal.kind else ""),
            _RULE,
            refusal.text,
            "",
        )
    )


def recorded(path: Path) -> tuple[str, str, str, str]:
    """Kernel, error, kind and text, as the file has them."""
    whole = record_path(path).read_text()
    _, _, _, head, said = whole.split(f"{_RULE}\n")
    match = re.fullmatch(r"bpf2py: (\w+)(?:, kind '([\w-]+)')?\n", head)
    assert match is not None
    kernel = whole.splitlines()[1].removeprefix("Linux ")
    return kernel, match[1], match[2] or "", said.rstrip("\n")


def _neutral(message: str) -> str:
    return _ADDRESS.sub("0x…", message)
