"""Logs of accepted programs, as kernels of several ages write them."""

from __future__ import annotations

import pytest

from bpf2py.runtime.verifier_stats import VerifierStats, count_lines, read_stats

OF_5_10 = """processed 3 insns (limit 1000000) max_states_per_insn 0 total_states 1 peak_states 2 mark_read 3
"""
OF_6_18 = """verification time 183 usec
stack depth 40+0+8
processed 61 insns (limit 1000000) max_states_per_insn 1 total_states 6 peak_states 5 mark_read 0
"""
OF_7_2 = """verification time 25957 usec
stack depth 40+0+8 max 48
insns processed 61
processed 61 insns (limit 1000000) max_states_per_insn 1 total_states 6 peak_states 5 mark_read 0
"""
NEWER = VerifierStats(61, 1_000_000, 1, 6, 5, 183, (40, 0, 8))


@pytest.mark.parametrize(
    ("log", "stats"),
    [
        (OF_5_10, VerifierStats(3, 1_000_000, 0, 1, 2, 0, (0,))),
        (OF_6_18, NEWER),
        (OF_7_2, NEWER._replace(time_us=25957)),
        ("", None),
        ("0: (95) exit\n", None),
        ("processed many insns (limit", VerifierStats(0, 0, 0, 0, 0, 0, (0,))),
        ("processed many insns (limit ) total_states", VerifierStats(0, 0, 0, 0, 0, 0, (0,))),
    ],
)
def test_the_numbers_follow_their_names(log: str, stats: VerifierStats | None) -> None:
    assert read_stats(log) == stats


def test_instructions_are_counted_where_their_source_stands() -> None:
    log = (
        "0: R1=ctx() R10=fp0\n; if (x) @ a.c:3\n0: (b7) r0 = 0\n1: (15) if r0 == 0x0 goto pc+1\n"
        "; y @ z; @ a.c:4\n2: (95) exit\n; if (x) @ a.c:3\n1: (15) if r0 == 0x0 goto pc+1\n"
        "from 1 to 3: R0=0\nprocessed 4 insns\n"
    )
    assert count_lines(log) == {"a.c:3: if (x)": 3, "a.c:4: y @ z;": 1}
    assert count_lines("; x = 1;\n0: (b7) r0 = 0\n") == {"x = 1;": 1}
    assert count_lines("") == {}
