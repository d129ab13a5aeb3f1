"""Codecs of single values: integers, bool, float, text, raw bytes, enums, bitfields.

Integers beyond 8 bytes and of odd sizes go through ``int.from_bytes``.  Text follows
``os.fsdecode``: UTF-8 with ``surrogateescape``, up to the first NUL, so any bytes in front of the
NUL survive a round trip.
"""

from __future__ import annotations

import enum
import functools
from typing import Any, Generic, TypeVar

from .base import BYTE_ORDER, Buffer, Codec, Reader, T, Writer

E = TypeVar("E", bound=enum.IntEnum)

_INT_CODES = {
    (1, False): "B",
    (2, False): "H",
    (4, False): "I",
    (8, False): "Q",
    (1, True): "b",
    (2, True): "h",
    (4, True): "i",
    (8, True): "q",
}


def check_int(value: Any, path: str, c_name: str, low: int, high: int) -> None:
    """Raise the error that names *path* if *value* is no integer from *low* to *high*."""
    if not hasattr(value, "__index__"):
        raise TypeError(f"{path}: {c_name} takes an int, not {type(value).__name__}")
    number = int(value)
    if not low <= number <= high:
        raise ValueError(f"{path}: {number} does not fit {c_name} ({low}..{high})")


class Number(Codec[T]):
    """What can lie in a bitfield: it can be made from an int that was cut out of a larger one."""

    size: int
    signed: bool = False

    def from_int(self, out: Reader, number: str) -> str:
        """The expression of the value made from the int expression *number*."""
        raise NotImplementedError


class Int(Number[int]):
    """An integer of *size* bytes."""

    def __init__(self, size: int, signed: bool = False) -> None:
        self.size = size
        self.signed = signed
        bits = 8 * size
        self.low = -(1 << bits - 1) if signed else 0
        self.high = (1 << bits - 1) - 1 if signed else (1 << bits) - 1

    @property
    def _code(self) -> str:
        return _INT_CODES.get((self.size, self.signed), "")

    @property
    def word(self) -> str:
        return self._code if self.order == BYTE_ORDER or self.size == 1 else ""

    @property
    def c_name(self) -> str:
        return f"__{'s' if self.signed else 'u'}{8 * self.size}"

    def from_int(self, out: Reader, number: str) -> str:
        return number

    def read(self, out: Reader) -> str:
        if self._code:
            return out.slot(self._code, self.size)
        name = out.slot(f"{self.size}s", self.size)
        return f"{out.constant(int.from_bytes)}({name}, {self.order!r}, signed={self.signed})"

    def unpack_list(self, buffer: Buffer) -> list[int]:
        view = memoryview(buffer).cast("B")
        if not self.word or len(view) % self.size:
            return super().unpack_list(buffer)
        return view.cast(self.word).tolist()  # type: ignore[call-overload,no-any-return]

    def write(self, out: Writer, value: str) -> None:
        if self._code:
            out.slot(self._code, self.size, value)
        else:
            to_bytes = out.constant(int.to_bytes)
            text = f"{to_bytes}({value}, {self.size}, {self.order!r}, signed={self.signed})"
            out.slot(f"{self.size}s", self.size, text)

    def check(self, value: Any, path: str) -> None:
        check_int(value, path, self.c_name, self.low, self.high)


class Bool(Number[bool]):
    """``bool``: any byte but zero is true."""

    size = 1

    @property
    def c_name(self) -> str:
        return "bool"

    @property
    def word(self) -> str:
        return "?"

    def from_int(self, out: Reader, number: str) -> str:
        return f"({number}) != 0"

    def read(self, out: Reader) -> str:
        return out.slot("?", 1)

    def write(self, out: Writer, value: str) -> None:
        out.slot("?", 1, value)

    def check(self, value: Any, path: str) -> None:
        pass


