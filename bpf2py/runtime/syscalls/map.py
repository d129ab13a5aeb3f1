"""Map commands of ``bpf(2)`` that run once per map: create, describe, freeze, find, pin.

In and out: plain values and owned descriptors.  Reading and writing elements is the maps' own
business (``maps/access.py``), because there the attr is prepared once and used again.
"""

from __future__ import annotations

import ctypes
import os
import struct

from ...records import dataclass
from ...uapi import Cmd, MapFlags, MapType
from . import token
from .bpf import address, bpf
from .fd import FD

# union bpf_attr of BPF_MAP_CREATE: up to numa_node, the name, ifindex to map_extra, token fields.
_CREATE = struct.Struct("=7I16s5IQiiQI")
# struct bpf_map_info: type to map_flags, the name, ifindex to map_extra.
_INFO = struct.Struct("=6I16s2I2Q4IQ")
_FREEZE = struct.Struct("=I")
_ASSOCIATE = struct.Struct("=III")
_OBJ_INFO = struct.Struct("=IIQ")
_OBJ_PATH = struct.Struct("=QII")
_ID = struct.Struct("=III")

#: What BPF_OBJ_NAME_LEN leaves for a name, without the NUL.
NAME_MAX = 15

_NAME_CHARACTERS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.")


@dataclass(slots=True, frozen=True, kw_only=True)
class MapInfo:
    """``struct bpf_map_info``: what the kernel says about a map (Linux 4.13)."""

    map_type: MapType | int
    id: int
    key_size: int
    value_size: int
    max_entries: int
    flags: MapFlags
    name: str
    ifindex: int
    btf_id: int
    btf_key_type_id: int
    btf_value_type_id: int
    map_extra: int


def kernel_name(name: str) -> bytes:
    """*name* as the kernel takes it: at most 15 bytes of letters, digits, ``_`` and ``.``.

    Other characters become ``_`` (bpf_obj_name_cpy() refuses them).
    """
    short = name[:NAME_MAX]
    if not _NAME_CHARACTERS.issuperset(short):
        short = "".join(c if c in _NAME_CHARACTERS else "_" for c in short)
    return short.encode("ascii")


def map_create(
    map_type: MapType | int,
    *,
    name: str = "",
    key_size: int,
    value_size: int,
    max_entries: int,
    flags: int = 0,
    inner_map_fd: int = 0,
    numa_node: int | None = None,
    ifindex: int = 0,
    btf_fd: int = 0,
    btf_key_type_id: int = 0,
    btf_value_type_id: int = 0,
    btf_vmlinux_value_type_id: int = 0,
    map_extra: int = 0,
    value_type_btf_obj_fd: int = 0,
    exclusive: bytes = b"",
) -> FD:
    """BPF_MAP_CREATE.  Sizes in bytes; *numa_node* and a token in use set their flags themselves.

    *exclusive* is the digest of the only program that may use the map (6.18).  The kernel gets the
    first 15 characters of *name*; errors show all of it.
    """
    if numa_node is not None:
        flags |= MapFlags.NUMA_NODE
    if token_fd := token.current():
        flags |= token.FLAG
    if value_type_btf_obj_fd:
        flags |= MapFlags.VTYPE_BTF_OBJ_FD
    digest = bytearray(exclusive)
    attr = bytearray(
        _CREATE.pack(
            int(map_type),
            key_size,
            value_size,
            max_entries,
            int(flags) & 0xFFFFFFFF,
            inner_map_fd,
            numa_node or 0,
            kernel_name(name),
            ifindex,
            btf_fd,
            btf_key_type_id,
            btf_value_type_id,
            btf_vmlinux_value_type_id,
            map_extra,
            value_type_btf_obj_fd,
            token_fd,
            address(digest) if exclusive else 0,
            len(exclusive),
        )
    )
    what = f"map {name!r}" if name else "map without a name"
    return FD(bpf(Cmd.MAP_CREATE, attr, what=what), what)


