"""How long a type of each kind is, and the bits of the words that say so.

Constants of <linux/btf.h>.  They stand apart from ``build`` and ``types`` because scanning a blob
and CO-RE need these alone: a process that only loads never makes the two dozen classes of ``types``.
"""

from __future__ import annotations

from ..uapi import BTFKind

#: Words behind the first three of a type: a fixed number, and as many per element.
EXTRA_WORDS: dict[int, tuple[int, int]] = {
    BTFKind.INT: (1, 0),
    BTFKind.PTR: (0, 0),
    BTFKind.ARRAY: (3, 0),
    BTFKind.STRUCT: (0, 3),
    BTFKind.UNION: (0, 3),
    BTFKind.ENUM: (0, 2),
    BTFKind.FWD: (0, 0),
    BTFKind.TYPEDEF: (0, 0),
    BTFKind.VOLATILE: (0, 0),
    BTFKind.CONST: (0, 0),
    BTFKind.RESTRICT: (0, 0),
    BTFKind.FUNC: (0, 0),
    BTFKind.FUNC_PROTO: (0, 2),
    BTFKind.VAR: (1, 0),
    BTFKind.DATASEC: (0, 3),
    BTFKind.FLOAT: (0, 0),
    BTFKind.DECL_TAG: (1, 0),
    BTFKind.TYPE_TAG: (0, 0),
    BTFKind.ENUM64: (0, 3),
}

INT_SIGNED, INT_CHAR, INT_BOOL = 1, 2, 4
VLEN_MASK = 0xFFFFFF
KIND_FLAG = 1 << 31
