"""What every map offers, and element access for map types that have no class of their own.

In: a :class:`MapHandle` (what ``Loaded.map("name")`` gives, or one opened here) and codecs for
keys and values.  Out: Python values.  A codec whose size is not the map's is refused at once.
"""

from __future__ import annotations

import ctypes
import errno
import os

from ...light import TYPE_CHECKING, Any, Callable, Generic, Iterable, Iterator, TypeVar
from ...uapi import Cmd, MapType, UpdateFlags
from ..codec import Buffer, Codec
from ..errors import ClosedError
from ..owner import Owner
from ..syscalls import bpf as door
from ..syscalls.map import MapInfo, map_create
from . import batch, fused
from .handle import Calls, MapHandle

if TYPE_CHECKING:
    from typing import ClassVar

K = TypeVar("K")
V = TypeVar("V")
M = TypeVar("M", bound="AnyMap")


class AnyMap(Owner):
    """A map in the kernel: its name, its descriptor, and what the kernel says about it.

    Maps of a loaded object are closed with the object; others are context managers of their own.
    """

    #: The map types this class is for; empty: any.
    map_types: ClassVar[tuple[MapType, ...]] = ()

    def __init__(self, handle: MapHandle) -> None:
        self._handle = handle
        if self.map_types and handle.map_type not in self.map_types:
            kind = handle.map_type
            raise ValueError(
                f"{handle.what} is a {kind.name if isinstance(kind, MapType) else kind} map; "
                f"{type(self).__name__} is for {', '.join(t.name for t in self.map_types)}"
            )

    @property
    def name(self) -> str:
        """The map's C name."""
        return self._handle.name

    @property
    def map_type(self) -> MapType | int:
        """The kernel's map type."""
        return self._handle.map_type

    @property
    def max_entries(self) -> int:
        """How many elements fit; for ring buffers the size in bytes."""
        return self._handle.max_entries

    def fileno(self) -> int:
        """The descriptor's number; ClosedError when it is closed."""
        return self._handle.fileno()

    @property
    def closed(self) -> bool:
        """Whether the map is closed in this process; it may live on in a program or a pin."""
        return self._handle.closed

    def info(self) -> MapInfo:
        """What the kernel says about the map (Linux 4.13)."""
        return self._handle.info()

    def pin(self, path: str | os.PathLike[str]) -> None:
        """Keep the map under *path* on a bpf file system, beyond this process (Linux 4.4)."""
        self._handle.pin(path)

    def freeze(self) -> None:
        """Refuse further writes from user space, for good (Linux 5.2)."""
        self._handle.freeze()

    def close(self) -> None:
        """Give the descriptor back; a second call does nothing."""
        self._handle.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"fd {self.fileno()}"
        return f"<{type(self).__name__} {self.name!r}, {state}>"


class Filled(Codec[V]):
    """A value of variable size in a map's fixed one: the rest is zero when written."""

    def __init__(self, inner: Codec[V], size: int) -> None:
        self.inner = inner
        self.size = size

    @property
    def c_name(self) -> str:
        return self.inner.c_name

    def unpack(self, buffer: Buffer, offset: int = 0) -> V:
        return self.inner.unpack(memoryview(buffer).cast("B")[offset : offset + self.size])

    def unpack_list(self, buffer: Buffer) -> list[V]:
        return [self.unpack(buffer, at) for at in range(0, len(buffer), self.size)]

    def iter_unpack(self, buffer: Buffer) -> Iterator[V]:
        return iter(self.unpack_list(buffer))

    def pack(self, value: V) -> bytes:
        data = self.inner.pack(value)
        if len(data) > self.size:
            raise ValueError(f"{self.c_name}: {len(data)} bytes do not fit the map's {self.size}")
        return data.ljust(self.size, b"\0")

    def pack_into(self, buffer: Buffer, offset: int, value: V) -> None:
        memoryview(buffer).cast("B")[offset : offset + self.size] = self.pack(value)


