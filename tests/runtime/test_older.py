"""Programs for kernels that refuse a part of what is asked: which part, and what stands for it."""

from __future__ import annotations

import errno
import sys
from collections.abc import Callable

import pytest

from bpf2py import runtime
from bpf2py.asm import Instruction, decode
from bpf2py.asm import opcodes as op
from bpf2py.btf import TypeTable
from bpf2py.btf import decode as decode_btf
from bpf2py.btf import encode as encode_btf
from bpf2py.btf import types as t
from bpf2py.elf.sections import ATTACHABLE_OPT, SECTION_DEFS
from bpf2py.runtime import features
from bpf2py.runtime.older import WITHOUT_ATTACH_TYPE, older_request
from bpf2py.runtime.syscalls.prog import LoadRequest
from bpf2py.spec import Linkage
from bpf2py.uapi import HELPER_NAMES, AttachType, Cmd, ProgType
from tests.runtime.bpf_code import EXIT, NOTHING, an_object, call, code, mov, program
from tests.runtime.conftest import Attr, FakeKernel

pytestmark = pytest.mark.usefixtures("no_open_files")

PROBES = ("has_probe_read_kernel", "has_bpf_cookie", "knows_context_tags")


def helpers(insns: bytes) -> list[str]:
    """The helpers that a program calls."""
    return [
        HELPER_NAMES[insn.imm]
        for insn in decode(insns, sys.byteorder)
        if insn.opcode == op.CALL_INSN and insn.src == 0
    ]


def without_helpers(kernel: FakeKernel, *unknown: str) -> list[bytes]:
    """The verifier does not know some helpers; gives the programs that it was shown."""
    seen: list[bytes] = []

    def load(attr: Attr) -> int:
        seen.append(attr.memory(8, 8 * attr.u32(4)))
        known = not set(helpers(seen[-1])) & set(unknown)
        return kernel.descriptor() if known else -errno.EINVAL

    kernel.handlers[Cmd.PROG_LOAD] = load
    return seen


NEW = ("probe_read_kernel", "probe_read_user", "probe_read_kernel_str", "probe_read_user_str")
READS = code(
    *(call(name) for name in NEW),
    # A call of a function, whose number happens to be a helper's, and one that is not of these.
    Instruction(op.CALL_INSN, 0, op.PSEUDO_CALL, 0, HELPER_NAMES.index(NEW[0])),
    call("ktime_get_ns"),
    mov(0, 0),
    EXIT,
)


@pytest.mark.parametrize("log_level", [0, 1])
def test_reading_kernel_memory_is_said_the_old_way_if_need_be(
    kernel: FakeKernel, log_level: int
) -> None:
    seen = without_helpers(kernel, *NEW)
    spec = an_object(program(READS))
    runtime.load(spec, log_level=log_level).close()
    last = seen[-1]
    old = ["probe_read", "probe_read", "probe_read_str", "probe_read_str", "ktime_get_ns"]
    assert helpers(last) == old
    assert decode(last, sys.byteorder)[4].imm == HELPER_NAMES.index(NEW[0])
    assert helpers(spec.programs["prog"].insns) == [*NEW, "ktime_get_ns"], "the spec stays"


def test_a_kernel_that_takes_the_program_is_asked_nothing(kernel: FakeKernel) -> None:
    seen = without_helpers(kernel)
    runtime.load(an_object(program(READS))).close()
    assert seen == [READS]


def test_a_program_refused_for_another_reason_is_not_rewritten(kernel: FakeKernel) -> None:
    seen = without_helpers(kernel, "ktime_get_ns")
    with pytest.raises(OSError, match="refuses"):
        runtime.load(an_object(program(READS)))
    assert features.has_probe_read_kernel()
    assert all("probe_read" not in helpers(insns) for insns in seen)


def test_a_program_without_such_calls_is_not_a_reason_to_probe() -> None:
    request = LoadRequest(ProgType.XDP, NOTHING, "GPL", "program")
    assert older_request(request, OSError(errno.EINVAL, "")) is None
    assert older_request(request, OSError(errno.EACCES, "")) is None


# ---- attach types ----


def _before_attach_types(kernel: FakeKernel) -> Callable[[Attr], int]:
    # expected_attach_type is at byte 68.
    return lambda attr: -errno.E2BIG if any(attr.bytes[68:72]) else kernel.descriptor()


