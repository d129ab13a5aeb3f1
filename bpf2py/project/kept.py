"""Modules that were generated before, kept by everything that decides what they say.

In: the object's bytes and the options.  Out: the text that was made of them last time, if the
generator is still the same: its version, its files, the packages it formats and reads with.  So a
hand-edited module is noticed as ever, by comparing it with that text, and only making the text
again is saved.  It is a cache in the user's cache folder: what is damaged there, or could have been
written by somebody else, is ignored, and what cannot be written is left.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from .. import __version__
from .folders import cache_folder

#: Modules that are kept; the ones used longest ago go first.
_KEPT = 256
#: Packages of the build extra that take part in making a text.
_PACKAGES = ("black", "elftools", "jinja2")
_ROOT = Path(__file__).parents[1]
_DIGEST_SIZE = 32


def key(*decides: object) -> str:
    """The name of what is made from *decides*: values whose ``repr`` says everything, bytes as such."""
    digest = hashlib.sha256(generator())
    for each in decides:
        data = each if isinstance(each, bytes) else repr(each).encode()
        digest.update(b"%d:" % len(data) + data)
    return digest.hexdigest()


def load(name: str) -> bytes | None:
    """What was saved under *name*; ``None`` if it is not there, or cannot be trusted."""
    path = _folder() / name
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        with open(fd, "rb") as file:
            about = os.fstat(fd)
            if not (
                stat.S_ISREG(about.st_mode) and _is_ours(about) and _is_ours_alone(path.parent)
            ):
                return None
            content = file.read()
        data = content[_DIGEST_SIZE:]
        if hashlib.sha256(data).digest() != content[:_DIGEST_SIZE]:
            return None
        os.utime(path)
    except OSError:
        return None
    return data


def save(name: str, data: bytes) -> None:
    """Keep *data* under *name*, whole or not at all."""
    folder = _folder()
    made = folder / f".{name}.{os.getpid()}"
    with contextlib.suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not _is_ours_alone(folder):
            return
        fd = os.open(
            made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600
        )
        with open(fd, "wb") as file:
            file.write(hashlib.sha256(data).digest() + data)
        made.replace(folder / name)
        _drop_oldest(folder)


def _folder() -> Path:
    return cache_folder() / "generated"


def _is_ours(about: os.stat_result) -> bool:
    """Whether nobody but this user (and root) can have written there."""
    return about.st_uid == os.geteuid() and not about.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _is_ours_alone(folder: Path) -> bool:
    # With sudo, HOME may be another user's: what lies there, that user could exchange.
    about = folder.lstat()
    return stat.S_ISDIR(about.st_mode) and _is_ours(about)


def _drop_oldest(folder: Path) -> None:
    with os.scandir(folder) as entries:
        files = list(entries)
    if len(files) > _KEPT:
        files.sort(key=lambda entry: entry.stat(follow_symlinks=False).st_mtime_ns)
        for entry in files[:-_KEPT]:
            os.unlink(entry.path)


@cache
def generator() -> bytes:
    """What tells this generator from another one, without importing it."""
    parts: list[object] = [__version__, sys.version, zlib.ZLIB_RUNTIME_VERSION]
    for package in _PACKAGES:
        found = PathFinder.find_spec(package)
        origin = Path(found.origin) if found and found.origin else None
        parts.append((package, *_stamp(origin.stat())) if origin else package)
    parts += sorted(_files(str(_ROOT)))
    return hashlib.sha256(repr(parts).encode()).digest()


def _files(folder: str) -> Iterator[tuple[str, int, int]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name != "__pycache__":
                    yield from _files(entry.path)
            elif entry.name.endswith((".py", ".j2")):
                yield (entry.path, *_stamp(entry.stat()))


def _stamp(about: os.stat_result) -> tuple[int, int]:
    return about.st_size, about.st_mtime_ns
