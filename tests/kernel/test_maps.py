"""Maps on the real kernel: as dictionaries and lists, one element and whole maps, under change."""

from __future__ import annotations

import ctypes
import dataclasses
import errno
import threading
from collections.abc import Iterator, MutableMapping
from pathlib import Path

import pytest

from bpf2py.runtime import (
    AnyMap,
    ArrayMap,
    ClosedError,
    HashMap,
    LPMTrie,
    LRUHashMap,
    Map,
    PerCPUArrayMap,
    PerCPUHashMap,
    ProgramArray,
    Queue,
    codec,
)
from bpf2py.runtime.kernel import possible_cpus
from bpf2py.runtime.maps import batch as batch_module
from bpf2py.runtime.maps.handle import Calls, MapHandle
from bpf2py.runtime.maps.kinds import untyped
from bpf2py.runtime.syscalls import bpf as door
from bpf2py.runtime.syscalls.map import map_create
from bpf2py.uapi import Cmd, MapFlags, MapType, UpdateFlags


@dataclasses.dataclass(slots=True)
class Value:
    a: int = 0
    b: int = 0
    c: int = 0


VALUE = codec.struct(Value, 24, (("a", 0, codec.U64), ("b", 8, codec.S32), ("c", 16, codec.U64)))


@pytest.fixture(name="table")
def _table() -> Iterator[HashMap[int, Value]]:
    with HashMap.create("table", key=codec.U32, value=VALUE, max_entries=2000) as table:
        yield table


@pytest.fixture(params=["batches", "one by one"], name="way")
def _way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With the kernel's batch commands, and as on a kernel before 5.6 that has none."""
    if request.param == "one by one":
        real = door.bpf

        def without_batches(
            cmd: Cmd, attr: door.Buffer, size: int | None = None, *, what: str
        ) -> int:
            if cmd.name.endswith("_BATCH"):
                raise OSError(errno.EINVAL, "Invalid argument", what)
            return real(cmd, attr, size, what=what)

        monkeypatch.setattr(door, "bpf", without_batches)
    return str(request.param)


def test_a_hash_map_is_a_mutable_mapping(table: HashMap[int, Value]) -> None:
    assert isinstance(table, MutableMapping)
    assert not table
    table[1] = Value(1, -2, 3)
    table[2**32 - 1] = Value(4)
    assert table
    assert table[1] == Value(1, -2, 3)
    assert len(table) == 2
    assert 1 in table
    assert 2 not in table
    assert "no key" not in table  # type: ignore[comparison-overlap]
    assert set(table) == set(table.keys()) == {1, 2**32 - 1}
    assert dict(table) == dict(table.items()) == {1: Value(1, -2, 3), 2**32 - 1: Value(4)}
    assert Value(4) in table.values()
    assert (1, Value(1, -2, 3)) in table.items()
    assert table.get(2) is None
    assert table.get(2, Value(9)) == Value(9)
    assert table.setdefault(1, Value()) == Value(1, -2, 3)
    assert table.setdefault(2, Value(7)) == Value(7)
    del table[2]
    assert 2 not in table
    assert table.delete(1)
    assert not table.delete(1)
    assert table.pop(2**32 - 1) == Value(4)
    assert table.pop(1, None) is None
    assert table == table
    assert table != {}
    assert len(table) == 0


def test_a_missing_key_is_a_key_error_naming_map_and_key(table: HashMap[int, Value]) -> None:
    with pytest.raises(KeyError, match="map 'table' has no key 7"):
        table[7]
    with pytest.raises(KeyError, match="map 'table' has no key 7"):
        del table[7]
    with pytest.raises(KeyError, match="map 'table' has no key 7"):
        table.pop(7)
    with pytest.raises(KeyError, match="map 'table' has no key 7"):
        table.put(7, Value(), flags=UpdateFlags.EXIST)
    with pytest.raises(KeyError, match="map 'table' is empty"):
        table.popitem()


def test_what_cannot_be_a_key_or_value_is_refused(table: HashMap[int, Value]) -> None:
    with pytest.raises(ValueError, match=r"value: 4294967296 does not fit __u32"):
        table[2**32]
    with pytest.raises(TypeError, match="takes an int, not str"):
        table["x"]  # type: ignore[index]
    with pytest.raises(ValueError, match=r"Value\.b: 4294967296 does not fit __s32"):
        table[1] = Value(b=2**32)
    assert len(table) == 0


