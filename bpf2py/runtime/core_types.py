"""The types that CO-RE relocates against: the running kernel's own, or others in their place.

In: what ``load(kernel_btf=…)`` was given.  Out: a ``TypeTable``, and whether it is the running
kernel's own, whose modules count too.  Not here: which file of many is this kernel's (btf_hub.py),
what a file may be packed in (``btf.container``).

A file, bytes or types replace what the kernel says of itself, as ``btf_custom_path`` of libbpf does
and ``KernelTypes`` of cilium/ebpf.  A folder or an archive of many kernels' BTF is for kernels that
have none of their own, as BTFHub's is: it is opened only there.  Last come the places where a vmlinux
may lie, which are libbpf's (btf__load_vmlinux_btf()).  Whoever runs somebody else's program says the
same by ``BPF2PY_KERNEL_BTF`` in the environment; it goes before a folder of the program's, and
after a file.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeAlias

from .errors import NotSupportedError

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from ..btf import TypeTable
    from ..btf.header import Blob

#: What ``kernel_btf=`` takes.
KernelTypes: TypeAlias = "str | os.PathLike[str] | bytes | TypeTable | Traversable"

ENVIRONMENT = "BPF2PY_KERNEL_BTF"
#: Where distributions and people put a vmlinux, with its release.
_VMLINUX = (
    "/boot/vmlinux-{}",
    "/lib/modules/{0}/vmlinux-{0}",
    "/lib/modules/{}/build/vmlinux",
    "/usr/lib/modules/{}/kernel/vmlinux",
    "/usr/lib/debug/boot/vmlinux-{}",
    "/usr/lib/debug/boot/vmlinux-{}.debug",
    "/usr/lib/debug/lib/modules/{}/vmlinux",
)


def is_own(source: KernelTypes | None) -> bool:
    """Whether :func:`core_types` gives what the running kernel shows of itself; nothing is read."""
    from . import kernel_btf

    files, _ = _sort(source)
    return not files and os.path.exists(kernel_btf.VMLINUX_BTF)


def core_types(source: KernelTypes | None) -> tuple[TypeTable, bool]:
    """The types, and whether they are those that the running kernel itself shows.

    Raises :class:`NotSupportedError` where there are none for this kernel, which says where it
    was looked; :class:`OSError` and :class:`BTFError` for what was given and cannot be read.
    """
    files, hubs = _sort(source)
    if files:
        return _table(files[0]), False
    from .kernel_btf import kernel_btf

    try:
        return kernel_btf(), True
    except NotSupportedError as error:
        own = error
    found, looked = _of_hubs(hubs)
    if found is None:
        found = _of_vmlinux()
    if found is None:
        raise _nowhere(own, looked) from None
    return found, False


def _sort(source: KernelTypes | None) -> tuple[list[KernelTypes], list[KernelTypes]]:
    """What replaces the kernel's own types, and what there is to choose from if it has none."""
    files: list[KernelTypes] = []
    hubs: list[KernelTypes] = []
    if source is not None:
        (hubs if _is_hub(source) else files).append(source)
    said = os.environ.get(ENVIRONMENT)
    if said and not files:
        if _is_hub(said):
            hubs.insert(0, said)
        else:
            files.append(said)
    return files, hubs


def _is_hub(source: KernelTypes) -> bool:
    """Whether *source* is a folder or archive to choose from, not one kernel's BTF."""
    from ..btf.table import TypeTable

    if isinstance(source, (bytes, TypeTable)):
        return False
    from ..btf.container import is_name_of_archive

    if isinstance(source, (str, os.PathLike)):
        return os.path.isdir(source) or is_name_of_archive(os.path.basename(os.fspath(source)))
    return source.is_dir() or is_name_of_archive(source.name)


def _traversable(source: KernelTypes) -> Traversable:
    from ..btf.table import TypeTable

    assert not isinstance(source, (bytes, TypeTable))
    if isinstance(source, (str, os.PathLike)):
        from pathlib import Path

        return Path(source)
    return source


def _table(source: KernelTypes) -> TypeTable:
    """The types in one file, or in its bytes."""
    from ..btf.container import unpack
    from ..btf.decode import decode
    from ..btf.table import TypeTable

    if isinstance(source, TypeTable):
        return source
    if isinstance(source, bytes):
        return decode(unpack(source))
    if not isinstance(source, (str, os.PathLike)):
        return _decoded(source.read_bytes(), str(source))
    return _decoded(_content(source), os.fspath(source))


def _content(path: str | os.PathLike[str]) -> Blob:
    """What is in a file: mapped, since a vmlinux can have a gigabyte, where that is possible."""
    import mmap

    with open(path, "rb", buffering=0) as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            return file.readall()  # empty, or of sysfs before 6.16


def _decoded(data: Blob, name: str) -> TypeTable:
    from ..btf.container import unpack
    from ..btf.decode import decode
    from ..btf.errors import BTFError

    try:
        return decode(bytes(unpack(data)))
    except BTFError as error:
        raise BTFError(f"{name}: {error.what}", error.offset) from error


def _of_hubs(hubs: list[KernelTypes]) -> tuple[TypeTable | None, list[str]]:
    """The types for this kernel in the first that has them, or what was looked at."""
    from ..btf.decode import decode
    from .btf_hub import choose, entries_of_archive, entries_of_folder, this_kernel

    looked = []
    for hub in map(_traversable, hubs):
        kernel = this_kernel()
        entries = entries_of_folder(hub) if hub.is_dir() else entries_of_archive(hub.read_bytes())
        blob, sentence = choose(entries, kernel, str(hub))
        if blob is not None:
            return decode(bytes(blob)), []
        looked.append(sentence)
    return None, looked


def _of_vmlinux() -> TypeTable | None:
    """The types of a vmlinux of the running release, if one lies about and has them."""
    from ..btf.errors import BTFError

    release = os.uname().release
    for place in _VMLINUX:
        path = place.format(release)
        try:
            return _decoded(_content(path), path)
        except (OSError, BTFError):
            continue
    return None


def _nowhere(own: NotSupportedError, looked: list[str]) -> NotSupportedError:
    why = "; ".join(looked) or "it was built without CONFIG_DEBUG_INFO_BTF"
    return NotSupportedError(
        own.feature,
        since=own.since,
        hint=f"{why}; load(kernel_btf=…), or {ENVIRONMENT} in the environment, takes a file with "
        "this kernel's BTF, or a folder of many kernels', such as BTFHub's archive",
    )
