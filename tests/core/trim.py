"""Cut a kernel's BTF down to what the CO-RE test objects look at.

    python -m tests.core.trim NAME=FULL.btf…

writes ``tests/data/btf/NAME.btf``, for each checks that relocation gives the same numbers with the
full and with the cut blob, and fails if not.  A whole kernel's BTF is megabytes; what five objects
ask of it is some tens of kilobytes.  What a relocation looks at is kept as it is; a struct that
is only pointed to becomes a forward declaration.  The ids change, so the fix-ups of kind
TYPE_ID_TARGET are compared by the name of the type they mean.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from bpf2py.btf import decode, encode
from bpf2py.btf.core import Relocator
from bpf2py.btf.core_view import TypeView
from bpf2py.btf.table import TypeTable
from bpf2py.btf.types import (
    Array,
    Const,
    Enum,
    Enum64,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Member,
    Ptr,
    Restrict,
    Struct,
    Type,
    Typedef,
    TypeTag,
    Union,
    Volatile,
)
from bpf2py.elf import read_object_file
from bpf2py.uapi import CoreRelocationKind

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "tests" / "data" / "btf"


class Recorder(TypeView):
    """A view that notes which types were looked at."""

    def seen(self) -> set[int]:
        return set(self.shapes)


def looked_at(objects: list[Path], target: TypeTable) -> set[int]:
    """The types of *target* that relocating all programs of *objects* looks at."""
    seen: set[int] = set()
    for path in objects:
        spec = read_object_file(path)
        relocator = Relocator(decode(spec.btf), target)
        relocator.target = recorder = Recorder(target, label="vmlinux")
        for program in spec.programs.values():
            for outcome in relocator.relocate(bytearray(program.insns), program.core_relocations):
                outcome.describe()
        seen |= recorder.seen()
    return seen


class Trimmer:
    """Numbers the kept types anew, each after the first thing that refers to it asked for it."""

    def __init__(self, table: TypeTable, seen: set[int]) -> None:
        self.table = table
        self.seen = seen
        self.kept: list[Type] = []
        self.new_ids: dict[int, int] = {0: 0}
        self.forwards: dict[Type, int] = {}

    def keep(self, type_id: int) -> int:
        """The new id of an old one."""
        if type_id in self.new_ids:
            return self.new_ids[type_id]
        found = self.table[type_id]
        if type_id not in self.seen:
            if isinstance(found, (Struct, Union)):
                stub: Type = Fwd(found.name, isinstance(found, Union))
                if not found.name:
                    stub = replace(found, members=())
                return self.forward(type_id, stub)
            if isinstance(found, (Enum, Enum64)):
                return self.forward(type_id, replace(found, values=()))
            if isinstance(found, FuncProto):
                return self.forward(type_id, FuncProto(0, ()))
        self.kept.append(found)
        new_id = self.new_ids[type_id] = len(self.kept)
        self.kept[new_id - 1] = self.renumber(found)
        return new_id

    def forward(self, type_id: int, stub: Type) -> int:
        if stub not in self.forwards:
            self.kept.append(stub)
            self.forwards[stub] = len(self.kept)
        self.new_ids[type_id] = self.forwards[stub]
        return self.forwards[stub]

    def renumber(self, found: Type) -> Type:
        """A type with the ids of what it refers to replaced."""
        match found:
            case Struct(members=members) | Union(members=members):
                return replace(found, members=tuple(map(self.member, members)))
            case Array():
                return Array(self.keep(found.element), self.keep(found.index), found.length)
            case FuncProto():
                params = tuple(
                    replace(each, target=self.keep(each.target)) for each in found.params
                )
                return FuncProto(self.keep(found.target), params)
            case Func() | Ptr() | Typedef() | Const() | Volatile() | Restrict() | TypeTag():
                return replace(found, target=self.keep(found.target))
            case Int() | Float() | Enum() | Enum64() | Fwd():
                return found
            case _:
                raise ValueError(f"{found} is nothing that a struct refers to")

    def member(self, member: Member) -> Member:
        return replace(member, target=self.keep(member.target))


def trim(table: TypeTable, objects: list[Path]) -> bytes:
    """The blob of what *objects* look at in *table*."""
    trimmer = Trimmer(table, looked_at(objects, table))
    for type_id in sorted(trimmer.seen):
        if type_id:
            trimmer.keep(type_id)
    return encode(trimmer.kept, byte_order=table.byte_order)


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
