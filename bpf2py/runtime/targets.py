"""Where a program is to be attached, if that must be known when it is loaded: a place in some BTF.

In: a program of ``SEC("tp_btf/…")``, ``SEC("fentry/…")`` and their like; the BPF program it is to
be attached to, if it is one.  Out: a type id and, unless it is in the kernel's own BTF, a
descriptor.  Names are made as libbpf does (libbpf_find_attach_btf_id()).
"""

from __future__ import annotations

import errno

from ..light import TYPE_CHECKING, NamedTuple
from ..spec import ProgramSpec
from ..uapi import AttachType, BTFKind, ProgType
from .syscalls.fd import FD

if TYPE_CHECKING:
    from typing import Final

    from ..btf import TypeTable
    from .syscalls.fd import HasFileno

#: (type, attach type) to what goes before the name, the kind of BTF, and how to call it.
TARGET_KINDS: Final[dict[tuple[int, int | None], tuple[str, BTFKind, str]]] = {
    (ProgType.TRACING, AttachType.TRACE_RAW_TP): ("btf_trace_", BTFKind.TYPEDEF, "tracepoint"),
    (ProgType.TRACING, AttachType.TRACE_FENTRY): ("", BTFKind.FUNC, "function"),
    (ProgType.TRACING, AttachType.TRACE_FEXIT): ("", BTFKind.FUNC, "function"),
    (ProgType.TRACING, AttachType.MODIFY_RETURN): ("", BTFKind.FUNC, "function"),
    (ProgType.TRACING, AttachType.TRACE_FSESSION): ("", BTFKind.FUNC, "function"),
    (ProgType.TRACING, AttachType.TRACE_ITER): ("bpf_iter_", BTFKind.FUNC, "iterator"),
    (ProgType.LSM, AttachType.LSM_MAC): ("bpf_lsm_", BTFKind.FUNC, "LSM hook"),
    (ProgType.LSM, AttachType.LSM_CGROUP): ("bpf_lsm_", BTFKind.FUNC, "LSM hook"),
    (ProgType.EXT, None): ("", BTFKind.FUNC, "function"),
}


#: Programs for many functions, which are named when they are attached; here it is only whether they
#: are in the kernel or in one module (7.2).
OF_MANY: Final = frozenset(
    (
        AttachType.TRACE_FENTRY_MULTI,
        AttachType.TRACE_FEXIT_MULTI,
        AttachType.TRACE_FSESSION_MULTI,
    )
)


class Target(NamedTuple):
    """A type in the kernel's own BTF, or in that of a module or BPF program.

    *fd* is the module's BTF or the program, and owned by whoever gets this.
    """

    type_id: int
    fd: FD | None
    #: struct_ops only: the number of the member, which is sent as the attach type.
    attach_type: int | None = None


def find_target(program: ProgramSpec, given: HasFileno | None = None) -> Target:
    """The target of a program; ``module:name`` looks in that module, a bare name in all.

    With *given*, an open BPF program, it is a function of that: of its own name, or a global one
    that it calls (5.5).  Raises :class:`ValueError` for a section without a name,
    :class:`FileNotFoundError` when there is no such target.
    """
    prefix, kind, word = TARGET_KINDS[program.prog_type, program.attach_type]
    module, _, name = program.attach_to.rpartition(":")
    if not name:
        raise ValueError(
            f"program {program.name!r}: section {program.section!r} does not name its {word}; "
            "set attach_to in its spec"
        )
    if given is not None:
        return _in_program(program, given, name)
    if program.prog_type == ProgType.EXT:
        raise ValueError(
            f"program {program.name!r} replaces a function of another program: give load() that "
            f"program as targets={{{program.name!r}: …}}"
        )
    if module in ("", "vmlinux"):
        from .kernel_ids import kernel_ids

        type_id = kernel_ids().find(prefix + name, kind)
        if type_id is not None:
            return Target(type_id, None)
    from .kernel_btf import kernel_btf

    kernel = kernel_btf()
    if module != "vmlinux":
        target = _in_modules(prefix + name, kind, module, kernel)
        if target is not None:
            return target
    from ..btf.nearest import nearest_named

    place, table = "the kernel or its loaded modules", kernel
    if module and module != "vmlinux":
        place, table = f"module {module!r}", _types_of(module, kernel, program)
    hint = " (it may be inlined or renamed in this kernel)" if word == "function" else ""
    near = nearest_named(table, name, kind, prefix)
    raise FileNotFoundError(
        errno.ENOENT,
        f"there is no {word} {name!r} in the BTF of {place}{hint}{near}",
        f"program {program.name!r}",
    )


def find_module(program: ProgramSpec) -> Target | None:
    """What is before the colon of ``SEC("fentry.multi/module:pattern")``; None for the kernel."""
    name, colon, _ = program.attach_to.partition(":")
    if not colon or name == "vmlinux":
        return None
    from .kernel_btf import kernel_btf
    from .module_btf import module_tables

    for _, fd, _ in module_tables(kernel_btf(), name):
        return Target(0, fd.duplicate())
    raise _not_loaded(name, program)


def _not_loaded(module: str, program: ProgramSpec) -> FileNotFoundError:
    return FileNotFoundError(
        errno.ENOENT,
        f"module {module!r} is not loaded, or has no BTF; if it is built into this kernel, leave it out of "
        "attach_to",
        f"program {program.name!r}",
    )


def _types_of(module: str, kernel: TypeTable, program: ProgramSpec) -> TypeTable:
    """The types of a loaded module, for whoever says what is not among them."""
    from .module_btf import module_tables

    for _, _, table in module_tables(kernel, module):
        return table
    raise _not_loaded(module, program)


def _in_program(program: ProgramSpec, given: HasFileno, name: str) -> Target:
    """The function *name* in the BTF of the open program *given*."""
    import fcntl

    from ..btf import decode
    from .syscalls import obj

    what = f"the program that {program.name!r} is to be attached to"
    info = obj.program_info(given.fileno(), what=what)
    if not info.btf_id:
        raise ValueError(f"{what} ({info.name!r}) was loaded without BTF")
    with obj.btf_by_id(info.btf_id) as btf:
        type_id = decode(obj.btf_data(btf.fileno(), what=what)).find(name, BTFKind.FUNC)
    if type_id is None:
        raise FileNotFoundError(
            errno.ENOENT, f"there is no function {name!r} in program {info.name!r}", program.name
        )
    return Target(type_id, FD(fcntl.fcntl(given.fileno(), fcntl.F_DUPFD_CLOEXEC, 3), what))


def _in_modules(name: str, kind: BTFKind, module: str, kernel: TypeTable) -> Target | None:
    """The type in the BTF of *module*, or of any loaded module if that is empty (5.11)."""
    from .module_btf import module_tables

    for _, fd, table in module_tables(kernel, module):
        type_id = table.find(name, kind)
        # An id below first_id is the kernel's own, which was looked at before.
        if type_id is not None and type_id >= table.first_id:
            return Target(type_id, fd.duplicate())
    return None
