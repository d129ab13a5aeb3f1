"""Which files a project is made from, and when one of them changes.

In: a project's configuration.  Out: the changed paths, when there are some.  Files are asked for
their modification time: that works on every file system, and needs nothing but Python.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeAlias

from .config import load
from .errors import ConfigError
from .plan import inputs, plan
from .state import State

_Seen: TypeAlias = dict[Path, tuple[int, int] | None]


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
        self._seen = self._look()

    def wait(self) -> list[Path]:
        """Wait until files change, appear or vanish, and then come to rest; which ones."""
        while True:
            time.sleep(self._interval)
            if (now := self._look()) == self._seen:
                continue
            while True:
                time.sleep(self._interval / 3)
                if (later := self._look()) == now:
                    break
                now = later
            before, self._seen = self._seen, now
            paths = before.keys() | now.keys()
            if changed := sorted(path for path in paths if before.get(path) != now.get(path)):
                return changed

    def _look(self) -> _Seen:
        return {path: _stamp(path) for path in self._files()}


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size
