"""Codecs of views: the same bytes as something that people read.

A view is chosen by a declaration tag in C or in the configuration, where BTF alone would give an
integer or bytes.  In: the bytes that C has.  Out: addresses, numbers in the host's byte order, sets
of flags, text.  Bytes → value → bytes gives the same bytes, for each of them.

``ipaddress`` is imported when the first address is read or written, and by nothing else.
"""

from __future__ import annotations

import enum
import functools
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from .array import Tail
from .base import Buffer, Codec, Reader, T, Writer
from .scalar import Int, Number, check_int

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

N = TypeVar("N", bound=int)
F = TypeVar("F", bound=enum.IntFlag)

#: How many values are kept to be given again for the same bytes: packets repeat their addresses,
#: and making one costs six times what finding it does.
_REMEMBERED = 4096


class _Address(Codec[T]):
    """An IP address, in network byte order as packets and the kernel have it."""

    #: The class in ``ipaddress``.
    _class: str

    @functools.cached_property
    def cls(self) -> type[Any]:
        import ipaddress

        cls: type[Any] = getattr(ipaddress, self._class)
        return cls

    def zero(self) -> T:
        """The address of zero bytes: the default of a member."""
        return self._make(bytes(self.size))

    @functools.cached_property
    def _make(self) -> Callable[[bytes], T]:
        return functools.lru_cache(_REMEMBERED)(self.cls)

    def read(self, out: Reader) -> str:
        return f"{out.constant(self._make)}({out.slot(f'{self.size}s', self.size)})"

    def write(self, out: Writer, value: str) -> None:
        out.slot(f"{self.size}s", self.size, f"{out.constant(self._packed)}({value})")

    def _packed(self, value: Any) -> bytes:
        if type(value) is not self.cls:
            self.check(value, self.root)
        packed: bytes = value.packed
        return packed

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, self.cls):
            raise TypeError(
                f"{path}: {self.c_name} takes an ipaddress.{self._class}, "
                f"not {type(value).__name__}"
            )


class _IPv4(_Address[Any]):
    size = 4
    _class = "IPv4Address"

    @property
    def c_name(self) -> str:
        return "ipv4"


class _IPv6(_Address[Any]):
    size = 16
    _class = "IPv6Address"

    @property
    def c_name(self) -> str:
        return "ipv6"

    def _packed(self, value: Any) -> bytes:
        self.check(value, self.root)
        packed: bytes = value.packed
        return packed

    def check(self, value: Any, path: str) -> None:
        super().check(value, path)
        if value.scope_id is not None:
            raise ValueError(f"{path}: {value}: sixteen bytes have no room for a scope")


class _Mac(Codec[str]):
    """An Ethernet address as ``aa:bb:cc:dd:ee:ff``; written from upper case and ``-``, too."""

    size = 6

    @property
    def c_name(self) -> str:
        return "mac"

    def read(self, out: Reader) -> str:
        return f"{out.slot('6s', 6)}.hex(':')"

    def write(self, out: Writer, value: str) -> None:
        out.slot("6s", 6, f"{out.constant(self._packed)}({value})")

    def _packed(self, value: str) -> bytes:
        text = value.lower().replace("-", ":")
        data = bytes.fromhex(text.replace(":", ""))
        if len(data) != 6 or data.hex(":") != text:
            raise ValueError
        return data

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"{path}: mac takes a str, not {type(value).__name__}")
        try:
            self._packed(value)
        except ValueError:
            raise ValueError(
                f"{path}: {value!r} is no Ethernet address, as 'aa:bb:cc:dd:ee:ff' is"
            ) from None


class BigEndian(Codec[int]):
    """An integer of *size* bytes in network byte order."""

    def __init__(self, size: int, signed: bool = False) -> None:
        self.size = size
        self.signed = signed
        self._int = Int(size, signed)

    @property
    def c_name(self) -> str:
        return f"be{8 * self.size}"

    def read(self, out: Reader) -> str:
        name = out.slot(f"{self.size}s", self.size)
        sign = ", signed=True" if self.signed else ""
        return f"{out.constant(int.from_bytes)}({name}, 'big'{sign})"

    def write(self, out: Writer, value: str) -> None:
        sign = ", signed=True" if self.signed else ""
        number = f"{out.constant(operator.index)}({value})"
        out.slot(f"{self.size}s", self.size, f"{number}.to_bytes({self.size}, 'big'{sign})")

    def check(self, value: Any, path: str) -> None:
        check_int(value, path, self.c_name, self._int.low, self._int.high)


