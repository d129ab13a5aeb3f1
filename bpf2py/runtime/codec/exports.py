"""Layouts of generated classes for other readers of bytes: ``struct`` formats and NumPy dtypes.

In: a struct or union class.  Out: a format string, or a ``numpy.dtype``, of C's size, every member
at C's offset, in the byte order of this machine.  What neither can say is bytes: a union, an
integer of 16 bytes, and bitfields, the run of which shares bytes.  Of a member with a view the
number or the bytes that C has; in network byte order a number for NumPy, which knows byte orders,
and bytes for ``struct``.  A flexible array member is left out: it has no size.  NumPy is imported
when a dtype is asked for, and by nothing else.
"""

from __future__ import annotations

from ...light import Any, Iterator
from .array import Array, Tail
from .base import Codec
from .record import Struct, of
from .scalar import Bits, Bool, Bytes, Enum, Float, Int, Text
from .views import IPV4, IPV6, MAC, As, BigEndian, Flags, HexText


def struct_format(cls: type[Any]) -> str:
    """The format of a struct or union class for the standard ``struct`` module.

    Nested structs and arrays are flattened; ``struct.calcsize()`` of it is ``runtime.sizeof(cls)``.
    Raises TypeError if *cls* is no class of a generated module.
    """
    return f"={_format(of(cls))}"


def numpy_dtype(cls: type[Any]) -> Any:
    """A ``numpy.dtype`` for a struct or union class, to be given to ``numpy.frombuffer``.

    Fields are called like the attributes; a run of bitfields is ``bits_8`` (``V`` bytes) where it
    begins at offset 8.  Enums and flags are their integers, ``char[n]`` is ``S``, ``unsigned char[n]``
    an array of ``u1``, a union ``V`` bytes under the attribute that holds it; ``ipv4`` is ``>u4``,
    ``ipv6`` and ``mac`` are arrays of ``u1``.  Raises TypeError if
    *cls* is no class of a generated module, ModuleNotFoundError without NumPy.
    """
    from importlib import import_module

    codec = of(cls)
    try:
        numpy: Any = import_module("numpy")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            f"a dtype of {cls.__name__} needs NumPy: pip install numpy", name=error.name
        ) from None
    return numpy.dtype(_dtype(numpy, codec))


def _parts(codec: Struct[Any]) -> Iterator[tuple[str, int, int, Codec[Any] | None]]:
    """Name, offset, size and codec of each member, without a codec for a run of bitfields."""
    names = {name for name, _, _ in codec.members}
    for offset, size, members in codec._runs():
        name, _, inner = members[0]
        if isinstance(inner, Tail):
            continue
        if isinstance(inner, Bits):
            name = f"bits_{offset}"
            while name in names:
                name += "_"
            yield name, offset, size, None
        else:
            yield name, offset, size, inner


def _format(codec: Codec[Any]) -> str:
    match codec:
        case Int() | Enum() | Bool() | Float() | As() | Flags() if codec.word:
            return codec.word
        case Float():
            return codec.code
        case Array(element=element, count=count):
            inner = _format(element)
            return f"{count}{inner}" if len(inner) == 1 else inner * count
        case Struct():
            text, at = list[str](), 0
            for _, offset, size, inner_codec in _parts(codec):
                text.append(_padding(offset - at))
                text.append(f"{size}s" if inner_codec is None else _format(inner_codec))
                at = offset + size
            return "".join(text) + _padding(codec.full_size - at)
        case _:
            return f"{codec.size}s"


def _padding(size: int) -> str:
    return f"{size}x" if size else ""


def _dtype(numpy: Any, codec: Codec[Any]) -> Any:
    match codec:
        case Int() | Enum() | As() | Flags() if codec.word:
            return numpy.dtype(f"={'i' if codec.signed else 'u'}{codec.size}")
        case BigEndian(size=size, signed=signed):
            return numpy.dtype(f">{'i' if signed else 'u'}{size}")
        case _ if codec is IPV4:
            return numpy.dtype(">u4")
        case Bool():
            return numpy.dtype("?")
        case Float(size=size):
            return numpy.dtype(f"=f{size}")
        case Text(size=size):
            return numpy.dtype(f"S{size}")
        case _ if isinstance(codec, Bytes | HexText) or codec in (IPV6, MAC):
            return numpy.dtype(("u1", (codec.size,)))
        case Array(element=element, count=count):
            return numpy.dtype((_dtype(numpy, element), (count,)))
        case Struct():
            rows = list(_parts(codec))
            return numpy.dtype(
                {
                    "names": [name for name, _, _, _ in rows],
                    "formats": [
                        numpy.dtype(f"V{size}") if inner is None else _dtype(numpy, inner)
                        for _, _, size, inner in rows
                    ],
                    "offsets": [offset for _, offset, _, _ in rows],
                    "itemsize": codec.full_size,
                }
            )
        case _:
            return numpy.dtype(f"V{codec.size}")
