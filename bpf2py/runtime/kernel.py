"""Facts about the running kernel that are no BPF feature: CPUs, build id, interfaces, tracefs.

In: nothing, or a name.  Out: plain numbers and paths.  Not here: BPF features (features.py), the
kernel's BTF (kernel_btf.py).  Everything is read when first asked for, never at import.
"""

from __future__ import annotations

import errno
import os

from ..light import cache

#: Where tracefs is mounted, newest place first; the kernel mounts the second by itself as soon as
#: somebody looks into debugfs.
TRACEFS_PATHS = ("/sys/kernel/tracing", "/sys/kernel/debug/tracing")

#: Where everybody expects bpffs.
BPFFS_PATH = "/sys/fs/bpf"

#: Where the kernel shows its own BTF since 5.4 (CONFIG_DEBUG_INFO_BTF).
VMLINUX_BTF = "/sys/kernel/btf/vmlinux"
#: The ELF notes of the running kernel, among them the linker's build id.
KERNEL_NOTES = "/sys/kernel/notes"

_POSSIBLE_CPUS = "/sys/devices/system/cpu/possible"


def count_cpu_list(text: str) -> int:
    """How many CPUs a kernel CPU list such as ``0-3,8`` names; :class:`ValueError` if it is none."""
    count = 0
    for part in text.strip().split(","):
        first, dash, last = part.partition("-")
        if not first.isdecimal() or (dash and not last.isdecimal()):
            raise ValueError(f"{text!r} is no list of CPUs")
        size = int(last) - int(first) + 1 if dash else 1
        if size < 1:
            raise ValueError(f"{text!r} is no list of CPUs")
        count += size
    return count


@cache
def possible_cpus() -> int:
    """The number of CPUs this kernel could ever have: what per-CPU values are sized by.

    Not the online ones: a per-CPU value has a place for each possible CPU
    (``num_possible_cpus()``).  :class:`OSError` if sysfs is not mounted.
    """
    with open(_POSSIBLE_CPUS, encoding="ascii") as file:
        return count_cpu_list(file.read())


@cache
def page_size() -> int:
    """Bytes per page."""
    return os.sysconf("SC_PAGE_SIZE")


def build_id() -> bytes:
    """The GNU build id of the running kernel; empty if it has none or does not tell."""
    try:
        with open(KERNEL_NOTES, "rb", buffering=0) as file:
            notes = file.readall()
    except OSError:
        return b""
    return find_build_id(notes)


def build() -> bytes:
    """24 bytes that tell the BTF of this build of the kernel from others'; empty if nothing does.

    A build id can be given to the linker by hand, so the release and the version, with the build's
    number and date, are in it, too.  What somebody mounted over the kernel's BTF is of no build.
    """
    found = build_id()
    try:
        if not found or os.stat(VMLINUX_BTF).st_dev != os.stat(KERNEL_NOTES).st_dev:
            return b""
    except OSError:
        return b""
    from zlib import crc32

    about = os.uname()
    words = f"{about.release} {about.version}".encode(errors="surrogateescape")
    return found.ljust(20, b"\0") + crc32(words).to_bytes(4, "big")


def find_build_id(notes: bytes) -> bytes:
    """The GNU build id among ELF *notes*; empty if there is none."""
    from struct import Struct

    note, gnu_build_id = Struct("=III"), 3  # NT_GNU_BUILD_ID
    at = 0
    while at + note.size <= len(notes):
        name_size, size, kind = note.unpack_from(notes, at)
        name = at + note.size
        content = name + (name_size + 3 & ~3)
        if kind == gnu_build_id and notes[name : name + name_size] == b"GNU\0":
            found = notes[content : content + size]
            return found if 8 <= len(found) == size <= 20 else b""
        at = content + (size + 3 & ~3)
    return b""


def version_code() -> int:
    """``LINUX_VERSION_CODE`` of the running kernel: 0x06010b for 6.1.11."""
    about = os.uname()
    try:
        with open("/proc/version_signature", encoding="utf-8", errors="replace") as file:
            signature = file.read()
    except OSError:
        signature = ""
    return find_version_code(about.release, about.version, signature)


def find_version_code(release: str, version: str, signature: str) -> int:
    """The version among what uname() and Ubuntu's /proc/version_signature say.

    Ubuntu (``Ubuntu 5.4.0-12.15-generic 5.4.8``) and Debian (``#1 SMP Debian 4.19.260-1 …``) count
    stable releases elsewhere than in the release, which stays ``5.4.0-12``.  Follows
    get_kernel_version() of libbpf; :class:`ValueError` where there is no version.
    """
    words = signature.split()
    _, debian, behind = version.partition("Debian ")
    for text in (words[2] if len(words) > 2 else "", behind if debian else "", release):
        numbers = text.split(".", 2)
        if len(numbers) == 3:
            patch = numbers[2][: len(numbers[2]) - len(numbers[2].lstrip("0123456789"))]
            if numbers[0].isdecimal() and numbers[1].isdecimal() and patch:
                # KERNEL_VERSION(): stable releases went beyond 255.
                return int(numbers[0]) << 16 | int(numbers[1]) << 8 | min(int(patch), 255)
    raise ValueError(f"{release!r} is no version of a kernel")


def interface_index(interface: str | int) -> int:
    """The number of a network interface given by name or number.

    :class:`OSError` (ENODEV) if this network namespace has no interface of that name.
    """
    import socket

    if isinstance(interface, int):
        if interface <= 0:
            raise ValueError(f"{interface} is no interface number")
        return interface
    try:
        return socket.if_nametoindex(interface)
    except OSError:
        names = ", ".join(sorted(name for _, name in socket.if_nameindex()))
        raise OSError(
            errno.ENODEV,
            f"no such network interface in this network namespace (there are: {names})",
            interface,
        ) from None


def tracefs() -> str:
    """The directory where tracefs is mounted.

    :class:`FileNotFoundError` with the mount command if it is not: mounting is the user's to do.
    """
    for path in TRACEFS_PATHS:
        if os.path.exists(f"{path}/events"):
            return path
    if not os.access(TRACEFS_PATHS[0], os.X_OK) and os.path.ismount(TRACEFS_PATHS[0]):
        raise PermissionError(errno.EACCES, "tracefs can be read by root only", TRACEFS_PATHS[0])
    raise FileNotFoundError(
        errno.ENOENT,
        f"tracefs is not mounted; mount it with: mount -t tracefs tracefs {TRACEFS_PATHS[0]}",
        TRACEFS_PATHS[0],
    )
