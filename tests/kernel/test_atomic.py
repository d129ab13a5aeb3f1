"""Global variables changed atomically from Python."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from bpf2py.runtime import Atomic, ClosedError
from generated_fixtures.arena_bpf import Arena
from generated_fixtures.globals_bpf import Globals
from tests.kernel.abilities import requires

TOP = (1 << 64) - 1


@pytest.fixture(autouse=True)
def needs_atomics() -> None:
    requires("fetching atomics (5.12)", "syscall programs (5.14)")


@pytest.fixture
def loaded() -> Iterator[Globals]:
    with Globals.spec().load() as found:
        yield found


def test_every_operation_gives_what_was_before(loaded: Globals) -> None:
    with Atomic(loaded.data, "counter") as counter:
        assert counter.add(9) == 41
        assert counter.exchange(0b1100) == 50
        assert counter.bit_and(0b0110) == 0b1100
        assert counter.bit_or(0b0011) == 0b0100
        assert counter.bit_xor(0b0101) == 0b0111
        assert loaded.data.counter == 0b0010
        assert counter.compare_exchange(7, 1) == 2, "it was not 7"
        assert loaded.data.counter == 2
        assert counter.compare_exchange(2, TOP) == 2
        assert counter.add(2) == TOP
        assert loaded.data.counter == 1, "as in C"


def test_numbers_with_a_sign_and_of_four_bytes_leave_their_neighbours_alone(
    loaded: Globals,
) -> None:
    window = loaded.data.window
    with Atomic(loaded.data, "balance") as balance:
        assert balance.add(-3) == -7
        assert balance.compare_exchange(-10, -(1 << 31)) == -10
        assert balance.add(-1) == -(1 << 31)
        assert loaded.data.balance == (1 << 31) - 1
        assert balance.exchange(-1) == (1 << 31) - 1
        with pytest.raises(ValueError, match="2147483648"):
            balance.add(1 << 31)
    assert (loaded.data.counter, loaded.data.balance) == (41, -1)
    assert loaded.data.window == window


def test_no_count_is_lost_between_threads(loaded: Globals) -> None:
    def count() -> None:
        with Atomic(loaded.bss, "total") as total:
            for _ in range(1000):
                total.add(1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    taken = 0
    with Atomic(loaded.bss, "total") as total:
        while any(thread.is_alive() for thread in threads):
            taken += total.exchange(0)
        for thread in threads:
            thread.join()
        taken += total.exchange(0)
    assert taken == 4000


def test_what_has_no_atomic_operations_is_refused(loaded: Globals) -> None:
    for section, name in ((loaded.bss, "no_such"), (loaded.rodata, "target_pid")):
        with pytest.raises(LookupError, match=f"no variable '{name}' to change; there are"):
            Atomic(section, name)
    for name in ("wide", "switched", "greeting", "scale", "window"):
        with pytest.raises(TypeError, match="no integer of 4 or 8 bytes"):
            Atomic(loaded.data, name)
    assert "counter" in repr(Atomic(loaded.data, "counter"))


def test_variables_of_an_arena_are_refused() -> None:
    requires("arenas (6.9)")
    with Arena.spec().load() as found, pytest.raises(ValueError, match="where no program changes"):
        Atomic(found.arena, "sum")


def test_an_object_that_is_closed_has_none() -> None:
    with Globals.spec().load() as found:
        counter = Atomic(found.data, "counter")
    with pytest.raises(ClosedError):
        counter.add(1)
    counter.close()
