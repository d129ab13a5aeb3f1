"""What the running kernel can do, by trying it: for agents that choose, and for ``bpf2py features``.

In: a program type, map type, helper, kfunc or link type.  Out: yes or no.  An answer is remembered
for as long as the process lives; that a question could not be decided (rights missing, a security
module) is never a "no": it raises :class:`~bpf2py.runtime.InconclusiveError`, and is asked again
next time.  Versions are never looked at.  What the loader itself must know is in ``features.py``.

>>> from bpf2py.runtime import probes
>>> from bpf2py.uapi import MapType, ProgType
>>> probes.has_map_type(MapType.RINGBUF)
True
>>> probes.has_helper(ProgType.XDP, "bpf_get_attach_cookie")
False
"""

from __future__ import annotations

from .config import kernel_config, sysctls
from .instructions import (
    cpu_version,
    has_bounded_loops,
    has_instructions,
    has_large_programs,
)
from .kfuncs import has_kfunc, kfuncs, module_kfuncs
from .links import has_link_type, has_session
from .maps import has_map_flag, has_map_type
from .programs import has_helper, has_program_type
from .report import Answer, Report, report
from .types import has_btf, has_field

__all__ = [
    "Answer",
    "Report",
    "cpu_version",
    "has_bounded_loops",
    "has_btf",
    "has_field",
    "has_helper",
    "has_instructions",
    "has_kfunc",
    "has_large_programs",
    "has_link_type",
    "has_map_flag",
    "has_map_type",
    "has_program_type",
    "has_session",
    "kernel_config",
    "kfuncs",
    "module_kfuncs",
    "report",
    "sysctls",
]
