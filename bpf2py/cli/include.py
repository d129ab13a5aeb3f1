"""``bpf2py include``: where ``bpf2py.h`` lies, for whoever calls the compiler."""

from __future__ import annotations

import click

from ..project import INCLUDE_FOLDER


@click.command("include")
def command() -> None:
    """Print the folder of bpf2py.h, for compilers that others call.

    As in clang -target bpf -g -O2 -I$(bpf2py include); `bpf2py build` and [tool.bpf2py] find the
    header by themselves.  With it, C says what bytes mean (an address, a time, flags), which types
    shall be Python classes, and what a ring buffer carries.
    """
    click.echo(INCLUDE_FOLDER)
