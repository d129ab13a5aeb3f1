"""``bpf(2)``: the one door to the kernel.

In: a command and the bytes of its ``union bpf_attr``, as a buffer that the kernel may write back
into.  Out: what the system call returned, or an OSError that says which command failed on what
and what the errno means there.  Everything goes through :func:`bpf`, except calls on single map
elements: ``maps/handle.py`` prepares those once and takes only :func:`number` and
:func:`failure` from here.

Sizes need no care with kernel versions: a kernel older than an attr accepts it as long as the
bytes beyond what it knows are zero (bpf_check_uarg_tail_zero(), in the system call since 3.18).
A command with output fields that the kernel writes only when the given size covers them
(``log_true_size``) is handed the whole attr.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sys

from ...light import TYPE_CHECKING, Any, Callable, cache
from ...uapi import Cmd

if TYPE_CHECKING:
    from typing import TypeAlias

#: What may hold an attr: the kernel reads it and, for some commands, writes into it.
Buffer: TypeAlias = "bytearray | ctypes.Array[Any] | ctypes.Structure | ctypes.Union"

#: The number of bpf(2) by machine and by the width of this process' pointers: the kernel's
#: machine may be wider than the interpreter's (32-bit userland).
_NR_BPF = {
    ("x86_64", 64): 321,
    ("x86_64", 32): 357,
    ("i386", 32): 357,
    ("i486", 32): 357,
    ("i586", 32): 357,
    ("i686", 32): 357,
    ("aarch64", 64): 280,
    ("aarch64_be", 64): 280,
    ("aarch64", 32): 386,
    ("armv6l", 32): 386,
    ("armv7l", 32): 386,
    ("armv8l", 32): 386,
    ("riscv64", 64): 280,
    ("riscv64", 32): 280,
    ("riscv32", 32): 280,
    ("loongarch64", 64): 280,
    ("ppc64le", 64): 361,
    ("ppc64", 64): 361,
    ("ppc64", 32): 361,
    ("ppc", 32): 361,
    ("s390x", 64): 351,
    ("s390x", 32): 351,
    ("mips64", 64): 5315,
    ("mips64", 32): 4355,
    ("mips", 32): 4355,
    ("sparc64", 64): 349,
    ("sparc64", 32): 349,
    ("sparc", 32): 349,
    ("parisc64", 32): 341,
    ("parisc", 32): 341,
    ("alpha", 64): 515,
}

#: Errno of the kernel's own, "operation not supported"; no libc has a text for it.
ENOTSUPP = 524

#: What an errno means for one command, where strerror() says too little or misleads.
_MEANING = {
    (Cmd.MAP_CREATE, errno.EPERM): (
        "needs CAP_BPF (CAP_SYS_ADMIN before 5.8); before 5.11 also a larger RLIMIT_MEMLOCK"
    ),
    (Cmd.MAP_CREATE, errno.EINVAL): (
        "the kernel does not know this map type or flag, or refuses these sizes for it"
    ),
    (Cmd.MAP_CREATE, errno.E2BIG): "key, value or whole map is larger than the kernel allows",
    (Cmd.MAP_CREATE, errno.ENOMEM): "the kernel has no memory for a map of this size",
    (Cmd.MAP_LOOKUP_ELEM, errno.ENOENT): "no such key",
    (Cmd.MAP_LOOKUP_ELEM, errno.EPERM): "the map cannot be read from user space",
    (Cmd.MAP_UPDATE_ELEM, errno.E2BIG): "the map is full, or the index is out of range",
    (Cmd.MAP_UPDATE_ELEM, errno.EEXIST): "the key exists already and the update said NOEXIST",
    (Cmd.MAP_UPDATE_ELEM, errno.ENOENT): "no such key and the update said EXIST",
    (Cmd.MAP_UPDATE_ELEM, errno.EPERM): ("the map is frozen or cannot be written from user space"),
    (Cmd.MAP_UPDATE_ELEM, errno.EBUSY): (
        "the map is in use by this processor at this moment; try again"
    ),
    (Cmd.MAP_UPDATE_BATCH, errno.E2BIG): "the map is full",
    (Cmd.MAP_UPDATE_BATCH, errno.EPERM): ("the map is frozen or cannot be written from user space"),
    (Cmd.MAP_DELETE_ELEM, errno.ENOENT): "no such key",
    (Cmd.MAP_DELETE_ELEM, errno.EINVAL): "elements of this map type cannot be deleted",
    (Cmd.MAP_LOOKUP_AND_DELETE_ELEM, errno.ENOENT): "no such key, or nothing left",
    (Cmd.MAP_FREEZE, errno.EBUSY): "the map is mapped writable or still being written",
    (Cmd.PROG_LOAD, errno.EPERM): (
        "needs CAP_BPF, and CAP_PERFMON or CAP_NET_ADMIN by program type (CAP_SYS_ADMIN before "
        "5.8); before 5.11 also a larger RLIMIT_MEMLOCK"
    ),
    (Cmd.PROG_LOAD, errno.E2BIG): "the program is larger than the kernel allows",
    (Cmd.PROG_LOAD, errno.EAGAIN): "signals interrupted the verifier again and again",
    (Cmd.PROG_LOAD, errno.ENOSPC): "the verifier's log did not fit its buffer",
    (Cmd.OBJ_PIN, errno.EPERM): "the path is not on a bpf file system (mount -t bpf)",
    (Cmd.OBJ_PIN, errno.EINVAL): (
        "the path is not on a bpf file system, or its name has a dot in it"
    ),
    (Cmd.OBJ_PIN, errno.EEXIST): "something is pinned there already",
    (Cmd.OBJ_GET, errno.ENOENT): "nothing is pinned there",
    (Cmd.OBJ_GET, errno.EACCES): "what is there is not a pinned BPF object, or not readable",
    (Cmd.BTF_LOAD, errno.EPERM): "needs CAP_BPF (CAP_SYS_ADMIN before 5.8)",
    (Cmd.TOKEN_CREATE, errno.ENOENT): (
        "this bpf file system delegates nothing: it was mounted without delegate_cmds=… and the like"
    ),
    (Cmd.TOKEN_CREATE, errno.EPERM): (
        "a token is for the user namespace in which its bpf file system was made, and needs CAP_BPF"
        " there"
    ),
    (Cmd.TOKEN_CREATE, errno.EOPNOTSUPP): (
        "there are no tokens in the first user namespace; capabilities do what they would do"
    ),
    (Cmd.TOKEN_CREATE, errno.EINVAL): (
        "the path is not where a bpf file system is mounted, or the kernel has no tokens (before 6.9)"
    ),
    (Cmd.LINK_CREATE, errno.EINVAL): (
        "the kernel refuses this target, attach type or option for this program"
    ),
    (Cmd.LINK_CREATE, errno.EBUSY): "another program holds this hook",
    (Cmd.PROG_ATTACH, errno.EPERM): (
        "another program holds this hook and does not share it, or CAP_NET_ADMIN is missing"
    ),
}

#: Refusals that only mean "again": bpf_check() gives up with EAGAIN when a signal is pending.
_AGAIN = {(Cmd.PROG_LOAD, errno.EAGAIN)}
_AGAIN_LIMIT = 30

#: Interrupted, these have done part of their work and said so in the attr: the caller goes on.
_NOT_REPEATED = frozenset(
    (
        Cmd.PROG_TEST_RUN,
        Cmd.MAP_LOOKUP_BATCH,
        Cmd.MAP_LOOKUP_AND_DELETE_BATCH,
        Cmd.MAP_UPDATE_BATCH,
        Cmd.MAP_DELETE_BATCH,
    )
)


@cache
def number() -> int:
    """The number of bpf(2) on this machine; NotImplementedError for an unknown one."""
    machine = os.uname().machine
    bits = 64 if sys.maxsize > 2**32 else 32
    try:
        return _NR_BPF[machine, bits]
    except KeyError:
        raise NotImplementedError(
            f"bpf2py does not know the number of bpf(2) on {machine} ({bits}-bit Python)"
        ) from None


_libc = ctypes.CDLL(None, use_errno=True)
_syscall = _libc["syscall"]
_syscall.restype = ctypes.c_long
_syscall.argtypes = (ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_ulong)


def bpf(cmd: Cmd, attr: Buffer, size: int | None = None, *, what: str) -> int:
    """Run one ``bpf(2)`` command and return its result.

    *attr* is the command's ``union bpf_attr``; the kernel may write into it.  The first *size*
    bytes are passed, all of them by default.  *what* names the object concerned, for the error.
    The caller keeps alive whatever addresses are written in *attr*.

    Raises OSError (its subclass by errno) when the kernel refuses.  Interrupted calls are made
    again, as everywhere in Python, except where part of the work is done (test runs, batches).
    """
    place = ctypes.addressof(ctypes.c_char.from_buffer(attr))  # see address()
    length = len(attr) if isinstance(attr, bytearray) else ctypes.sizeof(attr)
    if size is not None:
        if size > length:
            raise ValueError(f"attr of BPF_{cmd.name} has {length} bytes, {size} were to be passed")
        length = size
    again = 0
    put_back: Callable[[], object] | None = None
    try:
        while True:
            result: int = _syscall(number(), cmd, place, length)
            if result >= 0:
                return result
            code = ctypes.get_errno()
            if code == errno.EINTR and cmd not in _NOT_REPEATED:
                continue
            if (cmd, code) in _AGAIN and again < _AGAIN_LIMIT:
                again += 1
                put_back = put_back or _hold_back_profilers()
                continue
            raise failure(cmd, code, what)
    finally:
        if put_back is not None:
            put_back()


def _hold_back_profilers() -> Callable[[], object]:
    """Make the signals of profilers' timers wait, in this thread, until what comes back is called.

    One that ticks faster than a program is verified would never let it load.
    """
    import signal

    profilers = (signal.SIGPROF, signal.SIGVTALRM, signal.SIGALRM)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, profilers)
    return lambda: signal.pthread_sigmask(signal.SIG_SETMASK, before)


def failure(cmd: Cmd, code: int, what: str) -> OSError:
    """The exception for errno *code* from *cmd* on *what*."""
    meaning = _MEANING.get((cmd, code))
    if meaning is None:
        meaning = "not supported by this kernel" if code == ENOTSUPP else os.strerror(code)
    return OSError(code, f"BPF_{cmd.name}: {meaning}", what)


def address(data: bytes | bytearray | ctypes.Array[Any]) -> int:
    """Where *data* lies in memory, for a pointer field of an attr; 0 when it is empty.

    Good for as long as the caller holds *data* and, for a bytearray, does not resize it.
    """
    if not len(data):
        return 0
    if isinstance(data, bytes):
        # c_char_p points at the bytes object's own memory; NULs inside do not matter.
        return ctypes.c_void_p.from_buffer(ctypes.c_char_p(data)).value or 0
    # Not an array: for every new size, ctypes would make a type, a cycle that takes it longer than
    # the system call.
    return ctypes.addressof(ctypes.c_char.from_buffer(data))
