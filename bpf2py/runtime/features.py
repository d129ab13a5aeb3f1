"""Whether the running kernel can do something: tried, never read off a version.

In: nothing.  Out: yes or no, remembered; "could not tell" is raised and not remembered.  Only what
the runtime itself must know is here, and ``probes/`` asks it here as well.  Not here: programs and
links to try with (smallest.py).
"""

from __future__ import annotations

import errno
import sys
from functools import cache
from struct import Struct
from typing import TYPE_CHECKING

from ..uapi import AttachType, MapType, ProgType
from .privileges import with_memlock
from .smallest import (
    NO_TARGET,
    call,
    code,
    link_refusal,
    load_program,
    uprobes_in_no_file,
)
from .syscalls.bpf import ENOTSUPP
from .syscalls.btf import btf_load
from .syscalls.fd import FD
from .syscalls.map import map_create
from .syscalls.prog import LogBuffer

if TYPE_CHECKING:
    from ..btf.sanitize import BTFFeature

_FUNC_INFO = Struct("=II")


def load_smallest_program() -> None:
    """Make the kernel do what it does with the first program only."""
    load_program(ProgType.SOCKET_FILTER, what="smallest program").close()


def takes_program_fields(*, name: bytes, btf_fd: int | None, attach_type: int) -> bool:
    """Whether PROG_LOAD takes a name (4.15), an attach type (4.17) and BTF (5.0).

    Asked with a smallest program that has just those, zero and nothing for what is not asked.

    Tells E2BIG for fields the kernel does not know from E2BIG for a program too complex.
    """
    try:
        load_program(
            ProgType.SOCKET_FILTER,
            what="probe of the fields of BPF_PROG_LOAD",
            name=name,
            btf_fd=btf_fd,
            attach_type=attach_type,
        ).close()
    except OSError as exc:
        return exc.errno != errno.E2BIG
    return True


def _takes(insns: bytes, what: str) -> bool:
    """Whether the verifier takes a tracing program; a refusal for other reasons is raised."""
    try:
        load_program(ProgType.TRACEPOINT, insns, what=what).close()
    except OSError as exc:
        if exc.errno not in (errno.EINVAL, errno.EACCES):
            raise
        return False
    return True


@cache
def has_bpf_cookie() -> bool:
    """bpf_get_attach_cookie() in programs for perf events (5.15)."""
    return _takes(code(call("get_attach_cookie")), "probe of bpf_get_attach_cookie()")


@cache
def has_probe_read_kernel() -> bool:
    """bpf_probe_read_kernel() and its like (5.5), instead of bpf_probe_read() for all memory."""
    from ..asm import Instruction
    from ..asm import opcodes as op

    insns = code(
        Instruction(op.ALU64 | op.MOV | op.X, dst=1, src=10),
        Instruction(op.ALU64 | op.ADD | op.K, dst=1, imm=-8),
        Instruction(op.ALU64 | op.MOV | op.K, dst=2, imm=8),
        Instruction(op.ALU64 | op.MOV | op.K, dst=3),
        call("probe_read_kernel"),
    )
    return _takes(insns, "probe of bpf_probe_read_kernel()")


@cache
def knows_context_tags() -> bool:
    """The tag ``arg:ctx`` on an argument of a function that is verified on its own (6.8).

    Any refusal is a no: what is done then is right on every kernel.
    """
    from ..asm import Instruction
    from ..asm import opcodes as op
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
    calls_function = Instruction(op.CALL_INSN, src=op.PSEUDO_CALL, imm=1)
    insns = code(calls_function) + code(call("get_socket_cookie"))
    records = _FUNC_INFO.pack(0, main) + _FUNC_INFO.pack(2, function)
    try:
        with FD(with_memlock(lambda: btf_load(blob, what=what, explain=False)), what) as btf:
            load_program(
                ProgType.SOCKET_FILTER,
                insns,
                what=what,
                btf_fd=btf.fileno(),
                func_info=records,
            ).close()
    except OSError as exc:
        if exc.errno == errno.EPERM:
            raise
        return False
    return True


