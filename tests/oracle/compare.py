"""The comparison with libbpf: the difference between two traces of the same object.

In: object files.  Out: a :class:`Verdict` for each.  What is compared is what reached the kernel:
maps with all their attributes and first elements, BTF, programs with type, attach type, target,
flags, license, instructions, func and line info.  A program that the kernel refuses counts as
loaded for what comes behind it, on both sides, so that every program of every object is compared.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from bpf2py.runtime.kernel import version_code
from bpf2py.uapi import ProgType

from . import Kernel, run_libbpf, run_ours
from .traces import MapTrace, ProgramTrace, Trace

#: The field of PROG_LOAD in which we differ on purpose (``_our_version``).
_VERSION = "kern_version"
#: So many programs of one object are left out, one after the other, to compare the rest.
STUMBLES = 12


class Result(StrEnum):
    """How one object compares; the order is that of the table's columns."""

    LOADED = "the same, loaded"
    REFUSED = "the same, refused by the kernel"
    BOTH_REFUSE = "refused by both"
    ONLY_OURS = "loaded by bpf2py only"
    ONLY_LIBBPF = "loaded by libbpf only"
    DIFFERENT = "different"


@dataclass(frozen=True)
class Verdict:
    """The result for one object, and every difference in words."""

    path: Path
    result: Result
    differences: tuple[str, ...] = ()


def compare(theirs: Trace, ours: Trace) -> Verdict:
    """Libbpf's trace of an object with ours."""
    path = Path(theirs.path)
    # A map that the kernel refuses is the end as well, though this kernel was made to be willing.
    gave_up = (
        theirs.outcome != "loaded" or (ours.outcome != "loaded" and bool(theirs.refused_maps)),
        ours.outcome != "loaded",
    )
    if gave_up == (True, True):
        return Verdict(path, Result.BOTH_REFUSE, (_why(theirs), _why(ours)))
    if gave_up == (False, True):
        return Verdict(path, Result.ONLY_LIBBPF, (_why(ours),))
    if gave_up == (True, False):
        return Verdict(path, Result.ONLY_OURS, (_why(theirs),))
    if theirs.refused_maps and not ours.refused_maps:
        return Verdict(path, Result.ONLY_OURS, tuple(differences(theirs, ours)))
    if ours.refused_maps and not theirs.refused_maps:
        return Verdict(path, Result.ONLY_LIBBPF, tuple(differences(theirs, ours)))
    found = tuple(differences(theirs, ours))
    if found:
        return Verdict(path, Result.DIFFERENT, found)
    refused = {**theirs.refused_maps, **theirs.refused_programs}
    if not refused:
        return Verdict(path, Result.LOADED)
    name, code = next(iter(refused.items()))
    what = "map" if name in theirs.refused_maps else "program"
    return Verdict(path, Result.REFUSED, (f"{what} {name}: {_code(code)}",))


def _why(trace: Trace) -> str:
    if trace.outcome == "loaded":
        return "; ".join(f"map {name}: {_code(code)}" for name, code in trace.refused_maps.items())
    if trace.outcome != "crashed" and trace.says and trace.reason.isdigit():
        # libbpf's reason is in its messages.
        return f"{trace.outcome}: {_strerror(int(trace.reason))}: {'; '.join(_reasons(trace)[:2])}"
    return f"{trace.outcome}: {trace.reason}"


def _reasons(trace: Trace) -> list[str]:
    """What libbpf says, from where it begins to fail."""
    said = [line.removeprefix("libbpf: ") for line in trace.says]
    dull = (
        "elf: skipping",
        "Error in bpf_create_map_xattr",
        "sec '",
        "BTF is required",
        "failed to load object",
    )
    return [line for line in said if not line.startswith(dull)] or said


def _strerror(code: int) -> str:
    return {4003: "LIBBPF_ERRNO__ENDIAN", 4000: "LIBBPF_ERRNO__LIBELF"}.get(code) or os.strerror(
        code
    )


#: The program libbpf stumbled over, by its message.
_STUMBLED = re.compile(r"libbpf: prog '([^']+)': failed to (?:load|prepare load attributes)")


def _stumbled(trace: Trace) -> str | None:
    """The program for which libbpf gave up; None if it was something else."""
    if trace.outcome != "not-loaded":
        return None
    return next((m[1] for line in trace.says if (m := _STUMBLED.match(line))), None)


