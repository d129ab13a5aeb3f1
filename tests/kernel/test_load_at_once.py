"""Loading from several threads and tasks at the same time, and processes that fork with what is loaded."""

from __future__ import annotations

import asyncio
import os
import threading
from concurrent.futures import ThreadPoolExecutor

from bpf2py.runtime import kernel_btf
from bpf2py.runtime.syscalls import token
from bpf2py.runtime.syscalls.fd import FD
from bpf2py.runtime.token import Token
from generated_fixtures.core_heavy_bpf import CoreHeavy
from generated_fixtures.globals_bpf import Globals
from generated_fixtures.maps_basic_bpf import MapsBasic
from tests.runtime.conftest import forget_answers

PACKET = bytes(64)
THREADS = 4


def test_threads_that_load_at_once_each_get_whole_objects_of_their_own() -> None:
    """Also the first time, when all of them want the kernel's types."""
    forget_answers()
    kernel_btf.forget()
    together = threading.Barrier(THREADS)

    def work(number: int) -> set[int]:
        together.wait(60)
        with (
            Globals.spec().load() as one,
            MapsBasic.spec().load() as other,
            CoreHeavy.spec().load() as heavy,
        ):
            one.bss.total = number
            assert one.programs.change.run(PACKET).return_value == 0
            assert other.programs.fill.run(PACKET).return_value == 0
            assert all(heavy.programs[name].loaded for name in heavy.programs)
            objects = one, other, heavy
            return {each.maps[name].info().id for each in objects for name in each.maps}

    with ThreadPoolExecutor(THREADS) as pool:
        ids = list(pool.map(work, range(THREADS), timeout=120))
    assert len(set().union(*ids)) == sum(map(len, ids))


def test_tasks_of_an_event_loop_load_in_threads() -> None:
    async def load(number: int) -> int:
        with await asyncio.to_thread(Globals.spec().load) as loaded:
            loaded.bss.total = number
            await asyncio.sleep(0)
            return loaded.bss.total

    async def all_of_them() -> list[int]:
        return await asyncio.gather(*(load(number) for number in range(THREADS)))

    assert asyncio.run(all_of_them()) == list(range(THREADS))


def _token() -> Token:
    """What is passed on is a number: any descriptor will do."""
    return Token(FD(os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC), "token"), "/nowhere")


def test_a_token_is_that_of_a_thread_or_task_and_of_those_it_starts() -> None:
    async def task(mine: Token, turn: asyncio.Event, other: asyncio.Event) -> tuple[int, int]:
        with mine.used():
            other.set()
            await turn.wait()
            return token.current(), await asyncio.to_thread(token.current)

    async def both(one: Token, two: Token) -> list[tuple[int, int]]:
        first, second = asyncio.Event(), asyncio.Event()
        tasks = task(one, first, second), task(two, second, first)
        return list(await asyncio.gather(*tasks))

    with _token() as one, _token() as two:
        assert asyncio.run(both(one, two)) == [(each.fileno(),) * 2 for each in (one, two)]
        with one.used(), ThreadPoolExecutor(1) as pool:
            assert pool.submit(token.current).result(60) == 0
            assert token.current() == one.fileno()
    assert token.current() == 0


def test_a_child_reads_and_writes_what_its_parent_loaded_and_takes_nothing_away() -> None:
    with Globals.spec().load() as loaded:
        loaded.bss.total = 1
        child = os.fork()
        if not child:
            code = 1
            try:
                if loaded.bss.total == 1 and loaded.programs.change.run(PACKET).return_value == 0:
                    loaded.bss.total = 77
                    loaded.close()
                    code = 0
            finally:
                os._exit(code)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert loaded.bss.total == 77
        assert loaded.programs.change.run(PACKET).return_value == 0
