"""Bitfields: bits counted as BTF counts them, on either kind of machine."""

from __future__ import annotations

import dataclasses
import enum
import sys
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf2py.runtime import codec


class Color(enum.IntEnum):
    RED = 0
    BLUE = 3


@dataclasses.dataclass(slots=True)
class Bits:
    a: int = 0
    b: int = 0
    c: Color | int = Color.RED
    d: bool = False
    e: int = 0
    f: int = 0


#: (name, bit offset in the struct, bits, inner): e crosses bytes at odd places, f lies beyond.
MEMBERS: tuple[tuple[str, int, int, Any], ...] = (
    ("a", 0, 3, codec.U32),
    ("b", 3, 7, codec.S32),
    ("c", 10, 2, codec.Enum(Color, 4)),
    ("d", 12, 1, codec.BOOL),
    ("e", 15, 60, codec.U64),
    ("f", 80, 8, codec.U8),
)
SIZE = 12
VALUES = st.builds(
    Bits,
    a=st.integers(0, 7),
    b=st.integers(-64, 63),
    c=st.integers(0, 3).map(lambda n: Color(n) if n in (0, 3) else n),
    d=st.booleans(),
    e=st.integers(0, 2**60 - 1),
    f=st.integers(0, 255),
)


ORDERS: tuple[Literal["little", "big"], ...] = ("little", "big")


def layout() -> codec.Codec[Bits]:
    return codec.struct(
        Bits,
        SIZE,
        tuple(
            (name, at // 8, codec.Bits(at % 8, bits, inner)) for name, at, bits, inner in MEMBERS
        ),
    )


def reference(value: Bits, order: str) -> bytes:
    """Every bit set one by one: bit *n* is in byte ``n // 8``, counted from its low or high end."""
    data = bytearray(SIZE)
    for name, at, bits, _ in MEMBERS:
        number = int(getattr(value, name)) & (1 << bits) - 1
        for index in range(bits):
            # index counts a member's bits in the direction BTF counts positions
            weight = index if order == "little" else bits - 1 - index
            if number >> weight & 1:
                place = at + index
                data[place // 8] |= 1 << (place % 8 if order == "little" else 7 - place % 8)
    return bytes(data)


@pytest.mark.parametrize("order", ORDERS)
@given(value=VALUES)
def test_each_bit_is_where_btf_says(order: Literal["little", "big"], value: Bits) -> None:
    kind = layout().in_byte_order(order)
    data = kind.pack(value)
    assert data == reference(value, order)
    assert kind.unpack(data) == value
    assert kind.unpack_list(data * 2) == [value, value]


def test_the_members_have_their_own_types() -> None:
    kind = layout()
    value = kind.unpack(kind.pack(Bits(c=Color.BLUE, d=True, b=-1)))
    assert value.c is Color.BLUE
    assert value.d is True
    assert value.b == -1
    assert kind.unpack(kind.pack(Bits(c=1))).c == 1


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (Bits(a=8), r"Bits\.a: 8 does not fit __u32:3 \(0\.\.7\)"),
        (Bits(b=64), r"Bits\.b: 64 does not fit __s32:7 \(-64\.\.63\)"),
        (Bits(b=-65), r"Bits\.b: -65 does not fit __s32:7 \(-64\.\.63\)"),
        (Bits(c=4), r"Bits\.c: 4 does not fit Color:2 \(0\.\.3\)"),
        (Bits(e=2**60), r"Bits\.e: 1152921504606846976 does not fit __u64:60 "),
    ],
)
def test_a_number_too_large_for_its_bits_is_refused(value: Bits, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        layout().pack(value)


def test_what_is_no_number_is_refused() -> None:
    with pytest.raises(TypeError, match=r"Bits\.a: __u32:3 takes an int, not str"):
        layout().pack(Bits(a="1"))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"Bits\.a: __u32:3 takes an int, not float"):
        layout().pack(Bits(a=1.0))  # type: ignore[arg-type]


def test_writing_one_bitfield_leaves_its_neighbours_alone() -> None:
    kind = codec.Bits(3, 7, codec.S32)
    place = bytearray(b"\xff\xff\xff")
    kind.pack_into(place, 1, 0)
    kept = int.from_bytes(place[1:], sys.byteorder)
    assert place[0] == 0xFF
    assert kept.bit_count() == 16 - 7
    assert kind.unpack(place, 1) == 0
    kind.pack_into(place, 1, -1)
    assert place == b"\xff\xff\xff"


def test_only_numbers_can_be_bitfields() -> None:
    with pytest.raises(
        TypeError, match=r"a bitfield holds an integer, bool or enum, not char\[4\]"
    ):
        codec.Bits(0, 3, codec.Text(4))
