"""The types that CO-RE relocates against: the running kernel's own, or others in their place.

In: what ``load(kernel_btf=…)`` was given.  Out: a ``TypeTable``, and those of modules, which count for
what the kernel does not have.  Not here: which file of many is this kernel's (btf_hub.py),
what a file may be packed in (``btf.container``).

A file, bytes or types replace what the kernel says of itself, as ``btf_custom_path`` of libbpf does
and ``KernelTypes`` of cilium/ebpf.  A folder or an archive of many kernels' BTF is for kernels that
have none of their own, as BTFHub's is: it is opened only there.  Last come the places where a vmlinux
may lie, which are libbpf's (btf__load_vmlinux_btf()).  Whoever runs somebody else's program says the
same by ``BPF2PY_KERNEL_BTF`` in the environment; it goes before a folder of the program's, and
after a file.  A dict adds modules that do not show their BTF, as ``ExtraRelocationTargets`` of
cilium/ebpf does.
"""

from __future__ import annotations

import os

from ..light import TYPE_CHECKING, NamedTuple
from .errors import NotSupportedError
from .log import debug

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from importlib.resources.abc import Traversable
    from typing import TypeAlias

    from ..btf import TypeTable
    from ..btf.header import Blob

#: One kernel's BTF, or many to choose from.
Source: TypeAlias = "str | os.PathLike[str] | bytes | TypeTable | Traversable"
#: What ``kernel_btf=`` takes.
KernelTypes: TypeAlias = "Source | Mapping[str, Source]"

#: What a dict of modules calls the kernel itself.
VMLINUX = "vmlinux"

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


class CoreTypes(NamedTuple):
    """The kernel's types, and how to get at those of modules; None where nothing is known of them."""

    kernel: TypeTable
    modules: Callable[[], Iterator[tuple[str, TypeTable]]] | None


def is_own(source: KernelTypes | None) -> bool:
    """Whether :func:`core_types` gives what the running kernel shows, no more; nothing is read."""
    from . import kernel

    if source is not None:
        from collections.abc import Mapping

        if isinstance(source, Mapping):
            return False
    files, _ = _sort(source)
    return not files and os.path.exists(kernel.VMLINUX_BTF)


def core_types(source: KernelTypes | None) -> CoreTypes:
    """The types to relocate against.

    Raises :class:`NotSupportedError` where there are none for this kernel, which says where it
    was looked; :class:`OSError` and :class:`BTFError` for what was given and cannot be read.
    """
    from collections.abc import Mapping

    if isinstance(source, Mapping):
        return _with_modules(source)
    files, hubs = _sort(source)
    if files:
        debug("CO-RE: against the BTF in %s", _called(files[0]))
        return CoreTypes(_table(files[0]), None)
    from .kernel_btf import kernel_btf
    from .module_btf import module_types

    try:
        kernel = kernel_btf()
    except NotSupportedError as error:
        own = error
    else:
        return CoreTypes(kernel, lambda: module_types(kernel))
    found, looked = _of_hubs(hubs)
    if found is None:
        found = _of_vmlinux()
    if found is None:
        raise _nowhere(own, looked) from None
    return CoreTypes(found, None)


def _with_modules(sources: Mapping[str, Source]) -> CoreTypes:
    """The kernel's under ``vmlinux``, else the running one's; the others are modules'."""
    kernel, running = core_types(sources.get(VMLINUX))
    given = {
        name: _table(source, base=kernel) for name, source in sources.items() if name != VMLINUX
    }

    def modules() -> Iterator[tuple[str, TypeTable]]:
        yield from given.items()
        for name, table in running() if running else ():
            if name not in given:
                yield name, table

    return CoreTypes(kernel, modules)


def _sort(source: Source | None) -> tuple[list[Source], list[Source]]:
    """What replaces the kernel's own types, and what there is to choose from if it has none."""
    files: list[Source] = []
    hubs: list[Source] = []
    if source is not None:
        (hubs if _is_hub(source) else files).append(source)
    said = os.environ.get(ENVIRONMENT)
    if said and not files:
        if _is_hub(said):
            hubs.insert(0, said)
        else:
            files.append(said)
    return files, hubs


def _is_hub(source: Source) -> bool:
    """Whether *source* is a folder or archive to choose from, not one kernel's BTF."""
    from .hub_names import is_name_of_archive

    if isinstance(source, (str, os.PathLike)):
        return os.path.isdir(source) or is_name_of_archive(os.path.basename(os.fspath(source)))
    if isinstance(source, bytes):
        return False
    from ..btf.table import TypeTable

    if isinstance(source, TypeTable):
        return False
    return source.is_dir() or is_name_of_archive(source.name)


def _traversable(source: Source) -> Traversable:
    from ..btf.table import TypeTable

    assert not isinstance(source, (bytes, TypeTable))
    if isinstance(source, (str, os.PathLike)):
        from pathlib import Path

        return Path(source)
    return source


def _table(source: Source, base: TypeTable | None = None) -> TypeTable:
    """The types in one file, or in its bytes; those of a module continue *base*."""
    from ..btf.table import TypeTable

    if isinstance(source, TypeTable):
        return source
    if isinstance(source, bytes):
        return _decoded(source, "", base)
    if not isinstance(source, (str, os.PathLike)):
        return _decoded(source.read_bytes(), str(source), base)
    return _decoded(_content(source), os.fspath(source), base)


def _called(source: Source) -> str:
    if isinstance(source, (str, os.PathLike)):
        return os.fspath(source)
    return f"{len(source)} bytes" if isinstance(source, bytes) else str(source)


def _content(path: str | os.PathLike[str]) -> Blob:
    """What is in a file: mapped, since a vmlinux can have a gigabyte, where that is possible."""
    import mmap

    with open(path, "rb", buffering=0) as file:
        try:
            return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError):
            return file.readall()  # empty, or of sysfs before 6.16


def _decoded(data: Blob, name: str, base: TypeTable | None = None) -> TypeTable:
    from ..btf.container import unpack
    from ..btf.decode import decode
    from ..btf.errors import BTFError
    from ..btf.header import is_split

    try:
        raw = bytes(unpack(data))
        return decode(raw, base=base if is_split(raw) else None)
    except BTFError as error:
        raise BTFError(f"{name}: {error.what}" if name else error.what, error.offset) from error


def _of_hubs(hubs: list[Source]) -> tuple[TypeTable | None, list[str]]:
    """The types for this kernel in the first that has them, or what was looked at."""
    from ..btf.decode import decode
    from .btf_hub import choose, entries_of_archive, entries_of_folder, this_kernel

    looked = []
    for hub in map(_traversable, hubs):
        kernel = this_kernel()
        entries = entries_of_folder(hub) if hub.is_dir() else entries_of_archive(hub.read_bytes())
        blob, sentence = choose(entries, kernel, str(hub))
        if blob is not None:
            debug("CO-RE: against the BTF in %s", sentence)
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
            found = _decoded(_content(path), path)
        except (OSError, BTFError):
            continue
        debug("CO-RE: against the BTF in %s", path)
        return found
    return None


def _nowhere(own: NotSupportedError, looked: list[str]) -> NotSupportedError:
    why = "; ".join(looked) or "it was built without CONFIG_DEBUG_INFO_BTF"
    return NotSupportedError(
        own.feature,
        since=own.since,
        hint=f"{why}; load(kernel_btf=…), or {ENVIRONMENT} in the environment, takes a file with "
        "this kernel's BTF, or a folder of many kernels', such as BTFHub's archive",
    )
