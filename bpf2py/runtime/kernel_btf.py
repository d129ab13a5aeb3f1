"""The running kernel's BTF: read when first asked for, then remembered.

In: nothing.  Out: a ``TypeTable``.  Not here: what BTF is (``btf``), the index's format
(btf_index.py), BTF of modules, what may stand in the place of it (core_types.py).

Scanning a hundred thousand types takes plain Python some hundredths of a second, so what the scan
found is kept in the user's cache folder, per build of the kernel (its GNU build id).  The index is
used only if it is a regular file of this user's that nobody else can write, speaks of exactly this
blob and has the right checksum; otherwise it is ignored, and written again if that is possible.
``BPF2PY_NO_CACHE=1`` in the environment: neither read nor written.
"""

from __future__ import annotations

import mmap
import os
import stat
import struct
import sys
from contextlib import suppress
from functools import cache

from ..btf.decode import decode
from ..btf.header import read_header
from ..btf.table import TypeTable
from .btf_index import build_index, open_index
from .errors import NotSupportedError

#: Where the kernel shows its own BTF since 5.4 (CONFIG_DEBUG_INFO_BTF).
VMLINUX_BTF = "/sys/kernel/btf/vmlinux"
#: The ELF notes of the running kernel, among them the linker's build id.
KERNEL_NOTES = "/sys/kernel/notes"
NO_CACHE = "BPF2PY_NO_CACHE"

_NT_GNU_BUILD_ID = 3
_NOTE = struct.Struct("=III")
#: Indexes of so many kernels are kept; older ones go when a new one is written.
_KEPT = 8


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
        blob = _map(VMLINUX_BTF)
    except FileNotFoundError:
        raise NotSupportedError(
            f"BTF of its own types ({VMLINUX_BTF})",
            since="5.4",
            hint="it was built without CONFIG_DEBUG_INFO_BTF",
        ) from None
    build_id = b"" if os.environ.get(NO_CACHE) else _build_id()
    path = _index_path(build_id) if build_id else None
    if path is None:
        return decode(blob)
    header = read_header(blob, split=False)
    data = _trusted_bytes(path)
    found = None
    if data is not None:
        found = open_index(
            data, blob, build_id=build_id, types=header.types, strings=header.strings
        )
        # Its checksum was a look at all of it; what is asked for comes back page by page.
        data.madvise(mmap.MADV_DONTNEED)
    if found is None:
        made = _create_beside(path)
        table = decode(blob)
        if made is None:
            # Not worth building: it would be built for this process alone.
            return table
        content = build_index(
            table,
            blob,
            build_id=build_id,
            types=header.types,
            strings=header.strings,
        )
        _put_into_place(made, path, content)
        found = open_index(
            content, blob, build_id=build_id, types=header.types, strings=header.strings
        )
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


def _map_fd(fd: int, size: int) -> mmap.mmap:
    """Map a whole file read-only, without keeping a descriptor of it where Python lets one."""
    flags = mmap.MAP_PRIVATE
    if sys.version_info >= (3, 13):
        return mmap.mmap(fd, size, flags=flags, prot=mmap.PROT_READ, trackfd=False)
    return mmap.mmap(fd, size, flags=flags, prot=mmap.PROT_READ)


def _build_id() -> bytes:
    """The GNU build id of the running kernel; empty if it has none or does not tell."""
    try:
        with open(KERNEL_NOTES, "rb", buffering=0) as file:
            notes = file.readall()
    except OSError:
        return b""
    return find_build_id(notes)


def find_build_id(notes: bytes) -> bytes:
    """The GNU build id among ELF *notes*; empty if there is none."""
    at = 0
    while at + _NOTE.size <= len(notes):
        name_size, size, kind = _NOTE.unpack_from(notes, at)
        name = at + _NOTE.size
        content = name + (name_size + 3 & ~3)
        if kind == _NT_GNU_BUILD_ID and notes[name : name + name_size] == b"GNU\0":
            found = notes[content : content + size]
            return found if 8 <= len(found) == size <= 20 else b""
        at = content + (size + 3 & ~3)
    return b""


# ---- the cache folder ----


def _index_path(build_id: bytes) -> str | None:
    """Where the index for a kernel belongs; None if there is no safe place."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(home):
        home = os.path.expanduser("~")
        if not os.path.isabs(home):
            return None
        home = os.path.join(home, ".cache")
    folder = os.path.join(home, "bpf2py")
    try:
        about = os.lstat(folder)
    except FileNotFoundError:
        return os.path.join(folder, f"btf-{build_id.hex()}")
    except OSError:
        return None
    # With sudo, HOME may be another user's: what lies there, that user could exchange.
    if not stat.S_ISDIR(about.st_mode) or not _is_ours(about):
        return None
    return os.path.join(folder, f"btf-{build_id.hex()}")


def _is_ours(about: os.stat_result) -> bool:
    """Whether nobody but this user (and root) can have written there."""
    return about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _trusted_bytes(path: str) -> mmap.mmap | None:
    """The content of a file that only this user can have written; None for any other."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    try:
        about = os.fstat(fd)
        if not stat.S_ISREG(about.st_mode) or not _is_ours(about) or not about.st_size:
            return None
        return _map_fd(fd, about.st_size)
    except (OSError, ValueError):
        return None
    finally:
        os.close(fd)


def _create_beside(path: str) -> tuple[int, str] | None:
    """A new empty file in the folder of *path*, as (descriptor, its path); None if that may not be."""
    folder = os.path.dirname(path)
    made = f"{path}.{os.getpid()}.{os.urandom(4).hex()}"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        about = os.lstat(folder)
        if not stat.S_ISDIR(about.st_mode) or not _is_ours(about):
            return None
        return os.open(made, flags, 0o600), made
    except OSError:
        return None


def _put_into_place(file: tuple[int, str], path: str, content: bytes) -> None:
    """Fill the new file and give it its name in one step; if that fails, there is just no file.

    Two processes may do so at the same time: each writes its own file, and the last one stays.
    """
    fd, made = file
    try:
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(fd, left) :]
        finally:
            os.close(fd)
        os.rename(made, path)
        _drop_oldest(os.path.dirname(path))
    except OSError:
        with suppress(OSError):
            os.unlink(made)


def _drop_oldest(folder: str) -> None:
    """Keep the newest indexes only: somebody who builds kernels would collect hundreds."""
    with os.scandir(folder) as entries:
        files = [entry for entry in entries if entry.name.startswith("btf-")]
    files.sort(key=lambda entry: entry.stat(follow_symlinks=False).st_mtime, reverse=True)
    for entry in files[_KEPT:]:
        os.unlink(entry.path)
