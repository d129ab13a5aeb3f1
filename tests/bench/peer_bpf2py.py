"""The bpf2py side of the benchmark; jobs, arguments and output as in ``peer_libbpf.c``."""

from __future__ import annotations

import sys
import time
from importlib import import_module
from typing import Any


def object_class(module: str) -> Any:
    """The generated object class of *module*, as users have it after their ``import``."""
    imported = import_module(module)
    return next(value for value in vars(imported).values() if hasattr(value, "spec"))


def load_object(module: str) -> Any:
    return object_class(module).spec().load()


def job_load(module: str, count: int) -> float:
    cls = object_class(module)
    if count > 1:
        cls.spec().load().close()  # imports and caches; `load MODULE 1` counts them
    begin = time.perf_counter_ns()
    for _ in range(count):
        cls.spec().load().close()
    return (time.perf_counter_ns() - begin) / count


def job_lookup(fd: int, entries: int, count: int) -> float:
    flows = flows_map(fd)
    total = 0
    begin = time.perf_counter_ns()
    for i in range(count):
        total += flows[i * 2654435761 % entries].packets
    return (time.perf_counter_ns() - begin) / count


def job_update(fd: int, entries: int, count: int) -> float:
    from bench_hash_bpf import Traffic

    flows = flows_map(fd)
    value = Traffic(packets=1, bytes=2)
    begin = time.perf_counter_ns()
    for i in range(count):
        value.packets = key = i * 2654435761 % entries
        flows[key] = value
    return (time.perf_counter_ns() - begin) / count


def job_iterate(fd: int) -> float:
    flows = flows_map(fd)
    begin = time.perf_counter_ns()
    result = dict(flows.items())
    return (time.perf_counter_ns() - begin) / len(result)


def flows_map(fd: int) -> Any:
    from bench_hash_bpf import Traffic

    from bpf2py.runtime import HashMap, codec
    from bpf2py.runtime.maps.handle import MapHandle
    from bpf2py.runtime.syscalls.fd import FD

    return HashMap(MapHandle.from_fd(FD(fd)), codec.U32, codec.of(Traffic))


def ring_and_trigger(fd: int, program_id: int) -> tuple[Any, Any]:
    from bench_ringbuf_bpf import Event

    from bpf2py.runtime import XDP, RingBuf, codec
    from bpf2py.runtime.maps.handle import MapHandle
    from bpf2py.runtime.syscalls.fd import FD

    return RingBuf(MapHandle.from_fd(FD(fd)), codec.of(Event)), XDP.open_id(program_id)


def job_ringbuf(fd: int, program_id: int, count: int) -> float:
    """The plain loop: one typed event at a time."""
    ring, program = ring_and_trigger(fd, program_id)
    for _ in ring.read(timeout=0):
        pass
    program.run(data=bytes(64), repeat=count)
    seen = total = 0
    begin = time.perf_counter_ns()
    for event in ring.read(timeout=0):
        total += event.pid + len(event.comm)
        seen += 1
    elapsed = time.perf_counter_ns() - begin
    if seen != count:
        raise SystemExit(f"peer_bpf2py: {seen} events of {count}")
    return elapsed / count


def job_ringbuf_batch(fd: int, program_id: int, count: int) -> float:
    """All that is there in one list, for whoever wants throughput."""
    ring, program = ring_and_trigger(fd, program_id)
    ring.drain()
    program.run(data=bytes(64), repeat=count)
    begin = time.perf_counter_ns()
    events = ring.drain()
    total = 0
    for event in events:
        total += event.pid + len(event.comm)
    elapsed = time.perf_counter_ns() - begin
    if len(events) != count:
        raise SystemExit(f"peer_bpf2py: {len(events)} events of {count}")
    return elapsed / count


def resident_kib() -> float:
    with open("/proc/self/smaps_rollup") as rollup:
        return float(next(line for line in rollup if line.startswith("Rss:")).split()[1])


def main() -> None:
    job, *rest = sys.argv[1:]
    match job, rest:
        case "load", [module, count]:
            print(job_load(module, int(count)))
        case "lookup", [fd, entries, count]:
            print(job_lookup(int(fd), int(entries), int(count)))
        case "update", [fd, entries, count]:
            print(job_update(int(fd), int(entries), int(count)))
        case "iterate", [fd]:
            print(job_iterate(int(fd)))
        case "ringbuf", [fd, prog, count]:
            print(job_ringbuf(int(fd), int(prog), int(count)))
        case "ringbuf_batch", [fd, prog, count]:
            print(job_ringbuf_batch(int(fd), int(prog), int(count)))
        case "idle", [module]:
            with load_object(module):
                print(resident_kib())
        case "import", [module]:
            import_module(module)
        case "start", [module]:
            load_object(module).close()
        case "bare", []:
            print(resident_kib())
        case _:
            raise SystemExit(2)


if __name__ == "__main__":
    main()
