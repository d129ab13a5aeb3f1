"""The verifier's notation, case by case and against llvm-objdump."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf2py import asm
from bpf2py.asm import Instruction
from bpf2py.asm.disasm import text

from ..support.llvm import require_clang, require_tool


@pytest.mark.parametrize(
    ("insn", "expected"),
    [
        (Instruction(0xB7, 1, imm=-5), "r1 = -5"),
        (Instruction(0xB4, 1, imm=5), "w1 = 5"),
        (Instruction(0xBF, 1, 10), "r1 = r10"),
        (Instruction(0xBC, 1, 2), "w1 = w2"),
        (Instruction(0xBF, 1, 2, 8), "r1 = (s8)r2"),
        (Instruction(0xBC, 1, 2, 16), "w1 = (s16)w2"),
        (Instruction(0xBF, 1, 2, 32), "r1 = (s32)r2"),
        (Instruction(0xBF, 1, 2, 1, 1 << 16), "r1 = addr_space_cast(r2, 1, 0)"),
        (Instruction(0xBF, 1, 2, -1), "r1 = &(void __percpu *)(r2)"),
        (Instruction(0x07, 2, imm=-8), "r2 += -8"),
        (Instruction(0xC7, 2, imm=3), "r2 s>>= 3"),
        (Instruction(0x3F, 2, 3), "r2 /= r3"),
        (Instruction(0x3F, 2, 3, 1), "r2 s/= r3"),
        (Instruction(0x94, 2, 0, 1, 7), "w2 s%= 7"),
        (Instruction(0x87, 3), "r3 = -r3"),
        (Instruction(0x84, 3), "w3 = -w3"),
        (Instruction(0xD4, 3, imm=16), "r3 = le16 r3"),
        (Instruction(0xDC, 3, imm=64), "r3 = be64 r3"),
        (Instruction(0xD7, 3, imm=32), "r3 = bswap32 r3"),
        (Instruction(0x79, 1, 10, -8), "r1 = *(u64 *)(r10 -8)"),
        (Instruction(0x71, 1, 2, 3), "r1 = *(u8 *)(r2 +3)"),
        (Instruction(0x81, 1, 2, 0), "r1 = *(s32 *)(r2 +0)"),
        (Instruction(0x7B, 10, 1, -16), "*(u64 *)(r10 -16) = r1"),
        (Instruction(0x62, 10, 0, -4, 7), "*(u32 *)(r10 -4) = 7"),
        (Instruction(0xC2), "nospec"),
        (Instruction(0x20, imm=12), "r0 = *(u32 *)skb[12]"),
        (Instruction(0x48, 0, 6, imm=2), "r0 = *(u16 *)skb[r6 + 2]"),
        (asm.load_imm64(1, -1), "r1 = 0xffffffffffffffff"),
        (asm.load_imm64(1, 4, 1), "r1 = map[fd:4]"),
        (asm.load_imm64(1, 8 << 32 | 4, 2), "r1 = map[fd:4][0]+8"),
        (asm.load_imm64(1, 0xFFFFFFFD, 4), "r1 = subprog[-3]"),
        (Instruction(0xDB, 1, 2, 8, 0x00), "lock *(u64 *)(r1 +8) += r2"),
        (Instruction(0xC3, 1, 2, 0, 0xA0), "lock *(u32 *)(r1 +0) ^= r2"),
        (Instruction(0xDB, 1, 2, 0, 0x01), "r2 = atomic64_fetch_add((u64 *)(r1 +0), r2)"),
        (Instruction(0xC3, 1, 2, 0, 0x51), "r2 = atomic_fetch_and((u32 *)(r1 +0), r2)"),
        (Instruction(0xDB, 1, 2, 0, 0xE1), "r2 = atomic64_xchg((u64 *)(r1 +0), r2)"),
        (Instruction(0xDB, 1, 2, 0, 0xF1), "r0 = atomic64_cmpxchg((u64 *)(r1 +0), r0, r2)"),
        (Instruction(0xDB, 1, 2, 4, 0x100), "r1 = load_acquire((u64 *)(r2 +4))"),
        (Instruction(0xC3, 1, 2, 4, 0x110), "store_release((u32 *)(r1 +4), r2)"),
        (Instruction(0x85, imm=1), "call bpf_map_lookup_elem#1"),
        (Instruction(0x85, imm=9999), "call unknown#9999"),
        (Instruction(0x85, 0, 1, imm=-3), "call pc-3"),
        (Instruction(0x85, 0, 2, imm=77), "call kernel-function#77"),
        (Instruction(0x95), "exit"),
        (Instruction(0x05, offset=-7), "goto pc-7"),
        (Instruction(0x06, imm=70000), "gotol pc+70000"),
        (Instruction(0x0D, 3), "gotox r3"),
        (Instruction(0xE5, offset=4), "may_goto pc+4"),
        (Instruction(0x15, 0, 0, 3, 0), "if r0 == 0x0 goto pc+3"),
        (Instruction(0x16, 0, 0, 3, -1), "if w0 == 0xffffffff goto pc+3"),
        (Instruction(0x6D, 1, 2, -2), "if r1 s> r2 goto pc-2"),
        (Instruction(0x45, 1, 0, 2, 8), "if r1 & 0x8 goto pc+2"),
    ],
)
def test_an_instruction_reads_as_in_the_verifier_s_log(insn: Instruction, expected: str) -> None:
    assert text(insn) == expected


def test_a_listing_counts_places_as_jumps_do() -> None:
    insns = [Instruction(0xB7), asm.load_imm64(1, 2), Instruction(0x95)]
    assert list(asm.disassemble(insns, first=10)) == [
        "10: (b7) r0 = 0",
        "11: (18) r1 = 0x2",
        "13: (95) exit",
    ]


@given(
    st.builds(
        Instruction,
        st.integers(0, 255),
        st.integers(0, 15),
        st.integers(0, 15),
        st.integers(-(2**15), 2**15 - 1),
        st.integers(-(2**31), 2**31 - 1),
    )
)
def test_every_opcode_has_some_text(insn: Instruction) -> None:
    assert text(insn)
    assert "{" not in text(insn)


SOURCE = """
typedef unsigned int u32;
typedef unsigned long long u64;
static long (*lookup)(void *, const void *) = (void *)1;
u64 counter, other;
__attribute__((noinline)) static int sub(u32 a, int b) { return b ? a / (u32)b + a % 7 : (short)a; }
__attribute__((section("xdp"))) int prog(u32 *ctx)
{
	u64 key = ctx[1] * 0x123456789ULL;
	signed char c = ctx[2];
	long value = lookup(&counter, &key);
	__sync_fetch_and_add(&counter, key);
	other = __sync_fetch_and_or(&counter, 4) + __sync_val_compare_and_swap(&counter, 1, 2)
		+ __sync_lock_test_and_set(&counter, c);
	if ((long)key < -5 || (ctx[3] & 8))
		return sub(ctx[0], c) + __builtin_bswap32(ctx[4]) + __builtin_bswap16(ctx[5]);
	for (int i = 0; i < (int)ctx[6]; i++)
		value = (value >> 3) ^ -value ^ (long)(int)ctx[i];
	return value > 3 ? sub(value, 2) : c;
}
"""


def normalized(line: str) -> str:
    """What the two notations share, spelled one way: numbers in decimal, no signs of width."""
    line = re.sub(r"<\w+(\+0x[0-9a-f]+)?>|#.*|\bll\b", "", line)
    line = re.sub(r"(goto|call) pc", r"\1 ", line)
    # A load of 32 bits clears the rest of the register, so either name is right.
    line = re.sub(r"^w(\d+) = \*", r"r\1 = *", line)
    line = re.sub(r"0x[0-9a-f]+", lambda m: str(int(m.group(), 16)), line)
    line = re.sub(r"\b(\d{10,20})\b", lambda m: str(signed(int(m.group()))), line)
    line = re.sub(r"(?<=[(\w])\s*([+-])\s*(\d)", r" \1\2", line)
    line = re.sub(r"\*\s*\((\w+)\s*\*\)", r"*(\1 *)", line)
    return " ".join(line.split())


def signed(value: int) -> int:
    return value - (1 << 32) if 1 << 31 <= value < 1 << 32 else value


@pytest.mark.parametrize(("cpu", "since"), [("v2", 14), ("v3", 14), ("v4", 18)])
def test_a_compiled_program_reads_as_llvm_objdump_shows_it(
    tmp_path: Path, cpu: str, since: int
) -> None:
    clang = require_clang(since=since, what=f"-mcpu={cpu}")
    objdump, objcopy = require_tool("llvm-objdump"), require_tool("llvm-objcopy")
    source, built, code = tmp_path / "p.c", tmp_path / "p.o", tmp_path / "code"
    source.write_text(SOURCE)
    subprocess.run(
        [clang, "-target", "bpf", f"-mcpu={cpu}", "-O2", "-c", str(source), "-o", str(built)],
        check=True,
    )
    subprocess.run(
        [objcopy, f"--dump-section=xdp={code}", str(built), str(tmp_path / "x")], check=True
    )
    listing = subprocess.run(
        [objdump, f"--mcpu={cpu}", "-d", "-j", "xdp", "--no-show-raw-insn", str(built)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    theirs = {
        int(number): normalized(line)
        for number, line in re.findall(r"^\s+(\d+):\s+(.*)$", listing, re.MULTILINE)
    }
    lines = asm.disassemble(asm.decode(code.read_bytes(), "little"))
    ours = {int(line.split(":")[0]): normalized(line.split(") ", 1)[1]) for line in lines}
    assert ours.keys() == theirs.keys()
    compared = 0
    for number, line in ours.items():
        # LLVM names neither helpers nor atomics as the verifier does.
        if "call" in line or "atomic64_" in line:
            continue
        assert line == theirs[number]
        compared += 1
    assert compared > 40
