"""From an ``ObjectSpec`` to a :class:`Loaded`: all of it in the kernel, or nothing.

In: a spec; what the user wants otherwise.  Out: descriptors with one owner.  Here is the order,
which is libbpf's, and that nothing stays behind when a step fails; every step is a file of its own:
values of the kernel's configuration and kernel symbols (externs/), BTF (object_btf.py), struct_ops
(struct_ops.py), maps and their data (create.py), programs (program_load.py), and what is put into
maps (filled.py).  Between maps and programs one may stop (:func:`prepare`).  Steps that an object
has no use for are not imported, and the kernel's BTF is read only if something asks for it.
"""

from __future__ import annotations

import os

from ..light import TYPE_CHECKING, Callable, ExitStack, Mapping, TypeVar
from ..records import replace
from ..spec import KCONFIG, MapSpec, ObjectSpec, ProgramSpec
from ..uapi import MapType, ProgType
from . import machine
from .create import MapMaker
from .loaded import Loaded
from .log import debug
from .object_btf import load_btf, with_contexts
from .privileges import usual_token, with_token
from .program_load import ProgramLoader
from .programs.base import LoadedProgram
from .syscalls.fd import HasFileno

if TYPE_CHECKING:
    from collections.abc import Generator
    from typing import Unpack

    from .core_types import KernelTypes
    from .externs.kconfig import Kconfig
    from .externs.ksyms import Symbols
    from .options import LoadOptions
    from .struct_ops import Plan


T = TypeVar("T")


def load(spec: ObjectSpec, **options: Unpack[LoadOptions]) -> Loaded:
    """Create maps, fill data, load programs; options and errors as in ``TypedSpec.load``."""

    def whole() -> Loaded:
        (loaded,) = _steps(spec, **options)  # to the end: it gives one thing on the way
        loaded.options = options
        return loaded

    return _done(spec, options.get("token"), whole)


def prepare(spec: ObjectSpec, **options: Unpack[LoadOptions]) -> Loaded:
    """The maps of *spec* with their data; ``rest()`` of what comes back loads the programs.

    Unlike :func:`load`, it takes the usual token before anything is refused: half-way it would be
    too late for that.
    """
    token = options.get("token")
    if token is None:
        # None to be found, it is "" in both halves: neither can be done over.
        token = ""
        if usual := usual_token():
            with usual:
                token = usual.path
    steps = _steps(spec, **options)

    def programs() -> None:
        loaded.undo = None  # the steps themselves undo what they did
        next(steps, None)

    loaded = _done(spec, token, lambda: next(steps))
    loaded.options, loaded.undo = options, steps.close
    loaded.rest = lambda: _done(spec, token, programs)
    return loaded


def clone(loaded: Loaded, program: ProgramSpec, target: HasFileno | None) -> LoadedProgram:
    """One more program over the maps of *loaded*, as *program* says; the caller closes it."""
    spec, options = loaded.spec, loaded.options
    alone = replace(spec, programs={program.name: program})
    with ExitStack() as lookups:
        plan = None
        if program.prog_type == ProgType.STRUCT_OPS:
            plan = _plan(replace(spec, programs=spec.programs | alone.programs), lookups)
        programs = ProgramLoader(
            alone,
            loaded.maps,
            loaded.btf,
            options.get("kernel_btf"),
            None,
            plan=plan,
            symbols=_symbols(alone, lookups),
            func_info=with_contexts(alone)[1],
            targets={program.name: target} if target is not None else options.get("targets") or {},
        )
        return _done(spec, options.get("token"), lambda: programs.load(program))


def _done(
    spec: ObjectSpec, token: str | os.PathLike[str] | HasFileno | None, call: Callable[[], T]
) -> T:
    """Make *call* with the token that it needs; whatever refusal comes of it names the object."""
    try:
        return with_token(token, call)
    except OSError as exc:
        exc.add_note(f"object {spec.name!r} was being loaded")
        raise


