"""What becomes of each CO-RE relocation of an object on a kernel, told before anything is loaded.

In: an object's description, and a kernel's BTF, or nothing for the running one.  Out: a
:class:`Relocation` each.  No rights are needed, and with somebody else's BTF no Linux.  The numbers
are those that ``load`` writes: the same engine computes them (``btf.core``).  An answer stands for
itself here, so that one that would keep an object from loading does not hide the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ..records import dataclass
from ..uapi import CoreRelocationKind as Kind

if TYPE_CHECKING:
    from ..btf import TypeTable
    from ..btf.core import Modules, Record, Relocator
    from ..spec import ObjectSpec, ProgramSpec
    from .core_types import KernelTypes
    from .typed_spec import TypedSpec

#: ``same``: the kernel has what the program was compiled with.  ``changed``: another number is
#: written.  ``absent``: the program asks whether there is such a thing, or for a type's size or
#: id, and the answer is no.  ``missing``: the kernel cannot answer; the instruction is made
#: invalid, and the object loads if the verifier finds that it is never reached.  ``refused``: the
#: object does not load, whatever the program does.
RelocationOutcome: TypeAlias = Literal["same", "changed", "absent", "missing", "refused"]

_QUESTIONS = {
    Kind.FIELD_EXISTS,
    Kind.TYPE_EXISTS,
    Kind.TYPE_MATCHES,
    Kind.TYPE_SIZE,
    Kind.TYPE_ID_TARGET,
    Kind.ENUMVAL_EXISTS,
}
_GUARDS = {Kind.FIELD_EXISTS, Kind.ENUMVAL_EXISTS}
_TYPE_GUARDS = {Kind.TYPE_EXISTS, Kind.TYPE_MATCHES}


@dataclass(slots=True)
class Relocation:
    """One CO-RE record of a program, and its outcome on one kernel."""

    #: The program's name, and the number of the instruction in it.
    program: str
    insn: int
    #: What is asked for; a number if this library does not know it.
    kind: Kind | int
    #: Of what, as C would write it: ``struct task_struct.mm.pgd``.
    subject: str
    #: The line of C, ``opensnoop.bpf.c:12: x = p->y;``; empty if the object has none.
    source: str
    #: The number that the compiler wrote, and that of the kernel: bytes for offsets and sizes, 0 or
    #: 1 for questions.  None where there is none.
    local: int | None
    target: int | None
    outcome: RelocationOutcome
    #: Whether the program asks elsewhere if the kernel has just this (bpf_core_field_exists()).
    guarded: bool
    #: Who answered: ``vmlinux`` or the name of a module; empty if nobody did.
    where: str
    #: The kernel's types of that name, as far as they answer; all of them if none does.
    candidates: tuple[str, ...]
    #: Why it is missing or refused, and what the kernel has instead; empty otherwise.
    reason: str

    def __str__(self) -> str:
        place = f"program {self.program!r}, instruction {self.insn}"
        kind = self.kind.name.lower() if isinstance(self.kind, Kind) else f"kind {self.kind}"
        numbers = f" {self.local} → {self.target}" if self.outcome == "changed" else ""
        lines = [f"{place}: {kind} of {self.subject}: {self.outcome}{numbers}"]
        if self.source:
            lines.append(f"  at {self.source}")
        lines += [f"  {line}" for line in self.reason.splitlines()]
        return "\n".join(lines)


def relocations(
    spec: ObjectSpec | TypedSpec[Any], kernel_btf: KernelTypes | None = None
) -> list[Relocation]:
    """Every CO-RE relocation of *spec*, programs that are switched off too, in their order.

    *kernel_btf* is as in ``load()``: None asks the running kernel and its modules.
    Raises :class:`NotSupportedError` where there is no BTF to ask, :class:`RelocationError` if it
    is of the other byte order.
    """
    from ..spec import ObjectSpec
    from .core_types import core_types

    described = spec if isinstance(spec, ObjectSpec) else spec.object_spec
    if not any(program.core_relocations for program in described.programs.values()):
        return []
    return list(against(described, *core_types(kernel_btf)))


def against(
    spec: ObjectSpec, kernel: TypeTable, modules: Modules | None = None
) -> Iterator[Relocation]:
    """``relocations`` against types that are there."""
    from ..btf import decode
    from ..btf.core import Relocator

    table = decode(spec.btf)
    relocator = Relocator(table, kernel, modules=modules)
    for program in spec.programs.values():
        yield from _of_program(spec, program, table, relocator)


def _of_program(
    spec: ObjectSpec, program: ProgramSpec, table: TypeTable, relocator: Relocator
) -> Iterator[Relocation]:
    from ..btf.core import read_records
    from .source_lines import source_of

    source = source_of(program, lambda: table, spec.byte_order)
    insns = bytearray(program.insns)
    records = read_records(program.core_relocations, table.byte_order)
    asked = {record[1:3] for record in records if record.kind in _GUARDS}
    types = {record.type_id for record in records if record.kind in _TYPE_GUARDS}
    for record in records:
        found = _of_record(relocator, record, insns, program.name)
        found.source = source(record.insn)
        found.guarded = record[1:3] in asked or record.type_id in types
        yield found


def _of_record(relocator: Relocator, record: Record, insns: bytearray, program: str) -> Relocation:
    from ..btf.core_errors import RelocationError, Unanswerable
    from ..btf.core_explain import reasons, spell_subject
    from ..btf.errors import BTFError

    try:
        subject = spell_subject(relocator, *record[1:])
    except (Unanswerable, BTFError):
        subject = f"type {record.type_id}"
    try:
        kind: Kind | int = Kind(record.kind)
    except ValueError:
        kind = record.kind
    found = Relocation(
        program, record.insn, kind, subject, "", None, None, "refused", False, "", (), ""
    )
    try:
        (outcome,) = relocator.relocate(insns, [record], program=program)
    except RelocationError as error:
        found.reason = error.reason
        return found
    found.local, found.target = outcome.fixup.original, outcome.fixup.target
    if kind == Kind.TYPE_ID_LOCAL:
        found.outcome = "same"
        return found
    if outcome.poisoned:
        found.outcome = "missing"
        found.candidates = _spelled(relocator, record.type_id, every=True)
        found.reason = outcome.why or "\n".join(reasons(relocator, record))
        return found
    if kind in _QUESTIONS and not found.target:
        found.outcome = "absent"
        found.candidates = _spelled(relocator, record.type_id, every=True)
        return found
    found.outcome = "same" if found.local == found.target else "changed"
    found.candidates = _spelled(relocator, record.type_id, every=False)
    found.where = relocator.candidates(record.type_id)[0].view.label
    return found


def _spelled(relocator: Relocator, type_id: int, *, every: bool) -> tuple[str, ...]:
    found = relocator.all_candidates(type_id) if every else relocator.candidates(type_id)
    return tuple(map(relocator.spell_candidate, found))
