"""The values of ``extern … __kconfig``: what the map ``.kconfig`` is filled with.

In: an ``ObjectSpec``; what the user says of the configuration; the running kernel's own, which is
read only if something is still open then.  Out: the map's bytes.  Not here: where the values lie
(``elf.externs`` decided that).  Rules and order of places are those of
bpf_object__resolve_externs() of libbpf.
"""

from __future__ import annotations

import errno
import os
import sys
import zlib

from ...light import TYPE_CHECKING, Callable, Mapping
from ...spec import KCONFIG, ExternKind, ExternSpec, ObjectSpec
from .. import kernel
from ..errors import NotSupportedError
from ..log import warn

if TYPE_CHECKING:
    from typing import TypeAlias

#: A file (plain or gzip), the text itself, or values by name.
Kconfig: TypeAlias = "str | os.PathLike[str] | bytes | Mapping[str, bool | int | str]"

_TRISTATE = {b"n": 0, b"y": 1, b"m": 2}
_PREFIX, _VIRTUAL = "CONFIG_", "LINUX_"
#: What each kind of extern can hold, for messages.
_HOLDS = {
    ExternKind.BOOL: "a bool",
    ExternKind.TRISTATE: "a tristate",
    ExternKind.SIGNED: "a number",
    ExternKind.UNSIGNED: "a number",
    ExternKind.TEXT: "a text",
}


def _bpf_cookie() -> int:
    from ..features import has_bpf_cookie

    return int(has_bpf_cookie())


def _syscall_wrapper() -> int:
    from .kallsyms import has_syscall_wrapper

    return int(has_syscall_wrapper())


#: Externs that are no configuration: what the loader finds out about the kernel.
_FACTS: dict[str, Callable[[], int]] = {
    "LINUX_KERNEL_VERSION": kernel.version_code,
    "LINUX_HAS_BPF_COOKIE": _bpf_cookie,
    "LINUX_HAS_SYSCALL_WRAPPER": _syscall_wrapper,
}


def kconfig_data(spec: ObjectSpec, given: Kconfig | None) -> bytes:
    """The bytes of the map ``.kconfig`` of *spec* on this kernel.

    What *given* says goes before what the kernel says.  Raises :class:`ValueError` for a value that
    its extern cannot hold, :class:`NotSupportedError` for one that is not there and not weak,
    :class:`OSError` if a file cannot be read.
    """
    values = _Values(spec)
    if isinstance(given, Mapping):
        values.take_mapping(given)
    values.take_facts()
    if given is not None and not isinstance(given, Mapping):
        values.take_text(*_given_text(given))
    if values.open:
        values.take_kernel(optional=given is not None)
    values.require_strong()
    return bytes(values.data)


def running_config() -> tuple[bytes, str]:
    """The text of the running kernel's configuration, and its file; FileNotFoundError if none is there."""
    paths = (f"/boot/config-{os.uname().release}", "/proc/config.gz")
    for path in paths:
        try:
            return _read(path), path
        except FileNotFoundError:
            continue
    raise FileNotFoundError(
        errno.ENOENT, f"neither {paths[0]} nor {paths[1]} is there (modprobe configs may help)"
    )


