"""CO-RE matching: which of the kernel's types, members and values answer for the local ones.

In: two ``TypeView``s and what core_access found in the local one.  Out: the same place in the
target, or None.  Not here: the number that is patched in (core_fixup).  The rules are those of
libbpf's relo_core.c: bpf_core_add_cands(), bpf_core_spec_match(), bpf_core_fields_are_compat(),
__bpf_core_types_are_compat() and __bpf_core_types_match().
"""

from __future__ import annotations

from .core_access import FieldPath, FieldPlace, is_flexible
from .core_errors import Unanswerable
from .core_view import (
    ARRAY,
    COMPOSITES,
    ENUM,
    ENUM64,
    ENUMS,
    FLOAT,
    FUNC_PROTO,
    FWD,
    INT,
    PTR,
    STRUCT,
    UNION,
    UNKN,
    Shape,
    TypeView,
    essential,
)

_MAX_DEPTH = 32
_INT_SIGNED = 1


def kinds_fit(local: int, target: int) -> bool:
    """Whether a type of kind *target* can answer for one of kind *local*."""
    return local == target or (local in ENUMS and target in ENUMS)


def candidates(local: TypeView, local_id: int, target: TypeView) -> list[int]:
    """Ids of *target* whose essential name and kind are those of the local type."""
    kind = local.shapes[local_id].kind
    name = essential(local.names[local_id]).decode("utf-8", "surrogateescape")
    table = target.table
    return [
        type_id
        for type_id in table.ids_essentially_named(name)
        if type_id >= table.first_id and kinds_fit(kind, target.shapes[type_id].kind)
    ]


def match_field(
    local: TypeView, path: FieldPath, target: TypeView, target_id: int
) -> FieldPlace | int:
    """Where *path* leads in the target type; the number of the first step that leads nowhere."""
    steps = path[0]
    shape = target.resolved[target_id]
    type_id = shape.type_id
    bit_offset = steps[0][1] * target.sizes[type_id] * 8
    bit_size = 0
    owner = owner_number = 0
    name: bytes | None = None
    for position in range(1, len(steps)):
        name, number, wanted = steps[position]
        if position > 1:
            shape = target.resolved[type_id]
        if name is not None:
            found = target.members[shape.type_id].get(name) if shape.kind in COMPOSITES else None
            if found is None:
                return position
            type_id, inside, bit_size, owner, owner_number = found
            if not fields_fit(local, wanted, target, type_id):
                return position
            bit_offset += inside
        else:
            if shape.kind != ARRAY:
                return position
            element, length = target.array(shape)
            if number >= length and not is_flexible(target, length, owner, owner_number):
                return position
            type_id = target.resolved[element].type_id
            bit_offset += number * target.sizes[type_id] * 8
            owner = bit_size = 0
    return FieldPlace(bit_offset, type_id, bit_size, name is None)


def fields_fit(local: TypeView, local_id: int, target: TypeView, target_id: int) -> bool:
    """Whether a member of the one type can be read as one of the other.

    Structs and unions fit each other, and so do pointers, floats, and integers whatever their
    size and sign; enums by name; arrays if their elements do.
    """
    for _ in range(_MAX_DEPTH):
        ours, theirs = local.resolved[local_id], target.resolved[target_id]
        kind = ours.kind
        if kind in COMPOSITES and theirs.kind in COMPOSITES:
            return True
        if not kinds_fit(kind, theirs.kind):
            return False
        if kind in (PTR, FLOAT):
            return True
        if kind == INT:
            return not local.int_bit_offset(ours) and not target.int_bit_offset(theirs)
        if kind in (FWD, ENUM, ENUM64):
            our_name = essential(local.names[ours.type_id])
            their_name = essential(target.names[theirs.type_id])
            return not our_name or not their_name or our_name == their_name
        if kind != ARRAY:
            return False
        local_id, target_id = local.array(ours)[0], target.array(theirs)[0]
    raise Unanswerable("arrays are nested too deeply")


def match_enumerator(
    local: TypeView, local_enum: int, number: int, target: TypeView, target_id: int
) -> tuple[int, int] | None:
    """The target's enum and the number of the enumerator of the same name in it."""
    shape = target.resolved[target_id]
    if shape.kind not in ENUMS:
        return None
    name = local.value_name(local.shapes[local_enum], number)
    found = target.values[shape.type_id].get(essential(name))
    return None if found is None else (shape.type_id, found)


# ---- types ----


def types_are_compat(local: TypeView, local_id: int, target: TypeView, target_id: int) -> bool:
    """Whether a type of the same name is there at all: TYPE_EXISTS, TYPE_SIZE, TYPE_ID_TARGET."""
    return _types_are_compat(local, local_id, target, target_id, _MAX_DEPTH)


