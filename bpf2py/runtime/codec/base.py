"""What a codec is, and how one becomes a few specialised Python functions.

In: a codec, which knows how its C type lies in memory.  Out: ``pack``, ``unpack`` and friends,
written as Python source for exactly this type and compiled when first used.  A whole record, with
everything nested in it, is read by one precompiled ``struct.Struct`` with explicit padding, and
turned into its value by one expression; no loop over fields is left.

Bytes are in this machine's order, but for codecs from :meth:`Codec.in_byte_order`.

Not here: the C types themselves (``scalar``, ``array``, ``record``, ``overlay``).  Offsets come
from the tables in generated modules, which have them from BTF; nothing is laid out again.
"""

from __future__ import annotations

import struct as _struct
import sys

from ...light import TYPE_CHECKING, Any, Callable, Generic, Iterator, Literal, TypeVar

if TYPE_CHECKING:
    from typing import TypeAlias

T = TypeVar("T")

#: Whatever holds the bytes to be unpacked: bytes, bytearray, memoryview, mmap, a ctypes array.
Buffer: TypeAlias = Any

ByteOrder: TypeAlias = Literal["little", "big"]
BYTE_ORDER: ByteOrder = sys.byteorder
_PREFIXES = {"little": "<", "big": ">"}

#: Arrays and nested structs of more values than this are read as one run of bytes first and taken
#: apart by their own function: a line of a thousand names gains nothing.
INLINE_LIMIT = 32

PACK_ERRORS = (_struct.error, ValueError, TypeError, AttributeError, OverflowError)


class Form:
    """A function under construction: the record's format, and names for constants it uses."""

    def __init__(self, order: ByteOrder) -> None:
        self.order = order
        self.position = 0
        self.statements: list[str] = []
        self.constants: dict[str, object] = {}
        self._format: list[str] = []
        self._locals = 0

    @property
    def format(self) -> str:
        return _PREFIXES[self.order] + "".join(self._format)

    def constant(self, value: object) -> str:
        """A name for *value* inside the function."""
        for name, known in self.constants.items():
            if known is value:
                return name
        name = f"k{len(self.constants)}"
        self.constants[name] = value
        return name

    def local(self) -> str:
        """A name for a new local variable."""
        self._locals += 1
        return f"v{self._locals}"

    def seek(self, offset: int) -> None:
        """Pad up to *offset*, counted from the start of the record."""
        gap = offset - self.position
        if gap < 0:
            raise ValueError(f"a member at offset {offset} overlaps the one before it")
        if gap:
            self._format.append(f"{gap}x")
            self.position = offset

    def _take(self, code: str, size: int) -> None:
        self._format.append(code)
        self.position += size


class Reader(Form):
    """A function that reads: each slot of the format gets a name."""

    def __init__(self, order: ByteOrder = BYTE_ORDER) -> None:
        super().__init__(order)
        self.slots: list[str] = []
        #: Where the record begins, for what comes after its fixed part.
        self.buffer = "buffer"

    def slot(self, code: str, size: int) -> str:
        self._take(code, size)
        name = f"a{len(self.slots)}"
        self.slots.append(name)
        return name


class Writer(Form):
    """A function that writes: each slot of the format gets an expression."""

    def __init__(self, order: ByteOrder = BYTE_ORDER) -> None:
        super().__init__(order)
        self.values: list[str] = []
        #: An expression for the bytes after the fixed part, if there are any.
        self.tail = ""

    def slot(self, code: str, size: int, value: str) -> None:
        self._take(code, size)
        self.values.append(value)


