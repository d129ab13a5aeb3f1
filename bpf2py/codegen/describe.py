"""``ObjectSpec`` → :class:`ModuleModel`: every decision about a generated module.

In: a spec and :class:`Options`.  Out: a model whose strings are ready to be laid out.  Nothing is
read, nothing is printed, and the same input gives the same model.  Names follow names.py.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection

from .. import spec
from ..btf import TypeTable
from ..records import replace
from ..spec import Linkage, MapSpec, ObjectSpec, VariableSpec
from . import facts, names
from .c_text import c_text, safe
from .describe_functions import describe_constants, describe_functions, describe_program
from .describe_types import describe_types
from .docs import map_doc, paragraph
from .errors import CodegenError
from .gather import ARENA, Gathered, gather, section_name
from .layouts import Value
from .literals import Sidecar, expression
from .model import (
    EnumModel,
    MapModel,
    ModuleModel,
    ObjectNames,
    OperationsModel,
    SectionModel,
    SidecarModel,
    StructModel,
    TypeModel,
    UnionModel,
    ValueModel,
    VariableModel,
    VariantModel,
)
from .operations import operations
from .options import Options
from .pytypes import Source
from .tables import Takes, map_class
from .views import shown_as

#: The kernel's configuration: read when the object is loaded, nothing to set before or after.
KCONFIG = ".kconfig"
#: What ``BPF2PY_COUNT_DROPS`` of bpf2py.h puts before the name of a ring buffer, as its counter's.
DROPPED = "bpf2py_dropped_"
#: Names that pycodestyle's E741 refuses wherever they are bound.
_AMBIGUOUS = frozenset("lIO")
#: The parts of an object, and what follows the object's name in their classes.
_PARTS = ("", "Spec", "Maps", "MapSpecs", "Programs", "ProgramSpecs", "StructOpsSpecs")
_DEFAULTS = Options()


def describe(object_spec: ObjectSpec, options: Options = _DEFAULTS) -> ModuleModel:
    """The model of the module for *object_spec*, which stays as it is.

    :class:`CodegenError`, which begins with the C path, for what cannot be said in Python and for
    options that name what is not there; :class:`BTFError` for an object whose BTF is damaged.
    """
    object_spec = object_spec.copy()
    file_name = safe(options.file_name or f"{object_spec.name}.bpf.o")
    gathered = gather(object_spec, options)
    maps = {name: m for name, m in object_spec.maps.items() if not m.section}
    data = {section_name(m): m for m in object_spec.maps.values() if _has_class(m, gathered)}

    attributes = names.assign(
        [section.removeprefix(".") for section in data],
        reserved=names.OBJECT_RESERVED,
        where="sections",
    )
    prefix = _class_name(object_spec, options)
    wanted = [prefix + part for part in _PARTS]
    for section in data:
        base = prefix + names.pascal_case(section.removeprefix("."))
        wanted += [base, f"{base}Spec"]
    wanted += [f"{prefix}{names.pascal_case(name)}Spec" for name in gathered.settings]
    own = names.assign_classes(wanted, reserved=())
    source, types = describe_types(
        gathered.collector,
        reserved=own,
        keys=gathered.keys,
        strip_enum_prefix=options.strip_enum_prefix,
    )

    map_names = names.assign(maps, reserved=names.CONTAINER_RESERVED, where="maps")
    program_names = names.assign(
        object_spec.programs, reserved=names.CONTAINER_RESERVED, where="programs"
    )
    sections = tuple(
        _section(
            source,
            gathered,
            map_spec,
            attribute=attributes[section.removeprefix(".")],
            class_names=(own[place], own[place + 1]),
        )
        for (section, map_spec), place in zip(
            data.items(), range(len(_PARTS), len(_PARTS) + 2 * len(data), 2), strict=True
        )
    )
    map_models = tuple(
        _map(source, gathered, map_spec, name=map_names[c_name], key=c_name)
        for c_name, map_spec in maps.items()
    )
    ops = tuple(
        operations(
            source,
            gathered.collector.table,
            maps[name],
            values,
            attribute=map_names[name],
            class_name=class_name,
        )
        for (name, values), class_name in zip(
            gathered.settings.items(), own[len(_PARTS) + 2 * len(data) :], strict=True
        )
    )
    sidecar = Sidecar()
    text = expression(object_spec, sidecar.write if options.sidecar else None)
    model = ModuleModel(
        file_name=file_name,
        digest=safe(object_spec.digest),
        spec=object_spec,
        functions=describe_functions(source, gathered, object_spec),
        format=spec.FORMAT,
        layout_digests=(),
        machines=(),
        lint_exceptions=(
            *(("E741",) if _AMBIGUOUS & _member_names(types, sections) else ()),
            # ClassVar would say it, but importing typing takes every start five milliseconds
            *(("RUF012",) if _renamed(map_names) or _renamed(program_names) else ()),
        ),
        constants=describe_constants(options, taken=[*own, *(each.name for each in types)]),
        standard=_standard(
            types,
            typing=bool(options.constants),
        ),
        package=_checked_package(options.package),
        parts=("runtime", "spec", "uapi") if "uapi." in text else ("runtime", "spec"),
        codec_modules=("codec",) if _uses_codec(types, map_models, sections, ops) else (),
        types=types,
        names=ObjectNames(*own[: len(_PARTS)]),
        maps=map_models,
        programs=tuple(
            describe_program(source, gathered, program, name=program_names[name])
            for name, program in object_spec.programs.items()
        ),
        spec_sections=tuple(row for row in sections if row.section != KCONFIG),
        sections=sections,
        operations=ops,
        map_names=_renamed(map_names),
        program_names=_renamed(program_names),
        variants=(
            VariantModel(
                function="_object_spec",
                doc="",
                file_name=file_name,
                digest=safe(object_spec.digest),
                byte_order=object_spec.byte_order,
                arch=safe(object_spec.arch),
                cpu=0,
                needs=(),
                expression=text,
            ),
        ),
        sidecar=sidecar_model(options.sidecar, bytes(sidecar.data)),
    )
    return replace(model, layout_digests=(facts.digest(facts.interface(model)),))


def sidecar_model(name: str, data: bytes) -> SidecarModel | None:
    """The file that *data* goes into; ``None`` if there is nothing to go there."""
    if not data:
        return None
    if "/" in name or not name.isprintable():
        raise CodegenError(f"{name!r} is no name for a file beside the module")
    return SidecarModel(name=name, digest=hashlib.sha256(data).hexdigest(), data=data)


def _has_class(map_spec: MapSpec, gathered: Gathered) -> bool:
    """Whether a data section has variables to show."""
    here = section_name(map_spec)
    return any(section == here for section, _ in gathered.variables) or bool(
        gathered.notes.get(here)
    )


def _class_name(object_spec: ObjectSpec, options: Options) -> str:
    if options.class_name:
        if not options.class_name.isidentifier() or names.is_reserved(options.class_name):
            raise CodegenError(f"{options.class_name!r} cannot be the name of a class")
        return options.class_name
    name = names.pascal_case(object_spec.name)
    if name.startswith("_"):
        raise CodegenError(f"object {object_spec.name!r}: say how its class shall be called")
    return name


def _map(source: Source, gathered: Gathered, map_spec: MapSpec, *, name: str, key: str) -> MapModel:
    """The model of a map; *key* is what it is called in *gathered*."""
    table, values = gathered.collector.table, gathered.maps[key]
    row = map_class(map_spec.map_type)
    words = {"key": values.key, "value": values.value, "events": values.event}
    views = {word: shown_as(value) for word, value in words.items() if value is not None}
    dropped = f"{DROPPED}{key}"
    counted = row.takes is Takes.EVENT and dropped in gathered.maps
    inner = (
        _map(source, gathered, map_spec.inner, name=name, key=f"{key}_inner")
        if map_spec.inner is not None
        else None
    )
    arguments = [f"loaded.map({map_spec.name!r})"]
    taken = [words.get(word) for word in row.takes.value]
    arguments += [source.codec(value) for value in taken if value is not None]
    if row.takes is Takes.INNER:
        arguments.append(_inner(inner))
    return MapModel(
        name=name,
        c_name=map_spec.name,
        class_name=row.name,
        spec=map_spec,
        key=_value(source, table, values.key, map_spec.key_type_id),
        value=_value(source, table, values.value, map_spec.value_type_id),
        event=_value(source, table, values.event, map_spec.event_type_id),
        inner=inner,
        arguments=tuple(arguments),
        counter=dropped if counted else "",
        doc=map_doc(table, map_spec, 8, views),
        spec_doc=map_doc(table, map_spec, 4, views),
    )


def _value(
    source: Source, table: TypeTable, value: Value | None, type_id: int
) -> ValueModel | None:
    if value is None:
        return None
    return source.model(value, c_text(table, type_id) if type_id else "")


def _inner(inner: MapModel | None) -> str:
    """What makes the typed inner map of its handle."""
    if inner is None:
        return "runtime.AnyMap"
    words = ["handle", *inner.arguments[1:]]
    return f"lambda handle: runtime.{inner.class_name}({', '.join(words)})"


def _section(
    source: Source,
    gathered: Gathered,
    map_spec: MapSpec,
    *,
    attribute: str,
    class_names: tuple[str, str],
) -> SectionModel:
    section, table = section_name(map_spec), gathered.collector.table
    shown = {
        name: variable
        for name, variable in map_spec.variables.items()
        if (section, name) in gathered.variables
    }
    py_names = names.assign(shown, reserved=names.DATA_RESERVED, where=section)
    return SectionModel(
        attribute=attribute,
        section=map_spec.name if section == ARENA else section,
        title=f"arena ``{safe(map_spec.name)}``" if section == ARENA else f"``{section}``",
        map_name=map_spec.name,
        name=class_names[0],
        spec_name=class_names[1],
        after_loading="Constant" if map_spec.frozen or section == KCONFIG else "Variable",
        variables=tuple(
            VariableModel(
                name=py_names[name],
                c_name=name,
                value=source.model(
                    gathered.variables[section, name],
                    c_text(table, variable.type_id) if variable.type_id else "",
                ),
                offset=variable.offset,
                doc=paragraph(
                    f"``{_storage(variable)}{c_text(table, variable.type_id, name)}``"
                    + shown_as(gathered.variables[section, name])
                    if variable.type_id
                    else f"``{safe(name)}``, {variable.size} bytes of no known type"
                ),
            )
            for name, variable in shown.items()
        ),
        notes=tuple(gathered.notes.get(section, ())),
    )


def _storage(variable: VariableSpec) -> str:
    """The storage class of a variable, with a blank behind it."""
    return {Linkage.STATIC: "static ", Linkage.EXTERN: "extern "}.get(variable.linkage, "")


def _renamed(python_names: dict[str, str]) -> dict[str, str]:
    """Python name to C name, where they differ."""
    return {name: c_name for c_name, name in python_names.items() if name != c_name}


def _member_names(types: Collection[TypeModel], sections: Collection[SectionModel]) -> set[str]:
    """Every name that a class body of the module binds."""
    found = {variable.name for section in sections for variable in section.variables}
    for model in types:
        match model:
            case EnumModel(members=members):
                found |= {member.name for member in members}
            case StructModel(fields=fields, forwards=forwards):
                found |= {line.code.partition(":")[0] for line in fields}
                found |= {line.code.partition(" ")[0] for line in forwards}
            case UnionModel(keywords=keywords):
                found |= {name for name, _ in keywords}
    return found


def _standard(types: Collection[TypeModel], *, typing: bool) -> tuple[str, ...]:
    """The modules of the standard library that the module uses."""
    found = {"typing"} if typing else set[str]()
    for model in types:
        match model:
            case EnumModel():
                found.add("enum")
            case StructModel():
                lines = [field.code for field in model.fields]
                lines += [annotation for _, annotation in model.keywords]
                if model.keywords:
                    found.add("typing")
            case UnionModel():
                lines = [model.bytes_name, model.object_name]
                lines += [annotation for _, annotation in model.keywords]
                if model.keywords:
                    found.add("typing")
        if not isinstance(model, EnumModel) and any("builtins." in line for line in lines):
            found.add("builtins")
    return tuple(sorted(found))


def _uses_codec(
    types: Collection[TypeModel],
    maps: Collection[MapModel],
    sections: Collection[SectionModel],
    ops: Collection[OperationsModel],
) -> bool:
    classes = any(not isinstance(model, EnumModel) for model in types)
    return (
        classes
        or any(len(each.arguments) > 1 for each in maps)
        or any(section.variables for section in sections)
        or any(each.settings for each in ops)
    )


def _checked_package(package: str) -> str:
    if not re.fullmatch(r"\.*[^\W\d]\w*(\.[^\W\d]\w*)*", package):
        raise CodegenError(f"{package!r} is no package to import from")
    return package
