"""BTF types as Python sees them: a few kinds of value, and the classes they need.

In: a TypeTable and type ids.  Out: values (:data:`Value`) and definitions, in an order in which
each stands behind those it contains.  Offsets and sizes are those of BTF; nothing is laid out
again.  Not here: Python names and source text (describe.py, pytypes.py).

A definition holds no type id, and refers to others by their place among the definitions; so two
types that look the same are equal, and become one class.
"""

from __future__ import annotations

from typing import TypeAlias

from ..records import dataclass


@dataclass(frozen=True, slots=True)
class Number:
    """``int``, ``bool`` or ``float``; a bitfield is a part of one."""

    size: int
    signed: bool = False
    python: str = "int"


@dataclass(frozen=True, slots=True)
class Text:
    """``char[size]``."""

    size: int


@dataclass(frozen=True, slots=True)
class Raw:
    """``unsigned char[size]``, or bytes of which BTF says nothing."""

    size: int


@dataclass(frozen=True, slots=True)
class ListOf:
    """An array of anything else."""

    element: Value
    length: int
    size: int


@dataclass(frozen=True, slots=True)
class RestOf:
    """A flexible array member: what follows in the buffer; of text, bytes or hexadecimal digits,
    ``element`` is one of size 0.
    """

    element: Value
    size: int = 0


@dataclass(frozen=True, slots=True)
class Named:
    """The class at *index* among the definitions."""

    index: int
    size: int


@dataclass(frozen=True, slots=True)
class Viewed:
    """Bytes or an integer as something else; ``view`` is a row of ``pytypes.VIEWED``.

    ``index`` is the enum's place among the definitions, where the view is one of an enum.
    """

    view: str
    size: int
    signed: bool = False
    index: int = -1


Value: TypeAlias = Number | Text | Raw | ListOf | RestOf | Named | Viewed


@dataclass(frozen=True, slots=True)
class EnumDef:
    """An enum; ``natural`` is the class name it asks for."""

    natural: str
    c_name: str
    size: int
    signed: bool
    values: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a struct or union, those of anonymous members included.

    ``offset`` is in bytes from the start of the class; ``bits`` is (first bit in that byte, number
    of bits).  An anonymous union inside a struct has no ``c_name``.
    """

    c_name: str
    offset: int
    value: Value
    text: str
    bits: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Left:
    """A member that the class does not have, and why, as a comment."""

    c_name: str
    comment: str


@dataclass(frozen=True, slots=True)
class StructDef:
    natural: str
    c_name: str
    size: int
    members: tuple[Field | Left, ...]


@dataclass(frozen=True, slots=True)
class UnionDef:
    natural: str
    c_name: str
    size: int
    members: tuple[Field | Left, ...]


Definition: TypeAlias = EnumDef | StructDef | UnionDef
