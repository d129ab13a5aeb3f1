"""Arenas in the kernel: globals, lists whose pointers hold on both sides, views that outlive it."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.elf import read_object_file
from bpf2py.runtime import ClosedError, codec
from bpf2py.runtime.maps.handle import MapHandle
from bpf2py.runtime.maps.kinds import untyped
from bpf2py.runtime.syscalls.map import map_create
from bpf2py.spec import Pinning
from bpf2py.uapi import MapFlags, MapType
from generated_fixtures.arena_bpf import Arena, ArenaSpec, Node
from tests.kernel.abilities import requires

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"
ADDRESS = 0x5000_0000_0000


@pytest.fixture(autouse=True)
def needs_arenas() -> None:
    requires("arenas (6.9)")


def anywhere() -> ArenaSpec:
    spec = Arena.spec()
    spec.maps.shared.map_extra = 0
    return spec


def test_globals_of_an_arena_start_with_what_the_source_and_the_user_say() -> None:
    spec = Arena.spec()
    assert spec.arena.label == "start"
    spec.arena.sum = 99
    with spec.load() as loaded:
        assert loaded.arena.label == "start"
        assert loaded.arena.sum == 99
        assert [node.value for node in loaded.arena.nodes] == [10, 20, 30]
        assert loaded.arena.numbers == [0, 0, 0, 0]
    assert Arena.spec().arena.sum == 7


def test_an_arena_lies_where_the_object_wants_it() -> None:
    with Arena.spec().load() as loaded:
        shared = loaded.maps.shared
        assert shared.address == ADDRESS
        assert len(shared) == 16 * mmap.PAGESIZE
        assert ADDRESS in shared
        assert ADDRESS + len(shared) not in shared
        assert 0 not in shared


@pytest.mark.parametrize("make", [Arena.spec, anywhere])
def test_a_list_that_a_program_made_is_walked_here(make: Callable[[], ArenaSpec]) -> None:
    with make().load() as loaded:
        assert loaded.programs.build.run().return_value == 0
        assert loaded.bss.result == 3
        values, address = [], loaded.arena.first
        while address:
            node = loaded.maps.shared.read(address, Node)
            values.append(node.value)
            address = node.next
        assert values == [100, 200, 300]
        assert loaded.arena.label == "Start"
        assert loaded.arena.numbers == [1, 2, 3, 0]


def test_a_list_that_is_made_here_is_walked_by_a_program() -> None:
    with anywhere().load() as loaded:
        shared = loaded.maps.shared
        places = [shared.address + 8192 + 64 * i for i in range(5)]
        for i, place in enumerate(places):
            shared.write(place, Node(next=places[i + 1] if i < 4 else 0, value=i + 1))
        loaded.arena.first = places[0]
        assert loaded.programs.walk.run().return_value == 0
        assert loaded.arena.sum == 15
        shared.write(places[4] + 8, 1000, codec.U64)
        assert shared.read(places[4] + 8, codec.U64) == 1000
        assert loaded.programs.walk.run().return_value == 0
        assert loaded.arena.sum == 1010


def test_pages_that_a_program_asks_for_are_read_here_until_it_frees_them() -> None:
    with anywhere().load() as loaded:
        shared = loaded.maps.shared
        assert loaded.programs.build.run().return_value == 0
        before = loaded.arena.first
        assert loaded.programs.grow.run().return_value == 0
        node = shared.read(loaded.arena.first, Node)
        assert (node.value, node.next) == (4321, before)
        page = (loaded.arena.first - shared.address) // mmap.PAGESIZE
        assert page != (before - shared.address) // mmap.PAGESIZE
        assert loaded.programs.shrink.run().return_value == 0
        assert loaded.arena.first == before
        assert not any(shared.memory[page * mmap.PAGESIZE :][: mmap.PAGESIZE])  # a new page


def test_globals_are_written_where_programs_read_them() -> None:
    with anywhere().load() as loaded:
        loaded.arena.nodes = [Node(next=0, value=77), Node(), Node()]
        loaded.arena.first = loaded.maps.shared.address  # nodes come first
        assert loaded.programs.walk.run().return_value == 0
        assert loaded.arena.sum in (77, 0)  # 0 where the globals lie at the end of the arena


def test_places_outside_of_the_arena_are_refused() -> None:
    with Arena.spec().load() as loaded:
        shared = loaded.maps.shared
        for address in (0, ADDRESS - 1, ADDRESS + len(shared), ADDRESS + (1 << 32), 1 << 63):
            with pytest.raises(ValueError, match="has no 16 bytes at"):
                shared.read(address, Node)
        # The low half alone is what a program stores that does not cast its pointer.
        assert 16 in shared
        with pytest.raises(ValueError, match="reaches from 0x500000000000"):
            shared.write(ADDRESS + len(shared) - 8, Node())
        shared.write(ADDRESS + len(shared) - 16, Node(value=1))


def test_a_view_outlives_the_arena_and_the_arena_knows_that_it_is_closed() -> None:
    with Arena.spec().load() as loaded:
        view = loaded.maps.shared.memory
        view[5000] = 42
    assert view[5000] == 42
    assert len(view) == 16 * mmap.PAGESIZE
    with pytest.raises(ClosedError, match="map 'shared' is closed"):
        _ = loaded.maps.shared.memory
    with pytest.raises(ClosedError, match="map 'shared' is closed"):
        _ = loaded.arena.sum
    del view
    with Arena.spec().load():  # the address is free again
        pass


def test_an_address_in_use_is_refused_and_left_alone() -> None:
    with Arena.spec().load() as first:
        first.arena.sum = 5
        with pytest.raises(FileExistsError, match=r"0x500000000000 already.*set map_extra"):
            Arena.spec().load()
        assert first.arena.sum == 5
        with anywhere().load() as second:
            assert second.maps.shared.address != ADDRESS


def test_an_arena_too_small_for_its_variables_is_refused() -> None:
    spec = Arena.spec()
    spec.maps.shared.max_entries = 1
    data = spec.maps.shared.data
    assert data is not None
    data.extend(bytes(mmap.PAGESIZE))
    with pytest.raises(ValueError, match="'shared' has 1 pages, its __arena variables take"):
        spec.load()


def test_an_arena_is_not_created_when_it_is_switched_off() -> None:
    spec = Arena.spec()
    spec.maps.shared.autocreate = False
    for name in spec.programs:
        spec.programs[name].autoload = False
    with spec.load() as loaded:
        with pytest.raises(ClosedError, match="'shared' was not created"):
            _ = loaded.arena.sum
        with pytest.raises(ClosedError, match="'shared' was not created"):
            _ = loaded.maps.shared.address


def test_a_pinned_arena_keeps_its_memory(bpffs: Path) -> None:
    spec = Arena.spec()
    spec.maps.shared.pinning = Pinning.BY_NAME
    with spec.load(pin_path=bpffs) as loaded:
        loaded.arena.sum = 1234
        place = ADDRESS + 9000
        loaded.maps.shared.write(place, 55, codec.U32)
    with runtime.Arena.open_pinned(bpffs / "shared") as opened:
        assert opened.read(place, codec.U32) == 55
    with spec.load(pin_path=bpffs) as again:
        assert again.arena.sum == 1234
    (bpffs / "shared").unlink()


def test_an_arena_is_made_without_an_object() -> None:
    with runtime.Arena.create("mine", pages=2) as mine:
        mine.write(mine.address + 100, 5, codec.U16)
        assert bytes(mine.memory[100:102]) == b"\5\0"
        assert mine.info().max_entries == 2


def test_an_arena_that_is_opened_as_any_map_is_one() -> None:
    fd = map_create(
        MapType.ARENA,
        name="any",
        key_size=0,
        value_size=0,
        max_entries=1,
        flags=MapFlags.MMAPABLE,
        map_extra=ADDRESS,
    )
    with untyped(MapHandle.from_fd(fd)) as opened:
        assert isinstance(opened, runtime.Arena)
        assert opened.address == ADDRESS
        opened.write(ADDRESS + 8, 9, codec.U64)
        assert opened.read(ADDRESS + 8, codec.U64) == 9


def test_an_object_without_a_module_has_its_arena() -> None:
    with runtime.load(read_object_file(FIXTURES / "arena.bpf.o")) as loaded:
        assert isinstance(loaded.maps["shared"], runtime.Arena)
        assert loaded.programs["build"].run().return_value == 0
