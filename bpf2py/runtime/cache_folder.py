"""The user's cache folder: what was found out about the running kernel, kept for the next process.

In: names and bytes.  Out: files that only this user can have written, or none: whatever is wrong
with the folder or a file, callers work as if nothing were kept.  Not here: what the files say
(kernel_btf.py, core_cache.py), which check it before they believe it.
``BPF2PY_NO_CACHE=1`` in the environment: neither read nor written.

The folder is opened once, looked at, and then files are found in what was opened: whoever owns a
folder above it can put another in its place at any time.
"""

from __future__ import annotations

import os
import stat

from ..light import TYPE_CHECKING, suppress

if TYPE_CHECKING:
    from collections.abc import Callable

NO_CACHE = "BPF2PY_NO_CACHE"

#: Bytes that files of one kind may take together: the indexes of seven kernels, or what was found
#: for some hundreds of tools.
ROOM = 8 << 20

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW
_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW


def place(name: str) -> str | None:
    """Where the file *name* belongs; None if there is no safe place, or none is wanted."""
    if os.environ.get(NO_CACHE):
        return None
    home = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(home):
        home = os.path.expanduser("~") if os.environ.get("HOME") != "" else ""
        if not os.path.isabs(home):
            return None
        home = os.path.join(home, ".cache")
    folder = nearest = os.path.join(home, "bpf2py")
    while True:
        try:
            about = os.stat(nearest)
        except FileNotFoundError:
            nearest = os.path.dirname(nearest)
        except OSError:
            return None
        else:
            break
    # With sudo, HOME may be another user's: what lies there, that user could exchange, and a folder
    # of root's would be in the way of what that user runs.
    return os.path.join(folder, name) if about.st_uid in (0, os.geteuid()) else None


def open_trusted(path: str) -> tuple[int, int] | None:
    """Descriptor and size of a file that only this user can have written; None for any other."""
    folder, name = os.path.split(path)
    try:
        place = _open_folder(folder)
        try:
            fd = os.open(name, _READ, dir_fd=place)
        finally:
            os.close(place)
    except OSError:
        return None
    about = os.fstat(fd)
    if stat.S_ISREG(about.st_mode) and _is_ours(about) and about.st_size:
        return fd, about.st_size
    os.close(fd)
    return None


def put(path: str, make: Callable[[], bytes], *, kind: str) -> bytes | None:
    """Keep at *path* what *make* returns, and give it; None where nothing can be kept.

    *make* is not called if no file can be made.  The file appears with all of its content.  Two
    processes may do so at the same time: each writes its own file, and the last one stays.  Of
    files whose names begin with *kind*, only the newest stay, as many as there is :data:`ROOM` for.
    """
    folder, name = os.path.split(path)
    made = f"{name}.{os.getpid()}.{os.urandom(4).hex()}"
    try:
        os.makedirs(folder, mode=0o700, exist_ok=True)
        place = _open_folder(folder)
        try:
            fd = os.open(made, _NEW, 0o600, dir_fd=place)
            try:
                content = _write(fd, make)
                os.rename(made, name, src_dir_fd=place, dst_dir_fd=place)
            except BaseException:
                with suppress(OSError):
                    os.unlink(made, dir_fd=place)
                raise
            _drop_oldest(place, kind)
        finally:
            os.close(place)
    except OSError:
        return None
    return content


def _open_folder(path: str) -> int:
    """The folder, if nobody but this user (and root) can have written there."""
    fd = os.open(path, _FOLDER)
    if _is_ours(os.fstat(fd)):
        return fd
    os.close(fd)
    raise PermissionError(path)


def _is_ours(about: os.stat_result) -> bool:
    return about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _write(fd: int, make: Callable[[], bytes]) -> bytes:
    try:
        content = make()
        left = memoryview(content)
        while left:
            left = left[os.write(fd, left) :]
    finally:
        os.close(fd)
    return content


def _drop_oldest(folder: int, kind: str) -> None:
    """Keep the newest files only: somebody who builds kernels would collect hundreds."""
    with os.scandir(folder) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(kind)]
    files = []
    for name in names:
        with suppress(FileNotFoundError):  # another process drops them, too
            about = os.stat(name, dir_fd=folder, follow_symlinks=False)
            files.append((about.st_mtime_ns, about.st_size, name))
    room = ROOM
    for _, size, name in sorted(files, reverse=True):
        room -= size
        if room < 0:
            with suppress(OSError):
                os.unlink(name, dir_fd=folder)
