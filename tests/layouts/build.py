"""Compiling random types: as a BPF object with initialised variables, and as a library to call.

The library is for a machine whose C ABI lays types out as BPF's does; ``-fsigned-char`` and the
alignment of 16-byte integers in ``c_types.PRELUDE`` take care of the rest.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

from .c_source import BUFFERS, Target, declaration, functions, initialiser, reading, writing
from .c_types import PRELUDE

#: Per byte order: BPF's target.
BPF_TARGETS = {"little": "bpfel", "big": "bpfeb"}
#: Where the variables lie.
SECTION = ".data.x"


def object_source(targets: Iterable[Target]) -> str:
    """A variable of each type, with a value; of a flexible type a pointer, for its BTF."""
    lines = [PRELUDE]
    for target in targets:
        lines.append(declaration(target))
        if target.flexible:
            lines.append(f"{target.alias} *{target.name};")
        else:
            section = f'__attribute__((section("{SECTION}")))'
            lines.append(f"{target.alias} {target.name} {section}{initialiser(target)};")
    return "\n".join(lines) + "\n"


def library_source(targets: Iterable[Target]) -> str:
    """``size_x()``, ``read_x()`` and ``write_x()`` of each type."""
    parts = [PRELUDE, BUFFERS]
    for target in targets:
        parts += [declaration(target), functions(target)]
    return "\n".join(parts) + "\n"


def program_source(targets: Iterable[Target]) -> str:
    """Programs that do what the library does, with variables instead of arguments.

    ``read_x`` reads every leaf of ``given_x`` into ``slots_x``; ``write_x`` makes ``given_x`` from
    ``slots_x``, leaf by leaf: those of one member of each union.
    """
    section = '__attribute__((section("socket")))'
    parts = [PRELUDE, BUFFERS, 'char _license[] __attribute__((section("license"))) = "GPL";']
    for target in targets:
        name, alias = target.name, target.alias
        reads = "\n\t".join(reading(leaf) for leaf in target.leaves)
        writes = "\n\t".join(
            writing(leaf, f"(out + {leaf.slot})")
            for leaf in target.leaves
            if leaf.live and leaf.value is not None
        )
        parts += [
            declaration(target),
            f"{alias} given_{name}; u128 slots_{name}[{target.slots}];",
            f"{section} int read_{name}(void *context)",
            f"{{\n\t{alias} *v = &given_{name}; slot *out = slots_{name};\n\t{reads}\n\treturn 0;\n}}",
            f"{section} int write_{name}(void *context)",
            f"{{\n\t{alias} *v = &given_{name}; slot *out = slots_{name};\n\t{writes}\n\treturn 0;\n}}",
        ]
    return "\n".join(parts) + "\n"


def compile_programs(clang: str, targets: Iterable[Target], path: Path) -> Path:
    """The BPF object at *path*, to be loaded."""
    return _compile(clang, program_source(targets), path, "--target=bpf", "-mcpu=v3", "-g", "-c")


def compile_object(
    clang: str, targets: Iterable[Target], path: Path, *, byte_order: str = "little"
) -> Path:
    """The BPF object at *path*."""
    return _compile(
        clang, object_source(targets), path, f"--target={BPF_TARGETS[byte_order]}", "-g", "-c"
    )


def compile_library(clang: str, targets: Iterable[Target], path: Path) -> Path:
    """The shared library at *path*, for this machine."""
    return _compile(clang, library_source(targets), path, "-shared", "-fPIC", "-nostdlib")


def compile_foreign_library(clang: str, targets: Iterable[Target], path: Path) -> Path:
    """The shared library at *path*, for s390x, which is big-endian."""
    part = path.with_suffix(".o")
    _compile(clang, library_source(targets), part, "-c", "-fPIC", "--target=s390x-linux-gnu")
    subprocess.run(["s390x-linux-gnu-ld", "-shared", str(part), "-o", str(path)], check=True)
    return path


def _compile(clang: str, source: str, path: Path, *flags: str) -> Path:
    text = path.with_suffix(".c")
    text.write_text(source)
    common = ("-O1", "-w", "-fno-strict-aliasing", "-fsigned-char")
    command: Sequence[str] = (clang, *common, *flags, str(text), "-o", str(path))
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}\n{done.stderr}")
    return path
