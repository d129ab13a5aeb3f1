"""Broken objects on the real kernel: loaded or refused with our errors, and nothing stays behind.

The mutants are those of ``tests/test_hostile_objects.py`` and, one step further in, specs whose
bytes (instructions, BTF, its extensions, data) were overwritten after reading.  Each object's
mutants run in a child process; its descriptors are counted before and after.  More with
BPF2PY_MUTANTS=1000, for a long run.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import random
import traceback
import warnings
from collections.abc import Callable, Iterator
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.elf import read_object
from bpf2py.spec import ObjectSpec
from tests.test_hostile_objects import (
    FIXTURES,
    SECONDS_PER_MUTANT,
    SEED,
    mutants,
    time_limit,
)

#: Those whose maps and programs together show every way into the kernel; few, for they are slow.
NAMES = (
    "globals",
    "maps_basic",
    "subprogs",
    "callbacks",
    "core_fields",
    "inner_maps_filled",
    "tail_calls_filled",
    "kernel_fields",
    "printk_strings",
    "externs",
)
OBJECTS = [FIXTURES / f"{name}.bpf.o" for name in NAMES]
MUTANTS = int(os.environ.get("BPF2PY_MUTANTS", "24"))


def broken_specs(data: bytes, seed: str, count: int) -> Iterator[tuple[str, ObjectSpec]]:
    """*count* specs of an object with one of their byte strings overwritten somewhere."""
    rng = random.Random(seed + SEED)
    for _ in range(count):
        spec = read_object(data, name=seed)
        places: list[tuple[object, str]] = [(spec, "btf")]
        places += [(program, name) for program in spec.programs.values() for name in _BLOBS]
        places += [(each, "data") for each in spec.maps.values() if each.data]
        owner, name = rng.choice([each for each in places if getattr(*each)])
        blob = bytearray(getattr(owner, name))
        begin = rng.randrange(len(blob))
        size = rng.choice((1, 1, 2, 4, 8, 64))
        match rng.randrange(3):
            case 0:
                blob[begin : begin + size] = rng.randbytes(size)
            case 1:
                del blob[begin : begin + size]
            case _:
                blob[begin] ^= 1 << rng.randrange(8)
        setattr(owner, name, bytes(blob))
        yield f"{type(owner).__name__}.{name} broken at {begin}", spec


_BLOBS = ("insns", "func_info", "line_info")


def _is_a_refusal(error: BaseException) -> bool:
    """Our own errors, the kernel's, and ValueError itself: its subclasses would be accidents."""
    ours = type(error).__module__.startswith("bpf2py.")
    return ours or isinstance(error, OSError) or type(error) is ValueError


def _descriptors() -> int:
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


def _load(spec: ObjectSpec) -> None:
    # A pin would outlive the mutant.
    if any(each.pinning for each in spec.maps.values()):
        return
    with warnings.catch_warnings():
        # Going on without BTF that the kernel refuses is what is wanted here.
        warnings.simplefilter("ignore", RuntimeWarning)
        runtime.load(spec).close()


def _read_and_load(data: bytes, name: str) -> None:
    _load(read_object(data, name=name))


def _child(path: Path, findings: Connection) -> None:
    """Run all mutants of one object; send what went wrong, then None."""
    data = path.read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error", ResourceWarning)
        before = 0
        for what, load in _loads(data, path.name):
            try:
                with time_limit():
                    load()
            except BaseException as error:
                if not _is_a_refusal(error):
                    findings.send(f"{path.name}, {what}:\n{traceback.format_exc(limit=-8)}")
            after = _descriptors()
            # The first leaves what is kept for the next: the kernel's BTF.
            if before and after > before:
                findings.send(f"{path.name}, {what}: {after - before} descriptors stay open")
            before = after
    findings.send(None)


def _loads(data: bytes, name: str) -> Iterator[tuple[str, Callable[[], None]]]:
    yield "as it is", partial(_read_and_load, data, name)
    for what, mutant in mutants(data, name, MUTANTS // 2):
        yield what, partial(_read_and_load, mutant, name)
    for what, spec in broken_specs(data, name, MUTANTS // 2):
        yield what, partial(_load, spec)


@pytest.mark.parametrize("path", OBJECTS, ids=lambda path: path.name)
def test_a_broken_object_is_loaded_or_refused_and_leaves_nothing_behind(path: Path) -> None:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    child = multiprocessing.get_context("fork").Process(target=_child, args=(path, theirs))
    child.start()
    theirs.close()
    findings: list[str] = []
    try:
        while (finding := ours.recv()) is not None:
            findings.append(finding)
    except EOFError:
        findings.append(f"{path.name}: the child died")
    finally:
        child.join(SECONDS_PER_MUTANT)
        ours.close()
        child.close()
    assert not findings, "\n".join(findings)
