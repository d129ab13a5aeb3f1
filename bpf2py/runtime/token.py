"""BPF tokens: rights that a bpf file system delegates to a user namespace (6.9).

In: where such a file system is mounted.  Out: a :class:`Token`, which ``load()`` and probes pass on
to the kernel; :func:`delegations`, what the mounts here delegate.  Not here: which of them
``load()`` takes (privileges.py).
"""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from struct import Struct
from typing import Final, NamedTuple, Self

from ..uapi import AttachType, Cmd, MapType, ProgType
from .kernel import BPFFS_PATH
from .owner import Owner
from .syscalls import bpf as door
from .syscalls.fd import FD
from .syscalls.token import passing

_CREATE = Struct("=II")
_ANY: Final = (1 << 64) - 1
#: Option of the mount, line of /proc/self/fdinfo, and what its bits number.
_RIGHTS: Final = (
    ("delegate_cmds", "allowed_cmds", Cmd),
    ("delegate_maps", "allowed_maps", MapType),
    ("delegate_progs", "allowed_progs", ProgType),
    ("delegate_attachs", "allowed_attachs", AttachType),
)


class Rights(NamedTuple):
    """What is delegated, a bit for each number of the kernel's enums."""

    commands: int
    map_types: int
    program_types: int
    attach_types: int

    def allows(self, right: Cmd | MapType | ProgType | AttachType) -> bool:
        """Whether *right* is among them: ``allows(ProgType.XDP)``."""
        kinds = [kind for _, _, kind in _RIGHTS]
        return bool(self[kinds.index(type(right))] >> right & 1)

    def __str__(self) -> str:
        said: list[str] = []
        for (option, _, kind), mask in zip(_RIGHTS, self, strict=True):
            names = [member.name.lower() for member in kind if mask >> member & 1]
            said.append(f"{option}={'any' if mask == _ANY else ':'.join(names) or 'none'}")
        return ", ".join(said)


class Delegation(NamedTuple):
    """A bpf file system that delegates: where it is mounted here, and what."""

    path: str
    rights: Rights


class Token(Owner):
    """A BPF token; close it, or leave a ``with``.  Nothing that was made by it goes away then."""

    def __init__(self, fd: FD, path: str) -> None:
        self._fd = fd
        #: The bpf file system it is from.
        self.path = path

    @classmethod
    def create(cls, path: str | os.PathLike[str] = BPFFS_PATH) -> Self:
        """The token of the bpf file system mounted at *path* (BPF_TOKEN_CREATE, 6.9).

        Raises :class:`OSError`; the text says whether it is the place, the mount or the user
        namespace that stands against it.
        """
        where = os.fspath(path)
        what = f"BPF token of {where!r}"
        directory = os.open(where, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            attr = bytearray(_CREATE.pack(0, directory))
            return cls(FD(door.bpf(Cmd.TOKEN_CREATE, attr, what=what), what), where)
        finally:
            os.close(directory)

    def fileno(self) -> int:
        """The descriptor, still owned by this token."""
        return self._fd.fileno()

    @property
    def rights(self) -> Rights:
        """What it allows, as its mount said when it was created."""
        with open(f"/proc/self/fdinfo/{self.fileno()}", encoding="ascii") as file:
            lines = dict(line.split(":", 1) for line in file if ":" in line)
        return Rights(*(_mask(lines.get(line, "0").strip()) for _, line, _ in _RIGHTS))

    def used(self) -> AbstractContextManager[None]:
        """A ``with`` in which this thread's probes use the token: ``with token.used(): …``."""
        return passing(self.fileno())

    def close(self) -> None:
        """Close the descriptor; a second call does nothing."""
        self._fd.close()

    def __repr__(self) -> str:
        return f"<Token of {self.path!r}{', closed' if self._fd.closed else ''}>"


def delegations() -> list[Delegation]:
    """The bpf file systems of this mount namespace that delegate anything."""
    found: list[Delegation] = []
    with open("/proc/self/mounts", encoding="utf-8", errors="surrogateescape") as file:
        mounts = [line.split() for line in file]
    for _, path, system, options, *_ in mounts:
        said: dict[str, str] = {}
        for option in options.split(","):
            name, _, value = option.partition("=")
            said[name] = value
        if system == "bpf" and any(option in said for option, _, _ in _RIGHTS):
            rights = Rights(*(_named(said.get(option, ""), kind) for option, _, kind in _RIGHTS))
            found.append(Delegation(_unescaped(path), rights))
    return found


def _mask(text: str) -> int:
    return _ANY if text == "any" else int(text, 16)


def _named(text: str, kind: type[Cmd] | type[MapType] | type[ProgType] | type[AttachType]) -> int:
    """A mount option: ``any``, a mask, or names such as ``prog_load:map_create``."""
    mask = 0
    for word in text.split(":"):
        if word == "any":
            mask = _ANY
        elif word[:1].isdecimal():
            mask |= int(word, 0)
        elif word.upper() in kind.__members__:
            mask |= 1 << kind[word.upper()]
    return mask


def _unescaped(path: str) -> str:
    r"""A path of /proc/self/mounts, where a blank is ``\040``."""
    first, *rest = path.split("\\")
    return first + "".join(chr(int(part[:3], 8)) + part[3:] for part in rest)
