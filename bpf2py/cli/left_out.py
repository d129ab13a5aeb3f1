"""What ``--verbose`` adds: a line per thing of an object that its module does not have.

In: an object file, the options of its module.  Out: lines on standard output.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import click

from ..codegen import Options, left_out
from ..elf import read_object


class ModuleOptions(Protocol):
    """What decides which types a module has; ``gen``'s options and a project's targets say it."""

    @property
    def types(self) -> tuple[str, ...]: ...
    @property
    def events(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def as_bytes(self) -> tuple[str, ...]: ...
    @property
    def contexts(self) -> bool: ...


def show(module: Path | str, file: Path, options: ModuleOptions) -> None:
    """Print what *module*, made from the object *file*, leaves out."""
    rows = left_out(
        read_object(file.read_bytes(), name=file.name),
        Options(
            types=options.types,
            events=dict(options.events),
            as_bytes=options.as_bytes,
            contexts=options.contexts,
        ),
    )
    for row in rows:
        click.echo(f"{module}: left out: {row}")
    if not rows:
        click.echo(f"{module}: nothing is left out")
