"""The run side: from a spec to maps, programs and links in the kernel.

In: an ``ObjectSpec``, from a generated module or the ELF reader.  Out: objects.  Standard library
only, relative imports only.  What is rare (BTF of the kernel, sockets, log reading) is imported
where it is used: importing this is part of the start of every tool.
"""

from __future__ import annotations

from ..light import TYPE_CHECKING
from .blob import blob, require_format
from .errors import ClosedError, InconclusiveError, NotSupportedError, VerifierError
from .loaded import Loaded
from .object import (
    DynamicObject,
    Links,
    Maps,
    Object,
    Programs,
    load,
    prepare,
)
from .typed_spec import MapSpecs, ProgramSpecs, TypedSpec

if TYPE_CHECKING:
    from .atomic import Atomic
    from .beside import sidecar
    from .codec import BootTime, Hex, KTime, Nanoseconds, pack, sizeof, unpack
    from .codec.exports import numpy_dtype, struct_format
    from .core_report import Relocation, relocations
    from .digest import layout_digest
    from .events.ringbuf import RingBuf
    from .links.base import Link
    from .links.struct_ops import StructOpsLink
    from .loaded_btf import LoadedBTF
    from .maps.arena import Arena
    from .maps.array import ArrayMap
    from .maps.base import AnyMap, Map
    from .maps.bloom import BloomFilter
    from .maps.descriptors import DescriptorMap, MapOfMaps, ProgramArray
    from .maps.hash import HashMap, LPMTrie, LRUHashMap
    from .maps.percpu import PerCPUArrayMap, PerCPUHashMap
    from .maps.queue import Queue
    from .maps.struct_ops import StructOps
    from .operations import Function, StructOpsSpec, StructOpsSpecs
    from .programs.base import Program
    from .programs.sched_cls import SchedCLS
    from .programs.socket_filter import SocketFilter
    from .programs.syscall import Syscall, SyscallResult
    from .programs.tracing import BTFTracepoint, RawTracepoint, Tracepoint, Tracing
    from .programs.xdp import XDP, XDPMode
    from .rights import load_rights
    from .syscalls.prog_run import TestRun
    from .tags import ProgramTag, program_tags
    from .token import Token, delegations
    from .variables import Constant, Data, DataSpec, Variable
    from .variants import Variant, Variants, own_layout
    from .verifier_stats import LogLevel, VerifierStats

__all__ = [
    # from a spec to an object
    "load",
    "prepare",
    "Object",
    "DynamicObject",
    "TypedSpec",
    "MapSpecs",
    "ProgramSpecs",
    "Loaded",
    "Maps",
    "Programs",
    "Link",
    "Links",
    "StructOpsLink",
    # maps
    "AnyMap",
    "Arena",
    "ArrayMap",
    "BloomFilter",
    "DescriptorMap",
    "HashMap",
    "LPMTrie",
    "LRUHashMap",
    "Map",
    "MapOfMaps",
    "PerCPUArrayMap",
    "PerCPUHashMap",
    "ProgramArray",
    "Queue",
    "RingBuf",
    "StructOps",
    # global variables
    "Atomic",
    "Constant",
    "Data",
    "DataSpec",
    "Variable",
    # struct_ops before loading
    "Function",
    "StructOpsSpec",
    "StructOpsSpecs",
    # values of generated classes as bytes
    "pack",
    "unpack",
    "sizeof",
    "struct_format",
    "numpy_dtype",
    "layout_digest",
    # values that views make
    "Nanoseconds",
    "KTime",
    "BootTime",
    "Hex",
    # programs
    "Program",
    "BTFTracepoint",
    "RawTracepoint",
    "SchedCLS",
    "SocketFilter",
    "Syscall",
    "SyscallResult",
    "Tracepoint",
    "Tracing",
    "XDP",
    "XDPMode",
    "TestRun",
    # what the kernel has
    "LoadedBTF",
    # the verifier's log of what it accepted
    "LogLevel",
    "VerifierStats",
    # rights in a user namespace
    "Token",
    "delegations",
    "load_rights",
    # what CO-RE does on a kernel
    "relocations",
    "Relocation",
    # which programs run already
    "program_tags",
    "ProgramTag",
    # errors
    "ClosedError",
    "InconclusiveError",
    "NotSupportedError",
    "VerifierError",
    # what generated modules call
    "blob",
    "sidecar",
    "require_format",
    "own_layout",
    "Variant",
    "Variants",
]

#: Where the names are that are imported when first used: no module uses all of them.
_HOMES = {
    "atomic": ("Atomic",),
    "beside": ("sidecar",),
    "codec": ("pack", "unpack", "sizeof"),
    "codec.values": ("Nanoseconds", "KTime", "BootTime", "Hex"),
    "codec.exports": ("struct_format", "numpy_dtype"),
    "core_report": ("relocations", "Relocation"),
    "digest": ("layout_digest",),
    "events.ringbuf": ("RingBuf",),
    "links.base": ("Link",),
    "links.struct_ops": ("StructOpsLink",),
    "rights": ("load_rights",),
    "loaded_btf": ("LoadedBTF",),
    "maps.arena": ("Arena",),
    "maps.array": ("ArrayMap",),
    "maps.base": ("AnyMap", "Map"),
    "maps.bloom": ("BloomFilter",),
    "maps.descriptors": ("DescriptorMap", "MapOfMaps", "ProgramArray"),
    "maps.hash": ("HashMap", "LPMTrie", "LRUHashMap"),
    "maps.percpu": ("PerCPUArrayMap", "PerCPUHashMap"),
    "maps.queue": ("Queue",),
    "maps.struct_ops": ("StructOps",),
    "operations": ("Function", "StructOpsSpec", "StructOpsSpecs"),
    "programs.base": ("Program",),
    "programs.sched_cls": ("SchedCLS",),
    "programs.socket_filter": ("SocketFilter",),
    "programs.syscall": ("Syscall", "SyscallResult"),
    "programs.tracing": ("BTFTracepoint", "RawTracepoint", "Tracepoint", "Tracing"),
    "programs.xdp": ("XDP", "XDPMode"),
    "syscalls.prog_run": ("TestRun",),
    "tags": ("ProgramTag", "program_tags"),
    "token": ("Token", "delegations"),
    "variables": ("Constant", "Data", "DataSpec", "Variable"),
    "variants": ("Variant", "Variants", "own_layout"),
    "verifier_stats": ("LogLevel", "VerifierStats"),
}
_HOME = {name: home for home, names in _HOMES.items() for name in names}

if not TYPE_CHECKING:  # the checkers see the imports above, and no other names

    def __getattr__(name):
        home = _HOME.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        module = __import__(home, globals(), None, (name,), 1)  # importlib would import warnings
        value = globals()[name] = getattr(module, name)
        return value
