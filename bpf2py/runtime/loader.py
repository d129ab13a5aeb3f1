"""From an ``ObjectSpec`` to a :class:`Loaded`: all of it in the kernel, or nothing.

In: a spec; what the user wants otherwise.  Out: descriptors with one owner.  The order is that of
libbpf: BTF, maps, data, then each program with CO-RE numbers and map descriptors patched in.  The
kernel's BTF is read only if a program to be loaded needs it.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from functools import cached_property
from typing import TYPE_CHECKING

from ..spec import ObjectSpec, ProgramSpec
from ..uapi import AttachType, MapType, ProgType
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
    from .maps.handle import MapHandle
    from .struct_ops import Plan
    from .targets import Target

#: The first log buffer, and the largest a kernel before 5.15 takes (UINT_MAX >> 8).  A log that
#: would be larger still comes from a program too complex to load: each further look takes the
#: verifier seconds, and since 6.4 (1216640938035) what fitted is the end, where the reason is.
_LOG_FIRST = 1 << 20
_LOG_LIMIT = (1 << 24) - 1
#: BPF_LOG_STATS: a log without the instructions, but with the complaint (5.2).
_LOG_STATS = 4


def load(
    spec: ObjectSpec,
    *,
    pin_path: str | os.PathLike[str] | None = None,
    kernel_btf: str | os.PathLike[str] | bytes | TypeTable | None = None,
    log_level: int | None = None,
    maps: Mapping[str, HasFileno] | None = None,
) -> Loaded:
    """Create maps, fill data, load programs; options and errors as in ``TypedSpec.load``."""
    if spec.byte_order != sys.byteorder:
        raise ValueError(
            f"object {spec.name!r} was compiled for {spec.byte_order}-endian machines, this one is "
            f"{sys.byteorder}-endian: compile it with -target bpf"
            f"{'el' if sys.byteorder == 'little' else 'eb'}"
        )
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
    with ExitStack() as stack, ExitStack() as modules:
        btf = _load_btf(spec)
        if btf is not None:
            stack.callback(btf.close)
        plan = _plan(spec, modules)
        structs = plan.structs if plan else {}
        maker = MapMaker(spec.name, btf, pin_path, stack)
        loaded_maps = {
            name: maker.make(map_spec, given.get(name), structs.get(name))
            for name, map_spec in spec.maps.items()
        }
        if filled:
            from .filled import fill_maps_of_maps

            fill_maps_of_maps(spec, loaded_maps, maker.new)
        programs = _ProgramLoader(spec, loaded_maps, btf, kernel_btf, log_level, plan)
        loaded_programs: dict[str, LoadedProgram] = {}
        for name, program in spec.programs.items():
            if not _wanted(program, plan):
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


def _plan(spec: ObjectSpec, modules: ExitStack) -> Plan | None:
    """What the object's struct_ops maps decide, None without any."""
    if not any(each.map_type == MapType.STRUCT_OPS for each in spec.maps.values()):
        return None
    from ..btf import decode
    from .kernel_btf import kernel_btf
    from .struct_ops import make_plan

    return make_plan(spec, decode(spec.btf), kernel_btf, modules)


def _wanted(program: ProgramSpec, plan: Plan | None) -> bool:
    """Whether a program is loaded: struct_ops decide for those that they refer to, as in libbpf."""
    if plan is not None:
        if program.name in plan.targets:
            return True
        if program.name in plan.unused:
            return False
    return program.autoload


def _load_btf(spec: ObjectSpec) -> FD | None:
    """The object's BTF in the kernel; None, with a warning, where the kernel refuses it.

    It is tried as it is, then without what this kernel does not know.  Without any, maps and
    programs lose their types and C lines; what cannot live without is refused by the kernel with a
    reason of its own.
    """
    if not spec.btf:
        return None
    what = f"BTF of object {spec.name!r}"
    try:
        return FD(with_memlock(lambda: btf_load(spec.btf, what=what, explain=False)), what)
    except PermissionError:
        raise
    except OSError:
        btf = _sanitized(spec.btf)
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
        plan: Plan | None = None,
    ) -> None:
        self._plan = plan
        self._spec = spec
        self._maps = maps
        self._btf = btf
        self._kernel_btf = kernel_btf
        self._log_level = log_level

    def load(self, program: ProgramSpec) -> LoadedProgram:
        """Load one program.  Raises as ``TypedSpec.load`` says."""
        what = f"program {program.name!r}"
        _require_sensible(program)
        source = source_of(program, lambda: self._table, self._spec.byte_order)
        insns, outcomes = relocated(program, self._maps, lambda: self._relocator, source)
        target = self._target(program)
        attach_type = program.attach_type
        if target is not None and target.attach_type is not None:
            attach_type = target.attach_type
        try:
            request = LoadRequest(
                prog_type=int(program.prog_type),
                insns=insns,
                license=self._spec.license,
                name=kernel_name(program.name),
                flags=int(program.flags),
                expected_attach_type=int(attach_type or 0),
                btf_fd=self._btf.fileno() if self._btf is not None else None,
                func_info=program.func_info,
                line_info=program.line_info,
                attach_btf_id=target.type_id if target else 0,
                attach_fd=target.module.fileno() if target and target.module else 0,
                what=what,
            )
            return self._load(program, request, outcomes, source)
        finally:
            if target and target.module:
                target.module.close()

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
        return find_target(program)

    def _member(self, program: ProgramSpec) -> Target:
        """The member of a struct that a struct_ops program stands behind."""
        target = self._plan.targets.get(program.name) if self._plan else None
        if target is None:
            raise ValueError(
                f"program {program.name!r} ({program.section}) is behind no member of a struct_ops "
                "map that is created: refer to it in one, or set autoload = False in its spec"
            )
        return target._replace(module=target.module.duplicate() if target.module else None)

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


def _require_sensible(program: ProgramSpec) -> None:
    what = f"program {program.name!r} (section {program.section!r})"
    if program.prog_type == ProgType.UNSPEC:
        raise ValueError(
            f"{what}: its section name does not say what kind of program it is; set "
            "prog_type (and attach_type) in its spec, or autoload = False"
        )
    if not program.insns or len(program.insns) % 8:
        raise ValueError(f"{what}: {len(program.insns)} bytes are no instructions")


def _load_anyhow(request: LoadRequest) -> int:
    """Load without a log, leaving out what kernels before 5.0 (BTF) and 4.15 (names) refuse.

    A program too complex is E2BIG as well, after seconds: that one is not tried again.
    """
    while True:
        try:
            return prog_load(request)
        except OSError as exc:
            if exc.errno != errno.E2BIG or (request.btf_fd is None and not request.name):
                raise
            from .features import takes_program_fields

            if takes_program_fields(name=request.name, btf_fd=request.btf_fd):
                raise
        if request.btf_fd is not None:
            request = request._replace(btf_fd=None)
        else:
            request = request._replace(name=b"")


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
