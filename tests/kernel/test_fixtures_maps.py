"""The fixtures' maps in the kernel: every family, every attribute, and what programs put in."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from bpf2py.runtime import VerifierError
from bpf2py.uapi import MapFlags, MapType, UpdateFlags
from generated_fixtures.inner_maps_bpf import InnerMaps
from generated_fixtures.kernel_fields_bpf import KernelFields, Locked, Timed
from generated_fixtures.kernel_graph_bpf import Deferred, KernelGraph, Queue
from generated_fixtures.kernel_kptr_bpf import KernelKptr
from generated_fixtures.map_attrs_bpf import Key, MapAttrs, Point, Shape
from generated_fixtures.maps_basic_bpf import Counters, Event, Flow, MapsBasic, Start
from generated_fixtures.maps_other_bpf import MapsOther, Prefix
from generated_fixtures.maps_storage_bpf import Account, MapsStorage
from generated_fixtures.types_structs_bpf import Leaf, Message, NamedTail, TextTail, TypesStructs
from tests.kernel.abilities import requires

PACKET = bytes(64)
#: What socket filters see of PACKET: the Ethernet header is taken off.
SEEN = 50


def test_every_family_holds_what_a_program_put_in() -> None:
    with MapsBasic.spec().load() as loaded:
        assert loaded.programs.fill.run(PACKET).return_value == 0
        maps = loaded.maps
        assert dict(maps.start) == {77: Start(ts=0x1122334455667788, cpu=-5, comm="filler")}
        flow = Flow(saddr=0x0A000001, daddr=0x0A000002, sport=1234, dport=80, proto=6)
        assert dict(maps.flows) == {flow: 42}
        assert maps.flows[flow] == 42
        assert list(maps.table) == [0, 0, 0, -1234567890123] + [0] * 12
        # per-CPU: the program ran on one of them
        (counters,) = [c for c in maps.percpu_flows[513] if c.packets]
        assert counters == Counters(packets=9, errors=8)
        assert sum(maps.percpu_table[3]) == 0xDEADBEEF
        assert sorted(maps.percpu_lru[0xFEEDFACECAFEBEEF])[-1] == "abcde"


def test_python_writes_every_family_and_reads_the_same_back() -> None:
    with MapsBasic.spec().load() as loaded:
        maps = loaded.maps
        maps.start[2**32 - 1] = Start(ts=1, cpu=-(2**31), comm="é" * 7)
        assert maps.start[2**32 - 1] == Start(ts=1, cpu=-(2**31), comm="é" * 7)
        maps.table[15] = -(2**63)
        assert maps.table[15] == -(2**63)
        cpus = len(maps.percpu_table[0])
        maps.percpu_table[0] = list(range(cpus))
        assert maps.percpu_table[0] == list(range(cpus))
        maps.percpu_flows[1] = [Counters(packets=cpu, errors=cpu + 1) for cpu in range(cpus)]
        assert [c.errors for c in maps.percpu_flows[1]] == list(range(1, cpus + 1))
        maps.percpu_lru[5] = ["12345"] * cpus
        assert maps.percpu_lru[5] == ["12345"] * cpus


def test_typed_and_raw_events_arrive_whole() -> None:
    with MapsBasic.spec().load() as loaded:
        for _ in range(3):
            assert loaded.programs.emit.run(PACKET).return_value == 0
        wanted = Event(pid=4321, kind=SEEN, comm="emitter", args=[1, 2**64 - 1, 2**63])
        assert list(loaded.maps.events.read(timeout=0)) == [wanted] * 3
        raw = list(loaded.maps.raw_events.read(timeout=0))
        assert [bytes(record) for record in raw] == [b"raw\0xy"] * 3


def test_events_of_any_length_end_where_the_record_ends() -> None:
    with TypesStructs.spec().load() as loaded:
        assert loaded.programs.emit.run(PACKET).return_value == 0
        assert list(loaded.maps.messages.read(timeout=0)) == [
            Message(length=14, kind=5, items=[]),
            Message(length=14, kind=5, items=[100]),
            Message(length=14, kind=5, items=[100, 200, 300]),
        ]
        assert list(loaded.maps.tails.read(timeout=0)) == [
            NamedTail(count=2, leaves=[Leaf(a=1, b=2), Leaf(a=3, b=4)])
        ]
        assert list(loaded.maps.texts.read(timeout=0)) == [TextTail(pid=31, text="hello there")]


def test_other_families_are_made_as_the_source_says() -> None:
    requires("bloom filters (5.16)", "task storage (5.11)")
    with MapsOther.spec().load() as loaded:
        kinds = {name: loaded.maps[name].info() for name in loaded.maps}
        assert {name: info.map_type for name, info in kinds.items()} == {
            "routes": MapType.LPM_TRIE,
            "queue": MapType.QUEUE,
            "stack": MapType.STACK,
            "seen": MapType.BLOOM_FILTER,
            "stacks": MapType.STACK_TRACE,
            "cgroups": MapType.CGROUP_ARRAY,
            "devices": MapType.DEVMAP,
            "devices_by_key": MapType.DEVMAP_HASH,
            "cpus": MapType.CPUMAP,
            "xsks": MapType.XSKMAP,
            "sockets": MapType.SOCKMAP,
            "sockets_by_key": MapType.SOCKHASH,
            "reuseport": MapType.REUSEPORT_SOCKARRAY,
            "by_socket": MapType.SK_STORAGE,
            "by_task": MapType.TASK_STORAGE,
        }
        assert kinds["stacks"].value_size == 127 * 8
        assert kinds["seen"].map_extra == 3
        assert loaded.programs.push.run(PACKET).return_value == 0
        assert loaded.programs.route.run(PACKET).return_value == 0


def test_attributes_of_a_map_reach_the_kernel(bpffs: Path) -> None:
    requires("bloom filters (5.16)")
    spec = MapAttrs.spec()
    with spec.load(pin_path=str(bpffs)) as loaded:
        infos = {name: loaded.maps[name].info() for name in loaded.maps}
        assert infos["flagged"].flags == MapFlags.NO_PREALLOC | MapFlags.RDONLY_PROG
        assert infos["mapped"].flags == MapFlags.MMAPABLE
        assert infos["on_node_zero"].flags == MapFlags.NUMA_NODE
        assert infos["bloom"].map_extra == 5
        assert (infos["untyped"].key_size, infos["untyped"].value_size) == (6, 10)
        assert (infos["left"].max_entries, infos["right"].value_size) == (12, 3)
        assert loaded.programs.touch.run(PACKET).return_value == 0
        assert dict(loaded.maps.by_shape) == {Shape.TRIANGLE: Shape.SQUARE}
        points = [Point(x=1, y=-1), Point(x=2, y=-2), Point(x=3, y=-3)]
        assert loaded.maps.triangles[Key(port=443, proto=17, tag="abc")] == points
        loaded.maps.left[200] = b"\1\2\3"
        assert loaded.maps.left[200] == b"\1\2\3"
        assert 200 not in loaded.maps.right
        loaded.maps.untyped[b"six by"] = b"ten bytes."
        assert loaded.maps.untyped[b"six by"] == b"ten bytes."


def test_a_map_pinned_by_name_is_found_by_the_next_object(bpffs: Path) -> None:
    requires("bloom filters (5.16)")
    with MapAttrs.spec().load(pin_path=str(bpffs)) as first:
        first.maps.pinned_counts[1] = 11
        assert (bpffs / "pinned_counts").exists()
        with MapAttrs.spec().load(pin_path=str(bpffs)) as second:
            assert second.maps.pinned_counts[1] == 11
    with MapAttrs.spec().load(pin_path=str(bpffs)) as third:
        assert third.maps.pinned_counts[1] == 11
    os.unlink(bpffs / "pinned_counts")


def test_maps_of_maps_take_maps_and_open_them_typed() -> None:
    with InnerMaps.spec().load() as loaded:
        assert loaded.programs.fill.run(PACKET).return_value == 0
        with pytest.raises(KeyError, match="'outer' has no key 2"):
            loaded.maps.outer.open(2)
        loaded.maps.outer[2] = loaded.maps.inner_one
        assert loaded.programs.fill.run(PACKET).return_value == 1
        assert dict(loaded.maps.inner_one) == {5: 1002}
        assert loaded.maps.outer[2] == loaded.maps.inner_one.info().id
        with loaded.maps.outer.open(2) as inner:
            inner[6] = 7
        assert dict(loaded.maps.inner_one) == {5: 1002, 6: 7}
        del loaded.maps.outer[2]
        assert 2 not in loaded.maps.outer
        with pytest.raises(OSError, match="map 'by_cgroup'"):
            loaded.maps.by_cgroup[1] = loaded.maps.inner_one  # an array of two is wanted


def test_a_bloom_filter_is_certain_of_what_it_has_not_seen() -> None:
    requires("bloom filters (5.16)", "task storage (5.11)")
    with MapsOther.spec().load() as loaded:
        seen = loaded.maps.seen
        seen.update(range(50))
        seen.add(2**64 - 1)
        assert all(value in seen for value in [*range(50), 2**64 - 1])
        assert sum(value in seen for value in range(1000, 2000)) < 500
        assert "no number" not in seen


def test_storage_belongs_to_cgroups_and_files() -> None:
    requires("cgroup storage of any program (6.2)", "inode storage (5.10)")
    with MapsStorage.spec().load() as loaded:
        kinds = {name: loaded.maps[name].info().map_type for name in loaded.maps}
        assert kinds == {
            "of_cgroup": MapType.CGROUP_STORAGE,
            "of_cgroup_per_cpu": MapType.PERCPU_CGROUP_STORAGE,
            "by_cgroup": MapType.CGRP_STORAGE,
            "by_inode": MapType.INODE_STORAGE,
            "orders": MapType.USER_RINGBUF,
        }
        assert loaded.maps.orders.max_entries == 8192
        with open("/proc/self/exe", "rb") as file:
            assert file.fileno() not in loaded.maps.by_inode
            loaded.maps.by_inode[file.fileno()] = Account(packets=2**63, flags=5)
            assert loaded.maps.by_inode[file.fileno()] == Account(packets=2**63, flags=5)
        with pytest.raises(KeyError):
            print(loaded.maps.of_cgroup_per_cpu[1])  # nothing is attached to any cgroup


def test_sockets_are_put_in_as_they_are() -> None:
    requires("bloom filters (5.16)", "task storage (5.11)")
    with (
        MapsOther.spec().load() as loaded,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname()) as client,
    ):
        loaded.maps.sockets[1] = client
        assert 1 in loaded.maps.sockets
        loaded.maps.sockets_by_key.put(Prefix(bits=8), client, flags=UpdateFlags.NOEXIST)
        with pytest.raises(FileExistsError):
            loaded.maps.sockets_by_key.put(Prefix(bits=8), client, flags=UpdateFlags.NOEXIST)
        del loaded.maps.sockets[1]
        assert 1 not in loaded.maps.sockets


def test_a_spin_lock_is_kept_when_python_writes_the_value_around_it() -> None:
    spec = KernelFields.spec()
    spec.programs.start_timer.autoload = False  # timers are newer than locks
    with spec.load() as loaded:
        loaded.maps.locks[1] = Locked(before=10, after=20)
        for _ in range(3):
            assert loaded.programs.under_lock.run(PACKET).return_value == 0
        assert loaded.maps.locks[1] == Locked(before=13, after=23)


def test_a_timer_in_a_value_fires_and_stays() -> None:
    requires("timers (5.15)")
    with KernelFields.spec().load() as loaded:
        assert loaded.programs.start_timer.run(PACKET).return_value == 0
        end = time.monotonic() + 10
        while not loaded.maps.timers[0].fired and time.monotonic() < end:
            time.sleep(0.01)
        assert loaded.maps.timers[0] == Timed(fired=1, period=5)


def test_a_value_with_a_kernel_pointer_loads_and_is_read_around_it() -> None:
    requires("untrusted kernel pointers (6.3)")
    with KernelKptr.spec().load() as loaded:
        assert loaded.programs.holds.run(PACKET).return_value == 0
        assert (loaded.maps.holders[0].before, loaded.maps.holders[0].after) == (0, 0)


def test_lists_trees_and_work_queues_are_found_in_the_types_of_values() -> None:
    requires("work queues (6.10)")
    with KernelGraph.spec().load() as loaded:
        for name in ("queues", "trees", "deferrals", "shares"):
            assert loaded.maps[name].info().btf_value_type_id, name
        loaded.maps.queues[0] = Queue(length=7)
        assert loaded.programs.lengthen.run(PACKET).return_value == 0
        assert loaded.maps.queues[0] == Queue(length=8)
        loaded.maps.deferrals[1] = Deferred(done=5)
        assert loaded.maps.deferrals[1] == Deferred(done=5)


def test_a_list_of_what_the_types_do_not_have_is_no_list() -> None:
    """What shows that the tags reached the kernel: a wrong one is noticed there."""
    requires("work queues (6.10)")
    spec = KernelGraph.spec()
    wrong = spec.object_spec.btf.replace(b"contains:item:link", b"contains:item:none")
    assert wrong != spec.object_spec.btf
    spec.object_spec.btf = wrong
    with (
        pytest.warns(RuntimeWarning, match="without BTF"),
        pytest.raises(VerifierError, match="has to have BTF in order to use bpf_spin_lock"),
    ):
        spec.load()


@pytest.mark.parametrize("entries", [1, 5000, 100_000])
def test_a_ring_of_any_size_is_rounded_up_to_what_the_kernel_takes(entries: int) -> None:
    spec = MapsBasic.spec()
    spec.maps.events.max_entries = entries
    with spec.load() as loaded:
        size = loaded.maps.events.info().max_entries
        assert size >= entries
        assert size & (size - 1) == 0
