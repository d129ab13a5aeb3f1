"""The run side: from a spec to maps, programs and links in the kernel.

In: an ``ObjectSpec``, from a generated module or the ELF reader.  Out: objects.  Standard library
only, relative imports only.  What is rare (BTF of the kernel, sockets, log reading) is imported
where it is used: importing this is part of the start of every tool.
"""

from __future__ import annotations

from .blob import blob, require_format
from .errors import ClosedError, NotSupportedError, VerifierError
from .loaded import Loaded
from .object import (
    DynamicObject,
    Links,
    Maps,
    MapSpecs,
    Object,
    Programs,
    ProgramSpecs,
    TypedSpec,
    load,
)
from .programs import (
    XDP,
    BTFTracepoint,
    Program,
    RawTracepoint,
    SchedCLS,
    SocketFilter,
    Tracepoint,
    Tracing,
)
from .programs.xdp import XDPMode

__all__ = [
    # from a spec to an object
    "load",
    "Object",
    "DynamicObject",
    "TypedSpec",
    "MapSpecs",
    "ProgramSpecs",
    "Loaded",
    "Maps",
    "Programs",
    "Links",
    # programs
    "Program",
    "BTFTracepoint",
    "RawTracepoint",
    "SchedCLS",
    "SocketFilter",
    "Tracepoint",
    "Tracing",
    "XDP",
    "XDPMode",
    # errors
    "ClosedError",
    "NotSupportedError",
    "VerifierError",
    # what generated modules call
    "blob",
    "require_format",
]
