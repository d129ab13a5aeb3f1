"""The BTF of many kernels, in a folder or an archive, and which of them is for this kernel.

In: a folder as BTFHub's archive has it (``ubuntu/20.04/x86_64/5.4.0-91-generic.btf.tar.xz``), a flat
one (``5.4.0-91-generic.btf``), what ``bpf2py min-btf`` makes of them, or such a tree in one tar
archive.  Out: the raw BTF of the running kernel, or the sentence that says what was looked for and
what there is.  Not here: whether the kernel has BTF of its own (core_types.py).

A kernel is known by its release (``uname -r``); the rest of the path must not speak against it.
What stands there of another architecture does not fit.  The distribution and its version choose
where several have the same release: they are a container's where this runs in one, so that a file
that is the only one of its release fits whatever they are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from ..btf.container import members, unpack
from ..btf.errors import BTFError
from .hub_names import SUFFIX, is_name_of_btf, stem
from .machine import ARCHITECTURES

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from ..btf.header import Blob

_OS_RELEASE = ("/etc/os-release", "/usr/lib/os-release")
_SHOWN = 5
#: BTFHub's archive has three folders above a file, and some hundred in all.
_MAX_DEPTH, _MAX_FOLDERS = 8, 20_000
_PREFIX = "vmlinux-"


class Kernel(NamedTuple):
    """What is known of a kernel without its BTF."""

    release: str
    """``uname -r``"""
    machine: str
    """``uname -m``"""
    ids: tuple[str, ...] = ()
    """``ID`` of /etc/os-release, then what it says it is like: ``rocky``, ``rhel``, ``centos``."""
    versions: tuple[str, ...] = ()
    """``VERSION_ID``, the code name, and the number before the dot."""

    def __str__(self) -> str:
        where = " ".join((*self.ids[:1], *self.versions[:1], self.machine))
        return f"{self.release} ({where})"


class Entry(NamedTuple):
    """One file: its path below the folder, and how to read it."""

    parts: tuple[str, ...]
    read: Callable[[], Blob]

    def __str__(self) -> str:
        return "/".join((*self.parts[:-1], stem(self.parts[-1])))


def this_kernel() -> Kernel:
    """The running kernel, and the distribution as far as this file system tells."""
    about = os.uname()
    said: dict[str, str] = {}
    for path in _OS_RELEASE:
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                for line in file:
                    key, equals, value = line.strip().partition("=")
                    if equals:
                        said.setdefault(key, value.strip("\"'"))
            break
        except OSError:
            continue
    ids = (said.get("ID", ""), *said.get("ID_LIKE", "").split())
    version = said.get("VERSION_ID", "")
    versions = (version, said.get("VERSION_CODENAME", ""), version.partition(".")[0])
    return Kernel(
        about.release,
        about.machine,
        tuple(dict.fromkeys(filter(None, ids))),
        tuple(dict.fromkeys(filter(None, versions))),
    )


def entries_of_folder(folder: Traversable) -> Iterator[Entry]:
    """Every file of BTF below *folder*; what begins with a dot (``.git``) is not looked at.

    :class:`BTFError` for a folder of so many others that links must lead round in it.
    """
    todo: list[tuple[tuple[str, ...], Traversable]] = [((), folder)]
    folders = 0
    while todo:
        parts, here = todo.pop()
        folders += 1
        if folders > _MAX_FOLDERS:
            raise BTFError(f"more than {_MAX_FOLDERS} folders, or a link that leads back into it")
        for child in sorted(here.iterdir(), key=lambda each: each.name, reverse=True):
            if child.name.startswith("."):
                continue
            if is_name_of_btf(child.name) or child.name.startswith(_PREFIX):
                yield Entry((*parts, child.name), partial(_content, child))
            elif len(parts) < _MAX_DEPTH and child.is_dir() and not _leads_back(here, child):
                todo.append(((*parts, child.name), child))


def _leads_back(here: Traversable, child: Traversable) -> bool:
    """Whether *child* is a link to a folder that *here* lies in."""
    if not (isinstance(child, Path) and isinstance(here, Path) and child.is_symlink()):
        return False
    return here.resolve().is_relative_to(child.resolve())


def _content(file: Traversable) -> bytes:
    if not file.is_file():  # a pipe would be waited for
        raise BTFError("not a file")
    return file.read_bytes()


def entries_of_archive(data: Blob) -> Iterator[Entry]:
    """Every file of BTF in a tar archive, also a compressed one; :class:`BTFError` if it is none."""
    for name, content in members(data):
        parts = tuple(part for part in name.split("/") if part not in ("", "."))
        if parts and is_name_of_btf(parts[-1]) and ".." not in parts:
            yield Entry(parts, partial(_itself, content))


def _itself(content: Blob) -> Blob:
    return content


def choose(entries: Iterable[Entry], kernel: Kernel, where: str) -> tuple[Blob | None, str]:
    """The raw BTF for *kernel* among *entries*, or None; and a sentence about it.

    :class:`BTFError` where several fit equally well and differ, or the one that fits is damaged.
    """
    every = list(entries)
    fitting = []
    for entry in every:
        rank = _rank(entry, kernel)
        if rank is not None:
            fitting.append((rank, entry))
    if not fitting:
        return None, _absent(every, kernel, where)
    best = min(rank for rank, _ in fitting)
    first, *others = [entry for rank, entry in fitting if rank == best]
    blob = _read(first, where)
    for other in others:
        if bytes(_read(other, where)) != bytes(blob):
            raise BTFError(
                f"{where} has {first} and {other}, which differ, and {kernel} could be either: "
                "give the one file"
            )
    return blob, f"{where}/{first}"


def _read(entry: Entry, where: str) -> Blob:
    try:
        return unpack(entry.read())
    except BTFError as error:
        raise BTFError(f"{where}/{'/'.join(entry.parts)}: {error.what}") from error


def _rank(entry: Entry, kernel: Kernel) -> tuple[int, ...] | None:
    """How well an entry fits, the less the better; None if it is another kernel's."""
    *folders, name = entry.parts
    if stem(name).removeprefix(_PREFIX) != kernel.release:
        return None
    named = [each for each in folders if _architecture(each)]
    if named and _architecture(named[-1]) != _architecture(kernel.machine):
        return None
    # x86 is also i686, arm64 has two names.
    machine = int(bool(named) and kernel.machine not in named)
    distribution = _first_of(kernel.ids, folders)
    if distribution == len(kernel.ids):
        return distribution, 0, machine
    # A version is one of the distribution that is meant.
    return distribution, _first_of(kernel.versions, folders), machine


def _first_of(wanted: tuple[str, ...], folders: list[str]) -> int:
    return next((at for at, each in enumerate(wanted) if each in folders), len(wanted))


def _architecture(name: str) -> str:
    """The architecture that a folder is named after, in libbpf's words; empty for other names."""
    return ARCHITECTURES.get(name, name if name in _WORDS else "")


_WORDS = frozenset(ARCHITECTURES.values())


def _absent(entries: list[Entry], kernel: Kernel, where: str) -> str:
    if not entries:
        return f"{where} has no file *{SUFFIX}"
    import difflib

    names = {str(each): stem(each.parts[-1]).removeprefix(_PREFIX) for each in entries}
    near = difflib.get_close_matches(kernel.release, set(names.values()), n=_SHOWN, cutoff=0.0)
    shown = [path for each in near for path, release in names.items() if release == each]
    del shown[_SHOWN:]
    more = f", … ({len(names)} in all)" if len(names) > len(shown) else ""
    return f"{where} has none for {kernel}; the nearest it has: {', '.join(shown)}{more}"
