"""Random C types in the kernel: BPF programs read what Python wrote, and write what Python reads.

Every leaf goes through a program of its own making: C reads a variable into plain numbers, and
makes a variable from plain numbers.  See ``tests/layouts``.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bpf2py.codegen import generate
from bpf2py.elf import read_object_file
from tests.layouts import build, check
from tests.layouts.batch import draw
from tests.layouts.c_source import Target
from tests.support.llvm import require_clang

PACKET = bytes(64)
SAMPLE, SEED = 25, 77


@pytest.fixture(scope="module")
def targets() -> list[Target]:
    """Some types, without members that BTF has no type for (``_Atomic``): the kernel refuses that."""
    return [
        row
        for row in draw(SAMPLE, SEED)
        if row.leaves and not row.flexible and all(leaf.kind != "raw" for leaf in row.leaves)
    ]


@pytest.fixture(scope="module")
def generated(targets: list[Target], tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("layouts")
    clang = require_clang(since=15, what="the sign of an enum")
    path = build.compile_programs(clang, targets, folder / "x.bpf.o")
    (folder / "x_bpf.py").write_text(generate(read_object_file(path)))
    return check.load(folder / "x_bpf.py", "x_bpf_in_the_kernel")


@pytest.fixture
def loaded(generated: Any) -> Iterator[Any]:
    with generated.X.spec().load() as loaded:
        yield loaded


def slots(numbers: list[int]) -> bytes:
    return b"".join(number.to_bytes(check.SLOT, sys.byteorder) for number in numbers)


def run(loaded: Any, name: str) -> None:
    assert getattr(loaded.programs, name).run(PACKET).return_value == 0


def test_programs_read_every_member_that_python_wrote(targets: list[Target], loaded: Any) -> None:
    numbers = random.Random(SEED)
    for target in targets:
        name, row = target.name, target.plan()
        layout = getattr(type(loaded.bss), f"given_{name}").codec
        value = layout.unpack(numbers.randbytes(layout.size))
        setattr(loaded.bss, f"given_{name}", value)
        run(loaded, f"read_{name}")
        seen = slots(getattr(loaded.bss, f"slots_{name}"))
        for leaf in row["leaves"]:
            wanted, here = check.from_slots(leaf, seen), check.get(value, leaf["path"])
            assert check.same(leaf, wanted, here), (leaf["path"], wanted, here, row["text"])


def test_python_reads_every_member_that_programs_wrote(targets: list[Target], loaded: Any) -> None:
    for target in targets:
        name, row = target.name, target.plan()
        layout = getattr(type(loaded.bss), f"given_{name}").codec
        setattr(loaded.bss, f"given_{name}", layout.unpack(bytes(layout.size)))
        given, leaves = bytearray(target.slots * check.SLOT), []
        for leaf in row["leaves"]:
            if leaf["live"] and leaf["value"] is not None:
                data = check.as_slots(leaf, check.initial(leaf))
                start = leaf["slot"] * check.SLOT
                given[start : start + len(data)] = data
                leaves.append(leaf)
        parts = [given[at : at + check.SLOT] for at in range(0, len(given), check.SLOT)]
        numbers = [int.from_bytes(part, sys.byteorder) for part in parts]
        setattr(loaded.bss, f"slots_{name}", numbers)
        run(loaded, f"write_{name}")
        value = getattr(loaded.bss, f"given_{name}")
        for leaf in leaves:
            wanted, seen = check.initial(leaf), check.get(value, leaf["path"])
            assert check.same(leaf, wanted, seen), (leaf["path"], wanted, seen, row["text"])
