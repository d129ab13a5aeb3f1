"""What the generator knows about kernel names: which class a map or a program gets, and which
members belong to the kernel.

In: numbers and names of the kernel.  Out: names that ``runtime`` provides, as text: this room may
not import it, so a test holds the two together.
"""

from __future__ import annotations

import enum

from ..records import dataclass
from ..uapi import AttachType as _A
from ..uapi import MapType as _M
from ..uapi import ProgType as _P


class Takes(enum.Enum):
    """Which codecs a map class is given, after the map itself."""

    KEY_VALUE = ("key", "value")
    KEY = ("key",)
    VALUE = ("value",)
    EVENT = ("events",)
    NOTHING = ()
    #: The key, and what makes the inner map.
    INNER = ("key", "inner")


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
    _M.PERCPU_CGROUP_STORAGE: MapClass("PerCPUHashMap", Takes.KEY_VALUE),
    _M.LPM_TRIE: MapClass("LPMTrie", Takes.KEY_VALUE),
    _M.ARRAY: MapClass("ArrayMap", Takes.VALUE),
    _M.PERCPU_ARRAY: MapClass("PerCPUArrayMap", Takes.VALUE),
    _M.QUEUE: MapClass("Queue", Takes.VALUE),
    _M.STACK: MapClass("Queue", Takes.VALUE),
    _M.RINGBUF: MapClass("RingBuf", Takes.EVENT),
    _M.USER_RINGBUF: MapClass("AnyMap", Takes.NOTHING),
    _M.BLOOM_FILTER: MapClass("BloomFilter", Takes.VALUE),
    _M.PROG_ARRAY: MapClass("ProgramArray", Takes.NOTHING),
    _M.ARRAY_OF_MAPS: MapClass("MapOfMaps", Takes.INNER),
    _M.HASH_OF_MAPS: MapClass("MapOfMaps", Takes.INNER),
    _M.SOCKMAP: MapClass("DescriptorMap", Takes.KEY),
    _M.SOCKHASH: MapClass("DescriptorMap", Takes.KEY),
    _M.XSKMAP: MapClass("DescriptorMap", Takes.KEY),
    _M.REUSEPORT_SOCKARRAY: MapClass("DescriptorMap", Takes.KEY),
    _M.CGROUP_ARRAY: MapClass("DescriptorMap", Takes.KEY),
    _M.ARENA: MapClass("Arena", Takes.NOTHING),
    _M.STRUCT_OPS: MapClass("StructOps", Takes.NOTHING),
}


#: Map types whose keys are indexes, whatever the source says of them.
INDEXED = frozenset(
    {
        _M.ARRAY_OF_MAPS,
        _M.CGROUP_ARRAY,
        _M.CPUMAP,
        _M.DEVMAP,
        _M.PERF_EVENT_ARRAY,
        _M.REUSEPORT_SOCKARRAY,
        _M.SOCKMAP,
        _M.STACK_TRACE,
        _M.XSKMAP,
    }
)

#: Map types whose ``max_entries`` is a size in bytes.
RING_BUFFERS = frozenset({_M.RINGBUF, _M.USER_RINGBUF})


def map_class(map_type: int) -> MapClass:
    """The runtime's class for that map type; the generic one if there is none of its own."""
    return MAP_CLASSES.get(map_type, _GENERIC)


#: (program type, attach type, class); the first row that fits wins, attach type ``None`` fits any.
PROGRAM_CLASSES: tuple[tuple[_P, _A | None, str], ...] = (
    (_P.SOCKET_FILTER, None, "SocketFilter"),
    (_P.XDP, None, "XDP"),
    (_P.SCHED_CLS, None, "SchedCLS"),
    (_P.TRACEPOINT, None, "Tracepoint"),
    (_P.RAW_TRACEPOINT, None, "RawTracepoint"),
    (_P.RAW_TRACEPOINT_WRITABLE, None, "RawTracepoint"),
    (_P.TRACING, _A.TRACE_RAW_TP, "BTFTracepoint"),
    (_P.TRACING, _A.TRACE_FENTRY, "Tracing"),
    (_P.TRACING, _A.TRACE_FEXIT, "Tracing"),
    (_P.TRACING, _A.MODIFY_RETURN, "Tracing"),
    (_P.TRACING, _A.TRACE_FSESSION, "Tracing"),
    (_P.LSM, _A.LSM_MAC, "Tracing"),
    (_P.SYSCALL, None, "Syscall"),
    (_P.EXT, None, "Tracing"),
)


def program_class(prog_type: int, attach_type: int | None) -> str:
    """The runtime's class for a program: ``Program`` if it has none of its own kind."""
    for row_type, row_attach, name in PROGRAM_CLASSES:
        if row_type == prog_type and row_attach in (None, attach_type):
            return name
    return "Program"


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