class Codec(Generic[T]):
    """The bytes of one C type as a Python value of type *T*, and back.

    ``size`` is in bytes.  With ``variable`` set, ``size`` is the fixed part and the value takes
    whatever follows in the buffer; ``full_size`` is C's ``sizeof``.
    """

    size: int
    variable: bool = False
    #: Whether it is an array of bytes that is made with their number.
    counts_bytes: bool = False
    #: The byte order of integers and floats in the bytes.
    order: ByteOrder = BYTE_ORDER
    _other: Codec[T]

    def in_byte_order(self, order: ByteOrder) -> Codec[T]:
        """The codec of the same C type on a machine of that byte order.

        Bytes from another machine, and objects compiled for one, are read with it.  Unions that it
        gives read their members in that order, too, and go only into bytes of that order.
        """
        if order == self.order:
            return self
        other: Codec[T] | None = self.__dict__.get("_other")
        if other is None:
            other = object.__new__(type(self))
            for name, value in self.__dict__.items():
                if name not in _SOURCES:
                    other.__dict__[name] = _in_byte_order(value, order)
            other.order = order
            other._other, self._other = self, other
        return other

    @property
    def full_size(self) -> int:
        """C's ``sizeof``, which for a flexible struct may be more than the fixed part."""
        return self.size

    @property
    def c_name(self) -> str:
        """The type's name in error messages."""
        raise NotImplementedError

    @property
    def root(self) -> str:
        """What an error calls the value itself: a struct's name, to be followed by members."""
        return "value"

    # -- what each kind of codec says about itself -------------------------------------------

    def read(self, out: Reader) -> str:
        """Take slots from *out*; return the expression of the value made from them."""
        raise NotImplementedError

    def write(self, out: Writer, value: str) -> None:
        """Give slots to *out* for the value that the expression *value* stands for."""
        raise NotImplementedError

    def check(self, value: Any, path: str) -> None:
        """Raise the error that names *path* if *value* cannot be packed; for the slow path."""
        raise NotImplementedError

    @property
    def slots(self) -> int:
        """How many slots ``read`` takes."""
        return 1

    @property
    def word(self) -> str:
        """The ``memoryview`` format of the one machine word this is, empty for anything else."""
        return ""

    def from_word(self, number: Any) -> T:
        """The value for a number read as :attr:`word`."""
        value: T = number
        return value

    # -- the functions; each replaces itself on the instance when first called ----------------

    def unpack(self, buffer: Buffer, offset: int = 0) -> T:
        """The value at *offset* in *buffer*; ValueError when fewer than ``size`` bytes are there."""
        value: T = self._build("unpack")(buffer, offset)
        return value

    def unpack_list(self, buffer: Buffer) -> list[T]:
        """Every value of *buffer*, which holds a whole number of them back to back."""
        values: list[T] = self._build("unpack_list")(buffer)
        return values

    def iter_unpack(self, buffer: Buffer) -> Iterator[T]:
        """Like :meth:`unpack_list`, one after the other."""
        values: Iterator[T] = self._build("iter_unpack")(buffer)
        return values

    def pack(self, value: T) -> bytes:
        """*value* as bytes, padding zeroed.

        ValueError or TypeError naming the member when something does not fit.
        """
        data: bytes = self._build("pack")(value)
        return data

    def pack_into(self, buffer: Buffer, offset: int, value: T) -> None:
        """Write *value* at *offset* in *buffer*, padding zeroed."""
        self._build("pack_into")(buffer, offset, value)

    # -- errors ---------------------------------------------------------------------------------

    def _short(self, buffer: Buffer, offset: int) -> ValueError:
        have = memoryview(buffer).nbytes
        place = f" at offset {offset}" if offset else ""
        return ValueError(
            f"{self.c_name} takes {self.size} bytes{place}, the buffer has {max(0, have - offset)}"
            + (" from there on" if offset else "")
        )

    def _uneven(self, buffer: Buffer) -> ValueError:
        if self.variable:
            return ValueError(
                f"{self.c_name} ends in a flexible array: its records have no fixed size"
            )
        return ValueError(
            f"a buffer of {memoryview(buffer).nbytes} bytes is no whole number of "
            f"{self.c_name} ({self.size} bytes each)"
        )

    def complain(self, value: Any, error: Exception) -> Exception:
        try:
            self.check(value, self.root)
        except (ValueError, TypeError) as better:
            return better
        return error

    def _complain_into(
        self, buffer: Buffer, offset: int, value: Any, error: Exception
    ) -> Exception:
        better = self.complain(value, error)
        if better is error and memoryview(buffer).nbytes - offset < self.size:
            return self._short(buffer, offset)
        return better

    # -- compiling --------------------------------------------------------------------------------

    def compiled(self, name: str) -> Callable[..., Any]:
        """The function that method *name* comes down to, for whoever keeps it."""
        if getattr(type(self), name) is getattr(Codec, name):
            return self._build(name)
        method: Callable[..., Any] = getattr(self, name)
        return method

    def _build(self, name: str) -> Callable[..., Any]:
        built: Callable[..., Any] | None = self.__dict__.get(name)
        if built is not None:
            return built
        form = Writer(self.order) if name.startswith("pack") else Reader(self.order)
        text = _SOURCES[name](self, form)
        function = compile_function(text, name, self.c_name, form.constants)
        # An instance attribute hides the method: from now on callers get the function itself.
        self.__dict__[name] = function
        return function


def _in_byte_order(part: Any, order: ByteOrder) -> Any:
    """What a codec is made of, for its twin: the codecs in it, also those in tables of members."""
    if isinstance(part, Codec):
        return part.in_byte_order(order)
    if isinstance(part, tuple):
        return tuple(_in_byte_order(item, order) for item in part)
    return part


def compile_function(
    text: str, name: str, c_name: str, constants: dict[str, object]
) -> Callable[..., Any]:
    import linecache  # here, because loading alone compiles no codec

    file = f"<bpf2py {name} of {c_name}>"
    names: dict[str, Any] = {"__name__": __name__, **constants}
    exec(compile(text, file, "exec"), names)
    # The size of None keeps linecache.checkcache() from dropping it: there is no such file.
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    function: Callable[..., Any] = names[name]
    return function


