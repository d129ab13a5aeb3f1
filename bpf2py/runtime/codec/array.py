"""Codecs of several values in a row: arrays, per-CPU values, and what ends a flexible struct."""

from __future__ import annotations

import struct as _struct
from typing import Any

from .base import INLINE_LIMIT, Buffer, Codec, Reader, T, Writer
from .scalar import Float, Int


def _check_list(value: Any, path: str, c_name: str) -> None:
    if isinstance(value, str | bytes | bytearray) or not hasattr(value, "__len__"):
        raise TypeError(f"{path}: {c_name} takes a list, not {type(value).__name__}")


class Array(Codec[list[T]]):
    """*count* elements; for more dimensions the element is an array itself."""

    def __init__(self, element: Codec[T], count: int) -> None:
        if element.variable:
            raise TypeError(f"{element.c_name} has no fixed size: it cannot be in an array")
        self.element = element
        self.count = count
        self.size = element.size * count

    @property
    def c_name(self) -> str:
        return f"{self.element.c_name}[{self.count}]"

    @property
    def slots(self) -> int:
        return min(self.element.slots * self.count, INLINE_LIMIT)

    @property
    def _inline(self) -> bool:
        return self.element.slots * self.count <= INLINE_LIMIT

    def read(self, out: Reader) -> str:
        if not self.size:
            return "[]"
        if self._inline:
            return f"[{', '.join(self.element.read(out) for _ in range(self.count))}]"
        run = out.slot(f"{self.size}s", self.size)
        return f"{out.constant(self._unpack_run())}({run})"

    def _unpack_run(self) -> Any:
        plain = self._plain()
        if plain is None:
            return self.element.compiled("unpack_list")

        def unpack_run(run: bytes) -> list[Any]:
            return list(unpack(run))

        unpack = plain.unpack
        return unpack_run

    def _plain(self) -> _struct.Struct | None:
        """One format for all elements, where each is a single number as ``struct`` knows it."""
        if isinstance(self.element, Int | Float):
            out = Reader(self.order)
            self.element.read(out)
            if not out.format.endswith("s"):
                return _struct.Struct(f"{out.format[0]}{self.count}{out.format[1:]}")
        return None

    def write(self, out: Writer, value: str) -> None:
        if not self.size:
            return
        if self._inline:
            names = [out.local() for _ in range(self.count)]
            out.statements.append(f"{', '.join(names)}, = {value}")
            for name in names:
                self.element.write(out, name)
        else:
            out.slot(f"{self.size}s", self.size, f"{out.constant(self._pack_run)}({value})")

    def _pack_run(self, value: Any) -> bytes:
        if len(value) != self.count:
            raise ValueError
        plain = self._plain()
        if plain is not None:
            return plain.pack(*value)
        return b"".join(map(self.element.compiled("pack"), value))

    def check(self, value: Any, path: str) -> None:
        _check_list(value, path, self.c_name)
        if len(value) != self.count:
            raise ValueError(
                f"{path}: {self.c_name} takes {self.count} elements, {len(value)} were given"
            )
        for index, item in enumerate(value):
            self.element.check(item, f"{path}[{index}]")


def of_length(codec: Codec[Any], length: int) -> Codec[Any]:
    """The codec of an array of *length* such elements; what is no array stays as it is."""
    if isinstance(codec, Array):
        return Array(codec.element, length)
    takes_size: Any = type(codec)
    return takes_size(length) if codec.counts_bytes else codec


class Padded(Codec[T]):
    """*inner* in a place of *size* bytes, *lead* bytes into it.

    Per-CPU values (each rounded up to 8 bytes) and records of a ring buffer lie like that.
    """

    def __init__(self, inner: Codec[T], size: int, *, lead: int = 0) -> None:
        self.inner = inner
        self.size = size
        self.lead = lead

    @property
    def c_name(self) -> str:
        return self.inner.c_name

    @property
    def slots(self) -> int:
        return self.inner.slots

    def read(self, out: Reader) -> str:
        end = out.position + self.size
        out.seek(out.position + self.lead)
        value = self.inner.read(out)
        out.seek(end)
        return value

    def write(self, out: Writer, value: str) -> None:
        end = out.position + self.size
        out.seek(out.position + self.lead)
        self.inner.write(out, value)
        out.seek(end)

    def check(self, value: Any, path: str) -> None:
        self.inner.check(value, path)


class Tail(Codec[T]):
    """What follows the fixed part of a struct: no size of its own."""

    size = 0
    variable = True

    @property
    def slots(self) -> int:
        return 0

    def read(self, out: Reader) -> str:
        return self.read_at(out, out.position)

    def read_at(self, out: Reader, position: int) -> str:
        """The expression of the value from *position* on, which may lie before ``out.position``."""
        return f"{out.constant(self.rest)}(buffer, offset + {position})"

    def write(self, out: Writer, value: str) -> None:
        out.tail = f"{out.constant(self.pack_rest)}({value})"

    def rest(self, buffer: Buffer, offset: int) -> T:
        """The value made of all bytes of *buffer* from *offset* on."""
        raise NotImplementedError

    def pack_rest(self, value: Any) -> bytes:
        raise NotImplementedError


class Rest(Tail[list[T]]):
    """A flexible array member: as many elements as follow in the buffer.

    Bytes after the last whole element are left out.
    """

    def __init__(self, element: Codec[T]) -> None:
        if not element.size or element.variable:
            raise TypeError(f"{element.c_name} has no fixed size: it cannot be in an array")
        self.element = element

    @property
    def c_name(self) -> str:
        return f"{self.element.c_name}[]"

    def rest(self, buffer: Buffer, offset: int) -> list[T]:
        view = memoryview(buffer).cast("B")[offset:]
        return self.element.unpack_list(view[: len(view) // self.element.size * self.element.size])

    def pack_rest(self, value: Any) -> bytes:
        return b"".join(map(self.element.compiled("pack"), value))

    def check(self, value: Any, path: str) -> None:
        _check_list(value, path, self.c_name)
        for index, item in enumerate(value):
            self.element.check(item, f"{path}[{index}]")


class RestBytes(Tail[bytes]):
    """``unsigned char data[]``: all bytes that follow in the buffer."""

    @property
    def c_name(self) -> str:
        return "unsigned char[]"

    def rest(self, buffer: Buffer, offset: int) -> bytes:
        return bytes(memoryview(buffer).cast("B")[offset:])

    def pack_rest(self, value: Any) -> bytes:
        return bytes(memoryview(value))

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, bytes | bytearray):
            raise TypeError(f"{path}: {self.c_name} takes bytes, not {type(value).__name__}")


class RestText(Tail[str]):
    """``char text[]``: what follows in the buffer, up to the first NUL; packed with a NUL."""

    @property
    def c_name(self) -> str:
        return "char[]"

    def rest(self, buffer: Buffer, offset: int) -> str:
        data = bytes(memoryview(buffer).cast("B")[offset:])
        return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")

    def pack_rest(self, value: Any) -> bytes:
        return bytes(value.encode("utf-8", "surrogateescape")) + b"\0"

    def check(self, value: Any, path: str) -> None:
        if not isinstance(value, str):
            raise TypeError(f"{path}: {self.c_name} takes a str, not {type(value).__name__}")
