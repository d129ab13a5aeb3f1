"""Programs on tracepoints, by a perf event: a link since 5.15, an ioctl before.

The event is opened for all processes on CPU 0 only: a tracepoint calls its programs for any hit,
wherever it happens (perf_trace_##call() runs the whole program array of the tracepoint).
"""

from __future__ import annotations

import errno
import os
from struct import Struct

from ...light import TYPE_CHECKING
from ...uapi import AttachType
from ..errors import NotSupportedError
from ..kernel import tracefs
from ..syscalls import perf_event
from ..syscalls.fd import FD
from ..syscalls.link import link_create
from .base import Link

if TYPE_CHECKING:
    from ..programs.base import Program

_COOKIE = Struct("=Q")


class PerfEventLink(Link):
    """A program on a perf event; owns the event too."""

    def __init__(self, fd: FD, event: FD | None, what: str) -> None:
        super().__init__(fd, what)
        #: None on kernels without links for perf events: the event is the descriptor itself.
        self._event = event
        if event is not None:
            event.what = f"perf event of {what}"

    def fileno(self) -> int:
        """The link's descriptor, still owned by this object; :class:`ClosedError` after closing.

        NotSupportedError before 5.15: there is no link, and so nothing to ask about, to pin or to
        update.
        """
        number = super().fileno()
        if self._event is None:
            raise NotSupportedError("links for perf events", "5.15", self._what)
        return number

    def close(self) -> None:
        """Give up the link: the program comes off unless the link is pinned.  Twice is harmless."""
        try:
            super().close()
        finally:
            if self._event is not None:
                self._event.close()


def tracepoint_id(tracepoint: str) -> int:
    """The number of ``category/name``; :class:`FileNotFoundError` says what is missing."""
    place = f"{tracefs()}/events/{tracepoint}/id"
    try:
        with open(place, encoding="ascii") as file:
            return int(file.read())
    except FileNotFoundError:
        category = tracepoint.partition("/")[0]
        there = os.path.isdir(f"{tracefs()}/events/{category}")
        raise FileNotFoundError(
            errno.ENOENT,
            f"the kernel has no such tracepoint; {tracefs()}/events has "
            + (f"other names in {category!r}" if there else f"no category {category!r}"),
            tracepoint,
        ) from None
    except PermissionError:
        raise PermissionError(
            errno.EACCES, f"tracefs can be read by root only ({place})", tracepoint
        ) from None


def attach_tracepoint(program: Program, tracepoint: str, cookie: int | None) -> PerfEventLink:
    """Open the tracepoint as a perf event and put the program on it."""
    what = f"{program.kind} {program.name!r} on {tracepoint!r}"
    prog_fd = program.fileno()
    number = tracepoint_id(tracepoint)
    event = FD(
        perf_event.perf_event_open(
            event_type=perf_event.TYPE_TRACEPOINT,
            config=number,
            sample_period=1,
            sample_type=perf_event.SAMPLE_RAW,
            wakeup_events=1,
            what=what,
        ),
        f"perf event of {what}",
    )
    try:
        return attach_event(prog_fd, event, cookie, what)
    except BaseException:
        event.close()
        raise


def attach_event(prog_fd: int, event: FD, cookie: int | None, what: str) -> PerfEventLink:
    """Put a program on an open perf event; the link owns *event* from then on."""
    link: FD | None
    try:
        link = FD(
            link_create(
                prog_fd,
                target=event.fileno(),
                attach_type=AttachType.PERF_EVENT,
                extra=_COOKIE.pack(cookie) if cookie else b"",
                what=what,
            ),
            what,
        )
    except OSError as exc:
        # Kernels from 5.7 to 5.14 have links but none for perf events: EINVAL.
        if exc.errno != errno.EINVAL:
            raise
        from ..features import has_perf_event_links

        if has_perf_event_links():
            raise
        if cookie is not None:
            raise NotSupportedError("cookies of perf events", "5.15", what) from exc
        perf_event.set_bpf(event.fileno(), prog_fd, what=what)
        link = None
    try:
        perf_event.enable(event.fileno(), what=what)
    except BaseException:
        if link is not None:
            link.close()
        raise
    return PerfEventLink(link or event, event if link else None, what)