class _Values:
    """The map's bytes as they fill up; *open* are the externs that have no value yet."""

    def __init__(self, spec: ObjectSpec) -> None:
        layout = spec.maps[KCONFIG]
        self._object = spec.name
        self._places = layout.variables
        self.data = bytearray(layout.value_size)
        self.open = {
            name: extern for name, extern in spec.externs.items() if name in layout.variables
        }
        self._looked: list[str] = []

    def take_mapping(self, values: Mapping[str, bool | int | str]) -> None:
        self._looked.append("kconfig")
        for name, value in values.items():
            extern = self.open.get(name)
            if extern is None:
                raise ValueError(
                    f"kconfig: object {self._object!r} has no extern {name!r}; there are: "
                    f"{', '.join(self._places)}"
                )
            self._take(extern, _as_written(extern, value), "kconfig")

    def take_facts(self) -> None:
        for name in [name for name in self.open if not name.startswith(_PREFIX)]:
            extern = self.open[name]
            find = _FACTS.get(name)
            if find is not None:
                self._take_number(extern, find(), "this kernel")
            elif not (name.startswith(_VIRTUAL) and extern.weak):
                raise ValueError(
                    f"{self._what(extern)}: a __kconfig extern is called {_PREFIX}…, or one of "
                    f"{', '.join(_FACTS)}"
                )

    def take_text(self, text: bytes, where: str) -> None:
        """Values from lines such as ``CONFIG_HZ=250``; the first line of a name counts."""
        self._looked.append(where)
        text = b"\n" + text
        for name, extern in list(self.open.items()):
            key = os.fsencode(f"\n{name}=")
            at = text.find(key) if name.startswith(_PREFIX) else -1
            if at >= 0:
                end = text.find(b"\n", at + 1)
                line = text[at + len(key) : end if end >= 0 else len(text)].rstrip(b"\r")
                self._take(extern, line, where)

    def take_kernel(self, *, optional: bool) -> None:
        """Values from the running kernel's configuration, which need not be there if *optional*."""
        if not any(name.startswith(_PREFIX) for name in self.open):
            return
        try:
            self.take_text(*running_config())
        except FileNotFoundError as exc:
            if optional:
                return
            raise NotSupportedError(
                "reading its own configuration",
                hint=f"{exc.strerror}; give load() the configuration as kconfig= for "
                f"{', '.join(self.open)} of object {self._object!r}",
            ) from None

    def require_strong(self) -> None:
        missing = [extern.name for extern in self.open.values() if not extern.weak]
        if missing:
            raise NotSupportedError(
                ", ".join(missing),
                hint=f"not set in {' or '.join(self._looked)}, and object {self._object!r} needs "
                "a value; declare the extern __weak to read zero then, or give load() the value as "
                "kconfig=",
            )

    # ---- one value ----

    def _take(self, extern: ExternSpec, value: bytes, where: str) -> None:
        """Take *value* as a configuration writes it: ``y``, ``"text"``, ``250``, ``0x10``."""
        kind, first = extern.kind, value[:1]
        if first == b'"' and kind is ExternKind.TEXT:
            self._take_text(extern, value, where)
        elif first in _TRISTATE and kind in (ExternKind.BOOL, ExternKind.TRISTATE):
            if first == b"m" and kind is ExternKind.BOOL:
                raise self._misfit(extern, value, where, "a tristate")
            self._put(extern, _TRISTATE[first])
        elif first in _TRISTATE and self._places[extern.name].size == 1 and kind in _NUMBERS:
            self._put(extern, first[0])
        elif first in _TRISTATE or first == b'"' or kind not in _NUMBERS:
            raise self._misfit(extern, value, where, _looks_like(first, value))
        else:
            number = _number(value)
            if number is None:
                raise ValueError(
                    f"{self._what(extern)}: {where} says {value.decode(errors='replace')!r}, "
                    "which is no value"
                )
            self._take_number(extern, number, where)

    def _take_text(self, extern: ExternSpec, value: bytes, where: str) -> None:
        if len(value) < 2 or value[-1:] != b'"':
            raise ValueError(
                f"{self._what(extern)}: {where} says {value.decode(errors='replace')!r}, "
                "which has no end"
            )
        text, room = value[1:-1], self._places[extern.name].size - 1
        if len(text) > room:
            warn(
                f"{self._what(extern)}: {where} says {value.decode(errors='replace')}, of which "
                f"only {room} bytes fit"
            )
        offset = self._places[extern.name].offset
        self.data[offset : offset + min(len(text), room)] = text[:room]
        del self.open[extern.name]

    def _take_number(self, extern: ExternSpec, number: int, where: str) -> None:
        size = self._places[extern.name].size
        if extern.kind not in _RANGES:
            raise self._misfit(extern, b"%d" % number, where, "a number")
        low, high = _RANGES[extern.kind](8 * size)
        if not low <= number <= high:
            raise ValueError(
                f"{self._what(extern)}: {where} says {number}, which does not fit into {size} "
                f"{'byte' if size == 1 else 'bytes'} ({low} to {high})"
            )
        self._put(extern, number)

    def _put(self, extern: ExternSpec, number: int) -> None:
        place = self._places[extern.name]
        number &= (1 << 8 * place.size) - 1
        self.data[place.offset : place.offset + place.size] = number.to_bytes(
            place.size, sys.byteorder
        )
        del self.open[extern.name]

    def _what(self, extern: ExternSpec) -> str:
        return f"extern {extern.name!r} of object {self._object!r}"

    def _misfit(self, extern: ExternSpec, value: bytes, where: str, is_a: str) -> ValueError:
        return ValueError(
            f"{self._what(extern)}: {where} says {value.decode(errors='replace')}, which is {is_a}; "
            f"the extern is declared as {_HOLDS[extern.kind]}"
        )


_NUMBERS = (ExternKind.SIGNED, ExternKind.UNSIGNED)
#: Kind to the range of so many bits.  Eight bytes hold addresses, whatever sign they have.
_RANGES: dict[ExternKind, Callable[[int], tuple[int, int]]] = {
    ExternKind.BOOL: lambda bits: (0, 1),
    ExternKind.SIGNED: lambda bits: (-1 << bits - 1, (1 << (bits if bits == 64 else bits - 1)) - 1),
    ExternKind.UNSIGNED: lambda bits: (-1 << 63 if bits == 64 else 0, (1 << bits) - 1),
}


def _looks_like(first: bytes, value: bytes) -> str:
    if first == b"m":
        return "a tristate"
    if first in _TRISTATE:
        return "a bool or tristate"
    return "a text" if first == b'"' else "no value" if _number(value) is None else "a number"


def _number(text: bytes) -> int | None:
    """A number in C's way of writing, as strtoull() reads it; None if it is none."""
    try:
        digits = text.decode("ascii").lstrip("-+")
        octal = digits[:1] == "0" and digits.isdecimal()
        return int(text, 8 if octal else 0)
    except ValueError:
        return None


def _as_written(extern: ExternSpec, value: bool | int | str) -> bytes:
    """A Python value as a configuration would write it."""
    if isinstance(value, bool):
        return b"y" if value else b"n"
    if isinstance(value, int):
        return b"%d" % value
    if extern.kind is ExternKind.TEXT:
        return b'"%s"' % value.encode("utf-8", "surrogateescape")
    return value.encode("utf-8", "surrogateescape")


def _given_text(given: str | os.PathLike[str] | bytes) -> tuple[bytes, str]:
    if isinstance(given, bytes):
        return _unzipped(given, "kconfig"), "kconfig"
    try:
        return _read(given), os.fspath(given)
    except FileNotFoundError as exc:
        if isinstance(given, str) and given.startswith((_PREFIX, "#")):
            exc.add_note("a str is a path; give the text itself as bytes, or values as a dict")
        raise


def _read(path: str | os.PathLike[str]) -> bytes:
    with open(path, "rb", buffering=0) as file:
        return _unzipped(file.readall(), os.fspath(path))


def _unzipped(data: bytes, where: str) -> bytes:
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        return zlib.decompress(data, 31)
    except zlib.error as exc:
        raise ValueError(f"{where} is no configuration: {exc}") from None
