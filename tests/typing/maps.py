"""Maps, keys, values and events, as the checkers see them."""

from __future__ import annotations

from typing import assert_type

from bpf2py import runtime
from bpf2py.spec import MapSpec, Pinning
from bpf2py.uapi import MapFlags
from generated_fixtures.inner_maps_bpf import InnerMaps
from generated_fixtures.kernel_fields_bpf import KernelFields
from generated_fixtures.maps_basic_bpf import Counters, Event, Flow, MapsBasic, Start
from generated_fixtures.maps_other_bpf import Job, MapsOther, Prefix
from generated_fixtures.tail_calls_filled_bpf import TailCallsFilled


def hashes(loaded: MapsBasic) -> None:
    maps = loaded.maps
    assert_type(maps.start, runtime.HashMap[int, Start])
    assert_type(maps.start[1], Start)
    assert_type(maps.start[1].comm, str)
    assert_type(dict(maps.start), dict[int, Start])
    maps.start[1] = Start(ts=1, comm="x")
    maps.start["1"] = Start()  # type: ignore[index]
    maps.start[1] = 5  # type: ignore[assignment]
    assert_type(maps.flows, runtime.LRUHashMap[Flow, int])
    assert_type({Flow(saddr=1): 2}, dict[Flow, int])
    for flow, count in maps.flows.items():
        assert_type(flow, Flow)
        assert_type(count, int)


def arrays(loaded: MapsBasic) -> None:
    maps = loaded.maps
    assert_type(maps.table, runtime.ArrayMap[int])
    assert_type(maps.table[0], int)
    assert_type(maps.percpu_flows[1], list[Counters])
    assert_type(maps.percpu_table[0], list[int])
    assert_type(maps.percpu_lru[0], list[str])


def events(loaded: MapsBasic) -> None:
    assert_type(loaded.maps.events, runtime.RingBuf[Event])
    for event in loaded.maps.events:
        assert_type(event, Event)
        assert_type(event.pid, int)
        assert_type(event.comm, str)
        assert_type(event.args, list[int])
    for raw in loaded.maps.raw_events:
        assert_type(raw, bytes)
    assert_type(loaded.maps.events.drain(), list[Event])
    for event in loaded.maps.events.read(timeout=1.0):
        assert_type(event, Event)
        event.pid = 1
        print(event.no_such_member)  # type: ignore[attr-defined]
    for view in loaded.maps.events.read_raw():
        assert_type(view, memoryview)
        break
    loaded.maps.events[0]  # type: ignore[index]


async def events_in_an_event_loop(loaded: MapsBasic) -> None:
    async for event in loaded.maps.events:
        assert_type(event, Event)


def queues_and_tries(loaded: MapsOther) -> None:
    assert_type(loaded.maps.queue, runtime.Queue[Job])
    assert_type(loaded.maps.queue.pop(), Job)
    loaded.maps.queue.push(Job())
    loaded.maps.queue.push(1)  # type: ignore[arg-type]
    assert_type(loaded.maps.routes, runtime.LPMTrie[Prefix, int])
    assert_type(loaded.maps.routes[Prefix()], int)
    loaded.maps.routes[1] = 1  # type: ignore[index]


def kernel_owned_members(loaded: KernelFields) -> None:
    """A lock is kept as it is, and no member of the value."""
    value = loaded.maps.locks[1]
    print(value.lock)  # type: ignore[attr-defined]


def before_loading() -> None:
    """A map's description is the same for all maps: sizes and flags, no entries."""
    maps = MapsBasic.spec().maps
    assert_type(maps.start, MapSpec)
    maps.start.max_entries = 65_536
    maps.start.flags |= MapFlags.NO_PREALLOC
    maps.start.pinning = Pinning.BY_NAME
    assert_type(maps["start"], MapSpec)
    maps.start.max_entries = "many"  # type: ignore[assignment]
    maps.start[1] = Start()  # type: ignore[index]
    maps.start.max_entrys = 1  # type: ignore[attr-defined]


def entries(loaded: MapsBasic) -> None:
    start = loaded.maps.start
    assert_type(start.get(1), Start | None)
    assert_type(start.pop(1), Start)
    assert_type(list(start), list[int])
    assert_type(list(start.values()), list[Start])
    start.update({1: Start()})
    start.update({"1": Start()})  # type: ignore[arg-type]
    start.max_entries = 5  # type: ignore[misc]


def maps_of_maps(loaded: InnerMaps, jumps: TailCallsFilled) -> None:
    """They take what has a descriptor, and open what is in them with its types."""
    loaded.maps.outer[2] = loaded.maps.inner_one
    loaded.maps.outer[2] = "inner_one"  # type: ignore[assignment]
    assert_type(loaded.maps.outer.open(2), runtime.HashMap[int, int])
    assert_type(loaded.maps.by_cgroup.open(2), runtime.ArrayMap[list[int]])
    jumps.maps.steps[1] = jumps.programs.from_first
    assert_type(jumps.maps.steps[1], int)
    jumps.maps.steps["1"] = jumps.programs.from_first  # type: ignore[index]
