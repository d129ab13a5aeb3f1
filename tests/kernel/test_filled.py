"""Maps that the source fills, maps that are not created, and what the kernel says of either."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.elf import read_object_file
from bpf2py.runtime import ClosedError, VerifierError
from generated_fixtures.inner_maps_filled_bpf import InnerMapsFilled
from generated_fixtures.maps_basic_bpf import MapsBasic
from generated_fixtures.tail_calls_filled_bpf import TailCallsFilled, TailCallsFilledSpec

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"
PACKET = bytes(64)


def after_jump(loaded: TailCallsFilled, mark: int) -> int:
    """What the program returned that the entry jumps to for that mark; 333 if to none."""
    context = bytearray(192)  # struct __sk_buff; the mark is its third word
    context[8:12] = mark.to_bytes(4, "little")
    return loaded.programs.entry.run(PACKET, ctx=context).return_value


def test_tail_calls_go_where_the_source_says() -> None:
    with TailCallsFilled.spec().load() as loaded:
        assert [after_jump(loaded, mark) for mark in range(4)] == [111, 333, 222, 333]
        assert loaded.maps.steps[2] == loaded.programs.from_second.info().id
        del loaded.maps.steps[0]
        loaded.maps.steps[1] = loaded.programs.from_first
        assert [after_jump(loaded, mark) for mark in range(3)] == [333, 111, 222]


def test_what_the_source_says_can_be_changed_before_loading() -> None:
    spec = TailCallsFilled.spec()
    assert spec.maps.steps.values == {0: "from_first", 2: "from_second"}
    spec.maps.steps.values[1] = "from_second"
    del spec.maps.steps.values[2]
    with spec.load() as loaded:
        assert [after_jump(loaded, mark) for mark in range(3)] == [111, 222, 333]
    assert TailCallsFilled.spec().maps.steps.values == {0: "from_first", 2: "from_second"}


def test_inner_maps_stand_in_the_slots_that_the_source_names() -> None:
    with InnerMapsFilled.spec().load() as loaded:
        assert loaded.programs.fill.run(PACKET).return_value == 2
        assert dict(loaded.maps.inner_one) == {5: 1000}
        assert dict(loaded.maps.inner_two) == {5: 1002}
        with loaded.maps.outer.open(2) as inner:
            assert dict(inner) == {5: 1002}


def test_objects_without_a_module_are_filled_as_well() -> None:
    with runtime.load(read_object_file(FIXTURES / "inner_maps_filled.bpf.o")) as loaded:
        assert loaded.programs["fill"].run(PACKET).return_value == 2


def test_a_pinned_map_of_maps_keeps_what_is_in_it(bpffs: Path) -> None:
    spec = InnerMapsFilled.spec()
    spec.maps.outer.pinning = spec.maps.outer.pinning.BY_NAME
    with spec.load(pin_path=bpffs) as first, spec.load(pin_path=bpffs) as second:
        assert second.programs.fill.run(PACKET).return_value == 2
        assert (dict(first.maps.inner_one), dict(second.maps.inner_one)) == ({5: 1000}, {})
    os.unlink(bpffs / "outer")


def _unknown_program(spec: TailCallsFilledSpec) -> None:
    spec.maps.steps.values[1] = "nobody"


def _program_off(spec: TailCallsFilledSpec) -> None:
    spec.programs.from_first.autoload = False


def _beyond_the_end(spec: TailCallsFilledSpec) -> None:
    spec.maps.steps.values[3] = "from_first"


def _negative(spec: TailCallsFilledSpec) -> None:
    spec.maps.steps.values[-1] = "from_first"


def _of_a_hash(spec: TailCallsFilledSpec) -> None:
    spec.maps.steps.map_type = 1


@pytest.mark.parametrize(
    ("change", "kind", "complaint"),
    [
        (_unknown_program, ValueError, "slot 1 is to hold program 'nobody'.*there are: from_first"),
        (_program_off, ValueError, "slot 0 is to hold program 'from_first', whose autoload is off"),
        (_beyond_the_end, OSError, "'from_first' cannot be put into slot 3: it has 3 slots"),
        (_negative, ValueError, "-1 is no slot"),
        (_of_a_hash, ValueError, "'steps' has values in its spec, but only maps of maps"),
    ],
    ids=lambda each: getattr(each, "__name__", None),
)
def test_what_cannot_be_put_into_a_slot_is_named_and_nothing_stays(
    change: object, kind: type[Exception], complaint: str
) -> None:
    spec = TailCallsFilled.spec()
    assert callable(change)
    change(spec)
    with pytest.raises(kind, match=complaint):
        spec.load()  # the fixture of these tests sees that no descriptor is left


def test_an_inner_map_that_is_not_created_cannot_be_put_into_a_slot() -> None:
    spec = InnerMapsFilled.spec()
    spec.maps.inner_two.autocreate = False
    with pytest.raises(ValueError, match="slot 2 is to hold map 'inner_two', whose autocreate is"):
        spec.load()
    del spec.maps.outer.values[2]
    with spec.load() as loaded:
        assert loaded.programs.fill.run(PACKET).return_value == 1


def test_an_inner_map_of_another_kind_is_refused_with_the_reason() -> None:
    spec = InnerMapsFilled.spec()
    spec.maps.inner_two.value_size = 4
    spec.maps.inner_two.value_type_id = 0
    with pytest.raises(OSError, match=r"map 'inner_two' cannot be put into slot 2.*like the inner"):
        spec.load()


def test_a_map_that_is_not_created_can_be_asked_why() -> None:
    spec = InnerMapsFilled.spec()
    spec.maps.outer.autocreate = False
    spec.programs.fill.autoload = False
    with spec.load() as loaded:
        assert loaded.maps.outer.closed
        with pytest.raises(ClosedError, match="'outer' was not created: its autocreate is off"):
            loaded.maps.outer[0] = loaded.maps.inner_one
        with pytest.raises(ClosedError, match="was not created"):
            loaded.maps.outer.info()


def test_a_program_that_uses_a_map_that_is_not_created_is_refused_with_its_name() -> None:
    spec = InnerMapsFilled.spec()
    spec.maps.outer.autocreate = False
    with pytest.raises(VerifierError, match="map 'outer' is used here, but was not created") as it:
        spec.load()
    assert it.value.kind == "map-not-created"
    assert "autocreate = True" in it.value.hint
    assert "bpf_map_lookup_elem(&outer, &index)" in it.value.source


def test_a_map_that_is_given_need_not_be_created() -> None:
    spec = MapsBasic.spec()
    with spec.load() as first:
        spec.maps.start.autocreate = False
        with spec.load(maps={"start": first.maps.start}) as second:
            assert second.programs.fill.run(PACKET).return_value == 0
            assert 77 in first.maps.start
