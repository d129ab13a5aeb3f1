"""Codecs: the bytes of a C type as a Python value, and back.

In: tables in generated modules that say where things lie.  Out: :class:`Codec` objects, whose
functions are compiled for exactly that type when first used.  Bytes are in the byte order of the
machine this runs on, or of another by :meth:`Codec.in_byte_order`.
"""

from __future__ import annotations

from ...records import dataclass, field
from .array import Array, Padded, Rest, RestBytes, RestText
from .base import Buffer, Codec
from .overlay import Forward, Member, Union, forward, member, union
from .record import of, pack, sizeof, struct, unpack
from .scalar import (
    BOOL,
    F16,
    F32,
    F64,
    S8,
    S16,
    S32,
    S64,
    U8,
    U16,
    U32,
    U64,
    Bits,
    Bool,
    Bytes,
    Enum,
    Float,
    Int,
    Text,
)

__all__ = [
    "Codec",
    "Buffer",
    "of",
    # for users: values of generated classes
    "pack",
    "unpack",
    "sizeof",
    # numbers
    "U8",
    "U16",
    "U32",
    "U64",
    "S8",
    "S16",
    "S32",
    "S64",
    "BOOL",
    "F16",
    "F32",
    "F64",
    "Int",
    "Bool",
    "Float",
    "Enum",
    "Bits",
    # runs of bytes
    "Text",
    "Bytes",
    # the classes of structs
    "dataclass",
    "field",
    # several values
    "Array",
    "Padded",
    "Rest",
    "RestBytes",
    "RestText",
    "struct",
    # unions
    "Union",
    "union",
    "Member",
    "member",
    "Forward",
    "forward",
]
