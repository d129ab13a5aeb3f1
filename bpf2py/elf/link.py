"""Linking: an entry function and every function it reaches, as the one program the kernel takes.

In: ``Functions`` and the records of ``.BTF.ext``.  Out: a :class:`Linked` per entry function:
instructions with calls resolved, and all records and relocations counted from the entry function.
Not here: maps' descriptors and CO-RE, which belong to the running kernel.

The order is libbpf's (bpf_object__reloc_code): go through a function's instructions; the first
time one refers to a function that is not in the program yet, append that function and go through
it before going on.  So the same object gives the same bytes here and there.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Mapping

from ..btf.ext_info import CORE_RELOCATION_SIZE, FUNC_INFO_SIZE, LINE_INFO_SIZE, ExtInfo
from ..records import dataclass
from ..spec import ExternRelocation, JumpTable, MapRelocation
from .programs import (
    INSN_SIZE,
    ExternReference,
    Function,
    FunctionReference,
    Functions,
    JumpTableReference,
)
from .reader import ElfObject

#: BPF_COMPLEXITY_LIMIT_INSNS: the kernel takes no longer program.
_PROGRAM_LIMIT = 1_000_000
#: All programs of one object together; only a file made to exhaust memory gets here.
_OBJECT_LIMIT = 16_000_000

_LD_IMM64, _PSEUDO_FUNC = 0x18, 4


@dataclass(slots=True, frozen=True)
class Linked:
    """One program as ``ProgramSpec`` wants it."""

    insns: bytes
    map_relocations: tuple[MapRelocation, ...]
    extern_relocations: tuple[ExternRelocation, ...]
    jump_tables: tuple[JumpTable, ...]
    func_info: bytes
    line_info: bytes
    core_relocations: bytes


class Linker:
    """Links the programs of one object, one at a time."""

    def __init__(
        self,
        elf: ElfObject,
        functions: Functions,
        ext: ExtInfo | None,
        exception_callbacks: Mapping[str, str],
    ) -> None:
        self._elf = elf
        self._functions = functions
        self._callbacks = exception_callbacks
        self._order = "<" if elf.byte_order == "little" else ">"
        self._total = 0
        order = self._order
        ext = ext or ExtInfo(elf.byte_order, {}, {}, {})
        self._func_info = _Records(elf, "func_info", ext.func_info, FUNC_INFO_SIZE, order)
        self._line_info = _Records(elf, "line_info", ext.line_info, LINE_INFO_SIZE, order)
        self._core = _Records(
            elf, "CO-RE relocations", ext.core_relocations, CORE_RELOCATION_SIZE, order
        )

    def link(self, entry: Function) -> Linked:
        """The program that starts at *entry*.

        Raises ``ObjectError`` for a reference that cannot be resolved, and for programs longer
        than any kernel takes.
        """
        placed = self._place(entry)
        code = bytearray(b"".join(function.code for function in placed))
        map_relocations: list[MapRelocation] = []
        extern_relocations: list[ExternRelocation] = []
        tables: dict[tuple[Function, int], list[JumpTableReference]] = {}
        for function, base in placed.items():
            for reference in self._functions.references(function):
                insn = base + reference.insn
                if isinstance(reference, FunctionReference):
                    distance = placed[reference.target] - insn - 1
                    self._patch(code, insn, distance, _PSEUDO_FUNC if reference.callback else None)
                    continue
                self._patch(code, insn, 0, 0)
                if code[insn * INSN_SIZE] == _LD_IMM64:
                    struct.pack_into("4x", code, (insn + 1) * INSN_SIZE + 4)
                if isinstance(reference, JumpTableReference):
                    tables.setdefault((function, reference.start), []).append(reference)
                elif isinstance(reference, ExternReference):
                    extern_relocations.append(ExternRelocation(insn, reference.extern))
                else:
                    map_relocations.append(MapRelocation(insn, reference.map, reference.offset))
        return Linked(
            insns=bytes(code),
            map_relocations=tuple(map_relocations),
            extern_relocations=tuple(extern_relocations),
            jump_tables=tuple(
                self._jump_table(entry, function, placed[function], references)
                for (function, _), references in tables.items()
            ),
            func_info=self._func_info.of_program(placed),
            line_info=self._line_info.of_program(placed),
            core_relocations=self._core.of_functions(placed),
        )

    def _jump_table(
        self, entry: Function, function: Function, base: int, loads: list[JumpTableReference]
    ) -> JumpTable:
        targets = self._functions.targets(function, loads[0])
        self._count(entry, len(targets), "addresses in a jump table")
        return JumpTable(
            tuple(base + load.insn for load in loads), tuple(base + target for target in targets)
        )

    def _place(self, entry: Function) -> dict[Function, int]:
        """The functions of the program in order, each with the number of its first instruction."""
        placed: dict[Function, int] = {}
        size = 0
        # A callback for exceptions is nobody's callee; the verifier wants it in the program.
        roots = [entry]
        callback = self._callbacks.get(entry.name)
        if callback is not None:
            target = self._functions.subprogram(callback)
            if target is None or target.symbol.hidden:
                raise self._elf.error(
                    f"program {entry.name!r} names {callback!r} as its exception callback, which"
                    " is not a global function in section '.text'"
                )
            roots.append(target)
        for root in roots:
            if root in placed:
                continue
            # A stack of our own: a chain of calls may be longer than Python recurses.
            placed[root] = size
            size += root.count
            stack = [iter(self._functions.references(root))]
            while stack:
                reference = next(stack[-1], None)
                if reference is None:
                    stack.pop()
                elif isinstance(reference, FunctionReference) and reference.target not in placed:
                    placed[reference.target] = size
                    size += reference.target.count
                    stack.append(iter(self._functions.references(reference.target)))
        self._count(entry, size, "instructions with all it calls")
        return placed

    def _count(self, entry: Function, number: int, what: str) -> None:
        self._total += number
        if number > _PROGRAM_LIMIT or self._total > _OBJECT_LIMIT:
            raise self._elf.error(
                f"program {entry.name!r} has {number} {what}; the kernel"
                f" takes {_PROGRAM_LIMIT}, and all programs together may have {_OBJECT_LIMIT}"
            )

    def _patch(self, code: bytearray, insn: int, imm: int, source: int | None) -> None:
        at = insn * INSN_SIZE
        if source is not None:
            if self._order == "<":
                code[at + 1] = code[at + 1] & 0x0F | source << 4
            else:
                code[at + 1] = code[at + 1] & 0xF0 | source
        struct.pack_into(self._order + "i", code, at + 4, imm)


class _Records:
    """One table of ``.BTF.ext``, from which each function takes its records."""

    def __init__(
        self, elf: ElfObject, what: str, tables: Mapping[str, bytes], size: int, order: str
    ) -> None:
        self._elf = elf
        self._what = what
        self._layout = struct.Struct(f"{order}I{size - 4}s")
        self._tables = tables
        self._sorted: dict[str, list[tuple[int, bytes]]] = {}

    def of_program(self, placed: Mapping[Function, int]) -> bytes:
        """The records of a whole program, or none.

        The kernel wants them for every function or for none (check_btf_func_early, check_btf_line),
        so an entry function without any switches them off.
        """
        entry = next(iter(placed))
        if not self._records(entry):
            return b""
        for function in placed:
            if not self._records(function):
                raise self._elf.error(
                    f"function {function.name!r}, which program {entry.name!r} calls, has no"
                    f" {self._what} in '.BTF.ext' though the program has; compile all of it with -g"
                )
        return self.of_functions(placed)

    def of_functions(self, placed: Mapping[Function, int]) -> bytes:
        """The records of the functions that have some, counted from the program's start."""
        pack = self._layout.pack
        return b"".join(
            pack(base + insn - function.start, rest)
            for function, base in placed.items()
            for insn, rest in self._records(function)
        )

    def _records(self, function: Function) -> list[tuple[int, bytes]]:
        name = function.section.name
        table = self._sorted.get(name)
        if table is None:
            table = list[tuple[int, bytes]]()
            for offset, rest in self._layout.iter_unpack(self._tables.get(name, b"")):
                if offset % INSN_SIZE:
                    raise self._elf.error(
                        f"the {self._what} of section {name!r} in '.BTF.ext' speak of byte"
                        f" {offset}, between two instructions"
                    )
                table.append((offset // INSN_SIZE, rest))
            # Stable, and by instruction only: the compiler's order is kept where it matters.
            table.sort(key=lambda record: record[0])
            self._sorted[name] = table
        first = bisect_left(table, function.start, key=lambda record: record[0])
        last = bisect_left(table, function.start + function.count, key=lambda record: record[0])
        return table[first:last]
