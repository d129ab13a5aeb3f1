"""A model as source: jinja2 lays out, black formats, ``compile`` has the last word.

In: a :class:`ModuleModel`.  Out: the module's text, the same for the same model.  Everything that
comes from an object reaches source through the ``py`` filter or was checked by ``c_text.safe``.
"""

from __future__ import annotations

from functools import cache

import black.mode
import black.parsing
import jinja2

from .errors import CodegenError
from .model import ModuleModel

#: Pinned here, so that no configuration file of a user's project changes the text.
_MODE = black.mode.Mode(
    target_versions={black.mode.TargetVersion.PY311},
    line_length=100,
    string_normalization=True,
    magic_trailing_comma=True,
    preview=False,
)


def render(model: ModuleModel, template: str = "") -> str:
    """The text of the module; :class:`CodegenError` if it would not compile.

    With *template*, the text that this jinja2 template gives for ``model``, as it is: it need not
    be Python.  What is undefined in it is jinja2's ``UndefinedError``; the filter ``py`` writes a
    value as a Python literal.
    """
    if template:
        return _environment().from_string(template).render(model=model)
    text = _environment().get_template("module.py.j2").render(model=model)
    try:
        text = black.format_str(text, mode=_MODE)
        compile(text, f"<module for {model.file_name}>", "exec", dont_inherit=True)
    except (black.parsing.InvalidInput, SyntaxError) as exc:
        raise CodegenError(f"{model.file_name}: the module is no Python: {exc}") from exc
    return text


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("bpf2py", "templates"),
        undefined=jinja2.StrictUndefined,
        autoescape=False,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["py"] = repr
    return environment
