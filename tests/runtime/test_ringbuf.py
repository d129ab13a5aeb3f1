"""What the ring buffer reader makes of memory: records written by hand, no kernel behind."""

from __future__ import annotations

import dataclasses
import struct
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf2py.runtime import NotSupportedError, codec
from bpf2py.runtime.events import ringbuf as module
from bpf2py.runtime.events.ringbuf import RingBuf
from bpf2py.runtime.maps import MapHandle
from bpf2py.runtime.syscalls.fd import FD
from bpf2py.uapi import MapFlags, MapType

SIZE = 4096
BUSY, DISCARD = 1 << 31, 1 << 30


@dataclasses.dataclass(slots=True)
class Pair:
    low: int = 0
    high: int = 0


PAIR = codec.struct(Pair, 16, (("low", 0, codec.U64), ("high", 8, codec.U64)))


class Memory:
    """A ring in plain memory, written as kernel/bpf/ringbuf.c does."""

    def __init__(self, at: int = 0) -> None:
        self.first, self.second = bytearray(8), bytearray(8)
        self.ring = bytearray(2 * SIZE)
        struct.pack_into("=Q", self.first, 0, at)
        struct.pack_into("=Q", self.second, 0, at)

    def mapped(self) -> module._Ring:
        ring = module._Ring.__new__(module._Ring)
        ring.consumer = memoryview(self.first).cast("Q")
        ring.producer = memoryview(self.second).cast("Q").toreadonly()
        ring.data = memoryview(self.ring).toreadonly()
        ring.lengths = ring.data.cast("I")
        ring.mask = SIZE - 1
        return ring

    @property
    def consumer(self) -> int:
        return int(struct.unpack("=Q", self.first)[0])

    @property
    def producer(self) -> int:
        return int(struct.unpack("=Q", self.second)[0])

    def room(self, length: int) -> bool:
        return self.producer + (length + 15 & ~7) - self.consumer <= SIZE

    def put(self, sample: bytes, bits: int = 0) -> int:
        """Write one record and return its position."""
        position = self.producer
        record = struct.pack("=II", len(sample) | bits, 0) + sample
        for index, byte in enumerate(record):
            place = (position + index) % SIZE
            self.ring[place] = self.ring[place + SIZE] = byte
        struct.pack_into("=Q", self.second, 0, position + (len(record) + 7 & ~7))
        return position

    def commit(self, position: int) -> None:
        for start in (position % SIZE, position % SIZE + SIZE):
            if start + 4 <= len(self.ring):
                self.ring[start + (3 if sys.byteorder == "little" else 0)] &= 0x7F


def handle(flags: int = 0) -> MapHandle:
    return MapHandle(
        FD(-1),
        name="events",
        map_type=MapType.RINGBUF,
        key_size=0,
        value_size=0,
        max_entries=SIZE,
        flags=flags,
    )


def raw(memory: Memory) -> RingBuf[bytes]:
    reader = RingBuf(handle())
    reader._ring = memory.mapped()
    return reader


def typed(memory: Memory) -> RingBuf[Pair]:
    reader = RingBuf(handle(), PAIR)
    reader._ring = memory.mapped()
    return reader


