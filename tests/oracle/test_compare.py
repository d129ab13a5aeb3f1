"""Our own fixtures, loaded by libbpf and by us: what reached the kernel is the same.

``python -m tests.oracle.compare`` (``make compare``) does so for other people's objects.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from . import Kernel, require_libbpf
from .compare import Result, Verdict, compare, compare_all
from .traces import read_traces

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"
#: Big endian is refused by both; the endless loop costs the verifier seconds, each time.
OBJECTS = [
    path
    for path in sorted(FIXTURES.glob("*.bpf.o"))
    if ".eb." not in path.name and path.name != "err_unbounded_loop.bpf.o"
]
#: What libbpf makes of an object in another way, and why we do not follow.
_EVENTS = "libbpf takes the type of a ring buffer's events for the size of a slot, which cannot be"
DELIBERATE = {
    "bench_ringbuf": _EVENTS,
    "maps_basic": _EVENTS,
    "types_check": _EVENTS,
    "types_structs": _EVENTS,
}


@pytest.fixture(scope="module")
def verdicts() -> dict[str, Verdict]:
    """A verdict per object; the kernel's own word on each program only counts for root."""
    require_libbpf()
    kernel = Kernel.NONE if os.geteuid() else Kernel.WILLING
    _, found = compare_all(OBJECTS, kernel=kernel, stumbles=0)
    return {verdict.path.name: verdict for verdict in found}


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_what_reaches_the_kernel_is_what_libbpf_tells_it(
    path: Path, verdicts: dict[str, Verdict]
) -> None:
    verdict = verdicts[path.name]
    if any("not supported yet" in why for why in verdict.differences):
        pytest.skip(verdict.differences[0])
    if path.name.partition(".")[0] in DELIBERATE:
        assert verdict.result in (Result.ONLY_OURS, Result.DIFFERENT)
    else:
        same = (Result.LOADED, Result.REFUSED, Result.BOTH_REFUSE)
        assert verdict.result in same, verdict.differences


def test_most_fixtures_are_loaded_by_both(verdicts: dict[str, Verdict]) -> None:
    both = [verdict for verdict in verdicts.values() if verdict.result is Result.LOADED]
    assert len(both) >= 30


def test_a_difference_is_found() -> None:
    """Else every object would be the same."""
    lines = (
        "object x.o",
        "call 5 3 0 prog:1  " + bytes(48).hex() + b"name".ljust(16, b"\0").hex(),
        "insns " + bytes(8).hex(),
        "outcome loaded",
    )
    (theirs,) = read_traces(lines)[1]
    for at, changed in (
        (2, "insns " + (bytes(7) + b"\1").hex()),
        (1, lines[1].replace(b"name".hex(), b"mane".hex())),
        (1, "call 5 -1 22 -  " + lines[1].split()[-1]),
    ):
        other = (*lines[:at], changed, *lines[at + 1 :])
        (ours,) = read_traces(other)[1]
        assert compare(theirs, theirs).result is Result.LOADED
        assert compare(theirs, ours).result is Result.DIFFERENT, changed
