"""A value as Python source: its annotation, its codec, and the default that is C's zero.

In: a :data:`Value`, and the names its classes were given.  Out: expressions.  The names of
Python's built-in types are written ``builtins.bytes`` where the class at hand has a member of
that name.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from .layouts import Definition, EnumDef, ListOf, Named, Number, Raw, RestOf, Text, Value

#: The built-in names that generated annotations and defaults use.
BUILTINS = frozenset({"bool", "bytes", "float", "int", "list", "str"})


@dataclass(frozen=True, slots=True)
class Source:
    """Writes values; ``names[i]`` is the Python name of ``definitions[i]``, ``zeros[i]`` the
    expression for an enum's zero.
    """

    definitions: Sequence[Definition]
    names: Sequence[str]
    zeros: Sequence[str]

    def annotation(self, value: Value, shadowed: Collection[str] = ()) -> str:
        """The type of *value*, inside a class with members called *shadowed*."""
        match value:
            case Number(python=python):
                return _builtin(python, shadowed)
            case Text() | RestOf(element=Text(size=0)):
                return _builtin("str", shadowed)
            case Raw() | RestOf(element=Raw(size=0)):
                return _builtin("bytes", shadowed)
            case ListOf(element=element) | RestOf(element=element):
                return f"{_builtin('list', shadowed)}[{self.annotation(element, shadowed)}]"
            case Named(index=index):
                name = self.names[index]
                if isinstance(self.definitions[index], EnumDef):
                    return f"{name} | {_builtin('int', shadowed)}"
                return name

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
            case RestOf(element=element):
                return f"codec.Rest({self.codec(element)})"
            case Named(index=index):
                definition = self.definitions[index]
                if isinstance(definition, EnumDef):
                    sign = ", signed=True" if definition.signed else ""
                    return f"codec.Enum({self.names[index]}, {definition.size}{sign})"
                return f"codec.of({self.names[index]})"

    def field_codec(self, value: Value, bits: tuple[int, int] | None) -> str:
        """The same, for a member that may be a bitfield."""
        inner = self.codec(value)
        return inner if bits is None else f"codec.Bits({bits[0]}, {bits[1]}, {inner})"

    def default(self, value: Value, shadowed: Collection[str] = ()) -> str:
        """The right-hand side of a dataclass field."""
        match value:
            case Raw(size=size) if size:
                return f"{_builtin('bytes', shadowed)}({size})"
            case RestOf(element=element) if element.size:
                return f"codec.field(default_factory={self.annotation(value, shadowed)})"
            case ListOf():
                return f"codec.field(default_factory=lambda: {self.zero(value)})"
            case Named(index=index) if not isinstance(self.definitions[index], EnumDef):
                return f"codec.field(default_factory={self.names[index]})"
            case _:
                return self.zero(value)

    def zero(self, value: Value) -> str:
        """A fresh value of all zero bytes; the names in it are those of the module."""
        match value:
            case Number(python=python):
                return {"int": "0", "bool": "False", "float": "0.0"}[python]
            case Text() | RestOf(element=Text(size=0)):
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
            case Named(index=index):
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
