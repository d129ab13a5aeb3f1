"""CO-RE access strings: what a record's ``0:1:2`` means in the object's own types.

In: the local types, a root type id and the string.  Out: a ``FieldPath`` (member names and array
indices from the root to the field), or the enumerator's number.  Not here: the kernel's types.
Follows bpf_core_parse_spec() of libbpf.
"""

from __future__ import annotations

from typing import NamedTuple

from .core_errors import Unanswerable
from .core_view import ARRAY, ENUM, ENUM64, STRUCT, UNION, TypeView

#: BPF_CORE_SPEC_MAX_LEN of libbpf.
MAX_STEPS = 64


class Step(NamedTuple):
    """One turning point of a path: a named member (``name``), or an array index without one."""

    name: bytes | None
    number: int
    target: int
    """The member's or element's type id."""


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


class FieldPath(NamedTuple):
    """A parsed access string of a field."""

    steps: tuple[Step, ...]
    place: FieldPlace


def parse_indices(access: str) -> list[int]:
    """The numbers of an access string."""
    parts = access.split(":")
    if len(parts) > MAX_STEPS:
        raise Unanswerable(f"access string of {len(parts)} steps, the most is {MAX_STEPS}")
    if not all(part.isascii() and part.isdigit() and len(part) < 11 for part in parts):
        raise Unanswerable(f"access string {access!r} is not a list of numbers")
    return [int(part) for part in parts]


def is_flexible(view: TypeView, length: int, owner: int, index: int) -> bool:
    """Whether an array of *length* that is member *index* of *owner* has no fixed end.

    Follows is_flex_arr(): an empty array as the last member.  *owner* 0 says it is no member.
    """
    return not length and owner != 0 and index == view.shape(owner).vlen - 1


def parse_field(view: TypeView, root: int, access: str) -> FieldPath:
    """The path that *access* takes through the local type *root*."""
    indices = parse_indices(access)
    type_id = view.resolve(root)
    first = indices[0]
    steps = [Step(None, first, type_id)]
    bit_offset = first * view.size_of(type_id) * 8
    bit_size = 0
    # The composite and index of the last *named* member, if that was the last step of the path.
    owner = owner_index = 0
    for position, index in enumerate(indices[1:], 1):
        type_id = view.resolve(type_id)
        shape = view.shape(type_id)
        if shape.kind in (STRUCT, UNION):
            if index >= shape.vlen:
                raise Unanswerable(
                    f"access string {access!r} wants member {index} of {shape.vlen} at step {position}"
                )
            bit_offset += view.member_bit_offset(shape, index)
            target = view.member_target(shape, index)
            name = view.member_name(shape, index)
            if name:
                steps.append(Step(name, index, target))
                owner, owner_index = type_id, index
                bit_size = view.member_bit_size(shape, index)
            type_id = target
        elif shape.kind == ARRAY:
            element, length = view.array(shape)
            if index >= length and not is_flexible(view, length, owner, owner_index):
                raise Unanswerable(
                    f"access string {access!r} wants element {index} of {length} at step {position}"
                )
            type_id = view.resolve(element)
            steps.append(Step(None, index, type_id))
            bit_offset += index * view.size_of(type_id) * 8
            owner = bit_size = 0
        else:
            raise Unanswerable(
                f"access string {access!r} goes through a type that has no members at step {position}"
            )
    last = steps[-1]
    return FieldPath(tuple(steps), FieldPlace(bit_offset, last.target, bit_size, last.name is None))


def parse_enumerator(view: TypeView, root: int, access: str) -> tuple[int, int]:
    """The local enum's id and the enumerator's number in it."""
    indices = parse_indices(access)
    type_id = view.resolve(root)
    shape = view.shape(type_id)
    if shape.kind not in (ENUM, ENUM64):
        raise Unanswerable("the local type is not an enum")
    if len(indices) != 1 or indices[0] >= shape.vlen:
        raise Unanswerable(f"access string {access!r} names none of the {shape.vlen} enumerators")
    return type_id, indices[0]


def spell_path(view: TypeView, root: int, path: FieldPath) -> str:
    """The path as C writes it: ``struct task_struct.comm[5]``."""
    text = spell_type(view, root)
    first, *others = path.steps
    if first.number:
        text += f"[{first.number}]"
    for step in others:
        text += f"[{step.number}]" if step.name is None else "." + spell(step.name)
    return text


def spell(name: bytes) -> str:
    """A name for people."""
    return name.decode("utf-8", "backslashreplace")


_KEYWORDS = {STRUCT: "struct ", UNION: "union ", ENUM: "enum ", ENUM64: "enum "}


def spell_type(view: TypeView, type_id: int) -> str:
    """A type as C names it: ``struct task_struct``, ``gfp_t``."""
    if type_id == 0:
        return "void"
    kind = view.shape(type_id).kind
    return _KEYWORDS.get(kind, "") + (spell(view.name(type_id)) or "(anonymous)")
