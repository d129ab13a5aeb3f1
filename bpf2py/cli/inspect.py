"""``bpf2py inspect``: what a compiled object contains, as tables or as JSON.

The object is read, never loaded; the kernel is asked for nothing but its BTF, for ``--relocations``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..elf import own_sections, read_object
from ..elf.errors import damage_of
from .describe import describe
from .gen import SECTION_OPTION

if TYPE_CHECKING:
    from rich.console import Console

#: Longer values are cut in the tables; ``--json`` has them whole.
_MAX_VALUE = 48
_MAX_REASONS = 3


@click.command("inspect")
@click.argument(
    "file", metavar="FILE.o", type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")
@click.option(
    "--relocations",
    is_flag=True,
    help="Show what becomes of each CO-RE relocation on a kernel; needs no rights.",
)
@click.option(
    "--btf",
    type=click.Path(path_type=Path, exists=True),
    metavar="FILE|DIR",
    help="With --relocations: that kernel's BTF, not the running one's; or a folder or archive of "
    "many, as BTFHub has it.",
)
@SECTION_OPTION
def command(
    file: Path,
    as_json: bool,
    relocations: bool,
    btf: Path | None,
    sections: tuple[tuple[str, str], ...],
) -> None:
    """Show maps, programs, variables, types and CO-RE relocations of a compiled object.

    The last table says what the module lacks that `bpf2py gen` makes without options, and what
    brings it in.

    With --json the document has the keys format, name, byte_order, license, sha256, maps,
    programs, capabilities, variables, externs, types, views, left_out, refused and
    core_relocations.  They keep their meaning as long as "format" stays the same number.

    With --relocations there is another document, with the keys format, name and kernels; each
    kernel has the number of each outcome and the relocations.  Outcomes are "same", "changed"
    (another number is written), "absent" (the program asks whether the kernel has it, and it has
    not), "missing" (the kernel refuses the program if this instruction can be reached) and
    "refused" (it does not load).
    """
    if btf is not None and not relocations:
        raise click.UsageError("--btf goes with --relocations")
    rows = own_sections(dict(sections))
    spec = read_object(file.read_bytes(), name=file.name, sections=rows)
    if relocations:
        from . import relocations as reports

        document, show_it = reports.report(spec, btf), reports.show
    else:
        with damage_of(str(file)):
            document, show_it = describe(spec), show
    if as_json:
        click.echo(json.dumps(document, indent=2))
        return
    from rich.console import Console

    console = Console()
    if not console.is_terminal:
        # a pipe has no width: nothing is wrapped, so that every row stays one line
        console = Console(width=10_000)
    show_it(console, document)


def show(console: Console, document: dict[str, Any]) -> None:
    """Print the document as tables; those without rows are left out."""
    from rich.text import Text

    console.print(
        Text(
            f"{document['name']}: {document['byte_order']}-endian, "
            f"license {document['license'] or 'none'}, sha256 {document['sha256'][:16]}…"
        )
    )
    print_table(
        console,
        "Maps",
        ("name", "type", "key", "value", "entries", "flags"),
        [_map_row(each) for each in document["maps"]],
    )
    print_table(
        console,
        "Filled in C",
        ("map", "slot or member", "holds"),
        [
            (each["name"], place, held)
            for each in document["maps"]
            for place, held in (each["values"] | each["functions"]).items()
        ],
    )
    print_table(
        console,
        "Programs",
        ("name", "section", "type", "attach", "insns", "source"),
        [_program_row(each) for each in document["programs"]],
    )
    print_table(
        console,
        "Needed to load",
        ("capability", "by"),
        [(name, _some(why)) for name, why in document["capabilities"].items()],
    )
    print_table(
        console,
        "Variables",
        ("name", "section", "type", "value"),
        [
            (each["name"], each["section"], each["type"] or "", _short(each["value"]))
            for each in document["variables"]
            if each["value"] is not None
        ],
    )
    print_table(
        console,
        "Externs",
        ("name", "kind", "type", "needed"),
        [
            (each["name"], each["kind"], each["type"] or "", "if there" if each["weak"] else "yes")
            for each in document["externs"]
        ],
    )
    print_table(
        console,
        "Types",
        ("type", "size"),
        [(f"{each['kind']} {each['name']}", str(each["size"])) for each in document["types"]],
    )
    print_table(
        console,
        "Views",
        ("place", "view"),
        [(each["place"], each["view"]) for each in document["views"]],
    )
    print_table(
        console,
        "CO-RE relocations",
        ("program", "insn", "source", "kind", "what"),
        [_relocation_row(each) for each in document["core_relocations"]],
    )

    print_table(
        console,
        "Left out of the module",
        ("what", "why", "brings it in"),
        [
            (f"{each['kind']} {each['name']}", each["reason"], each["option"] or "")
            for each in document["left_out"] or ()
        ],
    )
    if document["refused"]:
        console.print()
        console.print(Text(f"No module can be made: {document['refused']}"))


def _some(reasons: list[str]) -> str:
    more = len(reasons) - _MAX_REASONS
    return ", ".join(reasons[:_MAX_REASONS]) + (f" and {more} more" if more > 0 else "")


def _map_row(each: dict[str, Any]) -> tuple[str, ...]:
    value = each["value_type"] or each["event_type"] or _bytes(each["value_size"])
    if each["section"]:
        value = _bytes(each["value_size"])
    if each["inner"] is not None:
        value = f"map of {each['inner']['type']}"
    if not each["autocreate"]:
        value += ", not created by default"
    if each["pinning"] != "NONE":
        value += f", pinned {each['pinning'].lower()}"
    return (
        each["name"],
        each["type"],
        each["key_type"] or _bytes(each["key_size"]),
        value,
        str(each["max_entries"]),
        " ".join(each["flags"]),
    )


def _program_row(each: dict[str, Any]) -> tuple[str, ...]:
    attach = each["attach_type"] or ""
    if not each["autoload"]:
        attach = f"{attach} (not loaded by default)".strip()
    source = f"{each['file']}:{each['line']}" if each["file"] else ""
    return each["name"], each["section"], each["type"], attach, str(each["instructions"]), source


def _relocation_row(each: dict[str, Any]) -> tuple[str, ...]:
    source = f"{each['file']}:{each['line']}" if each["file"] else ""
    what = each["path"] or f"{each['type']} {each['access']}"
    return each["program"], str(each["instruction"]), source, each["kind"], what


def _bytes(size: int) -> str:
    return f"{size} bytes" if size else ""


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _MAX_VALUE else text[: _MAX_VALUE - 1] + "…"


def print_table(
    console: Console, title: str, columns: tuple[str, ...], rows: list[tuple[str, ...]]
) -> None:
    """Print a table, or nothing if it has no rows."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for column in columns:
        # sections, types and values come from anybody's object: they are text, never markup
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    console.print()
    console.print(table)