def _source_unpack(codec: Codec[Any], out: Form) -> str:
    assert isinstance(out, Reader)
    value, struct = _read_whole(codec, out)
    lines = ["def unpack(buffer, offset=0):"]
    if out.slots or struct.size:
        unpack_from = out.constant(struct.unpack_from)
        error, short = out.constant(_struct.error), out.constant(codec._short)
        target = ", ".join(out.slots) + ", = " if out.slots else ""
        lines += [
            "    try:",
            f"        {target}{unpack_from}(buffer, offset)",
            f"    except {error}:",
            f"        raise {short}(buffer, offset) from None",
        ]
    lines += [f"    {line}" for line in out.statements]
    lines.append(f"    return {value}")
    return "\n".join(lines) + "\n"


def _source_unpack_list(codec: Codec[Any], out: Form) -> str:
    assert isinstance(out, Reader)
    lines, value, target = _records(codec, out, "unpack_list")
    if out.statements:
        lines += ["    values = []", "    add = values.append", f"    for {target} in records:"]
        lines += [f"        {line}" for line in out.statements]
        lines += [f"        add({value})", "    return values"]
    else:
        lines.append(f"    return [{value} for {target} in records]")
    return "\n".join(lines) + "\n"


def _source_iter_unpack(codec: Codec[Any], out: Form) -> str:
    assert isinstance(out, Reader)
    lines, value, target = _records(codec, out, "iter_unpack")
    lines += ["    def values():", f"        for {target} in records:"]
    lines += [f"            {line}" for line in out.statements]
    lines += [f"            yield {value}", "    return values()"]
    return "\n".join(lines) + "\n"


def _records(codec: Codec[Any], out: Reader, name: str) -> tuple[list[str], str, str]:
    """The beginning of a function over back-to-back records."""
    value, struct = _read_whole(codec, out)
    uneven = out.constant(codec._uneven)
    lines = [f"def {name}(buffer):"]
    if codec.variable or not codec.size:
        lines.append(f"    raise {uneven}(buffer)")
        lines.append("    records = ()")
    else:
        iterate, error = out.constant(struct.iter_unpack), out.constant(_struct.error)
        lines += [
            "    try:",
            f"        records = {iterate}(buffer)",
            f"    except {error}:",
            f"        raise {uneven}(buffer) from None",
        ]
    target = ", ".join(out.slots) + "," if out.slots else "_"
    return lines, value, target


def _read_whole(codec: Codec[Any], out: Reader) -> tuple[str, _struct.Struct]:
    value = codec.read(out)
    out.seek(codec.size)
    return value, _struct.Struct(out.format)


def _source_pack(codec: Codec[Any], out: Form) -> str:
    assert isinstance(out, Writer)
    struct = _write_whole(codec, out)
    values = ", ".join(out.values)
    tail = f" + {out.tail}).ljust({codec.full_size}, b'\\0')" if out.tail else ""
    head = "(" if out.tail else ""
    lines = ["def pack(value):", "    try:"]
    lines += [f"        {line}" for line in out.statements]
    lines += [
        f"        return {head}{out.constant(struct.pack)}({values}){tail}",
        f"    except {out.constant(PACK_ERRORS)} as error:",
        f"        raise {out.constant(codec.complain)}(value, error) from None",
    ]
    return "\n".join(lines) + "\n"


def _source_pack_into(codec: Codec[Any], out: Form) -> str:
    assert isinstance(out, Writer)
    struct = _write_whole(codec, out)
    values = "".join(f", {value}" for value in out.values)
    lines = ["def pack_into(buffer, offset, value):", "    try:"]
    lines += [f"        {line}" for line in out.statements]
    if out.tail:
        lines += [
            f"        tail = {out.tail}",
            f"        view = {out.constant(memoryview)}(buffer).cast('B')",
            f"        end = offset + {codec.size} + len(tail)",
            f"        view[offset + {codec.size}:end] = tail",
        ]
    lines += [
        f"        {out.constant(struct.pack_into)}(buffer, offset{values})",
        f"    except {out.constant(PACK_ERRORS)} as error:",
        f"        raise {out.constant(codec._complain_into)}(buffer, offset, value, error)"
        " from None",
    ]
    return "\n".join(lines) + "\n"


def _write_whole(codec: Codec[Any], out: Writer) -> _struct.Struct:
    codec.write(out, "value")
    out.seek(codec.size)
    return _struct.Struct(out.format)


_SOURCES: dict[str, Callable[[Codec[Any], Form], str]] = {
    "unpack": _source_unpack,
    "unpack_list": _source_unpack_list,
    "iter_unpack": _source_iter_unpack,
    "pack": _source_pack,
    "pack_into": _source_pack_into,
}
