"""Kernel variables, functions and addresses that programs name (``__ksym``), on this kernel.

In: an ``ObjectSpec``; the running kernel's BTF and symbols, read if something needs them.  Out: a
:class:`Symbol` for each, and descriptors of the modules they are in.  Only what the programs to be
loaded use is looked for.  Not here: patching instructions (relocate.py).  Follows
bpf_object__resolve_externs() and find_ksym_btf_id() of libbpf.
"""

from __future__ import annotations

from array import array

from ...light import TYPE_CHECKING, NamedTuple
from ...spec import ExternKind, ExternSpec, ObjectSpec
from ...uapi import BTFKind
from ..errors import NotSupportedError
from ..syscalls.fd import FD
from .kallsyms import KALLSYMS, find_addresses

if TYPE_CHECKING:
    from ...btf import TypeTable
    from ...btf.core_view import TypeView

#: What each kind of typed extern is to people, and in BTF.
_WORDS = {
    ExternKind.VARIABLE: ("kernel variable", BTFKind.VAR),
    ExternKind.FUNCTION: ("kernel function", BTFKind.FUNC),
}
_LOOKED = "it is not in the BTF of the kernel or of its loaded modules"
_NO_MODULES = "without CAP_SYS_ADMIN those cannot be looked at"
_LOOKED_NAMES = f"it is not in {KALLSYMS} (variables are there with CONFIG_KALLSYMS_ALL only)"


class Symbol(NamedTuple):
    """What one extern is on this kernel; all zero if it is weak and not there.

    *type_id* is its id in the BTF of the kernel, or in that of the module with descriptor *module*,
    which is number *place* in :attr:`Symbols.modules`.  *address* is set for those without type.
    *number* counts the object's externs.
    """

    number: int
    type_id: int = 0
    module: int = 0
    place: int = 0
    address: int = 0


