"""The generator: an ``ObjectSpec`` in, the text of one typed Python module out.

Two steps: :func:`describe` makes every decision, :func:`render` lays
the result out.  How C names become Python names is said in ``names.py``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ..spec import ObjectSpec
from .describe import describe
from .errors import CodegenError
from .model import ModuleModel
from .options import Options
from .render import render

__all__ = ["CodegenError", "ModuleModel", "Options", "describe", "generate", "render"]


def generate(
    spec: ObjectSpec,
    *,
    file_name: str = "",
    class_name: str = "",
    package: str = "bpf2py",
    types: Sequence[str] = (),
    events: Mapping[str, str] = MappingProxyType({}),
    views: Mapping[str, str] = MappingProxyType({}),
    as_bytes: Sequence[str] = (),
    strip_enum_prefix: bool = False,
) -> str:
    """The text of the module for *spec*; the same spec and options give the same text.

    The options are those of :class:`Options`.  :class:`CodegenError`, which begins with the C
    path, for what cannot be said in Python and for options that name what is not there;
    :class:`BTFError` for an object whose BTF is damaged.
    """
    options = Options(
        file_name=file_name,
        class_name=class_name,
        package=package,
        types=types,
        events=events,
        views=views,
        as_bytes=as_bytes,
        strip_enum_prefix=strip_enum_prefix,
    )
    return render(describe(spec, options))
