"""Events that found no room are counted by what ``bpf2py.h`` makes of the helpers."""

from __future__ import annotations

from generated_fixtures.ringbuf_dropped_bpf import Event, RingbufDropped
from generated_fixtures.types_views_bpf import TypesViews

PACKET = bytes(64)


def test_the_counter_says_how_many_are_missing_between_two_that_came() -> None:
    with RingbufDropped.spec().load() as loaded:
        events, programs = loaded.maps.events, loaded.programs
        assert events.dropped == 0
        came = [programs.reserve_event.run(PACKET).return_value for _ in range(5)]
        assert came == [1, 0, 0, 0, 0]  # 2056 of 4096 bytes each: the kernel keeps one free
        assert events.dropped == 4
        assert [event.number for event in events.drain()] == [0]
        assert programs.reserve_event.run(PACKET).return_value == 1
        assert events.dropped == 4
        assert [(type(event), event.number) for event in events.read(0)] == [(Event, 1)]


def test_what_is_copied_into_the_ring_buffer_is_counted_likewise() -> None:
    with RingbufDropped.spec().load() as loaded:
        ran = [loaded.programs.output.run(PACKET).return_value for _ in range(300)]
        kept = sum(ran)
        assert 0 < kept < 300
        assert loaded.maps.events.dropped == 300 - kept
        samples = [bytes(sample) for sample in loaded.maps.events.read_raw(0)]
        assert len(samples) == kept


def test_a_ring_buffer_whose_programs_do_not_count_has_no_number() -> None:
    with TypesViews.spec().load() as loaded:
        assert loaded.maps.packets.dropped is None
