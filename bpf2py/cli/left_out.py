"""What ``--verbose`` adds: a line per thing of an object that its module does not have.

In: the objects, the options of their module.  Out: lines on standard output.  What is left out of
some of several objects is told with their names.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import click

from ..codegen import Options, left_out
from ..elf import own_sections, read_object
from ..elf.errors import damage_of
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
    @property
    def sections(self) -> tuple[tuple[str, str], ...]: ...


def show(module: Path | str, made_from: Sequence[ObjectFile], options: ModuleOptions) -> None:
    """Print what *module* leaves out of the objects that it was made from."""
    chosen = Options(
        types=options.types,
        events=dict(options.events),
        views=dict(options.views),
        as_bytes=options.as_bytes,
        contexts=options.contexts,
    )
    rows: dict[str, list[str]] = {}
    sections = own_sections(dict(options.sections))
    for each in made_from:
        with damage_of(each.name):
            read = read_object(each.data, name=each.name, sections=sections)
            missing = left_out(read, chosen)
        for row in missing:
            rows.setdefault(str(row), []).append(each.name)
    for text, names in rows.items():
        of = f" of {', '.join(names)}" if len(names) < len(made_from) else ""
        click.echo(f"{module}: left out{of}: {text}")
    if not rows:
        click.echo(f"{module}: nothing is left out")
