"""Verifier logs of several kernels, read for the sentence that matters."""

from __future__ import annotations

import errno
import pickle

import pytest

from bpf2py.btf.core_apply import POISON_HELPER
from bpf2py.runtime.errors import VerifierError
from bpf2py.runtime.verifier import Reading, hint_for, read_log, rejection
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
            Reading(
                "R0 invalid mem access 'map_value_or_null'", 7, "counter.bpf.c:13: *count += 1;"
            ),
        ),
        (
            LINUX_5_4,
            Reading(
                "invalid access to packet, off=0 size=1, R1(id=0,off=0,r=0); "
                "R1 offset is outside of the packet",
                3,
                "if (data[0] == 1)",
            ),
        ),
        (BRANCHES, Reading("R0 !read_ok", 2, "")),
        (
            "back-edge from insn 0 to 0\n",
            Reading("back-edge from insn 0 to 0", None, ""),
        ),
        ("", Reading("", None, "")),
    ],
)
def test_the_complaint_its_instruction_and_its_c_line_are_found(log: str, reading: Reading) -> None:
    assert read_log(log) == reading


def test_the_message_starts_with_the_c_line_and_ends_with_what_to_do() -> None:
    error = rejection(
        OSError(errno.EACCES, "Permission denied"), LINUX_6_18, program(name="count", section="xdp")
    )
    first, where, hint = str(error).split("\n")
    assert first == "counter.bpf.c:13: *count += 1;: R0 invalid mem access 'map_value_or_null'"
    assert "program 'count' (xdp), instruction 7" in where
    assert "compare it with NULL" in hint
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


def test_a_log_without_a_complaint_still_names_the_program() -> None:
    error = rejection(OSError(errno.EINVAL, "Invalid argument"), "processed 0 insns", program())
    assert "program 'prog'" in str(error)
    assert "Invalid argument" in str(error)


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("cannot call GPL-restricted function from non-GPL compatible program", "license"),
        ("unknown func bpf_get_current_pid_tgid#14", "does not have that helper"),
        ("program of this type cannot use helper bpf_redirect#23", "not for this type"),
        ("invalid bpf_context access off=128 size=4", "field of the context"),
        ("infinite loop detected at insn 3", "bpf_loop"),
        ("Unreleased reference id=2 alloc_insn=9", "released on every way out"),
        ("R1 unbounded memory access, make sure to bounds check any such access", "in range"),
        ("combined stack size of 2 calls is 576. Too large", "512 bytes"),
        ("R1 invalid mem access 'scalar'", "BPF_CORE_READ"),
        ("something nobody has seen", ""),
    ],
)
def test_known_complaints_come_with_advice(reason: str, words: str) -> None:
    assert words in hint_for(reason)
    assert bool(hint_for(reason)) == bool(words)


def test_the_exception_survives_pickling_between_processes() -> None:
    error = rejection(OSError(errno.EACCES, "Permission denied"), LINUX_6_18, program())
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, VerifierError)
    assert (str(copy), copy.log, copy.errno) == (str(error), error.log, error.errno)
