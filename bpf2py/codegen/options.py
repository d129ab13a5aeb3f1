"""What the user may say about a module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of one module; each may stay as it is.

    ``file_name`` is the object's, for the header; ``class_name`` replaces the one made from the
    object's name; ``package`` is where the module imports the runtime from (``bpf2py``, or the
    place of a copy).  ``types`` are C types to generate though nothing refers to them
    (``struct event`` or ``event``; for an enum also one of its values); ``events`` says which C
    type the ring buffer or perf array of that name carries; ``as_bytes`` are members
    (``event.comm``) that shall be ``bytes`` though C says ``char``; ``sidecar`` is the name of a
    file to lie beside the module with its instructions, BTF and data, which are text in it else.
    """

    file_name: str = ""
    class_name: str = ""
    package: str = "bpf2py"
    types: Sequence[str] = ()
    events: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    as_bytes: Sequence[str] = ()
    sidecar: str = ""