def differences(theirs: Trace, ours: Trace) -> Iterator[str]:
    """Each thing that libbpf tells the kernel otherwise than we do."""
    yield from _map_differences(theirs.maps, ours.maps)
    if missing := theirs.programs.keys() - ours.programs.keys():
        yield f"programs only libbpf loads: {', '.join(sorted(missing))}"
    if more := ours.programs.keys() - theirs.programs.keys():
        yield f"programs only bpf2py loads: {', '.join(sorted(more))}"
    for name, their in theirs.programs.items():
        our = ours.programs.get(name)
        if our is None:
            continue
        for key, value in their.attr.items():
            if key == _VERSION and our.attr[key] == _our_version(our):
                continue
            if our.attr[key] != value:
                yield f"program {name}: {key} {_shown(value)}, ours {_shown(our.attr[key])}"
        if their.insns != our.insns:
            yield f"program {name}: {_first_insn(their.insns, our.insns)}"
        if their.operands != our.operands:
            first = next(
                key
                for key in {**their.operands, **our.operands}
                if their.operands.get(key) != our.operands.get(key)
            )
            yield (
                f"program {name}: {first} is {their.operands.get(first, 'none')}, ours"
                f" {our.operands.get(first, 'none')}"
            )
        if their.errno != our.errno:
            yield f"program {name}: the kernel says {_code(their.errno)}, to us {_code(our.errno)}"


def _map_differences(theirs: Sequence[MapTrace], ours: Sequence[MapTrace]) -> Iterator[str]:
    their_names, our_names = Counter(m.name for m in theirs), Counter(m.name for m in ours)
    if their_names != our_names:
        yield (
            f"maps only libbpf makes: {sorted((their_names - our_names).elements())}, only bpf2py:"
            f" {sorted((our_names - their_names).elements())}"
        )
        return
    # Names can be equal when cut to the kernel's length; then the order tells them apart.
    for their, our in zip(
        sorted(theirs, key=lambda m: m.name), sorted(ours, key=lambda m: m.name), strict=True
    ):
        for key, value in their.attr.items():
            if our.attr[key] != value:
                yield f"map {their.name}: {key} {_shown(value)}, ours {_shown(our.attr[key])}"
        if their.elements != our.elements:
            yield f"map {their.name}: filled with {their.elements}, ours {our.elements}"[:300]
        if their.frozen != our.frozen:
            yield f"map {their.name}: frozen {their.frozen}, ours {our.frozen}"
        if their.errno != our.errno:
            yield f"map {their.name}: the kernel says {_code(their.errno)}, to us {_code(our.errno)}"


def _our_version(program: ProgramTrace) -> int:
    """The kernel version that we give for a program, whatever libbpf gives.

    Kernels before 5.0 compare a kprobe's with their own, and no kernel looks at any other: libbpf
    gives it for all, and takes the object's section ``version`` instead if there is one, with which
    those kernels load a kprobe only where it was compiled.
    """
    return version_code() if program.attr["type"] == ProgType.KPROBE else 0


def _shown(value: object) -> str:
    if isinstance(value, bytes):
        return f"{len(value)} bytes" if value else "none"
    return repr(value)


def _code(errno: int) -> str:
    return os.strerror(errno) if errno else "yes"


def _first_insn(theirs: bytes, ours: bytes) -> str:
    for at in range(0, max(len(theirs), len(ours)), 8):
        if theirs[at : at + 8] != ours[at : at + 8]:
            return (
                f"insn {at // 8} of {len(theirs) // 8} is {theirs[at : at + 8].hex(' ')}, ours"
                f" {ours[at : at + 8].hex(' ')} (of {len(ours) // 8})"
            )
    raise AssertionError("the instructions are equal")


def compare_all(
    paths: Sequence[Path],
    *,
    kernel: Kernel = Kernel.WILLING,
    everything: bool = False,
    stumbles: int = STUMBLES,
) -> tuple[str, list[Verdict]]:
    """libbpf's version and a verdict per object.

    Where both give up on a program before the kernel sees it (no such function in this kernel),
    that one is left out on both sides and the rest is compared, up to *stumbles* times.
    """
    if not paths:
        return "", []
    version, theirs = run_libbpf(paths, kernel=kernel, everything=everything)
    ours = run_ours(paths, kernel=kernel, everything=everything)
    verdicts = []
    for path, their, our in zip(paths, theirs, ours, strict=True):
        verdict = compare(their, our)
        without: list[str] = []
        first = verdict
        while verdict.result is Result.BOTH_REFUSE and len(without) < stumbles:
            name = _stumbled(their)
            if name is None or name in without or our.outcome != "not-loaded":
                break
            without.append(name)
            (their,) = run_libbpf([path], kernel=kernel, everything=everything, without=without)[1]
            (our,) = run_ours([path], kernel=kernel, everything=everything, without=without)
            verdict = compare(their, our)
        if verdict is not first:
            if verdict.result in (Result.LOADED, Result.REFUSED):
                verdict = first
            else:
                note = f"without {', '.join(without)}, which both refuse"
                verdict = Verdict(path, verdict.result, (note, *verdict.differences))
        verdicts.append(verdict)
    return version, verdicts
