"""Programs the real verifier refuses, and what the user is told.

Complaints are matched loosely where kernels word them differently; the advice is ours.
"""

from __future__ import annotations

import re

import pytest

from bpf2py import runtime
from bpf2py.asm import Instruction
from bpf2py.asm import opcodes as op
from bpf2py.spec import MapRelocation, ObjectSpec
from bpf2py.uapi import AttachType, MapType, ProgType
from tests.runtime.bpf_code import (
    EXIT,
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
    store_reg,
)

#: key = 0 on the stack; r0 = lookup(counts, &key)
LOOKUP = (
    store(10, -4, 0, op.W),
    mov_reg(2, 10),
    add(2, -4),
    load_map(1),
    call("map_lookup_elem"),
)
COUNTS_AT_3 = (MapRelocation(3, "counts"),)


def socket_filter(*insns: Instruction) -> ObjectSpec:
    """A socket filter, with map ``counts`` for those that begin with LOOKUP."""
    uses_map = insns[: len(LOOKUP)] == LOOKUP
    counts = array()
    # A constant index into an array is never NULL for the verifier since 6.15.
    counts.map_type = MapType.HASH
    return an_object(
        counts,
        program(
            code(*insns),
            name="filter",
            prog_type=ProgType.SOCKET_FILTER,
            section="socket",
            map_relocations=COUNTS_AT_3 if uses_map else (),
        ),
    )


def xdp(*insns: Instruction) -> ObjectSpec:
    return an_object(program(code(*insns), name="filter", attach_type=AttachType.XDP))


#: The object, the complaint, and what the kind of the error begins with.
REFUSED: dict[str, tuple[ObjectSpec, str, str]] = {
    "no return value": (socket_filter(EXIT), r"R0 !read_ok", "no-return-value"),
    "unset register": (
        socket_filter(mov_reg(0, 5), EXIT),
        r"R5 !read_ok",
        "uninitialized",
    ),
    "unchecked lookup": (
        socket_filter(*LOOKUP, load(0, 0, 0), EXIT),
        r"R0 invalid mem access 'map_value_or_null'",
        "null-pointer",
    ),
    "number as pointer": (
        socket_filter(mov(1, 4096), load(0, 1, 0), EXIT),
        r"R1 invalid mem access '(scalar|inv)'",
        "not-a-pointer",
    ),
    "beyond the map value": (
        socket_filter(
            *LOOKUP,
            Instruction(op.JMP | op.JEQ | op.K, 0, 0, 1, 0),
            load(0, 0, 8),
            mov(0, 0),
            EXIT,
        ),
        r"invalid access to map value, value_size=8 off=8 size=8",
        "map-value-bounds",
    ),
    "packet without a check": (
        xdp(load(1, 1, 0, op.W), load(0, 1, 0, op.B), mov(0, 2), EXIT),
        r"invalid access to packet",
        "packet-bounds",
    ),
    "no such field of the context": (
        xdp(load(0, 1, 4000, op.W), EXIT),
        r"invalid bpf_context access off=4000",
        "context-access",
    ),
    "changed context": (
        socket_filter(add(1, 8), load(0, 1, 0, op.W), EXIT),
        r"dereference of modified ctx ptr|invalid bpf_context|modified ctx",
        "context-",
    ),
    "stack too far": (
        socket_filter(store(10, -520, 0), mov(0, 0), EXIT),
        r"invalid (write to )?stack",
        "stack-",
    ),
    "endless loop": (
        socket_filter(mov(0, 0), jump_if_equal(0, 0, -1), EXIT),
        r"back-edge|infinite loop",
        "endless-loop",
    ),
    "unreachable": (
        socket_filter(mov(0, 0), EXIT, mov(0, 1), EXIT),
        r"unreachable insn",
        "unreachable",
    ),
    "no exit": (socket_filter(mov(0, 0)), r"not an exit or jmp|last insn", "control-flow"),
    "helper that does not exist": (
        socket_filter(call(100_000), EXIT),
        r"invalid func|unknown func",
        "helper-missing",
    ),
    "helper of another program type": (
        socket_filter(mov(1, 0), mov(2, 0), call("redirect"), EXIT),
        r"unknown func|cannot use helper",
        "helper-missing",
    ),
    "GPL helper": (
        (
            an_object(
                program(
                    code(call("get_current_task"), mov(0, 0), EXIT),
                    name="filter",
                    prog_type=ProgType.RAW_TRACEPOINT,
                    section="raw_tp/sched_switch",
                ),
                gpl=False,
            )
        ),
        r"GPL",
        "license",
    ),
    "write to the context": (
        xdp(store_reg(1, 0, 10, op.W), mov(0, 2), EXIT),
        r"invalid bpf_context access|cannot write",
        "",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_refused_program_is_explained(case: str) -> None:
    spec, complaint, kind = REFUSED[case]
    with pytest.raises(runtime.VerifierError, match=complaint) as caught:
        runtime.load(spec)
    error = caught.value
    assert error.program == "filter"
    assert all(part in error.log for part in error.reason.split("; "))
    assert "program 'filter'" in str(error)
    assert error.kind.startswith(kind)
    if kind:
        assert f"likely: {error.cause}" in str(error)
        assert f"help: {error.hint}" in str(error)
    if error.insn is not None:
        assert f"instruction {error.insn}: {error.instruction}" in str(error)
        assert f"\n{error.insn}: (" in f"\n{error.log}"


def test_the_registers_are_those_before_the_failing_instruction() -> None:
    with pytest.raises(runtime.VerifierError) as caught:
        runtime.load(REFUSED["unchecked lookup"][0])
    assert caught.value.registers["R0"].startswith("map_value_or_null")
    assert "  with R0=map_value_or_null" in str(caught.value)


def test_the_whole_log_is_kept_however_long() -> None:
    spec = socket_filter(*[mov(0, number) for number in range(6000)], mov_reg(0, 5), EXIT)
    with pytest.raises(runtime.VerifierError, match="R5 !read_ok") as caught:
        runtime.load(spec)
    log = caught.value.log
    assert len(log) > 100_000
    assert re.search(r"^0: \(b7\) r0 = 0", log, re.MULTILINE)
    assert "6000: (bf) r0 = r5" in log
    assert "processed 6001 insns" in log


def test_a_log_is_kept_on_success_when_asked_for() -> None:
    with runtime.load(socket_filter(mov(0, 0), EXIT), log_level=4) as loaded:
        assert "processed 2 insns" in loaded.programs["filter"].log


def test_a_kind_of_program_that_does_not_exist_is_an_oserror_without_a_log() -> None:
    spec = an_object(program(code(mov(0, 0), EXIT), prog_type=250, section="future"))
    with pytest.raises(OSError, match="may not know programs of type 250") as caught:
        runtime.load(spec)
    assert not isinstance(caught.value, runtime.VerifierError)


def test_a_map_type_that_does_not_exist_is_named_with_its_sizes() -> None:
    spec = array()
    spec.map_type = 250
    with pytest.raises(OSError, match=r"map 'counts' \(250, key 4 bytes"):
        runtime.load(an_object(spec))