def fitting(codec: Codec[V], size: int, what: str, part: str) -> Codec[V]:
    """*codec*, made to fill *size* bytes if it is of variable size; ValueError if it differs."""
    if codec.size == size and not codec.variable:
        return codec
    if codec.variable and codec.size <= size:
        return Filled(codec, size)
    raise ValueError(f"{what}: its {part} has {size} bytes, {codec.c_name} has {codec.size}")


class Map(AnyMap, Generic[K, V]):
    """A map with keys and values: ``m[key]``, ``m[key] = value``, ``del m[key]``, ``key in m``.

    For map types without a class of their own.  What the kernel does not allow for a type (deleting
    from an array of maps, reading a sockmap) is the OSError it answers with.  KeyError names the
    map and the key.
    """

    def __init__(self, handle: MapHandle, key: Codec[K], value: Codec[V]) -> None:
        super().__init__(handle)
        self._key = fitting(key, handle.key_size, handle.what, "key")
        self._value = fitting(value, handle.room, handle.what, "value")

    # -- one element ---------------------------------------------------------------------------

    def __getitem__(self, key: K) -> V:
        return self._lookup(key)

    def __setitem__(self, key: K, value: V) -> None:
        self._store(key, value)

    def _lookup(self, key: K) -> V:
        """``self[key]``; after the first call an instance attribute of this name takes over."""
        if fused.can_fuse(self._key, self._value):
            bind = fused.lookup(self._key, self._value)
            self.__dict__["_lookup"] = bind(self._handle, self._refusal(self._handle))
            return self._lookup(key)
        pool, calls = self._borrow()
        try:
            self._key.pack_into(calls[0], 0, key)
            if calls[2]():
                raise self._refused(Cmd.MAP_LOOKUP_ELEM, key)
            return self._value.unpack(calls[1])
        finally:
            pool.append(calls)

    def _store(self, key: K, value: V) -> None:
        """``self[key] = value``, likewise."""
        if fused.can_fuse(self._key, self._value):
            bind = fused.store(self._key, self._value)
            self.__dict__["_store"] = bind(self._handle, self._refusal(self._handle))
            return self._store(key, value)
        pool, calls = self._borrow()
        try:
            self._key.pack_into(calls[0], 0, key)
            self._value.pack_into(calls[1], 0, value)
            if calls[3]():
                raise self._refused(Cmd.MAP_UPDATE_ELEM, key)
        finally:
            pool.append(calls)

    def __delitem__(self, key: K) -> None:
        pool, calls = self._borrow()
        try:
            self._key.pack_into(calls[0], 0, key)
            if calls[4]():
                raise self._refused(Cmd.MAP_DELETE_ELEM, key)
        finally:
            pool.append(calls)

    def __contains__(self, key: object) -> bool:
        pool, calls = self._borrow()
        try:
            try:
                self._key.pack_into(calls[0], 0, key)  # type: ignore[arg-type]
            except (ValueError, TypeError):
                return False  # what cannot be a key is in no map
            if not calls[2]():
                return True
            if ctypes.get_errno() == errno.ENOENT:
                return False
            raise self._refused(Cmd.MAP_LOOKUP_ELEM, key)
        finally:
            pool.append(calls)

    def lookup(self, key: K, *, flags: UpdateFlags = UpdateFlags.ANY) -> V:
        """``m[key]`` with flags: LOCK reads a value with a ``bpf_spin_lock`` whole (Linux 5.1)."""
        if not flags:
            return self[key]
        place, value = bytearray(self._key.pack(key)), bytearray(self._handle.room)
        self._elem(Cmd.MAP_LOOKUP_ELEM, key, place, value, flags)
        return self._value.unpack(value)

    def put(self, key: K, value: V, *, flags: UpdateFlags = UpdateFlags.ANY) -> None:
        """``m[key] = value`` with flags: NOEXIST only adds, EXIST only replaces, LOCK (Linux 5.1).

        FileExistsError when NOEXIST found the key, KeyError when EXIST did not.
        """
        place, data = bytearray(self._key.pack(key)), bytearray(self._value.pack(value))
        self._elem(Cmd.MAP_UPDATE_ELEM, key, place, data, flags)

    def delete(self, key: K) -> bool:
        """Remove *key* if it is there; whether it was.  ``del m[key]`` raises KeyError instead."""
        try:
            del self[key]
        except KeyError:
            return False
        return True

    # -- the whole map -------------------------------------------------------------------------

    def _decoded(self, *, delete: bool = False) -> Iterator[tuple[K, V]]:
        for keys, values, _ in batch.runs(self._handle, delete=delete):
            yield from zip(
                self._key.unpack_list(keys), self._value.unpack_list(values), strict=True
            )

    def _decoded_keys(self) -> Iterator[K]:
        for keys, _, _ in batch.runs(self._handle):
            yield from self._key.unpack_list(keys)

    def _decoded_values(self) -> Iterator[V]:
        for _, values, _ in batch.runs(self._handle):
            yield from self._value.unpack_list(values)

    def _write_all(self, items: Iterable[tuple[K, V]]) -> None:
        length = batch.run_length(self._handle)
        keys, values, count = bytearray(), bytearray(), 0
        for key, value in items:
            packed = self._value.pack(value)
            keys += self._key.pack(key)
            values += packed
            count += 1
            if count == length:
                batch.update(self._handle, keys, values, count)
                keys, values, count = bytearray(), bytearray(), 0
        if count:
            batch.update(self._handle, keys, values, count)

    # -- errors --------------------------------------------------------------------------------

    def _borrow(self) -> tuple[list[Calls], Calls]:
        pool = self._handle.calls
        try:
            return pool, pool.pop()
        except IndexError:
            return pool, self._handle.prepare()

    def _elem(
        self, cmd: Cmd, key: K, place: bytearray, value: bytearray, flags: UpdateFlags
    ) -> None:
        try:
            self._handle.elem(cmd, place, value, int(flags))
        except FileNotFoundError:
            raise self._missing(key) from None

    @classmethod
    def _refusal(cls, handle: MapHandle) -> Callable[[Cmd, object], Exception]:
        """What makes the exception for the call that just failed on this thread.

        It refers to the handle and not to the map: a map in a cycle would be closed late.
        """
        missing = cls._missing_from

        def refused(cmd: Cmd, key: object) -> Exception:
            code = ctypes.get_errno()
            if code == errno.ENOENT:
                return missing(handle, key)
            if handle.closed:
                return ClosedError(handle.why_closed)
            return door.failure(cmd, code, handle.what)

        return refused

    def _refused(self, cmd: Cmd, key: object) -> Exception:
        return self._refusal(self._handle)(cmd, key)

    @staticmethod
    def _missing_from(handle: MapHandle, key: object) -> LookupError:
        return KeyError(f"{handle.what} has no key {key!r}")

    def _missing(self, key: object) -> LookupError:
        return self._missing_from(self._handle, key)


def create_handle(
    map_type: MapType | int,
    name: str,
    *,
    key_size: int,
    value_size: int,
    max_entries: int,
    flags: int = 0,
    **rest: Any,
) -> MapHandle:
    """A new map of its own, outside of any object; *rest* as :func:`map_create` takes it."""
    fd = map_create(
        map_type,
        name=name,
        key_size=key_size,
        value_size=value_size,
        max_entries=max_entries,
        flags=flags,
        **rest,
    )
    return MapHandle(
        fd,
        name=name,
        map_type=map_type,
        key_size=key_size,
        value_size=value_size,
        max_entries=max_entries,
        flags=flags,
    )


def owning(handle: MapHandle, make: Callable[[], M]) -> M:
    """What *make* makes of *handle*, which is closed when that fails."""
    try:
        return make()
    except BaseException:
        handle.close()
        raise
