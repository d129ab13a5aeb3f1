"""Make what a project asks for: compile, generate, write; several sources at once.

In: a :class:`Project`.  Out: an :class:`Outcome` per job, in the order of the plan, and files.  A
job's files appear together when all of them are made; one that fails leaves its files as they were
and does not stop the others.  The compiler runs in the project's folder, so that objects do not
depend on where that lies.
"""

from __future__ import annotations

import enum
import json
import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType

from ..records import dataclass, field
from . import output
from .compile import compile_source, dependencies, require_compiler, version, write_vmlinux
from .compiler import Compiler, host_architecture
from .config import Project, Target
from .constants import Value, agreed, read_constants
from .errors import CompileError, ConfigError
from .modules import Generated, ObjectFile, generated, linked
from .plan import Job, plan
from .state import CLOCK_TICK_NS, State, digest
from .variants import Build


class Status(enum.Enum):
    """How a job ended."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    OUTDATED = "out of date"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One job's end: what the compiler said, why it is out of date, what is wrong.

    ``files`` are those that the job owns, absolute; a copied runtime counts to the first job that
    needs it.
    """

    job: Job
    status: Status
    files: tuple[Path, ...] = ()
    diagnostics: str = ""
    reasons: Mapping[Path, str] = field(default_factory=dict[Path, str])
    error: Exception | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What a job made, not yet written."""

    module: Generated
    objects: Mapping[Path, bytes]
    inputs: Mapping[str, str]
    diagnostics: str = ""


def build(
    project: Project,
    *,
    check: bool = False,
    state: State | None = None,
    color: bool = False,
    report: Callable[[Outcome, int], object] = lambda outcome, jobs: None,
) -> list[Outcome]:
    """Make every object and module of *project*; *report* is called as each is done.

    With *check* everything is made and compared, and nothing written.  With a *state* what did
    not change since is left.  :class:`ConfigError` before anything is made; what is wrong with one
    job is in its outcome.
    """
    from concurrent.futures import ThreadPoolExecutor

    jobs = plan(project)
    outcomes: list[Outcome] = []
    maker = _Maker(project, None if check else state, color=color)
    pool = ThreadPoolExecutor(max(2, os.cpu_count() or 1))
    try:
        if not check:
            maker.prepare(jobs)
        copied: set[Path] = set()
        for job, made in [(job, pool.submit(maker.make, job)) for job in jobs]:
            try:
                outcome = maker.finish(job, made.result(), check, copied)
            except (OSError, ValueError, RuntimeError) as error:
                said = error.diagnostics if isinstance(error, CompileError) else ""
                outcome = Outcome(job=job, status=Status.FAILED, diagnostics=said, error=error)
            outcomes.append(outcome)
            report(outcome, len(jobs))
    finally:
        pool.shutdown(cancel_futures=True)
    if state and not check:
        state.save(job.module.as_posix() for job in jobs)
    return outcomes


@dataclass(slots=True)
class _Maker:
    """What the jobs of one run share."""

    project: Project
    state: State | None
    color: bool = False
    _versions: dict[str, tuple[Compiler, str]] = field(
        default_factory=dict[str, tuple[Compiler, str]]
    )
    _versions_lock: threading.Lock = field(default_factory=threading.Lock)
    #: Generating is one thread's work in CPython; meanwhile the others wait for compilers.
    _generating: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self, jobs: Iterable[Job]) -> None:
        """Write what must lie there before several jobs read it."""
        for job in jobs:
            if job.target.vmlinux:
                for folder in {source.parent for source in job.sources}:
                    write_vmlinux(self.project.root / folder / "vmlinux.h")

    def make(self, job: Job) -> _Made | None:
        """Compile and generate in memory; ``None`` if that was done before."""
        if self.state and self.state.is_current(job.module.as_posix(), self.recipe(job)):
            return None
        root = self.project.root
        files: list[ObjectFile] = []
        inputs: dict[str, str] = {}
        if not job.sources:
            for path, each in zip(job.objects, job.builds, strict=True):
                files.append(ObjectFile.at(root / path, each.arch))
                inputs[path.as_posix()] = digest(files[-1].data)
            return _Made(
                module=self._module(job, files), objects=self._shipped(job, files), inputs=inputs
            )
        import tempfile

        compiler, _ = self._compiler(job.target)
        said: dict[str, None] = {}
        constants: dict[str, Mapping[str, Value]] = {}
        for source, path, each in zip(job.sources, job.objects, job.builds, strict=True):
            begun = time.time_ns() - CLOCK_TICK_NS
            with tempfile.TemporaryDirectory(prefix="bpf2py-") as scratch:
                result, depfile = Path(scratch, path.name), Path(scratch, "depfile")
                diagnostics = compile_source(
                    compiler,
                    source,
                    result,
                    target=each.target,
                    architecture=_architecture(each),
                    extra=(*_flags(job.target, each), "-MD", "-MF", str(depfile)),
                    cwd=root,
                    color=self.color,
                )
                said[diagnostics] = None  # once, where every variant has the same warnings
                data = result.read_bytes()
                inputs |= self._digests(dependencies(depfile), begun)
            constants[path.name] = read_constants(
                compiler,
                source,
                job.target.constants,
                target=each.target,
                architecture=_architecture(each),
                extra=_flags(job.target, each),
                cwd=root,
            )
            files.append(ObjectFile.built(path.name, data, each, _architecture(each)))
        return _Made(
            module=self._module(job, files, agreed(constants)),
            objects={path: each.data for path, each in zip(job.objects, files, strict=True)}
            | self._shipped(job, files),
            inputs=inputs,
            diagnostics="".join(said),
        )

    def finish(self, job: Job, made: _Made | None, check: bool, copied: set[Path]) -> Outcome:
        """Write what was made, or compare it; *copied* are folders with a runtime's copy."""
        module = self.project.root / job.module
        texts: dict[Path, str] = {}
        stale: list[Path] = []
        if job.target.vendor and module.parent not in copied:
            from ..codegen import vendor

            folder = module.parent / vendor.FOLDER
            vendor.require_ours(folder)
            texts = {folder / name: text for name, text in vendor.files().items()}
            stale = vendor.left_over(folder)
            copied.add(module.parent)
        objects: dict[Path, bytes] = {}
        if made is not None:
            texts[module] = made.module.text
            objects = {self.project.root / path: data for path, data in made.objects.items()}
            objects |= made.module.bytes_beside(module)
            stale += made.module.left_beside(module)
        files = (module, *objects, *(path for path in texts if path != module))
        reasons = output.reasons(texts, objects, stale) if check else {}
        if check:
            status = Status.OUTDATED if reasons else Status.UNCHANGED
        else:
            written = output.publish_all(texts, objects, stale)
            status = Status.WRITTEN if written else Status.UNCHANGED
            if made and self.state:
                self._record(job, made)
        said = made.diagnostics if made else ""
        return Outcome(job=job, status=status, files=files, diagnostics=said, reasons=reasons)

    def recipe(self, job: Job) -> str:
        """The digest of all that decides what becomes of the inputs."""
        how: list[object] = [[path.as_posix() for path in job.objects], repr(job.target)]
        if job.target.vendor:
            from ..codegen import vendor

            how.append(vendor.import_name((self.project.root / job.module).parent))
        if job.target.kernels:
            from .hub import listing

            where = self.project.root / job.target.kernels
            how.append(listing(where) if where.exists() else [])
        if job.sources:
            compiler, its_version = self._compiler(job.target)
            how.append(its_version)
            for source, path, each in zip(job.sources, job.objects, job.builds, strict=True):
                how += [
                    compiler.arguments(
                        source,
                        path,
                        target=each.target,
                        architecture=_architecture(each),
                        extra=_flags(job.target, each),
                    ),
                    compiler.strip_command(path),
                ]
        return digest(json.dumps(how).encode())

    def _compiler(self, target: Target) -> tuple[Compiler, str]:
        with self._versions_lock:
            if target.clang not in self._versions:
                found = require_compiler(target.clang or os.environ.get("CLANG"))
                self._versions[target.clang] = found, version(found)
            return self._versions[target.clang]

    def _module(
        self,
        job: Job,
        objects: list[ObjectFile],
        constants: Mapping[str, Value] = MappingProxyType({}),
    ) -> Generated:
        target = job.target
        with self._generating:
            return generated(
                [linked(job.name, objects)] if job.linked else objects,
                module=self.project.root / job.module,
                name="" if job.linked else job.name,
                vendored=target.vendor,
                sidecar=target.sidecar,
                class_name=target.class_name,
                types=target.types,
                events=dict(target.events),
                views=dict(target.views),
                as_bytes=target.as_bytes,
                contexts=target.contexts,
                constants=constants,
                strip_enum_prefix=target.strip_enum_prefix,
                sections=dict(target.sections),
            )

    def _shipped(self, job: Job, objects: list[ObjectFile]) -> dict[Path, bytes]:
        """The archive of reduced BTF beside the module, if the target names kernels.

        Who builds from what was released has the archive and not the gigabytes it is made of.
        """
        if not job.target.kernels:
            return {}
        path = job.module.with_name(job.module.stem.removesuffix("_bpf") + "_btf.tar.xz")
        hub = self.project.root / job.target.kernels
        if not hub.exists():
            there = self.project.root / path
            if there.exists():
                return {path: there.read_bytes()}
            raise ConfigError(
                f"kernels: {hub} is not there, and {path} was not made before",
                hint="get BTFHub's archive, or the BTF of the kernels that you mean, into it",
            )
        from ..elf import read_object
        from .hub import all_reduced, needs_of, packed

        with self._generating:
            needs = [
                needs_of(read_object(each.data, name=each.name), each.name) for each in objects
            ]
            return {path: packed(all_reduced(hub, needs))}

    def _digests(self, paths: Iterable[Path], begun: int) -> dict[str, str]:
        """Contents by path; empty content for what changed while it was read, to be made again."""
        found: dict[str, str] = {}
        for path in paths:
            file = self.project.root / path
            data = file.read_bytes()
            found[path.as_posix()] = digest(data) if file.stat().st_mtime_ns < begun else ""
        return found

    def _record(self, job: Job, made: _Made) -> None:
        assert self.state is not None
        outputs = {job.module.as_posix(): digest((self.project.root / job.module).read_bytes())}
        beside = made.module.bytes_beside(job.module)
        for path, data in (*made.objects.items(), *beside.items()):
            outputs[path.as_posix()] = digest(data)
        self.state.record(job.module.as_posix(), self.recipe(job), made.inputs, outputs)


def _flags(target: Target, build: Build) -> tuple[str, ...]:
    return (*(f"-I{folder}" for folder in target.includes), *target.cflags, *build.flags)


def _architecture(build: Build) -> str:
    found = build.arch or host_architecture()
    if found is None:
        raise CompileError(
            "this machine's registers have no name in bpf_tracing.h", hint="say arch = …"
        )
    return found
