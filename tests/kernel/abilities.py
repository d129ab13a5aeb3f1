"""What kernels from 5.10 on may not have, and how these tests find out: by trying, without bpf2py's
loader.  ``requires`` is the one place where a test skips because the kernel is too old.
"""

from __future__ import annotations

import errno
import os
import struct
import sys
from collections.abc import Callable
from functools import cache

from bpf2py.asm import Instruction, load_imm64
from bpf2py.asm import opcodes as op
from bpf2py.btf import encode
from bpf2py.btf import types as t
from bpf2py.runtime import features
from bpf2py.runtime.kernel_btf import kernel_btf
from bpf2py.runtime.syscalls import bpf as door
from bpf2py.runtime.syscalls.btf import btf_load
from bpf2py.runtime.syscalls.fd import FD
from bpf2py.runtime.syscalls.map import map_create
from bpf2py.runtime.syscalls.prog import LoadRequest, LogBuffer, prog_load, stream_read
from bpf2py.uapi import AttachType, BTFKind, Cmd, MapFlags, MapType, ProgFlags, ProgType
from generated_fixtures.streams_bpf import Streams
from tests.kernel.conftest import EXPECTED_IN_CI, missing
from tests.kernel.delegation import run_delegated
from tests.runtime.bpf_code import (
    EXIT,
    NOTHING,
    add,
    call,
    code,
    jump_if_equal,
    load,
    mov,
    mov_reg,
    store,
)


def _program(
    insns: bytes = NOTHING,
    prog_type: ProgType = ProgType.XDP,
    flags: int = 0,
    *,
    refusal: int = errno.EINVAL,
) -> bool:
    """Whether the kernel loads it; any other *refusal* is no answer."""
    request = LoadRequest(prog_type, insns, "GPL", "probe", flags=flags)
    try:
        os.close(prog_load(request))
    except OSError as exc:
        if exc.errno != refusal:
            raise
        return False
    return True


def _helper(name: str) -> bool:
    """Whether the verifier knows the helper: called without arguments, it is refused either way."""
    request = LoadRequest(ProgType.SCHED_CLS, code(call(name), mov(0, 0), EXIT), "GPL", "probe")
    log = LogBuffer(1, 1 << 16)
    try:
        os.close(prog_load(request, log))
    except OSError:
        if not log.text:
            raise
        return "unknown" not in log.text
    return True


def _bloom_filter() -> bool:
    try:
        map_create(MapType.BLOOM_FILTER, key_size=0, value_size=8, max_entries=1).close()
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
        return False
    return True


def _arena() -> bool:
    try:
        map_create(
            MapType.ARENA, key_size=0, value_size=0, max_entries=1, flags=MapFlags.MMAPABLE
        ).close()
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
        return False
    return True


def _exclusive_maps() -> bool:
    try:
        map_create(
            MapType.ARRAY, key_size=4, value_size=4, max_entries=1, exclusive=bytes(32)
        ).close()
    except OSError as exc:
        if exc.errno not in (errno.EINVAL, errno.E2BIG):
            raise
        return False
    return True


def _instruction_arrays() -> bool:
    try:
        map_create(MapType.INSN_ARRAY, key_size=4, value_size=16, max_entries=1).close()
    except OSError as exc:
        if exc.errno not in (errno.EINVAL, errno.E2BIG):
            raise
        return False
    return True


def _struct_ops(flags: MapFlags = MapFlags(0)) -> bool:
    """Whether such a map gets as far as looking at its type, which is none: ENOTSUPP or ENOENT."""
    blob = encode([t.Int("int", 4, 32, signed=True)], byte_order=sys.byteorder)
    with FD(btf_load(blob, what="probe"), "probe") as btf:
        try:
            map_create(
                MapType.STRUCT_OPS,
                key_size=4,
                value_size=4,
                max_entries=1,
                flags=flags,
                btf_fd=btf.fileno(),
                btf_vmlinux_value_type_id=1,
            )
        except OSError as exc:
            return exc.errno != errno.EINVAL
    raise AssertionError("a struct_ops map of type 1 was made")


