"""What ``--verbose`` adds: a line per thing of an object that its module does not have.

In: an object, the options of its module.  Out: lines on standard output.  Of several objects in
one module the first speaks for all.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import click

from ..codegen import Options, left_out
from ..elf import read_object
from ..project.modules import ObjectFile


class ModuleOptions(Protocol):
    """What decides which types a module has; ``gen``'s options and a project's targets say it."""

    @property
    def types(self) -> tuple[str, ...]: ...
    @property
    def events(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def views(self) -> tuple[tuple[str, str], ...]: ...
    @property
    def as_bytes(self) -> tuple[str, ...]: ...
    @property
    def contexts(self) -> bool: ...


def show(module: Path | str, made_from: ObjectFile, options: ModuleOptions) -> None:
    """Print what *module* leaves out of the object that it was made from."""
    rows = left_out(
        read_object(made_from.data, name=made_from.name),
        Options(
            types=options.types,
            events=dict(options.events),
            views=dict(options.views),
            as_bytes=options.as_bytes,
            contexts=options.contexts,
        ),
    )
    for row in rows:
        click.echo(f"{module}: left out: {row}")
    if not rows:
        click.echo(f"{module}: nothing is left out")
