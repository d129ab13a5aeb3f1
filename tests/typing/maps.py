"""Maps, keys, values and events, as the checkers see them."""

from __future__ import annotations

from typing import assert_type

from bpf2py import runtime
from generated_fixtures.inner_maps_bpf import InnerMaps
from generated_fixtures.maps_basic_bpf import Counters, Event, Flow, MapsBasic, Start
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


def maps_of_maps(loaded: InnerMaps, jumps: TailCallsFilled) -> None:
    """They take what has a descriptor, and open what is in them with its types."""
    loaded.maps.outer[2] = loaded.maps.inner_one
    loaded.maps.outer[2] = "inner_one"  # type: ignore[assignment]
    assert_type(loaded.maps.outer.open(2), runtime.HashMap[int, int])
    assert_type(loaded.maps.by_cgroup.open(2), runtime.ArrayMap[list[int]])
    jumps.maps.steps[1] = jumps.programs.from_first
    assert_type(jumps.maps.steps[1], int)
    jumps.maps.steps["1"] = jumps.programs.from_first  # type: ignore[index]
