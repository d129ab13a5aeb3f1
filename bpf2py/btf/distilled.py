"""Split BTF whose base is a summary, put onto the whole base.

In: the types of a module that was not built together with its kernel, decoded with its
``.BTF.base`` (since 6.11): of each type of the kernel that the module uses by value or by name, the
name and size.  Out: the same types over the kernel's.  Not here: making such a summary, which is
pahole's business.

Follows btf_relocate() of the kernel (btf_relocate.c): what is held by value must have the size that
it had, what is only pointed to (a declaration in the summary) just the name.
"""

from __future__ import annotations

from . import types as t
from .decode import decode
from .encoder import encode
from .errors import BTFError
from .references import renumbered
from .table import TypeTable


def relocated(split: TypeTable, base: TypeTable) -> TypeTable:
    """*split*, whose own base is a summary, as split BTF of *base*.

    Raises ``BTFError``, which names the type, if *base* has none that fits or several.
    """
    summary = split.base
    if summary is None:
        raise BTFError("not split BTF: there is no base to be replaced")
    places = [0, *(_place(summary[type_id], base) for type_id in summary)]
    moved = len(base) - len(summary)

    def new(type_id: int) -> int:
        return places[type_id] if type_id < len(places) else type_id + moved

    types = [renumbered(split[type_id], new) for type_id in split]
    return decode(encode(types, byte_order=base.byte_order, base=base), base=base)


def _place(wanted: t.Type, base: TypeTable) -> int:
    """The id in *base* of what the summary calls *wanted*."""
    found = [i for i in base.ids_named(wanted.name, functions=False) if _fits(wanted, base[i])]
    if not found:
        size = getattr(wanted, "size", 0)
        of = f" of {size} bytes" if size else ""
        raise BTFError(f"the base has no {wanted.kind.name.lower()} {wanted.name!r}{of}")
    if len(found) > 1 and isinstance(wanted, t.Struct | t.Union):
        raise BTFError(f"the base has {len(found)} types {wanted.name!r} of {wanted.size} bytes")
    return found[0]


def _fits(wanted: t.Type, there: t.Type) -> bool:
    match wanted:
        case t.Fwd():
            kind = t.Union if wanted.is_union else t.Struct
            return isinstance(there, kind) or wanted == there
        case t.Struct() | t.Union():
            return type(there) is type(wanted) and getattr(there, "size", None) == wanted.size
        case t.Enum() | t.Enum64():
            return isinstance(there, t.Enum | t.Enum64) and there.size == wanted.size
        case _:
            return wanted == there
