"""CO-RE relocation: a program compiled against one kernel's types, made right for another's.

In: a program's instructions, its CO-RE records, the object's BTF and the kernel's.  Out: the
instructions edited in place and one ``Outcome`` per record.  Not here: reading ``.BTF.ext``
(ext_info), finding the kernel's BTF (runtime).  The rules are libbpf's (bpf_core_calc_relo_insn()):
every type of the same essential name is a candidate, all candidates that have the field must give
the same number, and what no candidate has is poisoned, for the verifier to find unreachable or not.
"""

from __future__ import annotations

import struct

from ..light import Callable, Iterable, NamedTuple, Sequence, TypeVar
from ..uapi import CoreRelocationKind as Kind
from . import core_access, core_match
from .core_access import FieldPath, FieldPlace
from .core_apply import apply
from .core_errors import RelocationError, Unanswerable
from .core_fixup import (
    ENUM_KINDS,
    FIELD_KINDS,
    TYPE_KINDS,
    Fixup,
    enum_fixup,
    field_fixup,
    type_fixup,
)
from .core_view import TypeView
from .errors import BTFError
from .header import PREFIX, ByteOrder
from .table import TypeTable

_Found = TypeVar("_Found")

#: Given an instruction's number, its place in the C source: ``opensnoop.bpf.c:12: x = *p;``.
Source = Callable[[int], str]
#: The BTF of loaded kernel modules, by module name; only asked for what vmlinux does not have.
Modules = Callable[[], Iterable[tuple[str, TypeTable]]]


class Record(NamedTuple):
    """One CO-RE record: ``struct bpf_core_relo`` with the instruction counted in instructions."""

    insn: int
    type_id: int
    access: int
    """Offset of the access string in the object's strings."""
    kind: int


class Outcome:
    """What became of one record.

    ``insn`` is the instruction's number, ``kind`` what was asked, ``fixup`` the numbers,
    ``poisoned`` whether the instruction is now invalid.  ``describe()`` says why, for people.
    """

    __slots__ = ("_relocator", "fixup", "poisoned", "program", "record", "source", "why")

    def __init__(
        self,
        relocator: Relocator,
        record: Record,
        fixup: Fixup,
        *,
        why: str,
        program: str,
        source: Source | None,
    ) -> None:
        self._relocator = relocator
        #: Why the instruction could not take the number, where that is the reason; empty otherwise.
        self.why = why
        self.record = record
        self.fixup = fixup
        self.poisoned = fixup.target is None or bool(why)
        self.program = program
        self.source = source

    @property
    def insn(self) -> int:
        """The number of the instruction in the program."""
        return self.record.insn

    @property
    def kind(self) -> Kind:
        """What the record asks for."""
        return Kind(self.record.kind)

    def __repr__(self) -> str:
        fate = "poisoned" if self.poisoned else f"{self.fixup.original} -> {self.fixup.target}"
        return f"<Outcome: instruction {self.insn}, {self.kind.name}: {fate}>"

    def what(self) -> str:
        """What the record asks for: ``offset of struct task_struct.pid``."""
        return self._relocator.spell(self.record)

    def describe(self) -> str:
        """Some lines for people: program, C source, what was asked, candidates, what there is."""
        from .core_explain import describe

        return describe(self, self._relocator, why=self.why)


class _Candidate(NamedTuple):
    view: TypeView
    type_id: int


_RECORDS = {order: struct.Struct(prefix + "IIII") for order, prefix in PREFIX.items()}


def read_records(records: bytes | Sequence[Record], byte_order: ByteOrder) -> Sequence[Record]:
    """Records as values, from their bytes (16 each) if need be."""
    if not isinstance(records, (bytes, bytearray, memoryview)):
        return records
    if len(records) % 16:
        raise RelocationError(f"{len(records)} bytes of records are no multiple of 16")
    return list(map(Record._make, _RECORDS[byte_order].iter_unpack(records)))


