"""Verifier logs of several kernels, read for the sentence that matters."""

from __future__ import annotations

import errno
import pickle

import pytest

from bpf2py.btf.core_apply import POISON_HELPER
from bpf2py.records import replace
from bpf2py.runtime.errors import VerifierError
from bpf2py.runtime.relocate import MISSING_FUNCTION
from bpf2py.runtime.verifier import rejection
from bpf2py.runtime.verifier_advice import ADVICE, advice_for
from bpf2py.runtime.verifier_log import read_log
from bpf2py.runtime.verifier_report import VerifierReport
from bpf2py.spec import ExternRelocation
from tests.runtime.bpf_code import program

LINUX_6_18 = """\
0: R1=ctx() R10=fp0
; __u32 key = 0; @ counter.bpf.c:11
0: (b7) r1 = 0                        ; R1_w=0
1: (63) *(u32 *)(r10 -4) = r1         ; R1_w=0 R10=fp0 fp-8=0000????
2: (bf) r2 = r10                      ; R2_w=fp0 R10=fp0
3: (07) r2 += -4                      ; R2_w=fp-4
; __u64 *count = bpf_map_lookup_elem(&counts, &key); @ counter.bpf.c:12
4: (18) r1 = 0xffff88810b2e2c00       ; R1_w=map_ptr(map=counts,ks=4,vs=8)
6: (85) call bpf_map_lookup_elem#1    ; R0_w=map_value_or_null(id=1,map=counts,ks=4,vs=8)
; *count += 1; @ counter.bpf.c:13
7: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'
processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""

LINUX_5_4 = """\
0: (bf) r6 = r1
1: R1=ctx(id=0,off=0,imm=0) R6_w=ctx(id=0,off=0,imm=0) R10=fp0
1: (61) r2 = *(u32 *)(r6 +4)
; if (data[0] == 1)
2: (61) r1 = *(u32 *)(r6 +0)
3: R1_w=pkt(id=0,off=0,r=0,imm=0) R2_w=pkt_end(id=0,off=0,imm=0)
3: (71) r0 = *(u8 *)(r1 +0)
invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0)
R1 offset is outside of the packet
processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""