def _storage(map_type: MapType) -> bool:
    blob = encode([t.Int("int", 4, 32, signed=True)], byte_order=sys.byteorder)
    with FD(btf_load(blob, what="probe"), "probe") as btf:
        try:
            map_create(
                map_type,
                key_size=4,
                value_size=4,
                max_entries=0,
                flags=MapFlags.NO_PREALLOC,
                btf_fd=btf.fileno(),
                btf_key_type_id=1,
                btf_value_type_id=1,
            ).close()
        except OSError as exc:
            if exc.errno != errno.EINVAL:
                raise
            return False
    return True


def _work_queues() -> bool:
    """Whether ``struct bpf_wq`` in a value is more than bytes: then no array per CPU can have it."""
    blob = encode(
        [
            t.Int("int", 4, 32, signed=True),
            t.Struct("bpf_wq", 16, (t.Member("first", 1, 0),)),
            t.Struct("value", 16, (t.Member("work", 2, 0),)),
        ],
        byte_order=sys.byteorder,
    )
    with FD(btf_load(blob, what="probe"), "probe") as btf:
        try:
            map_create(
                MapType.PERCPU_ARRAY,
                key_size=4,
                value_size=16,
                max_entries=1,
                btf_fd=btf.fileno(),
                btf_key_type_id=1,
                btf_value_type_id=3,
            ).close()
        except OSError as exc:
            if exc.errno != errno.EOPNOTSUPP:
                raise
            return True
    return False


def _untrusted_kernel_pointers() -> bool:
    """Whether what is read through such a pointer is more than a number to the verifier."""
    blob = encode(
        [
            t.Int("int", 4, 32, signed=True),
            t.Struct("task_struct", 4, (t.Member("member", 1, 0),)),
            t.TypeTag("kptr_untrusted", 2),
            t.Ptr(3),
            t.Struct("value", 8, (t.Member("pointer", 4, 0),)),
        ],
        byte_order=sys.byteorder,
    )
    try:
        btf = FD(btf_load(blob, what="probe"), "probe")
    except OSError as exc:
        if exc.errno != errno.EINVAL:
            raise
        return False
    with btf:
        values = map_create(
            MapType.ARRAY,
            key_size=4,
            value_size=8,
            max_entries=1,
            btf_fd=btf.fileno(),
            btf_key_type_id=1,
            btf_value_type_id=5,
        )
    with values:
        insns = code(
            store(10, -4, 0, op.W),
            mov_reg(2, 10),
            add(2, -4),
            load_imm64(1, values.fileno(), src=1),  # BPF_PSEUDO_MAP_FD
            call("map_lookup_elem"),
            jump_if_equal(0, 0, 3),
            load(0, 0, 0),
            jump_if_equal(0, 0, 1),
            load(0, 0, 0, op.W),
            EXIT,
        )
        return _program(insns, ProgType.SCHED_CLS, refusal=errno.EACCES)


def _program_info_until(end: int) -> bool:
    """Whether the kernel's ``struct bpf_prog_info`` has *end* bytes: it writes back how many it filled."""
    request = LoadRequest(ProgType.XDP, NOTHING, "GPL", "probe")
    with FD(prog_load(request), "probe") as program:
        info = bytearray(512)
        attr = bytearray(struct.pack("=IIQ", program.fileno(), len(info), door.address(info)))
        door.bpf(Cmd.OBJ_GET_INFO_BY_FD, attr, what="probe")
    return int(struct.unpack("=IIQ", attr)[1]) >= end


def _kernel_function(name: str) -> bool:
    """Whether the kernel's BTF knows a function of that name."""
    return kernel_btf().find(name, BTFKind.FUNC) is not None


def _kernel_symbol(name: str) -> bool:
    with open("/proc/kallsyms", encoding="ascii", errors="replace") as file:
        return any(line.split()[2] == name for line in file)


def _streams() -> bool:
    """Whether the read of a stream that is none gets as far as that: ENOENT, not EINVAL."""
    with FD(prog_load(LoadRequest(ProgType.XDP, NOTHING, "GPL", "probe")), "probe") as program:
        try:
            stream_read(program.fileno(), 99, what="probe")
        except OSError as exc:
            return exc.errno == errno.ENOENT
    raise AssertionError("stream 99 was read")


def _printing() -> bool:
    """Whether a program that prints into its streams is told that it was done."""
    if not _streams():
        return False
    with Streams.spec().load() as loaded:
        return loaded.programs.say.run().return_value == 0


def _tokens() -> bool:
    """Whether this machine's root may delegate to a user namespace, and a token comes of it."""
    code = "from bpf2py.runtime import Token; Token.create().close()"
    try:
        return run_delegated(code, {"cmds": "any"}).returncode == 0
    except PermissionError:  # a bpf file system was nothing for user namespaces before
        return False


