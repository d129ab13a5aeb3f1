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
    MapType.STACK_TRACE: _Smallest(4, 8),
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
_WITH_INNER = (MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS)
_NO = (errno.EINVAL, errno.E2BIG, errno.EOPNOTSUPP, ENOTSUPP)


@cache
def has_map_type(map_type: MapType) -> bool:
    """Whether maps of this type can be created (``BPF_MAP_CREATE``).

    ``ValueError`` for UNSPEC; ``InconclusiveError`` if the kernel refuses for other reasons, such
    as missing rights.  The rules are those of libbpf_probe_bpf_map_type().
    """
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


def _create(map_type: MapType, what: str) -> None:
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
            flags=row.flags,
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
