"""Folders and archives with the BTF of many kernels: gone through, reduced, packed for a package.

In: a path, and what objects need.  Out: each kernel's types, reduced BTF, an archive.  Not here:
which is the running kernel's (``runtime.btf_hub``), what is kept (``btf.reduce``).
"""

from __future__ import annotations

import io
import lzma
import os
import tarfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from ..btf import TypeTable, decode
from ..btf.container import unpack
from ..btf.core_errors import RelocationError
from ..btf.errors import BTFError
from ..btf.reduce import Needs, reduce
from ..elf.errors import damage_of
from ..runtime.btf_hub import Entry, entries_of_archive, entries_of_folder
from ..runtime.hub_names import SUFFIX
from ..spec import ObjectSpec


class HubError(ValueError):
    """A folder or archive of BTF that cannot be read or reduced: which file, and why."""


def needs_of(spec: ObjectSpec, name: str) -> Needs:
    """What an object asks of a kernel; *name* is for messages."""
    records = [each.core_relocations for each in spec.programs.values()]
    with damage_of(name):
        return Needs(decode(spec.btf), records, name=name)


def kernels(hub: Path) -> Iterator[tuple[Entry, TypeTable]]:
    """The place and the types of every kernel in a folder or an archive, one by one."""
    try:
        found = entries_of_folder(hub) if hub.is_dir() else entries_of_archive(hub.read_bytes())
        entries = sorted(found)
    except BTFError as error:
        raise HubError(f"{hub}: {error.what}") from error
    if not entries:
        raise HubError(f"{hub}: no *{SUFFIX} of any kernel in it, also packed as *{SUFFIX}.tar.xz")
    for entry in entries:
        try:
            table = decode(bytes(unpack(entry.read())))
        except BTFError as error:
            raise HubError(f"{hub}/{'/'.join(entry.parts)}: {error}") from error
        yield entry, table


def reduced(source: str, table: TypeTable, needs: Sequence[Needs]) -> tuple[bytes, str]:
    """What *needs* look at of the types of one kernel, and a sentence about it."""
    try:
        blob = reduce(table, needs)
    except (BTFError, RelocationError) as error:
        raise HubError(f"{source}: {error}") from error
    types = len(decode(blob)) - 1
    return blob, f"{types} types in {len(blob)} bytes, of {len(table) - 1} in {source}"


def all_reduced(hub: Path, needs: Sequence[Needs]) -> dict[Path, tuple[bytes, str]]:
    """Every kernel's, by its place in the new folder; nothing if one of them is refused."""
    results: dict[Path, tuple[bytes, str]] = {}
    for entry, table in kernels(hub):
        path = Path(f"{entry}{SUFFIX}")
        if path in results:
            raise HubError(f"two files in {hub} would both become {path}")
        # Of one source compiled for both byte orders, a kernel loads the object of its own.
        fitting = [each for each in needs if each.local.byte_order == table.byte_order] or needs
        results[path] = reduced(f"{hub}/{'/'.join(entry.parts)}", table, fitting)
    return results


def archive(files: Iterable[tuple[str, bytes]]) -> bytes:
    """A ``.tar.xz`` of *files*, the same for the same ones; what is there twice is a hard link."""
    buffer = io.BytesIO()
    first: dict[bytes, str] = {}
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, content in files:
            info = tarfile.TarInfo(name)
            info.mode = 0o644
            if content in first:
                info.type, info.linkname = tarfile.LNKTYPE, first[content]
                tar.addfile(info)
                continue
            first[content] = name
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return lzma.compress(buffer.getvalue(), preset=9 | lzma.PRESET_EXTREME)


def packed(results: dict[Path, tuple[bytes, str]]) -> bytes:
    """The archive of what ``all_reduced`` gave."""
    return archive((path.as_posix(), blob) for path, (blob, _) in results.items())


def listing(hub: Path) -> list[tuple[str, int, int]]:
    """Path, size and time of every file: what tells a changed folder without reading gigabytes."""
    paths = [hub]
    if hub.is_dir():
        # As entries_of_folder(), nothing that begins with a dot: git writes there all the time.
        for folder, folders, names in os.walk(hub):
            folders[:] = sorted(name for name in folders if not name.startswith("."))
            paths += (Path(folder, name) for name in sorted(names) if not name.startswith("."))
    stats = [(path, path.stat()) for path in paths if not path.is_dir()]
    return [(path.as_posix(), stat.st_size, stat.st_mtime_ns) for path, stat in stats]
