"""One program of an object, from its spec to what BPF_PROG_LOAD is asked.

In: the spec, the maps in the kernel, what kernel symbols and struct_ops are here.  Out: a
:class:`LoadedProgram`.  What the programs of an object share (types, the kernel's BTF) is computed
when the first needs it.  Not here: patching (relocate.py), places in BTF (targets.py), logs and
refusals (verification.py).
"""

from __future__ import annotations

from ..light import TYPE_CHECKING, Callable, Mapping, Sequence, cached_property, suppress
from ..records import replace
from ..spec import ObjectSpec, ProgramSpec
from ..uapi import AttachType, ProgType
from .log import debug
from .programs.base import LoadedProgram
from .syscalls.fd import FD, HasFileno
from .syscalls.map import bind_map, kernel_name
from .syscalls.prog import LoadRequest
from .verification import verified

if TYPE_CHECKING:
    from ..btf import TypeTable
    from ..btf.core import Outcome, Relocator
    from .core_cache import CoreCache
    from .core_types import KernelTypes
    from .externs.ksyms import Symbols
    from .maps.handle import MapHandle
    from .struct_ops import Plan
    from .targets import Target

#: Types whose programs are attached to something in some BTF, if their attach type says so.
_WITH_TARGET = frozenset((ProgType.TRACING, ProgType.LSM, ProgType.EXT))
_USDT = ("usdt", "usdt.s")


class ProgramLoader:
    """Loads the programs of one object; what they share is computed when first needed."""

    def __init__(
        self,
        spec: ObjectSpec,
        maps: Mapping[str, MapHandle],
        btf: FD | None,
        kernel_btf: KernelTypes | None,
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
        self._core_cache: CoreCache | None = None
        self._asked_for_ids = False

    def load(self, program: ProgramSpec) -> LoadedProgram:
        """Load one program.  Raises as ``TypedSpec.load`` says."""
        what = f"program {program.name!r}"
        _require_sensible(program)
        source = self._source(program)
        symbols = self._symbols
        insns: bytes | bytearray = program.insns
        outcomes: Sequence[Outcome] = ()
        if program.map_relocations or program.extern_relocations or program.core_relocations:
            from .relocate import relocated

            found = symbols.found if symbols else {}
            insns, outcomes = relocated(program, self._maps, found, lambda: self._relocator, source)
        attach_type = _attach_type(program)
        target = self._target(program)
        if target is not None and target.attach_type is not None:
            attach_type = target.attach_type
        tables = None
        try:
            if program.jump_tables:
                from .jump_tables import place_jump_tables

                insns = bytearray(insns)
                tables = place_jump_tables(program.jump_tables, insns, program.name)
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
                ifindex=program.ifindex,
                kernel_version=_kernel_version(program),
                fd_array=symbols.modules if symbols else None,
                what=what,
            )
            level = program.log_level if self._log_level is None else self._log_level
            loaded = verified(program, request, level, outcomes, source, self._spec.name)
            debug("%s: loaded, %s instructions", what, len(insns) // 8)
            if self._constants:
                self._bind_constants(loaded)
            return loaded
        finally:
            if tables is not None:
                tables.close()
            if target and target.fd:
                target.fd.close()

    def without_maps(self, program: ProgramSpec) -> bytearray:
        """The program's instructions with everything in place but maps."""
        from .relocate import relocated

        symbols = self._symbols
        insns, _ = relocated(
            replace(program, map_relocations=()),
            {},
            symbols.found if symbols else {},
            lambda: self._relocator,
            self._source(program),
        )
        return insns

    @cached_property
    def _constants(self) -> list[str]:
        """Maps of constants, now that the maps are there."""
        return [
            name
            for name, each in self._spec.maps.items()
            if each.section.startswith(".rodata") and self._maps[name].created
        ]

    def _bind_constants(self, loaded: LoadedProgram) -> None:
        """Let the program hold constants that it does not read: they say something to whoever looks
        at it (``bpf_metadata_…``), and otherwise go with the object (5.10; libbpf does it, too)."""
        assert loaded.fd is not None
        used = {relocation.map for relocation in loaded.spec.map_relocations}
        try:
            for name in self._constants:
                if name not in used:
                    with suppress(OSError):
                        map_fd = self._maps[name].fileno()
                        bind_map(loaded.fd.fileno(), map_fd, what=f"map {name!r}")
        except BaseException:
            loaded.close()
            raise

    def _target(self, program: ProgramSpec) -> Target | None:
        if program.prog_type == ProgType.STRUCT_OPS:
            return self._member(program)
        if program.prog_type not in _WITH_TARGET:
            return None
        from .targets import OF_MANY, TARGET_KINDS, find_module, find_target

        if program.attach_type in OF_MANY:
            return find_module(program)
        if (program.prog_type, program.attach_type) not in TARGET_KINDS:
            return None
        self._asked_for_ids = True
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

    def _source(self, program: ProgramSpec) -> Callable[[int], str]:
        """The C line of an instruction, of which nobody asks unless something is wrong."""

        find: Callable[[int], str] | None = None

        def line(insn: int) -> str:
            nonlocal find
            if find is None:
                from .source_lines import source_of

                find = source_of(program, lambda: self._table, self._spec.byte_order)
            return find(insn)

        return line

    @cached_property
    def _table(self) -> TypeTable:
        from ..btf import decode

        return decode(self._spec.btf)

    @cached_property
    def _relocator(self) -> Relocator | CoreCache:
        from .core_types import core_types, is_own

        if is_own(self._kernel_btf):
            from .core_cache import CoreCache

            self._core_cache = CoreCache(self._spec, lambda: self._table)
            return self._core_cache
        from ..btf.core import Relocator

        kernel, modules = core_types(self._kernel_btf)
        return Relocator(self._table, kernel, modules=modules)

    def finish(self) -> None:
        """Keep for the next process what was found out about this kernel: all are loaded."""
        if self._core_cache is not None:
            self._core_cache.keep()
        if self._asked_for_ids:
            from .kernel_ids import kernel_ids

            kernel_ids().keep()


def _require_sensible(program: ProgramSpec) -> None:
    if program.prog_type == ProgType.UNSPEC:
        why = (
            "its section name does not say what kind of program it is, as 'xdp' and"
            " 'kprobe/do_exit' do, exactly so; set prog_type (and attach_type) in its spec, or"
            " autoload = False"
        )
    elif not program.insns or len(program.insns) % 8:
        why = f"{len(program.insns)} bytes are no instructions"
    else:
        return
    raise ValueError(f"program {program.name!r} (section {program.section!r}): {why}")


def _attach_type(program: ProgramSpec) -> int:
    """The attach type to load with: for USDT, that of links for many uprobes where there are such.

    Which it is depends on the kernel, so the spec does not say it.
    """
    if program.attach_type is None and program.section.partition("/")[0] in _USDT:
        from .features import has_uprobe_multi

        return AttachType.TRACE_UPROBE_MULTI if has_uprobe_multi() else 0
    return program.attach_type or 0


def _kernel_version(program: ProgramSpec) -> int:
    """What kernels before 5.0 compare with their own version before they load a kprobe."""
    if program.prog_type != ProgType.KPROBE:
        return 0
    from .kernel import version_code

    try:
        return version_code()
    except ValueError:
        return 0
