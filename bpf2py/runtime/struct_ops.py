"""struct_ops maps for the running kernel: its layout of their struct, and where their programs go.

In: the struct_ops maps of a spec, the object's and the kernel's types.  Out: a
:class:`KernelStruct` per map that is to be created, and for each of their programs the
:class:`Target` it is loaded for.  Not here: creating (create.py), registering (links/struct_ops.py).

A member goes where the kernel has the member of that name.  One that the kernel does not have must
be zero; settings must have the kernel's size, functions must be functions there as well.  Follows
bpf_map__init_kern_struct_ops() and bpf_object_adjust_struct_ops_autoload() of libbpf.
"""

from __future__ import annotations

import errno

from ..btf import TypeTable
from ..btf.layout import size_of
from ..btf.names import essential_name
from ..btf.types import Member, Struct
from ..light import TYPE_CHECKING, Callable, ExitStack, NamedTuple
from ..records import replace
from ..spec import MapSpec, ObjectSpec
from ..uapi import BTFKind, MapType, ProgType
from .targets import Target

if TYPE_CHECKING:
    from .syscalls.fd import FD

_PREFIX = "bpf_struct_ops_"
_POINTER_SIZE = 8


class KernelStruct(NamedTuple):
    """What goes into one struct_ops map: bytes in the kernel's layout, and programs to be filled in."""

    #: ``struct bpf_struct_ops_…`` in the kernel's BTF, or in that of *module*.
    type_id: int
    module: FD | None
    value: bytearray
    #: (offset of the pointer in *value*, C name of the program)
    functions: tuple[tuple[int, str], ...]


class Plan(NamedTuple):
    """Everything that the struct_ops maps of an object decide before anything is loaded."""

    structs: dict[str, KernelStruct]
    #: For each program that is to be loaded, the struct and the member (its attach type).
    targets: dict[str, Target]
    #: Programs of maps that are not created.
    unused: frozenset[str]

    def chosen(self, spec: ObjectSpec) -> ObjectSpec:
        """*spec* with those programs on that struct_ops refer to, whose maps decide, as in libbpf."""
        decided = self.targets.keys() | self.unused
        programs = {
            name: replace(each, autoload=name in self.targets) if name in decided else each
            for name, each in spec.programs.items()
        }
        return replace(spec, programs=programs)


def make_plan(
    spec: ObjectSpec,
    table: TypeTable,
    kernel: Callable[[], TypeTable],
    stack: ExitStack,
) -> Plan:
    """The plan for *spec*; *stack* closes descriptors of modules.

    *kernel* is asked for only if a map is to be created.

    Raises :class:`ValueError` for a spec that contradicts itself, :class:`FileNotFoundError` for a
    struct that the kernel does not have, :class:`NotSupportedError` for a member.
    """
    structs: dict[str, KernelStruct] = {}
    targets: dict[str, Target] = {}
    referred: set[str] = set()
    for name, each in spec.maps.items():
        if each.map_type != MapType.STRUCT_OPS:
            continue
        referred |= set(each.functions.values())
        if each.autocreate:
            structs[name] = _Conversion(spec, each, table, kernel(), stack, targets).run()
    return Plan(structs, targets, frozenset(referred - targets.keys()))


class _Kernel(NamedTuple):
    """The kernel's types for one struct."""

    table: TypeTable
    module: FD | None
    struct_id: int
    value_id: int


