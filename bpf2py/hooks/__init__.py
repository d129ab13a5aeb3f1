"""Build back-ends call these while they make a wheel: modules are generated into it.

A file per back-end; each makes what ``[tool.bpf2py]`` describes, completely: what happened on the
machine before is not trusted.  Nothing is imported here before there is something to make, because
setuptools asks in every project.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator
from pathlib import Path


class BuildFailed(RuntimeError):
    """A module could not be made; the text is all that there is to say about it."""


def generate(root: Path) -> list[Path]:
    """Make every module of the project in the folder *root*; the files that belong into a wheel.

    :class:`BuildFailed` with what the compiler said, if one could not be made.
    """
    with _explained():
        from .. import project

        outcomes = project.build(project.load(root / "pyproject.toml"))
    wrong = [_text(each.error, each.diagnostics) for each in outcomes if each.error]
    if wrong:
        raise BuildFailed("\n".join(wrong))
    return [path for each in outcomes for path in each.files if path.suffix != ".o"]


def inputs(root: Path) -> list[Path]:
    """What the modules are made from, relative to *root*: the files of a source distribution."""
    with _explained():
        from .. import project

        return project.inputs(project.load(root / "pyproject.toml"))


@contextlib.contextmanager
def _explained() -> Generator[None, None, None]:
    """Errors about the project as :class:`BuildFailed`; all others are nobody's fault but ours."""
    try:
        yield
    except ModuleNotFoundError as error:
        from ..__main__ import needs_build_extra

        sentence = needs_build_extra(error, "in [build-system]")
        if sentence is None:
            raise
        raise BuildFailed(sentence) from error
    except (OSError, ValueError, RuntimeError) as error:
        if not hasattr(error, "hint") and not isinstance(error, OSError):
            raise
        raise BuildFailed(_text(error)) from error


def _text(error: Exception, diagnostics: str = "") -> str:
    hint = getattr(error, "hint", "")
    return f"{diagnostics}bpf2py: {error}" + (f"\n{hint}" if hint else "")
