"""Arenas: memory that programs and user space share, at the same addresses (Linux 6.9).

In: a map of type ARENA.  Out: its memory, and values in it by address.  A pointer that a program
stored in an arena is an address in this process, so a list or tree can be walked from both sides.
The kernel gives a page when it is first touched; with BPF_F_SEGV_ON_FAULT among the map's flags it
does not, and touching a page that no program has allocated ends this process.
"""

from __future__ import annotations

import ctypes
import os

from ...light import TYPE_CHECKING, Any, Self, TypeVar, overload
from ...uapi import MapFlags, MapType
from ..codec import Codec, of
from ..errors import ClosedError
from ..kernel import page_size
from ..syscalls.fd import FD
from ..syscalls.memory import map_shared
from .base import AnyMap, create_handle, owning
from .handle import MapHandle

if TYPE_CHECKING:
    from typing import ClassVar

T = TypeVar("T")

_LOW = 0xFFFF_FFFF


class ArenaHandle(MapHandle):
    """The handle of an arena: knows where it is mapped, from the first access until it is closed."""

    __slots__ = ("_mapped", "_view", "data_offset", "wanted_address")

    def __init__(self, fd: FD, **attributes: Any) -> None:
        super().__init__(fd, **attributes)
        #: ``map_extra``: where in user space the object wants it; 0: anywhere.
        self.wanted_address = 0
        self.data_offset = 0
        self._mapped: ctypes.Array[Any] | None = None
        self._view: memoryview | None = None
        self.at_close.append(self._drop)

    @classmethod
    def from_fd(cls, fd: FD, name: str = "") -> Self:
        handle = super().from_fd(fd, name)
        handle.wanted_address = handle.info().map_extra
        return handle

    @property
    def size(self) -> int:
        """Its size in bytes: ``max_entries`` pages."""
        return self.max_entries * page_size()

    @property
    def memory(self) -> memoryview:
        """All of it, in bytes; mapped when first asked for."""
        if self.closed:
            raise ClosedError(self.why_closed)
        if self._view is None:
            try:
                self._mapped = map_shared(
                    self.fileno(), self.size, address=self.wanted_address, what=self.what
                )
            except FileExistsError as exc:
                raise FileExistsError(
                    exc.errno,
                    f"this process uses memory at {self.wanted_address:#x} already, where the arena"
                    " is to be: set map_extra in its spec to another address, or to 0",
                    self.what,
                ) from None
            self._view = memoryview(self._mapped).cast("B")
        return self._view

    @property
    def address(self) -> int:
        """Where it begins in this process and for pointers of programs."""
        if self._mapped is None or self.closed:
            _ = self.memory  # maps it, or says that it is closed
        assert self._mapped is not None
        return ctypes.addressof(self._mapped)

    def fill(self, data: bytes) -> None:
        """Map the new arena and put the global variables into it, at ``data_offset``."""
        start = self.data_offset
        if start < 0 or start + len(data) > self.size:
            raise ValueError(
                f"{self.what} has {self.max_entries} pages, its __arena variables take {len(data)}"
                " bytes; make max_entries larger"
            )
        self.memory[start : start + len(data)] = data

    def _drop(self) -> None:
        self._view = self._mapped = None


class Arena(AnyMap):
    """An arena: ``memory`` is all of it, ``read`` and ``write`` take addresses as C pointers do.

    Copies are made while programs may be running: what is larger than a machine word can be half
    old and half new.
    """

    map_types: ClassVar[tuple[MapType, ...]] = (MapType.ARENA,)

    @classmethod
    def create(
        cls, name: str, *, pages: int, address: int = 0, flags: MapFlags | int = MapFlags.MMAPABLE
    ) -> Self:
        """A new arena outside of any object, at *address* if given; the caller closes it."""
        handle = create_handle(
            MapType.ARENA,
            name,
            key_size=0,
            value_size=0,
            max_entries=pages,
            flags=int(flags),
            map_extra=address,
        )
        arena = _adopted(handle, address)
        try:
            arena.fill(b"")  # before it is mapped no program that uses it can be loaded
            return cls(arena)
        except BaseException:
            arena.close()
            raise

    @classmethod
    def open_pinned(cls, path: str | os.PathLike[str]) -> Self:
        """Open the arena pinned at *path*; the caller closes it.

        Its memory can be read here if it was made with an address (``map_extra``), which must be
        free in this process.
        """
        handle = ArenaHandle.open_pinned(path)
        return owning(handle, lambda: cls(handle))

    @property
    def address(self) -> int:
        """Where the arena begins, in this process and for pointers in it."""
        return self._arena.address

    @property
    def memory(self) -> memoryview:
        """All of it, to be read and written; stays valid as long as somebody refers to it."""
        return self._arena.memory

    def __len__(self) -> int:
        """Its size in bytes."""
        return self._arena.size

    def __contains__(self, address: object) -> bool:
        """Whether a pointer points into the arena."""
        return isinstance(address, int) and self._offset(address) is not None

    @overload
    def read(self, address: int, kind: type[T]) -> T: ...
    @overload
    def read(self, address: int, kind: Codec[T]) -> T: ...
    def read(self, address: int, kind: type[T] | Codec[T]) -> T:
        """The value at *address*: a copy.

        *kind* is a generated struct or union, or a codec (``codec.U64``).  ValueError for an
        address outside, NULL among them.
        """
        codec: Codec[T] = kind if isinstance(kind, Codec) else of(kind)
        at = self._place(address, codec.size)
        return codec.unpack(bytes(self.memory[at : at + codec.size]))

    def write(self, address: int, value: T, kind: Codec[T] | None = None) -> None:
        """Put *value* at *address*: one of a generated struct or union, or of the codec *kind*."""
        data = (kind if kind is not None else of(type(value))).pack(value)
        at = self._place(address, len(data))
        self.memory[at : at + len(data)] = data

    @property
    def _arena(self) -> ArenaHandle:
        self._handle.fileno()  # says why there is none
        if not isinstance(self._handle, ArenaHandle):  # opened as any map
            self._handle = _adopted(self._handle, self._handle.info().map_extra)
        return self._handle

    def _offset(self, address: int) -> int | None:
        # A pointer that a program did not cast has its low half only; that names the place as well,
        # since no arena crosses a multiple of 4 GiB.
        start = self.address
        if address >> 32 not in (0, start >> 32):
            return None
        offset = (address - start) & _LOW
        return offset if address and offset < len(self) else None

    def _place(self, address: int, size: int) -> int:
        offset = self._offset(address)
        if offset is None or offset + size > len(self):
            raise ValueError(
                f"{self._handle.what} has no {size} bytes at {address:#x}: it reaches from "
                f"{self.address:#x} to {self.address + len(self):#x}"
            )
        return offset


def _adopted(handle: MapHandle, address: int) -> ArenaHandle:
    """The same map as an arena, which is the descriptor's owner from now on."""
    arena = ArenaHandle(
        handle.fd,
        name=handle.name,
        map_type=handle.map_type,
        key_size=handle.key_size,
        value_size=handle.value_size,
        max_entries=handle.max_entries,
        flags=int(handle.flags),
    )
    arena.wanted_address = address
    return arena
