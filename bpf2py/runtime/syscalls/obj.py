"""Commands that all kinds of BPF objects share: pin, get, describe, enumerate.

In: descriptors, paths, ids.  Out: values and owned descriptors.  Information about maps is in
map.py.  The kernel fills as much of an info structure as it knows; the rest stays zero, so a field
newer than the kernel reads as 0.
"""

from __future__ import annotations

import errno
import os
from struct import Struct

from ...enums import IntEnum
from ...light import TYPE_CHECKING, Iterator, TypeVar
from ...records import dataclass
from ...uapi import AttachType, Cmd, LinkType, ProgType
from . import bpf as door
from . import token
from .fd import FD
from .map import object_get, object_pin

if TYPE_CHECKING:
    from typing import Final

E = TypeVar("E", bound=IntEnum)

_OBJ_INFO: Final = Struct("=IIQ")
_ID: Final = Struct("=III")
#: With open_flags and fd_by_id_token_fd.
_ID_BY_TOKEN: Final = Struct("=IIII")

#: struct bpf_prog_info, whole; a field per line of the header, arrays as length and address.
_PROG_INFO: Final = Struct("=II8sIIQQQIIQ16sIIQQIIQQIIQIIQQIIIIQQQQIIII")
#: struct bpf_btf_info
_BTF_INFO: Final = Struct("=QIIQII")
#: struct bpf_link_info: type, id, prog_id, hole, then 48 bytes that depend on the type.
_LINK_INFO: Final = Struct("=IIII48s")

#: Longest name the kernel gives back: a module's for BTF, a tracepoint's for links.
_NAME_ROOM: Final = 256


@dataclass(slots=True, frozen=True, kw_only=True)
class ProgramInfo:
    """``struct bpf_prog_info``: what the kernel says about a program (4.13).

    ``tag`` is the hash of the instructions in hexadecimal, ``load_time`` nanoseconds since boot,
    sizes are bytes.  ``run_time`` (ns) and ``run_count`` count while ``kernel.bpf_stats_enabled``
    is on (5.1).  ``map_ids`` are the maps it uses.
    """

    prog_type: ProgType | int
    id: int
    name: str
    tag: str
    load_time: int
    created_by_uid: int
    gpl_compatible: bool
    map_ids: tuple[int, ...]
    btf_id: int
    xlated_size: int
    jited_size: int
    func_info_count: int
    line_info_count: int
    run_time: int
    run_count: int
    recursion_misses: int
    verified_insns: int
    attach_btf_obj_id: int
    attach_btf_id: int
    ifindex: int


@dataclass(slots=True, frozen=True, kw_only=True)
class BTFInfo:
    """``struct bpf_btf_info``: ``size`` in bytes; ``kernel`` for vmlinux and modules (5.11)."""

    id: int
    size: int
    name: str
    kernel: bool


@dataclass(slots=True, frozen=True, kw_only=True)
class LinkInfo:
    """``struct bpf_link_info``: what the kernel says about a link (5.8).

    ``ifindex``, ``attach_type``, ``target`` and ``cookie`` are those of the kinds that have them,
    None for others.  ``target`` is the tracepoint's name.
    """

    link_type: LinkType | int
    id: int
    prog_id: int
    attach_type: AttachType | int | None = None
    ifindex: int | None = None
    target: str | None = None
    cookie: int | None = None


def pin(fd: int, path: str | os.PathLike[str], *, what: str) -> None:
    """BPF_OBJ_PIN: keep the object under *path* on a bpf file system (4.4)."""
    object_pin(fd, path, what=what)


#: What the kernel calls the files behind descriptors, by the word for people.
_INODES: Final = {"program": "bpf-prog", "map": "bpf-map", "link": "bpf-link", "BTF": "btf"}


def get(path: str | os.PathLike[str], kind: str) -> FD:
    """BPF_OBJ_GET: open the *kind* (``program``, ``map``, ``link``) pinned at *path* (4.4).

    :class:`ValueError` if something else is pinned there: the kernel would describe that, too, and
    the description would be read as one of a *kind*.
    """
    fd = object_get(path, what=kind)
    try:
        # A new link's file is bpf_link, one from a pin bpf-link.
        target = os.readlink(f"/proc/self/fd/{fd.fileno()}").replace("_", "-")
    except OSError:
        return fd  # no /proc
    if _INODES[kind] not in target:
        fd.close()
        found = next((word for word, inode in _INODES.items() if inode in target), target)
        raise ValueError(f"what is pinned at {os.fspath(path)!r} is a {found}, not a {kind}")
    return fd