class As(Number[N], Generic[N]):
    """The integer *inner* as *cls*, which is an ``int`` of its own kind."""

    def __init__(self, cls: type[N], inner: Int) -> None:
        self.cls = cls
        self.inner = inner
        self.size = inner.size
        self.signed = inner.signed

    @property
    def c_name(self) -> str:
        return self.inner.c_name

    @property
    def word(self) -> str:
        return self.inner.word

    def from_word(self, number: int) -> N:
        return self.cls(number)

    def from_int(self, out: Reader, number: str) -> str:
        return f"{out.constant(self.cls)}({number})"

    def read(self, out: Reader) -> str:
        return self.from_int(out, self.inner.read(out))

    def write(self, out: Writer, value: str) -> None:
        self.inner.write(out, value)

    def check(self, value: Any, path: str) -> None:
        self.inner.check(value, path)


class Flags(Number[F], Generic[F]):
    """A set of flags in an integer of *size* bytes; bits without a name are kept."""

    def __init__(self, cls: type[F], size: int) -> None:
        self.cls = cls
        self.size = size
        self._int = Int(size)

    @property
    def c_name(self) -> str:
        return self.cls.__name__

    @property
    def word(self) -> str:
        return self._int.word

    @functools.cached_property
    def _make(self) -> Callable[[int], F]:
        return functools.lru_cache(_REMEMBERED)(self.cls)

    def from_word(self, number: int) -> F:
        return self._make(number)

    def from_int(self, out: Reader, number: str) -> str:
        return f"{out.constant(self._make)}({number})"

    def read(self, out: Reader) -> str:
        return self.from_int(out, self._int.read(out))

    def write(self, out: Writer, value: str) -> None:
        self._int.write(out, value)

    def check(self, value: Any, path: str) -> None:
        check_int(value, path, self.c_name, self._int.low, self._int.high)


class HexText(Codec[str]):
    """*size* bytes as that many pairs of hexadecimal digits."""

    counts_bytes = True

    def __init__(self, size: int) -> None:
        self.size = size

    @property
    def c_name(self) -> str:
        return f"hex[{self.size}]"

    def read(self, out: Reader) -> str:
        return f"{out.slot(f'{self.size}s', self.size)}.hex()"

    def write(self, out: Writer, value: str) -> None:
        out.slot(f"{self.size}s", self.size, f"{out.constant(self._packed)}({value})")

    def _packed(self, value: str) -> bytes:
        data = _from_hex(value)
        if len(data) != self.size:
            raise ValueError
        return data

    def check(self, value: Any, path: str) -> None:
        length = _check_hex(value, path, self.c_name)
        if length != self.size:
            raise ValueError(f"{path}: {self.c_name} takes {self.size} bytes, {length} were given")


class RestHex(Tail[str]):
    """``unsigned char data[]`` as hexadecimal digits: all bytes that follow in the buffer."""

    @property
    def c_name(self) -> str:
        return "hex[]"

    def rest(self, buffer: Buffer, offset: int) -> str:
        return bytes(memoryview(buffer).cast("B")[offset:]).hex()

    def pack_rest(self, value: Any) -> bytes:
        return _from_hex(value)

    def check(self, value: Any, path: str) -> None:
        _check_hex(value, path, self.c_name)


def _from_hex(value: str) -> bytes:
    """The bytes; ValueError for blanks too, which ``bytes.fromhex`` would skip."""
    data = bytes.fromhex(value)
    if len(value) != 2 * len(data):
        raise ValueError
    return data


def _check_hex(value: Any, path: str, c_name: str) -> int:
    """How many bytes the digits stand for."""
    if not isinstance(value, str):
        raise TypeError(f"{path}: {c_name} takes a str, not {type(value).__name__}")
    try:
        return len(_from_hex(value))
    except ValueError:
        raise ValueError(f"{path}: {value!r} is not made of pairs of hexadecimal digits") from None


IPV4: _Address[IPv4Address] = _IPv4()
IPV6: _Address[IPv6Address] = _IPv6()
MAC = _Mac()
BE16 = BigEndian(2)
BE32 = BigEndian(4)
BE64 = BigEndian(8)
