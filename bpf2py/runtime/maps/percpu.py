"""Maps with one value per CPU: a value is a list, one entry for each possible CPU.

The list's length is ``runtime.kernel.possible_cpus()``, not the number of CPUs that are online.
The kernel lays the values out 8 bytes apart (round_up(value_size, 8), bpf_percpu_hash_copy()).
Reading is a snapshot without locks: programs go on counting on other CPUs meanwhile.  Writing sets
the value of every CPU.
"""

from __future__ import annotations

import os

from ...light import TYPE_CHECKING, Generic
from ...uapi import MapFlags, MapType
from ..codec import Array, Codec, Padded
from ..kernel import possible_cpus
from .array import ArrayMap
from .base import K, V, create_handle, owning
from .handle import MapHandle
from .hash import HashMap

if TYPE_CHECKING:
    from typing import ClassVar


def _per_cpu(handle: MapHandle, value: Codec[V]) -> Codec[list[V]]:
    if value.variable or value.size != handle.value_size:
        raise ValueError(
            f"{handle.what}: its value has {handle.value_size} bytes, "
            f"{value.c_name} has {value.size}"
        )
    return Array(Padded(value, (value.size + 7) // 8 * 8), possible_cpus())


class PerCPUHashMap(HashMap[K, list[V]], Generic[K, V]):
    """A hash map with a value per CPU: ``sum(m[key])`` adds up a counter of all CPUs."""

    map_types: ClassVar[tuple[MapType, ...]] = (
        MapType.PERCPU_HASH,
        MapType.LRU_PERCPU_HASH,
        MapType.PERCPU_CGROUP_STORAGE,
    )

    def __init__(self, handle: MapHandle, key: Codec[K], value: Codec[V]) -> None:
        super().__init__(handle, key, _per_cpu(handle, value))

    # The same as of a hash map, but *value* is the codec of one CPU's value.

    @classmethod
    def create(  # type: ignore[override]
        cls,
        name: str,
        *,
        key: Codec[K],
        value: Codec[V],
        max_entries: int,
        map_type: MapType | None = None,
        flags: MapFlags | int = 0,
    ) -> PerCPUHashMap[K, V]:
        """A new map outside of any object; the caller closes it."""
        map_type = cls.map_types[0] if map_type is None else map_type
        handle = create_handle(
            map_type,
            name,
            key_size=key.size,
            value_size=value.size,
            max_entries=max_entries,
            flags=int(flags),
        )
        return owning(handle, lambda: cls(handle, key, value))

    @classmethod
    def open_pinned(  # type: ignore[override]
        cls, path: str | os.PathLike[str], *, key: Codec[K], value: Codec[V]
    ) -> PerCPUHashMap[K, V]:
        """Open the map pinned at *path* (Linux 4.13); the caller closes it."""
        handle = MapHandle.open_pinned(path)
        return owning(handle, lambda: cls(handle, key, value))

    @classmethod
    def open_id(  # type: ignore[override]
        cls, map_id: int, *, key: Codec[K], value: Codec[V]
    ) -> PerCPUHashMap[K, V]:
        """Open the map of that id (Linux 4.13); the caller closes it."""
        handle = MapHandle.open_id(map_id)
        return owning(handle, lambda: cls(handle, key, value))


class PerCPUArrayMap(ArrayMap[list[V]], Generic[V]):
    """An array with a value per CPU; in batches since Linux 5.13."""

    map_types: ClassVar[tuple[MapType, ...]] = (MapType.PERCPU_ARRAY,)

    def __init__(self, handle: MapHandle, value: Codec[V]) -> None:
        super().__init__(handle, _per_cpu(handle, value))

    @classmethod
    def create(  # type: ignore[override]
        cls, name: str, *, value: Codec[V], max_entries: int, flags: MapFlags | int = 0
    ) -> PerCPUArrayMap[V]:
        """A new map outside of any object; the caller closes it."""
        handle = create_handle(
            cls.map_types[0],
            name,
            key_size=4,
            value_size=value.size,
            max_entries=max_entries,
            flags=int(flags),
        )
        return owning(handle, lambda: cls(handle, value))

    @classmethod
    def open_pinned(  # type: ignore[override]
        cls, path: str | os.PathLike[str], *, value: Codec[V]
    ) -> PerCPUArrayMap[V]:
        """Open the map pinned at *path* (Linux 4.13); the caller closes it."""
        handle = MapHandle.open_pinned(path)
        return owning(handle, lambda: cls(handle, value))

    @classmethod
    def open_id(cls, map_id: int, *, value: Codec[V]) -> PerCPUArrayMap[V]:  # type: ignore[override]
        """Open the map of that id (Linux 4.13); the caller closes it."""
        handle = MapHandle.open_id(map_id)
        return owning(handle, lambda: cls(handle, value))