def _info(fd: int, info: bytearray, *, what: str) -> int:
    attr = bytearray(_OBJ_INFO.pack(fd, len(info), door.address(info)))
    door.bpf(Cmd.OBJ_GET_INFO_BY_FD, attr, what=what)
    length: int = _OBJ_INFO.unpack(attr)[1]
    return length


def _known(cls: type[E], value: int) -> E | int:
    """The member for *value*, or *value* itself when a newer kernel invented it."""
    try:
        return cls(value)
    except ValueError:
        return value


def _text(raw: bytes | bytearray) -> str:
    return raw.partition(b"\0")[0].decode("utf-8", "replace")


def program_info(fd: int, *, what: str) -> ProgramInfo:
    """BPF_OBJ_GET_INFO_BY_FD of a program (4.13)."""
    info = bytearray(_PROG_INFO.size)
    _info(fd, info, what=what)
    map_ids: tuple[int, ...] = ()
    if count := _PROG_INFO.unpack(info)[9]:
        # The kernel writes the ids where a second call says, and how many there are for good.
        room = bytearray(4 * count)
        again = bytearray(_PROG_INFO.size)
        Struct("=IQ").pack_into(again, 52, count, door.address(room))
        _info(fd, again, what=what)
        info = again
        count = min(count, _PROG_INFO.unpack(info)[9])
        map_ids = Struct(f"={count}I").unpack_from(room)
    values = _PROG_INFO.unpack(info)
    return ProgramInfo(
        prog_type=_known(ProgType, values[0]),
        id=values[1],
        tag=values[2].hex(),
        jited_size=values[3],
        xlated_size=values[4],
        load_time=values[7],
        created_by_uid=values[8],
        map_ids=map_ids,
        name=_text(values[11]),
        ifindex=values[12],
        gpl_compatible=bool(values[13]),
        btf_id=values[20],
        func_info_count=values[23],
        line_info_count=values[24],
        run_time=values[32],
        run_count=values[33],
        recursion_misses=values[34],
        verified_insns=values[35],
        attach_btf_obj_id=values[36],
        attach_btf_id=values[37],
    )


def btf_info(fd: int, *, what: str) -> BTFInfo:
    """BPF_OBJ_GET_INFO_BY_FD of loaded BTF (4.18; ``name`` and ``kernel`` 5.11)."""
    name = bytearray(_NAME_ROOM)
    info = bytearray(_BTF_INFO.pack(0, 0, 0, door.address(name), len(name), 0))
    try:
        _info(fd, info, what=what)
    except OSError as exc:
        # Who does not know the name refuses the place for it.
        if exc.errno != errno.E2BIG:
            raise
        info = bytearray(_BTF_INFO.size)
        _info(fd, info, what=what)
    _, size, btf_id, _, _, kernel = _BTF_INFO.unpack(info)
    return BTFInfo(id=btf_id, size=size, name=_text(name), kernel=bool(kernel))


def btf_data(fd: int, *, what: str) -> bytes:
    """The bytes of loaded BTF, a module's without its base (4.18)."""
    size = btf_info(fd, what=what).size
    data = bytearray(size)
    info = bytearray(_BTF_INFO.pack(door.address(data), size, 0, 0, 0, 0))
    _info(fd, info, what=what)
    return bytes(data)


#: Where each type of link keeps what, in the 48 bytes: field name to offset and format.
_LINK_FIELDS: Final[dict[int, dict[str, tuple[int, str]]]] = {
    LinkType.RAW_TRACEPOINT: {"cookie": (16, "Q")},
    LinkType.TRACING: {"attach_type": (0, "I"), "cookie": (16, "Q")},
    LinkType.CGROUP: {"attach_type": (8, "I")},
    LinkType.NETNS: {"attach_type": (4, "I")},
    LinkType.XDP: {"ifindex": (0, "I")},
    LinkType.TCX: {"ifindex": (0, "I"), "attach_type": (4, "I")},
    LinkType.NETKIT: {"ifindex": (0, "I"), "attach_type": (4, "I")},
    LinkType.SOCKMAP: {"attach_type": (4, "I")},
}
_PERF_TRACEPOINT: Final = 5
#: Room for a name, for link types that give one: offset of address and length in the 48 bytes.
_LINK_NAME: Final = {LinkType.RAW_TRACEPOINT: 0, LinkType.PERF_EVENT: 8}
_NAME_FIELD: Final = Struct("=QI")


