"""The kernel objects that all peers of the benchmark share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from generated_fixtures.bench_hash_bpf import BenchHash, Traffic
from generated_fixtures.bench_ringbuf_bpf import BenchRingbuf


@contextmanager
def shared_objects(entries: int) -> Iterator[tuple[int, int, int]]:
    """Descriptors of a hash with *entries* entries, of a ring buffer and of its producer."""
    with BenchHash.spec().load() as hashes, BenchRingbuf.spec().load() as ring:
        flows = hashes.maps.flows
        flows.update({key: Traffic(packets=key, bytes=key * 64) for key in range(entries)})
        yield flows.fileno(), ring.maps.events.fileno(), ring.programs.produce.fileno()
