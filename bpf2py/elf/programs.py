"""The functions of an object: where each one lies, and what its instructions refer to.

In: an ``ElfObject`` and the maps found in it.  Out: :class:`Function` values, and for each the
calls, callback addresses, maps, variables and externs that its instructions ask for.  Not here: putting
functions together (``link``).  Follows bpf_object__add_programs() and
bpf_program__record_reloc() of libbpf; unlike there, a function may lie in any section, and what
no program reaches is never looked at.
"""

from __future__ import annotations

import struct
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import TypeAlias

from ..records import dataclass
from ..spec import KCONFIG, ExternKind, ExternSpec, MapSpec
from .errors import ObjectError
from .reader import (
    ADDRESS_SIZE,
    JUMP_TABLES,
    SHN_LORESERVE,
    SHN_UNDEF,
    STB_GLOBAL,
    STB_LOCAL,
    STT_FUNC,
    STT_SECTION,
    ElfObject,
    Relocation,
    Section,
    Symbol,
)

INSN_SIZE = 8
_CALL, _LD_IMM64 = 0x85, 0x18
_PSEUDO_CALL, _PSEUDO_FUNC = 1, 4
#: R_BPF_64_64 and R_BPF_64_32, the two kinds that stand in code.  R_BPF_NONE asks for nothing.
_R_NONE, _R_IN_CODE = 0, (1, 10)


@dataclass(slots=True, frozen=True)
class Function:
    """One function: *count* instructions from instruction *start* of its section."""

    symbol: Symbol
    section: Section
    start: int
    count: int

    # each is one, whatever it holds
    __eq__ = object.__eq__
    __hash__ = object.__hash__

    @property
    def name(self) -> str:
        return self.symbol.name

    @property
    def code(self) -> bytes:
        first = self.start * INSN_SIZE
        return self.section.data[first : first + self.count * INSN_SIZE]

    @property
    def entry(self) -> bool:
        """Whether the kernel is to start here: not static, and its section is not ``.text``."""
        return self.symbol.bind != STB_LOCAL and not is_text(self.section.name)


@dataclass(slots=True, frozen=True)
class FunctionReference:
    """Instruction *insn* (of its function) calls *target*, or takes its address as a callback."""

    insn: int
    target: Function
    callback: bool


@dataclass(slots=True, frozen=True)
class MapReference:
    """Instruction *insn* (of its function) takes *map*, or the address *offset* bytes into it."""

    insn: int
    map: str
    offset: int | None


@dataclass(slots=True, frozen=True)
class ExternReference:
    """Instruction *insn* (of its function) calls *extern* or takes its address."""

    insn: int
    extern: str


@dataclass(slots=True, frozen=True)
class JumpTableReference:
    """Instruction *insn* (of its function) takes the address of a table of places in it, which is
    bytes *start* to *end* of its section."""

    insn: int
    start: int
    end: int


Reference: TypeAlias = FunctionReference | MapReference | ExternReference | JumpTableReference


def is_text(section: str) -> bool:
    """Whether a section holds subprograms only."""
    return section == ".text" or section.startswith(".text.")


#: Sections of that name are a custom of loaders other than libbpf.
_OLD_MAPS = ' that libbpf knows; declare maps in SEC(".maps") with __uint() and __type()'


