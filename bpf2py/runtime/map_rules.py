"""Why the kernel refuses a map, where its description alone says so.

In: the spec of a map that BPF_MAP_CREATE refused with EINVAL.  Out: a sentence, or nothing if what
is wrong cannot be told from here (the kernel may be too old, or built without).  The rules are those
of the types' map_alloc_check(), as of Linux 7.0, and hold before it: what an older kernel lacks is
never held against a spec.  ``tests/kernel/test_map_rules.py`` tries them on the kernel.
"""

from __future__ import annotations

import os

from ..light import Container, NamedTuple
from ..spec import MapSpec
from ..uapi import MapFlags, MapType
from .kernel import page_size

_T, _F = MapType, MapFlags
_MOST = 1 << 32


class _Sizes(NamedTuple):
    """The numbers that are taken, and how to call them."""

    allowed: Container[int]
    words: str


_NONE = _Sizes((0,), "0")
_SOME = _Sizes(range(1, _MOST), "at least 1")
_FOUR = _Sizes((4,), "4")
_FOUR_OR_EIGHT = _Sizes((4, 8), "4 or 8")
_STORAGE_KEY = _Sizes((8, 16), "8 or 16")
_PREFIX = _Sizes(range(5, 261), "5 to 260 (a prefix length of 4 bytes, then the data)")
_FRAMES = _Sizes(range(8, _MOST, 8), "a multiple of 8")
_INSN_VALUE = _Sizes((16,), "16")
#: How many hash functions a bloom filter has, in the lowest bits; the others must be clear.
_HASHES = _Sizes(range(16), "0 to 15 (how many hash functions it has)")
_ADDRESS = _Sizes(range(0, 1 << 64, page_size()), "an address at the beginning of a page")
_RING = _Sizes(tuple(1 << n for n in range(12, 32)), "a power of two of whole pages")

_SYSCALL = _F.RDONLY | _F.WRONLY
_ACCESS = _SYSCALL | _F.RDONLY_PROG | _F.WRONLY_PROG
_HASH_FLAGS = _F.NO_PREALLOC | _F.ZERO_SEED | _ACCESS
_NODE = _F.NUMA_NODE
_INNER = _F.INNER_MAP


class _Rule(NamedTuple):
    """What one type of map takes; ``needs`` are flags that it must have."""

    key: _Sizes
    value: _Sizes
    entries: _Sizes
    flags: MapFlags
    needs: MapFlags = MapFlags(0)
    #: Key and value must have BTF types.
    typed: bool = False
    #: ``map_extra``, which has a meaning for two types only.
    extra: _Sizes = _NONE


