"""Cut a kernel's BTF down to what the CO-RE test objects look at.

    python -m tests.core.trim NAME=FULL.btf…

writes ``tests/data/btf/NAME.btf``, for each checks that relocation gives the same numbers with the
full and with the cut blob, and fails if not.  A whole kernel's BTF is megabytes; what these objects
ask of it is some kilobytes.  The ids change, so the fix-ups of kind TYPE_ID_TARGET are compared by
the name of the type they mean.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from bpf2py.btf import decode
from bpf2py.btf.core import Relocator
from bpf2py.btf.reduce import Needs, reduce
from bpf2py.btf.table import TypeTable
from bpf2py.elf import read_object_file
from bpf2py.uapi import CoreRelocationKind

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "data" / "btf"


def needs(path: Path) -> Needs:
    """What relocating all programs of an object asks."""
    spec = read_object_file(path)
    return Needs(decode(spec.btf), [each.core_relocations for each in spec.programs.values()])


def trim(table: TypeTable, paths: Iterable[Path]) -> bytes:
    """The blob of what the objects look at in *table*."""
    return reduce(table, map(needs, paths))


def numbers(path: Path, target: TypeTable) -> list[tuple[str, int, int | str | None]]:
    """What relocating an object gives, ids as names."""
    spec = read_object_file(path)
    relocator = Relocator(decode(spec.btf), target)
    found: list[tuple[str, int, int | str | None]] = []
    for name, program in spec.programs.items():
        for outcome in relocator.relocate(bytearray(program.insns), program.core_relocations):
            value: int | str | None = outcome.fixup.target
            if outcome.kind == CoreRelocationKind.TYPE_ID_TARGET and value:
                value = target.name(int(value))
            found.append((name, outcome.insn, value))
    return found


def objects() -> list[Path]:
    """The CO-RE test objects of this machine's byte order."""
    found = sorted((ROOT / "generated_fixtures").glob("core_*.bpf.o"))
    return [path for path in found if ".eb." not in path.name]


def main() -> int:
    for argument in sys.argv[1:]:
        name, _, full = argument.partition("=")
        table = decode(Path(full).read_bytes())
        blob = trim(table, objects())
        for path in objects():
            if numbers(path, table) != numbers(path, decode(blob)):
                print(f"{name}: {path.name} gives other numbers with the cut blob", file=sys.stderr)
                return 1
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / f"{name}.btf").write_bytes(blob)
        print(
            f"{name}: {len(table)} types in {Path(full).stat().st_size} bytes became "
            f"{len(decode(blob))} in {len(blob)}"
        )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
