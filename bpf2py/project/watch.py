"""Which files a project is made from, and when one of them changes.

In: a project's configuration.  Out: the changed paths, when there are some.  Files are asked for
their modification time: that works on every file system, and needs nothing but Python.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple, TypeAlias

from .config import load
from .errors import ConfigError
from .plan import inputs, plan
from .state import CLOCK_TICK_NS, State


class _Stamp(NamedTuple):
    """How a file looked; ``born`` is when it got its name here, or anything else of it changed."""

    modified: int
    size: int
    born: int


_Seen: TypeAlias = dict[Path, _Stamp | None]


def watched(config: Path) -> set[Path]:
    """The configuration, every source or object, the headers beside it, what it included last.

    As much of that as can be told while the configuration is wrong.
    """
    found = {config}
    try:
        project = load(config)
        found |= {project.root / path for path in inputs(project)}
        state = State.of(config)
        for job in plan(project):
            found |= {project.root / path for path in state.inputs(job.module.as_posix())}
    except (ConfigError, OSError):
        pass
    return found


class Watcher:
    """Remembers how the files looked; *files* says each time which they are."""

    def __init__(self, files: Callable[[], Iterable[Path]], *, interval: float = 0.3) -> None:
        self._files = files
        self._interval = interval
        self._looked = _now()
        self._seen = self._look()

    def wait(self) -> list[Path]:
        """Wait until files change, appear or vanish, and then come to rest; which ones."""
        while True:
            time.sleep(self._interval)
            looked, now = _now(), self._look()
            if not self._changed(now):
                continue
            while True:
                time.sleep(self._interval / 3)
                looked, later = _now(), self._look()
                if later == now:
                    break
                now = later
            changed = self._changed(now)
            self._seen, self._looked = now, looked
            return changed

    def _look(self) -> _Seen:
        return {path: _stamp(path) for path in self._files()}

    def _changed(self, now: _Seen) -> list[Path]:
        """Files that differ; one that was not watched before only if it is younger than that."""
        return sorted(
            path
            for path in self._seen.keys() | now.keys()
            if (
                self._seen[path] != now.get(path)
                if path in self._seen
                else (stamp := now[path]) and stamp.born >= self._looked
            )
        )


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return _Stamp(status.st_mtime_ns, status.st_size, status.st_ctime_ns)


def _now() -> int:
    """The time by the clock that stamps files, which ticks a hundred times a second."""
    return time.time_ns() - CLOCK_TICK_NS
