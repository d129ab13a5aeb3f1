"""Several objects of one source as one module: the same names everywhere, what differs once each.

In: specs, and what each was compiled for.  Out: a :class:`ModuleModel`.  The rules:

* every object has the same maps, programs and variables, with the same types: what a checker says
  of the module is true on every machine;
* structs and unions may lie otherwise in memory on another machine (byte order, architecture), with
  the same members; enums are the same in all;
* objects for several BPF CPU versions of one machine have the same layouts, too: the kernel decides
  between them when everything is imported long since;
* one that has the same programs as an older CPU version is left out.

A program that only some machines can run is in every object, and switched off with ``SEC("?…")`` or
``autoload`` where it is not wanted.

What does not keep to them is a :class:`CodegenError` that names the two objects and each difference.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..asm import cpu
from ..records import dataclass, replace
from ..spec import ObjectSpec
from . import facts
from .c_text import safe
from .describe import describe, sidecar_model
from .errors import CodegenError
from .gather import gather
from .literals import Sidecar, changes, expression
from .model import (
    EnumModel,
    FieldModel,
    ModuleModel,
    SidecarModel,
    StructModel,
    UnionModel,
    VariantModel,
)
from .options import Options

#: Differences that are told; the first ones explain the rest.
_TOLD = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """An object, the name of its file, and the CPU version it was compiled for.

    Without one, the version is the least that has its instructions.
    """

    spec: ObjectSpec
    file_name: str
    cpu: int = 0


@dataclass(slots=True)
class _Described:
    """An object and what a module of its own would be."""

    source: Source
    spec: ObjectSpec
    cpu: int
    needs: tuple[str, ...]
    model: ModuleModel

    @property
    def machine(self) -> str:
        return self.spec.machine


def describe_variants(sources: Sequence[Source], options: Options) -> ModuleModel:
    """The model of the module for all of *sources*; machines in the order in which they come.

    ``options.file_name`` is what the docstrings call them together.
    """
    if len(sources) == 1:
        return describe(sources[0].spec, options)
    machines: dict[str, list[_Described]] = {}
    for source in sources:
        each = _described(source, options)
        machines.setdefault(each.machine, []).append(each)
    groups = [_by_version(group) for group in machines.values()]
    base = groups[0][0]
    firsts = [group[0] for group in groups]
    layouts = _layouts(firsts)
    model = _merged(firsts, [group[0] for group in layouts])
    every = [each for group in groups for each in group]
    variants, sidecar = _variants(every, options)
    if len(variants) == 1:
        variants = tuple(replace(each, doc="") for each in variants)
    digests = tuple(facts.digest(_interface(group[0])) for group in layouts)
    names = tuple(tuple(each.machine for each in group) for group in layouts)
    text = "".join(line for each in variants for line in (each.expression, *each.changes))
    return replace(
        model,
        file_name=safe(options.file_name or base.source.file_name),
        parts=("runtime", "spec", "uapi") if "uapi." in text else ("runtime", "spec"),
        layout_digests=digests,
        machines=names if len(names) > 1 else (),
        variants=variants,
        sidecar=sidecar,
    )


def _described(source: Source, options: Options) -> _Described:
    spec = source.spec.copy()
    gather(spec, options)  # the events that the options name are in it from now on
    code = b"".join(program.insns for program in spec.programs.values())
    return _Described(
        source=source,
        spec=spec,
        cpu=source.cpu or cpu.version(code, spec.byte_order),
        needs=cpu.families(code, spec.byte_order),
        model=describe(spec, replace(options, sidecar="")),
    )


def _by_version(group: list[_Described]) -> list[_Described]:
    """The objects for one machine, the oldest CPU version first, each doing something new."""
    found: list[_Described] = []
    for each in sorted(group, key=lambda each: each.cpu):
        if found:
            _require_agreement(found[0], each, _interface(found[0]), _interface(each))
        same = next((old for old in found if old.spec.programs == each.spec.programs), None)
        if same is not None:
            continue
        if found and found[-1].cpu == each.cpu:
            raise CodegenError(
                f"{found[-1].source.file_name} and {each.source.file_name} are both for "
                f"{each.machine} v{each.cpu}: a module has one object for each machine and CPU "
                "version"
            )
        found.append(each)
    return found


def _interface(each: _Described) -> facts.Facts:
    return facts.interface(each.model)


def _require_agreement(
    one: _Described, other: _Described, first: facts.Facts, second: facts.Facts
) -> None:
    """:class:`CodegenError` if these facts differ, or the programs of the two do."""
    found = list(
        facts.differences(first | facts.programs(one.model), second | facts.programs(other.model))
    )
    if one.model.names != other.model.names:
        raise CodegenError(f"{other.source.file_name}: its class would have another name")
    if found:
        rest = f"; and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
        raise CodegenError(
            f"{one.source.file_name} and {other.source.file_name} cannot be one module: "
            f"{'; '.join(found[:_TOLD])}{rest}"
        )


def _layouts(firsts: list[_Described]) -> list[list[_Described]]:
    """The machines, those with equal layouts together."""
    groups: list[list[_Described]] = []
    for each in firsts:
        mine = facts.interface(each.model)
        for group in groups:
            if facts.interface(group[0].model) == mine:
                group.append(each)
                break
        else:
            groups.append([each])
    return groups


def _merged(machines: list[_Described], groups: list[_Described]) -> ModuleModel:
    """The model of the first machine, whose types know how they lie in each of *groups*."""
    base = machines[0]
    types = {model.name: model for model in base.model.types}
    for other in machines[1:]:
        for model in other.model.types:
            types.setdefault(model.name, model)
        _require_agreement(base, other, _names_only(base, types), _names_only(other, types))
    return replace(
        base.model,
        types=tuple(
            _type_everywhere([_type_of(group.model, name) or model for group in groups])
            for name, model in types.items()
        ),
        standard=tuple(sorted({name for group in groups for name in group.model.standard})),
        codec_modules=max(group.model.codec_modules for group in groups),
    )


def _type_of(model: ModuleModel, name: str) -> EnumModel | StructModel | UnionModel | None:
    return next((each for each in model.types if each.name == name), None)


def _names_only(
    each: _Described, types: dict[str, EnumModel | StructModel | UnionModel]
) -> facts.Facts:
    """What must be the same on all machines: all but sizes and offsets of structs and unions.

    A type that is only elsewhere is taken as it is there.
    """
    found = facts.interface(each.model)
    for name, model in types.items():
        own = _type_of(each.model, name) or model
        if isinstance(own, EnumModel):
            found[facts.subject(name, own.doc)] = dict(own.members)
        elif isinstance(own, StructModel):
            found[facts.subject(name, own.doc)] = {
                row.code.partition(":")[0]: row.code.partition(":")[2].partition(" = ")[0].strip()
                for row in own.fields
            }
        else:
            found[facts.subject(name, own.doc)] = dict(own.keywords)
    return found


def _type_everywhere(
    models: Sequence[EnumModel | StructModel | UnionModel],
) -> EnumModel | StructModel | UnionModel:
    """The first of *models*, which are one type on several machines, with what differs."""
    base = models[0]
    if isinstance(base, StructModel):
        structs = [model for model in models if isinstance(model, StructModel)]
        if all((m.size, set(m.layout)) == (base.size, set(base.layout)) for m in structs):
            return base
        defaults = [{_name(row): _default(row) for row in model.fields} for model in structs]
        return replace(
            base,
            fields=tuple(
                _with_default(row, _pick([each[_name(row)] for each in defaults]))
                for row in base.fields
            ),
            elsewhere=tuple((model.size, model.layout) for model in structs[1:]),
        )
    if isinstance(base, UnionModel):
        unions = [model for model in models if isinstance(model, UnionModel)]
        views = [{_name(row): row for row in model.members} for model in unions]
        return replace(
            base,
            members=tuple(
                _with_default(row, _pick([_default(each[_name(row)]) for each in views]))
                for row in base.members
            ),
            size_expression=_pick([model.size_expression for model in unions]),
        )
    return base


def _pick(expressions: Sequence[str]) -> str:
    """An expression for the one of *expressions* that is this machine's."""
    if len(set(expressions)) == 1:
        return expressions[0]
    *others, last = expressions
    choices = "".join(f"{text} if _layout == {index} else " for index, text in enumerate(others))
    return f"{choices}{last}"


