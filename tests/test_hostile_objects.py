"""Broken objects: whatever is flipped, cut or overwritten, reading answers or raises our errors.

Every compiled object of ``generated_fixtures/`` is mutated from a fixed seed.  One mutant may not
take longer than a few seconds, and the whole run happens in a child process whose address space
is limited, so a hang or a wild allocation is a failure and not a stuck machine.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from types import FrameType
from typing import TypeAlias

import pytest

from bpf2py.btf import BTFError
from bpf2py.codegen import CodegenError, generate
from bpf2py.elf import ObjectError, read_object

FIXTURES = Path(__file__).resolve().parents[1] / "generated_fixtures"
OBJECTS = sorted(FIXTURES.glob("*.bpf.o"))
#: More with BPF2PY_MUTANTS=1000, and others with BPF2PY_SEED=2, for a long run.
MUTANTS = int(os.environ.get("BPF2PY_MUTANTS", "12"))
SEED = os.environ.get("BPF2PY_SEED", "")
#: Of the processor's time: a busy machine is no fault.  Of the clock's, so many times more.
SECONDS_PER_MUTANT = 5
PATIENCE = 20
ADDRESS_SPACE = 2 << 30
ALLOWED = (ObjectError, BTFError, CodegenError)


def mutants(data: bytes, seed: str, count: int) -> Iterator[tuple[str, bytes]]:
    """*count* broken versions of *data*, each with the sentence that says what was done."""
    rng = random.Random(seed + SEED)
    for _ in range(count):
        broken = bytearray(data)
        match rng.randrange(5):
            case 0:
                size = rng.randrange(len(data))
                yield f"truncated to {size} bytes", bytes(data[:size])
            case 1:
                places = [rng.randrange(len(data) * 8) for _ in range(rng.choice((1, 2, 8, 64)))]
                for place in places:
                    broken[place // 8] ^= 1 << place % 8
                yield f"bits {places} flipped", bytes(broken)
            case 2:
                place = rng.randrange(len(data) - 4)
                word = rng.choice((0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF0))
                broken[place : place + 4] = word.to_bytes(4, "little")
                yield f"{word:#x} written at byte {place}", bytes(broken)
            case 3:
                begin, size = rng.randrange(len(data)), rng.randrange(1, 256)
                broken[begin : begin + size] = rng.randbytes(size)
                yield f"{size} random bytes at byte {begin}", bytes(broken)
            case _:
                begin, size = rng.randrange(len(data)), rng.randrange(1, 64)
                del broken[begin : begin + size]
                yield f"{size} bytes cut out at byte {begin}", bytes(broken)


def read_and_generate(data: bytes) -> None:
    generate(read_object(data, name="mutant.bpf.o"))


def too_slow(_signal: int, _frame: FrameType | None) -> None:
    raise TimeoutError(f"more than {SECONDS_PER_MUTANT} s")


@contextmanager
def time_limit() -> Iterator[None]:
    """Raise TimeoutError in what takes too long."""
    signal.signal(signal.SIGPROF, too_slow)
    signal.signal(signal.SIGALRM, too_slow)
    signal.setitimer(signal.ITIMER_PROF, SECONDS_PER_MUTANT)
    signal.setitimer(signal.ITIMER_REAL, SECONDS_PER_MUTANT * PATIENCE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)


Use: TypeAlias = Callable[[bytes], object]


def _child(
    name: str, data: bytes, use: Use, allowed: tuple[type[Exception], ...], findings: Connection
) -> None:
    """Run all mutants of one file; send what went wrong, then None."""
    resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE, ADDRESS_SPACE))
    for what, mutant in mutants(data, name, MUTANTS):
        try:
            with time_limit():
                use(mutant)
        except allowed:
            pass
        except BaseException:
            findings.send(f"{name}, {what}:\n{traceback.format_exc(limit=-6)}")
    findings.send(None)


def found_in_mutants(
    name: str, data: bytes, use: Use, allowed: tuple[type[Exception], ...] = ALLOWED
) -> str:
    """What goes wrong when *use* gets broken versions of *data*: other errors, or no end."""
    ours, theirs = multiprocessing.Pipe(duplex=False)
    arguments = name, data, use, allowed, theirs
    child = multiprocessing.get_context("fork").Process(target=_child, args=arguments)
    child.start()
    theirs.close()
    findings: list[str] = []
    try:
        while (finding := ours.recv()) is not None:
            findings.append(finding)
    except EOFError:
        findings.append(f"{name}: the child died (out of memory?)")
    finally:
        child.join(SECONDS_PER_MUTANT)
        ours.close()
        child.close()
    return "\n".join(findings)


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_a_broken_object_is_read_or_refused_with_our_errors(path: Path) -> None:
    assert not found_in_mutants(path.name, path.read_bytes(), read_and_generate)


def test_there_are_objects_to_break() -> None:
    assert len(OBJECTS) >= 25
