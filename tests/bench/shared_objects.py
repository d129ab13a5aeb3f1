"""The kernel objects that all peers of the benchmark share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from generated_fixtures.bench_hash_bpf import BenchHash, Traffic
from generated_fixtures.bench_ringbuf_bpf import BenchRingbuf


@dataclass(slots=True, frozen=True)
class SharedObjects:
    """Descriptors of a filled hash, of a ring buffer and of its producer, and that one's id."""

    map_fd: int
    ring_fd: int
    program_fd: int
    program_id: int


@contextmanager
def shared_objects(entries: int) -> Iterator[SharedObjects]:
    """A hash with *entries* entries, and a ring buffer whose producer a test run triggers."""
    with BenchHash.spec().load() as hashes, BenchRingbuf.spec().load() as ring:
        flows = hashes.maps.flows
        flows.update({key: Traffic(packets=key, bytes=key * 64) for key in range(entries)})
        produce = ring.programs.produce
        yield SharedObjects(
            flows.fileno(), ring.maps.events.fileno(), produce.fileno(), produce.info().id
        )
