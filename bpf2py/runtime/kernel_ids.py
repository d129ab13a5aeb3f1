"""Ids of types in the running kernel's own BTF, kept for the next process.

In: a name and a kind.  Out: what ``kernel_btf().find`` gives; the BTF is not opened, and what reads
it not imported, if another process has asked.  Not here: where files lie and whom they may come
from (cache_folder.py).

Programs on tracepoints, functions and LSM hooks are loaded with such an id, so every start of most
agents asks.  One file for each build of the kernel has what all tools asked for.  What the kernel
itself does not have is not kept: modules may bring it.
"""

from __future__ import annotations

import os
from zlib import crc32

from ..light import TYPE_CHECKING, cache
from . import cache_folder, kernel

if TYPE_CHECKING:
    from ..uapi import BTFKind

#: So many ids stay, those asked for last.
_KEPT = 4096


class KernelIds:
    """What is known of the running kernel; one of these for a process."""

    def __init__(self) -> None:
        self._build = kernel.build()
        self._path = cache_folder.place(f"ids-{self._build.hex()}") if self._build else None
        self._new: dict[str, int] = {}
        self._known = self._read()

    def find(self, name: str, kind: BTFKind) -> int | None:
        """The id of the first type of that name and kind; None if there is none.

        Raises as ``kernel_btf()``.
        """
        key = f"{kind:d} {name}"
        found = self._known.get(key)
        if found is None:
            from .kernel_btf import kernel_btf

            found = kernel_btf().find(name, kind)
            if found is not None:
                self._known[key] = self._new[key] = found
        return found

    def keep(self) -> None:
        """Write down what was found out."""
        if self._path is None or not self._new:
            return
        # Other processes may have added theirs.  One that does so now is forgotten, or this is.
        known = [*{**self._read(), **self._new}.items()][-_KEPT:]
        body = "".join([f"{key} {number}\n" for key, number in known]).encode()
        cache_folder.put(self._path, lambda: self._head(body) + body, kind="ids-")
        self._new.clear()

    def _head(self, body: bytes) -> bytes:
        size = os.stat(kernel.VMLINUX_BTF).st_size
        return f"bpf2py ids 1 {self._build.hex()} {size} {crc32(body):08x}\n".encode()

    def _read(self) -> dict[str, int]:
        """What is in the file; nothing if it is not about this kernel, or damaged."""
        found = cache_folder.open_trusted(self._path) if self._path else None
        if found is None:
            return {}
        fd, size = found
        try:
            head, newline, body = os.read(fd, size).partition(b"\n")
            if head + newline != self._head(body):
                return {}
            rows = [line.rpartition(" ") for line in body.decode().splitlines()]
            return {key: int(number) for key, _, number in rows}
        except (OSError, ValueError):
            return {}
        finally:
            os.close(fd)


@cache
def kernel_ids() -> KernelIds:
    """Those of the running kernel."""
    return KernelIds()
