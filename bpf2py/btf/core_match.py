"""CO-RE matching: which of the kernel's types, members and values answer for the local ones.

In: two ``TypeView``s and what core_access found in the local one.  Out: the same place in the
target, or None.  Not here: the number that is patched in (core_fixup).  The rules are those of
libbpf's relo_core.c: bpf_core_add_cands(), bpf_core_spec_match(), bpf_core_fields_are_compat(),
__bpf_core_types_are_compat() and __bpf_core_types_match().
"""

from __future__ import annotations

from .core_access import FieldPath, FieldPlace, Step, is_flexible
from .core_errors import Unanswerable
from .core_view import (
    ARRAY,
    ENUM,
    ENUM64,
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
_ENUMS = (ENUM, ENUM64)
_COMPOSITES = (STRUCT, UNION)


def kinds_fit(local: int, target: int) -> bool:
    """Whether a type of kind *target* can answer for one of kind *local*."""
    return local == target or (local in _ENUMS and target in _ENUMS)


def candidates(local: TypeView, local_id: int, target: TypeView) -> list[int]:
    """Ids of *target* whose essential name and kind are those of the local type."""
    kind = local.shape(local_id).kind
    name = essential(local.name(local_id)).decode("utf-8", "surrogateescape")
    table = target.table
    return [
        type_id
        for type_id in table.ids_essentially_named(name)
        if type_id >= table.first_id and kinds_fit(kind, target.shape(type_id).kind)
    ]


def match_field(
    local: TypeView, path: FieldPath, target: TypeView, target_id: int
) -> FieldPlace | Step:
    """Where *path* leads in the target type; the first step that does not fit if it leads nowhere."""
    first, *others = path.steps
    type_id = target.resolve(target_id)
    bit_offset = first.number * target.size_of(type_id) * 8
    bit_size = 0
    owner = owner_index = 0
    last = first
    for last in others:
        type_id = target.resolve(type_id)
        shape = target.shape(type_id)
        if last.name is not None:
            found = target.member(type_id, last.name) if shape.kind in _COMPOSITES else None
            if found is None:
                return last
            owner, owner_index, inside = found
            owner_shape = target.shape(owner)
            type_id = target.member_target(owner_shape, owner_index)
            if not fields_fit(local, last.target, target, type_id):
                return last
            bit_offset += inside
            bit_size = target.member_bit_size(owner_shape, owner_index)
        else:
            if shape.kind != ARRAY:
                return last
            element, length = target.array(shape)
            if last.number >= length and not is_flexible(target, length, owner, owner_index):
                return last
            type_id = target.resolve(element)
            bit_offset += last.number * target.size_of(type_id) * 8
            owner = bit_size = 0
    return FieldPlace(bit_offset, type_id, bit_size, last.name is None)


def fields_fit(local: TypeView, local_id: int, target: TypeView, target_id: int) -> bool:
    """Whether a member of the one type can be read as one of the other.

    Structs and unions fit each other, and so do pointers, floats, and integers whatever their
    size and sign; enums by name; arrays if their elements do.
    """
    for _ in range(_MAX_DEPTH):
        local_id, target_id = local.resolve(local_id), target.resolve(target_id)
        ours, theirs = local.shape(local_id), target.shape(target_id)
        kind = ours.kind
        if kind in _COMPOSITES and theirs.kind in _COMPOSITES:
            return True
        if not kinds_fit(kind, theirs.kind):
            return False
        if kind in (PTR, FLOAT):
            return True
        if kind == INT:
            return not local.int_bit_offset(ours) and not target.int_bit_offset(theirs)
        if kind in (FWD, ENUM, ENUM64):
            our_name, their_name = essential(local.name(local_id)), essential(
                target.name(target_id)
            )
            return not our_name or not their_name or our_name == their_name
        if kind != ARRAY:
            return False
        local_id, target_id = local.array(ours)[0], target.array(theirs)[0]
    raise Unanswerable("arrays are nested too deeply")


def match_enumerator(
    local: TypeView, local_enum: int, index: int, target: TypeView, target_id: int
) -> tuple[int, int] | None:
    """The target's enum and the number of the enumerator of the same name in it."""
    enum = target.resolve(target_id)
    if target.shape(enum).kind not in _ENUMS:
        return None
    name = local.value_name(local.shape(local_enum), index)
    found = target.value_index(enum, essential(name))
    return None if found is None else (enum, found)


# ---- types ----


def types_are_compat(local: TypeView, local_id: int, target: TypeView, target_id: int) -> bool:
    """Whether a type of the same name is there at all: TYPE_EXISTS, TYPE_SIZE, TYPE_ID_TARGET."""
    return _types_are_compat(local, local_id, target, target_id, _MAX_DEPTH)


def _types_are_compat(
    local: TypeView, local_id: int, target: TypeView, target_id: int, level: int
) -> bool:
    if not kinds_fit(local.shape(local_id).kind, target.shape(target_id).kind):
        return False
    for _ in range(_MAX_DEPTH):
        local_id, target_id = local.resolve(local_id), target.resolve(target_id)
        ours, theirs = local.shape(local_id), target.shape(target_id)
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
                    local, local.resolve(our_param), target, target.resolve(their_param), level - 1
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
        local_id, target_id = local.resolve(local_id), target.resolve(target_id)
        if not _names_match(local.name(local_id), target.name(target_id)):
            return False
        ours, theirs = local.shape(local_id), target.shape(target_id)
        kind = ours.kind
        if kind == FWD:
            return _forward_matches(ours, theirs, behind_ptr)
        if kind in _ENUMS:
            return theirs.kind in _ENUMS and _enums_match(local, local_id, target, target_id)
        if kind in _COMPOSITES and behind_ptr:
            return kind == theirs.kind or (theirs.kind == FWD and theirs.flag == (kind == UNION))
        if kind != theirs.kind:
            return False
        if kind == UNKN:
            return True
        if kind in _COMPOSITES:
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


def _enums_match(local: TypeView, local_id: int, target: TypeView, target_id: int) -> bool:
    ours, theirs = local.shape(local_id), target.shape(target_id)
    if ours.value != theirs.value or ours.vlen > theirs.vlen:
        return False
    return all(
        target.value_index(target_id, name) is not None for name in local.value_names(local_id)
    )


def _composites_match(
    local: TypeView, ours: Shape, target: TypeView, theirs: Shape, behind_ptr: bool, level: int
) -> bool:
    """Every local member has one of the same name that matches; anonymous ones any anonymous one."""
    if ours.vlen > theirs.vlen:
        return False
    places: dict[bytes, list[int]] = {}
    for index in range(theirs.vlen):
        name = essential(target.member_name(theirs, index))
        places.setdefault(name, []).append(target.member_target(theirs, index))
    return all(
        any(
            _types_match(
                local, local.member_target(ours, index), target, type_id, behind_ptr, level - 1
            )
            for type_id in places.get(essential(local.member_name(ours, index)), ())
        )
        for index in range(ours.vlen)
    )
