"""``bpf2py gen`` without objects: make what ``[tool.bpf2py]`` describes, once or while editing.

In: the working directory.  Out: files, lines, an exit code.  ``project`` does the work; this
shows it: a progress bar on a terminal, plain lines elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import click
from click.core import ParameterSource

from ..project import Outcome, Project, State, Status, build, find, load, modules
from ..project.modules import ObjectFile
from ..project.watch import Watcher, watched
from .main import Failure, failure

#: Options that [tool.bpf2py] has keys for; without objects they would be said twice.
_IN_THE_FILE = {
    "output_dir": "output-dir",
    "types": "types",
    "events": "events",
    "views": "views",
    "as_bytes": "bytes",
    "strip_enum_prefix": "strip-enum-prefix",
    "class_name": "class",
    "contexts": "contexts",
    "vendor": "vendor",
    "sidecar": "sidecar",
    "as_one": "as-one",
    "link": "link",
    "sections": "sections",
}


def run(ctx: click.Context, *, check: bool, typecheck: bool, watch: bool, verbose: bool) -> None:
    """Make the nearest project; exit code 1 if something could not be made or is out of date."""
    for name, key in _IN_THE_FILE.items():
        if ctx.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"without FILE, say {key} = … in [tool.bpf2py] instead")
    if watch and check:
        raise click.UsageError("--watch writes, --check does not: choose one")
    config = find(Path.cwd())
    if watch:
        _watch(config, typecheck=typecheck, verbose=verbose)
    elif not _once(config, check=check, typecheck=typecheck, verbose=verbose):
        ctx.exit(1)


def _watch(config: Path, *, typecheck: bool, verbose: bool) -> None:
    watcher = Watcher(lambda: watched(config))
    try:
        _attempt(config, typecheck=typecheck, verbose=verbose)
        click.echo(f"watching {_shown(config.parent)}; Ctrl-C ends")
        while True:
            for path in watcher.wait():
                click.echo(f"{_shown(path)}: changed")
            _attempt(config, typecheck=typecheck, verbose=verbose)
    except KeyboardInterrupt:
        click.echo()


def _attempt(config: Path, *, typecheck: bool, verbose: bool) -> None:
    """Once, in the life of a watch: whatever is wrong is shown, and may be mended."""
    try:
        _once(config, check=False, typecheck=typecheck, verbose=verbose)
    except click.ClickException as error:
        error.show()
    except (OSError, ValueError, RuntimeError) as error:
        failure(error).show()


def _once(config: Path, *, check: bool, typecheck: bool, verbose: bool) -> bool:
    """Make or check everything; whether all is well."""
    project = load(config)
    with _progress() as advance:

        def report(outcome: Outcome, jobs: int) -> None:
            _show(project, outcome)
            advance(jobs)

        outcomes = build(
            project,
            check=check,
            state=State.of(config),
            color=sys.stderr.isatty(),
            report=report,
        )
    unchanged = sum(outcome.status is Status.UNCHANGED for outcome in outcomes)
    if unchanged:
        modules_are = "module is" if unchanged == 1 else "modules are"
        click.echo(f"{unchanged} {modules_are} {'current' if check else 'unchanged'}")
    well = all(o.status in (Status.WRITTEN, Status.UNCHANGED) for o in outcomes)
    if any(outcome.status is Status.OUTDATED for outcome in outcomes):
        Failure("out of date", hint="run `bpf2py gen`, and check the result in").show()
    if verbose and not check:
        for job in (outcome.job for outcome in outcomes if outcome.error is None):
            module = _shown(project.root / job.module)
            from . import left_out

            objects = [ObjectFile.at(project.root / path) for path in job.objects]
            if job.linked:
                objects = [modules.linked(job.name, objects)]
            left_out.show(module, objects, job.target)
    if (project.typecheck or typecheck) and well:
        content, findings = modules.typecheck(o.files[0] for o in outcomes)
        if findings:
            click.echo(findings.rstrip())
            Failure("mypy --strict has findings in the generated modules").show()
            well = False
        else:
            click.echo(f"mypy --strict is content with {len(content)} of them")
    return well


def _show(project: Project, outcome: Outcome) -> None:
    module = _shown(project.root / outcome.job.module)
    click.echo(outcome.diagnostics, err=True, nl=False)
    for reason in outcome.reasons.values():
        click.echo(reason)
    match outcome.status:
        case Status.WRITTEN:
            from ..codegen import vendor

            copied = any(vendor.FOLDER in path.parts for path in outcome.files)
            beside = f", and {vendor.FOLDER}/ beside it" if copied else ""
            click.echo(f"{module}: written{beside}")
        case Status.OUTDATED:
            names = [_shown(path) for path in outcome.reasons]
            rest = f" and {len(names) - 3} more" if len(names) > 3 else ""
            click.echo(f"{', '.join(names[:3])}{rest}: out of date", err=True)
        case Status.FAILED:
            assert outcome.error is not None
            failure(outcome.error).show()
        case Status.UNCHANGED:
            pass  # counted at the end


@contextlib.contextmanager
def _progress() -> Generator[Callable[[int], None], None, None]:
    """A bar on a terminal, gone at the end; the function moves it one of so many forward."""
    if not (sys.stdout.isatty() and sys.stderr.isatty()):
        yield lambda jobs: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("making modules"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=None)
        yield lambda jobs: progress.update(task, advance=1, total=jobs)


def _shown(path: Path) -> str:
    """*path* as one would type it here: relative if it lies below."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith(os.pardir) else relative
