"""Global variables of a BPF object as attributes, before loading and after.

In: a data section's spec, or its map.  Out: values.  Before loading a variable is read and written
in ``MapSpec.data``, in the byte order that the object was compiled for.  After loading the section is a map with one element, mapped into this process
(Linux 5.5), so that a read or write is a memory access and no system call; on older kernels the
element is read and written as a whole, and a write may undo what a program wrote meanwhile.

A number of 1, 2, 4 or 8 bytes at its natural alignment is read and written in one access, as a C
program would.  Anything larger is copied while BPF programs may be running: it can be half old
and half new.  A struct or list that was read is a copy; assign it again to store it.
"""

from __future__ import annotations

import mmap
import sys

from ..light import TYPE_CHECKING, Any, Generic, Never, Protocol, Self, TypeVar, overload
from ..uapi import Cmd, MapFlags, MapType
from .codec import Codec
from .codec.array import of_length
from .codec.base import BYTE_ORDER, ByteOrder
from .errors import ClosedError

if TYPE_CHECKING:
    from ..spec import MapSpec
    from .maps.handle import MapHandle

T = TypeVar("T")


class _Access(Protocol):
    """A way to the bytes of a section."""

    def read(self, place: _Place[T]) -> T: ...
    def write(self, place: _Place[T], value: T) -> None: ...


class _Live(_Access, Protocol):
    """A way to the bytes of a section in the kernel."""

    @property
    def handle(self) -> MapHandle: ...


class Attribute:
    """What can be read or set on a class of variables, called as in that class."""

    __slots__ = ("name",)

    name: str

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name


class _Place(Attribute, Generic[T]):
    """Where a variable lies in its section, and what it is."""

    __slots__ = ("_format", "codec", "offset")

    def __init__(self, codec: Codec[T], offset: int) -> None:
        self.codec = codec
        self.offset = offset
        self.name = ""
        self._format: str | None = None

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: _Section, owner: type) -> T: ...
    def __get__(self, instance: _Section | None, owner: type) -> Self | T:
        if instance is None:
            return self
        return instance.__access__.read(self)

    @property
    def format(self) -> str:
        """The ``memoryview`` format where this is one aligned machine word, else empty."""
        if self._format is None:
            word = self.codec.word
            self._format = word if word and self.offset % self.codec.size == 0 else ""
        return self._format

    def explain(
        self, value: object, error: Exception, codec: Codec[Any] | None = None
    ) -> Exception:
        """The error that says which variable and which range, for a refused *value*."""
        try:
            (codec or self.codec).check(value, self.name)
        except (ValueError, TypeError) as better:
            return better
        return error


class Constant(_Place[T]):
    """A variable of a loaded object that cannot change any more (``.rodata``): reading only."""

    __slots__ = ()

    # No value is a Never, so assigning is a type error; without __set__ mypy would allow it.
    def __set__(self, instance: _Section, value: Never) -> None:
        raise AttributeError(
            f"{self.name!r} is a constant once the object is loaded: set it on the spec, "
            "before load()",
            name=self.name,
            obj=instance,
        )


class Variable(_Place[T]):
    """A global variable, *offset* bytes into its section."""

    __slots__ = ()

    def __set__(self, instance: _Section, value: T) -> None:
        instance.__access__.write(self, value)


class _Section:
    """Variables by name; no attribute but those the class has, so that a typo is an error."""

    __slots__ = ("__access__",)

    __access__: _Access

    if not TYPE_CHECKING:  # to the checkers it would allow to set any name

        def __setattr__(self, name: str, value: Any) -> None:
            if not isinstance(getattr(type(self), name, None), Attribute):
                known = ", ".join(self.__dir__()) or "none"
                raise AttributeError(
                    f"{type(self).__name__} has no variable {name!r}; there are: {known}",
                    name=name,
                    obj=self,
                )
            object.__setattr__(self, name, value)

    def __dir__(self) -> list[str]:
        cls = type(self)
        return [name for name in dir(cls) if isinstance(getattr(cls, name, None), Attribute)]

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self.__dir__()) or 'no variables'}>"


class DataSpec(_Section):
    """The variables of a section before loading: what they start with."""

    __slots__ = ()

    def __init__(self, map_spec: MapSpec, byte_order: ByteOrder = BYTE_ORDER) -> None:
        object.__setattr__(self, "__access__", _Initial(map_spec, byte_order))

    def __setstate__(self, state: tuple[None, dict[str, object]]) -> None:
        """For copies, and what was pickled."""
        object.__setattr__(self, "__access__", state[1]["__access__"])


class Data(_Section):
    """The variables of a section in the kernel, live."""

    __slots__ = ()

    __access__: _Live

    def __init__(self, handle: MapHandle) -> None:
        access = _access(handle)
        if handle.last_array is not None:
            access = _Resized(access, *handle.last_array)
        object.__setattr__(self, "__access__", access)


class _Initial:
    """The bytes in a ``MapSpec``; missing ones are zero, as in ``.bss``."""

    def __init__(self, spec: MapSpec, byte_order: ByteOrder) -> None:
        self._spec = spec
        self._order = byte_order
        self._resized: dict[int, Codec[Any]] = {}

    def _data(self, end: int) -> bytearray:
        spec = self._spec
        if spec.data is None:
            spec.data = bytearray(spec.value_size)
        if len(spec.data) < end:
            spec.data.extend(bytes(end - len(spec.data)))
        return spec.data

    def _codec(self, place: _Place[T]) -> Codec[T]:
        codec, length = place.codec, self._spec.array_length
        if length is not None and place.offset == self._last:
            if length not in self._resized:
                self._resized = {length: of_length(codec, length)}
            codec = self._resized[length]
        return codec.in_byte_order(self._order)

    @property
    def _last(self) -> int:
        return max(each.offset for each in self._spec.variables.values())

    def read(self, place: _Place[T]) -> T:
        codec = self._codec(place)
        return codec.unpack(self._data(place.offset + codec.size), place.offset)

    def write(self, place: _Place[T], value: T) -> None:
        codec = self._codec(place)
        data = self._data(place.offset + codec.size)
        try:
            codec.pack_into(data, place.offset, value)
        except (ValueError, TypeError) as error:
            raise place.explain(value, error, codec) from None