def map_info(fd: int, *, what: str) -> MapInfo:
    """BPF_OBJ_GET_INFO_BY_FD of a map."""
    info = ctypes.create_string_buffer(_INFO.size)
    bpf(
        Cmd.OBJ_GET_INFO_BY_FD,
        bytearray(_OBJ_INFO.pack(fd, _INFO.size, address(info))),
        what=what,
    )
    values = _INFO.unpack(info.raw)
    map_type, map_id, key_size, value_size, max_entries, flags, name, ifindex = values[:8]
    _, _, _, btf_id, btf_key, btf_value, _, map_extra = values[8:]
    known = MapType._value2member_map_
    return MapInfo(
        map_type=MapType(map_type) if map_type in known else map_type,
        id=map_id,
        key_size=key_size,
        value_size=value_size,
        max_entries=max_entries,
        flags=MapFlags(flags),
        name=name.split(b"\0", 1)[0].decode("ascii", "replace"),
        ifindex=ifindex,
        btf_id=btf_id,
        btf_key_type_id=btf_key,
        btf_value_type_id=btf_value,
        map_extra=map_extra,
    )


def map_freeze(fd: int, *, what: str) -> None:
    """BPF_MAP_FREEZE: no more writes from user space (Linux 5.2)."""
    bpf(Cmd.MAP_FREEZE, bytearray(_FREEZE.pack(fd)), what=what)


def associate(map_fd: int, prog_fd: int, *, what: str) -> None:
    """BPF_PROG_ASSOC_STRUCT_OPS: let a program's kfuncs know the struct_ops map (Linux 7.0)."""
    bpf(Cmd.PROG_ASSOC_STRUCT_OPS, bytearray(_ASSOCIATE.pack(map_fd, prog_fd, 0)), what=what)


def bind_map(prog_fd: int, map_fd: int, *, what: str) -> None:
    """BPF_PROG_BIND_MAP: let a program hold a map that its instructions do not name (Linux 5.10)."""
    bpf(Cmd.PROG_BIND_MAP, bytearray(_ASSOCIATE.pack(prog_fd, map_fd, 0)), what=what)


def map_by_id(map_id: int) -> FD:
    """BPF_MAP_GET_FD_BY_ID: a new descriptor of a map anywhere in the system (Linux 4.13)."""
    what = f"map with id {map_id}"
    return FD(bpf(Cmd.MAP_GET_FD_BY_ID, bytearray(_ID.pack(map_id, 0, 0)), what=what), what)


def map_ids() -> list[int]:
    """BPF_MAP_GET_NEXT_ID until the end: the id of every map in the system (Linux 4.13)."""
    ids: list[int] = []
    attr = bytearray(_ID.pack(0, 0, 0))
    while True:
        try:
            bpf(Cmd.MAP_GET_NEXT_ID, attr, what="the system's maps")
        except FileNotFoundError:
            return ids
        next_id: int = _ID.unpack(attr)[1]
        ids.append(next_id)
        _ID.pack_into(attr, 0, next_id, 0, 0)


def object_pin(fd: int, path: str | os.PathLike[str], *, what: str) -> None:
    """BPF_OBJ_PIN: give a map, program or link a name on a bpf file system (Linux 4.4)."""
    name = os.fsencode(path) + b"\0"
    text = f"{what} at {os.fspath(path)!r}"
    bpf(Cmd.OBJ_PIN, bytearray(_OBJ_PATH.pack(address(name), fd, 0)), what=text)


def object_get(path: str | os.PathLike[str], *, flags: int = 0, what: str = "object") -> FD:
    """BPF_OBJ_GET: a new descriptor of what is pinned at *path* (Linux 4.4).

    *flags* may be MapFlags.RDONLY or WRONLY, for maps.
    """
    name = os.fsencode(path) + b"\0"
    text = f"{what} pinned at {os.fspath(path)!r}"
    return FD(bpf(Cmd.OBJ_GET, bytearray(_OBJ_PATH.pack(address(name), 0, flags)), what=text), text)