class _Conversion:
    """One map's value, from the object's layout to the kernel's."""

    def __init__(
        self,
        spec: ObjectSpec,
        map_spec: MapSpec,
        table: TypeTable,
        kernel: TypeTable,
        stack: ExitStack,
        targets: dict[str, Target],
    ) -> None:
        self._spec = spec
        self._map = map_spec
        self._table = table
        self._vmlinux = kernel
        self._stack = stack
        self._targets = targets
        self._what = f"struct_ops map {map_spec.name!r}"

    def run(self) -> KernelStruct:
        spec, table = self._map, self._table
        local = self._struct(table, spec.value_type_id, "the object")
        kernel = self._find(essential_name(local.name))
        theirs = self._struct(kernel.table, kernel.struct_id, "the kernel")
        value_type = self._struct(kernel.table, kernel.value_id, "the kernel")
        data_at = next(
            (m.bit_offset // 8 for m in value_type.members if m.target == kernel.struct_id), None
        )
        if data_at is None:
            raise self._error(f"the kernel's struct {value_type.name} does not hold the struct")
        data = bytes(spec.data or b"").ljust(local.size, b"\0")
        if len(data) != local.size:
            raise self._error(f"{len(data)} bytes of data for a struct of {local.size}")
        value = bytearray(value_type.size)
        functions: list[tuple[int, str]] = []
        if unknown := spec.functions.keys() - {member.name for member in local.members}:
            raise self._error(f"struct {local.name} has no member {sorted(unknown)[0]!r}")
        places = {member.name: number for number, member in enumerate(theirs.members)}
        for member in local.members:
            number = places.get(member.name) if member.name else None
            start = member.bit_offset // 8
            program = spec.functions.get(member.name)
            if number is None:
                end = (member.bit_offset + member.bit_size + 7) // 8
                end = end if member.bit_size else start + size_of(table, member.target)
                if program is not None or any(data[start:end]):
                    raise self._missing(member, theirs)
                continue
            there = theirs.members[number]
            self._check(member, there, kernel.table)
            at = data_at + there.bit_offset // 8
            pointer = table.kind(table.resolve(member.target)) is BTFKind.PTR
            if program is not None and not pointer:
                raise self._error(f"member {member.name!r} is no function")
            if pointer:
                if any(data[start : start + _POINTER_SIZE]):
                    raise self._error(f"pointer {member.name!r} can only be NULL or a program")
                if program is not None:
                    self._aim(program, member.name, number, there, kernel)
                    functions.append((at, program))
                continue
            size = size_of(table, member.target)
            value[at : at + size] = data[start : start + size]
        return KernelStruct(kernel.value_id, kernel.module, value, tuple(functions))

    def _struct(self, table: TypeTable, type_id: int, whose: str) -> Struct:
        found = table[table.resolve(type_id)] if type_id in table else None
        if not isinstance(found, Struct):
            raise self._error(f"its type {type_id} is no struct in the BTF of {whose}")
        return found

    def _find(self, name: str) -> _Kernel:
        """The kernel's ``struct`` of that name and the value type around it."""
        if ids := _ids(self._vmlinux, name):
            return _Kernel(self._vmlinux, None, *ids)
        from .module_btf import module_tables

        for _, fd, table in module_tables(self._vmlinux):
            if ids := _ids(table, name):
                return _Kernel(table, self._stack.enter_context(fd.duplicate()), *ids)
        raise FileNotFoundError(
            errno.ENOENT,
            f"this kernel (with its loaded modules) takes no struct_ops of 'struct {name}': its BTF"
            f" has no 'struct {_PREFIX}{name}'",
            self._what,
        )

    def _check(self, ours: Member, theirs: Member, kernel: TypeTable) -> None:
        table = self._table
        if ours.bit_size or theirs.bit_size:
            raise self._unsupported(f"its member {ours.name!r} is a bitfield")
        our_id, their_id = table.resolve(ours.target), kernel.resolve(theirs.target)
        our_kind, their_kind = table.kind(our_id), kernel.kind(their_id)
        if our_kind is not their_kind:
            raise self._unsupported(
                f"its member {ours.name!r} is a {our_kind.name} here and a {their_kind.name} in the"
                " kernel"
            )
        if our_kind is BTFKind.PTR:
            return
        our_size, their_size = size_of(table, our_id), size_of(kernel, their_id)
        if our_size != their_size:
            raise self._unsupported(
                f"its member {ours.name!r} has {our_size} bytes here and {their_size} in the kernel"
            )

    def _aim(self, program: str, member: str, number: int, there: Member, kernel: _Kernel) -> None:
        """Remember what the program is loaded for; it can serve one member of one struct only."""
        spec = self._spec.programs.get(program)
        what = f"its member {member!r} is given {program!r}, which"
        if spec is None:
            known = ", ".join(self._spec.programs) or "none"
            raise self._error(f"{what} is no program of the object; there are: {known}")
        if spec.prog_type != ProgType.STRUCT_OPS:
            raise self._error(f'{what} is no program of SEC("struct_ops/…")')
        pointee = kernel.table.resolve(
            kernel.table.size_or_target(kernel.table.resolve(there.target))
        )
        if kernel.table.kind(pointee) is not BTFKind.FUNC_PROTO:
            raise self._unsupported(f"its member {member!r} is no function in the kernel")
        target = Target(kernel.struct_id, kernel.module, number)
        known_target = self._targets.setdefault(program, target)
        if (known_target.type_id, known_target.attach_type) != (target.type_id, number):
            raise self._error(
                f"{what} serves another member or another struct already; a program is loaded for"
                " one member"
            )

    def _missing(self, member: Member, theirs: Struct) -> Exception:
        return self._unsupported(
            f"its member {member.name or '(anonymous)'!r} is set, and the kernel's struct "
            f"{theirs.name} has none of that name"
        )

    def _unsupported(self, text: str) -> Exception:
        from .errors import NotSupportedError

        return NotSupportedError(f"{self._what} as it is declared", "", text)

    def _error(self, text: str) -> ValueError:
        return ValueError(f"{self._what}: {text}")


def _ids(table: TypeTable, name: str) -> tuple[int, int] | None:
    """The struct of that name, and the value type around it, if the kernel has both."""
    value_id = table.find(_PREFIX + name, BTFKind.STRUCT)
    struct_id = table.find(name, BTFKind.STRUCT) if value_id is not None else None
    return (struct_id, value_id) if struct_id is not None and value_id is not None else None
