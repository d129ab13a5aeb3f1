"""Values that views make: integers which know how they are read.

In: an ``int``.  Out: the same ``int``, exactly, with another face.  Nothing is rounded unless a
method says so, and what is imported to say it differently is imported there.
"""

from __future__ import annotations

from ...light import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime as _datetime
    from typing import ClassVar


class Hex(int):
    """An integer shown in hexadecimal by ``print`` and ``repr``; JSON has it as a number."""

    __slots__ = ()

    def __repr__(self) -> str:
        return hex(self)

    __str__ = __repr__


class Nanoseconds(int):
    """Nanoseconds as an ``int``: a duration, or the reading of a clock that nobody named.

    The difference of two is again one.
    """

    __slots__ = ()

    @property
    def seconds(self) -> float:
        """In seconds; beyond 2**53 ns (104 days) a float has no room for every nanosecond."""
        return self / 1_000_000_000

    def timedelta(self) -> _datetime.timedelta:
        """As a duration of whole microseconds, rounded down: ``datetime`` has nothing finer."""
        import datetime

        return datetime.timedelta(microseconds=self // 1000)

    def __sub__(self, other: int) -> Nanoseconds:
        return Nanoseconds(int(self) - other)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({int(self)})"

    def __str__(self) -> str:
        return int.__repr__(self)


class _Reading(Nanoseconds):
    """The reading of a clock of this machine."""

    __slots__ = ()

    _clock: ClassVar[str]

    def datetime(self) -> _datetime.datetime:
        """When that was by the real-time clock, in UTC, in whole microseconds, rounded down.

        Reckoned from what both clocks show now.  So it is only as right as the real-time clock, and
        moves when that is set; good for readings taken on this machine since it started.
        """
        import datetime
        import time

        clock: int = getattr(time, self._clock)
        before = time.clock_gettime_ns(clock)
        now = time.time_ns()
        ahead = now - (before + time.clock_gettime_ns(clock)) // 2
        epoch = datetime.datetime.fromtimestamp(0, datetime.UTC)
        return epoch + datetime.timedelta(microseconds=(self + ahead) // 1000)


class KTime(_Reading):
    """What ``bpf_ktime_get_ns()`` gives: CLOCK_MONOTONIC, which stands while the machine sleeps."""

    __slots__ = ()

    _clock = "CLOCK_MONOTONIC"


class BootTime(_Reading):
    """What ``bpf_ktime_get_boot_ns()`` gives (Linux 5.8): CLOCK_BOOTTIME, sleep counted."""

    __slots__ = ()

    _clock = "CLOCK_BOOTTIME"
