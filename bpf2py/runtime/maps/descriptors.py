"""Maps of descriptors: programs, sockets, cgroups and other maps (Linux 3.19 to 5.7).

What is put in is anything with a ``fileno()``, or a descriptor's number; the kernel keeps the thing
behind it, so the descriptor may be closed afterwards.  What comes out is the kernel's id of it
(programs and maps 4.13) or cookie (sockets 5.8, where the map's values have 8 bytes); the kernel
refuses to show the content of other maps (EOPNOTSUPP, ENOSPC).
"""

from __future__ import annotations

from ...light import TYPE_CHECKING, Callable, Generic, TypeVar
from ...uapi import MapType, UpdateFlags
from ..codec import U32, Codec, Int
from ..syscalls.fd import HasFileno
from .base import AnyMap, K, Map
from .handle import MapHandle

if TYPE_CHECKING:
    from typing import ClassVar


M = TypeVar("M", bound=AnyMap)


class DescriptorMap(Map[K, int]):
    """Descriptors by key: ``sockets[key] = socket``; also arrays of them, by index.

    For SOCKMAP (4.14), SOCKHASH, XSKMAP (4.18), REUSEPORT_SOCKARRAY (4.19), CGROUP_ARRAY (4.8).
    """

    map_types: ClassVar[tuple[MapType, ...]] = (
        MapType.SOCKMAP,
        MapType.SOCKHASH,
        MapType.XSKMAP,
        MapType.REUSEPORT_SOCKARRAY,
        MapType.CGROUP_ARRAY,
    )

    def __init__(self, handle: MapHandle, key: Codec[K]) -> None:
        super().__init__(handle, key, Int(handle.value_size, False))

    def __setitem__(self, key: K, value: HasFileno | int) -> None:
        super().__setitem__(key, _number(value))

    def put(self, key: K, value: HasFileno | int, *, flags: UpdateFlags = UpdateFlags.ANY) -> None:
        """``m[key] = value`` with flags: NOEXIST only adds, EXIST only replaces."""
        super().put(key, _number(value), flags=flags)


class ProgramArray(DescriptorMap[int]):
    """Programs to jump to by ``bpf_tail_call()``: ``steps[0] = program``, ``del steps[0]`` (4.2).

    ``steps[0]`` is the program's id; an empty slot is a KeyError.  All programs of one array are of
    one type.  When nothing but programs holds the array any more, the kernel empties it.
    """

    map_types: ClassVar[tuple[MapType, ...]] = (MapType.PROG_ARRAY,)

    def __init__(self, handle: MapHandle) -> None:
        super().__init__(handle, U32)


class MapOfMaps(DescriptorMap[K], Generic[K, M]):
    """Maps in a map: ``outer[key] = inner``; ``outer[key]`` is the inner map's id (4.12).

    What is put in must be of the type and sizes that the definition names.  *inner* makes the typed
    map of a handle, for :meth:`open`.
    """

    map_types: ClassVar[tuple[MapType, ...]] = (MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS)

    def __init__(self, handle: MapHandle, key: Codec[K], inner: Callable[[MapHandle], M]) -> None:
        super().__init__(handle, key)
        self._inner = inner

    def open(self, key: K) -> M:
        """The map at *key*; close it, or leave a ``with``.  KeyError if there is none (4.13)."""
        handle = MapHandle.open_id(self[key])
        try:
            return self._inner(handle)
        except BaseException:
            handle.close()
            raise


def _number(value: HasFileno | int) -> int:
    return value if isinstance(value, int) else value.fileno()