BRANCHES = """\
func#0 @0
0: R1=ctx() R10=fp0
0: (15) if r1 == 0x0 goto pc+1        ; R1=ctx()
1: (b7) r0 = 0                        ; R0_w=0
2: (95) exit

from 0 to 2: R1=ctx() R10=fp0
2: R1=ctx() R10=fp0
2: (95) exit
R0 !read_ok
verification time 88 usec
stack depth 0
processed 4 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""


@pytest.mark.parametrize(
    ("log", "reading"),
    [
        (
            LINUX_6_18,
            ("R0 invalid mem access 'map_value_or_null'", 7, "counter.bpf.c:13: *count += 1;"),
        ),
        (
            LINUX_5_4,
            (
                "invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0); "
                "R1 offset is outside of the packet",
                3,
                "if (data[0] == 1)",
            ),
        ),
        (BRANCHES, ("R0 !read_ok", 2, "")),
        (
            "back-edge from insn 0 to 0\n",
            ("back-edge from insn 0 to 0", None, ""),
        ),
        ("", ("", None, "")),
    ],
)
def test_the_complaint_its_instruction_and_its_c_line_are_found(
    log: str, reading: tuple[str, int | None, str]
) -> None:
    found = read_log(log)
    assert (found.reason, found.insn, found.source) == reading


def test_the_message_starts_with_the_c_line_and_ends_with_what_to_do() -> None:
    error = rejection(
        OSError(errno.EACCES, "Permission denied"), LINUX_6_18, program(name="count", section="xdp")
    )
    first, where, registers, cause, hint = str(error).split("\n")
    assert first == "counter.bpf.c:13: *count += 1;: R0 invalid mem access 'map_value_or_null'"
    assert "program 'count' (xdp), instruction 7: r1 = *(u64 *)(r0 +0)" in where
    assert registers == "  with R0=map_value_or_null(id=1,map=counts,ks=4,vs=8)"
    assert "likely: the pointer can be NULL" in cause
    assert "help: compare it with NULL" in hint
    assert (error.kind, error.insn, error.processed) == ("null-pointer", 7, 7)
    assert error.log == LINUX_6_18
    assert error.errno == errno.EACCES


def test_a_log_without_the_file_gets_it_from_line_info() -> None:
    error = rejection(
        OSError(errno.EACCES, "Permission denied"),
        LINUX_5_4,
        program(),
        source_of=lambda insn: f"parse.bpf.c:{insn}: if (data[0] == 1)",
    )
    assert error.source == "parse.bpf.c:3: if (data[0] == 1)"


class Poisoned:
    """What is looked at of a CO-RE outcome."""

    def __init__(self, insn: int) -> None:
        self.insn = insn
        self.poisoned = True

    def describe(self) -> str:
        return "struct task_struct has no member 'state'"


@pytest.mark.parametrize("insn", [4, 5], ids=["the load", "its second half"])
def test_a_poisoned_instruction_is_explained_by_the_missing_member(insn: int) -> None:
    log = f"{insn}: (85) call unknown#{POISON_HELPER}\ninvalid func unknown#{POISON_HELPER}\n"
    outcomes = [Poisoned(1), Poisoned(4)]
    error = rejection(
        OSError(errno.EINVAL, "Invalid argument"),
        log,
        program(),
        outcomes,  # type: ignore[arg-type]
    )
    assert "no member 'state'" in str(error)
    assert "CO-RE" in error.reason
    assert "this kernel does not have that helper" not in str(error)


def test_a_call_of_a_kernel_function_that_is_missing_is_named() -> None:
    called = replace(program(), extern_relocations=(ExternRelocation(3, "bpf_new_thing"),))
    number = MISSING_FUNCTION + 12
    log = f"3: (85) call unknown#{number}\ninvalid func unknown#{number}\n"
    error = rejection(OSError(errno.EINVAL, "Invalid argument"), log, called)
    assert error.kind == "missing-function"
    assert "'bpf_new_thing'" in error.reason
    assert "bpf_ksym_exists(bpf_new_thing)" in error.hint
    assert "helper" not in str(error)


def test_a_log_without_a_complaint_still_names_the_program() -> None:
    error = rejection(OSError(errno.EINVAL, "Invalid argument"), "processed 0 insns", program())
    assert "program 'prog'" in str(error)
    assert "Invalid argument" in str(error)


# Complaints of real kernels, from 4.19 to 7.2, by what is wrong.
COMPLAINTS = {
    "license": "cannot call GPL-restricted function from non-GPL compatible program",
    "not-sleepable": "Sleepable programs can only use array, hash and ringbuf maps",
    "sleepable": "helper call might sleep in a non-sleepable prog",
    "map-field-missing": "map 'counts' has no valid bpf_timer",
    "lock-region": "function calls are not allowed while holding a lock",
    "kfunc-not-allowed": "calling kernel function bpf_task_acquire is not allowed",
    "ksym-address": "ldimm64 failed to find the address for kernel symbol 'runqueues'.",
    "helper-missing": "unknown func bpf_get_current_pid_tgid#14",
    "exclusive-map": "program's hash doesn't match map's excl_prog_hash",
    "helper-map-type": "cannot pass map_type 1 into func bpf_ringbuf_output#130",
    "tail-call": "tail_calls are not allowed in non-JITed programs with bpf-to-bpf calls",
    "no-return-value": "R0 !read_ok",
    "uninitialized": "R5 !read_ok",
    "null-pointer": "R0 invalid mem access 'map_value_or_null'",
    "packet-bounds": "invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0)",
    "map-value-bounds": "invalid access to map value, value_size=8 off=8 size=8",
    "memory-bounds": "access beyond struct task_struct at off 99999 size 8",
    "unbounded": "R1 unbounded memory access, make sure to bounds check any such access",
    "argument-missing": "func 'sched_switch' doesn't have 7-th argument",
    "context-access": "invalid bpf_context access off=128 size=4",
    "context-modified": "dereference of modified ctx ptr R1 off=8 disallowed",
    "invalidated-pointer": "R7 invalid mem access 'scalar'; scalar (was pkt(r=0))",
    "not-a-pointer": "R1 invalid mem access 'scalar'",
    "pointer-arithmetic": "R1 pointer arithmetic with <<= operator prohibited",
    "pointer-leak": "R0 leaks addr as return value",
    "read-only": "write into map forbidden, value_size=4 off=0 size=4",
    "argument-type": "R2 type=scalar expected=fp, pkt, pkt_meta, map_key, map_value, mem",
    "stack-size": "combined stack size of 2 calls is 576. Too large",
    "stack-uninitialized": "invalid indirect read from stack R2 off -8+4 size 8",
    "endless-loop": "infinite loop detected at insn 3",
    "too-complex": "BPF program is too large. Processed 1000001 insn",
    "resource-leak": "Unreleased reference id=2 alloc_insn=9",
    "resource-not-held": "R1 must have zero offset when passed to release func or trusted arg to kf",
    "return-value": "At program exit the register R0 has smin=5 smax=5 should have been in [0, 1]",
    "control-flow": "last insn is not an exit or jmp",
    "unreachable": "unreachable insn 4",
    "misaligned": "misaligned stack access off 0+-3+0 size 8",
    "unknown-address": "unrecognized bpf_ld_imm64 insn",
    "unknown-instruction": "unknown opcode 8d",
    "not-a-map": "fd 5 is not pointing to valid bpf_map",
    "debug-info": "number of funcs in func_info doesn't match number of subprogs",
    "target": "attach to unsupported member is not allowed",
    "kernel-bug": "verifier bug: not inlined functions bpf_probe_read_kernel#113 is missing func",
}


@pytest.mark.parametrize(("kind", "complaint"), COMPLAINTS.items(), ids=str)
def test_a_known_complaint_has_a_kind_a_cause_and_help(kind: str, complaint: str) -> None:
    advice = advice_for(complaint)
    assert advice is not None
    assert advice.kind == kind
    assert advice.cause
    assert advice.help


def test_every_row_of_advice_has_a_complaint_here_and_a_name_of_its_own() -> None:
    assert [row.kind for row in ADVICE] == list(COMPLAINTS)
    assert len(ADVICE) >= 30


@pytest.mark.parametrize(
    ("complaint", "kind"),
    [
        ("Only fentry/fexit/fmod_ret and lsm programs can be sleepable", "not-sleepable"),
        ("sleepable helper bpf_copy_from_user#148 in non-sleepable prog", "sleepable"),
        ("value -2147483648 makes map_value pointer be out of bounds", "unbounded"),
        ("map_value pointer offset 1073741824 is not allowed", "unbounded"),
    ],
)
def test_other_words_for_the_same_have_the_same_kind(complaint: str, kind: str) -> None:
    advice = advice_for(complaint)
    assert advice is not None
    assert advice.kind == kind


def test_words_that_nobody_has_seen_get_no_advice() -> None:
    assert advice_for("something nobody has seen") is None


# ---- registers ------------------------------------------------------------------------------------


def test_the_state_before_the_failing_instruction_is_put_together_from_the_lines_above() -> None:
    assert dict(read_log(LINUX_6_18).registers) == {
        "R0": "map_value_or_null(id=1,map=counts,ks=4,vs=8)",
        "R10": "fp0",
        "fp-8": "0000????",
    }
    # Before 5.18 the whole state is on a line of its own.
    assert dict(read_log(LINUX_5_4).registers) == {
        "R1": "pkt(id=0,off=0,r=0,imm=0)",
        "R2": "pkt_end(id=0,off=0,imm=0)",
    }


def test_values_with_blanks_in_them_stay_whole() -> None:
    log = (
        "3: R1_w=scalar(umax=255,var_off=(0x0; 0xff)) R2=inv(id=0,var_off=(0x0; 0x3)) R10=fp0 "
        "fp-16=mmmm???? refs=2\n3: (0f) r1 += r2\nR1 pointer arithmetic prohibited\n"
    )
    reading = read_log(log)
    assert dict(reading.registers) == {
        "R1": "scalar(umax=255,var_off=(0x0; 0xff))",
        "R2": "inv(id=0,var_off=(0x0; 0x3))",
        "R10": "fp0",
        "fp-16": "mmmm????",
    }
    assert sorted(reading.mentioned) == ["R1", "R2"]


def test_a_pointer_that_a_call_made_invalid_is_told_from_a_number() -> None:
    log = (
        "5: R7=pkt(r=14) R10=fp0\n5: (85) call bpf_xdp_adjust_head#44   ; R0_w=scalar()\n"
        "6: (71) r1 = *(u8 *)(r7 +12)\nR7 invalid mem access 'scalar'\n"
    )
    error = rejection(OSError(errno.EACCES, "Permission denied"), log, program())
    assert error.registers["R7"] == "scalar (was pkt(r=14))"
    assert error.kind == "invalidated-pointer"
    error = rejection(
        OSError(errno.EACCES, ""), log.replace("pkt(r=14)", "scalar(id=2)"), program()
    )
    assert error.kind == "not-a-pointer"


def test_an_instruction_whose_comment_says_nothing_of_registers_changes_nothing() -> None:
    log = "0: R1=ctx() R10=fp0\n0: (05) goto pc+1      ; frame1:\n2: (bf) r0 = r8\nR8 !read_ok\n"
    assert dict(read_log(log).registers) == {"R1": "ctx()", "R10": "fp0"}


def test_the_state_at_the_target_of_a_jump_stands_behind_the_jump() -> None:
    log = "9: (56) if w0 != 0x0 goto pc+3 13: R0=1 R6=sock()\n13: (95) exit\nR1 !read_ok\n"
    assert dict(read_log(log).registers) == {"R0": "1", "R6": "sock()"}
    assert read_log(log.partition("13: (95)")[0]).instruction == "if w0 != 0x0 goto pc+3"


def test_a_complaint_that_ends_without_a_line_feed_is_cut_from_the_statistics() -> None:
    log = "3: (85) call bpf_tail_call#12\nexpected prog array map for tail callprocessed 3 insns "
    assert read_log(log + "(limit 1000000)").reason == "expected prog array map for tail call"


def test_a_call_forgets_its_arguments_and_a_branch_begins_anew() -> None:
    log = (
        "0: (b7) r3 = 5   ; R3_w=5\n1: (85) call bpf_ktime_get_ns#5   ; R0_w=scalar()\n"
        "2: (bf) r1 = r3\nR3 !read_ok\n"
    )
    assert dict(read_log(log).registers) == {"R0": "scalar()"}
    log += "from 0 to 9: frame1: R6=ctx() R10=fp0\n9: (bf) r1 = r7\nR7 !read_ok\n"
    assert dict(read_log(log).registers) == {"R6": "ctx()", "R10": "fp0"}


# ---- the report of 7.3 ------------------------------------------------------------------------------

LINUX_7_3 = """\
0: R1=ctx() R10=fp0
; __u64 *count = bpf_map_lookup_elem(&counts, &key); @ counter.bpf.c:12
6: (85) call bpf_map_lookup_elem#1    ; R0_w=map_value_or_null(id=1,map=counts,ks=4,vs=8)
; *count += 1; @ counter.bpf.c:13
7: (79) r1 = *(u64 *)(r0 +0)
R0 invalid mem access 'map_value_or_null'

