"""Programs changed on the description before loading: what the kernel then gets is another one."""

from __future__ import annotations

import os

import pytest

from bpf2py import runtime
from bpf2py.asm import Instruction
from bpf2py.asm import opcodes as op
from bpf2py.runtime import XDP, Program, VerifierError
from bpf2py.runtime.kernel_btf import kernel_btf
from bpf2py.spec import MapRelocation, ObjectSpec
from bpf2py.uapi import AttachType, BTFKind, ProgFlags, ProgType
from tests.conftest import bpf_works
from tests.kernel.abilities import has, requires
from tests.runtime.bpf_code import (
    EXIT,
    NOTHING,
    add,
    an_object,
    array,
    call,
    code,
    jump_if_equal,
    load,
    load_map,
    mov,
    mov_reg,
    program,
    store,
)

pytestmark = pytest.mark.skipif(not bpf_works(), reason="needs root and bpf(2)")


def counting(attach_to: str) -> ObjectSpec:
    """Sets element 0 of an array to 1 whenever a raw tracepoint is passed."""
    insns = code(
        store(10, -4, 0, op.W),
        mov_reg(2, 10),
        add(2, -4),
        load_map(1),
        call("map_lookup_elem"),
        jump_if_equal(0, 0, 1),
        store(0, 0, 1),
        mov(0, 0),
        EXIT,
    )
    return an_object(
        array(),
        program(
            insns,
            prog_type=ProgType.RAW_TRACEPOINT,
            section="raw_tp/sys_enter",
            attach_to=attach_to,
            map_relocations=(MapRelocation(3, "counts"),),
        ),
    )


def test_a_raw_tracepoint_program_runs_where_it_was_sent() -> None:
    spec = counting("no_such_tracepoint")
    with runtime.load(spec) as loaded, pytest.raises(FileNotFoundError):
        loaded.attach()
    spec.programs["prog"].attach_to = "sys_exit"
    with runtime.load(spec) as loaded, loaded.attach() as links:
        assert links["prog"].info().target == "sys_exit"
        os.getpgid(0)
        assert any(loaded.maps["counts"][0])


def test_a_btf_tracepoint_program_is_loaded_for_where_it_was_sent() -> None:
    spec = an_object(
        program(
            NOTHING,
            prog_type=ProgType.TRACING,
            attach_type=AttachType.TRACE_RAW_TP,
            section="tp_btf/sched_switch",
            attach_to="sched_switch",
        )
    )
    for target in ("sched_switch", "sys_enter"):
        spec.programs["prog"].attach_to = target
        with runtime.load(spec) as loaded:
            if has("attach targets in program information (5.19)"):
                expected = kernel_btf().find(f"btf_trace_{target}", BTFKind.TYPEDEF)
                assert loaded.programs["prog"].info().attach_btf_id == expected


def test_a_section_that_says_nothing_can_be_given_a_type() -> None:
    spec = an_object(program(NOTHING, prog_type=ProgType.UNSPEC, section="my_own_name"))
    with pytest.raises(ValueError, match="set prog_type"):
        runtime.load(spec)
    spec.programs["prog"].prog_type = ProgType.SOCKET_FILTER
    with runtime.load(spec) as loaded:
        found: Program = loaded.programs["prog"]
        assert found.info().prog_type is ProgType.SOCKET_FILTER


def test_another_attach_type_makes_another_program() -> None:
    spec = an_object(program())
    for attach_type, fits in ((AttachType.XDP, True), (AttachType.XDP_DEVMAP, False)):
        spec.programs["prog"].attach_type = attach_type
        with runtime.load(spec) as loaded:
            xdp = loaded.programs["prog"]
            assert isinstance(xdp, XDP)
            if fits:
                xdp.attach("lo").close()
                continue
            with pytest.raises(OSError, match=r"refuses|Invalid"):
                xdp.attach("lo")


def test_flags_reach_the_verifier() -> None:
    """Reads four bytes at byte 1 of a packet, which x86 can and strict alignment forbids."""
    insns = code(
        load(2, 1, 0, op.W),  # data
        load(3, 1, 4, op.W),  # data_end
        mov_reg(4, 2),
        add(4, 5),
        mov(0, 2),
        Instruction(op.JMP | op.JGT | op.X, 4, 3, 1),
        load(5, 2, 1, op.W),
        EXIT,
    )
    spec = an_object(program(insns))
    runtime.load(spec).close()
    spec.programs["prog"].flags = ProgFlags.STRICT_ALIGNMENT
    with pytest.raises(VerifierError) as caught:
        runtime.load(spec)
    assert "misaligned packet access" in caught.value.reason


def test_a_log_level_is_for_one_program_alone() -> None:
    spec = an_object(program(name="quiet"), program(name="loud"))
    spec.programs["loud"].log_level = 2
    with runtime.load(spec) as loaded:
        assert loaded.programs["quiet"].log == ""
        assert "exit" in loaded.programs["loud"].log


def test_a_program_that_is_switched_off_is_not_loaded() -> None:
    spec = an_object(program(name="on"), program(code(EXIT), name="off"))
    spec.programs["off"].autoload = False
    with runtime.load(spec) as loaded:
        assert loaded.programs["on"].loaded
        assert not loaded.programs["off"].loaded


@pytest.mark.parametrize(
    ("ability", "attach_type"),
    [
        ("tracing of many functions (7.2)", AttachType.TRACE_FENTRY_MULTI),
        ("tracing of many functions (7.2)", AttachType.TRACE_FEXIT_MULTI),
        ("tracing of many functions (7.2)", AttachType.TRACE_FSESSION_MULTI),
        ("tracing of calls as sessions (7.0)", AttachType.TRACE_FSESSION),
    ],
)
def test_a_program_of_a_newer_kind_is_loaded_for_the_kernel_or_a_module(
    ability: str, attach_type: AttachType, veth: tuple[str, str]
) -> None:
    requires(ability)
    of_many = attach_type != AttachType.TRACE_FSESSION
    spec = an_object(
        program(
            NOTHING,
            prog_type=ProgType.TRACING,
            attach_type=attach_type,
            section="fentry.multi",
            attach_to="" if of_many else "tcp_v4_connect",
        )
    )
    with runtime.load(spec) as loaded:
        in_kernel = loaded.programs["prog"].info().attach_btf_obj_id
    spec.programs["prog"].attach_to = "veth:veth_*" if of_many else "veth:veth_xmit"
    with runtime.load(spec) as loaded:  # the fixture made the kernel load the module
        assert loaded.programs["prog"].info().attach_btf_obj_id != in_kernel
    spec.programs["prog"].attach_to = "no_such_module:veth_*"
    with pytest.raises(FileNotFoundError, match="module 'no_such_module'"):
        runtime.load(spec)
