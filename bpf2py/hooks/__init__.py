"""Build back-ends call these while they make a wheel: modules are generated into it.

A file per back-end; both make what ``[tool.bpf2py]`` describes, completely: what happened on the
machine before is not trusted.  Nothing is imported here before there is something to make, because
setuptools asks in every project.
"""

from __future__ import annotations

from pathlib import Path


class BuildFailed(RuntimeError):
    """A module could not be made; the text is all that there is to say about it."""


def generate(root: Path) -> list[Path]:
    """Make every module of the project in the folder *root*; the files that belong into a wheel.

    :class:`BuildFailed` with what the compiler said, if one could not be made.
    """
    from ..__main__ import needs_build_extra

    try:
        from .. import project
    except ModuleNotFoundError as error:
        sentence = needs_build_extra(error, "gen")
        if sentence is None:
            raise
        raise BuildFailed(
            f'{sentence}; in [build-system] of pyproject.toml: requires = ["bpf2py[build]", …]'
        ) from error
    try:
        outcomes = project.build(project.load(root / "pyproject.toml"))
    except (project.ConfigError, project.CompileError) as error:
        raise BuildFailed(_text("", error)) from error
    wrong = [_text(each.diagnostics, each.error) for each in outcomes if each.error]
    if wrong:
        raise BuildFailed("\n".join(wrong))
    return [path for each in outcomes for path in each.files if path.suffix == ".py"]


def _text(diagnostics: str, error: Exception) -> str:
    hint = getattr(error, "hint", "")
    return f"{diagnostics}bpf2py: {error}" + (f"\n{hint}" if hint else "")