def _access(handle: MapHandle) -> _Live:
    if handle.map_type == MapType.ARENA:
        return _InArena(handle)
    if handle.flags & MapFlags.MMAPABLE:
        return _Mapped(handle)
    return _Copied(handle)


class _Mapped:
    """The section mapped into this process, from the first access until the map is closed."""

    def __init__(self, handle: MapHandle) -> None:
        self.handle = handle
        self._view: memoryview | None = None
        self._words: dict[str, memoryview] = {}
        handle.at_close.append(self._drop)

    def _map(self) -> memoryview:
        handle = self.handle
        fd = handle.fileno()
        # array_map_mmap(): whole pages, the value rounded up to 8 bytes.
        page = mmap.PAGESIZE
        length = (handle.value_size + page - 1) // page * page
        reading, writing = mmap.PROT_READ, mmap.PROT_READ | mmap.PROT_WRITE
        # A frozen map can be mapped for reading only; before 5.2 constants are not frozen.
        ways = (reading,) if handle.flags & MapFlags.RDONLY_PROG else (writing, reading)
        for protection in ways:
            try:
                mapped = map_memory(fd, length, protection)
                break
            except PermissionError as error:
                refused = error
        else:
            raise PermissionError(
                refused.errno, "the kernel does not let it be mapped", handle.what
            )
        self._view = memoryview(mapped)
        return self._view

    def _drop(self) -> None:
        self._words.clear()
        self._view = None

    def _word(self, word: str) -> memoryview:
        view = self._words.get(word)
        if view is None:
            view = self._words[word] = self._whole().cast(word)  # type: ignore[call-overload]
        return view

    def _whole(self) -> memoryview:
        if self.handle.closed:
            raise ClosedError(self.handle.why_closed)
        return self._view if self._view is not None else self._map()

    def read(self, place: _Place[T]) -> T:
        codec = place.codec
        if place.format:
            number = self._word(place.format)[place.offset // codec.size]
            return codec.from_word(number)
        # One copy of the bytes first: a value must not change while it is taken apart.
        end = place.offset + codec.size
        return codec.unpack(bytes(self._whole()[place.offset : end]))

    def write(self, place: _Place[T], value: T) -> None:
        codec = place.codec
        view = self._whole()
        if view.readonly:
            raise AttributeError(
                f"{place.name!r} cannot be set any more: {self.handle.what} is read-only"
            )
        try:
            if place.format:
                self._word(place.format)[place.offset // codec.size] = value  # type: ignore[call-overload]
            else:
                view[place.offset : place.offset + codec.size] = codec.pack(value)
        except (ValueError, TypeError) as error:
            raise place.explain(value, error) from None


class _InArena(_Mapped):
    """The globals of an arena, which is mapped as a whole."""

    def _map(self) -> memoryview:
        from .maps.arena import ArenaHandle

        handle = self.handle
        assert isinstance(handle, ArenaHandle)
        self._view = handle.memory[handle.data_offset :]
        return self._view


class _Resized:
    """Any access, to a section whose last array has another length than the class says."""

    def __init__(self, access: _Live, offset: int, length: int) -> None:
        self.handle = access.handle
        self._access = access
        self._offset = offset
        self._length = length
        self._longer: _Place[Any] | None = None

    def _place(self, place: _Place[T]) -> _Place[T]:
        if place.offset != self._offset:
            return place
        if self._longer is None:
            self._longer = _Place(of_length(place.codec, self._length), place.offset)
            self._longer.name = place.name
        return self._longer

    def read(self, place: _Place[T]) -> T:
        return self._access.read(self._place(place))

    def write(self, place: _Place[T], value: T) -> None:
        self._access.write(self._place(place), value)


class _Copied:
    """The section read and written as one map element: kernels before 5.5."""

    def __init__(self, handle: MapHandle) -> None:
        self.handle = handle

    def _read_all(self) -> bytearray:
        value = bytearray(self.handle.room)
        self.handle.elem(Cmd.MAP_LOOKUP_ELEM, bytearray(4), value)
        return value

    def read(self, place: _Place[T]) -> T:
        return place.codec.unpack(self._read_all(), place.offset)

    def write(self, place: _Place[T], value: T) -> None:
        data = self._read_all()
        try:
            place.codec.pack_into(data, place.offset, value)
        except (ValueError, TypeError) as error:
            raise place.explain(value, error) from None
        self.handle.elem(Cmd.MAP_UPDATE_ELEM, bytearray(4), data)


def map_memory(fd: int, length: int, protection: int, offset: int = 0) -> mmap.mmap:
    """Map *length* bytes of a BPF map, shared; unmapped when nobody refers to it any more."""
    if sys.version_info >= (3, 13):
        # Without trackfd mmap keeps a copy of the descriptor, and with it the map.
        return mmap.mmap(fd, length, mmap.MAP_SHARED, protection, offset=offset, trackfd=False)
    return mmap.mmap(fd, length, mmap.MAP_SHARED, protection, offset=offset)