class Float(Codec[float]):
    """``__fp16`` (2 bytes), ``float`` (4) or ``double`` (8)."""

    def __init__(self, size: int) -> None:
        self.size = size
        #: What ``struct`` calls it.
        self.code = {2: "e", 4: "f", 8: "d"}[size]

    @property
    def word(self) -> str:
        # memoryview has no half floats before Python 3.12
        return self.code if self.order == BYTE_ORDER and self.size > 2 else ""

    @property
    def c_name(self) -> str:
        return {2: "__fp16", 4: "float", 8: "double"}[self.size]

    def read(self, out: Reader) -> str:
        return out.slot(self.code, self.size)

    def write(self, out: Writer, value: str) -> None:
        out.slot(self.code, self.size, value)

    def check(self, value: Any, path: str) -> None:
        if not hasattr(value, "__float__") and not hasattr(value, "__index__"):
            raise TypeError(f"{path}: {self.c_name} takes a float, not {type(value).__name__}")
        import struct

        try:
            struct.pack(f"={self.code}", value)
        except OverflowError:
            raise ValueError(f"{path}: {value} does not fit {self.c_name}") from None


class Text(Codec[str]):
    """``char[size]`` as text up to the first NUL.

    Packing fills up with NULs.  As in C, *size* bytes of text leave no room for a NUL and are
    accepted; more is an error.
    """

    counts_bytes = True

    def __init__(self, size: int) -> None:
        self.size = size

    @property
    def c_name(self) -> str:
        return f"char[{self.size}]"

    def read(self, out: Reader) -> str:
        name = out.slot(f"{self.size}s", self.size)
        return f"{name}.partition(b'\\0')[0].decode('utf-8', 'surrogateescape')"

    def write(self, out: Writer, value: str) -> None:
        out.slot(f"{self.size}s", self.size, f"{out.constant(self._encode)}({value})")

    def _encode(self, value: str) -> bytes:
        data = value.encode("utf-8", "surrogateescape")
        if len(data) > self.size:
            raise ValueError
        return data

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"{path}: {self.c_name} takes a str, not {type(value).__name__}")
        try:
            length = len(value.encode("utf-8", "surrogateescape"))
        except UnicodeEncodeError as error:
            raise ValueError(f"{path}: {value!r} cannot be written as UTF-8: {error}") from None
        if length > self.size:
            raise ValueError(
                f"{path}: text of {length} bytes does not fit {self.c_name} ({value!r})"
            )


class Bytes(Codec[bytes]):
    """``unsigned char[size]``, all of it.  Packing takes exactly *size* bytes."""

    counts_bytes = True

    def __init__(self, size: int) -> None:
        self.size = size

    @property
    def c_name(self) -> str:
        return f"unsigned char[{self.size}]"

    def read(self, out: Reader) -> str:
        return out.slot(f"{self.size}s", self.size)

    def write(self, out: Writer, value: str) -> None:
        out.slot(f"{self.size}s", self.size, f"{out.constant(self._exact)}({value})")

    def _exact(self, value: bytes) -> bytes:
        if len(value) != self.size:
            raise ValueError
        return value

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, bytes | bytearray):
            raise TypeError(f"{path}: {self.c_name} takes bytes, not {type(value).__name__}")
        if len(value) != self.size:
            raise ValueError(
                f"{path}: {self.c_name} takes {self.size} bytes, {len(value)} were given"
            )


class Enum(Number[E | int], Generic[E]):
    """An enum of *size* bytes; a number without a name stays an ``int``."""

    def __init__(self, cls: type[E], size: int, signed: bool = False) -> None:
        self.cls = cls
        self.size = size
        self.signed = signed
        self._int = Int(size, signed)

    @property
    def c_name(self) -> str:
        return self.cls.__name__

    @property
    def word(self) -> str:
        return self._int.word

    def from_word(self, number: int) -> E | int:
        return self._known.get(number, number)

    @functools.cached_property
    def _known(self) -> dict[int, E]:
        return {member.value: member for member in self.cls}

    def from_int(self, out: Reader, number: str) -> str:
        name = out.local()
        get = out.constant(self._known.get)
        return f"{get}({name} := {number}, {name})"

    def read(self, out: Reader) -> str:
        name = self._int.read(out)
        return f"{out.constant(self._known.get)}({name}, {name})"

    def write(self, out: Writer, value: str) -> None:
        self._int.write(out, value)

    def check(self, value: Any, path: str) -> None:
        check_int(value, path, self.c_name, self._int.low, self._int.high)