def link_info(fd: int, *, what: str) -> LinkInfo:
    """BPF_OBJ_GET_INFO_BY_FD of a link (5.8)."""
    info = bytearray(_LINK_INFO.size)
    _info(fd, info, what=what)
    link_type, link_id, prog_id, _, rest = _LINK_INFO.unpack(info)
    fields = {
        field: Struct(f"={code}").unpack_from(rest, offset)[0]
        for field, (offset, code) in _LINK_FIELDS.get(link_type, {}).items()
    }
    target: str | None = None
    if link_type == LinkType.RAW_TRACEPOINT or (
        # The kernel says since 6.6 what kind of perf event it is.
        link_type == LinkType.PERF_EVENT
        and rest[:4] == Struct("=I").pack(_PERF_TRACEPOINT)
    ):
        place = _LINK_NAME[LinkType(link_type)]
        name = bytearray(_NAME_ROOM)
        again = bytearray(_LINK_INFO.size)
        _NAME_FIELD.pack_into(again, 16 + place, door.address(name), len(name))
        _info(fd, again, what=what)
        target = _text(name)
        if link_type == LinkType.PERF_EVENT:
            fields["cookie"] = Struct("=Q").unpack_from(again, 40)[0]
    attach_type = fields.pop("attach_type", None)
    return LinkInfo(
        link_type=_known(LinkType, link_type),
        id=link_id,
        prog_id=prog_id,
        target=target,
        attach_type=None if attach_type is None else _known(AttachType, attach_type),
        **fields,
    )


def _ids(cmd: Cmd, what: str) -> Iterator[int]:
    last = 0
    while True:
        attr = bytearray(_ID.pack(last, 0, 0))
        try:
            door.bpf(cmd, attr, what=what)
        except FileNotFoundError:
            return
        last = _ID.unpack(attr)[1]
        yield last


def program_ids() -> Iterator[int]:
    """The id of every program in the system (4.13, needs CAP_SYS_ADMIN)."""
    return _ids(Cmd.PROG_GET_NEXT_ID, "the system's programs")


def btf_ids() -> Iterator[int]:
    """The id of every BTF in the system: objects', the kernel's, the modules' (5.1)."""
    return _ids(Cmd.BTF_GET_NEXT_ID, "the system's BTF")


def link_ids() -> Iterator[int]:
    """The id of every link in the system (5.8)."""
    return _ids(Cmd.LINK_GET_NEXT_ID, "the system's links")


def _by_id(cmd: Cmd, number: int, kind: str) -> FD:
    what = f"{kind} with id {number}"
    return FD(door.bpf(cmd, bytearray(_ID.pack(number, 0, 0)), 12, what=what), what)


def program_by_id(number: int) -> FD:
    """A descriptor of the program with that id (4.13); :class:`FileNotFoundError` if it is gone."""
    return _by_id(Cmd.PROG_GET_FD_BY_ID, number, "program")


def btf_by_id(number: int) -> FD:
    """A descriptor of the BTF with that id (4.18); :class:`FileNotFoundError` if it is gone."""
    if not token.current():
        return _by_id(Cmd.BTF_GET_FD_BY_ID, number, "BTF")
    what = f"BTF with id {number}"
    attr = bytearray(_ID_BY_TOKEN.pack(number, 0, token.FLAG, token.current()))
    return FD(door.bpf(Cmd.BTF_GET_FD_BY_ID, attr, what=what), what)


def link_by_id(number: int) -> FD:
    """A descriptor of the link with that id (5.8); :class:`FileNotFoundError` if it is gone."""
    return _by_id(Cmd.LINK_GET_FD_BY_ID, number, "link")
