"""What the generator knows about kernel names: which class a map or a program gets, and which
members belong to the kernel.

In: numbers and names of the kernel.  Out: names that ``runtime`` provides, as text: this room may
not import it, so a test holds the two together.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from ..uapi import AttachType as _A
from ..uapi import MapType as _M
from ..uapi import ProgType as _P


class Takes(enum.Enum):
    """Which codecs a map class is given, after the map itself."""

    KEY_VALUE = enum.auto()
    VALUE = enum.auto()
    EVENT = enum.auto()
    NOTHING = enum.auto()


@dataclass(frozen=True, slots=True)
class MapClass:
    """One class of ``bpf2py.runtime`` and what its type parameters are."""

    name: str
    takes: Takes


_GENERIC = MapClass("Map", Takes.KEY_VALUE)

MAP_CLASSES: dict[int, MapClass] = {
    _M.HASH: MapClass("HashMap", Takes.KEY_VALUE),
    _M.LRU_HASH: MapClass("LRUHashMap", Takes.KEY_VALUE),
    _M.PERCPU_HASH: MapClass("PerCPUHashMap", Takes.KEY_VALUE),
    _M.LRU_PERCPU_HASH: MapClass("PerCPUHashMap", Takes.KEY_VALUE),
    _M.ARRAY: MapClass("ArrayMap", Takes.VALUE),
    _M.PERCPU_ARRAY: MapClass("PerCPUArrayMap", Takes.VALUE),
    _M.RINGBUF: MapClass("RingBuf", Takes.EVENT),
}


def map_class(map_type: int) -> MapClass:
    """The runtime's class for that map type; the generic one if there is none of its own."""
    return MAP_CLASSES.get(map_type, _GENERIC)


#: By program type and attach type; ``None`` stands for every attach type without a row.
PROGRAM_CLASSES: dict[tuple[int, int | None], str] = {
    (_P.SOCKET_FILTER, None): "SocketFilter",
    (_P.XDP, None): "XDP",
    (_P.SCHED_CLS, None): "SchedCLS",
    (_P.TRACEPOINT, None): "Tracepoint",
    (_P.RAW_TRACEPOINT, None): "RawTracepoint",
    (_P.TRACING, _A.TRACE_RAW_TP): "BTFTracepoint",
}


def program_class(prog_type: int, attach_type: int | None) -> str:
    """The runtime's class for a program: ``Program`` if it has none of its own kind."""
    exact = PROGRAM_CLASSES.get((prog_type, attach_type))
    return exact or PROGRAM_CLASSES.get((prog_type, None)) or "Program"


#: Structs inside map values that only BPF helpers may touch: ``btf_field_type`` in <linux/bpf.h>,
#: found by name in ``btf_get_field_type()``.
KERNEL_OWNED = frozenset(
    {
        "bpf_list_head",
        "bpf_list_node",
        "bpf_rb_node",
        "bpf_rb_root",
        "bpf_refcount",
        "bpf_res_spin_lock",
        "bpf_spin_lock",
        "bpf_task_work",
        "bpf_timer",
        "bpf_wq",
    }
)

#: Tags on a pointee that make the pointer the kernel's (``btf_find_kptr()``).  Not ``uptr``: that
#: is an address the user writes.
KPTR_TAGS = frozenset({"kptr", "kptr_ref", "kptr_untrusted", "percpu_kptr"})