_FDS = _Rule(_FOUR, _FOUR, _SOME, _NODE | _SYSCALL)
_HASH = _Rule(_SOME, _SOME, _SOME, _HASH_FLAGS | _NODE)
_LRU = _Rule(_SOME, _SOME, _SOME, _F.NO_COMMON_LRU | _HASH_FLAGS | _NODE)
_QUEUE = _Rule(_NONE, _SOME, _SOME, _NODE | _ACCESS)
_RINGS = _Rule(_NONE, _NONE, _RING, _NODE | _F.RB_OVERWRITE)
_SOCKETS = _NODE | _SYSCALL
_STORAGE = _Rule(_FOUR, _SOME, _NONE, _F.NO_PREALLOC | _F.CLONE, _F.NO_PREALLOC, typed=True)
_CGROUP = _Rule(_STORAGE_KEY, _SOME, _NONE, _NODE | _ACCESS)
_DEVICES = _Rule(_FOUR, _FOUR_OR_EIGHT, _SOME, _NODE | _SYSCALL)
_RULES: dict[int, _Rule] = {
    _T.HASH: _HASH,
    _T.PERCPU_HASH: _HASH._replace(flags=_HASH_FLAGS),
    _T.LRU_HASH: _LRU,
    _T.LRU_PERCPU_HASH: _LRU._replace(flags=_F.NO_COMMON_LRU | _HASH_FLAGS),
    _T.HASH_OF_MAPS: _HASH._replace(value=_FOUR),
    _T.ARRAY: _Rule(_FOUR, _SOME, _SOME, _NODE | _ACCESS | _F.MMAPABLE | _INNER),
    _T.PERCPU_ARRAY: _Rule(_FOUR, _SOME, _SOME, _ACCESS),
    _T.PROG_ARRAY: _FDS,
    _T.CGROUP_ARRAY: _FDS,
    _T.ARRAY_OF_MAPS: _FDS,
    _T.PERF_EVENT_ARRAY: _FDS._replace(flags=_FDS.flags | _F.PRESERVE_ELEMS),
    _T.REUSEPORT_SOCKARRAY: _Rule(_FOUR, _FOUR_OR_EIGHT, _SOME, _NODE | _ACCESS),
    _T.STACK_TRACE: _Rule(_FOUR, _FRAMES, _SOME, _NODE | _SYSCALL | _F.STACK_BUILD_ID),
    _T.LPM_TRIE: _Rule(_PREFIX, _SOME, _SOME, _F.NO_PREALLOC | _NODE | _ACCESS, _F.NO_PREALLOC),
    _T.QUEUE: _QUEUE,
    _T.STACK: _QUEUE,
    _T.BLOOM_FILTER: _QUEUE._replace(flags=_QUEUE.flags | _F.ZERO_SEED, extra=_HASHES),
    _T.RINGBUF: _RINGS,
    _T.USER_RINGBUF: _RINGS._replace(flags=_NODE),
    _T.ARENA: _Rule(
        _NONE,
        _NONE,
        _SOME,
        _F.MMAPABLE | _F.SEGV_ON_FAULT | _F.NO_USER_CONV,
        _F.MMAPABLE,
        extra=_ADDRESS,
    ),
    _T.DEVMAP: _DEVICES,
    _T.DEVMAP_HASH: _DEVICES,
    _T.CPUMAP: _DEVICES._replace(flags=_NODE),
    _T.XSKMAP: _FDS,
    _T.SOCKMAP: _Rule(_FOUR, _FOUR_OR_EIGHT, _SOME, _SOCKETS),
    _T.SOCKHASH: _Rule(_SOME, _FOUR_OR_EIGHT, _SOME, _SOCKETS),
    _T.SK_STORAGE: _STORAGE,
    _T.INODE_STORAGE: _STORAGE,
    _T.TASK_STORAGE: _STORAGE,
    _T.CGRP_STORAGE: _STORAGE,
    _T.CGROUP_STORAGE: _CGROUP,
    _T.PERCPU_CGROUP_STORAGE: _CGROUP,
    _T.INSN_ARRAY: _Rule(_FOUR, _INSN_VALUE, _SOME, MapFlags(0)),
}


def broken_rules(spec: MapSpec) -> str:
    """What about *spec* no kernel takes for its type of map; empty if nothing that is known here."""
    rule = _RULES.get(spec.map_type)
    if rule is None:
        return ""
    found = [
        f"{label} must be {sizes.words}, not {number}"
        for label, sizes, number in (
            ("the key's size", rule.key, spec.key_size),
            ("the value's size", rule.value, spec.value_size),
            ("max_entries", rule.entries, spec.max_entries),
            ("map_extra", rule.extra, spec.map_extra),
        )
        if number not in sizes.allowed
    ]
    # As numbers: the complement of flags has none without a name.
    flags = int(spec.flags) & 0xFFFFFFFF | (_NODE if spec.numa_node is not None else 0)
    if unknown := flags & ~int(rule.flags):
        found.append(f"the flags must not have {_names(unknown)}")
    if lacking := int(rule.needs) & ~flags:
        found.append(f"the flags must have {_names(lacking)}")
    for both in (_SYSCALL, _F.RDONLY_PROG | _F.WRONLY_PROG):
        if not both & unknown and flags & both == both:
            found.append(f"the flags must not have both of {_names(both)}")
    if rule.typed and not (spec.key_type_id and spec.value_type_id):
        found.append("key and value must have BTF types (in C: __type(key, …), __type(value, …))")
    if not found:
        return ""
    return f"of a map of type {MapType(spec.map_type).name}, {', and '.join(found)}"


def not_here(spec: MapSpec) -> str:
    """What *spec* asks for that this machine does not have; empty if nothing that is known here."""
    node = spec.numa_node
    if node is not None and not os.path.exists(f"/sys/devices/system/node/node{node}"):
        return f"this machine has no NUMA node {node}"
    if spec.ifindex:
        return f"network device {spec.ifindex} (its ifindex) holds no maps of this kind, or is gone"
    return ""


def _names(flags: int) -> str:
    """``BPF_F_RDONLY | 0x10000000``: with the names of the headers, where there are such."""
    named = [each for each in MapFlags if flags & each]
    rest = flags & ~sum(named)
    return " | ".join([*(f"BPF_F_{each.name}" for each in named), *([hex(rest)] if rest else [])])
