"""A user namespace to which a bpf file system delegates rights: where BPF tokens are for.

Who is inside makes the file system, so that it belongs to the namespace; who is outside and has
CAP_SYS_ADMIN says what it delegates; inside it is mounted on /sys/fs/bpf and the code runs.  As the
kernel's own test does (tools/testing/selftests/bpf/prog_tests/token.c), on the system calls alone.
"""

from __future__ import annotations

import ctypes
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[2]
#: The same numbers on every machine but alpha.
_MOVE_MOUNT, _FSOPEN, _FSCONFIG, _FSMOUNT = 429, 430, 431, 432
_SET_STRING, _CREATE = 1, 6
_NEWUSER, _NEWNS = 0x10000000, 0x00020000
_PRIVATE_RECURSIVE = (1 << 18) | (1 << 14)

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def enter(door: socket.socket) -> None:
    """Inside: become root of a user namespace with a bpf file system of its own on /sys/fs/bpf."""
    _checked(_libc.unshare(_NEWUSER | _NEWNS), "unshare")
    door.send(b"namespace")
    door.recv(16)  # the ids are mapped
    _checked(_libc.mount(None, b"/", None, _PRIVATE_RECURSIVE, None), "mount")
    context = _checked(_libc.syscall(_FSOPEN, b"bpf", 0), "fsopen")
    socket.send_fds(door, [b"context"], [context])
    door.recv(16)  # what it delegates is said, the file system is made
    mount = _checked(_libc.syscall(_FSMOUNT, context, 0, 0), "fsmount")
    at = ctypes.c_int(-100)
    empty_path = ctypes.c_uint(4)
    _checked(_libc.syscall(_MOVE_MOUNT, mount, b"", at, b"/sys/fs/bpf", empty_path), "move_mount")


def run_delegated(
    code: str, delegate: Mapping[str, str], environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run Python *code* in such a namespace; ``{"progs": "any"}`` delegates all types of programs."""
    ours, theirs = socket.socketpair()
    start = (
        "import socket, sys\n"
        "from tests.kernel.delegation import enter\n"
        f"enter(socket.socket(fileno={theirs.fileno()}))\n"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", start + textwrap.dedent(code)],
        cwd=_ROOT,
        env={**os.environ, "PYTHONPATH": str(_ROOT), **(environment or {})},
        pass_fds=[theirs.fileno()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    theirs.close()
    try:
        with ours:
            ours.settimeout(60)
            if ours.recv(16):
                Path(f"/proc/{child.pid}/uid_map").write_text("0 0 1")
                Path(f"/proc/{child.pid}/gid_map").write_text("0 0 1")
                ours.send(b"mapped")
                _, (context, *_), _, _ = socket.recv_fds(ours, 16, 1)
                try:
                    for what, value in delegate.items():
                        option = f"delegate_{what}".encode()
                        _checked(
                            _libc.syscall(
                                _FSCONFIG, context, _SET_STRING, option, value.encode(), 0
                            ),
                            f"fsconfig delegate_{what}",
                        )
                    _checked(_libc.syscall(_FSCONFIG, context, _CREATE, None, None, 0), "fsconfig")
                finally:
                    os.close(context)
                ours.send(b"made")
        out, err = child.communicate(timeout=60)
    except BaseException:
        child.kill()
        child.communicate()
        raise
    return subprocess.CompletedProcess(child.args, child.returncode, out, err)
