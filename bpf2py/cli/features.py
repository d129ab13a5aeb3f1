"""``bpf2py features``: what the running kernel can do, found out by trying."""

from __future__ import annotations

import json
from collections.abc import Iterable

import click

from ..runtime.probes import Answer, Report, report

_WIDTH = 96
_TITLES: dict[Answer, str] = {"yes": "", "no": "not", "unknown": "could not tell"}


@click.command("features")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--helpers", is_flag=True, help="Also list the helpers of each program type.")
@click.option("--kfuncs", is_flag=True, help="Also list the kernel's kfuncs.")
def command(as_json: bool, helpers: bool, kfuncs: bool) -> None:
    """Show which program, map and link types, BTF, instructions, helpers and kfuncs the kernel has.

    Everything is probed, nothing is read off a version, and nothing is attached.  What cannot be
    told (rights are missing, a security module forbids it) is said so, with the reason; it is no
    "no".  The JSON document has the keys format, kernel, machine, program_types, map_types,
    link_types, btf (each: name to "yes", "no" or "unknown"), cpu_version, helpers, kfuncs, unknown.
    They keep their meaning as long as "format" stays the same number.
    """
    found = report(helpers=as_json or helpers)
    if as_json:
        document = {name: getattr(found, name) for name in Report.__annotations__}
        click.echo(json.dumps({"format": 1, **document}, indent=2))
        return
    click.echo("\n".join(lines(found, helpers=helpers, kfuncs=kfuncs)))


def lines(found: Report, *, helpers: bool, kfuncs: bool) -> Iterable[str]:
    """The report for people."""
    yield f"Linux {found.kernel}, {found.machine}"
    for title, answers in found.sections.items():
        for answer, words in _TITLES.items():
            names = [name for name, each in answers.items() if each == answer]
            if names:
                yield f"\n{title}{', ' + words if words else ''}:"
                yield from _wrapped(names)
    version = "could not tell" if found.cpu_version is None else f"-mcpu=v{found.cpu_version}"
    yield f"\nInstructions: {version}"
    if found.kfuncs is None:
        yield "\nkfuncs: could not tell"
    elif kfuncs:
        yield f"\nkfuncs, {len(found.kfuncs)}:"
        yield from _wrapped(found.kfuncs)
    else:
        yield f"\nkfuncs: {len(found.kfuncs)} (--kfuncs lists them)"
    if helpers:
        for prog_type, names in found.helpers.items():
            yield f"\nHelpers of {prog_type}, {len(names)}:"
            yield from _wrapped(names)
    if found.unknown:
        yield "\nCould not tell:"
        for what, why in found.unknown.items():
            yield f"  {what}: {why.rpartition(': could not tell: ')[2]}"


def _wrapped(names: Iterable[str]) -> Iterable[str]:
    row = " "
    for name in names:
        if len(row) + 1 + len(name) > _WIDTH:
            yield row
            row = " "
        row += f" {name}"
    yield row