def test_flags_of_an_update_are_kept_to(table: HashMap[int, Value]) -> None:
    table.put(1, Value(1), flags=UpdateFlags.NOEXIST)
    with pytest.raises(FileExistsError, match="exists already"):
        table.put(1, Value(2), flags=UpdateFlags.NOEXIST)
    table.put(1, Value(3), flags=UpdateFlags.EXIST)
    assert table[1] == Value(3)


def test_a_full_map_says_so(way: str) -> None:
    with HashMap.create("small", key=codec.U32, value=codec.U64, max_entries=4) as small:
        small.update({key: key for key in range(4)})
        with pytest.raises(OSError, match="map is full") as caught:
            small[4] = 4
        assert caught.value.errno == errno.E2BIG
        with pytest.raises(OSError, match="map is full"):
            small.update(dict.fromkeys(range(2, 8), 7))
        assert sorted(small) == [0, 1, 2, 3]


def test_whole_maps_are_written_and_read(way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "_RUN_BYTES", 4096)  # several runs
    want = {key: Value(key, -key, key * key) for key in range(1500)}
    with HashMap.create("table", key=codec.U32, value=VALUE, max_entries=2000) as table:
        table.update(want)
        table.update([(1500, Value(5))])
        want[1500] = Value(5)
        assert len(table) == 1501
        items = list(table.items())
        assert len(items) == len(dict(items))
        assert dict(items) == want
        assert sorted(table) == sorted(want)
        assert sorted(v.a for v in table.values()) == sorted(v.a for v in want.values())
        drained = list(table.drain())
        assert len(drained) == 1501
        assert dict(drained) == want
        assert len(table) == 0
        table[1] = Value()
        table.clear()
        assert not table
        table.clear()
        assert list(table.items()) == []


def test_a_bucket_longer_than_a_run_is_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch_module, "_RUN_BYTES", 0)
    monkeypatch.setattr(batch_module, "_RUN_LEAST", 1)
    with HashMap.create("table", key=codec.U32, value=codec.U64, max_entries=5000) as table:
        table.update((key, key) for key in range(5000))
        assert sorted(table.items()) == [(key, key) for key in range(5000)]


def test_a_walk_gives_what_stays_exactly_once_while_others_write(way: str) -> None:
    stays = range(0, 3000, 3)
    comes_and_goes = [key for key in range(3000) if key % 3]
    with HashMap.create("busy", key=codec.U32, value=codec.U64, max_entries=4000) as table:
        table.update((key, key) for key in stays)
        done = threading.Event()
        writes = 0
        # One call per element loses its place when its key goes: as many changes as elements read,
        # or on a slow machine the writer outruns it.  A batch needs no such care.
        pace = threading.Semaphore(0) if way != "batches" else None

        def change() -> bool:
            """Whether there is another change to be made; waits for its turn."""
            while pace is not None and not done.is_set():
                if pace.acquire(timeout=0.1):
                    break
            return not done.is_set()

        def churn() -> None:
            nonlocal writes
            while not done.is_set():
                for key in comes_and_goes:
                    if change():
                        table[key] = 2**40 + key
                        writes += 1
                for key in comes_and_goes:
                    if change():
                        table.delete(key)

        writer = threading.Thread(target=churn)
        writer.start()
        try:
            for _ in range(5 if way == "batches" else 2):
                items = []
                for item in table.items():
                    items.append(item)
                    if pace is not None:
                        pace.release(2)
                assert len(items) == len(dict(items))
                kept = {key: value for key, value in items if key % 3 == 0}
                assert kept == {key: key for key in stays}
                assert all(value == 2**40 + key for key, value in items if key % 3)
        finally:
            done.set()
            writer.join(30)
        assert not writer.is_alive()
        assert writes


