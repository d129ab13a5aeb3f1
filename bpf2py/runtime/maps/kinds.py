"""Which class the maps of a type have, and maps that no generated class describes.

In: a :class:`MapHandle`.  Out: the map in the class of its type; keys, values and events are
``bytes``.
"""

from __future__ import annotations

from ...light import Any
from ...uapi import MapType
from ..codec import U32, Bytes
from .array import ArrayMap
from .base import AnyMap, Map
from .bloom import BloomFilter
from .descriptors import DescriptorMap, MapOfMaps, ProgramArray
from .handle import MapHandle
from .hash import HashMap, LPMTrie, LRUHashMap
from .percpu import PerCPUArrayMap, PerCPUHashMap
from .queue import Queue

#: Map types read by key and value, by value alone (keys are indexes, or there are none), and
#: without elements; every other type is a plain :class:`Map`.
KEY_VALUE_CLASSES: dict[int, type[Map[Any, Any]]] = {
    MapType.HASH: HashMap,
    MapType.LRU_HASH: LRUHashMap,
    MapType.PERCPU_HASH: PerCPUHashMap,
    MapType.LRU_PERCPU_HASH: PerCPUHashMap,
    MapType.PERCPU_CGROUP_STORAGE: PerCPUHashMap,
    MapType.LPM_TRIE: LPMTrie,
}
VALUE_CLASSES: dict[int, type[ArrayMap[Any]] | type[Queue[Any]] | type[BloomFilter[Any]]] = {
    MapType.ARRAY: ArrayMap,
    MapType.PERCPU_ARRAY: PerCPUArrayMap,
    MapType.BLOOM_FILTER: BloomFilter,
    MapType.QUEUE: Queue,
    MapType.STACK: Queue,
}
#: Map types whose keys are indexes and whose values are descriptors.
_INDEXED = frozenset(
    (MapType.SOCKMAP, MapType.XSKMAP, MapType.REUSEPORT_SOCKARRAY, MapType.CGROUP_ARRAY)
)
_NO_ELEMENTS = frozenset((MapType.USER_RINGBUF,))


def untyped(handle: MapHandle) -> AnyMap:
    """The map in the class of its type, with ``bytes`` for keys, values and events."""
    if handle.map_type == MapType.RINGBUF:
        from ..events.ringbuf import RingBuf

        return RingBuf(handle)
    if handle.map_type == MapType.ARENA:
        from .arena import Arena

        return Arena(handle)
    if handle.map_type == MapType.STRUCT_OPS:
        from .struct_ops import StructOps

        return StructOps(handle)
    if handle.map_type == MapType.PROG_ARRAY:
        return ProgramArray(handle)
    if handle.map_type == MapType.ARRAY_OF_MAPS:
        return MapOfMaps(handle, U32, untyped)
    if handle.map_type == MapType.HASH_OF_MAPS:
        return MapOfMaps(handle, Bytes(handle.key_size), untyped)
    if handle.map_type in _INDEXED:
        return DescriptorMap(handle, U32)
    if handle.map_type == MapType.SOCKHASH:
        return DescriptorMap(handle, Bytes(handle.key_size))
    if handle.map_type in _NO_ELEMENTS:
        return AnyMap(handle)
    value = Bytes(handle.value_size)
    if by_value := VALUE_CLASSES.get(handle.map_type):
        return by_value(handle, value)
    by_key = KEY_VALUE_CLASSES.get(handle.map_type, Map)
    return by_key(handle, Bytes(handle.key_size), value)
