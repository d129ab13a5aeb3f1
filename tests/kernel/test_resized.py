"""Data sections whose last array gets another length: values, types and views follow."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.btf import decode
from bpf2py.btf.types import Array, Datasec, Var
from bpf2py.elf import read_object_file
from bpf2py.runtime.syscalls.obj import btf_by_id, btf_data
from bpf2py.spec import MapSpec
from bpf2py.uapi import BTFKind, MapType
from generated_fixtures.globals_bpf import Globals
from generated_fixtures.resized_bpf import Point, Resized, ResizedSpec

PACKET = bytes(64)
FIXTURES = Path(__file__).parents[2] / "generated_fixtures"
SECTIONS = (".rodata.weights", ".data.samples", ".bss")


def five() -> ResizedSpec:
    spec = Resized.spec()
    spec.rodata.length = 5
    for section in SECTIONS:
        spec.maps[section].array_length = 5
    spec.rodata_weights.weights = [1, 2, 3, 4, 5]
    spec.data_samples.samples = [10, 20, 30, 40, 50]
    return spec


def test_what_is_written_before_loading_reaches_the_program_and_what_it_writes_comes_back() -> None:
    with five().load() as loaded:
        assert loaded.programs.sums.run(PACKET).return_value == 5 + 10 + 40 + 90 + 160 + 250
        assert loaded.bss.points == [Point(x=n, y=10 * n) for n in range(1, 6)]
        assert loaded.data_samples.samples == [10, 20, 30, 40, 50]
        assert loaded.rodata_weights.weights == [1, 2, 3, 4, 5]
        loaded.data_samples.samples = [1, 1, 1, 1, 0]
        assert loaded.programs.sums.run(PACKET).return_value == 5 + 1 + 2 + 3 + 4
        # its neighbours are where they were
        assert (loaded.data_samples.first, loaded.rodata.length) == (5, 5)


def test_what_the_source_says_stays_in_front_and_zeros_follow() -> None:
    spec = Resized.spec()
    for section in SECTIONS:
        spec.maps[section].array_length = 4
    assert spec.data_samples.samples == [7, 0, 0, 0]
    with spec.load() as loaded:
        assert loaded.data_samples.samples == [7, 0, 0, 0]
        assert loaded.rodata_weights.weights == [10, 20, 0, 0]
        assert loaded.bss.points == [Point(x=0, y=0)] * 4


def test_a_section_can_get_shorter_and_text_is_an_array_of_characters() -> None:
    spec = Resized.spec()
    spec.maps[".rodata.weights"].array_length = 1
    spec.maps[".data.title"].array_length = 3
    assert spec.data_title.title == "tit"
    with pytest.raises(ValueError, match=r"does not fit char\[3\]"):
        spec.data_title.title = "long"
    with spec.load() as loaded:
        assert loaded.programs.sums.run(PACKET).return_value == 5 + 7 * 10
        assert loaded.data_title.title == "Tit"
        assert loaded.maps[".rodata.weights"].info().value_size == 2


def test_the_length_can_change_until_it_is_loaded_and_each_load_has_its_own() -> None:
    spec = Resized.spec()
    for length in (2, 3, 70_000):
        spec.maps[".bss"].array_length = length
        assert len(spec.bss.points) == length
        with spec.load() as loaded:
            assert len(loaded.bss.points) == length
            assert loaded.maps[".bss"].info().value_size == 8 * length
    spec.maps[".bss"].array_length = None
    with spec.load() as loaded:
        assert loaded.bss.points == [Point(x=0, y=0)]


def test_the_kernel_gets_types_of_the_same_length() -> None:
    with five().load() as loaded:
        for section, size in ((".bss", 40), (".data.samples", 28), (".rodata.weights", 10)):
            info = loaded.maps[section].info()
            assert info.btf_value_type_id
            with btf_by_id(info.btf_id) as btf:
                table = decode(btf_data(btf.fileno(), what="probe"))
            found = table[info.btf_value_type_id]
            assert isinstance(found, Datasec)
            assert (found.name, found.size) == (section, size)
            variable = table[found.variables[-1].target]
            assert isinstance(variable, Var)
            array = table[variable.target]
            assert isinstance(array, Array)
            assert array.length == 5


def test_a_view_refuses_the_length_that_the_source_says() -> None:
    spec = five()
    with pytest.raises(ValueError, match=r"samples: __u32\[5\] takes 5 elements, 1 were given"):
        spec.data_samples.samples = [1]
    with (
        spec.load() as loaded,
        pytest.raises(ValueError, match=r"samples: __u32\[5\] takes 5 elements, 1 were given"),
    ):
        loaded.data_samples.samples = [1]


def test_without_a_generated_module_it_is_the_same_attribute() -> None:
    spec = read_object_file(FIXTURES / "resized.bpf.o")
    spec.maps[".bss"].array_length = 3
    with runtime.load(spec) as loaded:
        assert loaded.maps[".bss"].info().value_size == 24
    assert spec.maps[".bss"].value_size == 8


@pytest.mark.skipif(sys.byteorder != "little", reason="the object is big-endian here")
def test_the_spec_of_another_machine_can_be_looked_at_with_its_length() -> None:
    spec = ResizedSpec(read_object_file(FIXTURES / "resized.eb.bpf.o"))
    spec.maps[".data.samples"].array_length = 2
    spec.data_samples.samples = [1, 2]
    assert bytes(spec.maps[".data.samples"].data or b"") == bytes.fromhex(
        "0000000000000005 00000001 00000002"
    )


@pytest.mark.parametrize(
    ("section", "length", "complaint"),
    [
        (".data.plain", 2, "its last variable 'end' is no array"),
        (".rodata", 2, "its last variable 'length' is no array"),
        (".bss", 0, "with 0 elements its last array has 0 bytes"),
        (".bss", -1, "with -1 elements"),
        (".bss", 1 << 29, "with 536870912 elements its last array has 4294967296 bytes"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_made(
    section: str, length: int, complaint: str
) -> None:
    spec = Resized.spec()
    spec.maps[section].array_length = length
    with pytest.raises(
        ValueError, match=rf"map '{section}' cannot get another length: {complaint}"
    ):
        spec.load()


def test_only_data_sections_have_a_last_array() -> None:
    spec = Globals.spec()
    spec.object_spec.maps["counts"] = MapSpec(
        name="counts", map_type=MapType.ARRAY, key_size=4, value_size=4, max_entries=1
    )
    spec.maps["counts"].array_length = 2
    with pytest.raises(ValueError, match="'counts' cannot get another length: it is no data"):
        spec.load()


def test_btf_of_other_sections_stays_as_it_is() -> None:
    from bpf2py.runtime.resized import with_lengths

    spec = five().object_spec
    table, before = decode(with_lengths(spec).btf), decode(spec.btf)
    changed = {before.name(each) for each in before if before[each] != table[each]}
    assert changed == {".bss", ".data.samples", ".rodata.weights", "points", "samples", "weights"}
    assert [table.kind(each) for each in range(len(before), len(table))] == [BTFKind.ARRAY] * 3