class Symbols:
    """The symbols that some programs use; owns the descriptors until it is closed."""

    def __init__(self, spec: ObjectSpec) -> None:
        self._spec = spec
        self._fds: list[FD] = []
        self._places: dict[str, int] = {}
        #: What each extern that the programs use is.
        self.found: dict[str, Symbol] = {}
        #: Descriptors of modules' BTF for BPF_PROG_LOAD; number 0 stands for the kernel itself.
        self.modules = array("i")
        used = {
            relocation.extern
            for program in spec.programs.values()
            if program.autoload
            for relocation in program.extern_relocations
        }
        try:
            self._resolve([extern for name, extern in spec.externs.items() if name in used])
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close the descriptors; a second call does nothing."""
        while self._fds:
            self._fds.pop().close()

    def _resolve(self, externs: list[ExternSpec]) -> None:
        numbers = {name: number for number, name in enumerate(self._spec.externs)}
        self.found = {extern.name: Symbol(numbers[extern.name]) for extern in externs}
        self._find_addresses([e for e in externs if e.kind is ExternKind.ADDRESS])
        typed = [e for e in externs if e.kind in _WORDS]
        if typed:
            self._find_types(typed)

    def _find_addresses(self, externs: list[ExternSpec]) -> None:
        if not externs:
            return
        found = find_addresses(extern.name for extern in externs)
        for extern in externs:
            address = found.get(extern.name)
            if address is None and not extern.weak:
                raise self._missing(extern, "kernel symbol", _LOOKED_NAMES)
            self._set(extern, address=address or 0)

    def _find_types(self, externs: list[ExternSpec]) -> None:
        from ...btf import decode
        from ...btf.core_view import TypeView
        from ..kernel_btf import kernel_btf

        local = TypeView(decode(self._spec.btf), local=True)
        kernel = kernel_btf()
        view = TypeView(kernel)
        left: list[ExternSpec] = []
        for extern in externs:
            type_id = kernel.find(_kernel_name(extern), _WORDS[extern.kind][1])
            if type_id is None:
                left.append(extern)
            else:
                self._take(extern, local, view, type_id, None, "the kernel")
        if left:
            left = self._find_in_modules(left, local, view)
        for extern in left:
            if not extern.weak:
                why = _LOOKED if _may_read_modules() else f"{_LOOKED} ({_NO_MODULES})"
                raise self._missing(extern, _WORDS[extern.kind][0], why)

    def _find_in_modules(
        self, externs: list[ExternSpec], local: TypeView, view: TypeView
    ) -> list[ExternSpec]:
        """Look into one module after the other; what is in none is given back."""
        from ...btf.core_view import TypeView
        from ..module_btf import module_tables

        for name, fd, table in module_tables(view.table):
            there: TypeView | None = None
            for extern in externs[:]:
                type_id = table.find(_kernel_name(extern), _WORDS[extern.kind][1])
                # An id below first_id is the kernel's own, which was looked at before.
                if type_id is None or type_id < table.first_id:
                    continue
                there = there or TypeView(table, base=view)
                externs.remove(extern)
                self._take(extern, local, there, type_id, fd, f"module {name!r}")
            if not externs:
                break
        return externs

    def _take(
        self,
        extern: ExternSpec,
        local: TypeView,
        view: TypeView,
        type_id: int,
        module: FD | None,
        where: str,
    ) -> None:
        target = view.shapes[type_id].value
        if not _fits(local, extern.type_id, view, target):
            if extern.weak and extern.kind is ExternKind.FUNCTION:
                return
            word = _WORDS[extern.kind][0]
            advice = ""
            if extern.kind is ExternKind.FUNCTION:
                advice = "; a weak one may be declared in several versions, as name___version"
            if forward := _only_declared(local.table, extern.type_id):
                advice = (
                    f"; a struct that is only declared fits none: give {forward!r} a body, {{}}"
                )
            raise NotSupportedError(
                f"{word} {extern.name!r} as object {self._spec.name!r} declares it",
                hint=f"the object has '{_declared(local.table, extern)}', {where} has "
                f"'{_declaration(view.table, type_id)}'{advice}",
            )
        descriptor = place = 0
        if module is not None:
            kept = self._kept(where, module)
            descriptor = kept.fileno()
            if extern.kind is ExternKind.FUNCTION:
                place = self._place(where, descriptor)
        self._set(extern, type_id=type_id, module=descriptor, place=place)

    def _kept(self, module: str, fd: FD) -> FD:
        for kept in self._fds:
            if kept.what == module:
                return kept
        kept = fd.duplicate()
        kept.what = module
        self._fds.append(kept)
        return kept

    def _place(self, module: str, descriptor: int) -> int:
        place = self._places.get(module)
        if place is None:
            if not self.modules:
                self.modules.append(0)
            place = self._places[module] = len(self.modules)
            self.modules.append(descriptor)
        return place

    def _set(self, extern: ExternSpec, **fields: int) -> None:
        self.found[extern.name] = self.found[extern.name]._replace(**fields)

    def _missing(self, extern: ExternSpec, word: str, why: str) -> NotSupportedError:
        users = [
            repr(program.name)
            for program in self._spec.programs.values()
            if program.autoload and any(r.extern == extern.name for r in program.extern_relocations)
        ]
        first, *more = users
        who = f"program {first}" + (f" (and {len(more)} more)" if more else "")
        hint = f"{why}, and {who} of object {self._spec.name!r} uses it; declare it __weak and ask bpf_ksym_exists() to do without"
        return NotSupportedError(f"{word} {extern.name!r}", hint=hint)


def _may_read_modules() -> bool:
    from ..privileges import effective_capabilities

    return bool(effective_capabilities() >> 21 & 1)  # CAP_SYS_ADMIN


def _kernel_name(extern: ExternSpec) -> str:
    """A function may be declared in several versions, ``bpf_foo___v2``; a variable may not."""
    from ...btf.names import essential_name

    return essential_name(extern.name) if extern.kind is ExternKind.FUNCTION else extern.name


def _fits(local: TypeView, local_id: int, target: TypeView, target_id: int) -> bool:
    from ...btf.core_errors import Unanswerable
    from ...btf.core_match import types_are_compat

    try:
        wanted, there = local.resolved[local_id].type_id, target.resolved[target_id].type_id
        return types_are_compat(local, wanted, target, there)
    except Unanswerable:
        return False


def _declared(table: TypeTable, extern: ExternSpec) -> str:
    from ...btf.c_text import CText

    # The name that parameters without one got (elf.externs).
    text = CText(table).declare(extern.type_id, extern.name)
    return text.replace(" dummy_ksym", "").replace("dummy_ksym", "")


def _only_declared(table: TypeTable, type_id: int) -> str:
    """The first struct of a prototype, or behind a pointer, of which there is only a declaration."""
    from ...btf.types import FuncProto, Fwd, Ptr

    first = table[table.resolve(type_id)]
    targets = [type_id]
    if isinstance(first, FuncProto):
        targets = [first.target, *(param.target for param in first.params)]
    for target in targets:
        each = table[table.resolve(target)]
        while isinstance(each, Ptr):
            each = table[table.resolve(each.target)]
        if isinstance(each, Fwd):
            return f"struct {each.name}"
    return ""


def _declaration(table: TypeTable, type_id: int) -> str:
    from ...btf.c_text import CText

    return CText(table).declare(table.size_or_target(type_id), table.name(type_id))
