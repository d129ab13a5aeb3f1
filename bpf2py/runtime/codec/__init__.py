"""Codecs: the bytes of a C type as a Python value, and back.

In: tables in generated modules that say where things lie.  Out: :class:`Codec` objects, whose
functions are compiled for exactly that type when first used.  Bytes are in the byte order of the
machine this runs on, or of another by :meth:`Codec.in_byte_order`.
"""

from __future__ import annotations

from ...light import TYPE_CHECKING
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

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from .values import BootTime, Hex, KTime, Nanoseconds
    from .views import BE16, BE32, BE64, IPV4, IPV6, MAC, As, BigEndian, Flags, HexText, RestHex

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
    # views: bytes and integers as something else, and what they then are
    "IPV4",
    "IPV6",
    "MAC",
    "BE16",
    "BE32",
    "BE64",
    "BigEndian",
    "As",
    "Flags",
    "HexText",
    "RestHex",
    "IPv4Address",
    "IPv6Address",
    "Nanoseconds",
    "KTime",
    "BootTime",
    "Hex",
]

if not TYPE_CHECKING:  # most modules use no view, and few of those an address

    def __getattr__(name):
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        if name in ("IPv4Address", "IPv6Address"):
            home = import_module("ipaddress")
        elif name in ("Nanoseconds", "KTime", "BootTime", "Hex"):
            home = import_module(".values", __name__)
        else:
            home = import_module(".views", __name__)
        value = globals()[name] = getattr(home, name)
        return value
