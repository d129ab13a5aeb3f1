"""mmap(2) at an address that the caller chooses, which Python's ``mmap`` cannot do.

In: a descriptor, a length in bytes, an address or 0.  Out: an array of bytes over the mapping.  It
stays mapped as long as the array or a view of it is referred to, so no view can dangle.
"""

from __future__ import annotations

import ctypes
import os

from ...light import Any, Callable

_PROT_READ_WRITE = 3
_MAP_SHARED = 1
#: Fails where something is mapped already, instead of unmapping it (4.17); <asm-generic/mman.h>,
#: and that of every machine that has arenas.
_MAP_FIXED_NOREPLACE = 0x100000
_FAILED = ctypes.c_void_p(-1).value


def map_shared(fd: int, length: int, *, address: int = 0, what: str) -> ctypes.Array[Any]:
    """Map *length* bytes of *fd*, to be read and written, at *address* if that is not 0.

    Raises :class:`OSError`; FileExistsError if this process uses that address already.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    mmap: Callable[..., int | None] = libc.mmap
    libc.mmap.restype = ctypes.c_void_p
    found = mmap(
        ctypes.c_void_p(address),
        ctypes.c_size_t(length),
        _PROT_READ_WRITE,
        _MAP_SHARED | (_MAP_FIXED_NOREPLACE if address else 0),
        fd,
        ctypes.c_long(0),
    )
    if found is None or found == _FAILED:
        code = ctypes.get_errno()
        raise OSError(code, f"mmap of {length} bytes: {os.strerror(code)}", what)
    munmap: Callable[..., int] = libc.munmap

    def unmap(mapped: object) -> None:
        munmap(ctypes.c_void_p(found), ctypes.c_size_t(length))

    members = {"_type_": ctypes.c_ubyte, "_length_": length, "__del__": unmap}
    mapping: Any = type("Mapping", (ctypes.Array,), members)
    array: ctypes.Array[Any] = mapping.from_address(found)
    return array
