"""The user's cache folder: what was found out about the running kernel, kept for the next process.

In: names and bytes.  Out: files that only this user can have written, or none: whatever is wrong
with the folder or a file, callers work as if nothing were kept.  Not here: what the files say
(kernel_btf.py, core_cache.py), which check it before they believe it.
``BPF2PY_NO_CACHE=1`` in the environment: neither read nor written.
"""

from __future__ import annotations

import os
import stat

from ..light import suppress

NO_CACHE = "BPF2PY_NO_CACHE"


def place(name: str) -> str | None:
    """Where the file *name* belongs; None if there is no safe place, or none is wanted."""
    if os.environ.get(NO_CACHE):
        return None
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
        return os.path.join(folder, name)
    except OSError:
        return None
    # With sudo, HOME may be another user's: what lies there, that user could exchange.
    if not stat.S_ISDIR(about.st_mode) or not _is_ours(about):
        return None
    return os.path.join(folder, name)


def _is_ours(about: os.stat_result) -> bool:
    """Whether nobody but this user (and root) can have written there."""
    return about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def open_trusted(path: str) -> tuple[int, int] | None:
    """Descriptor and size of a file that only this user can have written; None for any other."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    about = os.fstat(fd)
    if stat.S_ISREG(about.st_mode) and _is_ours(about) and about.st_size:
        return fd, about.st_size
    os.close(fd)
    return None


def create_beside(path: str) -> tuple[int, str] | None:
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


def put_into_place(
    file: tuple[int, str], path: str, content: bytes, *, kind: str, keep: int
) -> None:
    """Fill the new file and give it its name in one step; if that fails, there is just no file.

    Two processes may do so at the same time: each writes its own file, and the last one stays.
    Of files whose names begin with *kind*, only the newest *keep* stay.
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
        _drop_oldest(os.path.dirname(path), kind, keep)
    except OSError:
        with suppress(OSError):
            os.unlink(made)


def _drop_oldest(folder: str, kind: str, keep: int) -> None:
    """Keep the newest files only: somebody who builds kernels would collect hundreds."""
    with os.scandir(folder) as entries:
        files = [entry for entry in entries if entry.name.startswith(kind)]
    if len(files) > keep:
        files.sort(key=lambda entry: entry.stat(follow_symlinks=False).st_mtime, reverse=True)
        for entry in files[keep:]:
            os.unlink(entry.path)
