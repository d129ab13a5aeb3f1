"""Indirect jumps on the running kernel: tables are made of what clang wrote, for each program."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.elf import link_object_files, read_object, read_object_file
from bpf2py.records import replace
from bpf2py.runtime import features
from bpf2py.runtime.maps.handle import MapHandle
from bpf2py.runtime.syscalls.map import map_ids
from bpf2py.spec import JumpTable
from bpf2py.uapi import Cmd
from generated_fixtures.jump_tables_clang22_bpf import JumpTables
from tests.kernel.abilities import has, requires

OBJECT = Path(__file__).parents[2] / "generated_fixtures" / "jump_tables.clang22.bpf.o"
ABILITY = "jump tables (6.19)"

#: What the C source says of each month from 0 to 15, for asked == 0; 7 takes either of two.
DAYS = (0, 23, 20, 21, 22, 1, 19, 24, 26, 27, 28, 29, 30, 0, 31, 0)


def answer(loaded: JumpTables, program: str, number: int) -> int:
    loaded.bss.asked = 0
    result = loaded.programs[program].run(ctx=struct.pack("=Q", number))
    return int(result.return_value)


def test_a_switch_in_a_function_goes_where_the_source_says() -> None:
    requires(ABILITY)
    with JumpTables.spec().load() as loaded:
        assert [answer(loaded, "asks", month) for month in range(16)] == list(DAYS)
        assert answer(loaded, "asks", 1 << 40) == 0


def test_two_tables_of_one_program_are_told_apart() -> None:
    requires(ABILITY)
    with JumpTables.spec().load() as loaded:
        assert answer(loaded, "has_its_own", 0) == 100 + 23
        assert answer(loaded, "has_its_own", 1) == 101 + 20
        assert answer(loaded, "has_its_own", 11) == 111 + 30
        assert answer(loaded, "has_its_own", 12) == 112
        assert answer(loaded, "has_its_own", 13) == 200 + 31
        assert answer(loaded, "has_its_own", 12) == 112
        assert loaded.bss.asked == 12


def test_labels_are_values() -> None:
    requires(ABILITY)
    with JumpTables.spec().load() as loaded:
        found = [answer(loaded, "jumps_to_labels", number) for number in range(5)]
        assert found == [1, 2, 3, 2, 0xFFFF_FFFF]
        assert answer(loaded, "jumps_to_labels", 0) == 1
        assert loaded.bss.asked == 10


def test_tables_of_linked_files_lead_into_their_own_code() -> None:
    requires(ABILITY)
    results = (0, 7, 3, 1, 9, 4, 2, 8, 6, 5, 11, 13, 10, 0, 12, 0, 0)
    objects = Path(__file__).parents[1] / "elf" / "objects"
    linked = link_object_files([objects / "jumps_one.o", objects / "jumps_two.o"])
    with runtime.load(read_object(linked, name="jumps.bpf.o")) as loaded:

        def ask(program: str, number: int) -> int:
            run = loaded.programs[program].run(ctx=struct.pack("=Q", number))
            return int(run.return_value)

        for number in range(16):
            here, behind = results[number], results[number + 1]
            assert ask("one", number) == 100 + here + 300 + behind
            assert ask("two", number) == 200 + here + 300 + here
            assert ask("jumps", number) == 400 + here


def test_tables_live_as_long_as_their_programs_and_are_frozen() -> None:
    requires(ABILITY)
    before = set(map_ids())
    with JumpTables.spec().load():
        made = [MapHandle.open_id(each) for each in set(map_ids()) - before]
        tables = [each for each in made if each.info().name == ".jumptables"]
        assert sorted(each.info().max_entries for each in tables) == [4, 13, 14, 14]
        for table in tables:
            with pytest.raises(PermissionError):
                table.elem(Cmd.MAP_UPDATE_ELEM, bytearray(4), bytearray(16))
        for each in made:
            each.close()


def test_a_place_outside_of_the_program_is_the_verifier_s_to_refuse() -> None:
    requires(ABILITY)
    spec = JumpTables.spec()
    (table,) = spec.programs.jumps_to_labels.jump_tables
    spec.programs.jumps_to_labels.jump_tables = (replace(table, targets=(1 << 20,)),)
    with pytest.raises(OSError, match="jumps_to_labels"):
        spec.load()


@pytest.mark.parametrize(
    ("insns", "targets", "complaint"),
    [
        ((4,), (), " has a jump table without a place"),
        ((4,), (3, -1), " has a jump table that leads to instruction -1"),
        ((5,), (3,), ", instruction 5: no 16-byte load there"),
        ((4, 1 << 40), (3,), ", instruction 1099511627776: no 16-byte load there"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused_before_the_kernel_sees_it(
    insns: tuple[int, ...], targets: tuple[int, ...], complaint: str
) -> None:
    spec = JumpTables.spec()
    spec.programs.jumps_to_labels.jump_tables = (JumpTable(insns, targets),)
    spec.programs.asks.autoload = spec.programs.has_its_own.autoload = False
    with pytest.raises(ValueError, match=f"'jumps_to_labels'{complaint}"):
        spec.load()


def test_a_kernel_without_such_maps_is_named_together_with_the_way_out() -> None:
    if has(ABILITY):
        pytest.skip("this kernel has jump tables")
    with pytest.raises(runtime.NotSupportedError, match=r"6\.19.*program 'asks'.*-mcpu=v3") as info:
        runtime.load(read_object_file(OBJECT))
    assert info.value.since == "6.19"


def test_the_instruction_is_found_on_kernels_that_have_it() -> None:
    assert features.knows_instructions("gotox") is has(ABILITY)
