"""The generator: an ``ObjectSpec`` in, the text of one typed Python module out.

Two steps: :func:`describe` makes every decision, :func:`render` lays the result out.  What stands
between them, a :class:`ModuleModel`, is for other generators too:

    model = codegen.describe(elf.read_object_file("opensnoop.bpf.o"))
    for each in model.maps:
        print(each.name, each.key, each.value, each.event)

These names and the fields of the models (except for those marked *for the templates*) are stable:
they are added to, and not changed without a line in the changelog.  How C names become Python
names is said in ``names.py``, which types a module has in ``gather.py``; :func:`left_out` tells
what it has not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from ..spec import ObjectSpec
from .describe import describe
from .errors import CodegenError
from .left_out import LeftOut, left_out
from .model import (
    ArgumentModel,
    ConstantModel,
    EnumeratorModel,
    EnumModel,
    GlobalFunctionModel,
    MapModel,
    MemberModel,
    ModuleModel,
    ObjectNames,
    ProgramModel,
    SectionModel,
    StructModel,
    TypeModel,
    UnionModel,
    ValueModel,
    VariableModel,
)
from .options import Options
from .render import render

__all__ = [
    # from an object to a module
    "CodegenError",
    "Options",
    "describe",
    "generate",
    "render",
    # what a module is made of
    "ArgumentModel",
    "ConstantModel",
    "EnumModel",
    "EnumeratorModel",
    "GlobalFunctionModel",
    "MapModel",
    "MemberModel",
    "ModuleModel",
    "ObjectNames",
    "ProgramModel",
    "SectionModel",
    "StructModel",
    "TypeModel",
    "UnionModel",
    "ValueModel",
    "VariableModel",
    # what it is not made of
    "LeftOut",
    "left_out",
]


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
    contexts: bool = False,
    constants: Mapping[str, int | float | str] = MappingProxyType({}),
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
        contexts=contexts,
        constants=constants,
        strip_enum_prefix=strip_enum_prefix,
    )
    return render(describe(spec, options))