Verification failed: Register Type Safety: Invalid memory access

Reason:
  R0 is a nullable map value pointer here, and the access needs a pointer that
  cannot be NULL.

At:
  count @ counter.bpf.c:13:9
  Source context:
      12 |         __u64 *count = bpf_map_lookup_elem(&counts, &key);
  >>> 13 |         *count += 1;
         |         ^-- error: Invalid memory access
      14 |         return 0;
  Instruction context:
      6 | (85) call bpf_map_lookup_elem#1
  >>> 7 | (79) r1 = *(u64 *)(r0 +0)
      8 | (07) r1 += 1

Causal path:
  count @ counter.bpf.c:12:17
  Instruction context:
  >>> 6 | (85) call bpf_map_lookup_elem#1

Suggestion:
  Add a NULL check before the access.

Note to readers:
  a section that nobody knows yet

processed 7 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""

#: As the kernel prints it for a program without line_info.
LINUX_7_3_BARE = """\
0: R1=ctx() R10=fp0
0: (95) exit
R0 !read_ok

Verification failed: Register Type Safety: Unreadable register

Reason:
  R0 has never been initialized on this path, so the verifier cannot use it as an input.

At:
  insn 0
        | ^-- error: R0 is not readable
  Instruction context:
  >>> 0 | (95) exit

Causal path:
  no retained diagnostic events on this path

Suggestion:
  Initialize R0 on every path before this instruction.

processed 1 insns (limit 1000000) max_states_per_insn 0 total_states 0 peak_states 0 mark_read 0
"""


