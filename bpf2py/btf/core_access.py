"""CO-RE access strings: what a record's ``0:1:2`` means in the object's own types.

In: the local types, a root type id and the string.  Out: a ``FieldPath`` (member names and array
indices from the root to the field), or the enumerator's number.  Not here: the kernel's types.
Follows bpf_core_parse_spec() of libbpf.
"""

from __future__ import annotations

from ..light import TYPE_CHECKING, NamedTuple
from .core_errors import Unanswerable
from .core_view import ARRAY, COMPOSITES, ENUM, ENUM64, ENUMS, STRUCT, UNION, TypeView

if TYPE_CHECKING:
    from typing import TypeAlias

#: BPF_CORE_SPEC_MAX_LEN of libbpf.
MAX_STEPS = 64
#: libbpf reads the numbers as int.
_MAX_INDEX = 0x7FFFFFFF


#: One turning point of a path: a member's name (None for an array index), the member's number or
#: the index, and the type it leads to.
Step: TypeAlias = tuple[bytes | None, int, int]


class FieldPlace(NamedTuple):
    """Where a path ends: everything a fix-up needs to know about the field."""

    bit_offset: int
    """From the start of the root type."""
    target: int
    """The type id of the member or element."""
    bit_size: int
    """The width of a bitfield; 0 for other members."""
    element: bool
    """Whether the last step is an array index."""


#: The steps of a parsed access string, the root's array index first, and where they end.
FieldPath: TypeAlias = tuple[tuple[Step, ...], FieldPlace]


def parse_indices(access: bytes) -> list[int]:
    """The numbers of an access string."""
    if not access.replace(b":", b"").isdigit() or len(access) > 999:
        raise Unanswerable(f"access string {spell(access)!r} is not a list of numbers")
    try:
        indices = list(map(int, access.split(b":")))
    except ValueError:
        raise Unanswerable(f"access string {spell(access)!r} is not a list of numbers") from None
    if len(indices) > MAX_STEPS:
        raise Unanswerable(f"access string of {len(indices)} steps, the most is {MAX_STEPS}")
    if max(indices) > _MAX_INDEX:
        raise Unanswerable(f"access string {spell(access)!r} has a number that is too large")
    return indices


def is_flexible(view: TypeView, length: int, owner: int, number: int) -> bool:
    """Whether an array of *length* that is member *number* of *owner* has no fixed end.

    Follows is_flex_arr(): an empty array as the last member.  *owner* 0 says it is no member.
    """
    return not length and owner != 0 and number == view.shapes[owner].vlen - 1


def parse_field(view: TypeView, root: int, access: bytes) -> FieldPath:
    """The path that *access* takes through the local type *root*."""
    indices = parse_indices(access)
    shape = view.resolved[root]
    first = indices[0]
    steps: list[Step] = [(None, first, shape.type_id)]
    bit_offset = first * view.sizes[shape.type_id] * 8
    bit_size = 0
    target = shape.type_id
    # The composite and number of the last *named* member, if that was the last step of the path.
    owner = owner_number = 0
    for position in range(1, len(indices)):
        number = indices[position]
        if position > 1:
            shape = view.resolved[target]
        if shape.kind in COMPOSITES:
            if number >= shape.vlen:
                raise Unanswerable(
                    f"access string {spell(access)!r} wants member {number} of {shape.vlen} "
                    f"at step {position}"
                )
            name, target, inside, width = view.member(shape, number)
            bit_offset += inside
            if name:
                steps.append((name, number, target))
                owner, owner_number = shape.type_id, number
                bit_size = width
        elif shape.kind == ARRAY:
            element, length = view.array(shape)
            if number >= length and not is_flexible(view, length, owner, owner_number):
                raise Unanswerable(
                    f"access string {spell(access)!r} wants element {number} of {length} "
                    f"at step {position}"
                )
            target = view.resolved[element].type_id
            steps.append((None, number, target))
            bit_offset += number * view.sizes[target] * 8
            owner = bit_size = 0
        else:
            raise Unanswerable(
                f"access string {spell(access)!r} goes through a type that has no members "
                f"at step {position}"
            )
    name_of_last, _, target = steps[-1]
    return tuple(steps), FieldPlace(bit_offset, target, bit_size, name_of_last is None)


def parse_enumerator(view: TypeView, root: int, access: bytes) -> tuple[int, int]:
    """The local enum's id and the enumerator's number in it."""
    indices = parse_indices(access)
    shape = view.resolved[root]
    if shape.kind not in ENUMS:
        raise Unanswerable("the local type is not an enum")
    if len(indices) != 1 or indices[0] >= shape.vlen:
        raise Unanswerable(
            f"access string {spell(access)!r} names none of the {shape.vlen} enumerators"
        )
    return shape.type_id, indices[0]


def spell_path(view: TypeView, root: int, path: FieldPath) -> str:
    """The path as C writes it: ``struct task_struct.comm[5]``."""
    text = spell_type(view, root)
    for position, (name, number, _) in enumerate(path[0]):
        if name is not None:
            text += "." + spell(name)
        elif number or position:
            text += f"[{number}]"
    return text


def spell(name: bytes) -> str:
    """A name for people."""
    return name.decode("utf-8", "backslashreplace")


_KEYWORDS = {STRUCT: "struct ", UNION: "union ", ENUM: "enum ", ENUM64: "enum "}


def spell_type(view: TypeView, type_id: int) -> str:
    """A type as C names it: ``struct task_struct``, ``gfp_t``."""
    if type_id == 0:
        return "void"
    kind = view.shapes[type_id].kind
    return _KEYWORDS.get(kind, "") + (spell(view.names[type_id]) or "(anonymous)")
