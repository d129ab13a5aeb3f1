"""BPF_PROG_TEST_RUN: a program run by itself, on given data.

In: a descriptor and bytes.  Out: what came back.  Not here: trying again after a signal
(programs/base.py).
"""

from __future__ import annotations

from struct import Struct

from ...light import TYPE_CHECKING
from ...records import dataclass
from ...uapi import Cmd
from . import bpf as door

if TYPE_CHECKING:
    from typing import Final

#: The part of ``union bpf_attr`` for BPF_PROG_TEST_RUN.
_TEST: Final = Struct("=IIIIQQIIIIQQIII")

#: Room behind the output the kernel is told of.  Before 4.20 bpf_test_finish() copied the whole
#: packet whatever the size said (fixed by 78e52272461f), and a program may grow it by
#: XDP_PACKET_HEADROOM + NET_IP_ALIGN.
OUTPUT_PADDING: Final = 256 + 2


@dataclass(slots=True, frozen=True)
class TestRun:
    """What one BPF_PROG_TEST_RUN gave.

    ``return_value`` is the program's, unsigned 32 bits; ``data`` and ``context`` what the program
    left of packet and context, empty if none was given; ``duration`` the mean time of one run in
    nanoseconds, measured by the kernel.
    """

    __test__ = False  # not for pytest to collect

    return_value: int
    data: bytes
    context: bytes
    duration: int


def prog_test_run(
    fd: int,
    *,
    data: bytes = b"",
    data_out_size: int = 0,
    context: bytes = b"",
    context_out_size: int = 0,
    repeat: int = 0,
    flags: int = 0,
    cpu: int = 0,
    batch_size: int = 0,
    what: str,
) -> TestRun:
    """Run a loaded program once or *repeat* times, on given data (4.12; contexts 5.2).

    The sizes are room for what comes back; with none for the context, it is what the kernel left in
    place.  Raises :class:`OSError`: EINTR when a signal came
    during many repeats, ENOSPC when the room was too small, ENOTSUPP (524) when programs of this
    type cannot be run.
    """
    data_out = bytearray(data_out_size + OUTPUT_PADDING if data_out_size else 0)
    context_out = bytearray(context_out_size)
    # A copy: bpf_prog_test_run_syscall() writes the context back where it came from.
    context_in = bytearray(context)
    attr = bytearray(
        _TEST.pack(
            fd,
            0,
            len(data),
            data_out_size,
            door.address(data),
            door.address(data_out),
            repeat,
            0,
            len(context),
            context_out_size,
            door.address(context_in),
            door.address(context_out),
            flags,
            cpu,
            batch_size,
        )
    )
    # Up to duration (offset 36) the kernel answers; a kernel before 5.2 knows no more than that.
    size = max(40, len(attr.rstrip(b"\0")))
    door.bpf(Cmd.PROG_TEST_RUN, attr, size, what=what)
    _, value, _, data_size, _, _, _, duration, _, context_size, *_ = _TEST.unpack(attr)
    return TestRun(
        value,
        bytes(data_out[: min(data_size, len(data_out))]),
        bytes(context_out[:context_size] if context_out_size else context_in),
        duration,
    )