@pytest.fixture(autouse=True, params=[False, True], ids=["ordered", "weakly ordered"])
def _fences(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also the way machines with weak memory order go."""
    monkeypatch.setattr(module, "_needs_fence", request.param)


SAMPLES = st.lists(
    st.tuples(
        st.one_of(st.just(bytes(16)), st.binary(max_size=40), st.binary(min_size=16, max_size=16)),
        st.booleans(),
    ),
    max_size=60,
)


@given(SAMPLES, st.integers(0, 2**40).map(lambda n: n * 8), st.integers(8, 600))
def test_every_record_comes_once_and_in_order_wherever_the_ring_begins(
    samples: list[tuple[bytes, bool]], at: int, run_bytes: int
) -> None:
    memory = Memory(at)
    reader = raw(memory)
    want: list[bytes] = []
    found: list[bytes] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "RUN_BYTES", run_bytes)
        for sample, discarded in samples:
            if not memory.room(len(sample)):
                found += reader.drain()
                assert memory.consumer == memory.producer
            memory.put(sample, DISCARD if discarded else 0)
            if not discarded:
                want.append(sample)
        found += reader.read(timeout=0)
    assert found == want
    assert memory.consumer == memory.producer


def test_nothing_behind_a_record_that_is_being_written_is_read() -> None:
    memory = Memory()
    reader = raw(memory)
    memory.put(b"one")
    position = memory.put(b"two", BUSY)
    memory.put(b"three")
    assert reader.drain() == [b"one"]
    assert reader.drain() == []
    assert list(reader.read(timeout=0)) == []
    assert list(reader.read_raw(timeout=0)) == []
    assert memory.consumer == position
    memory.commit(position)
    assert reader.drain() == [b"two", b"three"]


def test_a_discarded_record_that_is_still_busy_is_waited_for() -> None:
    memory = Memory()
    position = memory.put(b"x" * 20, BUSY | DISCARD)
    memory.put(b"next")
    assert raw(memory).drain() == []
    memory.commit(position)
    assert raw(memory).drain() == [b"next"]


def test_a_run_of_equal_records_ends_where_one_differs() -> None:
    memory = Memory(at=SIZE - 64)
    pairs = [Pair(n, n * n) for n in range(50)]
    for pair in pairs:
        memory.put(PAIR.pack(pair))
    memory.put(PAIR.pack(Pair(1, 1)), DISCARD)
    memory.put(PAIR.pack(Pair(50, 51)) + b"longer than the type")
    memory.put(PAIR.pack(Pair(52, 53)), BUSY)
    assert typed(memory).drain() == [*pairs, Pair(50, 51)]


def test_a_sample_too_short_is_named_once_and_left_behind() -> None:
    memory = Memory()
    reader = typed(memory)
    memory.put(PAIR.pack(Pair(1, 2)))
    memory.put(b"short")
    memory.put(PAIR.pack(Pair(3, 4)))
    events = reader.read(timeout=0)
    assert next(events) == Pair(1, 2)
    message = "map 'events': a sample of 5 bytes is too short for Pair, 16 bytes"
    with pytest.raises(ValueError, match=message):
        next(events)
    assert list(reader.read(timeout=0)) == [Pair(3, 4)]


def divide_by_zero_at_the_first(reader: RingBuf[Pair]) -> None:
    for event in reader.read(timeout=0):
        raise ZeroDivisionError(event.low)


def test_what_a_loop_left_over_comes_first_next_time() -> None:
    memory = Memory()
    reader = typed(memory)
    for n in range(10):
        memory.put(PAIR.pack(Pair(n)))
    for event in reader.read(timeout=0):
        if event.low == 2:
            break
    assert memory.consumer == memory.producer
    with pytest.raises(ZeroDivisionError):
        divide_by_zero_at_the_first(reader)
    memory.put(PAIR.pack(Pair(10)))
    assert next(reader.read(timeout=0)) == Pair(4)
    assert [event.low for event in reader.drain()] == [5, 6, 7, 8, 9, 10]


def test_a_raw_sample_is_memory_of_the_ring_until_the_next_step() -> None:
    memory = Memory()
    reader = raw(memory)
    first = memory.put(b"one")
    memory.put(b"discarded", DISCARD)
    second = memory.put(b"second")
    samples = reader.read_raw(timeout=0)
    one = next(samples)
    assert bytes(one) == b"one"
    assert one.readonly
    assert memory.consumer == first
    two = next(samples)
    assert memory.consumer == second
    with pytest.raises(ValueError, match="released"):
        bytes(one)
    kept = memoryview(two)[1:]  # a view that outlives the step is the caller's own affair
    assert next(samples, None) is None
    assert memory.consumer == memory.producer
    assert bytes(kept) == b"econd"


def test_leaving_a_raw_loop_takes_the_sample_it_stood_on() -> None:
    memory = Memory()
    reader = raw(memory)
    memory.put(b"one")
    memory.put(b"two")
    samples = reader.read_raw(timeout=0)
    next(samples)
    samples.close()  # type: ignore[attr-defined]
    assert [bytes(sample) for sample in reader.read_raw(timeout=0)] == [b"two"]


def test_a_position_another_reader_has_stored_is_where_this_one_begins() -> None:
    memory = Memory()
    memory.put(b"one")
    memory.put(b"two")
    assert bytes(next(raw(memory).read_raw(timeout=0))) == b"one"
    assert raw(memory).drain() == [b"two"]


def test_positions_count_all_bytes_with_their_headers() -> None:
    memory = Memory(at=800)
    reader = raw(memory)
    memory.put(b"123456789")
    assert reader.size == SIZE
    assert reader.consumer_position == 800
    assert reader.producer_position == 800 + 24
    assert reader.available_bytes == 24
    reader.drain()
    assert reader.available_bytes == 0


def test_many_lengths_do_not_pile_up_decoders() -> None:
    memory = Memory()
    reader = raw(memory)
    for length in range(100):
        want = [bytes([length]) * length] * 5
        for sample in want:
            memory.put(sample)
        assert reader.drain() == want
    assert len(reader._decoders) <= module._DECODERS


def test_overwriting_rings_are_refused() -> None:
    with pytest.raises(NotSupportedError, match="overwrite mode"):
        RingBuf(handle(MapFlags.RB_OVERWRITE))
