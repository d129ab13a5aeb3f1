"""Ring buffers filled by programs on the real kernel."""

from __future__ import annotations

import asyncio
import select
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bpf2py import runtime
from bpf2py.asm import Instruction
from bpf2py.asm import opcodes as op
from bpf2py.runtime import ClosedError, RingBuf, codec
from bpf2py.runtime.events import ringbuf as module
from bpf2py.runtime.maps import MapHandle
from bpf2py.spec import MapRelocation, MapSpec
from bpf2py.uapi import MapType
from generated_fixtures.bench_ringbuf_bpf import BenchRingbuf, Event
from tests.runtime.bpf_code import (
    EXIT,
    add,
    an_object,
    call,
    code,
    jump_if_equal,
    load_map,
    mov,
    mov_reg,
    program,
    store,
)

PACKET = bytes(64)
PAGE = 4096


def output(sample: bytes) -> list[Instruction]:
    """bpf_ringbuf_output(&events, sample, len(sample), 0); relocation at the first instruction."""
    padded = sample.ljust((len(sample) + 7) // 8 * 8 or 8, b"\0")
    return [
        load_map(1),
        *(
            store(10, 4 * index - len(padded), word, op.W)
            for index, word in enumerate(memoryview(padded).cast("i"))
        ),
        mov_reg(2, 10),
        add(2, -len(padded)),
        mov(3, len(sample)),
        mov(4, 0),
        call("ringbuf_output"),
    ]


def discard(size: int) -> list[Instruction]:
    """bpf_ringbuf_reserve(), then bpf_ringbuf_discard()."""
    return [
        load_map(1),
        mov(2, size),
        mov(3, 0),
        call("ringbuf_reserve"),
        jump_if_equal(0, 0, 3),
        mov_reg(1, 0),
        mov(2, 0),
        call("ringbuf_discard"),
    ]


@contextmanager
def ring(*parts: list[Instruction], size: int = PAGE) -> Iterator[tuple[MapHandle, runtime.XDP]]:
    """A ring buffer, and a program that does *parts* to it in order each time it runs."""
    instructions: list[Instruction] = []
    relocations: list[MapRelocation] = []
    for part in parts:
        # a 16-byte load counts as two instructions
        at = len(code(*instructions)) // 8
        relocations.append(MapRelocation(at, "events"))
        instructions += part
    spec = an_object(
        MapSpec(name="events", map_type=MapType.RINGBUF, max_entries=size),
        program(code(*instructions, mov(0, 2), EXIT), map_relocations=tuple(relocations)),
    )
    with runtime.load(spec) as loaded:
        run = loaded.programs["prog"]
        assert isinstance(run, runtime.XDP)
        yield loaded._loaded.map("events"), run


def test_samples_come_as_they_were_written_whatever_their_length() -> None:
    samples = [b"", b"a", b"12345678", b"123456789", bytes(range(256)), b"x" * 8]
    with ring(*map(output, samples)) as (handle, prog):
        events: RingBuf[bytes] = RingBuf(handle)
        for _ in range(40):  # several times around a ring of one page
            prog.run(PACKET)
            assert events.drain() == samples
        assert events.consumer_position == events.producer_position > 3 * PAGE


def test_discarded_records_are_passed_over() -> None:
    parts = [discard(8), output(b"one"), discard(600), discard(16), output(b"two"), discard(8)]
    with ring(*parts) as (handle, prog):
        events: RingBuf[bytes] = RingBuf(handle)
        for _ in range(20):
            prog.run(PACKET)
            assert list(events.read(timeout=0)) == [b"one", b"two"]
            assert events.available_bytes == 0


def test_more_than_the_ring_holds_is_refused_to_the_program_and_the_rest_is_whole() -> None:
    sample = bytes(range(248))  # with its header 256 bytes; a ring is never quite full
    with ring(output(sample)) as (handle, prog):
        events: RingBuf[bytes] = RingBuf(handle)
        prog.run(PACKET, repeat=100)
        held = events.drain()
        # How near to full a ring may come has changed: one more record would fill it or overrun it.
        assert PAGE - 2 * 256 <= 256 * len(held) < PAGE
        assert held == [sample] * len(held)
        prog.run(PACKET, repeat=3)
        assert [bytes(raw) for raw in events.read_raw(timeout=0)] == [sample] * 3


def test_a_new_reader_goes_on_where_the_last_one_stopped() -> None:
    with ring(output(b"one"), output(b"two"), output(b"three")) as (handle, prog):
        prog.run(PACKET)
        first = RingBuf(handle).read_raw(timeout=0)
        assert bytes(next(first)) == b"one"
        first.close()  # type: ignore[attr-defined]
        again: RingBuf[bytes] = RingBuf(MapHandle.from_fd(handle.fd.duplicate(), "events"))
        with again:
            assert again.drain() == [b"two", b"three"]


def test_samples_shorter_than_the_event_type_are_named() -> None:
    with ring(output(b"1234"), output(b"12345678")) as (handle, prog):
        numbers = RingBuf(handle, codec.U64)
        prog.run(PACKET)
        with pytest.raises(ValueError, match="a sample of 4 bytes is too short for __u64, 8 bytes"):
            numbers.drain()
        assert numbers.drain() == [int.from_bytes(b"12345678", sys.byteorder)]


@pytest.fixture(name="bench")
def _bench() -> Iterator[BenchRingbuf]:
    """A program that puts numbered events in a ring of 64 KiB and counts what did not fit."""
    spec = BenchRingbuf.spec()
    spec.maps.events.max_entries = 64 * 1024
    with spec.load() as loaded:
        yield loaded


READERS: dict[str, Callable[[RingBuf[Event]], list[Event]]] = {
    "drain": lambda ring: ring.drain(),
    "read": lambda ring: list(ring.read(timeout=0)),
    "read_raw": lambda ring: [codec.of(Event).unpack(raw) for raw in ring.read_raw(timeout=0)],
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("run_bytes", [100, module.RUN_BYTES])
def test_every_event_arrives_once_and_in_order_around_the_ring(
    bench: BenchRingbuf, reader: str, run_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RUN_BYTES", run_bytes)
    events = bench.maps.events
    found: list[Event] = []
    for count in (1, 2, 3, 7, 100, 909, 910, 910, 5, 910):
        bench.programs.produce.run(PACKET, repeat=count)
        found += READERS[reader](events)
    assert bench.bss.dropped == 0
    assert [event.seq for event in found] == list(range(len(found)))
    assert len(found) == bench.bss.sequence
    assert {(e.pid, e.uid, e.ret, e.comm) for e in found} == {(4242, 1000, -2, "bpf2py-benchmark")}


def produce(bench: BenchRingbuf, total: int, done: threading.Event) -> None:
    while bench.bss.sequence < total:
        bench.programs.produce.run(PACKET, repeat=500)
    done.set()


@pytest.mark.parametrize("reader", READERS)
def test_a_producer_on_another_processor_loses_nothing_but_what_it_counts(
    bench: BenchRingbuf, reader: str
) -> None:
    done = threading.Event()
    producer = threading.Thread(target=produce, args=(bench, 30_000, done))
    found: list[Event] = []
    producer.start()
    last = False
    while True:
        found += READERS[reader](bench.maps.events)
        if last:
            break
        last = done.is_set()
    producer.join(30)
    # Numbers are given to what had room, so they have no gap whatever was dropped.
    assert [event.seq for event in found] == list(range(bench.bss.sequence))
    assert all(event.comm == "bpf2py-benchmark" for event in found)
    times = [event.ts for event in found]
    assert times == sorted(times)


def test_two_threads_share_a_reader_and_each_event_goes_to_one(bench: BenchRingbuf) -> None:
    done = threading.Event()
    found: list[list[int]] = [[], []]

    def consume(into: list[int]) -> None:
        last = False
        while True:
            into.extend(event.seq for event in bench.maps.events.read(timeout=0))
            if last:
                return
            last = done.is_set()

    consumers = [threading.Thread(target=consume, args=(into,)) for into in found]
    for thread in consumers:
        thread.start()
    produce(bench, 30_000, done)
    for thread in consumers:
        thread.join(30)
    assert sorted(found[0] + found[1]) == list(range(bench.bss.sequence))


def test_waiting_ends_after_the_timeout_and_not_before(bench: BenchRingbuf) -> None:
    events = bench.maps.events
    begin = time.monotonic()
    assert list(events.read(timeout=0.05)) == []
    assert 0.05 <= time.monotonic() - begin < 5
    assert list(events.read_raw(timeout=0.01)) == []


def test_a_sleeping_reader_is_woken_by_an_event() -> None:
    with ring(output(b"event")) as (handle, prog):
        events: RingBuf[bytes] = RingBuf(handle)
        found: list[bytes] = []
        arrived = threading.Event()

        def consume() -> None:
            for event in events:
                found.append(event)
                arrived.set()
                if len(found) == 3:
                    return

        consumer = threading.Thread(target=consume)
        consumer.start()
        for _ in range(3):
            arrived.clear()
            prog.run(PACKET)
            assert arrived.wait(10)
        consumer.join(10)
        assert found == [b"event"] * 3


def test_the_descriptor_is_readable_while_something_is_there() -> None:
    with ring(output(b"event")) as (handle, prog):
        events: RingBuf[bytes] = RingBuf(handle)
        with select.epoll() as epoll:
            epoll.register(events.fileno(), select.EPOLLIN)
            assert epoll.poll(0) == []
            prog.run(PACKET)
            assert epoll.poll(5) == [(events.fileno(), select.EPOLLIN)]
            assert epoll.poll(5) != []  # level-triggered
            assert events.drain() == [b"event"]
            assert epoll.poll(0) == []


def test_asyncio_reads_events_and_lets_other_tasks_run() -> None:
    async def consume(events: RingBuf[bytes], prog: runtime.XDP) -> tuple[list[bytes], int]:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                if ticks % 10 == 0:
                    prog.run(PACKET, repeat=2)
                await asyncio.sleep(0.001)

        ticker = asyncio.create_task(tick())
        found: list[bytes] = []
        try:
            async with asyncio.timeout(30):
                async for event in events:
                    found.append(event)
                    if len(found) == 20:
                        break
        finally:
            ticker.cancel()
        return found, ticks

    with ring(output(b"one"), output(b"two")) as (handle, prog):
        found, ticks = asyncio.run(consume(RingBuf(handle), prog))
    assert found == [b"one", b"two"] * 10
    assert ticks >= 50


def test_a_cancelled_task_loses_no_event() -> None:
    async def take(events: RingBuf[bytes], found: list[bytes], *, at_most: int) -> None:
        async for event in events:
            found.append(event)
            if len(found) == at_most:
                return

    async def main(events: RingBuf[bytes], prog: runtime.XDP) -> list[bytes]:
        found: list[bytes] = []
        for turn in range(20):
            prog.run(PACKET, repeat=3)
            task = asyncio.create_task(take(events, found, at_most=len(found) + 4))
            for _ in range(turn % 4):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
        return found + events.drain()

    with ring(output(b"one"), output(b"two")) as (handle, prog):
        assert asyncio.run(main(RingBuf(handle), prog)) == [b"one", b"two"] * 60


def test_two_tasks_may_wait_for_one_ring() -> None:
    async def main(events: RingBuf[bytes], prog: runtime.XDP) -> list[bytes]:
        async def first() -> bytes:
            async for event in events:
                return event
            raise AssertionError("it goes on for ever")

        tasks = [asyncio.create_task(first()) for _ in range(2)]
        await asyncio.sleep(0.01)
        prog.run(PACKET)
        async with asyncio.timeout(30):
            return list(await asyncio.gather(*tasks))

    with ring(output(b"one"), output(b"two")) as (handle, prog):
        assert sorted(asyncio.run(main(RingBuf(handle), prog))) == [b"one", b"two"]


def test_closing_ends_every_way_of_reading() -> None:
    async def wait(events: RingBuf[bytes]) -> None:
        async def first() -> bytes:
            return await anext(aiter(events))

        task = asyncio.create_task(first())
        await asyncio.sleep(0.01)
        events.close()
        async with asyncio.timeout(10):
            await task

    with ring(output(b"event")) as (handle, prog):
        prog.run(PACKET)
        with RingBuf(MapHandle.from_fd(handle.fd.duplicate(), "events")) as events:
            assert events.drain() == [b"event"]
        for read in (events.drain, lambda: list(events.read(0)), lambda: list(events.read_raw(0))):
            with pytest.raises(ClosedError, match="map 'events' is closed"):
                read()
        other = RingBuf(MapHandle.from_fd(handle.fd.duplicate(), "events"))
        with pytest.raises(ClosedError, match="map 'events' is closed"):
            asyncio.run(wait(other))
