"""What the source puts into maps beside data: other maps, programs, functions for the kernel.

In: a spec; its maps and programs, loaded.  Out: nothing; slots are written.  Follows
init_map_in_map_slots(), init_prog_array_slots() and bpf_map_prepare_vdata() of libbpf.  What
cannot be put somewhere is an error that names the slot; the loader then undoes everything.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from ..spec import MapSpec, ObjectSpec
from ..uapi import Cmd, MapType
from .maps.handle import MapHandle

if TYPE_CHECKING:
    from .programs.base import LoadedProgram
    from .struct_ops import Plan

_OUTER = (MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS)


def require_fillable(spec: ObjectSpec) -> None:
    """Refuse values and functions for maps that take none, before anything is created."""
    for each in spec.maps.values():
        if each.values and each.map_type not in (*_OUTER, MapType.PROG_ARRAY):
            raise ValueError(
                f"map {each.name!r} has values in its spec, but only maps of maps and arrays of "
                "programs can have some"
            )
        if each.functions and each.map_type != MapType.STRUCT_OPS:
            raise ValueError(f"map {each.name!r} has functions in its spec, but is no struct_ops")


def fill_maps_of_maps(
    spec: ObjectSpec, maps: Mapping[str, MapHandle], new: Collection[MapHandle]
) -> None:
    """Put maps into the maps of maps among *new*; one that was found pinned keeps what it has."""
    for map_name, each in spec.maps.items():
        if each.map_type in _OUTER and maps[map_name] in new:
            for slot, name in each.values.items():
                inner = maps.get(name)
                if inner is None:
                    raise _unknown(each, slot, "map", name, maps)
                if not inner.created:
                    raise ValueError(_cannot(each, slot, f"map {name!r}", "autocreate"))
                _put(maps[map_name], each, slot, inner.fileno(), f"map {name!r}")


def fill_with_programs(
    spec: ObjectSpec,
    maps: Mapping[str, MapHandle],
    programs: Mapping[str, LoadedProgram],
    plan: Plan | None,
) -> None:
    """Put programs into arrays of programs and into what struct_ops maps will be given."""
    for map_name, each in spec.maps.items():
        handle = maps[map_name]
        if each.map_type == MapType.PROG_ARRAY and handle.created:
            for slot, name in each.values.items():
                program = programs.get(name)
                if program is None:
                    raise _unknown(each, slot, "program", name, programs)
                if program.fd is None:
                    raise ValueError(_cannot(each, slot, f"program {name!r}", "autoload"))
                _put(handle, each, slot, program.fd.fileno(), f"program {name!r}")
    for map_name, kernel in (plan.structs if plan else {}).items():
        from .maps.struct_ops import StructOpsHandle

        for at, name in kernel.functions:
            fd = programs[name].fd
            assert fd is not None  # the plan made the loader load it
            kernel.value[at : at + 8] = fd.fileno().to_bytes(8, sys.byteorder)
        operations = maps[map_name]
        if isinstance(operations, StructOpsHandle):
            operations.value = kernel.value


def fill_with_contents(spec: MapSpec, handle: MapHandle) -> None:
    """Put the ``contents`` of *spec* into a map that was just made."""
    if spec.map_type in (*_OUTER, MapType.PROG_ARRAY, MapType.STRUCT_OPS):
        raise ValueError(
            f"map {spec.name!r} has contents in its spec, but takes no bytes: see values, functions"
        )
    for key, value in spec.contents.items():
        for what, given, size in (
            ("key", key, spec.key_size),
            ("value", value, spec.value_size),
        ):
            if len(given) != size:
                raise ValueError(
                    f"map {spec.name!r}: contents with a {what} of {len(given)} bytes, {size} it is"
                )
        # Per CPU, each value is rounded up to 8 bytes.
        stride = len(value) if handle.room == len(value) else (len(value) + 7) // 8 * 8
        room = bytearray(value.ljust(stride, b"\0") * (handle.room // stride))
        handle.elem(Cmd.MAP_UPDATE_ELEM, bytearray(key) if key else None, room)


def _put(outer: MapHandle, spec: MapSpec, slot: int, fd: int, what: str) -> None:
    if not 0 <= slot < 1 << 32:
        raise ValueError(f"map {spec.name!r}: {slot} is no slot")
    key, value = bytearray(struct.pack("=I", slot)), bytearray(struct.pack("=I", fd))
    if outer.key_size != len(key):
        raise ValueError(f"map {spec.name!r}: only keys of 4 bytes can be filled from its spec")
    try:
        outer.elem(Cmd.MAP_UPDATE_ELEM, key, value)
    except OSError as exc:
        why = exc.strerror
        if slot >= outer.max_entries and spec.map_type != MapType.HASH_OF_MAPS:
            why = f"it has {outer.max_entries} slots"
        elif spec.map_type in _OUTER:
            why = f"{why}; the map must be like the inner map of the definition"
        elif spec.map_type == MapType.PROG_ARRAY:
            why = f"{why}; all programs of an array must be of one type"
        raise OSError(
            exc.errno, f"{what} cannot be put into slot {slot}: {why}", f"map {spec.name!r}"
        ) from None


def _unknown(
    spec: MapSpec, slot: int, kind: str, name: str, there: Mapping[str, object]
) -> ValueError:
    return ValueError(
        f"map {spec.name!r}: slot {slot} is to hold {kind} {name!r}, which the object does not have;"
        f" there are: {', '.join(there) or 'none'}"
    )


def _cannot(spec: MapSpec, slot: int, what: str, switch: str) -> str:
    return (
        f"map {spec.name!r}: slot {slot} is to hold {what}, whose {switch} is off; take it out of "
        f"spec.maps[{spec.name!r}].values"
    )