def test_an_attach_type_that_says_nothing_new_is_left_out(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.PROG_LOAD] = _before_attach_types(kernel)
    spec = an_object(program(NOTHING))
    spec.programs["prog"].prog_type = ProgType.XDP
    spec.programs["prog"].attach_type = AttachType.XDP
    runtime.load(spec).close()
    last = kernel.of(Cmd.PROG_LOAD)[-1]
    assert last.u32(0) == ProgType.XDP
    assert b"prog" in last.bytes, "the name is known"


def test_an_attach_type_that_is_needed_stays(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.PROG_LOAD] = _before_attach_types(kernel)
    spec = an_object(program(NOTHING))
    spec.programs["prog"].prog_type = ProgType.CGROUP_SOCK_ADDR
    spec.programs["prog"].attach_type = AttachType.CGROUP_INET4_BIND
    with pytest.raises(OSError, match=r"larger than the kernel allows|refuses"):
        runtime.load(spec)


def test_which_attach_types_may_be_left_out_is_in_the_table_of_sections() -> None:
    optional = {
        (row.prog_type, row.attach_type)
        for row in SECTION_DEFS
        if row.flags & ATTACHABLE_OPT == ATTACHABLE_OPT
    }
    assert optional == WITHOUT_ATTACH_TYPE


# ---- probes ----


@pytest.mark.parametrize(
    ("probe", "helper"),
    [("has_probe_read_kernel", "probe_read_kernel"), ("has_bpf_cookie", "get_attach_cookie")],
)
@pytest.mark.parametrize("known", [True, False])
def test_a_helper_is_found_by_calling_it(
    kernel: FakeKernel, probe: str, helper: str, known: bool
) -> None:
    seen = without_helpers(kernel, *([] if known else [helper]))
    for _ in range(2):
        assert getattr(features, probe)() is known
    (only,) = seen
    assert helper in helpers(only)


@pytest.mark.parametrize("probe", PROBES)
def test_without_rights_nothing_is_known(kernel: FakeKernel, probe: str) -> None:
    kernel.handlers[Cmd.PROG_LOAD] = lambda _: -errno.EPERM
    for _ in range(2):
        with pytest.raises(PermissionError):
            getattr(features, probe)()


# ---- context tags ----

TAGGED: list[t.Type] = [
    t.Int("int", 4, 32, signed=True),
    t.Ptr(0),
    t.FuncProto(1, (t.Param("ctx", 2),)),
    t.Func("prog", 3, Linkage.GLOBAL),
    t.Func("function", 3, Linkage.GLOBAL),
    t.DeclTag("arg:ctx", 5, 0),
]


@pytest.mark.parametrize("known", [True, False])
def test_a_context_is_typed_where_the_kernel_does_not_know_its_tag(
    kernel: FakeKernel, known: bool
) -> None:
    blobs: list[TypeTable] = []
    seen: list[bytes] = []

    def btf_load(attr: Attr) -> int:
        blobs.append(decode_btf(attr.memory(0, attr.u32(16))))
        return kernel.descriptor()

    def prog_load(attr: Attr) -> int:
        # func_info and its count are at bytes 80 and 88.
        seen.append(attr.memory(80, 8 * attr.u32(88)))
        probe = attr.u32(0) == ProgType.SOCKET_FILTER
        return -errno.EACCES if probe and not known else kernel.descriptor()

    kernel.handlers |= {Cmd.BTF_LOAD: btf_load, Cmd.PROG_LOAD: prog_load}
    spec = an_object(program(NOTHING))
    spec.btf = encode_btf(TAGGED, byte_order=sys.byteorder)
    spec.programs["prog"].prog_type = ProgType.SCHED_CLS
    spec.programs["prog"].func_info = encode_records((0, 4), (2, 5))
    runtime.load(spec).close()
    if known:
        assert seen[-1] == spec.programs["prog"].func_info
        assert len(blobs[-1]) == len(TAGGED) + 1
        return
    (_, first), (_, second) = decode_records(seen[-1])
    function = blobs[-1][second]
    assert (first, function.name) == (4, "function")
    assert second > len(TAGGED)


def encode_records(*records: tuple[int, int]) -> bytes:
    return b"".join(n.to_bytes(4, sys.byteorder) for record in records for n in record)


def decode_records(data: bytes) -> list[tuple[int, int]]:
    words = [int.from_bytes(data[i : i + 4], sys.byteorder) for i in range(0, len(data), 4)]
    return list(zip(words[::2], words[1::2], strict=True))