class Bits(Codec[T]):
    """A bitfield of *bit_size* bits that begins *bit_offset* bits (0 to 7) into its first byte.

    Bits are counted as BTF does: from the least significant on little-endian machines, from the
    most significant on big-endian ones.  *inner* gives the value's type and sign.  ``pack_into``
    leaves the other bits of the touched bytes as they are; ``pack`` has them zero.
    """

    def __init__(self, bit_offset: int, bit_size: int, inner: Codec[T]) -> None:
        if not isinstance(inner, Number):
            raise TypeError(f"a bitfield holds an integer, bool or enum, not {inner.c_name}")
        if not 0 <= bit_offset < 8 or bit_size < 1:
            raise ValueError(f"bit offset {bit_offset}, bit size {bit_size}")
        self.bit_offset = bit_offset
        self.bit_size = bit_size
        self.inner: Number[T] = inner
        self.size = (bit_offset + bit_size + 7) // 8
        self.mask = (1 << bit_size) - 1
        self.low = -(1 << bit_size - 1) if inner.signed else 0
        self.high = (1 << bit_size - 1) - 1 if inner.signed else self.mask

    @property
    def c_name(self) -> str:
        return f"{self.inner.c_name}:{self.bit_size}"

    def shift(self, run: int, distance: int) -> int:
        """Where the lowest bit lies in a run of *run* bytes that begins *distance* bytes before."""
        before = 8 * distance + self.bit_offset
        return before if self.order == "little" else 8 * run - before - self.bit_size

    def from_run(self, out: Reader, name: str, run: int, distance: int) -> str:
        """The expression of the value cut out of the int *name*, a run of *run* bytes."""
        shift = self.shift(run, distance)
        number = f"{name} >> {shift} & {self.mask:#x}" if shift else f"{name} & {self.mask:#x}"
        if self.inner.signed:
            sign = 1 << self.bit_size - 1
            number = f"(({number}) ^ {sign:#x}) - {sign:#x}"
        return self.inner.from_int(out, number)

    def to_run(self, out: Writer, value: str, run: int, distance: int) -> str:
        """The expression of *value* at its place in a run of *run* bytes."""
        return f"{out.constant(self._to_bits)}({value}) << {self.shift(run, distance)}"

    def _to_bits(self, value: Any) -> int:
        number = int(value)
        if not self.low <= number <= self.high or isinstance(value, float | str):
            raise ValueError
        return number & self.mask

    def read(self, out: Reader) -> str:
        return self.from_run(out, read_run(out, self.size), self.size, 0)

    def write(self, out: Writer, value: str) -> None:
        write_run(out, self.size, self.to_run(out, value, self.size, 0))

    def pack_into(self, buffer: Buffer, offset: int, value: T) -> None:
        self.check(value, self.root)
        view = memoryview(buffer).cast("B")[offset : offset + self.size]
        if len(view) < self.size:
            raise self._short(buffer, offset)
        shift = self.shift(self.size, 0)
        kept = int.from_bytes(view, self.order) & ~(self.mask << shift)
        view[:] = (kept | self._to_bits(value) << shift).to_bytes(self.size, self.order)

    def check(self, value: Any, path: str) -> None:
        check_int(value, path, self.c_name, self.low, self.high)


def read_run(out: Reader, size: int) -> str:
    """A run of *size* bytes as one unsigned int; gives its name."""
    code = _INT_CODES.get((size, False))
    if code:
        return out.slot(code, size)
    slot, name = out.slot(f"{size}s", size), out.local()
    out.statements.append(f"{name} = {out.constant(int.from_bytes)}({slot}, {out.order!r})")
    return name


def write_run(out: Writer, size: int, value: str) -> None:
    """The other way: the int expression *value* as a run of *size* bytes."""
    code = _INT_CODES.get((size, False))
    if code:
        out.slot(code, size, value)
    else:
        out.slot(f"{size}s", size, f"({value}).to_bytes({size}, {out.order!r})")


U8 = Int(1)
U16 = Int(2)
U32 = Int(4)
U64 = Int(8)
S8 = Int(1, signed=True)
S16 = Int(2, signed=True)
S32 = Int(4, signed=True)
S64 = Int(8, signed=True)
BOOL = Bool()
F16 = Float(2)
F32 = Float(4)
F64 = Float(8)
