"""What a map's spec can say beyond what C says, and what the kernel makes of it."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.runtime.kernel import possible_cpus
from bpf2py.spec import MapSpec, ObjectSpec, Pinning
from bpf2py.uapi import MapFlags, MapType
from generated_fixtures.map_attrs_bpf import MapAttrs
from generated_fixtures.maps_other_bpf import BpfCpumapVal, BpfDevmapVal, MapsOther
from tests.kernel.abilities import requires


def only(map_type: MapType, **attributes: object) -> ObjectSpec:
    """An object with one map ``m``, 4 bytes for key and value and room for 4 if nothing is said."""
    given = {"key_size": 4, "value_size": 4, "max_entries": 4, **attributes}
    made = MapSpec(name="m", map_type=map_type, **given)  # type: ignore[arg-type]
    return ObjectSpec(name="one", byte_order=runtime.codec.base.BYTE_ORDER, maps={"m": made})


def number(value: int) -> bytes:
    return runtime.codec.U32.pack(value)


# ---- sizes that the machine decides ---------------------------------------------------------------


@pytest.mark.parametrize("map_type", [MapType.PERF_EVENT_ARRAY, MapType.CPUMAP])
def test_a_map_of_cpus_without_a_size_has_a_place_for_each(map_type: MapType) -> None:
    with runtime.load(only(map_type, max_entries=0)) as loaded:
        assert loaded.maps["m"].info().max_entries == possible_cpus()
    with runtime.load(only(map_type, max_entries=1)) as loaded:
        assert loaded.maps["m"].info().max_entries == 1


# ---- values of the kernel's own shape -------------------------------------------------------------


def test_devices_and_cpus_are_set_by_their_types_in_c() -> None:
    requires("bloom filters (5.16)", "task storage (5.11)")
    lo = socket.if_nametoindex("lo")
    with MapsOther.spec().load() as loaded:
        loaded.maps.devices[1] = BpfDevmapVal(ifindex=lo)
        assert loaded.maps.devices[1].ifindex == lo
        loaded.maps.devices_by_key[77] = lo
        assert loaded.maps.devices_by_key[77] == lo
        with pytest.raises(OSError, match="map 'devices'"):
            loaded.maps.devices[1] = BpfDevmapVal(ifindex=0x7FFF_FFFF)
        loaded.maps.cpus[0] = BpfCpumapVal(qsize=192)
        assert loaded.maps.cpus[0].qsize == 192


# ---- what is in a map before any program is loaded ------------------------------------------------


def test_contents_are_there_from_the_start() -> None:
    spec = only(MapType.HASH)
    spec.maps["m"].contents = {number(1): b"abcd", number(2): b"efgh"}
    with runtime.load(spec) as loaded:
        assert dict(loaded.maps["m"]) == spec.maps["m"].contents


def test_contents_of_a_map_per_cpu_go_to_every_cpu() -> None:
    spec = only(MapType.PERCPU_ARRAY, value_size=5)
    spec.maps["m"].contents = {number(3): b"abcde"}
    with runtime.load(spec) as loaded:
        assert loaded.maps["m"][3] == [b"abcde"] * possible_cpus()
        assert loaded.maps["m"][2] == [bytes(5)] * possible_cpus()


def test_a_queue_has_contents_without_a_key() -> None:
    spec = only(MapType.QUEUE, key_size=0)
    spec.maps["m"].contents = {b"": b"work"}
    with runtime.load(spec) as loaded:
        assert loaded.maps["m"].pop() == b"work"


def test_a_frozen_map_keeps_its_contents() -> None:
    spec = only(MapType.ARRAY, flags=MapFlags.RDONLY_PROG, max_entries=1)
    spec.maps["m"].contents = {number(0): b"last"}
    spec.maps["m"].freeze = True
    with runtime.load(spec) as loaded:
        with pytest.raises(PermissionError, match="map 'm'"):
            loaded.maps["m"][0] = b"more"
        assert loaded.maps["m"][0] == b"last"


def test_a_map_that_was_found_keeps_what_it_has(bpffs: Path) -> None:
    spec = only(MapType.HASH, pinning=Pinning.BY_NAME)
    spec.maps["m"].contents = {number(1): b"here"}
    with runtime.load(spec, pin_path=bpffs) as first:
        first.maps["m"][number(1)] = b"else"
        with runtime.load(spec, pin_path=bpffs) as second:
            assert dict(second.maps["m"]) == {number(1): b"else"}
    os.unlink(bpffs / "m")


@pytest.mark.parametrize(
    ("map_type", "contents", "complaint"),
    [
        (MapType.HASH, {b"abc": b"abcd"}, "a key of 3 bytes, 4 it is"),
        (MapType.HASH, {b"abcd": b"abcde"}, "a value of 5 bytes, 4 it is"),
        (MapType.PROG_ARRAY, {bytes(4): bytes(4)}, "takes no bytes"),
    ],
)
def test_contents_that_do_not_fit_are_refused(
    map_type: MapType, contents: dict[bytes, bytes], complaint: str
) -> None:
    spec = only(map_type)
    spec.maps["m"].contents = contents
    with pytest.raises(ValueError, match=f"map 'm'.*contents.*{complaint}"):
        runtime.load(spec)


def test_more_contents_than_the_map_has_room_for_are_refused() -> None:
    spec = only(MapType.HASH, max_entries=1)
    spec.maps["m"].contents = {number(n): bytes(4) for n in range(2)}
    with pytest.raises(OSError, match=r"the map is full.*'m'"):
        runtime.load(spec)


# ---- maps that are there already ------------------------------------------------------------------


def test_a_pinned_map_that_differs_is_refused_with_the_difference_and_left_alone(
    bpffs: Path,
) -> None:
    requires("bloom filters (5.16)")
    with MapAttrs.spec().load(pin_path=bpffs):
        pass
    spec = MapAttrs.spec()
    spec.maps.pinned_counts.max_entries = 4
    spec.maps.pinned_counts.flags = MapFlags.NO_PREALLOC
    with pytest.raises(ValueError, match=r"'pinned_counts' pinned at .*/pinned_counts'") as info:
        spec.load(pin_path=bpffs)
    assert "max_entries 3 instead of 4, flags none instead of NO_PREALLOC" in str(info.value)
    with MapAttrs.spec().load(pin_path=bpffs) as again:
        assert again.maps.pinned_counts.max_entries == 3
    os.unlink(bpffs / "pinned_counts")


# ---- where a map lies -----------------------------------------------------------------------------


def test_a_numa_node_that_is_not_there_is_named() -> None:
    with pytest.raises(OSError, match=r"this machine has no NUMA node 63.*map 'm'"):
        runtime.load(only(MapType.HASH, numa_node=63))


def test_a_device_that_holds_no_maps_is_named() -> None:
    lo = socket.if_nametoindex("lo")
    with pytest.raises(OSError, match=rf"network device {lo} .* holds no maps.*map 'm'"):
        runtime.load(only(MapType.HASH, ifindex=lo))
