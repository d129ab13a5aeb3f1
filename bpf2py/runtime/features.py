"""Whether the running kernel can do something: tried, never read off a version.

In: nothing.  Out: yes or no, remembered; "could not tell" is raised and not remembered.  Only what
the runtime itself must know is here.
"""

from __future__ import annotations

import errno
import struct
import sys
from functools import cache
from typing import TYPE_CHECKING

from ..uapi import AttachType, MapType, ProgType
from .syscalls.bpf import ENOTSUPP
from .syscalls.btf import btf_load
from .syscalls.fd import FD
from .syscalls.link import link_create
from .syscalls.map import map_create
from .syscalls.prog import LoadRequest, LogBuffer, prog_load

if TYPE_CHECKING:
    from ..btf.sanitize import BTFFeature

#: r0 = 0; exit.  The same bytes in either byte order: every field wider than a byte is zero.
_EXIT = bytes.fromhex("b700000000000000 9500000000000000")
_NO_FD = 0xFFFFFFFF


def _minimal(prog_type: ProgType, attach_type: int = 0) -> FD:
    what = f"probe program of type {prog_type.name}"
    return FD(
        prog_load(
            LoadRequest(
                prog_type=prog_type,
                insns=_EXIT,
                license="GPL",
                expected_attach_type=attach_type,
                what=what,
            )
        ),
        what,
    )


def takes_program_fields(*, name: bytes, btf_fd: int | None) -> bool:
    """Whether PROG_LOAD takes a name (4.15) and BTF (5.0): a smallest program with just those.

    Tells E2BIG for fields the kernel does not know from E2BIG for a program too complex.
    """
    what = "probe of the fields of BPF_PROG_LOAD"
    request = LoadRequest(
        ProgType.SOCKET_FILTER, _EXIT, license="GPL", what=what, name=name, btf_fd=btf_fd
    )
    try:
        FD(prog_load(request), what).close()
    except OSError as exc:
        return exc.errno != errno.E2BIG
    return True


def _knows_link(prog_type: ProgType, attach_type: AttachType, target: int) -> bool:
    """Whether LINK_CREATE gets as far as looking at a target that does not exist."""
    with _minimal(prog_type, 0) as program:
        try:
            fd = link_create(
                program.fileno(),
                target=target,
                attach_type=attach_type,
                what=f"probe link of type {attach_type.name}",
            )
        except OSError as exc:
            if exc.errno in (errno.EBADF, errno.ENODEV):
                return True
            if exc.errno == errno.EINVAL:
                return False
            raise
    FD(fd).close()
    raise AssertionError("a link was made on a target that cannot exist")


@cache
def has_perf_event_links() -> bool:
    """Links for perf events (5.15): EBADF for the target instead of EINVAL for the attach type."""
    return _knows_link(ProgType.TRACEPOINT, AttachType.PERF_EVENT, _NO_FD)


@cache
def has_tcx() -> bool:
    """tcx links (6.6): ENODEV for the interface instead of EINVAL for the attach type."""
    return _knows_link(ProgType.SCHED_CLS, AttachType.TCX_INGRESS, _NO_FD)


@cache
def has_large_value_offsets() -> bool:
    """Whether a program may take an address 512 MiB or more into a map's value (7.0).

    Asked for one that no array has: a kernel without refuses it before looking at the map.
    """
    what = "probe of addresses far into a map"
    values = map_create(MapType.ARRAY, key_size=4, value_size=1, max_entries=1)
    with values:
        registers = 0x21 if sys.byteorder == "little" else 0x12  # r1, BPF_PSEUDO_MAP_VALUE
        insns = struct.pack("=BBhi", 0x18, registers, 0, values.fileno())
        insns += struct.pack("=BBhi", 0, 0, 0, 1 << 30) + _EXIT
        log = LogBuffer(1, 1 << 12)
        try:
            fd = prog_load(LoadRequest(ProgType.SOCKET_FILTER, insns, "GPL", what), log)
        except OSError:
            if not log.text:
                raise
            return "direct value offset of" not in log.text
    FD(fd, what).close()
    return True


#: How BTF_LOAD refuses what it does not know; a header that is too long is E2BIG.
_UNKNOWN_BTF = (errno.EINVAL, errno.E2BIG, errno.EOPNOTSUPP, ENOTSUPP)


@cache
def missing_btf_features() -> frozenset[BTFFeature]:
    """What BTF_LOAD refuses though nothing is wrong with it; everything where there is no BTF_LOAD.

    Asked only after some BTF was refused, so it costs a dozen system calls on old kernels alone.
    """
    from ..btf.sanitize import smallest_with

    missing: list[BTFFeature] = []
    for feature, blob in smallest_with().items():
        what = f"probe BTF with {feature.name}"
        try:
            FD(btf_load(blob, what=what, explain=False), what).close()
        except OSError as exc:
            if exc.errno not in _UNKNOWN_BTF:
                raise
            missing.append(feature)
    return frozenset(missing)
