"""Types asked for by name, as people type them: ``task_struct``, ``enum bpf_map_type``, ``pid_t``.

In: a TypeTable and names.  Out: ids of structs, unions, enums and typedefs.  The name of an
enumerator stands for its enum, because some enums have no name of their own.
"""

from __future__ import annotations

from ..light import Iterable
from ..uapi import BTFKind
from .errors import UnknownTypeError
from .table import TypeTable
from .types import Enum, Enum64

_ENUMS = (BTFKind.ENUM, BTFKind.ENUM64)
_KINDS: dict[str, tuple[BTFKind, ...]] = {
    "struct": (BTFKind.STRUCT,),
    "union": (BTFKind.UNION,),
    "enum": _ENUMS,
    "": (BTFKind.STRUCT, BTFKind.UNION, *_ENUMS, BTFKind.TYPEDEF),
}
#: So many similar names are told for one that is not there.
_NEAREST = 3


def pick(table: TypeTable, names: Iterable[str]) -> list[int]:
    """The ids of the types with those names, in the order of the names, all that bear one.

    A keyword before the name says which kind is meant.  What is only declared is found if no
    definition is.  Raises UnknownTypeError for all names that are not there, with similar ones.
    """
    found: dict[int, None] = {}
    missing: list[str] = []
    enumerators: dict[str, list[int]] | None = None
    for text in names:
        keyword, _, name = " ".join(text.split()).rpartition(" ")
        kinds = _KINDS.get(keyword, ())
        ids = [each for each in table.ids_named(name) if table.kind(each) in kinds]
        if not ids and keyword in ("", "struct", "union"):
            ids = [each for each in table.ids_named(name) if table.kind(each) is BTFKind.FWD]
        if not ids and not keyword:
            if enumerators is None:
                enumerators = _enumerators(table)
            ids = enumerators.get(name, [])
        if not ids:
            missing.append(text)
        found |= dict.fromkeys(ids)
    if missing:
        raise _unknown(table, missing)
    return list(found)


def known_names(table: TypeTable) -> list[str]:
    """The names of all structs, unions, enums and typedefs, sorted."""
    kinds = _KINDS[""]
    named = {table.name(each) for each in range(1, len(table)) if table.kind(each) in kinds}
    return sorted(named - {""})


def _enumerators(table: TypeTable) -> dict[str, list[int]]:
    """From each enumerator to the enums that have it."""
    found: dict[str, list[int]] = {}
    for type_id in range(1, len(table)):
        if table.kind(type_id) in _ENUMS:
            enum = table[type_id]
            assert isinstance(enum, (Enum, Enum64))
            for value in enum.values:
                found.setdefault(value.name, []).append(type_id)
    return found


def _unknown(table: TypeTable, missing: list[str]) -> UnknownTypeError:
    import difflib

    known = known_names(table)
    hints: list[str] = []
    for text in missing:
        name = text.split()[-1] if text.split() else ""
        near = difflib.get_close_matches(name, known, n=_NEAREST, cutoff=0.7)
        if near:
            hints.append(f"near {text!r}: {', '.join(near)}")
    names = ", ".join(map(repr, missing))
    noun = "type" if len(missing) == 1 else "types"
    return UnknownTypeError(f"the BTF has no {noun} {names}", hint="; ".join(hints))
