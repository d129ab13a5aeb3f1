"""A sample of the layout oracle; by the hundred: ``make layouts``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bpf2py.codegen import generate
from bpf2py.elf import read_object_file

from ..support.llvm import require_clang
from . import build, check
from .batch import ByteOrder, compare, draw, smallest
from .c_source import declaration, target
from .c_types import INTEGERS, Composite, Member

#: Types per byte order; a new one each day would be a test that fails on somebody else's change.
SAMPLE, SEED = 30, 20

ORDERS: tuple[ByteOrder, ...] = ("little", "big")


def clang() -> str:
    """One that writes the sign of an enum into BTF."""
    return require_clang(since=15, what="the sign of an enum")


@pytest.mark.parametrize("byte_order", ORDERS)
def test_c_and_the_generated_module_agree_about_every_member_of_random_types(
    byte_order: ByteOrder, tmp_path: Path
) -> None:
    compiler, running = clang(), byte_order == sys.byteorder
    targets = draw(SAMPLE, SEED + ORDERS.index(byte_order))
    text = "\n".join(map(declaration, targets))
    for part in (
        "struct  {",
        "union  {",
        "packed",
        "aligned(",
        " : 0;",
        "][",
        "[];",
        "enum ",
        "128 ",
    ):
        assert part in text
    problems = compare(targets, tmp_path, compiler, byte_order, running=running)
    if problems:
        simplest = smallest(
            lambda few: compare(few, tmp_path, compiler, byte_order, running=running)
        )
        text = declaration(simplest) if simplest else "see below"
        pytest.fail("\n\n".join([f"the simplest of them: {text}", *problems]))


def test_the_oracle_sees_a_member_that_moved_by_a_bit_or_a_byte(tmp_path: Path) -> None:
    """Layouts changed in the module's text: each change alone must be noticed."""
    members = (
        Member("m1", INTEGERS[0]),
        Member("m2", INTEGERS[2], 5),
        Member("m3", INTEGERS[2], 9),
        Member("m4", INTEGERS[1]),
    )
    targets = [target("v0", Composite("struct", members, "v0"), 3)]
    path = build.compile_object(clang(), targets, tmp_path / "x.bpf.o")
    text = generate(read_object_file(path))
    plan = {"section": build.SECTION, "types": [row.plan() for row in targets]}
    rows = [("codec.Bits(5, 9,", "codec.Bits(6, 9,"), ('("m4", 4,', '("m4", 5,')]
    for number, (old, new) in enumerate([("", ""), *rows]):
        assert old in text
        module = tmp_path / f"changed_{number}.py"
        module.write_text(text.replace(old, new))
        problems = check.check(plan, check.load(module, module.stem))
        assert bool(problems) == bool(old), (old, problems)
