"""Programs that take long to verify, while a profiler's timer ticks."""

from __future__ import annotations

import signal
from collections.abc import Generator
from contextlib import contextmanager

import pytest

from generated_fixtures.bench_large_bpf import BenchLarge

TIMERS = {
    signal.SIGALRM: signal.ITIMER_REAL,
    signal.SIGVTALRM: signal.ITIMER_VIRTUAL,
    signal.SIGPROF: signal.ITIMER_PROF,
}


@contextmanager
def ticking(number: signal.Signals) -> Generator[list[int], None, None]:
    """A signal every millisecond; what comes out grows by one with each."""
    ticks: list[int] = []

    def tick(number: int, frame: object) -> None:
        ticks.append(number)

    before = signal.signal(number, tick)
    signal.setitimer(TIMERS[number], 0.001, 0.001)
    try:
        yield ticks
    finally:
        signal.setitimer(TIMERS[number], 0)
        signal.signal(number, before)


@pytest.mark.parametrize("number", TIMERS, ids=lambda number: number.name)
def test_a_timer_faster_than_the_verifier_does_not_keep_a_program_out(
    number: signal.Signals,
) -> None:
    """21,500 instructions take the verifier 20 ms; a pending signal makes it give up."""
    with ticking(number), BenchLarge.spec().load() as loaded:
        assert loaded.programs.long_way.loaded
    assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & TIMERS.keys()


def test_signals_that_waited_come_afterwards() -> None:
    with ticking(signal.SIGALRM) as ticks, BenchLarge.spec().load():
        assert ticks