def test_the_report_of_newer_kernels_is_taken_apart() -> None:
    reading = read_log(LINUX_7_3)
    assert reading.reason == "R0 invalid mem access 'map_value_or_null'"
    assert (reading.insn, reading.source) == (7, "counter.bpf.c:13: *count += 1;")
    assert reading.report == VerifierReport(
        category="Register Type Safety",
        problem="Invalid memory access",
        reason="R0 is a nullable map value pointer here, and the access needs a pointer that "
        "cannot be NULL.",
        suggestion="Add a NULL check before the access.",
        path="  count @ counter.bpf.c:12:17\n  Instruction context:\n"
        "  >>> 6 | (85) call bpf_map_lookup_elem#1",
        source="counter.bpf.c:13: *count += 1;",
        insn=7,
    )


def test_the_kernels_own_explanation_comes_before_ours() -> None:
    error = rejection(OSError(errno.EACCES, "Permission denied"), LINUX_7_3_BARE, program())
    assert error.reason == "R0 !read_ok"
    assert error.kind == "no-return-value"
    assert "likely: R0 has never been initialized on this path" in str(error)
    assert "help: Initialize R0 on every path" in str(error)
    assert error.report is not None
    assert (error.report.insn, error.report.source) == (0, "")


def test_a_report_without_a_complaint_before_it_is_enough() -> None:
    log = LINUX_7_3_BARE[LINUX_7_3_BARE.index("Verification failed") :]
    reading = read_log(log)
    assert (reading.reason, reading.insn) == ("Unreadable register", 0)
    for end in range(len(log)):
        read_log(log[:end])  # a log cut anywhere is no reason to fail


def test_the_exception_survives_pickling_between_processes() -> None:
    error = rejection(OSError(errno.EACCES, "Permission denied"), LINUX_7_3, program())
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, VerifierError)
    assert (str(copy), copy.errno, vars(copy)) == (str(error), error.errno, vars(error))
