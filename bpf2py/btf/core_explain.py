"""Why a CO-RE fix-up failed, in words: what was asked for, what was tried, what the kernel has.

In: an ``Outcome`` and its ``Relocator``.  Out: text.  Only imported when somebody wants to know.
"""

from __future__ import annotations

from ..light import TYPE_CHECKING, Iterable
from . import core_access, core_match
from .core_access import FieldPath, FieldPlace, Step, spell, spell_path, spell_type
from .core_errors import Unanswerable
from .core_fixup import ENUM_KINDS, FIELD_KINDS, PHRASES
from .core_view import (
    ARRAY,
    COMPOSITES,
    ENUMS,
    FUNC_PROTO,
    PTR,
    STRUCT,
    UNION,
    Shape,
    TypeView,
    essential,
)
from .errors import BTFError
from .nearest import nearest, nearest_named

if TYPE_CHECKING:
    from .core import Outcome, Record, Relocator

#: So many members that may be meant are named.
_SHOWN = 3
#: So deep in structs a member is looked for that is not where it was.
_DEPTH = 2
_NAMELESS = {
    PTR: "a pointer",
    ARRAY: "an array",
    STRUCT: "a struct without name",
    UNION: "a union without name",
    FUNC_PROTO: "a function",
}


def spell_record(relocator: Relocator, record: Record) -> str:
    """What *record* asks for: ``offset of struct task_struct.pid``; of a broken one, its numbers."""
    _, type_id, access, kind = record
    numbers = f"kind {kind} of type {type_id} at string {access}"
    phrase = PHRASES.get(kind)
    if phrase is None:
        return numbers
    try:
        return f"{phrase} {spell_subject(relocator, type_id, access, kind)}"
    except (Unanswerable, BTFError):
        return numbers


def spell_subject(relocator: Relocator, type_id: int, access: int, kind: int) -> str:
    """What a record is about: ``struct task_struct.mm.x``, ``BPF_X of enum bpf_y``."""
    local = relocator.local
    subject = spell_type(local, type_id)
    try:
        if kind in FIELD_KINDS:
            return spell_path(local, type_id, relocator.path(type_id, access))
        if kind in ENUM_KINDS:
            enum, index = _enumerator(relocator, type_id, access)
            return f"{spell(local.value_name(local.shapes[enum], index))} of {subject}"
    except (Unanswerable, BTFError):
        return f"{subject}, access string {spell(local.string(access))!r}"
    return subject


def _enumerator(relocator: Relocator, type_id: int, access: int) -> tuple[int, int]:
    local = relocator.local
    return core_access.parse_enumerator(local, type_id, local.string(access))


def describe(outcome: Outcome, relocator: Relocator, *, why: str) -> str:
    """The text of ``Outcome.describe()``."""
    subject = outcome.what()
    fate = "this kernel cannot tell the" if outcome.poisoned else "relocated: the"
    lines = [f"program {outcome.program!r}, instruction {outcome.insn}: {fate} {subject}"]
    source = outcome.source(outcome.insn) if outcome.source else ""
    if source:
        lines.append(f"  at {source}")
    if why:
        lines.append(f"  {why}")
    elif not outcome.poisoned:
        lines.append(f"  {outcome.fixup.original} became {outcome.fixup.target}")
    else:
        lines.extend(f"  {line}" for line in reasons(relocator, outcome.record))
        guard = "enum_value" if outcome.record.kind in ENUM_KINDS else "field"
        lines.append(f"  if the program can do without, guard it with bpf_core_{guard}_exists()")
    return "\n".join(lines)


def reasons(relocator: Relocator, record: Record) -> list[str]:
    """Why there is no answer: a line for each candidate, or what there is instead of candidates."""
    _, type_id, access, kind = record
    local = relocator.local
    candidates = relocator.all_candidates(type_id)
    if not candidates:
        return _instead(relocator.target, local, type_id)
    lines = []
    for candidate in candidates:
        view = candidate.view
        if kind in FIELD_KINDS:
            path = relocator.path(type_id, access)
            reason = _why_no_field(local, path, view, candidate.type_id)
        elif kind in ENUM_KINDS:
            reason = _why_no_value(relocator, type_id, access, view, candidate.type_id)
        else:
            reason = "is another type than the program's"
        lines.append(f"the kernel's {relocator.spell_candidate(candidate)} {reason}")
    return lines