def _knows_link(prog_type: ProgType, attach_type: AttachType) -> bool:
    """Whether LINK_CREATE gets as far as looking at a target that does not exist."""
    what = f"probe link of type {attach_type.name}"
    with load_program(prog_type, what=f"probe program of type {prog_type.name}") as program:
        refusal = link_refusal(program, attach_type, target=NO_TARGET, what=what)
    if refusal.errno not in (errno.EBADF, errno.ENODEV, errno.EINVAL):
        raise refusal
    return refusal.errno != errno.EINVAL


@cache
def has_perf_event_links() -> bool:
    """Links for perf events (5.15): EBADF for the target instead of EINVAL for the attach type."""
    return _knows_link(ProgType.TRACEPOINT, AttachType.PERF_EVENT)


@cache
def has_tcx() -> bool:
    """tcx links (6.6): ENODEV for the interface instead of EINVAL for the attach type."""
    return _knows_link(ProgType.SCHED_CLS, AttachType.TCX_INGRESS)


@cache
def has_large_value_offsets() -> bool:
    """Whether a program may take an address 512 MiB or more into a map's value (7.0).

    Asked for one that no array has: a kernel without refuses it before looking at the map.
    """
    from ..asm import load_imm64
    from ..asm.opcodes import PSEUDO_MAP_VALUE

    what = "probe of addresses far into a map"
    values = map_create(MapType.ARRAY, key_size=4, value_size=1, max_entries=1)
    with values:
        offset = 1 << 30
        address = load_imm64(1, offset << 32 | values.fileno(), PSEUDO_MAP_VALUE)
        log = LogBuffer(1, 1 << 12)
        try:
            load_program(ProgType.SOCKET_FILTER, code(address), log, what=what).close()
        except OSError:
            if not log.text:
                raise
            return "direct value offset of" not in log.text
    return True


@cache
def has_exclusive_maps() -> bool:
    """Maps that one program may use, known by its digest (6.18)."""
    try:
        with_memlock(
            lambda: map_create(
                MapType.ARRAY, key_size=4, value_size=4, max_entries=1, exclusive=bytes(32)
            )
        ).close()
    except OSError as exc:
        if exc.errno not in (errno.EINVAL, errno.E2BIG):
            raise
        return False
    return True


@cache
def has_uprobe_multi() -> bool:
    """Links for many uprobes (6.6) that tell processes from threads (6.10, 46ba0e49b642).

    As libbpf asks: "/" is no file to probe, EBADF; with a pid that cannot be, EINVAL comes first.
    """
    kind = AttachType.TRACE_UPROBE_MULTI
    what = "probe link for uprobes"
    try:
        program = load_program(ProgType.KPROBE, what=what, attach_type=kind)
    except PermissionError:
        raise
    except OSError:
        return False
    with program:
        return all(
            link_refusal(program, kind, extra=uprobes_in_no_file(pid), what=what).errno == expected
            for pid, expected in ((0, errno.EBADF), (NO_TARGET, errno.EINVAL))
        )


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
    from ..asm.cpu import smallest_with

    what = f"probe program with {family} instructions"
    insns = smallest_with(family, sys.byteorder)
    if family == "gotox":
        return _knows_jump_tables(bytearray(insns), what)
    return _takes_instructions(insns, what)


def _takes_instructions(insns: bytes, what: str) -> bool:
    try:
        load_program(ProgType.SOCKET_FILTER, insns, what=what).close()
    except OSError as exc:
        if exc.errno in _UNKNOWN_INSTRUCTION:
            return False
        raise
    return True


def _knows_jump_tables(insns: bytearray, what: str) -> bool:
    from ..asm.cpu import TABLE_LOAD, TABLE_TARGET
    from ..spec import JumpTable
    from .errors import NotSupportedError
    from .jump_tables import place_jump_tables

    table = JumpTable((TABLE_LOAD,), (TABLE_TARGET,))
    try:
        with place_jump_tables((table,), insns, what):
            return _takes_instructions(bytes(insns), what)
    except NotSupportedError:
        return False
