"""Addresses of kernel symbols: /proc/kallsyms, read once for all names that are wanted.

In: names.  Out: addresses.  The file has two hundred thousand lines, so it is searched as bytes
and never taken apart.  Follows bpf_object__read_kallsyms_file() of libbpf.
"""

from __future__ import annotations

import errno
import os

from ...light import Iterable, Iterator

KALLSYMS = "/proc/kallsyms"
KPTR_RESTRICT = "/proc/sys/kernel/kptr_restrict"

#: What stands before the names of system calls' wrappers, by machine.
_WRAPPER_PREFIX = {
    "x86_64": "x64",
    "i386": "ia32",
    "i686": "ia32",
    "s390x": "s390x",
    "aarch64": "arm64",
    "riscv64": "riscv",
    "ppc64": "powerpc64",
    "ppc64le": "powerpc64",
}


def find_addresses(names: Iterable[str], *, text: bytes | None = None) -> dict[str, int]:
    """The addresses of those of *names* that the kernel has; *text* instead of the file, for tests.

    Raises :class:`PermissionError` where the kernel hides addresses, :class:`OSError` if the file
    cannot be read, :class:`ValueError` for a name that stands for several addresses.
    """
    text = _read() if text is None else text
    found: dict[str, int] = {}
    for name in names:
        addresses = set(_addresses(text, os.fsencode(name)))
        if len(addresses) > 1:
            places = " and ".join(f"0x{address:x}" for address in sorted(addresses))
            raise ValueError(f"kernel symbol {name!r} is ambiguous: it is at {places}")
        for address in addresses:
            # Some symbols are at 0 in truth, so one address does not tell.
            if not address and _hidden(text):
                raise _hidden_error(name)
            found[name] = address
    return found


def has_syscall_wrapper() -> bool:
    """Whether system calls take a ``struct pt_regs`` (CONFIG_ARCH_HAS_SYSCALL_WRAPPER, 4.17).

    Told from the name of one; libbpf tries to place a kprobe there, which not every kernel lets.
    """
    prefix = _WRAPPER_PREFIX.get(os.uname().machine)
    return prefix is not None and b" __%s_sys_bpf\n" % prefix.encode() in _read()


def _read() -> bytes:
    with open(KALLSYMS, "rb", buffering=0) as file:
        return file.readall()


def _addresses(text: bytes, name: bytes) -> Iterator[int]:
    """The addresses of *name*, in lines such as ``ffffffff81000000 T name [module]``."""
    wanted = b" " + name
    at = text.find(wanted)
    while at >= 0:
        end = at + len(wanted)
        start = text.rfind(b"\n", 0, at) + 1
        # Compiled with LTO, static variables have a suffix.
        llvm = text.startswith(b".llvm.", end) and text[at - 1 : at] == b"d"
        if (text[end : end + 1] in (b"\n", b"\t", b"") or llvm) and text[at - 2 : at - 1] == b" ":
            yield int(text[start : at - 2], 16)
        at = text.find(wanted, end)


def _hidden(text: bytes) -> bool:
    return not any(line.partition(b" ")[0].strip(b"0") for line in text.splitlines())


def _hidden_error(name: str) -> PermissionError:
    try:
        with open(KPTR_RESTRICT, encoding="ascii") as file:
            setting = file.read().strip()
    except OSError:
        setting = "unknown"
    return PermissionError(
        errno.EPERM,
        "the kernel hides the addresses of its symbols (needs CAP_SYSLOG, and "
        f"kernel.kptr_restrict at 0 or 1: it is {setting})",
        f"{KALLSYMS}: {name}",
    )
