"""Map types: a smallest map is made, and closed at once.

Sizes and flags that a type insists on follow its map_alloc_check() in the kernel.
"""

from __future__ import annotations

import errno
import sys

from ...light import NamedTuple, cache
from ...uapi import MapFlags, MapType
from ..errors import InconclusiveError
from ..kernel import page_size
from ..privileges import with_memlock
from ..syscalls.bpf import ENOTSUPP
from ..syscalls.btf import btf_load
from ..syscalls.fd import FD
from ..syscalls.map import map_create

#: ``struct bpf_cgroup_storage_key``
_CGROUP_KEY = 16


class _Smallest(NamedTuple):
    key_size: int = 4
    value_size: int = 4
    #: -1: a page
    max_entries: int = 1
    flags: MapFlags = MapFlags(0)
    #: The value's type needs BTF.
    btf: bool = False


_STORAGE = _Smallest(max_entries=0, flags=MapFlags.NO_PREALLOC, btf=True)
_RING = _Smallest(0, 0, -1)
_SMALLEST: dict[MapType, _Smallest] = {
    MapType.STACK_TRACE: _Smallest(4, 32),  # a struct bpf_stack_build_id fits
    MapType.LPM_TRIE: _Smallest(8, 8, flags=MapFlags.NO_PREALLOC),
    MapType.CGROUP_STORAGE: _Smallest(_CGROUP_KEY, 8, 0),
    MapType.PERCPU_CGROUP_STORAGE: _Smallest(_CGROUP_KEY, 8, 0),
    MapType.QUEUE: _Smallest(0),
    MapType.STACK: _Smallest(0),
    MapType.BLOOM_FILTER: _Smallest(0),
    MapType.REUSEPORT_SOCKARRAY: _Smallest(4, 8),
    MapType.SK_STORAGE: _STORAGE,
    MapType.INODE_STORAGE: _STORAGE,
    MapType.TASK_STORAGE: _STORAGE,
    MapType.CGRP_STORAGE: _STORAGE,
    MapType.RINGBUF: _RING,
    MapType.USER_RINGBUF: _RING,
    MapType.ARENA: _Smallest(0, 0, 1, MapFlags.MMAPABLE),
    MapType.INSN_ARRAY: _Smallest(4, 16),
}
_PLAIN = _Smallest()
#: For each flag of BPF_MAP_CREATE, a type of map that takes it; the rest of the map is the type's.
_WITH_FLAG: dict[MapFlags, MapType] = {
    MapFlags.NO_PREALLOC: MapType.HASH,
    MapFlags.NO_COMMON_LRU: MapType.LRU_HASH,
    MapFlags.NUMA_NODE: MapType.HASH,
    MapFlags.RDONLY: MapType.HASH,
    MapFlags.WRONLY: MapType.HASH,
    MapFlags.STACK_BUILD_ID: MapType.STACK_TRACE,
    MapFlags.ZERO_SEED: MapType.HASH,
    MapFlags.RDONLY_PROG: MapType.ARRAY,
    MapFlags.WRONLY_PROG: MapType.ARRAY,
    MapFlags.CLONE: MapType.SK_STORAGE,
    MapFlags.MMAPABLE: MapType.ARRAY,
    MapFlags.PRESERVE_ELEMS: MapType.PERF_EVENT_ARRAY,
    MapFlags.INNER_MAP: MapType.ARRAY,
    MapFlags.LINK: MapType.STRUCT_OPS,
    MapFlags.SEGV_ON_FAULT: MapType.ARENA,
    MapFlags.NO_USER_CONV: MapType.ARENA,
    MapFlags.RB_OVERWRITE: MapType.RINGBUF,
}
#: Flags that say how another field is to be read, of calls of all kinds.
_NOT_FOR_MAPS = MapFlags.PATH_FD | MapFlags.VTYPE_BTF_OBJ_FD | MapFlags.TOKEN_FD
_WITH_INNER = (MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS)
_NO = (errno.EINVAL, errno.E2BIG, errno.EOPNOTSUPP, ENOTSUPP)


@cache
def has_map_type(map_type: MapType) -> bool:
    """Whether maps of this type can be created (``BPF_MAP_CREATE``).

    ``ValueError`` for UNSPEC; ``InconclusiveError`` if the kernel refuses for other reasons, such
    as missing rights.  The rules are those of libbpf_probe_bpf_map_type().
    """
    map_type = MapType(map_type)  # a number from elsewhere will do
    if map_type == MapType.UNSPEC:
        raise ValueError("UNSPEC is no type of map")
    what = f"maps of type {map_type.name}"
    try:
        with_memlock(lambda: _create(map_type, what))
    except OSError as exc:
        if exc.errno == ENOTSUPP and map_type == MapType.STRUCT_OPS:
            # It got as far as looking at the type of the value.
            return True
        if exc.errno in _NO:
            return False
        raise InconclusiveError(what, str(exc)) from exc
    return True


@cache
def has_map_flag(flag: MapFlags, map_type: MapType | None = None) -> bool:
    """Whether maps can be created with this flag: of *map_type*, or of the type it came with.

    One flag at a time.  ``ValueError`` for several, for none, and for one that is not for maps;
    ``InconclusiveError`` without the rights.  Maps with ``WRONLY`` or ``MMAPABLE`` and their like
    exist for some types only, so say which type you mean if it is not the usual one.
    """
    if flag in _NOT_FOR_MAPS or (flag not in _WITH_FLAG and map_type is None):
        raise ValueError(f"{flag!r} is no single flag of maps")
    tried = _WITH_FLAG[flag] if map_type is None else map_type
    if not has_map_type(tried):
        return False
    what = f"maps of type {tried.name} with the flag {flag.name}"
    try:
        with_memlock(lambda: _create(tried, what, flag))
    except OSError as exc:
        if exc.errno == errno.EINVAL:
            return False
        if exc.errno in (ENOTSUPP, errno.ENOENT) and tried == MapType.STRUCT_OPS:
            return True
        raise InconclusiveError(what, str(exc)) from exc
    return True


def _create(map_type: MapType, what: str, flag: MapFlags = MapFlags(0)) -> None:
    row = _SMALLEST.get(map_type, _PLAIN)
    name = f"probe of {what}"
    owned: list[FD] = []
    try:
        inner = btf = 0
        if map_type in _WITH_INNER:
            owned.append(map_create(MapType.HASH, key_size=4, value_size=4, max_entries=1))
            inner = owned[-1].fileno()
        if row.btf:
            owned.append(FD(btf_load(_int_btf(), what=name, explain=False), name))
            btf = owned[-1].fileno()
        map_create(
            map_type,
            key_size=row.key_size,
            value_size=row.value_size,
            max_entries=page_size() if row.max_entries < 0 else row.max_entries,
            flags=row.flags | flag,
            inner_map_fd=inner,
            btf_fd=btf,
            btf_key_type_id=1 if btf else 0,
            btf_value_type_id=1 if btf else 0,
            btf_vmlinux_value_type_id=1 if map_type == MapType.STRUCT_OPS else 0,
        ).close()
    finally:
        for fd in owned:
            fd.close()


def _int_btf() -> bytes:
    from ...btf import encode
    from ...btf import types as t

    return encode([t.Int("int", 4, 32, signed=True)], byte_order=sys.byteorder)