class Functions:
    """The functions of one object, by place and in file order."""

    def __init__(
        self,
        elf: ElfObject,
        declared: Mapping[int, MapSpec],
        data: Mapping[str, MapSpec],
        externs: Mapping[str, ExternSpec],
    ) -> None:
        self._elf = elf
        self._declared = declared
        self._data = data
        self._externs = externs
        self._order = "<" if elf.byte_order == "little" else ">"
        self._at: dict[tuple[int, int], Function] = {}
        self._references: dict[Function, tuple[Reference, ...]] = {}
        self.all = self._collect()

    def __iter__(self) -> Iterator[Function]:
        return iter(self.all)

    def _collect(self) -> tuple[Function, ...]:
        elf = self._elf
        found: list[Function] = []
        for symbol in elf.symbols:
            if symbol.kind != STT_FUNC or not SHN_UNDEF < symbol.section < SHN_LORESERVE:
                continue
            section = elf.sections[symbol.section]
            if not section.executable:
                continue
            where = f"function {symbol.name!r} in section {section.name!r}"
            if not symbol.size or symbol.size % INSN_SIZE or symbol.value % INSN_SIZE:
                raise elf.error(
                    f"{where} is {symbol.size} bytes at byte {symbol.value}, which is not a whole"
                    " number of instructions; functions in assembler need .type and .size"
                )
            if symbol.value + symbol.size > len(section.data):
                raise elf.error(f"{where} reaches beyond the end of the section")
            start, count = symbol.value // INSN_SIZE, symbol.size // INSN_SIZE
            found.append(Function(symbol, section, start, count))
        found.sort(key=lambda function: (function.section.index, function.start))
        for before, after in pairwise(found):
            same = before.start == after.start and before.count == after.count
            if (
                before.section is after.section
                and before.start + before.count > after.start
                and not same
            ):
                raise elf.error(
                    f"functions {before.name!r} and {after.name!r} overlap in section"
                    f" {before.section.name!r}"
                )
        for function in found:
            place = function.section.index, function.start
            known = self._at.get(place)
            if known is None or function.symbol.bind == STB_GLOBAL != known.symbol.bind:
                self._at[place] = function
        return tuple(found)

    def entries(self) -> dict[str, Function]:
        """The programs by name, in file order; a weak one gives way to a strong one."""
        found: dict[str, Function] = {}
        for function in self.all:
            if not function.entry:
                continue
            known = found.get(function.name)
            if known is not None and known.symbol.bind == function.symbol.bind:
                raise self._elf.error(
                    f"two programs are called {function.name!r}, in sections"
                    f" {known.section.name!r} and {function.section.name!r}"
                )
            if known is None or function.symbol.bind == STB_GLOBAL:
                found[function.name] = function
        return found

    def refuse_forgotten(self) -> None:
        """Raise ``ObjectError`` for a static function in a section of its own that no program reached.

        To be asked when all programs are linked.  SEC() keeps it although nothing calls it, so it
        was meant to be a program; libbpf takes no static function outside ``.text`` at all.
        """
        for each in self._at.values():
            if each.symbol.bind != STB_LOCAL or is_text(each.section.name):
                continue
            if each not in self._references:
                raise self._elf.error(
                    f"function {each.name!r} in section {each.section.name!r} is static, so it is"
                    " no program, and no program calls it: remove 'static'"
                )

    def at(self, section: int, offset: int) -> Function | None:
        """The function that starts *offset* bytes into section number *section*."""
        return None if offset % INSN_SIZE else self._at.get((section, offset // INSN_SIZE))

    def subprogram(self, name: str) -> Function | None:
        """The global subprogram of that name."""
        return next(
            (f for f in self.all if f.name == name and not f.entry and f.symbol.bind != STB_LOCAL),
            None,
        )

    def references(self, function: Function) -> tuple[Reference, ...]:
        """What *function* refers to, in the order of its instructions.

        Raises ``ObjectError`` for what cannot be resolved.
        """
        known = self._references.get(function)
        if known is None:
            known = tuple(self._resolve(function))
            self._references[function] = known
        return known

    def _resolve(self, function: Function) -> Iterator[Reference]:
        code = function.code
        relocations = {
            relocation.offset // INSN_SIZE - function.start: relocation
            for relocation in self._relocations(function)
        }
        opcodes = code[::INSN_SIZE]
        places = set(relocations)
        for opcode in (_CALL, _LD_IMM64):
            at = opcodes.find(opcode)
            while at >= 0:
                places.add(at)
                at = opcodes.find(opcode, at + 1)
        for insn in sorted(places):
            relocation = relocations.get(insn)
            place = _Place(self._elf, function, insn, relocation)
            source, target, offset, imm = self._fields(code, insn)
            if relocation is not None:
                reference = self._relocated(place, opcodes[insn], source, imm)
                if reference is not None:
                    yield reference
            elif opcodes[insn] == _CALL and source == _PSEUDO_CALL and not target and not offset:
                # Within one section clang 12 and older resolve calls themselves.
                yield self._function(place, function.section, function.start + insn + imm + 1)
            elif opcodes[insn] == _LD_IMM64 and source == _PSEUDO_FUNC:
                raise place.error("takes the address of a function that no relocation names")

    def _relocations(self, function: Function) -> tuple[Relocation, ...]:
        table = self._elf.relocations.get(function.section.index, ())
        first = function.start * INSN_SIZE
        last = first + function.count * INSN_SIZE
        return table[bisect_left(table, (first, 0, 0)) : bisect_left(table, (last, 0, 0))]

    def _fields(self, code: bytes, insn: int) -> tuple[int, int, int, int]:
        """Source and destination register, offset, immediate value."""
        registers, offset, imm = struct.unpack_from(self._order + "xBhi", code, insn * INSN_SIZE)
        high, low = registers >> 4, registers & 15
        return (high, low, offset, imm) if self._order == "<" else (low, high, offset, imm)

    def _relocated(self, place: _Place, opcode: int, source: int, imm: int) -> Reference | None:
        elf, relocation = self._elf, place.relocation
        assert relocation is not None
        if relocation.kind == _R_NONE:
            return None
        if relocation.kind not in _R_IN_CODE or opcode not in (_CALL, _LD_IMM64):
            raise place.error(
                f"has a relocation of kind {relocation.kind} on opcode 0x{opcode:02x},"
                " which clang does not emit for BPF"
            )
        symbol = elf.symbols[relocation.symbol]
        if symbol.section == SHN_UNDEF:
            return self._extern(place, symbol.name, opcode, imm)
        if symbol.section >= SHN_LORESERVE:
            raise place.error(
                f"uses {symbol.name!r}, which lies in no section; give the variable a value"
            )
        section = elf.sections[symbol.section]
        if opcode == _CALL:
            if source != _PSEUDO_CALL:
                raise place.error(f"calls {elf.describe(symbol)} with a wrong kind of call")
            return self._function(place, section, _whole(place, symbol.value) + imm + 1)
        if place.insn + 1 >= place.function.count:
            raise place.error("is the first half of a 16-byte load, and the function ends")
        if section.executable:
            at = _whole(place, symbol.value + imm)
            return self._function(place, section, at, callback=True)
        if section.name == JUMP_TABLES:
            return self._jump_table(place, symbol, section, imm)
        return self._map(place, symbol, section, imm)

    def _extern(self, place: _Place, name: str, opcode: int, imm: int) -> Reference:
        extern = self._externs.get(name)
        does = "calls" if opcode == _CALL else "uses"
        if extern is None:
            raise place.error(
                f"{does} {name!r}, which is not defined in this object: declare it __ksym or"
                " __kconfig if it is the kernel's, and compile with -g; link the file that defines"
                " it in with 'bpf2py link'"
            )
        if opcode == _CALL:
            if extern.kind is not ExternKind.FUNCTION:
                raise place.error(f"calls {name!r}, which is declared as a variable")
            return ExternReference(place.insn, name)
        if extern.kind <= ExternKind.TEXT:
            values = self._data[KCONFIG]
            return MapReference(place.insn, KCONFIG, values.variables[name].offset + imm)
        if imm:
            raise place.error(f"uses {name!r} and {imm} bytes more, which nobody can resolve")
        return ExternReference(place.insn, name)

    def _function(
        self, place: _Place, section: Section, insn: int, *, callback: bool = False
    ) -> FunctionReference:
        target = self._at.get((section.index, insn))
        if target is None:
            raise place.error(
                f"leads to instruction {insn} of section {section.name!r}, where no function starts"
            )
        return FunctionReference(place.insn, target, callback)

    def _jump_table(
        self, place: _Place, symbol: Symbol, section: Section, imm: int
    ) -> JumpTableReference:
        """What the symbol says is a table, as create_jt_map() of libbpf takes it.

        What is in it is looked at when the function gets into a program.
        """
        start, end = symbol.value, symbol.value + symbol.size
        whole = not (start % ADDRESS_SIZE or symbol.size % ADDRESS_SIZE)
        if imm or start == end or end > len(section.data) or not whole:
            raise place.error(
                f"takes bytes {start + imm} to {end} of section {section.name!r}, which are no"
                " table of addresses"
            )
        return JumpTableReference(place.insn, start, end)

    def targets(self, function: Function, table: JumpTableReference) -> tuple[int, ...]:
        """What is in a table of *function*: its instructions, counted from its first.

        Whether jumps may go there is for the verifier to say, program by program.
        """
        section = self._elf.section(JUMP_TABLES)
        assert section is not None
        place = _Place(self._elf, function, table.insn, None)
        addresses = struct.iter_unpack(self._order + "Q", section.data[table.start : table.end])
        return tuple(_whole(place, address) - function.start for (address,) in addresses)

    def _map(self, place: _Place, symbol: Symbol, section: Section, imm: int) -> MapReference:
        # A static variable is reached as its section's symbol plus an offset, and so is a global
        # array at a constant index; libbpf adds the two in 32 bits as well.
        offset = (symbol.value + imm) & 0xFFFFFFFF
        if section.name == ".maps":
            at = symbol.value + imm if symbol.kind == STT_SECTION else symbol.value
            declared = self._declared.get(at)
            if declared is None:
                raise place.error(f"uses byte {at} of section '.maps', where no map starts")
            return MapReference(place.insn, declared.name, None)
        data = self._data.get(section.name)
        if data is None:
            raise place.error(
                f"uses {self._elf.describe(symbol)}: {section.name!r} holds neither maps nor"
                " variables" + (_OLD_MAPS if section.name.startswith("maps/") else "")
            )
        if offset >= section.size:
            raise place.error(
                f"uses byte {offset} of section {section.name!r}, which has {section.size}"
            )
        return MapReference(place.insn, data.name, offset)


@dataclass(slots=True, frozen=True)
class _Place:
    """One instruction, for messages."""

    elf: ElfObject
    function: Function
    insn: int
    relocation: Relocation | None

    def error(self, text: str) -> ObjectError:
        return self.elf.error(
            f"function {self.function.name!r} (section {self.function.section.name!r}),"
            f" instruction {self.insn} {text}"
        )


def _whole(place: _Place, offset: int) -> int:
    if offset % INSN_SIZE:
        raise place.error(f"leads to byte {offset}, between two instructions")
    return offset // INSN_SIZE
