"""From an ``ObjectSpec`` to a :class:`Loaded`: all of it in the kernel, or nothing.

In: a spec; what the user wants otherwise.  Out: descriptors with one owner.  The order is that of
libbpf: values of the kernel's configuration, kernel symbols, BTF, maps, data, then each program with
CO-RE numbers, symbols and map descriptors patched in.  The kernel's BTF is read only if a program to
be loaded needs it.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, suppress
from functools import cached_property
from typing import TYPE_CHECKING

from ..records import replace
from ..spec import KCONFIG, ObjectSpec, ProgramSpec
from ..uapi import AttachType, MapType, ProgType
from . import machine
from .create import MapMaker
from .loaded import Loaded
from .privileges import why_eperm, with_memlock
from .programs.base import LoadedProgram
from .relocate import relocated
from .source_lines import source_of
from .syscalls import bpf as door
from .syscalls.btf import btf_load
from .syscalls.fd import FD, HasFileno
from .syscalls.map import kernel_name
from .syscalls.prog import LoadRequest, LogBuffer, prog_load

if TYPE_CHECKING:
    from ..btf import TypeTable
    from ..btf.core import Outcome, Relocator
    from .externs.kconfig import Kconfig
    from .externs.ksyms import Symbols
    from .maps.handle import MapHandle
    from .struct_ops import Plan
    from .targets import Target

#: The first log buffer, and the largest a kernel before 5.15 takes (UINT_MAX >> 8).  A log that
#: would be larger still comes from a program too complex to load: each further look takes the
#: verifier seconds, and since 6.4 (1216640938035) what fitted is the end, where the reason is.
_LOG_FIRST = 1 << 20
_LOG_LIMIT = (1 << 24) - 1
_USDT = ("usdt", "usdt.s")
#: ``__arg_ctx`` in the strings of BTF.
_CONTEXT_TAG = b"\0arg:ctx\0"
#: BPF_LOG_STATS: a log without the instructions, but with the complaint (5.2).
_LOG_STATS = 4


def load(
    spec: ObjectSpec,
    *,
    pin_path: str | os.PathLike[str] | None = None,
    kernel_btf: str | os.PathLike[str] | bytes | TypeTable | None = None,
    log_level: int | None = None,
    maps: Mapping[str, HasFileno] | None = None,
    kconfig: Kconfig | None = None,
    targets: Mapping[str, HasFileno] | None = None,
) -> Loaded:
    """Create maps, fill data, load programs; options and errors as in ``TypedSpec.load``."""
    machine.require(spec)
    given = dict(maps or {})
    if unknown := given.keys() - spec.maps.keys():
        raise ValueError(
            f"object {spec.name!r} has no map {sorted(unknown)[0]!r} to be replaced; there are: "
            f"{', '.join(spec.maps) or 'none'}"
        )
    filled = any(
        each.values or each.functions or each.map_type == MapType.STRUCT_OPS
        for each in spec.maps.values()
    )
    if filled:
        from .filled import require_fillable

        require_fillable(spec)
    targets = targets or {}
    _require_targets(spec, targets)
    declared = spec.maps
    if KCONFIG in declared and KCONFIG not in given:
        from .externs.kconfig import kconfig_data

        values = replace(declared[KCONFIG], data=bytearray(kconfig_data(spec, kconfig)))
        declared = declared | {KCONFIG: values}
    elif kconfig and isinstance(kconfig, Mapping):
        raise ValueError(f"kconfig: object {spec.name!r} has no extern {next(iter(kconfig))!r}")
    with ExitStack() as stack, ExitStack() as lookups:
        plan = _plan(spec, lookups)
        if plan is not None:
            spec = _planned(spec, plan)
        structs = plan.structs if plan else {}
        symbols = _symbols(spec)
        if symbols is not None:
            lookups.callback(symbols.close)
        blob, func_info = _with_contexts(spec)
        btf = _load_btf(spec.name, blob)
        if btf is not None:
            stack.callback(btf.close)
        maker = MapMaker(spec.name, btf, pin_path, stack)
        loaded_maps = {
            name: maker.make(map_spec, given.get(name), structs.get(name))
            for name, map_spec in declared.items()
        }
        if filled:
            from .filled import fill_maps_of_maps

            fill_maps_of_maps(spec, loaded_maps, maker.new)
        programs = _ProgramLoader(
            spec,
            loaded_maps,
            btf,
            kernel_btf,
            log_level,
            plan=plan,
            symbols=symbols,
            func_info=func_info,
            targets=targets,
        )
        loaded_programs: dict[str, LoadedProgram] = {}
        for name, program in spec.programs.items():
            if not program.autoload:
                loaded_programs[name] = LoadedProgram(program, None)
                continue
            loaded = loaded_programs[name] = programs.load(program)
            stack.callback(loaded.close)
        if filled:
            from .filled import fill_with_programs

            fill_with_programs(spec, loaded_maps, loaded_programs, plan)
        stack.pop_all()
        return Loaded(spec, loaded_maps, loaded_programs, btf)
    raise AssertionError("unreachable")


def _plan(spec: ObjectSpec, lookups: ExitStack) -> Plan | None:
    """What the object's struct_ops maps decide, None without any."""
    if not any(each.map_type == MapType.STRUCT_OPS for each in spec.maps.values()):
        return None
    from ..btf import decode
    from .kernel_btf import kernel_btf
    from .struct_ops import make_plan

    return make_plan(spec, decode(spec.btf), kernel_btf, lookups)


