"""The running kernel's BTF: read when first asked for, then remembered.

In: nothing.  Out: a ``TypeTable``.  Not here: what BTF is (``btf``), the index's format
(btf_index.py), BTF of modules, what may stand in the place of it (core_types.py).

Scanning a hundred thousand types takes plain Python some hundredths of a second, so what the scan
found is kept in the user's cache folder, per build of the kernel (kernel.build()).  The index is
used only if it is a regular file of this user's that nobody else can write, speaks of exactly this
blob and has the right checksum; otherwise it is ignored, and written again if that is possible.
``BPF2PY_NO_CACHE=1`` in the environment: neither read nor written.
"""

from __future__ import annotations

import mmap
import os
import sys

from ..btf.decode import decode
from ..btf.header import read_header
from ..btf.table import TypeTable
from ..light import cache
from . import cache_folder, kernel
from .btf_index import build_index, open_index
from .errors import NotSupportedError


def kernel_btf() -> TypeTable:
    """The kernel's types, as it shows them.

    NotSupportedError if the kernel does not show its BTF (before 5.4, or built without
    CONFIG_DEBUG_INFO_BTF).
    """
    return _running_kernel()


def forget() -> None:
    """Read everything anew when next asked for; for tests."""
    _running_kernel.cache_clear()


@cache
def _running_kernel() -> TypeTable:
    try:
        blob = _map(kernel.VMLINUX_BTF)
    except FileNotFoundError:
        raise NotSupportedError(
            f"BTF of its own types ({kernel.VMLINUX_BTF})",
            since="5.4",
            hint="it was built without CONFIG_DEBUG_INFO_BTF",
        ) from None
    build = kernel.build()
    path = cache_folder.place(f"btf-{build.hex()}") if build else None
    if path is None:
        return decode(blob)
    header = read_header(blob, split=False)
    data = _trusted(path)
    found = None
    if data is not None:
        found = open_index(data, blob, build=build, types=header.types, strings=header.strings)
        # Its checksum was a look at all of it; what is asked for comes back page by page.
        data.madvise(mmap.MADV_DONTNEED)
    if found is None:
        table = decode(blob)
        # Not built for this process alone, which has what it needs.
        content = cache_folder.put(
            path,
            lambda: build_index(
                table, blob, build=build, types=header.types, strings=header.strings
            ),
            kind="btf-",
        )
        if content is None:
            return table
        found = open_index(content, blob, build=build, types=header.types, strings=header.strings)
        if found is None:
            return table
    return decode(blob, offsets=found[0], names=found[1])


def _map(path: str) -> bytes | mmap.mmap:
    """A file's content, mapped where the kernel can (sysfs BTF: since 6.16), else read."""
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _map_fd(fd, os.fstat(fd).st_size)
    except OSError:
        # sysfs gives a page per read(), which FileIO.readall() takes care of.
        with open(fd, "rb", buffering=0, closefd=False) as file:
            return file.readall()
    finally:
        os.close(fd)


def _trusted(path: str) -> mmap.mmap | None:
    """The index at *path*, mapped, if only this user can have written it."""
    found = cache_folder.open_trusted(path)
    if found is None:
        return None
    fd, size = found
    try:
        return _map_fd(fd, size)
    except (OSError, ValueError):
        return None
    finally:
        os.close(fd)


def _map_fd(fd: int, size: int) -> mmap.mmap:
    """Map a whole file read-only, without keeping a descriptor of it where Python lets one."""
    flags = mmap.MAP_PRIVATE
    if sys.version_info >= (3, 13):
        return mmap.mmap(fd, size, flags=flags, prot=mmap.PROT_READ, trackfd=False)
    return mmap.mmap(fd, size, flags=flags, prot=mmap.PROT_READ)
