"""A model as source: jinja2 lays out, black's format, ``compile`` has the last word.

In: a :class:`ModuleModel`.  Out: the module's text, the same for the same model.  Everything that
comes from an object reaches source through the ``py`` filter or was checked by ``c_text.safe``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from .errors import CodegenError
from .format import LINE_LENGTH, formatted
from .model import ModuleModel

if TYPE_CHECKING:
    import jinja2


def render(model: ModuleModel) -> str:
    """The text of the module; :class:`CodegenError` if it would not compile."""
    text = _environment().get_template("module.py.j2").render(model=model)
    try:
        text = _formatted(text)
        compile(text, f"<module for {model.file_name}>", "exec", dont_inherit=True)
    except SyntaxError as exc:
        raise CodegenError(f"{model.file_name}: the module is no Python: {exc}") from exc
    return text


def _formatted(text: str) -> str:
    try:
        text = formatted(text, by_black) or text
    except SyntaxError:  # a part of a docstring
        text = by_black(text)
    return text


def by_black(text: str) -> str:
    """*text* as black formats it; ``SyntaxError`` if it is no Python.

    The mode is said here, so that no configuration file of a user's project changes the text.
    """
    import black.mode  # the slowest of all that generating needs, and needed seldom
    import black.parsing

    mode = black.mode.Mode(
        target_versions={black.mode.TargetVersion.PY311},
        line_length=LINE_LENGTH,
        string_normalization=True,
        magic_trailing_comma=True,
        preview=False,
    )
    try:
        return black.format_str(text, mode=mode)
    except black.parsing.InvalidInput as exc:
        raise SyntaxError(str(exc)) from exc


@cache
def _environment() -> jinja2.Environment:
    import jinja2  # slow to import, and not needed where nothing changed

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bpf2py", "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        auto_reload=False,  # a look at the file for each include
    )
    environment.filters["py"] = repr
    return environment