def _planned(spec: ObjectSpec, plan: Plan) -> ObjectSpec:
    """*spec* with those programs on that struct_ops refer to, whose maps decide, as in libbpf."""
    programs = {
        name: (
            replace(program, autoload=name in plan.targets)
            if name in plan.targets or name in plan.unused
            else program
        )
        for name, program in spec.programs.items()
    }
    return replace(spec, programs=programs)


def _symbols(spec: ObjectSpec) -> Symbols | None:
    """What the kernel symbols of the programs are; None, and no work, if they use none."""
    if not any(
        program.autoload and program.extern_relocations for program in spec.programs.values()
    ):
        return None
    from .externs.ksyms import Symbols

    return Symbols(spec)


def _with_contexts(spec: ObjectSpec) -> tuple[bytes, Mapping[str, bytes]]:
    """The BTF, and func_info that is not the spec's: where the kernel does not know ``arg:ctx``."""
    if _CONTEXT_TAG in spec.btf:
        from ..btf import BTFError
        from ..btf.arg_ctx import Tagged, retyped
        from .features import knows_context_tags

        if not knows_context_tags():
            programs = {
                name: Tagged(program.prog_type, program.func_info)
                for name, program in spec.programs.items()
                if program.autoload
            }
            with suppress(BTFError):  # the kernel says better what is wrong with it
                return retyped(spec.btf, programs)
    return spec.btf, {}


def _load_btf(object_name: str, blob: bytes) -> FD | None:
    """The object's BTF in the kernel; None, with a warning, where the kernel refuses it.

    It is tried as it is, then without what this kernel does not know.  Without any, maps and
    programs lose their types and C lines; what cannot live without is refused by the kernel with a
    reason of its own.
    """
    if not blob:
        return None
    what = f"BTF of object {object_name!r}"
    try:
        return FD(with_memlock(lambda: btf_load(blob, what=what, explain=False)), what)
    except PermissionError:
        raise
    except OSError:
        btf = _sanitized(blob)
    try:
        return FD(with_memlock(lambda: btf_load(btf, what=what)), what)
    except OSError as exc:
        import warnings

        warnings.warn(
            f"going on without BTF, which this kernel refuses: {exc}", RuntimeWarning, stacklevel=4
        )
        return None


def _sanitized(btf: bytes) -> bytes:
    from ..btf import BTFError
    from ..btf.sanitize import sanitize
    from .features import missing_btf_features

    try:
        return sanitize(btf, missing_btf_features())
    except BTFError:
        return btf  # the kernel says better what is wrong with it