def _why_no_field(local: TypeView, path: FieldPath, target: TypeView, target_id: int) -> str:
    failed = core_match.match_field(local, path, target, target_id)
    if isinstance(failed, FieldPlace):
        return "does not match"
    steps, place = path
    name, number, _ = steps[failed]
    # Where the steps before the one that failed lead to.
    reached = core_match.match_field(local, (steps[:failed], place), target, target_id)
    assert isinstance(reached, FieldPlace)
    shape = target.resolved[reached.target]
    if name is None:
        if shape.kind != ARRAY:
            return f"has no array where element {number} is wanted"
        return f"has an array of {target.array(shape)[1]} elements, element {number} is wanted"
    if shape.kind not in COMPOSITES:
        return f"has something without members where {spell(name)!r} is wanted"
    inside = spell_type(target, shape.type_id)
    names = target.members[shape.type_id]
    if name in names:
        ours, theirs = steps[failed][2], names[name][0]
        return (
            f"has a member {spell(name)!r} in {inside}, but of another kind of type: "
            f"{_spell_kind(target, theirs)}, in the program {_spell_kind(local, ours)}"
        )
    where = f" in {inside}" if failed > 1 else ""
    return f"has no member {spell(name)!r}{where}{_elsewhere(steps, failed, target, shape)}"


def _spell_kind(view: TypeView, type_id: int) -> str:
    """A type as far as CO-RE compares it: ``struct x``, ``a pointer``, ``an array``."""
    shape = view.resolved[type_id]
    if not view.names[shape.type_id]:
        return _NAMELESS.get(shape.kind, "a type without name")
    return spell_type(view, shape.type_id)


def _elsewhere(steps: tuple[Step, ...], failed: int, target: TypeView, shape: Shape) -> str:
    """What is called nearly so, and where the kernel may have moved the member to."""
    name, last = steps[failed][0], steps[-1][0]
    assert name is not None
    names = target.members[shape.type_id]
    text = _nearest(name, names)
    inner = [".".join(map(spell, (*way, name))) for way in _ways_to(name, target, shape)]
    if inner:
        text += f"; inside of a member: {', '.join(inner[:_SHOWN])}"
    if failed < len(steps) - 1 and last is not None and last in names:
        text += f"; it has {spell(last)!r} itself"
    return text


def _ways_to(
    name: bytes, target: TypeView, shape: Shape, depth: int = 0
) -> list[tuple[bytes, ...]]:
    """The members, by value, through which a member of that name is reached."""
    found: list[tuple[bytes, ...]] = []
    for member, place in target.members[shape.type_id].items():
        inner = target.resolved[place[0]]
        if inner.kind not in COMPOSITES:
            continue
        if name in target.members[inner.type_id]:
            found.append((member,))
        elif depth < _DEPTH:
            found += [(member, *way) for way in _ways_to(name, target, inner, depth + 1)]
    return sorted(found, key=len)


def _why_no_value(
    relocator: Relocator, type_id: int, access: int, target: TypeView, target_id: int
) -> str:
    local = relocator.local
    enum, index = _enumerator(relocator, type_id, access)
    name = essential(local.value_name(local.shapes[enum], index))
    shape = target.resolved[target_id]
    if shape.kind not in ENUMS:
        return "is no enum"
    return f"has no value {spell(name)!r}" + _nearest(name, target.values[shape.type_id])


def _instead(target: TypeView, local: TypeView, type_id: int) -> list[str]:
    """What the kernel has although it has no type of that name and kind."""
    name = essential(local.names[type_id])
    kind = local.shapes[type_id].kind
    lines = [f"this kernel has no {spell_type(local, type_id)}"]
    table = target.table
    asked = name.decode("utf-8", "surrogateescape")
    # Functions, which only the second names, may be what somebody meant.
    others = sorted({*table.ids_essentially_named(asked), *table.ids_named(asked)})
    if others:
        what = ", ".join(
            f"{table.kind(other).name} {spell(target.names[other])}" for other in others
        )
        lines.append(f"it has {what}")
        return lines
    near = nearest_named(table, asked, kind)
    if near:
        lines.append(near.removeprefix("; "))
    return lines


def _nearest(name: bytes, names: Iterable[bytes]) -> str:
    return nearest(spell(name), map(spell, names))
