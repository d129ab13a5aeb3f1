"""The constants of ``generated_fixtures/types_check.bpf.c``, member by member, in Python.

The C side has the same list twice: as assignments that a program runs in the kernel, and as
initialised variables that the compiler laid out (``types_initial.bpf.c``).
"""

from __future__ import annotations

import math

from generated_fixtures.types_check_bpf import All, Color, Degrees, Huge, Key, Packed


def packed(a: int, b: int, c: int, d: int) -> Packed:
    """A ``struct packed``."""
    return Packed(a=a, b=b, c=c, d=d)


def key() -> Key:
    """What ``set_key`` makes."""
    value = Key(kind=9, name="key")
    value.part = packed(1, 0x02020202, 0x0303030303030303, 0x0404)
    value.low = 0xABC
    value.high = 0x12345
    return value


def everything() -> All:
    """What ``set_all`` makes of a zeroed ``struct all``."""
    value = All()
    _scalars(value)
    _bitfields(value)
    _unions(value)
    _nested(value)
    _arrays(value)
    return value


def _scalars(value: All) -> None:
    scalars = value.scalars
    scalars.a_u8 = 0xFE
    scalars.a_s8 = -128
    scalars.a_u16 = 0xFEDC
    scalars.a_s16 = -32768
    scalars.a_u32 = 0xFEDCBA98
    scalars.a_s32 = -2147483648
    scalars.a_u64 = 0xFEDCBA9876543210
    scalars.a_s64 = -0x7EDCBA9876543210
    scalars.a_bool = True
    scalars.a_char = ord("c")
    scalars.a_long = -2
    scalars.a_color = Color.BLUE
    scalars.a_degrees = Degrees.COLD
    scalars.a_huge = Huge.HUGE_BIG
    scalars.a_float = 1.5
    scalars.a_double = -math.pi
    scalars.a_pointer = 0xFFFFFFFF81234567
    scalars.a_u128 = 0x0123456789ABCDEF_FEDCBA9876543210
    scalars.a_s128 = -5


def _bitfields(value: All) -> None:
    unsigned = value.bits_unsigned
    unsigned.a = 1
    unsigned.b = 5
    unsigned.c = 99
    unsigned.d = 0x1ABC
    unsigned.e = 0xA5

    signed = value.bits_signed
    signed.a = -1
    signed.b = -8
    signed.c = 2047
    signed.d = -12345

    kinds = value.bits_kinds
    kinds.color = Color.BLUE
    kinds.degrees = Degrees.COLD
    kinds.on = True
    kinds.off = False
    kinds.after = 21
    kinds.minus = -3

    wide = value.bits_wide
    wide.low = 0x11
    wide.mid = 0x2AAAABBBBCCCC
    wide.high = 0x101
    wide.minus = -0x123456789A
    wide.rest = 0xABCDEF

    mixed = value.bits_mixed
    mixed.lead = 0x7F
    mixed.cut = 0x555
    mixed.more = 0xFEDCB
    mixed.tail = 0x81
    mixed.lonely = 0x1DEADBEEF

    tight = value.bits_packed
    tight.lead = 5
    tight.cross = 0x89ABCDEF
    tight.over = -0x7654321098
    tight.full = 0xF0E1D2C3B4A59687
    tight.rest = 0x1A
    tight.plain = 0xBEEF


def _unions(value: All) -> None:
    value.v4.family = 4
    value.v4.v4 = 0x7F000001
    value.v4.named.whole = 0x01020304

    value.v6.family = 6
    v6 = value.v6.v6
    v6.high = 0x20010DB8 << 32
    v6.low = 0x1234
    value.v6.v6 = v6
    value.v6.named.halves = [0x1111, 0x2222]

    value.local.family = 1
    value.local.path = "/run/some.sock"
    parts = value.local.named.parts
    parts.first = -1
    parts.second = -2
    parts.rest = 3
    value.local.named.parts = parts


def _nested(value: All) -> None:
    deep = value.deep
    deep.before = -11
    deep.one = -22
    deep.two = "xyz"
    deep.three = 33
    deep.five = -44
    deep.inner.x = 55
    deep.inner.y = 66
    deep.after = -77

    padded = value.padded
    padded.a = 1
    padded.b = 0x2222222222222222
    padded.c = packed(3, 0x44444444, 0x5555555555555555, 0x6666)
    padded.d = 7


def _arrays(value: All) -> None:
    arrays = value.arrays
    arrays.flat = [1, 2, 65535]
    arrays.grid = [[0, 1, 2], [-10, -11, -12]]
    arrays.cube = [[bytes([0, 1]), bytes([10, 11])], [bytes([100, 101]), bytes([110, 111])]]
    arrays.name = "twelve bytes"
    arrays.names = ["one", "second"]
    arrays.raw = b"\xff\0\x80\0\x01"
    arrays.small = [-1, 127, -128, 0]
    arrays.flags = [True, False, True, True]
    arrays.degrees = [Degrees.HOT, Degrees.COLD]
    arrays.packed = [packed(1, 2, 3, 4), packed(5, 6, 7, 8)]
    arrays.words[0].whole = 0xAABBCCDD
    arrays.words[1].whole = 0x11223344
    arrays.last = 0xEE
