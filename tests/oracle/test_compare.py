"""Our own fixtures, loaded by libbpf and by us: what reached the kernel is the same.

``python -m tests.oracle`` (``make compare``) does so for other people's objects.
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
_EXTERNS = "libbpf looks up every extern, we those that a program to be loaded uses"
DELIBERATE = {
    "bench_ringbuf": _EVENTS,
    "externs_missing": _EXTERNS,
    "arguments": _EVENTS,
    "maps_basic": _EVENTS,
    "maps_storage": _EVENTS,
    "types_check": _EVENTS,
    "types_structs": _EVENTS,
}
#: Objects that use what an older libbpf does not know, and the version from which it does.
NEEDS_LIBBPF = {
    "arena": (1, 5),
    "exceptions": (1, 3),  # exception callbacks
    "kfuncs": (1, 2),  # whether a kernel function exists
    "streams": (1, 2),  # the same
    "struct_ops": (1, 4),  # optional members
}


@pytest.fixture(scope="module")
def compared() -> tuple[str, dict[str, Verdict]]:
    """libbpf's version, a verdict per object; the kernel's own word is only heard by root."""
    require_libbpf()
    kernel = Kernel.NONE if os.geteuid() else Kernel.WILLING
    version, found = compare_all(OBJECTS, kernel=kernel, stumbles=0)
    return version, {verdict.path.name: verdict for verdict in found}


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_what_reaches_the_kernel_is_what_libbpf_tells_it(
    path: Path, compared: tuple[str, dict[str, Verdict]]
) -> None:
    version, verdict = compared[0], compared[1][path.name]
    name = path.name.partition(".")[0]
    if tuple(map(int, version.split("."))) < NEEDS_LIBBPF.get(name, (0, 0)):
        pytest.skip(f"libbpf {version} does not know what this object uses")
    if any("not supported yet" in why for why in verdict.differences):
        pytest.skip(verdict.differences[0])
    if name in DELIBERATE:
        assert verdict.result in (Result.ONLY_OURS, Result.DIFFERENT)
    else:
        same = (Result.LOADED, Result.REFUSED, Result.BOTH_REFUSE)
        assert verdict.result in same, verdict.differences


def test_most_fixtures_are_loaded_by_both(compared: tuple[str, dict[str, Verdict]]) -> None:
    results = [verdict.result for verdict in compared[1].values()]
    assert results.count(Result.LOADED) >= 30


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
