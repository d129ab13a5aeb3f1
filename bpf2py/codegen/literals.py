"""Values of ``bpf2py.spec`` as Python source: the description inside a generated module.

In: a spec.  Out: an expression that makes an equal one, or statements that make one of another, in
terms of the modules ``spec``, ``uapi`` and ``runtime``.  Fields that have their default are left
out, so a new field with a default changes no module that does not use it.  Not here: line breaks
(``format`` makes them).
"""

from __future__ import annotations

import binascii
import enum
import zlib
from collections.abc import Callable, Iterator

from .. import records
from .. import spec as _spec
from .. import uapi as _uapi
from ..enums import IntEnum, IntFlag
from .errors import CodegenError

#: Bytes up to this many stand in the module as they are.
SHORT = 24
#: Characters of a blob's text in one line.
BLOB_LINE = 72

_MODULES = {_spec.__name__: "spec", _uapi.__name__: "uapi"}


def expression(value: object, write: Callable[[bytes], str] | None = None) -> str:
    """Source for *value*: plain values, enums of ``uapi``, dataclasses of ``spec``, collections.

    *write* gives the source for long bytes; :func:`blob` if it is not given.
    """
    return _Writer(write or blob).expression(value)


def changes(
    target: str, old: object, new: object, write: Callable[[bytes], str] | None = None
) -> list[str]:
    """Statements that make *old*, called *target*, equal to *new*; none if they are equal."""
    return list(_Writer(write or blob).changes(target, old, new))


def blob(data: bytes) -> str:
    """``runtime.blob(…)`` for *data*: zlib, then base64, in lines of readable length.

    Another zlib may give other text for the same bytes; who compares modules looks through it.
    """
    text = binascii.b2a_base64(zlib.compress(data, 9), newline=False).decode()
    lines = [text[start : start + BLOB_LINE] for start in range(0, len(text), BLOB_LINE)]
    return f"runtime.blob({' '.join(repr(line) for line in lines)})"


class Sidecar:
    """Bytes for a file beside the module, each once; the module says where in ``data`` they are."""

    def __init__(self) -> None:
        self.data = bytearray()
        self._places: dict[bytes, int] = {}

    def write(self, data: bytes) -> str:
        """The expression for *data*."""
        start = self._places.setdefault(data, len(self.data))
        if start == len(self.data):
            self.data += data
        return f"data[{start}:{start + len(data)}]"


class _Writer:
    def __init__(self, write: Callable[[bytes], str]) -> None:
        self._write = write

    def expression(self, value: object) -> str:
        match value:
            case enum.Enum():
                raise CodegenError(f"a {type(value).__name__} has no place in a description")
            case IntFlag():
                return _flags(value)
            case IntEnum():
                return f"{_MODULES[type(value).__module__]}.{type(value).__name__}.{value.name}"
            case None | bool() | int() | str():
                return repr(value)
            case bytes():
                return self._bytes(value)
            case bytearray():
                data = bytes(value)
                inner = str(len(data)) if not any(data) else self._bytes(data)
                return f"bytearray({inner})"
            case tuple():
                items = [self.expression(item) for item in value]
                return f"({', '.join(items)}{',' if len(items) == 1 else ''})"
            case list():
                return f"[{', '.join(self.expression(item) for item in value)}]"
            case dict():
                rows = (
                    f"{self.expression(key)}: {self.expression(item)}"
                    for key, item in value.items()
                )
                return f"{{{', '.join(rows)}}}"
            case records.Dataclass() if type(value).__module__ in _MODULES:
                return self._dataclass(value)
            case _:
                raise CodegenError(f"a {type(value).__name__} has no place in a description")

    def changes(self, target: str, old: object, new: object) -> Iterator[str]:
        """What of *old* is another in *new*, as deep as one can assign to it and be typed."""
        if type(old) is type(new) and old == new:
            return
        match old, new:
            case dict(), dict() if list(old) == list(new):
                for key in old:
                    yield from self.changes(f"{target}[{key!r}]", old[key], new[key])
            case records.Dataclass(), _ if type(old) is type(new) and not _is_optional(target):
                for name, value in records.pairs(old):
                    yield from self.changes(f"{target}.{name}", value, getattr(new, name))
            case _:
                yield f"{target} = {self.expression(new)}"

    def _bytes(self, data: bytes) -> str:
        return repr(data) if len(data) <= SHORT else self._write(data)

    def _dataclass(self, value: records.Dataclass) -> str:
        words = [f"{name}={self.expression(item)}" for name, item in records.changed(value)]
        cls = type(value)
        return f"{_MODULES[cls.__module__]}.{cls.__name__}({', '.join(words)})"


def _is_optional(target: str) -> bool:
    """Whether a checker thinks that there may be nothing at *target*."""
    return target.endswith(".inner")


def _flags(value: IntFlag) -> str:
    cls = type(value)
    name = f"{_MODULES[cls.__module__]}.{cls.__name__}"
    number = int(value.value)
    words: list[str] = []
    for member in cls:  # in the order of bits; aliases and combinations are not among them
        if number & int(member.value) == int(member.value):
            words.append(f"{name}.{member.name}")
            number &= ~int(member.value)
    if number or not words:
        words.append(f"{name}({number:#x})" if number else f"{name}(0)")
    return " | ".join(words)
