"""Bloom filters: sets that forget nothing and may be wrong about what is in them (Linux 5.16)."""

from __future__ import annotations

from ...light import TYPE_CHECKING, Generic, Iterable
from ...uapi import Cmd, MapType
from ..codec import Codec
from .base import AnyMap, V, fitting
from .handle import MapHandle

if TYPE_CHECKING:
    from typing import ClassVar


class BloomFilter(AnyMap, Generic[V]):
    """``seen.add(value)``, ``value in seen``: no is certain, yes is likely.

    Values cannot be taken out or listed.  How many hash functions it has is ``map_extra``.
    """

    map_types: ClassVar[tuple[MapType, ...]] = (MapType.BLOOM_FILTER,)

    def __init__(self, handle: MapHandle, value: Codec[V]) -> None:
        super().__init__(handle)
        self._value = fitting(value, handle.room, handle.what, "value")

    def add(self, value: V) -> None:
        """Remember *value*; more than ``max_entries`` make it wrong more often."""
        self._handle.elem(Cmd.MAP_UPDATE_ELEM, None, bytearray(self._value.pack(value)))

    def update(self, values: Iterable[V]) -> None:
        """Remember them all."""
        for value in values:
            self.add(value)

    def __contains__(self, value: object) -> bool:
        try:
            place = bytearray(self._value.pack(value))  # type: ignore[arg-type]
        except (ValueError, TypeError):
            return False  # what is no value was never added
        try:
            self._handle.elem(Cmd.MAP_LOOKUP_ELEM, None, place)
        except FileNotFoundError:
            return False
        return True
