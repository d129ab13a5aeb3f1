"""Why the kernel said EPERM, and what helps: a BPF token, or the memory limit of kernels before 5.11.

In: what was refused, or is to be tried.  Out: a sentence, or what came of it.  Which capability a
program type wants follows is_net_admin_prog_type() and is_perfmon_prog_type() in
kernel/bpf/syscall.c.
"""

from __future__ import annotations

import errno
import os

from ..light import TYPE_CHECKING, Callable, TypeVar
from ..uapi import ProgType
from .log import debug
from .syscalls.token import Passing

if TYPE_CHECKING:
    from typing import Final

    from .syscalls.fd import HasFileno
    from .token import Token

T = TypeVar("T")

#: Where all loaders look for the path of a token; set and empty, none is used.
TOKEN_PATH: Final = "LIBBPF_BPF_TOKEN_PATH"

_CAPS = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21, "CAP_PERFMON": 38, "CAP_BPF": 39}

_PERFMON = frozenset(
    (
        ProgType.KPROBE,
        ProgType.TRACEPOINT,
        ProgType.PERF_EVENT,
        ProgType.RAW_TRACEPOINT,
        ProgType.RAW_TRACEPOINT_WRITABLE,
        ProgType.TRACING,
        ProgType.LSM,
        ProgType.STRUCT_OPS,
        ProgType.EXT,
    )
)
#: Everything else wants CAP_NET_ADMIN, but for these.
_BPF_ONLY = frozenset(
    (
        ProgType.SOCKET_FILTER,
        ProgType.CGROUP_SKB,
        ProgType.SYSCALL,
        ProgType.SK_REUSEPORT,
        ProgType.SK_LOOKUP,
    )
)


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def effective_capabilities() -> int:
    """The capabilities this thread can use now, as a bit mask; all if it cannot be told."""
    for line in _read("/proc/thread-self/status").splitlines():
        if line.startswith("CapEff:"):
            return int(line.split()[1], 16)
    return -1


def drop_capabilities() -> None:
    """Give up all capabilities of this thread, for good: what it may do then, any user may."""
    import ctypes
    import struct

    version_3, this_thread = 0x20080522, 0
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.capset(struct.pack("=Ii", version_3, this_thread), bytes(24)):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code), "capset")


def in_user_namespace() -> bool:
    """Whether capabilities are only those of a user namespace: bpf(2) asks the first one."""
    fields = _read("/proc/self/uid_map").split()
    return bool(fields) and fields != ["0", "0", "4294967295"]


def needed_capabilities(prog_type: int) -> tuple[str, ...]:
    """What loading a program of this type takes besides CAP_SYS_ADMIN, which stands for all."""
    if prog_type == ProgType.EXT:  # it may stand for a program of any type
        return "CAP_BPF", "CAP_PERFMON", "CAP_NET_ADMIN"
    if prog_type in _PERFMON:
        return "CAP_BPF", "CAP_PERFMON"
    if prog_type in _BPF_ONLY:
        return ("CAP_BPF",)
    return "CAP_BPF", "CAP_NET_ADMIN"


def why_eperm(prog_type: int, kind: str) -> str:
    """A sentence for EPERM on loading a program; *kind* names its type for people."""
    needed = needed_capabilities(prog_type)
    have = effective_capabilities()
    missing = [name for name in needed if not have >> _CAPS[name] & 1]
    if have >> _CAPS["CAP_SYS_ADMIN"] & 1:
        missing = []
    if missing:
        return (
            f"loading a program of {kind} needs {' and '.join(needed)} (or CAP_SYS_ADMIN); this "
            f"process lacks {' and '.join(missing)}: run it as root, or give the capabilities"
        )
    if in_user_namespace():
        return (
            "this process is root only in its user namespace, and BPF asks for capabilities in "
            "the first one (or a BPF token)"
        )
    return (
        f"this kernel refuses programs of {kind} although this process has the capabilities "
        "they need: it was built or configured without them, or lockdown or a security module "
        "forbids them"
    )


def with_memlock(call: Callable[[], T]) -> T:
    """Make *call*, which creates something in the kernel; raise RLIMIT_MEMLOCK only if it must be.

    Before 5.11, BPF memory counted against that limit and too little of it is EPERM; since then
    it counts to the cgroup (97306be45fbe).  So: try, and only on EPERM try once more with the
    limit raised as far as this process may.  A limit that did not help is put back.
    """
    try:
        return call()
    except PermissionError as exc:
        import resource

        refused = exc
        soft, hard = resource.getrlimit(resource.RLIMIT_MEMLOCK)
        if soft == resource.RLIM_INFINITY:
            raise
    for limits in (
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY),  # with CAP_SYS_RESOURCE
        (hard, hard),
    ):
        try:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, limits)
            debug("RLIMIT_MEMLOCK: raised from %s to %s", soft, limits[0])
            break
        except (ValueError, OSError):
            continue
    if resource.getrlimit(resource.RLIMIT_MEMLOCK)[0] == soft:
        raise refused
    try:
        return call()
    except PermissionError:
        # Lowering is always allowed; a raised hard limit can be lowered again, too.
        resource.setrlimit(resource.RLIMIT_MEMLOCK, (soft, hard))
        raise


def with_token(asked: str | os.PathLike[str] | HasFileno | None, call: Callable[[], T]) -> T:
    """Make *call*, which loads something, with the BPF token that it needs, if any (6.9).

    Which one is libbpf's choice (bpf_object_prepare_token()): *asked* (an open one, a path, or none
    for the empty text), else :func:`usual_token`.  That is looked for only after the kernel
    refused, so that who needs none pays nothing.
    """
    if asked is None:
        try:
            return call()
        except OSError as exc:
            if exc.errno not in (errno.EPERM, errno.EACCES):
                raise
            token = usual_token()
            if token is None:
                raise
    elif asked == "":
        return call()
    elif isinstance(asked, (str, os.PathLike)):
        from .token import Token

        token = Token.create(asked)
    else:
        with Passing(asked.fileno()):
            return call()
    debug("%r: used, allows %s", token, token.rights)
    with token, token.used():
        try:
            return call()
        except PermissionError as exc:
            exc.add_note(f"with the BPF token of {token.path!r}, which allows {token.rights}")
            raise


def usual_token() -> Token | None:
    """The token of LIBBPF_BPF_TOKEN_PATH, else of /sys/fs/bpf; None if this is no user namespace,
    for which alone there are tokens.  OSError for a path from the environment without one."""
    path = os.environ.get(TOKEN_PATH)
    if path == "" or not in_user_namespace():
        return None
    from .token import Token

    if path is not None:
        return Token.create(path)
    try:
        return Token.create()
    except OSError:
        return None