def _tracing(attach_type: AttachType = AttachType.TRACE_FENTRY) -> bool:
    """Whether fentry programs get as far as the verifier: some kernels are built to refuse them."""
    request = LoadRequest(
        ProgType.TRACING,
        NOTHING,
        "GPL",
        "probe",
        expected_attach_type=attach_type,
        attach_btf_id=kernel_btf().find("schedule", BTFKind.FUNC) or 1,
    )
    if attach_type == AttachType.TRACE_FENTRY_MULTI:
        request = request._replace(attach_btf_id=0)
    try:
        os.close(prog_load(request))
    except PermissionError:
        return False
    except OSError as exc:
        if exc.errno != errno.EINVAL or attach_type == AttachType.TRACE_FENTRY:
            raise
        return False
    return True


_SIGN_EXTENDING_MOVE = Instruction(op.ALU64 | op.MOV | op.X, 0, 0, 8)
_FETCHING_ADD = Instruction(op.STX | op.ATOMIC | op.DW, 10, 0, -8, op.ADD | op.FETCH)

ABILITIES: dict[str, Callable[[], bool]] = {
    "arenas (6.9)": _arena,
    "attach targets in program information (5.19)": lambda: _program_info_until(228),
    "bloom filters (5.16)": _bloom_filter,
    "bpf_loop (5.17)": lambda: _helper("loop"),
    "bpf_strncmp (5.17)": lambda: _helper("strncmp"),
    "cgroup storage of any program (6.2)": lambda: _storage(MapType.CGRP_STORAGE),
    "inode storage (5.10)": lambda: _storage(MapType.INODE_STORAGE),
    "cpu v4 instructions (6.6)": lambda: _program(code(mov(0, 0), _SIGN_EXTENDING_MOVE, EXIT)),
    "exceptions (6.7)": lambda: _kernel_function("bpf_throw"),
    "iterators over numbers (6.4)": lambda: _kernel_function("bpf_iter_num_new"),
    "addresses of kernel variables (CONFIG_KALLSYMS_ALL)": lambda: _kernel_symbol("runqueues"),
    "types of kernel variables": lambda: kernel_btf().find("runqueues", BTFKind.VAR) is not None,
    "fetching atomics (5.12)": lambda: _program(
        code(mov(0, 0), store(10, -8, 0, op.DW), _FETCHING_ADD, mov(0, 0), EXIT)
    ),
    "exclusive maps (6.18)": _exclusive_maps,
    "jump tables (6.19)": _instruction_arrays,
    "links for perf events (5.15)": features.has_perf_event_links,
    "streams of programs (6.17)": _streams,
    "memory for streams of programs (6.17)": _printing,
    "BPF tokens (6.9)": _tokens,
    "tracing of many functions (7.2)": lambda: (
        _tracing() and _tracing(AttachType.TRACE_FENTRY_MULTI)
    ),
    "tracing of calls as sessions (7.0)": lambda: (
        _tracing() and _tracing(AttachType.TRACE_FSESSION)
    ),
    "struct_ops (5.6)": _struct_ops,
    "struct_ops links (6.4)": lambda: _struct_ops(MapFlags.LINK),
    "syscall programs (5.14)": lambda: _program(NOTHING, ProgType.SYSCALL, ProgFlags.SLEEPABLE),
    "task storage (5.11)": lambda: _storage(MapType.TASK_STORAGE),
    "timers (5.15)": lambda: _helper("timer_init"),
    "tracing of functions (5.5)": _tracing,
    "untrusted kernel pointers (6.3)": _untrusted_kernel_pointers,
    "work queues (6.10)": _work_queues,
    "verified instructions in program information (5.16)": lambda: _program_info_until(220),
    "XDP fragments (5.18)": lambda: _program(flags=ProgFlags.XDP_HAS_FRAGS),
}


@cache
def has(ability: str) -> bool:
    """Whether this kernel can do that; where CI's must, it is not asked."""
    if os.environ.get("CI") and ability in EXPECTED_IN_CI:
        return True
    return ABILITIES[ability]()


def requires(*abilities: str) -> None:
    """Skip the test unless the kernel can do all of them."""
    for ability in abilities:
        if not has(ability):
            missing(ability)
