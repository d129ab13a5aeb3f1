"""Which files become which: the globs of a project as a list of jobs.

In: a :class:`Project` and what lies in its folder.  Out: a :class:`Job` per object, with paths
relative to the project's folder.  Nothing is written.
"""

from __future__ import annotations

import glob
import os
from pathlib import Path

from ..records import dataclass
from .config import Project, Target
from .errors import ConfigError
from .modules import module_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One object and its module; ``source`` is ``None`` if the object is taken as it is."""

    target: Target
    source: Path | None
    object: Path
    module: Path

    @property
    def input(self) -> Path:
        """What the user edits or puts there."""
        return self.source or self.object


def plan(project: Project) -> list[Job]:
    """Every job, in the order of the targets, inside a target by path.

    :class:`ConfigError` for a pattern without files, and where two jobs would write one file.
    """
    jobs = [job for target in project.targets for job in _jobs(project, target)]
    owners: dict[Path, Job] = {}
    for job in jobs:
        for path in (job.object, job.module) if job.source else (job.module,):
            if (other := owners.setdefault(path, job)) is not job:
                raise ConfigError(
                    f"{project.file}: {other.input} and {job.input} would both become {path}",
                    hint="give the targets an output-dir or object-dir of their own",
                )
    return jobs


def inputs(project: Project) -> list[Path]:
    """Files that the project is made from, as far as its folder shows: no header elsewhere."""
    found = {job.input for job in plan(project)}
    for target in project.targets:
        folders = {path.parent for path in found if target.sources}
        for folder in {*folders, *map(Path, target.includes)}:
            found |= {folder / name for name in glob.glob("*.h", root_dir=project.root / folder)}
    return sorted(found)


def _jobs(project: Project, target: Target) -> list[Job]:
    found: dict[Path, None] = {}
    for pattern in target.sources or target.objects:
        names = sorted(glob.glob(pattern, root_dir=project.root, recursive=True))
        if not names:
            key = "sources" if target.sources else "objects"
            raise ConfigError(f"{project.file}: {key}: no file matches {pattern!r}")
        found |= dict.fromkeys(Path(os.path.normpath(name)) for name in names)
    if target.class_name and len(found) > 1:
        raise ConfigError(
            f"{project.file}: class names the class of one object, and there are {len(found)}"
        )
    jobs: list[Job] = []
    for path in found:
        source = path if target.sources else None
        file = path
        if source is not None:
            folder = Path(target.object_dir) if target.object_dir else path.parent
            file = folder / f"{path.name.removesuffix('.c')}.o"
        output = Path(target.output_dir) if target.output_dir else path.parent
        jobs.append(
            Job(
                target=target, source=source, object=file, module=output / f"{module_name(file)}.py"
            )
        )
    return jobs
