"""A map in the kernel, before anyone says what its keys and values mean.

In: an owned descriptor and what the map was created with.  Out: prepared system calls.  A call on
one element needs a ``union bpf_attr``, a place for the key and one for the value; all three are
made once, used again, and lent to one caller at a time, so any number of threads may share a map.
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct

from ...light import TYPE_CHECKING, Callable, Self
from ...uapi import Cmd, MapFlags, MapType
from ..errors import ClosedError
from ..owner import Owner
from ..syscalls import bpf as door
from ..syscalls.fd import FD
from ..syscalls.map import MapInfo, map_by_id, map_freeze, map_info, object_get, object_pin

if TYPE_CHECKING:
    from typing import ClassVar, TypeAlias

_ELEM = struct.Struct("=IxxxxQQQ")
_KEY = struct.Struct("=IxxxxQ")

#: Map types whose value is one per possible CPU, each rounded up to 8 bytes.
PER_CPU = frozenset(
    (
        MapType.PERCPU_HASH,
        MapType.PERCPU_ARRAY,
        MapType.LRU_PERCPU_HASH,
        MapType.PERCPU_CGROUP_STORAGE,
    )
)

#: Map types whose element calls take well under a microsecond in the kernel and never sleep.
#: Giving up the interpreter's lock would cost as much as the call, and with several threads a
#: whole switch interval; with these types it is kept.
_QUICK = PER_CPU | {
    MapType.HASH,
    MapType.ARRAY,
    MapType.LRU_HASH,
    MapType.LPM_TRIE,
    MapType.QUEUE,
    MapType.STACK,
    MapType.BLOOM_FILTER,
}

# Without argtypes an int or bytes argument is converted with no object made for it.  Every int
# passed below fits a C int; the attr is a bytes object, passed as its address.
_keeps_lock: Callable[..., int] = ctypes.PyDLL(None, use_errno=True)["syscall"]
_gives_up_lock: Callable[..., int] = ctypes.CDLL(None, use_errno=True)["syscall"]


#: Places for key and value, then lookup, update, delete, lookup-and-delete: calls whose attrs
#: point at these places, each returns 0, or -1 with errno set; then the places as one unsigned
#: word each where their size is that of one (else None).  A plain tuple, quick to take apart.
Calls: TypeAlias = tuple[
    bytearray,
    bytearray,
    Callable[[], int],
    Callable[[], int],
    Callable[[], int],
    Callable[[], int],
    "memoryview | None",
    "memoryview | None",
]

#: The format of an unsigned word of that many bytes.
WORDS = {1: "B", 2: "H", 4: "I", 8: "Q"}


def _word(place: bytearray) -> memoryview | None:
    word = WORDS.get(len(place))
    view: memoryview | None = memoryview(place).cast(word) if word else None  # type: ignore[call-overload]
    return view


class MapHandle(Owner):
    """Owns the descriptor of a map and knows what it was created with.

    Sizes in bytes; ``value_size`` as the map was declared, ``room`` as system calls need it
    (per-CPU maps: every possible CPU's value, each rounded up to 8 bytes).
    """

    __slots__ = (
        "at_close",
        "calls",
        "fd",
        "flags",
        "key_size",
        "map_type",
        "max_entries",
        "name",
        "room",
        "value_size",
    )

    #: Whether the kernel has such a map at all.
    created: ClassVar[bool] = True
    #: Where the global variables in it begin, in bytes.
    data_offset: int = 0
    #: Of a data section that was given another length: where its last array begins, and how many
    #: elements that has.
    last_array: tuple[int, int] | None = None

    def __init__(
        self,
        fd: FD,
        *,
        name: str,
        map_type: MapType | int,
        key_size: int,
        value_size: int,
        max_entries: int,
        flags: int = 0,
    ) -> None:
        self.fd = fd
        self.name = name
        self.map_type = map_type
        self.key_size = key_size
        self.value_size = value_size
        self.max_entries = max_entries
        self.flags = MapFlags(flags)
        self.room = value_size
        if map_type in PER_CPU:
            from ..kernel import possible_cpus

            self.room = (value_size + 7) // 8 * 8 * possible_cpus()
        #: Calls nobody is using.  Take one with pop(), IndexError means prepare(); give it back
        #: to the same list.  close() replaces the list, so that no call outlives the descriptor.
        self.calls: list[Calls] = []
        #: Called once when the descriptor is given back: who mapped the map's memory lets it go.
        self.at_close: list[Callable[[], None]] = []

    @classmethod
    def from_fd(cls, fd: FD, name: str = "") -> Self:
        """A handle of a map that was created elsewhere: the kernel says what it is (4.13)."""
        info = map_info(fd.fileno(), what=fd.what)
        return cls(
            fd,
            name=name or info.name,
            map_type=info.map_type,
            key_size=info.key_size,
            value_size=info.value_size,
            max_entries=info.max_entries,
            flags=info.flags,
        )

    @classmethod
    def open_pinned(cls, path: str | os.PathLike[str], *, flags: int = 0) -> Self:
        """Open the map pinned at *path*; *flags* may be MapFlags.RDONLY or WRONLY (4.15)."""
        return cls._adopt(object_get(path, flags=flags, what="map"))

    @classmethod
    def open_id(cls, map_id: int) -> Self:
        """Open the map of that id, anywhere in the system (4.13)."""
        return cls._adopt(map_by_id(map_id))

    @classmethod
    def _adopt(cls, fd: FD) -> Self:
        try:
            return cls.from_fd(fd)
        except BaseException:
            fd.close()
            raise

    @property
    def what(self) -> str:
        """The map's name for errors."""
        return f"map {self.name!r}"

    def fileno(self) -> int:
        """The descriptor's number; ClosedError when it is closed."""
        try:
            return self.fd.fileno()
        except ClosedError:
            raise ClosedError(self.why_closed) from None

    @property
    def why_closed(self) -> str:
        """What ClosedError says of it."""
        return f"{self.what} is closed"

    @property
    def closed(self) -> bool:
        """Whether the descriptor is closed."""
        return self.fd.closed

    def prepare(self) -> Calls:
        """New calls for one caller; ClosedError when the map is closed."""
        fd = self.fileno()
        key, value = bytearray(self.key_size), bytearray(self.room)
        key_only = _KEY.pack(fd, door.address(key))
        elem = _ELEM.pack(fd, door.address(key), door.address(value), 0)
        nr = door.number()
        syscall = _keeps_lock if self.map_type in _QUICK else _gives_up_lock

        from functools import partial  # here: it takes a millisecond to import

        def call(cmd: Cmd, attr: bytes) -> Callable[[], int]:
            return partial(syscall, nr, int(cmd), attr, len(attr))

        return (
            key,
            value,
            call(Cmd.MAP_LOOKUP_ELEM, elem),
            call(Cmd.MAP_UPDATE_ELEM, elem),
            call(Cmd.MAP_DELETE_ELEM, key_only),
            call(Cmd.MAP_LOOKUP_AND_DELETE_ELEM, elem),
            _word(key),
            _word(value),
        )

    def elem(
        self, cmd: Cmd, key: bytearray | None, value: bytearray | None, flags: int = 0
    ) -> None:
        """One element command with its own attr: rare ones, and those that may sleep."""
        attr = _ELEM.pack(
            self.fileno(),
            door.address(key) if key is not None else 0,
            door.address(value) if value is not None else 0,
            flags,
        )
        door.bpf(cmd, bytearray(attr), what=self.what)

    def next_key(self, key: bytearray | None, into: bytearray) -> bool:
        """BPF_MAP_GET_NEXT_KEY: write the key after *key* (None: the first); False at the end."""
        try:
            self.elem(Cmd.MAP_GET_NEXT_KEY, key, into)
        except OSError as error:
            if error.errno == errno.ENOENT:
                return False
            raise
        return True

    def info(self) -> MapInfo:
        """What the kernel says about the map (4.13)."""
        return map_info(self.fileno(), what=self.what)

    def pin(self, path: str | os.PathLike[str]) -> None:
        """Keep the map under *path* on a bpf file system, beyond the life of this process (4.4)."""
        object_pin(self.fileno(), path, what=self.what)

    def freeze(self) -> None:
        """Refuse further writes from user space, for good (5.2)."""
        map_freeze(self.fileno(), what=self.what)

    def close(self) -> None:
        """Give the descriptor back; a second call does nothing."""
        self.calls = []
        try:
            while self.at_close:
                self.at_close.pop()()
        finally:
            self.fd.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"fd {self.fd.fileno()}"
        kind = self.map_type.name if isinstance(self.map_type, MapType) else self.map_type
        return f"<{type(self).__name__} {self.name!r}, {kind}, {state}>"


class ResizedHandle(MapHandle):
    """A data section with another length than in the object file."""

    __slots__ = ("last_array",)


class NotCreated(MapHandle):
    """What stands for a map whose ``autocreate`` is off: it knows what it would have been."""

    __slots__ = ()
    created = False

    @property
    def why_closed(self) -> str:
        """What ClosedError says of it."""
        return (
            f"{self.what} was not created: its autocreate is off; set "
            f"spec.maps[{self.name!r}].autocreate = True before loading"
        )
