"""BPF_PROG_LOAD.

In: plain values; instructions as bytes in this machine's order, with map descriptors patched in.
Out: a descriptor owned by the caller.  Not here: when to ask for the verifier's log
(verification.py), and what it means (verifier.py).
"""

from __future__ import annotations

from struct import Struct

from ...light import TYPE_CHECKING, NamedTuple
from ...uapi import Cmd
from . import bpf as door
from . import token

if TYPE_CHECKING:
    from array import array
    from typing import Final

#: The part of ``union bpf_attr`` for BPF_PROG_LOAD up to ``prog_token_fd``, without holes.
_LOAD: Final = Struct("=IIQQIIQII16sIIIIQIIQIIIIQQIIII")
_LOG_TRUE_SIZE: Final = Struct("=I")
_LOG_TRUE_SIZE_AT: Final = 140


#: stream_buf, stream_buf_len, stream_id, prog_fd
_STREAM: Final = Struct("=QIII")
_STREAM_ROOM: Final = 1 << 16

INSN_SIZE: Final = 8
FUNC_INFO_SIZE: Final = 8
LINE_INFO_SIZE: Final = 16


class LoadRequest(NamedTuple):
    """Everything BPF_PROG_LOAD takes; ``what`` names the program for errors."""

    prog_type: int
    insns: bytes | bytearray
    license: str
    what: str
    name: bytes = b""
    flags: int = 0
    expected_attach_type: int = 0
    btf_fd: int | None = None
    func_info: bytes = b""
    line_info: bytes = b""
    attach_btf_id: int = 0
    #: A module's BTF, or the program that is to be extended; 0 is the kernel's own BTF.
    attach_fd: int = 0
    ifindex: int = 0
    #: LINUX_VERSION_CODE, which kernels before 5.0 want right for kprobes.
    kernel_version: int = 0
    #: Descriptors of modules' BTF, by the number that calls of their functions carry (5.14).
    fd_array: array[int] | None = None


def stream_read(fd: int, stream: int, *, what: str) -> bytes:
    """BPF_PROG_STREAM_READ_BY_FD until nothing is left: what a program said (6.17)."""
    parts: list[bytes] = []
    room = bytearray(_STREAM_ROOM)
    while True:
        attr = bytearray(_STREAM.pack(door.address(room), len(room), stream, fd))
        length = door.bpf(Cmd.PROG_STREAM_READ_BY_FD, attr, what=what)
        if not length:
            return b"".join(parts)
        parts.append(bytes(room[:length]))


class LogBuffer:
    """Room for the verifier's log, as large as asked for; read ``text`` after a load."""

    __slots__ = ("buffer", "level", "true_size")

    def __init__(self, level: int, size: int) -> None:
        self.level = level
        self.buffer = bytearray(size)
        #: Bytes the whole log needs, its NUL counted; 0 where the kernel does not say (before 6.4).
        self.true_size = 0

    @property
    def text(self) -> str:
        """What the kernel wrote; cut at the end when the room was too small."""
        return self.buffer.partition(b"\0")[0].decode("utf-8", "replace")

    @property
    def full(self) -> bool:
        """Whether something is missing at the end."""
        if self.true_size:
            return self.true_size > len(self.buffer)
        # A log that was cut is terminated in the very last byte (bpf_vlog_finalize()).
        end = self.buffer.find(0)
        return end < 0 or end >= len(self.buffer) - 1


def prog_load(request: LoadRequest, log: LogBuffer | None = None) -> int:
    """Load one program and return its descriptor.

    With *log*, the verifier writes into it, whether the program loads or not.  Raises
    :class:`OSError`; EAGAIN (a signal during verification) is tried again below this.
    """
    license_text = request.license.encode() + b"\0"
    has_btf = request.btf_fd is not None
    func_info = request.func_info if has_btf else b""
    line_info = request.line_info if has_btf else b""
    flags, token_fd = request.flags, token.current()
    if token_fd:
        flags |= token.FLAG
    attr = bytearray(
        _LOAD.pack(
            request.prog_type,
            len(request.insns) // INSN_SIZE,
            door.address(request.insns),
            door.address(license_text),
            log.level if log else 0,
            len(log.buffer) if log else 0,
            door.address(log.buffer) if log else 0,
            request.kernel_version,
            flags,
            request.name,
            request.ifindex,
            request.expected_attach_type,
            request.btf_fd or 0,
            FUNC_INFO_SIZE if func_info else 0,
            door.address(func_info),
            len(func_info) // FUNC_INFO_SIZE,
            LINE_INFO_SIZE if line_info else 0,
            door.address(line_info),
            len(line_info) // LINE_INFO_SIZE,
            request.attach_btf_id,
            request.attach_fd,
            0,  # core_relo_cnt
            request.fd_array.buffer_info()[0] if request.fd_array else 0,
            0,  # core_relos
            0,  # core_relo_rec_size
            0,  # log_true_size, written by the kernel
            token_fd,
            0,
        )
    )
    # Without a log nothing comes back; what is cut off is zero, as the kernel assumes.
    size = len(attr.rstrip(b"\0"))
    if log:
        size = max(size, _LOG_TRUE_SIZE_AT + _LOG_TRUE_SIZE.size)
    try:
        return door.bpf(Cmd.PROG_LOAD, attr, size, what=request.what)
    finally:
        if log:
            (log.true_size,) = _LOG_TRUE_SIZE.unpack_from(attr, _LOG_TRUE_SIZE_AT)
