"""``bpf2py features``: what the running kernel can do, found out by trying."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable

import click

from ..runtime.privileges import drop_capabilities
from ..runtime.probes import Answer, Report, report

_WIDTH = 79
_TITLES: dict[Answer, str] = {"yes": "", "no": "not there", "unknown": "could not tell"}


@click.command("features")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option("--helpers", is_flag=True, help="Also list the helpers of each program type.")
@click.option("--kfuncs", is_flag=True, help="Also list the kernel's kfuncs.")
@click.option("--macros", is_flag=True, help="Print a C header, with bpftool's names.")
@click.option("--prefix", default="", metavar="PREFIX", help="What macros begin with.")
@click.option(
    "--unprivileged", is_flag=True, help="Drop all capabilities first: what other users can do."
)
def command(
    as_json: bool, helpers: bool, kfuncs: bool, macros: bool, prefix: str, unprivileged: bool
) -> None:
    """Show which program, map and link types, flags, BTF, instructions, helpers and kfuncs the
    kernel has, how it was built and set up.

    Everything is probed, nothing is read off a version, and nothing is attached.  What cannot be
    told (rights are missing, a security module forbids it) is said so, with the reason; it is no
    "no".  With --unprivileged it is: what is refused for want of rights is not there then.

    The JSON document has the keys format, kernel, machine, program_types, map_types, link_types,
    map_flags, btf, instructions, misc (each: name to "yes", "no" or "unknown"), cpu_version,
    helpers, kfuncs, settings, config, unknown.  They keep their meaning as long as "format" stays
    the same number.
    """
    if macros and as_json:
        raise click.UsageError("--macros and --json are two forms; take one")
    if prefix and not macros:
        raise click.UsageError("--prefix is for --macros")
    if prefix and not (prefix.isascii() and prefix.isidentifier()):
        raise click.BadParameter(f"{prefix!r} cannot begin a C name", param_hint="--prefix")
    if unprivileged:
        drop_capabilities()  # of this process, which does nothing else after this
    found = report(
        helpers=as_json or helpers or macros, refused="no" if unprivileged else "unknown"
    )
    if macros:
        from .feature_macros import macros as as_macros

        click.echo("\n".join(as_macros(found, prefix)))
        return
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
    if any(value is not None for value in found.settings.values()):
        yield "\nSettings:"
        for name, value in found.settings.items():
            yield f"  {name}: {'could not be read' if value is None else value}"
    if found.config is not None:
        yield "\nKernel configuration:"
        yield from _wrapped(f"{k}={v}" for k, v in found.config.items() if v is not None)
        yield "\nKernel configuration, not set:"
        yield from _wrapped(k for k, v in found.config.items() if v is None)
    version = "could not tell" if found.cpu_version is None else f"-mcpu=v{found.cpu_version}"
    yield f"\nInstructions for clang: {version}"
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
        reasons: dict[str, list[str]] = {}
        for what, why in found.unknown.items():
            reasons.setdefault(why.rpartition(": could not tell: ")[2], []).append(what)
        for why, names in reasons.items():
            text = f"{', '.join(names)}: {why}"
            yield from textwrap.wrap(
                text, _WIDTH, initial_indent="  ", subsequent_indent="    ", break_long_words=False
            )


def _wrapped(names: Iterable[str]) -> Iterable[str]:
    row = " "
    for name in names:
        if len(row) + 1 + len(name) > _WIDTH:
            yield row
            row = " "
        row += f" {name}"
    yield row