def _steps(
    spec: ObjectSpec,
    *,
    pin_path: str | os.PathLike[str] | None = None,
    kernel_btf: KernelTypes | None = None,
    log_level: int | None = None,
    maps: Mapping[str, HasFileno] | None = None,
    kconfig: Kconfig | None = None,
    targets: Mapping[str, HasFileno] | None = None,
    token: object = None,  # for who takes the steps
) -> Generator[Loaded, None, None]:
    """Makes the object's maps, and gives it; then its programs.  Closed in between, nothing stays."""
    machine.require(spec)
    if any(each.array_length is not None for each in spec.maps.values()):
        from .resized import with_lengths

        spec = with_lengths(spec)
    given, targets = dict(maps or {}), targets or {}
    _require_maps(spec, given)
    filled = _is_filled(spec)
    if filled:
        from .filled import fill_maps_of_maps, fill_with_programs, require_fillable

        require_fillable(spec)
    _require_targets(spec, targets)
    declared = _with_configuration(spec, given, kconfig)
    with ExitStack() as stack, ExitStack() as lookups:
        plan = _plan(spec, lookups)
        if plan is not None:
            spec = plan.chosen(spec)
        structs = plan.structs if plan else {}
        symbols = _symbols(spec, lookups)
        blob, func_info = with_contexts(spec)
        btf = load_btf(spec.name, blob)
        loaded = Loaded(spec, {}, {}, btf)
        stack.callback(loaded.close)
        debug(
            "object %r: %s maps, %s programs, BTF %s",
            spec.name,
            len(declared),
            len(spec.programs),
            "none" if btf is None else f"{len(blob)} bytes",
        )
        programs = ProgramLoader(
            spec,
            loaded.maps,
            btf,
            kernel_btf,
            log_level,
            plan=plan,
            symbols=symbols,
            func_info=func_info,
            targets=targets,
        )
        maker = MapMaker(spec.name, btf, pin_path, stack)
        if any(map_spec.exclusive_program for map_spec in declared.values()):
            from .exclusive import program_digests

            maker.digests = program_digests(spec, declared, given, programs.without_maps)
        for name, map_spec in declared.items():
            loaded.maps[name] = maker.make(map_spec, given.get(name), structs.get(name))
        if filled:
            fill_maps_of_maps(spec, loaded.maps, maker.new)
        for name, program in spec.programs.items():
            loaded.programs[name] = LoadedProgram(program, None)
        yield loaded
        for name, program in spec.programs.items():
            if program.autoload:
                loaded.programs[name].hold(programs.load(program))
        programs.finish()
        if filled:
            fill_with_programs(spec, loaded.maps, loaded.programs, plan)
        stack.pop_all()


def _require_maps(spec: ObjectSpec, given: Mapping[str, HasFileno]) -> None:
    if unknown := given.keys() - spec.maps.keys():
        raise ValueError(
            f"object {spec.name!r} has no map {sorted(unknown)[0]!r} to be replaced; there are: "
            f"{', '.join(spec.maps) or 'none'}"
        )


def _require_targets(spec: ObjectSpec, targets: Mapping[str, HasFileno]) -> None:
    """A target is for a program that can be attached to another one."""
    kinds = (ProgType.TRACING, ProgType.EXT)
    there = [name for name, program in spec.programs.items() if program.prog_type in kinds]
    if wrong := [name for name in targets if name not in there]:
        raise ValueError(
            f"object {spec.name!r} has no program {wrong[0]!r} that could be attached to another "
            f"one; there are: {', '.join(there) or 'none'}"
        )


def _is_filled(spec: ObjectSpec) -> bool:
    """Whether maps have more than data in them: other maps, programs, functions."""
    return any(
        each.values or each.functions or each.map_type == MapType.STRUCT_OPS
        for each in spec.maps.values()
    )


def _with_configuration(
    spec: ObjectSpec, given: Mapping[str, HasFileno], kconfig: Kconfig | None
) -> dict[str, MapSpec]:
    """The maps of *spec*, ``.kconfig`` with its values unless it is given itself."""
    declared = spec.maps
    if KCONFIG in declared and KCONFIG not in given:
        from .externs.kconfig import kconfig_data

        values = replace(declared[KCONFIG], data=bytearray(kconfig_data(spec, kconfig)))
        return declared | {KCONFIG: values}
    if kconfig and isinstance(kconfig, Mapping):
        raise ValueError(f"kconfig: object {spec.name!r} has no extern {next(iter(kconfig))!r}")
    return declared


def _plan(spec: ObjectSpec, lookups: ExitStack) -> Plan | None:
    """What the object's struct_ops maps decide, None without any."""
    if not any(each.map_type == MapType.STRUCT_OPS for each in spec.maps.values()):
        return None
    from ..btf import decode
    from .kernel_btf import kernel_btf
    from .struct_ops import make_plan

    return make_plan(spec, decode(spec.btf), kernel_btf, lookups)


def _symbols(spec: ObjectSpec, lookups: ExitStack) -> Symbols | None:
    """What the kernel symbols of the programs are; None, and no work, if they use none."""
    if not any(
        program.autoload and program.extern_relocations for program in spec.programs.values()
    ):
        return None
    from .externs.ksyms import Symbols

    symbols = Symbols(spec)
    lookups.callback(symbols.close)
    return symbols
