"""Which files become which: the globs of a project as a list of jobs.

In: a :class:`Project` and what lies in its folder.  Out: a :class:`Job` per module, with paths
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
from .variants import Build, builds, split_arch


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One module and its objects; ``sources`` is empty if those are taken as they are.

    ``sources`` and ``builds`` say how each object is compiled; without sources, the latter only
    what it is for.  ``name`` is what several objects are called together: variants, or, if
    ``linked``, parts of one.
    """

    target: Target
    sources: tuple[Path, ...]
    objects: tuple[Path, ...]
    builds: tuple[Build, ...]
    module: Path
    name: str = ""
    linked: bool = False

    @property
    def inputs(self) -> tuple[Path, ...]:
        """What the user edits or puts there."""
        return tuple(dict.fromkeys(self.sources)) or self.objects


def plan(project: Project) -> list[Job]:
    """Every job, in the order of the targets, inside a target by path.

    :class:`ConfigError` for a pattern without files, and where two jobs would write one file.
    """
    jobs = [job for target in project.targets for job in _jobs(project, target)]
    owners: dict[Path, Job] = {}
    for job in jobs:
        for path in (*job.objects, job.module) if job.sources else (job.module,):
            if (other := owners.setdefault(path, job)) is not job:
                raise ConfigError(
                    f"{project.file}: {other.inputs[0]} and {job.inputs[0]} would both become "
                    f"{path}",
                    hint="give the targets an output-dir or object-dir of their own",
                )
    return jobs


def inputs(project: Project) -> list[Path]:
    """Files that the project is made from, as far as its folder shows: no header elsewhere."""
    found = {path for job in plan(project) for path in job.inputs}
    for target in project.targets:
        folders = {path.parent for path in found if target.sources}
        for folder in {*folders, *map(Path, target.includes)}:
            found |= {folder / name for name in glob.glob("*.h", root_dir=project.root / folder)}
    return sorted(found)


def _jobs(project: Project, target: Target) -> list[Job]:
    found: dict[Path, str] = {}
    for pattern in target.sources or target.objects:
        arch, pattern = ("", pattern) if target.sources else split_arch(pattern)
        names = sorted(glob.glob(pattern, root_dir=project.root, recursive=True))
        if not names:
            key = "sources" if target.sources else "objects"
            raise ConfigError(f"{project.file}: {key}: no file matches {pattern!r}")
        found |= {Path(os.path.normpath(name)): arch for name in names}
    if target.class_name and len(found) > 1 and not (target.as_one or target.link):
        raise ConfigError(
            f"{project.file}: class names the class of one object, and there are {len(found)}"
        )
    if target.sources:
        try:
            ways = builds(target.target, target.arch, target.cpu)
        except ValueError as error:
            raise ConfigError(f"{project.file}: {error}") from None
        jobs = [_compiled(target, source, ways) for source in found]
        return [_linked(target, jobs)] if target.link else jobs
    if name := target.as_one or target.link:
        return [_ready(target, tuple(found), tuple(found.values()), f"{name}.bpf.o", name)]
    return [_ready(target, (path,), (arch,), path.name, "") for path, arch in found.items()]


def _compiled(target: Target, source: Path, ways: tuple[Build, ...]) -> Job:
    folder = Path(target.object_dir) if target.object_dir else source.parent
    output = Path(target.output_dir) if target.output_dir else source.parent
    usual = Build().object_name(source)
    return Job(
        target=target,
        sources=(source,) * len(ways),
        objects=tuple(folder / each.object_name(source) for each in ways),
        builds=ways,
        module=output / f"{module_name(Path(usual))}.py",
        name=usual.partition(".")[0] if len(ways) > 1 else "",
    )


def _linked(target: Target, parts: list[Job]) -> Job:
    """One job of those of several sources, each with one object."""
    output = Path(target.output_dir) if target.output_dir else parts[0].module.parent
    return Job(
        target=target,
        sources=tuple(source for part in parts for source in part.sources),
        objects=tuple(path for part in parts for path in part.objects),
        builds=tuple(build for part in parts for build in part.builds),
        module=output / f"{module_name(Path(f'{target.link}.bpf.o'))}.py",
        name=target.link,
        linked=True,
    )


def _ready(
    target: Target, objects: tuple[Path, ...], archs: tuple[str, ...], file_name: str, name: str
) -> Job:
    output = Path(target.output_dir) if target.output_dir else objects[0].parent
    return Job(
        target=target,
        sources=(),
        objects=objects,
        builds=tuple(Build(arch=arch) for arch in archs),
        module=output / f"{module_name(Path(file_name))}.py",
        name=name,
        linked=bool(target.link),
    )
