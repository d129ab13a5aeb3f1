"""Whether the kernel refused a map or program because it does not have that type at all.

In: the type of what it refused with EINVAL.  Out: the error that says so; None if it has the type, or
cannot be asked.  The kernel is asked by trying a smallest one (``probes/``); releases are only told.
"""

from __future__ import annotations

from ..light import Callable, TypeVar
from ..uapi import MapType, ProgType
from .errors import InconclusiveError, NotSupportedError

_Type = TypeVar("_Type")

#: First releases, of types that a kernel still in use may lack.
_MAPS = {
    MapType.SK_STORAGE: "5.2",
    MapType.DEVMAP_HASH: "5.4",
    MapType.STRUCT_OPS: "5.6",
    MapType.RINGBUF: "5.8",
    MapType.INODE_STORAGE: "5.10",
    MapType.TASK_STORAGE: "5.11",
    MapType.BLOOM_FILTER: "5.16",
    MapType.USER_RINGBUF: "6.1",
    MapType.CGRP_STORAGE: "6.2",
    MapType.ARENA: "6.9",
    MapType.INSN_ARRAY: "6.19",
}
_PROGRAMS = {
    ProgType.CGROUP_SYSCTL: "5.2",
    ProgType.CGROUP_SOCKOPT: "5.3",
    ProgType.TRACING: "5.5",
    ProgType.STRUCT_OPS: "5.6",
    ProgType.EXT: "5.6",
    ProgType.LSM: "5.7",
    ProgType.SK_LOOKUP: "5.9",
    ProgType.SYSCALL: "5.14",
    ProgType.NETFILTER: "6.4",
}


def lacking_map_type(map_type: MapType | int, what: str) -> NotSupportedError | None:
    """*what* names the map that was refused."""
    from .probes.maps import has_map_type

    if not isinstance(map_type, MapType) or not _lacks(has_map_type, map_type):
        return None
    return NotSupportedError(f"maps of type {map_type.name}", _MAPS.get(map_type, ""), what)


def lacking_program_type(prog_type: ProgType | int, what: str) -> NotSupportedError | None:
    """*what* names the program that was refused."""
    from .probes.programs import has_program_type

    if not isinstance(prog_type, ProgType) or not _lacks(has_program_type, prog_type):
        return None
    since = _PROGRAMS.get(prog_type, "")
    return NotSupportedError(f"programs of type {prog_type.name}", since, what)


def _lacks(has: Callable[[_Type], bool], asked: _Type) -> bool:
    try:
        return not has(asked)
    except (InconclusiveError, ValueError):
        return False
