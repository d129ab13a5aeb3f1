"""Folders and archives with the BTF of many kernels, for commands that go through all of them.

In: a path.  Out: each kernel's types, or a new archive.  Not here: which is the running kernel's
(``runtime.btf_hub``).
"""

from __future__ import annotations

import io
import lzma
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from ..btf import TypeTable, decode
from ..btf.container import SUFFIX, unpack
from ..btf.errors import BTFError
from ..runtime.btf_hub import Entry, entries_of_archive, entries_of_folder
from .main import Failure


def kernels(hub: Path) -> Iterator[tuple[Entry, TypeTable]]:
    """The place and the types of every kernel in a folder or an archive, one by one."""
    try:
        entries = list(
            entries_of_folder(hub) if hub.is_dir() else entries_of_archive(hub.read_bytes())
        )
    except BTFError as error:
        raise Failure(f"{hub}: {error.what}") from error
    if not entries:
        raise Failure(f"{hub}: no *{SUFFIX} of any kernel in it, also packed as *{SUFFIX}.tar.xz")
    for entry in sorted(entries):
        try:
            table = decode(bytes(unpack(entry.read())))
        except BTFError as error:
            raise Failure(f"{hub}/{'/'.join(entry.parts)}: {error}") from error
        yield entry, table


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