class _ProgramLoader:
    """Loads the programs of one object; what they share is computed when first needed."""

    def __init__(
        self,
        spec: ObjectSpec,
        maps: Mapping[str, MapHandle],
        btf: FD | None,
        kernel_btf: str | os.PathLike[str] | bytes | TypeTable | None,
        log_level: int | None,
        *,
        plan: Plan | None,
        symbols: Symbols | None,
        func_info: Mapping[str, bytes],
        targets: Mapping[str, HasFileno],
    ) -> None:
        self._plan = plan
        self._spec = spec
        self._maps = maps
        self._btf = btf
        self._kernel_btf = kernel_btf
        self._log_level = log_level
        self._symbols = symbols
        self._func_info = func_info
        self._targets = targets

    def load(self, program: ProgramSpec) -> LoadedProgram:
        """Load one program.  Raises as ``TypedSpec.load`` says."""
        what = f"program {program.name!r}"
        _require_sensible(program)
        source = source_of(program, lambda: self._table, self._spec.byte_order)
        symbols = self._symbols
        insns, outcomes = relocated(
            program,
            self._maps,
            symbols.found if symbols else {},
            lambda: self._relocator,
            source,
        )
        target = self._target(program)
        attach_type = _attach_type(program)
        if target is not None and target.attach_type is not None:
            attach_type = target.attach_type
        try:
            request = LoadRequest(
                prog_type=int(program.prog_type),
                insns=insns,
                license=self._spec.license,
                name=kernel_name(program.name),
                flags=int(program.flags),
                expected_attach_type=attach_type,
                btf_fd=self._btf.fileno() if self._btf is not None else None,
                func_info=self._func_info.get(program.name, program.func_info),
                line_info=program.line_info,
                attach_btf_id=target.type_id if target else 0,
                attach_fd=target.fd.fileno() if target and target.fd else 0,
                kernel_version=_kernel_version(program),
                fd_array=symbols.modules if symbols else None,
                what=what,
            )
            return self._load(program, request, outcomes, source)
        finally:
            if target and target.fd:
                target.fd.close()

    def _load(
        self,
        program: ProgramSpec,
        request: LoadRequest,
        outcomes: list[Outcome],
        source: Callable[[int], str],
    ) -> LoadedProgram:
        level = program.log_level if self._log_level is None else self._log_level
        refused: OSError | None = None
        if not level:
            # A log costs the verifier time, so only who is refused gets one.
            try:
                fd = with_memlock(lambda: _load_anyhow(request))
                return LoadedProgram(program, FD(fd, request.what))
            except OSError as exc:
                # With its traceback it would keep this frame, and this frame it.
                refused = exc.with_traceback(None)
        number, log, error = load_with_log(request, level or 1)
        while error is not None and (older := _older_request(request, error)) is not None:
            request = older
            number, log, error = load_with_log(request, level or 1)
        text = log.text
        if error is not None and log.full and not log.true_size:
            # Before 6.4 it is the end that is missing, and the reason with it, or nothing but the
            # room for the log stood against loading.
            number, short, error = load_with_log(request, _LOG_STATS)
            text += f"\n{short.text}"
        if number is not None:
            return LoadedProgram(program, FD(number, request.what), text if level else "")
        assert error is not None
        if text.strip():
            raise rejection_of(error, text, program, outcomes, source)
        raise _explained(refused or error, program, self._spec) from None

    def _target(self, program: ProgramSpec) -> Target | None:
        from .targets import TARGET_KINDS, find_target

        if program.prog_type == ProgType.STRUCT_OPS:
            return self._member(program)
        if (program.prog_type, program.attach_type) not in TARGET_KINDS:
            return None
        return find_target(program, self._targets.get(program.name))

    def _member(self, program: ProgramSpec) -> Target:
        """The member of a struct that a struct_ops program stands behind."""
        target = self._plan.targets.get(program.name) if self._plan else None
        if target is None:
            raise ValueError(
                f"program {program.name!r} ({program.section}) is behind no member of a struct_ops "
                "map that is created: refer to it in one, or set autoload = False in its spec"
            )
        return target._replace(fd=target.fd.duplicate() if target.fd else None)

    @cached_property
    def _table(self) -> TypeTable:
        from ..btf import decode

        return decode(self._spec.btf)

    @cached_property
    def _relocator(self) -> Relocator:
        from ..btf import TypeTable
        from ..btf.core import Relocator
        from .kernel_btf import kernel_btf

        if isinstance(self._kernel_btf, TypeTable):
            return Relocator(self._table, self._kernel_btf)
        kernel = kernel_btf(self._kernel_btf)
        if self._kernel_btf is not None:
            return Relocator(self._table, kernel)

        def modules() -> Iterator[tuple[str, TypeTable]]:
            from .module_btf import module_tables

            return ((name, table) for name, _, table in module_tables(kernel))

        return Relocator(self._table, kernel, modules=modules)