def _types_are_compat(
    local: TypeView, local_id: int, target: TypeView, target_id: int, level: int
) -> bool:
    if not kinds_fit(local.shapes[local_id].kind, target.shapes[target_id].kind):
        return False
    for _ in range(_MAX_DEPTH):
        ours, theirs = local.resolved[local_id], target.resolved[target_id]
        kind = ours.kind
        if not kinds_fit(kind, theirs.kind):
            return False
        if kind in (UNKN, STRUCT, UNION, ENUM, ENUM64, FWD):
            return True
        if kind == INT:
            return not local.int_bit_offset(ours) and not target.int_bit_offset(theirs)
        if kind == PTR:
            local_id, target_id = ours.value, theirs.value
        elif kind == ARRAY:
            local_id, target_id = local.array(ours)[0], target.array(theirs)[0]
        elif kind == FUNC_PROTO:
            if ours.vlen != theirs.vlen:
                return False
            for our_param, their_param in _params(ours, theirs):
                if level <= 0:
                    raise Unanswerable("function types are nested too deeply")
                if not _types_are_compat(
                    local,
                    local.resolved[our_param].type_id,
                    target,
                    target.resolved[their_param].type_id,
                    level - 1,
                ):
                    return False
            local_id, target_id = ours.value, theirs.value
        else:
            return False
    raise Unanswerable("types are nested too deeply")


def types_match(local: TypeView, local_id: int, target: TypeView, target_id: int) -> bool:
    """TYPE_MATCHES: whether whatever the local type says is true of the target, too.

    Local members and enumerators must be there under the same name and match themselves; behind a
    pointer only names and kinds of structs and unions are looked at.  Since libbpf 1.0.
    """
    return _types_match(local, local_id, target, target_id, False, _MAX_DEPTH)


def _names_match(ours: bytes, theirs: bytes) -> bool:
    return not ours if not theirs else essential(ours) == essential(theirs)


def _types_match(
    local: TypeView, local_id: int, target: TypeView, target_id: int, behind_ptr: bool, level: int
) -> bool:
    if level <= 0:
        raise Unanswerable("types are nested too deeply")
    for _ in range(_MAX_DEPTH):
        ours, theirs = local.resolved[local_id], target.resolved[target_id]
        if not _names_match(local.names[ours.type_id], target.names[theirs.type_id]):
            return False
        kind = ours.kind
        if kind == FWD:
            return _forward_matches(ours, theirs, behind_ptr)
        if kind in ENUMS:
            return theirs.kind in ENUMS and _enums_match(local, ours, target, theirs)
        if kind in COMPOSITES and behind_ptr:
            return kind == theirs.kind or (theirs.kind == FWD and theirs.flag == (kind == UNION))
        if kind != theirs.kind:
            return False
        if kind == UNKN:
            return True
        if kind in COMPOSITES:
            return _composites_match(local, ours, target, theirs, behind_ptr, level)
        if kind == INT:
            signs = local.int_encoding(ours) ^ target.int_encoding(theirs)
            return ours.value == theirs.value and not signs & _INT_SIGNED
        if kind == PTR:
            behind_ptr = True
            local_id, target_id = ours.value, theirs.value
        elif kind == ARRAY:
            (local_id, our_length), (target_id, their_length) = (
                local.array(ours),
                target.array(theirs),
            )
            if our_length != their_length:
                return False
        elif kind == FUNC_PROTO:
            if ours.vlen != theirs.vlen or not all(
                _types_match(local, our_param, target, their_param, behind_ptr, level - 1)
                for our_param, their_param in _params(ours, theirs)
            ):
                return False
            local_id, target_id = ours.value, theirs.value
        else:
            return False
    raise Unanswerable("types are nested too deeply")


def _params(ours: Shape, theirs: Shape) -> list[tuple[int, int]]:
    """The types of the parameters of two signatures of the same length, in pairs."""
    return [
        (ours.words[ours.rest + at], theirs.words[theirs.rest + at])
        for at in range(1, 2 * ours.vlen, 2)
    ]


def _forward_matches(ours: Shape, theirs: Shape, behind_ptr: bool) -> bool:
    """A forward declaration; its flag is set for a union."""
    if theirs.kind == FWD:
        return ours.flag == theirs.flag
    return behind_ptr and theirs.kind == (UNION if ours.flag else STRUCT)


def _enums_match(local: TypeView, ours: Shape, target: TypeView, theirs: Shape) -> bool:
    if ours.value != theirs.value or ours.vlen > theirs.vlen:
        return False
    return local.values[ours.type_id].keys() <= target.values[theirs.type_id].keys()


def _composites_match(
    local: TypeView, ours: Shape, target: TypeView, theirs: Shape, behind_ptr: bool, level: int
) -> bool:
    """Every local member has one of the same name that matches; anonymous ones any anonymous one."""
    if ours.vlen > theirs.vlen:
        return False
    places: dict[bytes, list[int]] = {}
    for number in range(theirs.vlen):
        name, type_id, _, _ = target.member(theirs, number)
        places.setdefault(essential(name), []).append(type_id)
    members = (local.member(ours, number) for number in range(ours.vlen))
    return all(
        any(
            _types_match(local, wanted, target, type_id, behind_ptr, level - 1)
            for type_id in places.get(essential(name), ())
        )
        for name, wanted, _, _ in members
    )
