"""A value as Python source: its annotation, its codec, and the default that is C's zero.

In: a :data:`Value`, and the names its classes were given.  Out: expressions.  The names of
Python's built-in types are written ``builtins.bytes`` where the class at hand has a member of
that name.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ..records import dataclass
from .layouts import Definition, EnumDef, ListOf, Named, Number, Raw, RestOf, Text, Value, Viewed
from .model import ValueModel

#: The built-in names that generated annotations and defaults use.
BUILTINS = frozenset({"bool", "bytes", "float", "int", "list", "object", "str"})


@dataclass(frozen=True, slots=True)
class ViewRow:
    """How a view is written: the annotation, the codec and the zero, in which ``{number}`` is the
    codec of the integer below, ``{size}`` and ``{bits}`` how large it is.
    """

    annotation: str
    codec: str
    zero: str


def _int_row(cls: str) -> ViewRow:
    return ViewRow(f"codec.{cls}", f"codec.As(codec.{cls}, {{number}})", f"codec.{cls}(0)")


VIEWED = {
    "ipv4": ViewRow("codec.IPv4Address", "codec.IPV4", "codec.IPV4.zero()"),
    "ipv6": ViewRow("codec.IPv6Address", "codec.IPV6", "codec.IPV6.zero()"),
    "mac": ViewRow("str", "codec.MAC", '"00:00:00:00:00:00"'),
    "be": ViewRow("int", "codec.BE{bits}", "0"),
    "ns": _int_row("Nanoseconds"),
    "ktime": _int_row("KTime"),
    "boottime": _int_row("BootTime"),
    "hex": ViewRow("int", "codec.As(codec.Hex, {number})", "0"),
    "hextext": ViewRow("str", "codec.HexText({size})", '"00" * {size}'),
}


@dataclass(frozen=True, slots=True)
class Source:
    """Writes values; ``names[i]`` is the Python name of ``definitions[i]``, ``zeros[i]`` the
    expression for an enum's zero; ``flags`` are those that are enums of flags.
    """

    definitions: Sequence[Definition]
    names: Sequence[str]
    zeros: Sequence[str]
    flags: Collection[int] = ()

    def annotation(self, value: Value, shadowed: Collection[str] = ()) -> str:
        """The type of *value*, inside a class with members called *shadowed*."""
        match value:
            case Number(python=python):
                return _builtin(python, shadowed)
            case Text() | RestOf(element=Text(size=0) | Viewed(size=0)):
                return _builtin("str", shadowed)
            case Raw() | RestOf(element=Raw(size=0)):
                return _builtin("bytes", shadowed)
            case ListOf(element=element) | RestOf(element=element):
                return f"{_builtin('list', shadowed)}[{self.annotation(element, shadowed)}]"
            case Viewed(view=view, index=-1):
                text = VIEWED[view].annotation
                return _builtin(text, shadowed) if text in BUILTINS else text
            case Named(index=index) | Viewed(index=index):
                name = self.names[index]
                if isinstance(self.definitions[index], EnumDef) and index not in self.flags:
                    return f"{name} | {_builtin('int', shadowed)}"
                return name

    def class_names(self, value: Value) -> tuple[str, ...]:
        """The generated classes that the annotation consists of."""
        match value:
            case ListOf(element=element) | RestOf(element=element):
                return self.class_names(element)
            case Named(index=index) | Viewed(index=index) if index >= 0:
                return (self.names[index],)
            case _:
                return ()

    def model(self, value: Value, c_type: str) -> ValueModel:
        """What the model says of a value of that C type."""
        return ValueModel(
            c_type=c_type,
            annotation=self.annotation(value),
            size=value.size,
            codec=self.codec(value),
            class_names=self.class_names(value),
        )

    def codec(self, value: Value) -> str:
        """The expression of the codec."""
        match value:
            case Number():
                return _number(value)
            case Text(size=size):
                return f"codec.Text({size})"
            case Raw(size=size):
                return f"codec.Bytes({size})"
            case ListOf(element=element, length=length):
                return f"codec.Array({self.codec(element)}, {length})"
            case RestOf(element=Text(size=0)):
                return "codec.RestText()"
            case RestOf(element=Raw(size=0)):
                return "codec.RestBytes()"
            case RestOf(element=Viewed(size=0)):
                return "codec.RestHex()"
            case RestOf(element=element):
                return f"codec.Rest({self.codec(element)})"
            case Viewed(index=-1):
                return _view_codec(value)
            case Viewed(index=index, size=size, signed=signed):
                return self._enum(index, size, signed)
            case Named(index=index):
                definition = self.definitions[index]
                if isinstance(definition, EnumDef):
                    return self._enum(index, definition.size, definition.signed)
                return f"codec.of({self.names[index]})"

    def _enum(self, index: int, size: int, signed: bool) -> str:
        if index in self.flags:
            return f"codec.Flags({self.names[index]}, {size})"
        sign = ", signed=True" if signed else ""
        return f"codec.Enum({self.names[index]}, {size}{sign})"

    def field_codec(self, value: Value, bits: tuple[int, int] | None) -> str:
        """The same, for a member that may be a bitfield."""
        inner = self.codec(value)
        return inner if bits is None else f"codec.Bits({bits[0]}, {bits[1]}, {inner})"

    def default(self, value: Value, shadowed: Collection[str] = ()) -> str:
        """The right-hand side of a dataclass field."""
        match value:
            case Raw(size=size) if size:
                return f"{_builtin('bytes', shadowed)}({size})"
            case RestOf(element=Viewed(view="ipv4" | "ipv6")):  # imports nothing
                return f"codec.field(default_factory=lambda: {self.annotation(value)}())"
            case RestOf(element=element) if element.size:
                return f"codec.field(default_factory={self.annotation(value, shadowed)})"
            case ListOf():
                return f"codec.field(default_factory=lambda: {self.zero(value)})"
            case Named(index=index) if not isinstance(self.definitions[index], EnumDef):
                return f"codec.field(default_factory={self.names[index]})"
            case Viewed(view="ipv4" | "ipv6"):  # likewise, before one is made
                return f"codec.field(default_factory={self.zero(value).removesuffix('()')})"
            case _:
                return self.zero(value)

    def zero(self, value: Value) -> str:
        """A fresh value of all zero bytes; the names in it are those of the module."""
        match value:
            case Number(python=python):
                return {"int": "0", "bool": "False", "float": "0.0"}[python]
            case Text() | RestOf(element=Text(size=0) | Viewed(size=0)):
                return '""'
            case RestOf(element=Raw(size=0)) | Raw(size=0):
                return 'b""'
            case Raw(size=size):
                return f"bytes({size})"
            case RestOf():
                return "[]"
            case ListOf(element=element, length=length):
                zero = self.zero(element)
                if self._immutable(element):
                    return f"[{zero}] * {length}"
                return f"[{zero} for _ in range({length})]"
            case Viewed(view=view, size=size, index=-1):
                return VIEWED[view].zero.format(size=size)
            case Named(index=index) | Viewed(index=index):
                if isinstance(self.definitions[index], EnumDef):
                    return self.zeros[index]
                return f"{self.names[index]}()"

    def _immutable(self, value: Value) -> bool:
        """Whether one value may stand in several places of a list."""
        if isinstance(value, Named):
            return isinstance(self.definitions[value.index], EnumDef)
        return not isinstance(value, ListOf)


def _builtin(name: str, shadowed: Collection[str]) -> str:
    return f"builtins.{name}" if name in shadowed else name


def _view_codec(value: Viewed) -> str:
    bits, number = value.size * 8, _number(Number(value.size, value.signed))
    if value.view == "be" and value.signed:
        return f"codec.BigEndian({value.size}, signed=True)"
    return VIEWED[value.view].codec.format(bits=bits, number=number, size=value.size)


def _number(value: Number) -> str:
    if value.python == "bool":
        return "codec.BOOL"
    bits = value.size * 8
    if value.python == "float":
        return f"codec.F{bits}"
    if value.size not in (1, 2, 4, 8):
        return (
            f"codec.Int({value.size}, signed=True)" if value.signed else f"codec.Int({value.size})"
        )
    return f"codec.{'S' if value.signed else 'U'}{bits}"
