"""What a model says of programs, global functions and macros.

In: a spec's parts, what was gathered, the names of the classes.  Out: models.  What is only said in
the model, and is not in the module, refuses no module: a type that has no C is left empty.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection

from ..spec import ObjectSpec, ProgramSpec
from . import names
from .c_text import c_text
from .collect import Collector
from .docs import program_doc, source_place
from .errors import CodegenError
from .functions import Function, declaration, global_functions, pointees, program_function
from .gather import Gathered
from .model import ArgumentModel, ConstantModel, GlobalFunctionModel, ProgramModel
from .options import Options
from .pytypes import Source
from .tables import program_class


def describe_program(
    source: Source, gathered: Gathered, program: ProgramSpec, *, name: str
) -> ProgramModel:
    """The model of a program; *name* is its Python name."""
    collector = gathered.collector
    file, line = source_place(collector.table, program)
    function = program_function(collector.table, program)
    arguments: tuple[ArgumentModel, ...] = ()
    if function is not None:
        arguments = _arguments(source, collector, function)
    handles = [f"loaded.program({program.name!r})"]
    context = None
    if (value := gathered.contexts.get(program.name)) is not None:
        context = source.model(value, arguments[0].c_type.removesuffix("*").rstrip())
        handles.append(context.codec)
    return ProgramModel(
        name=name,
        c_name=program.name,
        class_name=program_class(program.prog_type, program.attach_type),
        spec=program,
        section=program.section,
        file=file,
        line=line,
        arguments=arguments,
        context=context,
        handles=tuple(handles),
        doc=program_doc(program.section, file, line, 8),
        spec_doc=program_doc(program.section, file, line, 4),
    )


def describe_functions(
    source: Source, gathered: Gathered, object_spec: ObjectSpec
) -> tuple[GlobalFunctionModel, ...]:
    """The models of the global functions that are no programs."""
    collector = gathered.collector
    return tuple(
        GlobalFunctionModel(
            c_name=function.name,
            c_type=_if_c(declaration, collector.table, function),
            arguments=_arguments(source, collector, function),
        )
        for function in global_functions(collector.table, object_spec.programs.values())
    )


def describe_constants(options: Options, *, taken: Collection[str]) -> tuple[ConstantModel, ...]:
    """The models of the macros asked for; *taken* are the names of the module's classes."""
    python_names = names.assign(
        options.constants, reserved=names.MODULE_RESERVED.union(taken), where="constants"
    )
    return tuple(
        ConstantModel(
            name=python_names[c_name],
            c_name=c_name,
            value=value,
            expression=(
                f"float({str(value)!r})"
                if isinstance(value, float) and not math.isfinite(value)
                else repr(value)
            ),
        )
        for c_name, value in options.constants.items()
    )


def _arguments(
    source: Source, collector: Collector, function: Function
) -> tuple[ArgumentModel, ...]:
    classes = {
        name: collector.index_of(target) for name, target in pointees(collector.table, function)
    }
    return tuple(
        ArgumentModel(
            name=name,
            c_type=_if_c(c_text, collector.table, type_id),
            annotation="" if (index := classes.get(name)) is None else source.names[index],
        )
        for name, type_id in function.arguments
    )


def _if_c(text: Callable[..., str], *arguments: object) -> str:
    """The text, or nothing where there is no such C: what is not in the module refuses no module."""
    try:
        return text(*arguments)
    except CodegenError:
        return ""
