"""Codecs of structs: a dataclass and a table of where its members lie.

A struct of plain members becomes one ``struct.Struct`` with every nested struct and array
flattened into it.  Bitfields that share bytes are read as one integer and cut apart.  What the
table does not mention is padding: skipped when unpacking, zero when packing.
"""

from __future__ import annotations

from ...light import Any, Generic, Iterator
from .array import Tail
from .base import INLINE_LIMIT, Buffer, ByteOrder, Codec, Reader, T, Writer
from .scalar import Bits, read_run, write_run

_registry: dict[type, Codec[Any]] = {}


def of(cls: type[T]) -> Codec[T]:
    """The codec of a struct or union class of a generated module."""
    try:
        return _registry[cls]
    except KeyError:
        raise TypeError(
            f"{cls.__name__} has no registered layout: it is no struct or union of a generated "
            f"module"
        ) from None


def register(cls: type[T], codec: Codec[T]) -> None:
    _registry[cls] = codec


Member = tuple[str, int, Codec[Any]]


class Struct(Codec[T], Generic[T]):
    """One C struct; see :func:`struct`."""

    def __init__(self, cls: type[T], size: int, members: tuple[Member, ...]) -> None:
        self.cls = cls
        self.size = self._full_size = size
        # A flexible array can lie at the offset of an empty array or of trailing padding: last.
        self.members = tuple(sorted(members, key=lambda m: (m[2].variable, m[1])))
        for name, offset, codec in self.members:
            if offset < 0 or offset + codec.size > size:
                raise ValueError(f"{cls.__name__}.{name} lies outside of the {size} bytes")
        if self.members and self.members[-1][2].variable:
            _, offset, codec = self.members[-1]
            self.variable = True
            # Programs write as little as offsetof(…, array) bytes: padding behind it is no part.
            self.size = offset + codec.size

    @property
    def c_name(self) -> str:
        return self.cls.__name__

    @property
    def full_size(self) -> int:
        return self._full_size

    @property
    def root(self) -> str:
        return self.c_name

    @property
    def slots(self) -> int:
        return sum(codec.slots for _, _, codec in self.members)

    @property
    def _inline(self) -> bool:
        return self.variable or self.slots <= INLINE_LIMIT

    def _runs(self) -> Iterator[tuple[int, int, list[Member]]]:
        """Offset, size and members of each part: one member, or bitfields that share bytes."""
        start, end, run = 0, 0, list[Member]()
        for member in self.members:
            _, offset, codec = member
            if run and isinstance(codec, Bits) and offset < end:
                run.append(member)
                end = max(end, offset + codec.size)
                continue
            if run:
                yield start, end - start, run
                run = []
            if isinstance(codec, Bits):
                start, end, run = offset, offset + codec.size, [member]
            else:
                yield offset, codec.size, [member]
        if run:
            yield start, end - start, run

    def read(self, out: Reader) -> str:
        if out.position and not self._inline:
            run = out.slot(f"{self.size}s", self.size)
            return f"{out.constant(self.compiled('unpack'))}({run})"
        return self.read_members(out)

    def read_members(self, out: Reader) -> str:
        base = out.position
        values = {}
        tail: tuple[str, int, Tail[Any]] | None = None
        for offset, size, members in self._runs():
            name, _, codec = members[0]
            if isinstance(codec, Tail):
                tail = (name, base + offset, codec)
                continue
            out.seek(base + offset)
            if isinstance(codec, Bits):
                run = read_run(out, size)
                for bit_name, bit_offset, bits in _bits(members):
                    values[bit_name] = bits.from_run(out, run, size, bit_offset - offset)
            else:
                values[name] = codec.read(out)
        out.seek(base + self.size)
        if tail:
            name, position, codec = tail
            values[name] = codec.read_at(out, position)
        return f"{out.constant(self.cls)}({self._arguments(values)})"

    def _arguments(self, values: dict[str, str]) -> str:
        """The constructor's arguments: by position where its order is known, which is faster."""
        order = getattr(self.cls, "__match_args__", ())[: len(values)]
        if set(order) == set(values):
            return ", ".join(values[name] for name in order)
        return ", ".join(f"{name}={value}" for name, value in values.items())

    def write(self, out: Writer, value: str) -> None:
        if out.position and not self._inline:
            out.slot(f"{self.size}s", self.size, f"{out.constant(self.compiled('pack'))}({value})")
            return
        base = out.position
        if not value.isidentifier():
            name = out.local()
            out.statements.append(f"{name} = {value}")
            value = name
        for offset, size, members in self._runs():
            name, _, codec = members[0]
            if isinstance(codec, Tail):
                codec.write(out, f"{value}.{name}")
                continue
            out.seek(base + offset)
            if isinstance(codec, Bits):
                numbers = [
                    bits.to_run(out, f"{value}.{bit_name}", size, bit_offset - offset)
                    for bit_name, bit_offset, bits in _bits(members)
                ]
                write_run(out, size, " | ".join(numbers))
            else:
                codec.write(out, f"{value}.{name}")
        out.seek(base + self.size)

    def check(self, value: Any, path: str) -> None:
        for name, _, codec in self.members:
            try:
                member = getattr(value, name)
            except AttributeError:
                raise TypeError(f"{path} takes {self.c_name}, not {type(value).__name__}") from None
            codec.check(member, f"{path}.{name}")


def _bits(members: list[Member]) -> Iterator[tuple[str, int, Bits[Any]]]:
    for name, offset, codec in members:
        assert isinstance(codec, Bits)
        yield name, offset, codec


def struct(cls: type[T], size: int, members: tuple[Member, ...]) -> Codec[T]:
    """Register the layout of dataclass *cls*: *size* bytes, members as (name, offset, codec).

    Offsets are in bytes from the start of the struct; a bitfield's is the byte it begins in.
    """
    codec = Struct(cls, size, members)
    register(cls, codec)
    return codec


def pack(value: object, *, byte_order: ByteOrder | None = None) -> bytes:
    """The bytes of a struct or union of a generated module, as C has them in memory.

    They are in this machine's byte order, or in *byte_order*, ``"little"`` or ``"big"``.
    """
    codec = of(type(value))
    return (codec.in_byte_order(byte_order) if byte_order else codec).pack(value)


def unpack(
    cls: type[T], buffer: Buffer, offset: int = 0, *, byte_order: ByteOrder | None = None
) -> T:
    """A struct or union of class *cls* from *buffer*; ValueError when that is too short.

    *byte_order* is that of the machine that wrote the bytes, if it is not this one's.
    """
    codec = of(cls)
    return (codec.in_byte_order(byte_order) if byte_order else codec).unpack(buffer, offset)


def sizeof(cls: type[Any]) -> int:
    """C's ``sizeof`` of a struct or union class, in bytes."""
    return of(cls).full_size