class Relocator:
    """CO-RE for all programs of one object against one kernel.

    Keep one per object: what was found for one program serves the next, and, as in libbpf, a
    candidate that lacked a member which others of its name have is not considered again.
    """

    def __init__(
        self, local: TypeTable, target: TypeTable, *, modules: Modules | None = None
    ) -> None:
        """*local* is the object's BTF, *target* the kernel's (vmlinux).

        RelocationError if they are of different byte orders.
        """
        if local.byte_order != target.byte_order:
            raise RelocationError(
                f"the object is {local.byte_order} endian, the kernel's BTF {target.byte_order}"
            )
        self.local = TypeView(local, label="object", local=True)
        self.target = TypeView(target, label="vmlinux")
        self._modules = modules
        self._module_views: list[TypeView] | None = None
        self._fixups: dict[tuple[int, int, int], Fixup] = {}
        self._paths: dict[tuple[int, int], FieldPath] = {}
        self._places: dict[tuple[int, int, _Candidate], FieldPlace | None] = {}
        self._candidates: dict[int, list[_Candidate]] = {}

    def relocate(
        self,
        insns: bytearray,
        records: bytes | Sequence[Record],
        *,
        program: str = "",
        source: Source | None = None,
    ) -> list[Outcome]:
        """Edit *insns* in place for every record; the outcomes in the order of the records.

        *records* are ``Record``s or their bytes (16 each, as in ``ProgramSpec.core_relocations``).
        Raises RelocationError for a record that cannot be honoured on any kernel, or whose
        candidates disagree; *insns* is then half edited and to be thrown away.
        """
        byte_order = self.local.table.byte_order
        fixups = self._fixups
        outcomes: list[Outcome] = []
        for record in read_records(records, byte_order):
            try:
                fixup = fixups.get(record[1:])
                if fixup is None:
                    fixup = fixups[record[1:]] = self.fixup(*record[1:])
                why = apply(insns, record.insn, fixup, byte_order)
            except (Unanswerable, BTFError) as error:
                raise RelocationError(
                    str(error),
                    program=program,
                    insn=record.insn,
                    what=self.spell(record),
                    source=source(record.insn) if source else "",
                ) from None
            outcomes.append(Outcome(self, record, fixup, why=why, program=program, source=source))
        return outcomes

    def candidates(self, type_id: int) -> list[_Candidate]:
        """The kernel's types of the essential name and kind of a local one.

        Modules are looked at only if vmlinux has none (bpf_core_find_cands()).
        """
        found = self._candidates.get(type_id)
        if found is None:
            found = self._find_candidates(type_id)
            self._candidates[type_id] = found
        return found

    def all_candidates(self, type_id: int) -> list[_Candidate]:
        """The candidates before any was dropped; for messages."""
        return self._find_candidates(type_id)

    def path(self, type_id: int, access: int) -> FieldPath:
        """The local field that an access string leads to."""
        key = (type_id, access)
        found = self._paths.get(key)
        if found is None:
            text = self.local.string(access)
            found = self._paths[key] = core_access.parse_field(self.local, type_id, text)
        return found

    def spell(self, record: Record) -> str:
        """What a record asks for, in words; never fails."""
        from .core_explain import spell_record

        return spell_record(self, record)

    # ---- calculation ----

    def _find_candidates(self, type_id: int) -> list[_Candidate]:
        name = self.local.names[type_id]
        if not name:
            raise Unanswerable("the local type has no name to look for")
        own = core_match.candidates(self.local, type_id, self.target)
        found = [_Candidate(self.target, each) for each in own]
        if found or self._modules is None:
            return found
        if self._module_views is None:
            self._module_views = [
                TypeView(table, label=name, base=self.target if table.base else None)
                for name, table in self._modules()
            ]
        return [
            _Candidate(view, each)
            for view in self._module_views
            for each in core_match.candidates(self.local, type_id, view)
        ]

    def fixup(self, type_id: int, access: int, kind: int) -> Fixup:
        """The fix-up for one access; raises Unanswerable or BTFError where no kernel could do it.

        Not remembered: ``relocate`` does that.
        """
        local = self.local
        if kind in FIELD_KINDS:
            path = self.path(type_id, access)

            def place(candidate: _Candidate) -> FieldPlace | None:
                key = (type_id, access, candidate)
                if key in self._places:
                    return self._places[key]
                found = core_match.match_field(local, path, candidate.view, candidate.type_id)
                answer = self._places[key] = found if isinstance(found, FieldPlace) else None
                return answer

            return self._decide(
                type_id,
                place,
                lambda candidate, theirs: field_fixup(kind, local, path[1], candidate.view, theirs),
            )
        text = local.string(access)
        if kind in TYPE_KINDS:
            if text != b"0":
                spelled = core_access.spell(text)
                raise Unanswerable(f"access string {spelled!r} where a whole type is meant")
            local.shapes[type_id]
            if kind == Kind.TYPE_ID_LOCAL:
                return type_fixup(kind, local, type_id, local, None)
            fits = (
                core_match.types_match if kind == Kind.TYPE_MATCHES else core_match.types_are_compat
            )
            return self._decide(
                type_id,
                lambda candidate: (
                    candidate.type_id
                    if fits(local, type_id, candidate.view, candidate.type_id)
                    else None
                ),
                lambda candidate, theirs: type_fixup(kind, local, type_id, candidate.view, theirs),
            )
        if kind in ENUM_KINDS:
            enum, index = core_access.parse_enumerator(local, type_id, text)
            return self._decide(
                type_id,
                lambda candidate: core_match.match_enumerator(
                    local, enum, index, candidate.view, candidate.type_id
                ),
                lambda candidate, theirs: enum_fixup(
                    kind, local, (enum, index), candidate.view, theirs
                ),
            )
        raise Unanswerable(f"kind {kind} of relocation is not known")

    def _decide(
        self,
        type_id: int,
        match: Callable[[_Candidate], _Found | None],
        calculate: Callable[[_Candidate, _Found | None], Fixup],
    ) -> Fixup:
        """The fix-up on which all candidates that match agree."""
        candidates = self.candidates(type_id)
        decided: Fixup | None = None
        matching: list[_Candidate] = []
        first: FieldPlace | None = None
        for candidate in candidates:
            theirs = match(candidate)
            if theirs is None:
                continue
            fixup = calculate(candidate, theirs)
            place = theirs if isinstance(theirs, FieldPlace) else None
            if decided is None:
                decided, first = fixup, place
            elif fixup.target != decided.target or (
                first and place and first.bit_offset != place.bit_offset
            ):
                raise Unanswerable(self._disagreement([*matching, candidate], decided, fixup))
            matching.append(candidate)
        if decided is None:
            return calculate(_Candidate(self.target, 0), None)
        if len(matching) != len(candidates):
            self._candidates[type_id] = matching
        return decided

    def _disagreement(self, candidates: Sequence[_Candidate], one: Fixup, other: Fixup) -> str:
        names = ", ".join(self.spell_candidate(candidate) for candidate in candidates)
        return (
            f"the kernel has several types of that name which disagree "
            f"({one.target} and {other.target}): {names}"
        )

    @staticmethod
    def spell_candidate(candidate: _Candidate) -> str:
        """A candidate for people: ``struct task_struct (type 123 of vmlinux)``."""
        view, type_id = candidate
        return f"{core_access.spell_type(view, type_id)} (type {type_id} of {view.label})"


def relocate(
    insns: bytearray,
    records: bytes | Sequence[Record],
    local: TypeTable,
    target: TypeTable,
    *,
    program: str = "",
    source: Source | None = None,
    modules: Modules | None = None,
) -> list[Outcome]:
    """``Relocator.relocate`` for a single program."""
    relocator = Relocator(local, target, modules=modules)
    return relocator.relocate(insns, records, program=program, source=source)
