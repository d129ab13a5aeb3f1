"""Queues and stacks: values without keys (Linux 4.20)."""

from __future__ import annotations

import os

from ...light import TYPE_CHECKING, Generic, Self
from ...uapi import Cmd, MapType, UpdateFlags
from ..codec import Codec
from .base import AnyMap, V, create_handle, fitting, owning
from .handle import MapHandle

if TYPE_CHECKING:
    from typing import ClassVar


class Queue(AnyMap, Generic[V]):
    """A queue (first in, first out) or stack (last in, first out).

    ``push`` on a full one is OSError (E2BIG) unless it says to drop the oldest; ``pop`` and
    ``peek`` on an empty one are IndexError, as with a list.
    """

    map_types: ClassVar[tuple[MapType, ...]] = (MapType.QUEUE, MapType.STACK)

    def __init__(self, handle: MapHandle, value: Codec[V]) -> None:
        super().__init__(handle)
        self._value = fitting(value, handle.room, handle.what, "value")

    @classmethod
    def create(
        cls,
        name: str,
        *,
        value: Codec[V],
        max_entries: int,
        map_type: MapType = MapType.QUEUE,
    ) -> Self:
        """A new queue or stack outside of any object; the caller closes it."""
        handle = create_handle(
            map_type, name, key_size=0, value_size=value.size, max_entries=max_entries
        )
        return owning(handle, lambda: cls(handle, value))

    @classmethod
    def open_pinned(cls, path: str | os.PathLike[str], *, value: Codec[V]) -> Self:
        """Open the queue pinned at *path*; the caller closes it."""
        handle = MapHandle.open_pinned(path)
        return owning(handle, lambda: cls(handle, value))

    def push(self, value: V, *, drop_oldest: bool = False) -> None:
        """Add *value*; with *drop_oldest*, a full queue loses what has waited longest."""
        place = bytearray(self._value.pack(value))
        flags = UpdateFlags.EXIST if drop_oldest else UpdateFlags.ANY
        self._handle.elem(Cmd.MAP_UPDATE_ELEM, None, place, flags)

    def pop(self) -> V:
        """Take out the next value."""
        return self._next(Cmd.MAP_LOOKUP_AND_DELETE_ELEM)

    def peek(self) -> V:
        """The next value, left where it is."""
        return self._next(Cmd.MAP_LOOKUP_ELEM)

    def _next(self, cmd: Cmd) -> V:
        place = bytearray(self._handle.room)
        try:
            self._handle.elem(cmd, None, place)
        except FileNotFoundError:
            raise IndexError(f"{self._handle.what} is empty") from None
        return self._value.unpack(place)
