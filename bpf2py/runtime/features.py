"""Whether the running kernel can do something: tried, never read off a version.

In: nothing.  Out: yes or no, remembered; "could not tell" is raised and not remembered.  Only what
the runtime itself must know is here.
"""

from __future__ import annotations

import errno
import sys
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING

from ..uapi import AttachType, MapType, ProgType
from .privileges import with_memlock
from .syscalls.bpf import ENOTSUPP, address
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
#: Of LINK_CREATE: path, offsets, ref_ctr_offsets, cookies, cnt, flags, pid.
_UPROBE_MULTI = Struct("=QQQQIII")
_INSN = Struct("=BBhi")
_FUNC_INFO = Struct("=II")


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


def load_smallest_program() -> None:
    """Make the kernel do what it does with the first program only."""
    _minimal(ProgType.SOCKET_FILTER).close()


def takes_program_fields(*, name: bytes, btf_fd: int | None, attach_type: int) -> bool:
    """Whether PROG_LOAD takes a name (4.15), an attach type (4.17) and BTF (5.0).

    Asked with a smallest program that has just those, zero and nothing for what is not asked.

    Tells E2BIG for fields the kernel does not know from E2BIG for a program too complex.
    """
    what = "probe of the fields of BPF_PROG_LOAD"
    request = LoadRequest(
        ProgType.SOCKET_FILTER,
        _EXIT,
        license="GPL",
        what=what,
        name=name,
        btf_fd=btf_fd,
        expected_attach_type=attach_type,
    )
    try:
        FD(prog_load(request), what).close()
    except OSError as exc:
        return exc.errno != errno.E2BIG
    return True


def _registers(dst: int, src: int) -> int:
    """The byte of both registers; two bitfields, which change places in big endian."""
    return src << 4 | dst if sys.byteorder == "little" else dst << 4 | src


def _loads(prog_type: ProgType, insns: bytes, what: str) -> bool:
    """Whether the verifier takes these instructions; a refusal for other reasons is raised."""
    request = LoadRequest(prog_type, insns, license="GPL", what=what)
    try:
        FD(with_memlock(lambda: prog_load(request)), what).close()
    except OSError as exc:
        if exc.errno not in (errno.EINVAL, errno.EACCES):
            raise
        return False
    return True


@cache
def has_bpf_cookie() -> bool:
    """bpf_get_attach_cookie() in programs for perf events (5.15)."""
    from ..uapi import HELPER_NAMES

    insns = _INSN.pack(0x85, 0, 0, HELPER_NAMES.index("get_attach_cookie")) + _EXIT[8:]
    return _loads(ProgType.TRACEPOINT, insns, "probe of bpf_get_attach_cookie()")


@cache
def has_probe_read_kernel() -> bool:
    """bpf_probe_read_kernel() and its like (5.5), instead of bpf_probe_read() for all memory."""
    from ..uapi import HELPER_NAMES

    insns = (
        _INSN.pack(0xBF, _registers(1, 10), 0, 0)  # r1 = r10
        + _INSN.pack(0x07, _registers(1, 0), 0, -8)  # r1 += -8
        + _INSN.pack(0xB7, _registers(2, 0), 0, 8)  # r2 = 8
        + _INSN.pack(0xB7, _registers(3, 0), 0, 0)  # r3 = 0
        + _INSN.pack(0x85, 0, 0, HELPER_NAMES.index("probe_read_kernel"))
        + _EXIT[8:]
    )
    return _loads(ProgType.TRACEPOINT, insns, "probe of bpf_probe_read_kernel()")


@cache
def knows_context_tags() -> bool:
    """The tag ``arg:ctx`` on an argument of a function that is verified on its own (6.8).

    Any refusal is a no: what is done then is right on every kernel.
    """
    from ..btf import encode
    from ..btf import types as t

    int_id, void_pointer, proto, main, function = 1, 2, 3, 4, 5
    blob = encode(
        [
            t.Int("int", 4, 32, signed=True),
            t.Ptr(0),
            t.FuncProto(int_id, (t.Param("ctx", void_pointer),)),
            t.Func("main", proto, 1),
            t.Func("function", proto, 1),
            t.DeclTag("arg:ctx", function, 0),
        ],
        byte_order=sys.byteorder,
    )
    what = "probe of context tags"
    # main calls the function, which needs a context: bpf_get_socket_cookie() takes nothing else.
    from ..uapi import HELPER_NAMES

    insns = (
        _INSN.pack(0x85, _registers(0, 1), 0, 1)
        + _EXIT[8:]
        + _INSN.pack(0x85, 0, 0, HELPER_NAMES.index("get_socket_cookie"))
        + _EXIT[8:]
    )
    records = _FUNC_INFO.pack(0, main) + _FUNC_INFO.pack(2, function)
    try:
        with FD(with_memlock(lambda: btf_load(blob, what=what, explain=False)), what) as btf:
            request = LoadRequest(
                ProgType.SOCKET_FILTER,
                insns,
                license="GPL",
                what=what,
                btf_fd=btf.fileno(),
                func_info=records,
            )
            FD(with_memlock(lambda: prog_load(request)), what).close()
    except OSError as exc:
        if exc.errno == errno.EPERM:
            raise
        return False
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
        insns = Struct("=BBhi").pack(0x18, registers, 0, values.fileno())
        insns += Struct("=BBhi").pack(0, 0, 0, 1 << 30) + _EXIT
        log = LogBuffer(1, 1 << 12)
        try:
            fd = prog_load(LoadRequest(ProgType.SOCKET_FILTER, insns, "GPL", what), log)
        except OSError:
            if not log.text:
                raise
            return "direct value offset of" not in log.text
    FD(fd, what).close()
    return True


@cache
def has_uprobe_multi() -> bool:
    """Links for many uprobes (6.6) that tell processes from threads (6.10, 46ba0e49b642).

    As libbpf asks: "/" is no file to probe, EBADF; with a pid that cannot be, EINVAL comes first.
    """
    what = "probe link for uprobes"
    try:
        program = _minimal(ProgType.KPROBE, AttachType.TRACE_UPROBE_MULTI)
    except PermissionError:
        raise
    except OSError:
        return False
    path, offset = b"/\0", bytes(8)
    with program:
        for pid, expected in ((0, errno.EBADF), (_NO_FD, errno.EINVAL)):
            try:
                fd = link_create(
                    program.fileno(),
                    attach_type=AttachType.TRACE_UPROBE_MULTI,
                    extra=_UPROBE_MULTI.pack(address(path), address(offset), 0, 0, 1, 0, pid),
                    what=what,
                )
            except OSError as exc:
                if exc.errno != expected:
                    return False
            else:
                FD(fd).close()
                return False
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


#: How PROG_LOAD refuses an instruction: the verifier, which may also take it for another one, or
#: an architecture's compiler.
_UNKNOWN_INSTRUCTION = (errno.EINVAL, errno.EACCES, errno.EOPNOTSUPP, ENOTSUPP)


@cache
def knows_instructions(family: str) -> bool:
    """Whether programs may use the instructions that :data:`bpf2py.asm.cpu.FAMILIES` names so."""
    import sys

    from ..asm.cpu import smallest_with

    what = f"probe program with {family} instructions"
    code = smallest_with(family, sys.byteorder)
    try:
        FD(prog_load(LoadRequest(ProgType.SOCKET_FILTER, code, license="GPL", what=what))).close()
    except OSError as exc:
        if exc.errno in _UNKNOWN_INSTRUCTION:
            return False
        raise
    return True
