"""Programs on tracepoints and kernel functions, attached where their section says.

A tracepoint program gets the record that tracefs describes, a raw tracepoint program the
tracepoint's own arguments, a BTF tracepoint program those arguments as typed pointers.
"""

from __future__ import annotations

from ...light import TYPE_CHECKING
from .base import Program

if TYPE_CHECKING:
    from typing import ClassVar

    from ..links.base import Link
    from ..links.perf_event import PerfEventLink
    from ..links.raw_tracepoint import RawTracepointLink


class Tracepoint(Program):
    """A program of ``SEC("tracepoint/category/name")``."""

    kind: ClassVar[str] = "tracepoint program"

    def attach(self, tracepoint: str | None = None, *, cookie: int | None = None) -> PerfEventLink:
        """Run at *tracepoint*, ``category/name``; where the section says if left out (4.7).

        *cookie* is what bpf_get_attach_cookie() gives the program (5.15).  Raises
        :class:`FileNotFoundError` without that tracepoint or without tracefs mounted.
        """
        from ..links.perf_event import attach_tracepoint

        return attach_tracepoint(self, self._where(tracepoint), cookie)

    def auto_attach(self) -> Link | None:
        """Attach as the section name says; None for a bare ``SEC("tracepoint")``."""
        return self.attach() if self.spec.attach_to else None

    def _where(self, tracepoint: str | None) -> str:
        where = tracepoint if tracepoint is not None else self.spec.attach_to
        category, slash, name = where.partition("/")
        if not (category and slash and name) or "/" in name or ".." in (category, name):
            raise ValueError(f"{self._what}: {where!r} is no tracepoint, say 'category/name'")
        return where


class RawTracepoint(Program):
    """A program of ``SEC("raw_tracepoint/name")``."""

    kind: ClassVar[str] = "raw tracepoint program"

    def attach(self, name: str | None = None, *, cookie: int = 0) -> RawTracepointLink:
        """Run at the raw tracepoint *name*; where the section says if left out (4.17).

        *cookie* is what bpf_get_attach_cookie() gives the program (6.10).  Raises
        :class:`FileNotFoundError` without that tracepoint.
        """
        from ..links.raw_tracepoint import attach_raw_tracepoint

        where = name if name is not None else self.spec.attach_to
        if not where:
            raise ValueError(f"{self._what}: its section does not name a tracepoint, give one")
        return attach_raw_tracepoint(self, where, cookie)

    def auto_attach(self) -> Link | None:
        """Attach as the section name says; None for a bare ``SEC("raw_tracepoint")``."""
        return self.attach() if self.spec.attach_to else None


class Tracing(Program):
    """A program whose target was fixed when it was loaded: fentry, fexit, fmod_ret, LSM."""

    kind: ClassVar[str] = "tracing program"

    def attach(self, *, cookie: int = 0) -> Link:
        """Run at the target in the section name (5.5; links and *cookie* 6.0).

        Raises :class:`OSError`.
        """
        from ..links.raw_tracepoint import attach_tracing

        return attach_tracing(self, cookie)

    def auto_attach(self) -> Link | None:
        """Attach to the target; None for a section that names none."""
        return self.attach() if self.spec.attach_to else None


class BTFTracepoint(Tracing):
    """A program of ``SEC("tp_btf/name")`` (5.5)."""

    kind: ClassVar[str] = "BTF tracepoint program"
