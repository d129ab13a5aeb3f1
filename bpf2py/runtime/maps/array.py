"""Arrays: every index from 0 to ``max_entries - 1`` is always there."""

from __future__ import annotations

import os

from ...light import TYPE_CHECKING, Iterable, Iterator, Mapping, Self
from ...uapi import MapFlags, MapType, UpdateFlags
from ..codec import U32, Codec
from .base import Map, V, create_handle, owning
from .handle import MapHandle

if TYPE_CHECKING:
    from typing import ClassVar


class ArrayMap(Map[int, V]):
    """An array map: ``ArrayMap(loaded.map("counts"), codec.U64)``.

    Like a list that cannot grow: ``m[3]``, ``m[3] = value``, ``len(m)``, ``for value in m``,
    ``list(m)``.  An index outside is an IndexError; negative ones are outside.  Elements cannot be
    deleted.  Iteration reads in batches (Linux 5.6; one by one before).
    """

    map_types: ClassVar[tuple[MapType, ...]] = (MapType.ARRAY,)

    def __init__(self, handle: MapHandle, value: Codec[V]) -> None:
        super().__init__(handle, U32, value)

    @classmethod
    def create(
        cls, name: str, *, value: Codec[V], max_entries: int, flags: MapFlags | int = 0
    ) -> Self:
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
    def open_pinned(cls, path: str | os.PathLike[str], *, value: Codec[V]) -> Self:
        """Open the map pinned at *path* (Linux 4.13); the caller closes it."""
        handle = MapHandle.open_pinned(path)
        return owning(handle, lambda: cls(handle, value))

    @classmethod
    def open_id(cls, map_id: int, *, value: Codec[V]) -> Self:
        """Open the map of that id (Linux 4.13); the caller closes it."""
        handle = MapHandle.open_id(map_id)
        return owning(handle, lambda: cls(handle, value))

    def __len__(self) -> int:
        return self.max_entries

    def __getitem__(self, index: int) -> V:
        try:
            return super().__getitem__(index)
        except ValueError:
            raise self._outside(index) from None

    def __setitem__(self, index: int, value: V) -> None:
        if not 0 <= index < self.max_entries:
            raise self._outside(index)
        super().__setitem__(index, value)

    def __contains__(self, value: object) -> bool:
        return any(value is found or value == found for found in self)

    def __iter__(self) -> Iterator[V]:
        return self._decoded_values()

    def values(self) -> Iterator[V]:
        """Every value in order of index."""
        return self._decoded_values()

    def items(self) -> Iterator[tuple[int, V]]:
        """Every index with its value, in order."""
        return self._decoded()

    def put(self, key: int, value: V, *, flags: UpdateFlags = UpdateFlags.ANY) -> None:
        """``m[key] = value`` with flags: LOCK (Linux 5.1)."""
        if not 0 <= key < self.max_entries:
            raise self._outside(key)
        super().put(key, value, flags=flags)

    def update(self, other: Mapping[int, V] | Iterable[tuple[int, V]], /) -> None:
        """Write many elements by index, in batches (Linux 5.6; one by one before)."""
        self._write_all(other.items() if isinstance(other, Mapping) else other)

    def fill(self, values: Iterable[V]) -> None:
        """Write *values* from index 0 on; those beyond stay as they are."""
        self._write_all(enumerate(values))

    @staticmethod
    def _missing_from(handle: MapHandle, key: object) -> IndexError:
        return IndexError(f"{handle.what} has indexes 0 to {handle.max_entries - 1}, not {key!r}")

    def _outside(self, index: object) -> IndexError:
        return self._missing_from(self._handle, index)
