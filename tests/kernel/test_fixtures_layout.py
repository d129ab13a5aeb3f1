"""The layout oracle in the kernel: C fills and Python reads, Python fills and C checks.

``types_check.bpf.c`` writes known constants to a variable, a map and a ring buffer, and checks
values that come from here member by member: what its programs return is 0, or the line of the
member that differs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.elf import read_object
from bpf2py.runtime import codec
from generated_fixtures.types_check_bpf import All, Key, TypesCheck
from tests import layout_oracle
from tests.kernel.abilities import requires

FOLDER = Path(__file__).parents[2] / "generated_fixtures"
SOURCE = FOLDER / "types_check.bpf.c"
PACKET = bytes(64)


@pytest.fixture
def loaded() -> Iterator[TypesCheck]:
    with TypesCheck.spec().load() as loaded:
        yield loaded


def run(program: runtime.SocketFilter) -> None:
    """Run a program that returns 0 or the line of a check that failed."""
    line = program.run(PACKET).return_value
    text = SOURCE.read_text().splitlines()[line - 1].strip() if line else ""
    assert line == 0, f"{SOURCE.name}:{line}: {text}"


def assert_same(read: All, wanted: All) -> None:
    for field in dataclasses.fields(wanted):  # one by one: a failure names the member
        assert getattr(read, field.name) == getattr(wanted, field.name), field.name
    assert read == wanted


def test_the_two_lists_of_constants_in_c_agree(loaded: TypesCheck) -> None:
    assert loaded.programs.check_filled.run(PACKET).return_value > 0  # all zero: the check can fail
    run(loaded.programs.fill)
    run(loaded.programs.check_filled)
    run(loaded.programs.check_map)


def test_a_variable_that_c_filled_reads_as_the_same_constants(loaded: TypesCheck) -> None:
    run(loaded.programs.fill)
    assert_same(loaded.bss.filled, layout_oracle.everything())


def test_a_variable_that_python_filled_passes_every_check_in_c(loaded: TypesCheck) -> None:
    loaded.bss.given = layout_oracle.everything()
    run(loaded.programs.check_variable)


def test_a_variable_set_before_loading_passes_every_check_in_c() -> None:
    spec = TypesCheck.spec()
    spec.bss.given = layout_oracle.everything()
    with spec.load() as loaded:
        run(loaded.programs.check_variable)


def test_map_entries_that_c_made_have_the_key_and_value_of_the_source(loaded: TypesCheck) -> None:
    run(loaded.programs.fill)
    ((key, value),) = loaded.maps.by_key.items()
    assert key == layout_oracle.key()
    assert_same(value, layout_oracle.everything())
    assert_same(loaded.maps.by_key[layout_oracle.key()], layout_oracle.everything())


def test_a_map_entry_that_python_made_is_found_and_passes_every_check_in_c(
    loaded: TypesCheck,
) -> None:
    assert loaded.programs.check_map.run(PACKET).return_value > 0  # no entry yet
    loaded.maps.by_key[layout_oracle.key()] = layout_oracle.everything()
    run(loaded.programs.check_map)
    del loaded.maps.by_key[layout_oracle.key()]
    assert loaded.programs.check_map.run(PACKET).return_value > 0


def test_one_wrong_member_is_found_at_its_line(loaded: TypesCheck) -> None:
    value = layout_oracle.everything()
    value.bits_packed.over += 1
    loaded.bss.given = value
    line = loaded.programs.check_variable.run(PACKET).return_value
    assert "bits_packed.over" in SOURCE.read_text().splitlines()[line - 1]


def test_a_per_cpu_value_is_that_of_the_cpu_that_ran(loaded: TypesCheck) -> None:
    run(loaded.programs.fill)
    values = list(loaded.maps.per_cpu[0])
    wanted = layout_oracle.everything().padded.c
    assert values.count(wanted) == 1
    assert values.count(layout_oracle.packed(0, 0, 0, 0)) == len(values) - 1


def test_an_event_has_the_same_constants(loaded: TypesCheck) -> None:
    run(loaded.programs.fill)
    (event,) = loaded.maps.events.read(timeout=0)
    assert_same(event, layout_oracle.everything())


@pytest.mark.parametrize("infix", ["clang14", "clang16", "v4"])
def test_other_compilers_and_cpus_lay_out_the_same_bytes(infix: str) -> None:
    if infix == "v4":
        requires("cpu v4 instructions (6.6)")
    name = f"types_check.{infix}"
    spec = read_object((FOLDER / f"{name}.bpf.o").read_bytes(), name=name)
    with runtime.load(spec) as loaded:
        for program in ("fill", "check_filled", "check_map"):
            assert loaded.programs[program].run(PACKET).return_value == 0, program
        by_key = loaded.maps["by_key"]
        assert isinstance(by_key, runtime.HashMap)
        ((key, value),) = by_key.items()
    assert key == codec.of(Key).pack(layout_oracle.key())
    assert value == codec.of(All).pack(layout_oracle.everything())
