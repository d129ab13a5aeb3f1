"""Several objects of one source: how they are compiled, how they are called, what they are for.

In: the byte orders, architectures and CPU versions that a user lists; names of files.  Out: a
:class:`Build` per object; what a file's name says of it, by our convention (``x.eb.bpf.o``,
``x.arm64.v4.bpf.o``) and by bpf2go's (``x_bpfel.o``, ``x_x86_bpfel.o``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import product
from pathlib import Path

from ..records import dataclass
from ..runtime.machine import ARCHITECTURES

#: ``__TARGET_ARCH_x`` that there are.
ARCHS = tuple(sorted(set(ARCHITECTURES.values())))
TARGETS = ("bpf", "bpfel", "bpfeb")
CPUS = ("v1", "v2", "v3", "v4")

#: The byte orders that an architecture's Linux has, the usual one first; all others have both.
_ORDERS = {
    "loongarch": ("bpfel",),
    "riscv": ("bpfel",),
    "s390": ("bpfeb",),
    "x86": ("bpfel",),
}
_BOTH = ("bpfel", "bpfeb")

_BPF2GO = re.compile(rf"_bpfe[lb]_({'|'.join(ARCHS)})$|_({'|'.join(ARCHS)})_bpfe[lb]$")


@dataclass(frozen=True, slots=True)
class Build:
    """One way to compile a source.

    ``arch`` is empty for this machine's, ``cpu`` for the compiler's own choice; ``infix`` stands
    in the object's name where there are several.
    """

    target: str = "bpf"
    arch: str = ""
    cpu: str = ""
    infix: str = ""

    @property
    def version(self) -> int:
        """The CPU version as a number, 0 for the compiler's own choice."""
        return int(self.cpu.removeprefix("v") or 0)

    @property
    def flags(self) -> tuple[str, ...]:
        """What the compiler is told about the CPU; behind other flags, so that it holds."""
        return (f"-mcpu={self.cpu}",) if self.cpu else ()

    def object_name(self, source: Path) -> str:
        """``x.bpf.c`` becomes ``x.bpf.o``, or ``x.arm64.v4.bpf.o``."""
        stem = source.name.removesuffix(".c")
        end = ".bpf" if stem.endswith(".bpf") else ""
        return f"{stem.removesuffix('.bpf')}{self.infix}{end}.o"


def builds(
    targets: Sequence[str] = (), archs: Sequence[str] = (), cpus: Sequence[str] = ()
) -> tuple[Build, ...]:
    """Every combination that exists; without *targets*, each of several *archs* has its usual one.

    One ``Build()`` for nothing listed.  :class:`ValueError` if no combination exists.
    """
    found: dict[Build, None] = {}
    several = [len(set(words)) > 1 for words in (targets, archs, cpus)]
    for arch, cpu in product(archs or ("",), cpus or ("",)):
        usual = _ORDERS.get(arch, _BOTH if several[1] else ("bpf",))[:1]
        for target in targets or usual:
            if target != "bpf" and target not in _ORDERS.get(arch, _BOTH):
                continue
            words = (target.removeprefix("bpf"), arch, cpu)
            shown = (word for word, each in zip(words, several, strict=True) if each)
            infix = "".join(f".{word}" for word in shown if word)
            found[Build(target, arch, cpu, infix)] = None
    if not found:
        raise ValueError(f"no Linux on {', '.join(archs)} has the byte order {', '.join(targets)}")
    return tuple(found)


def arch_in_name(file: Path) -> str:
    """The architecture that the name of an object file says, empty if it says none."""
    stem = file.name.removesuffix(".o").removesuffix(".bpf")
    if found := _BPF2GO.search(stem):
        return found[1] or found[2]
    return next((word for word in stem.split(".")[1:] if word in ARCHS), "")


def version_in_name(file: Path) -> int:
    """The CPU version that the name of an object file says, 0 if it says none."""
    words = file.name.split(".")[1:]
    return next((int(word[1:]) for word in words if word in CPUS), 0)


def split_arch(text: str) -> tuple[str, str]:
    """``x86=FILE`` as its two parts; the first is empty if *text* is but a file."""
    arch, equals, file = text.partition("=")
    return (arch, file) if equals and arch in ARCHS else ("", text)