def test_a_walk_that_finds_no_end_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel begins again when the key it shall follow is gone: here it always is."""
    with HashMap.create("busy", key=codec.U32, value=codec.U64, max_entries=10) as table:
        table.update({1: 1, 2: 2})
        handle = table._handle
        monkeypatch.setattr(type(handle), "next_key", lambda self, key, into: True)
        with pytest.raises(RuntimeError, match="map 'busy' is changed faster than it can be read"):
            list(batch_module.keys(handle))


def test_every_element_drained_was_counted_once() -> None:
    """Two threads drain, one fills: each element arrives at exactly one of them."""
    with HashMap.create("counts", key=codec.U32, value=codec.U64, max_entries=20_000) as table:
        found: list[list[int]] = [[], []]
        filled = threading.Event()

        def drain(into: list[int]) -> None:
            last = False
            while True:
                into.extend(key for key, _ in table.drain())
                if last:
                    return
                last = filled.is_set()

        drainers = [threading.Thread(target=drain, args=(into,)) for into in found]
        for thread in drainers:
            thread.start()
        for key in range(10_000):
            table[key] = key
        filled.set()
        for thread in drainers:
            thread.join(30)
        assert sorted(found[0] + found[1]) == list(range(10_000))


def test_pop_is_one_step_and_falls_back_where_the_kernel_has_no_such(
    table: HashMap[int, Value], monkeypatch: pytest.MonkeyPatch
) -> None:
    table[1] = Value(1)
    table[2] = Value(2)
    assert table.pop(1) == Value(1)
    # As before 5.14, for every map type but queues and stacks.
    real = MapHandle.prepare

    def refuse() -> int:
        ctypes.set_errno(door.ENOTSUPP)
        return -1

    def prepare(self: MapHandle) -> Calls:
        calls = real(self)
        return (*calls[:5], refuse, *calls[6:])

    monkeypatch.setattr(MapHandle, "prepare", prepare)
    table._handle.calls = []
    assert table.pop(2) == Value(2)
    with pytest.raises(KeyError, match="map 'table' has no key 2"):
        table.pop(2)
    assert table.pop(2, None) is None


def test_threads_share_a_map_without_mixing_up_their_buffers() -> None:
    with HashMap.create("shared", key=codec.U32, value=codec.U64, max_entries=4000) as table:
        wrong: list[tuple[int, int]] = []

        def work(first: int) -> None:
            for turn in range(300):
                for key in range(first, first + 10):
                    table[key] = key * 1000 + turn
                    if table[key] != key * 1000 + turn:
                        wrong.append((key, turn))

        threads = [threading.Thread(target=work, args=(n * 10,)) for n in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        assert not wrong
        assert len(table) == 60


def test_a_closed_map_says_so_and_its_number_is_not_used_again() -> None:
    first = HashMap.create("first", key=codec.U32, value=codec.U64, max_entries=4)
    first[1] = 1
    number = first.fileno()
    first.close()
    first.close()
    assert first.closed
    with HashMap.create("second", key=codec.U32, value=codec.U64, max_entries=4) as second:
        assert second.fileno() == number
        second[1] = 2
        for use in (
            lambda: first[1],
            lambda: first.__setitem__(1, 5),
            lambda: first.get(1),
            lambda: list(first.items()),
            lambda: first.info(),
        ):
            with pytest.raises(ClosedError, match="map 'first' is closed"):
                use()
        assert second[1] == 2


def test_codecs_of_another_size_are_refused_at_once(table: HashMap[int, Value]) -> None:
    handle = table._handle
    with pytest.raises(ValueError, match="map 'table': its key has 4 bytes, __u64 has 8"):
        HashMap(handle, codec.U64, VALUE)
    with pytest.raises(ValueError, match="map 'table': its value has 24 bytes, __u64 has 8"):
        HashMap(handle, codec.U32, codec.U64)
    with pytest.raises(ValueError, match="map 'table' is a HASH map; ArrayMap is for ARRAY"):
        ArrayMap(handle, VALUE)


def test_an_array_is_a_list_of_fixed_length(way: str) -> None:
    with ArrayMap.create("numbers", value=codec.S64, max_entries=100) as numbers:
        assert len(numbers) == 100
        assert list(numbers) == [0] * 100
        numbers[99] = -5
        assert numbers[99] == -5
        numbers.fill(range(10))
        numbers.update({50: 7, 51: 8})
        want = [*range(10), *[0] * 40, 7, 8, *[0] * 47, -5]
        assert list(numbers) == list(numbers.values()) == want
        assert list(numbers.items()) == list(enumerate(want))
        assert -5 in numbers
        assert 1234 not in numbers
        for index in (100, -1, 2**32, 2**40):
            with pytest.raises(IndexError, match=f"map 'numbers' has indexes 0 to 99, not {index}"):
                numbers[index]
            with pytest.raises(IndexError, match=f"0 to 99, not {index}"):
                numbers[index] = 1
            with pytest.raises(IndexError, match=f"0 to 99, not {index}"):
                numbers.put(index, 1)
        with pytest.raises(OSError, match="cannot be deleted"):
            del numbers[1]


def test_per_cpu_values_are_lists_over_possible_cpus(way: str) -> None:
    cpus = possible_cpus()
    odd = codec.Bytes(5)  # a size that the kernel rounds up between CPUs
    with PerCPUHashMap.create("flows", key=codec.U16, value=VALUE, max_entries=50) as flows:
        values = [Value(cpu, -cpu, cpu) for cpu in range(cpus)]
        flows[3] = values
        assert flows[3] == values
        flows.update({key: [Value(key)] * cpus for key in range(10, 20)})
        assert dict(flows.items())[15] == [Value(15)] * cpus
        assert sum(value.a for value in flows[15]) == 15 * cpus
        assert flows.pop(3) == values
        with pytest.raises(ValueError, match=f"takes {cpus} elements, {cpus + 1} were given"):
            flows[3] = [Value()] * (cpus + 1)
    with PerCPUArrayMap.create("names", value=odd, max_entries=3) as names:
        names[1] = [b"%05d" % cpu for cpu in range(cpus)]
        assert list(names) == [
            [bytes(5)] * cpus,
            [b"%05d" % cpu for cpu in range(cpus)],
            [bytes(5)] * cpus,
        ]
        with pytest.raises(ValueError, match=r"its value has 5 bytes, __u32 has 4"):
            PerCPUArrayMap(names._handle, codec.U32)


def test_an_lru_map_drops_instead_of_refusing() -> None:
    with LRUHashMap.create("recent", key=codec.U32, value=codec.U64, max_entries=64) as recent:
        for key in range(1000):
            recent[key] = key
        assert 0 < len(recent) <= 64
        assert recent[999] == 999


def test_a_trie_finds_the_longest_prefix() -> None:
    @dataclasses.dataclass(slots=True, frozen=True)
    class Prefix:
        bits: int
        address: bytes

    prefix = codec.struct(Prefix, 8, (("bits", 0, codec.U32), ("address", 4, codec.Bytes(4))))
    with LPMTrie.create(
        "routes", key=prefix, value=codec.U32, max_entries=10, flags=MapFlags.NO_PREALLOC
    ) as routes:
        routes[Prefix(8, bytes([10, 0, 0, 0]))] = 1
        routes[Prefix(16, bytes([10, 1, 0, 0]))] = 2
        assert routes[Prefix(32, bytes([10, 1, 2, 3]))] == 2
        assert routes[Prefix(32, bytes([10, 2, 2, 3]))] == 1
        assert Prefix(32, bytes([11, 0, 0, 0])) not in routes
        assert len(routes) == 2
        del routes[Prefix(16, bytes([10, 1, 0, 0]))]
        assert routes[Prefix(32, bytes([10, 1, 2, 3]))] == 1


@pytest.mark.parametrize(
    ("kind", "order"), [(MapType.QUEUE, [1, 2, 3]), (MapType.STACK, [3, 2, 1])]
)
def test_queues_and_stacks_give_back_in_their_order(kind: MapType, order: list[int]) -> None:
    with Queue.create("line", value=codec.U64, max_entries=3, map_type=kind) as line:
        for value in (1, 2, 3):
            line.push(value)
        with pytest.raises(OSError, match="full") as caught:
            line.push(4)
        assert caught.value.errno == errno.E2BIG
        assert line.peek() == order[0]
        assert [line.pop() for _ in range(3)] == order
        for empty in (line.pop, line.peek):
            with pytest.raises(IndexError, match="map 'line' is empty"):
                empty()
    with Queue.create("line", value=codec.U64, max_entries=2) as line:
        for value in (1, 2, 3):
            line.push(value, drop_oldest=True)
        assert [line.pop(), line.pop()] == [2, 3]


def test_a_value_of_variable_size_fills_the_map_s() -> None:
    with HashMap.create("names", key=codec.U32, value=codec.Bytes(16), max_entries=4) as names:
        as_text = HashMap(names._handle, codec.U32, codec.RestText())
        as_text[1] = "hello"
        assert names[1] == b"hello".ljust(16, b"\0")
        assert dict(as_text.items()) == {1: "hello"}
        with pytest.raises(ValueError, match="17 bytes do not fit the map's 16"):
            as_text[1] = "x" * 16
        assert as_text[1] == "hello"


def test_a_pinned_map_is_found_by_path_and_by_id(bpffs: Path) -> None:
    path = bpffs / "table"
    with HashMap.create("table", key=codec.U32, value=VALUE, max_entries=8) as table:
        table[1] = Value(1)
        table.pin(path)
        with HashMap.open_pinned(path, key=codec.U32, value=VALUE) as again:
            assert again.name == "table"
            assert again.info() == table.info()
            again[2] = Value(2)
        with HashMap.open_id(table.info().id, key=codec.U32, value=VALUE) as again:
            assert again[2] == Value(2)
        with pytest.raises(ValueError, match="its key has 4 bytes, __u64 has 8"):
            HashMap.open_pinned(path, key=codec.U64, value=VALUE)
        with pytest.raises(FileExistsError, match="something is pinned there already"):
            table.pin(path)
    with HashMap.open_pinned(path, key=codec.U32, value=VALUE) as again:
        assert again[1] == Value(1)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="nothing is pinned there"):
        HashMap.open_pinned(path, key=codec.U32, value=VALUE)


def test_a_frozen_map_refuses_writes() -> None:
    with ArrayMap.create("constants", value=codec.U64, max_entries=2) as constants:
        constants[0] = 5
        constants.freeze()
        with pytest.raises(PermissionError, match="frozen"):
            constants[0] = 6
        with pytest.raises(PermissionError, match="frozen"):
            constants.update({0: 6})
        assert constants[0] == 5


UNTYPED: list[tuple[MapType, int, int, int, int, type[AnyMap]]] = [
    (MapType.HASH, 4, 8, 10, 0, HashMap),
    (MapType.LRU_HASH, 4, 8, 10, 0, LRUHashMap),
    (MapType.PERCPU_HASH, 4, 8, 10, 0, PerCPUHashMap),
    (MapType.LRU_PERCPU_HASH, 4, 8, 10, 0, PerCPUHashMap),
    (MapType.ARRAY, 4, 8, 10, 0, ArrayMap),
    (MapType.PERCPU_ARRAY, 4, 8, 10, 0, PerCPUArrayMap),
    (MapType.LPM_TRIE, 8, 8, 10, 1, LPMTrie),
    (MapType.QUEUE, 0, 8, 10, 0, Queue),
    (MapType.PROG_ARRAY, 4, 4, 10, 0, ProgramArray),
    (MapType.STACK_TRACE, 4, 8, 10, 0, Map),
]


@pytest.mark.parametrize(("kind", "key", "value", "entries", "flags", "cls"), UNTYPED)
def test_maps_nobody_typed_take_and_give_bytes(
    kind: MapType, key: int, value: int, entries: int, flags: int, cls: type[AnyMap]
) -> None:
    fd = map_create(
        kind, name="raw", key_size=key, value_size=value, max_entries=entries, flags=flags
    )
    with untyped(MapHandle.from_fd(fd)) as raw:
        assert type(raw) is cls
        if isinstance(raw, PerCPUHashMap):
            raw[b"abcd"] = [b"12345678"] * possible_cpus()
            assert dict(raw.items()) == {b"abcd": [b"12345678"] * possible_cpus()}
        elif isinstance(raw, HashMap):
            name = b"\x10\0\0\0abcd"[-key:]
            raw[name] = b"12345678"
            assert raw[name] == b"12345678"
        elif isinstance(raw, PerCPUArrayMap):
            assert raw[9] == [bytes(8)] * possible_cpus()
        elif isinstance(raw, ArrayMap):
            raw[9] = b"12345678"
            assert list(raw)[9] == b"12345678"
        elif isinstance(raw, Queue):
            raw.push(b"12345678")
            assert raw.pop() == b"12345678"
        elif isinstance(raw, ProgramArray):
            with pytest.raises(KeyError, match="map 'raw' has no key 3"):
                raw[3]
        else:
            assert isinstance(raw, Map)
            with pytest.raises(KeyError, match="map 'raw' has no key"):
                raw[bytes(4)]


def test_a_handle_that_is_not_owned_any_more_warns() -> None:
    with pytest.warns(ResourceWarning, match="unclosed map 'forgotten'"):
        HashMap.create("forgotten", key=codec.U32, value=codec.U32, max_entries=1)
