"""``python -m bpf2py`` and the ``bpf2py`` command.

The commands need the packages of ``bpf2py[build]``; without them one line says what to install.
"""

from __future__ import annotations

import sys

#: What ``bpf2py[build]`` installs, by the names they are imported under.
_BUILD_PACKAGES = frozenset({"black", "click", "elftools", "jinja2", "mypy", "rich"})


def needs_build_extra(error: ImportError, command: str) -> str | None:
    """The sentence for a missing package of the build extra, ``None`` for any other *error*."""
    package = (error.name or "").partition(".")[0]
    if package not in _BUILD_PACKAGES:
        return None
    return f"bpf2py {command} needs the build extra: pip install 'bpf2py[build]'"


def main() -> None:
    """Run the command line; ends the process with 0, 1 (refused) or 2 (wrong usage, no extra)."""
    try:
        from .cli.main import cli
    except ModuleNotFoundError as error:
        words = [word for word in sys.argv[1:] if not word.startswith("-")]
        sentence = needs_build_extra(error, words[0] if words else "--help")
        if sentence is None:
            raise
        print(sentence, file=sys.stderr)
        raise SystemExit(2) from None
    cli(prog_name="bpf2py")


if __name__ == "__main__":
    main()