def _name(row: FieldModel) -> str:
    return row.code.partition(" = ")[0].partition(":")[0]


def _default(row: FieldModel) -> str:
    return row.code.partition(" = ")[2]


def _with_default(row: FieldModel, default: str) -> FieldModel:
    before = row.code.partition(" = ")[0]
    code = f"{before} = {default}"
    if code == row.code:
        return row
    comment = row.after.strip().removeprefix("# ")
    return FieldModel(code, (*row.above, comment) if comment else row.above)


def _variants(
    every: Sequence[_Described], options: Options
) -> tuple[tuple[VariantModel, ...], SidecarModel | None]:
    """The functions that describe each object, all but the first by what is other in it."""
    sidecar = Sidecar()
    write = sidecar.write if options.sidecar else None
    base = every[0]
    found: list[VariantModel] = []
    for index, each in enumerate(every):
        found.append(
            VariantModel(
                function=f"_object_spec_{index + 1}" if index else "_object_spec",
                doc=f"{each.machine} v{each.cpu}: ``{safe(each.source.file_name)}``.",
                file_name=safe(each.source.file_name),
                digest=safe(each.spec.digest),
                byte_order=each.spec.byte_order,
                arch=safe(each.spec.arch),
                cpu=each.cpu,
                needs=each.needs,
                expression="" if index else expression(each.spec, write),
                changes=tuple(changes("found", base.spec, each.spec, write)) if index else (),
            )
        )
    return tuple(found), sidecar_model(options.sidecar, bytes(sidecar.data))