def _require_targets(spec: ObjectSpec, targets: Mapping[str, HasFileno]) -> None:
    """A target is for a program that can be attached to another one."""
    kinds = (ProgType.TRACING, ProgType.EXT)
    there = [name for name, program in spec.programs.items() if program.prog_type in kinds]
    if wrong := [name for name in targets if name not in there]:
        raise ValueError(
            f"object {spec.name!r} has no program {wrong[0]!r} that could be attached to another "
            f"one; there are: {', '.join(there) or 'none'}"
        )


def _require_sensible(program: ProgramSpec) -> None:
    what = f"program {program.name!r} (section {program.section!r})"
    if program.prog_type == ProgType.UNSPEC:
        raise ValueError(
            f"{what}: its section name does not say what kind of program it is; set "
            "prog_type (and attach_type) in its spec, or autoload = False"
        )
    if not program.insns or len(program.insns) % 8:
        raise ValueError(f"{what}: {len(program.insns)} bytes are no instructions")


def _attach_type(program: ProgramSpec) -> int:
    """The attach type to load with: for USDT, that of links for many uprobes where there are such.

    Which it is depends on the kernel, so the spec does not say it.
    """
    if program.attach_type is None and program.section.partition("/")[0] in _USDT:
        from .features import has_uprobe_multi

        return AttachType.TRACE_UPROBE_MULTI if has_uprobe_multi() else 0
    return int(program.attach_type or 0)


def _kernel_version(program: ProgramSpec) -> int:
    """What kernels before 5.0 compare with their own version before they load a kprobe."""
    if program.prog_type != ProgType.KPROBE:
        return 0
    from .kernel import version_code

    try:
        return version_code()
    except ValueError:
        return 0


def _load_anyhow(request: LoadRequest) -> int:
    """Load without a log, leaving out what an older kernel does not know."""
    while True:
        try:
            return prog_load(request)
        except OSError as exc:
            older = _older_request(request, exc)
            if older is None:
                raise
            request = older


def _older_request(request: LoadRequest, error: OSError) -> LoadRequest | None:
    """What to ask of an older kernel; imported only when something was refused."""
    from .older import older_request

    return older_request(request, error)


def load_with_log(request: LoadRequest, level: int) -> tuple[int | None, LogBuffer, OSError | None]:
    """Load and give back descriptor or error, with the whole log.

    The buffer grows until the log fits: to the size the kernel names (6.4), else fourfold.  It
    is the buffer that is looked at and not the error, which can be EFAULT for a log cut short.
    """
    size = _LOG_FIRST
    while True:
        log = LogBuffer(level, size)
        number: int | None = None
        error: OSError | None = None
        try:
            number = prog_load(request, log)
        except OSError as exc:
            error = exc.with_traceback(None)
        hopeless = size >= _LOG_LIMIT or log.true_size > _LOG_LIMIT
        if number is not None or not log.full or hopeless:
            return number, log, error
        size = min(log.true_size or 4 * size, _LOG_LIMIT)


def rejection_of(
    error: OSError,
    log: str,
    program: ProgramSpec,
    outcomes: list[Outcome],
    source: Callable[[int], str],
) -> OSError:
    """The VerifierError; reading logs is imported only when one must be read."""
    from .verifier import rejection

    return rejection(error, log, program, outcomes, source)


def _explained(error: OSError, program: ProgramSpec, spec: ObjectSpec) -> OSError:
    """A refusal that came before the verifier looked at any instruction."""
    kind = f"type {_name(program.prog_type)}"
    if program.prog_type in (ProgType.TRACING, ProgType.LSM) and program.attach_type is not None:
        kind += f" with attach type {_name(program.attach_type)}"
    what = f"program {program.name!r} ({program.section}) of object {spec.name!r}"
    if error.errno == errno.EPERM:
        return OSError(errno.EPERM, f"BPF_PROG_LOAD: {why_eperm(program.prog_type, kind)}", what)
    if error.errno == errno.EINVAL:
        return OSError(
            errno.EINVAL,
            f"BPF_PROG_LOAD: the kernel refuses it before verifying: it does not know programs "
            f"of {kind}, or not with these flags ({program.flags!s}) or this target",
            what,
        )
    if error.errno == door.ENOTSUPP:
        return OSError(errno.EOPNOTSUPP, f"BPF_PROG_LOAD: the kernel has no {kind}", what)
    return OSError(error.errno, error.strerror, what)


def _name(value: int) -> str:
    return value.name if isinstance(value, (ProgType, AttachType)) else str(value)
