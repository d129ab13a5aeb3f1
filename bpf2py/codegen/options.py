"""What the user may say about a module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ..records import dataclass, field
from .errors import CodegenError


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """Options of one module; each may stay as it is.

    ``file_name`` is the object's, for the header; ``class_name`` replaces the one made from the
    object's name; ``package`` is where the module imports the runtime from (``bpf2py``, or the
    place of a copy).  ``types`` are C types to generate though nothing refers to them
    (``struct event`` or ``event``; for an enum also one of its values); ``events`` says which C
    type the ring buffer or perf array of that name carries; ``views`` says what a member
    (``event.saddr``), variable, map key (``counts: key``) or type shall be (``ipv4``), the rules
    are in views.py; ``as_bytes`` are those that shall be ``bytes``.  With ``strip_enum_prefix`` the
    members of enums lose what all their names begin with, as names.py says.  ``sidecar`` is the
    name of a file to lie beside the module with its instructions, BTF and data, which are text in
    it else.
    """

    file_name: str = ""
    class_name: str = ""
    package: str = "bpf2py"
    types: Sequence[str] = ()
    events: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    views: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    as_bytes: Sequence[str] = ()
    strip_enum_prefix: bool = False
    sidecar: str = ""

    def all_views(self) -> dict[str, str]:
        """``views`` and ``as_bytes`` as one; :class:`CodegenError` for a place in both."""
        for place in self.as_bytes:
            if self.views.get(place, "bytes") != "bytes":
                raise CodegenError(f"{place}: is in views and in as_bytes: choose one")
        return {**dict.fromkeys(self.as_bytes, "bytes"), **self.views}
