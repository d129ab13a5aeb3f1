"""Why a map is refused, asked of the kernel: the rules say no to nothing that it makes."""

from __future__ import annotations

import sys
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpf2py import runtime
from bpf2py.btf import encode
from bpf2py.btf import types as t
from bpf2py.runtime import probes
from bpf2py.runtime.create import completed
from bpf2py.runtime.map_rules import _RULES, broken_rules
from bpf2py.runtime.probes.maps import _PLAIN, _SMALLEST
from bpf2py.spec import MapSpec
from bpf2py.uapi import MapFlags, MapType
from tests.runtime.bpf_code import an_object, array

RULED = sorted(_RULES)
BTF = encode([t.Int("int", 4, 32, signed=True)], byte_order=sys.byteorder)


def smallest(map_type: int) -> MapSpec:
    """A map of the type that is right."""
    row = _SMALLEST.get(MapType(map_type), _PLAIN)
    return MapSpec(
        name="m",
        map_type=MapType(map_type),
        key_size=row.key_size,
        value_size=row.value_size,
        max_entries=4096 if row.max_entries < 0 else row.max_entries,
        flags=row.flags,
        key_type_id=int(row.btf),
        value_type_id=int(row.btf),
        inner=array("") if map_type in (MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS) else None,
    )


def refusal(spec: MapSpec) -> OSError | None:
    """How the kernel refuses the map."""
    holder = an_object(spec)
    holder.btf = BTF
    try:
        runtime.load(holder).close()
    except OSError as exc:
        return exc
    return None


@pytest.mark.parametrize("map_type", RULED, ids=lambda each: MapType(each).name)
def test_a_smallest_map_breaks_no_rule(map_type: int) -> None:
    assert broken_rules(smallest(map_type)) == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("key_size", "the key's size must be"),
        ("value_size", "the value's size must be"),
        ("max_entries", "max_entries must be"),
        ("flags", "the flags must not have 0x10000000"),
        ("map_extra", "map_extra must be"),
    ],
)
@pytest.mark.parametrize("map_type", RULED, ids=lambda each: MapType(each).name)
def test_what_breaks_a_rule_is_refused_with_it(map_type: int, change: str, words: str) -> None:
    if not probes.has_map_type(MapType(map_type)):
        raise runtime.NotSupportedError(f"maps of type {MapType(map_type).name}")
    if change == "max_entries" and map_type in (MapType.PERF_EVENT_ARRAY, MapType.CPUMAP):
        return  # without a number they have one place per CPU
    right = smallest(map_type)
    wrong = {
        "key_size": 3 if right.key_size == 0 else 0,
        "value_size": 3 if right.value_size == 0 else 0,
        "max_entries": 3 if right.max_entries == 0 else 0,
        "flags": right.flags | MapFlags(1 << 28),
        "map_extra": 17,
    }
    spec = replace(right, **{change: wrong[change]})  # type: ignore[arg-type]
    error = refusal(spec)
    assert error is not None
    assert words in str(error)
    assert f"of a map of type {MapType(map_type).name}, " in str(error)


@pytest.mark.parametrize(
    ("map_type", "flags", "words"),
    [
        (MapType.LPM_TRIE, MapFlags(0), "must have BPF_F_NO_PREALLOC"),
        (MapType.ARENA, MapFlags(0), "must have BPF_F_MMAPABLE"),
        (MapType.HASH, MapFlags.NO_COMMON_LRU, "must not have BPF_F_NO_COMMON_LRU"),
        (MapType.PERCPU_ARRAY, MapFlags.MMAPABLE, "must not have BPF_F_MMAPABLE"),
        (
            MapType.ARRAY,
            MapFlags.RDONLY_PROG | MapFlags.WRONLY_PROG,
            "both of BPF_F_RDONLY_PROG | BPF_F_WRONLY_PROG",
        ),
    ],
)
def test_flags_are_named(map_type: MapType, flags: MapFlags, words: str) -> None:
    if not probes.has_map_type(map_type):
        raise runtime.NotSupportedError(f"maps of type {map_type.name}")
    assert words in str(refusal(replace(smallest(map_type), flags=flags)))


def test_local_storage_without_types_says_what_to_write() -> None:
    spec = replace(smallest(MapType.SK_STORAGE), key_type_id=0, value_type_id=0)
    assert "__type(value, …)" in str(refusal(spec))


SIZES = st.sampled_from((0, 1, 3, 4, 5, 8, 12, 16, 24, 32, 260, 261, 4096))


@settings(max_examples=600)
@given(
    map_type=st.sampled_from(RULED),
    change=st.fixed_dictionaries(
        {},
        optional={
            "key_size": SIZES,
            "value_size": SIZES,
            "max_entries": SIZES,
            "numa_node": st.sampled_from((None, 0)),
            "flags": st.sets(st.sampled_from(list(MapFlags)), max_size=3).map(
                lambda flags: MapFlags(sum(flags))
            ),
        },
    ),
)
def test_no_reason_is_known_against_what_the_kernel_makes(
    map_type: int, change: dict[str, object]
) -> None:
    spec = replace(smallest(map_type), **change)  # type: ignore[arg-type]
    if refusal(spec) is None:
        assert broken_rules(completed(spec)) == ""
