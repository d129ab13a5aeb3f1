"""What was made last time, and from what: so that only what changed is made again.

In: content digests.  Out: one JSON file per project in the user's cache folder, never in the
project.  It is a cache: a missing, damaged or foreign file means that everything is made again,
and one that cannot be written is left.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from . import kept, output
from .folders import cache_folder

#: Of the file.
_FORMAT = "2"

#: Files are stamped by a clock that may be this late: what is younger may be old or new.
CLOCK_TICK_NS = 10_000_000


def digest(data: bytes) -> str:
    """The digest by which contents are compared."""
    return hashlib.sha256(data).hexdigest()


class State:
    """The record of one project: per job its recipe, inputs and outputs."""

    def __init__(self, file: Path, root: Path) -> None:
        self._file = file
        self._root = root
        self._jobs = _read(file)
        self._digests: dict[str, str | None] = {}

    @classmethod
    def of(cls, config: Path) -> State:
        """The record of the project that the file *config* describes."""
        name = digest(str(config).encode())[:16]
        return cls(cache_folder() / "projects" / f"{name}.json", config.parent)

    def is_current(self, job: str, recipe: str) -> bool:
        """Whether *job* was made by *recipe* from what still lies there, and so does its output."""
        last = self._jobs.get(job)
        return (
            last is not None
            and last["recipe"] == recipe
            and all(
                self._digest(path) == was
                for files in (last["inputs"], last["outputs"])
                for path, was in files.items()
            )
        )

    def inputs(self, job: str) -> Iterable[str]:
        """What *job* was made from last time."""
        last = self._jobs.get(job)
        return last["inputs"] if last else ()

    def record(
        self, job: str, recipe: str, inputs: Mapping[str, str], outputs: Mapping[str, str]
    ) -> None:
        """Note what *job* was made from; paths are relative to the project's folder or absolute."""
        self._jobs[job] = {"recipe": recipe, "inputs": dict(inputs), "outputs": dict(outputs)}

    def save(self, jobs: Iterable[str]) -> None:
        """Write the record, without what is none of *jobs*."""
        wanted = set(jobs)
        kept = {job: last for job, last in self._jobs.items() if job in wanted}
        text = json.dumps({"format": _format(), "root": str(self._root), "jobs": kept}, indent=1)
        with contextlib.suppress(OSError):
            output.write_atomically(self._file, text)

    def _digest(self, path: str) -> str | None:
        if path not in self._digests:
            try:
                self._digests[path] = digest((self._root / path).read_bytes())
            except OSError:
                self._digests[path] = None
        return self._digests[path]


def _format() -> list[str]:
    """What must agree: another generator may make something else from the same inputs."""
    return [_FORMAT, kept.generator().hex()]


def _read(file: Path) -> dict[str, dict[str, Any]]:
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
        if document["format"] != _format():
            return {}
        jobs: dict[str, dict[str, Any]] = document["jobs"]
        for job in jobs.values():
            assert isinstance(job["recipe"], str)
            assert isinstance(job["inputs"], dict)
            assert isinstance(job["outputs"], dict)
        return jobs
    except (OSError, ValueError, KeyError, TypeError, AttributeError, AssertionError):
        return {}
