"""perf_event_open(2) and its ioctls, as far as BPF needs them.

In: numbers of ``struct perf_event_attr``.  Out: a descriptor, owned by the caller.  Used to hang
programs onto tracepoints (links/perf_event.py) and to read perf event arrays.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from struct import Struct

from ...light import TYPE_CHECKING
from . import bpf as door

if TYPE_CHECKING:
    from typing import Final

#: ``enum perf_type_id``.
TYPE_SOFTWARE: Final = 1
TYPE_TRACEPOINT: Final = 2

#: ``PERF_COUNT_SW_BPF_OUTPUT``, ``PERF_SAMPLE_RAW``.
COUNT_SW_BPF_OUTPUT: Final = 10
SAMPLE_RAW: Final = 1 << 10

_FLAG_FD_CLOEXEC = 1 << 3
#: Bits of the flags word that follows ``read_format``.
_ATTR_WATERMARK = 1 << 14
_ATTR_WRITE_BACKWARD = 1 << 27

#: perf_event_attr up to config2 (PERF_ATTR_SIZE_VER1): type, size, config, sample_period,
#: sample_type, read_format, flags, wakeup_events/_watermark, bp_type, config1, config2.
_ATTR = Struct("=IIQQQQQIIQQ")

#: Calls in numbers of their own; every machine of the generic table has 241.
_NR = {
    ("x86_64", 64): 298,
    ("x86_64", 32): 336,
    ("i386", 32): 336,
    ("i486", 32): 336,
    ("i586", 32): 336,
    ("i686", 32): 336,
    ("armv6l", 32): 364,
    ("armv7l", 32): 364,
    ("armv8l", 32): 364,
    ("aarch64", 32): 364,
    ("ppc64le", 64): 319,
    ("ppc64", 64): 319,
    ("ppc64", 32): 319,
    ("ppc", 32): 319,
    ("s390x", 64): 331,
    ("mips64", 64): 5292,
    ("mips64", 32): 4333,
    ("mips", 32): 4333,
    ("sparc64", 64): 327,
    ("sparc64", 32): 327,
    ("sparc", 32): 327,
    ("alpha", 64): 493,
}
_NR_GENERIC = 241


def _ioc(number: int, *, size: int = 0) -> int:
    """``_IO``/``_IOW('$', …)``: direction bits differ on the machines named."""
    machine = os.uname().machine
    old = machine.startswith(("ppc", "mips", "sparc", "alpha"))
    write, none = (0x8000_0000, 0x2000_0000) if old else (0x4000_0000, 0)
    return (write if size else none) | size << 16 | ord("$") << 8 | number


def perf_event_open(
    *,
    event_type: int,
    config: int,
    pid: int = -1,
    cpu: int = 0,
    group: int = -1,
    sample_period: int = 0,
    sample_type: int = 0,
    wakeup_events: int = 0,
    wakeup_bytes: int = 0,
    write_backward: bool = False,
    what: str,
) -> int:
    """Open one perf event and return its descriptor, closed on exec.

    *wakeup_bytes* makes a reader wake when that many bytes wait, instead of after
    *wakeup_events* records.  Raises :class:`OSError` (:class:`PermissionError` without
    CAP_PERFMON when ``kernel.perf_event_paranoid`` forbids it).
    """
    flags = _ATTR_WATERMARK if wakeup_bytes else 0
    if write_backward:
        flags |= _ATTR_WRITE_BACKWARD
    attr = bytearray(
        _ATTR.pack(
            event_type,
            _ATTR.size,
            config,
            sample_period,
            sample_type,
            0,
            flags,
            wakeup_bytes or wakeup_events,
            0,
            0,
            0,
        )
    )
    libc = ctypes.CDLL(None, use_errno=True)
    bits = 64 if sys.maxsize > 2**32 else 32
    number = _NR.get((os.uname().machine, bits), _NR_GENERIC)
    syscall = libc["syscall"]
    syscall.restype = ctypes.c_long
    syscall.argtypes = (
        ctypes.c_long,
        ctypes.c_void_p,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_int,
        ctypes.c_ulong,
    )
    while True:
        fd: int = syscall(number, door.address(attr), pid, cpu, group, _FLAG_FD_CLOEXEC)
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        if code != errno.EINTR:
            raise OSError(code, f"perf_event_open: {_meaning(code)}", what)


def _meaning(code: int) -> str:
    if code in (errno.EACCES, errno.EPERM):
        return "needs CAP_PERFMON (CAP_SYS_ADMIN before 5.8), see kernel.perf_event_paranoid"
    if code == errno.EMFILE:
        return "this process has too many open files; raise RLIMIT_NOFILE"
    return os.strerror(code)


def set_bpf(fd: int, prog_fd: int, *, what: str) -> None:
    """PERF_EVENT_IOC_SET_BPF: run the program at each hit of the event (4.1)."""
    _ioctl(fd, _ioc(8, size=4), prog_fd, "PERF_EVENT_IOC_SET_BPF", what)


def enable(fd: int, *, what: str) -> None:
    """PERF_EVENT_IOC_ENABLE: let the event count."""
    _ioctl(fd, _ioc(0), 0, "PERF_EVENT_IOC_ENABLE", what)


def disable(fd: int, *, what: str) -> None:
    """PERF_EVENT_IOC_DISABLE: stop the event; the program stays on it until the fd is closed."""
    _ioctl(fd, _ioc(1), 0, "PERF_EVENT_IOC_DISABLE", what)


def _ioctl(fd: int, request: int, argument: int, name: str, what: str) -> None:
    import fcntl

    try:
        fcntl.ioctl(fd, request, argument)
    except OSError as exc:
        code = exc.errno or 0
        raise OSError(code, f"{name}: {os.strerror(code)}", what) from None
