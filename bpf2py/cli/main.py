"""The ``bpf2py`` group: finds the commands, and turns errors into one line.

In: the command line.  Out: an exit code: 0, 1 (refused, out of date), 2 (wrong usage, or the
packages of ``bpf2py[build]`` are missing).  A command's module is imported when it is called, so
that ``bpf2py --help`` is quick and each command misses only the packages it needs itself.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import IO, Any

import click

from .. import __version__
from ..__main__ import needs_build_extra

#: Command, and what ``bpf2py --help`` says about it; the module has its name, with ``_`` for ``-``.
COMMANDS = {
    "build": "Compile BPF C sources with clang, then generate their modules.",
    "features": "Show what the running kernel can do.",
    "gen": "Generate typed Python modules from compiled BPF objects.",
    "include": "Print the folder of bpf2py.h, for the compiler's -I.",
    "inspect": "Show what a compiled BPF object contains.",
    "link": "Link several compiled BPF objects into one.",
    "min-btf": "Cut a kernel's BTF down to what some objects need.",
    "vmlinux": "Write a kernel's types as a C header.",
}


class Failure(click.ClickException):
    """A refusal for people: one line, and perhaps what to do about it.  Exit code 1."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the error, and the hint on the next line, to standard error."""
        click.echo(f"Error: {self.message}", file=file, err=file is None)
        if self.hint:
            click.echo(f"Hint: {self.hint}", file=file, err=file is None)


class MissingExtra(Failure):
    """A package of the build extra is not installed; the whole message is one sentence."""

    exit_code = 2

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the sentence to standard error."""
        click.echo(self.message, file=file, err=file is None)


class _Group(click.Group):
    """Imports a command when it is asked for, and shows errors of the rooms as one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        try:
            module = importlib.import_module(f".{cmd_name.replace('-', '_')}", __package__)
        except ModuleNotFoundError as error:
            raise _missing(error, cmd_name) from error
        command = module.command
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        # click would import every command for its short help
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise
        except ModuleNotFoundError as error:
            raise _missing(error, ctx.invoked_subcommand or "") from error
        except (OSError, ValueError, RuntimeError) as error:
            if ctx.params["debug"] or not _is_for_people(error):
                raise
            raise failure(error) from error


def failure(error: Exception) -> Failure:
    """An error of the rooms as a refusal for people."""
    return Failure(_sentence(error), hint=_hint(error))


def require_packages(*packages: str) -> None:
    """Complain now about packages of the build extra that are wanted later; nothing is imported."""
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ModuleNotFoundError(f"No module named {package!r}", name=package)


def _is_for_people(error: Exception) -> bool:
    """Whether *error* speaks about the user's files; anything else is our bug, shown in full."""
    return isinstance(error, OSError) or type(error).__module__.startswith("bpf2py.")


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fsdecode(error.filename)}: {error.strerror}"
    return str(error) or type(error).__name__


def _hint(error: Exception) -> str:
    hint = getattr(error, "hint", "")
    return hint if isinstance(hint, str) else ""


def _missing(error: ModuleNotFoundError, command: str) -> Exception:
    sentence = needs_build_extra(error, command)
    return error if sentence is None else MissingExtra(sentence)


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--debug", is_flag=True, envvar="BPF2PY_DEBUG", help="Show errors with traceback.")
@click.version_option(__version__, prog_name="bpf2py")
def cli(debug: bool) -> None:
    """Compiled BPF objects as typed Python modules.

    Start with `bpf2py gen opensnoop.bpf.o`: it writes opensnoop_bpf.py, whose class Opensnoop
    loads the object with nothing but CPython.
    """
