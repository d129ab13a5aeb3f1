"""Hash maps as dictionaries.

``HashMap`` is a ``MutableMapping``: what works on a ``dict`` works here, on elements that BPF
programs change at the same time.  One element is one system call; whole-map reads and writes go
through the batch commands (Linux 5.6) and decode a run at a time.
"""

from __future__ import annotations

import ctypes
import errno
import os

from ...light import (
    TYPE_CHECKING,
    ItemsView,
    Iterable,
    Iterator,
    Mapping,
    MutableMapping,
    Self,
    TypeVar,
    ValuesView,
    overload,
)
from ...uapi import Cmd, MapFlags, MapType
from ..codec import Codec
from ..syscalls import bpf as door
from . import batch
from .base import K, Map, V, create_handle, owning
from .handle import MapHandle

if TYPE_CHECKING:
    from typing import ClassVar


_NO_LOOKUP_AND_DELETE = (errno.EINVAL, errno.EOPNOTSUPP, door.ENOTSUPP)
_missing = object()

D = TypeVar("D")


class _Items(ItemsView[K, V]):
    _mapping: HashMap[K, V]

    def __iter__(self) -> Iterator[tuple[K, V]]:
        return self._mapping._decoded()


class _Values(ValuesView[V]):
    _mapping: HashMap[object, V]

    def __iter__(self) -> Iterator[V]:
        return self._mapping._decoded_values()

    def __contains__(self, value: object) -> bool:
        return any(value is found or value == found for found in self)


class HashMap(Map[K, V], MutableMapping[K, V]):
    """A hash map: ``HashMap(loaded.map("start"), codec.U32, codec.of(Start))``.

    Costs: ``m[k]``, ``m[k] = v``, ``del m[k]``, ``k in m`` are one system call each.  ``items()``,
    ``keys()``, ``values()``, iteration and ``len(m)`` walk the whole map (the kernel has no
    count), a few thousand elements per call.  ``dict(m.items())`` is one walk; ``dict(m)`` looks
    every key up again and meets KeyError if one vanishes in between.

    A walk while others write gives every element that stays exactly once; what comes or goes
    meanwhile may be in it or not.  A full map refuses new keys with OSError (E2BIG); an LRU map
    drops old ones instead.  Two maps are equal only if they are the same object.
    """

    map_types: ClassVar[tuple[MapType, ...]] = (MapType.HASH, MapType.LRU_HASH)

    @classmethod
    def create(
        cls,
        name: str,
        *,
        key: Codec[K],
        value: Codec[V],
        max_entries: int,
        map_type: MapType | None = None,
        flags: MapFlags | int = 0,
    ) -> Self:
        """A new map outside of any object; the caller closes it."""
        handle = create_handle(
            cls.map_types[0] if map_type is None else map_type,
            name,
            key_size=key.size,
            value_size=value.size,
            max_entries=max_entries,
            flags=int(flags),
        )
        return owning(handle, lambda: cls(handle, key, value))

    @classmethod
    def open_pinned(cls, path: str | os.PathLike[str], *, key: Codec[K], value: Codec[V]) -> Self:
        """Open the map pinned at *path* (Linux 4.13); the caller closes it."""
        handle = MapHandle.open_pinned(path)
        return owning(handle, lambda: cls(handle, key, value))

    @classmethod
    def open_id(cls, map_id: int, *, key: Codec[K], value: Codec[V]) -> Self:
        """Open the map of that id (Linux 4.13); the caller closes it."""
        handle = MapHandle.open_id(map_id)
        return owning(handle, lambda: cls(handle, key, value))

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __iter__(self) -> Iterator[K]:
        return self._decoded_keys()

    def __len__(self) -> int:
        return sum(run.length for run in batch.runs(self._handle))

    def __bool__(self) -> bool:
        return self._handle.next_key(None, bytearray(self._handle.key_size))

    def items(self) -> ItemsView[K, V]:
        """Keys and values in no order, read in runs as the iteration proceeds."""
        return _Items(self)

    def values(self) -> ValuesView[V]:
        """Values in no order, read in runs as the iteration proceeds."""
        return _Values(self)

    @overload
    def get(self, key: K, /) -> V | None: ...
    @overload
    def get(self, key: K, /, default: V) -> V: ...
    @overload
    def get(self, key: K, /, default: D) -> V | D: ...
    def get(self, key: K, /, default: object = None) -> object:
        """The value, or *default* where there is none."""
        pool, calls = self._borrow()
        try:
            self._key.pack_into(calls[0], 0, key)
            if not calls[2]():
                return self._value.unpack(calls[1])
            if ctypes.get_errno() == errno.ENOENT:
                return default
            raise self._refused(Cmd.MAP_LOOKUP_ELEM, key)
        finally:
            pool.append(calls)

    @overload
    def pop(self, key: K, /) -> V: ...
    @overload
    def pop(self, key: K, /, default: V) -> V: ...
    @overload
    def pop(self, key: K, /, default: D) -> V | D: ...
    def pop(self, key: K, /, default: object = _missing) -> object:
        """Take the element out and return its value; atomic since Linux 5.14."""
        pool, calls = self._borrow()
        try:
            self._key.pack_into(calls[0], 0, key)
            if not calls[5]():
                return self._value.unpack(calls[1])
            error = self._refused(Cmd.MAP_LOOKUP_AND_DELETE_ELEM, key)
        finally:
            pool.append(calls)
        if isinstance(error, OSError) and error.errno in _NO_LOOKUP_AND_DELETE:
            try:
                value = self[key]
                del self[key]
                return value
            except KeyError as missing:
                error = missing
        if isinstance(error, KeyError) and default is not _missing:
            return default
        raise error

    def popitem(self) -> tuple[K, V]:
        """Take out any element; KeyError when the map is empty."""
        place = bytearray(self._handle.key_size)
        while self._handle.next_key(None, place):
            key = self._key.unpack(place)
            try:
                return key, self.pop(key)
            except KeyError:
                continue  # somebody else took it
        raise KeyError(f"{self._handle.what} is empty")

    def drain(self) -> Iterator[tuple[K, V]]:
        """Take out everything, read and removed in one step each (batches since Linux 5.6).

        For counters that are collected in turns: nothing counted meanwhile is lost.
        """
        return self._decoded(delete=True)

    def clear(self) -> None:
        """Remove every element."""
        for _ in batch.runs(self._handle, delete=True):
            pass

    def update(  # type: ignore[override]
        self, other: Mapping[K, V] | Iterable[tuple[K, V]], /
    ) -> None:
        """Write many elements, in batches (Linux 5.6; one by one before).

        OSError when one is refused; some of those before it are written then.
        """
        self._write_all(other.items() if isinstance(other, Mapping) else other)


class LRUHashMap(HashMap[K, V]):
    """A hash map that drops what was not used for long when it is full."""

    map_types: ClassVar[tuple[MapType, ...]] = (MapType.LRU_HASH,)


class LPMTrie(HashMap[K, V]):
    """A trie of prefixes: keys begin with the prefix' length in bits as ``__u32``.

    ``m[key]`` and ``key in m`` find the *longest stored prefix* of the key, as the kernel's lookup
    does; ``del m[key]`` and ``m[key] = value`` mean exactly that prefix.  The map must have been
    created with NO_PREALLOC.  No batches before Linux 5.13.
    """

    map_types: ClassVar[tuple[MapType, ...]] = (MapType.LPM_TRIE,)
