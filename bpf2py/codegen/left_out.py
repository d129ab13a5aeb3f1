"""What a module does not have of its object, why, and what would bring it in.

In: a spec and :class:`Options`.  Out: a :class:`LeftOut` per struct, union and enum of the BTF
that gather.py's rule does not reach, per variable without a name of its own or without bytes, and
per ring buffer and perf array whose events have no type.  Nothing is left out without a row here.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ..btf.types import (
    Array,
    Enum,
    Enum64,
    Func,
    FuncProto,
    Fwd,
    Ptr,
    Struct,
    Typedef,
    Union,
    Var,
)
from ..records import dataclass, replace
from ..spec import MapSpec, ObjectSpec
from ..uapi import BTFKind
from .event_sizes import event_sizes
from .functions import global_functions, pointees, program_function, struct_ops_functions
from .gather import EVENT_MAPS, Gathered, gather, in_c, is_local, read_by_core
from .members import MAX_DEPTH, kernel_owned
from .options import Options
from .tables import KERNEL_OWNED

_DEFAULTS = Options()
#: More structs of one size than that tell nothing.
_FITTING = 4


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something of the object that the module does not have.

    ``kind`` is ``struct``, ``union``, ``enum``, ``typedef`` (of one without a name), ``variable``
    or ``event`` (the type of a map's events); ``name`` the C name, of an event the map's; ``reason``
    a part of a sentence; ``option`` what brings it in: an option of ``bpf2py gen``, or what to
    write in C (of what is only behind a pointer in a struct, clang writes the name alone).  It is
    empty if nothing does.
    """

    kind: str
    name: str
    reason: str
    option: str = ""

    def __str__(self) -> str:
        hint = f" ({self.option})" if self.option else ""
        return f"{self.kind} {self.name}: {self.reason}{hint}"


def left_out(object_spec: ObjectSpec, options: Options = _DEFAULTS) -> tuple[LeftOut, ...]:
    """What the module for *object_spec* with those options does not have.

    Events first, then variables, then types in the order of the BTF.  Raises what
    :func:`describe` raises.
    """
    object_spec = object_spec.copy()
    gathered = gather(object_spec, options)
    rows = _events(object_spec, gathered)
    for each in object_spec.maps.values():
        rows += _variables(each, gathered)
    return (*rows, *_Types(object_spec, gathered).rows())


def _events(object_spec: ObjectSpec, gathered: Gathered) -> list[LeftOut]:
    """The maps whose events are bytes, with the structs that have the size of what they get."""
    silent = [
        name
        for name, each in object_spec.maps.items()
        if each.map_type in EVENT_MAPS and not each.event_type_id
    ]
    sizes: dict[str, set[int]] = {name: set() for name in silent}
    for program in object_spec.programs.values() if silent else ():
        for name, found in event_sizes(program, object_spec.byte_order).items():
            sizes.get(name, set()).update(found)
    table = gathered.collector.table
    rows: list[LeftOut] = []
    for name in silent:
        reason = "the object does not say what it carries: events come as bytes"
        fitting = [
            typ.name
            for typ in map(table.__getitem__, table if sizes[name] else ())
            if isinstance(typ, Struct) and typ.name and typ.size in sizes[name]
        ]
        if sizes[name]:
            reason += f"; programs submit {_or(map(str, sorted(sizes[name])))} bytes"
        if 0 < len(fitting) <= _FITTING:
            reason += f", the size of {_or(f'struct {each}' for each in fitting)}"
        what = fitting[0] if len(fitting) == 1 else "TYPE"
        rows.append(LeftOut("event", name, reason, f"--event {name}={what}"))
    return rows


def _or(words: Iterable[str]) -> str:
    """``a, b or c``."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def _variables(map_spec: MapSpec, gathered: Gathered) -> list[LeftOut]:
    rows: list[LeftOut] = []
    for name, variable in map_spec.variables.items():
        if is_local(name):
            reason = "static inside a function: C has no name for it elsewhere"
        elif (map_spec.section, name) not in gathered.variables:
            owned = kernel_owned(gathered.collector.table, variable.type_id)
            reason = owned or "has no bytes"
        else:
            continue
        rows.append(LeftOut("variable", name, reason))
    return rows


class _Types:
    """Finds the reason for each type; the first that holds is told."""

    def __init__(self, object_spec: ObjectSpec, gathered: Gathered) -> None:
        self.table = table = gathered.collector.table
        self.met = gathered.collector.met
        self.viewed = gathered.collector.viewed
        self.core = read_by_core(table, object_spec)
        #: (kind, C name, id) of every type that a module could have.
        self.named: list[tuple[str, str, int]] = []
        #: Per anonymous type, the typedef that names it.
        self.typedefs: dict[int, str] = {}
        for type_id in range(1, len(table)):
            self._name(type_id)
        #: Per type: an argument that points to it; a pointer to it; what has it by value.
        self.arguments: dict[int, str] = {}
        self.pointers: dict[int, str] = {}
        self.values: dict[int, str] = {}
        self._looked_into: set[int] = set()
        self._find_arguments(object_spec)
        self._find_users()

    def _name(self, type_id: int) -> None:
        typ = self.table[type_id]
        match typ:
            case Struct(name=name) if name:
                self.named.append(("struct", name, type_id))
            case Union(name=name) if name:
                self.named.append(("union", name, type_id))
            case Enum(name=name) | Enum64(name=name) if name:
                self.named.append(("enum", name, type_id))
            case Fwd(name=name):
                self.named.append(("union" if typ.is_union else "struct", name, type_id))
            case Typedef(name=name):
                target = self.table[typ.target]
                if isinstance(target, Struct | Union | Enum | Enum64) and not target.name:
                    self.named.append(("typedef", name, typ.target))
                    self.typedefs.setdefault(typ.target, name)
            case _:
                pass

    def rows(self) -> list[LeftOut]:
        rows: dict[tuple[str, str], LeftOut] = {}
        there = {(kind, name) for kind, name, type_id in self.named if type_id in self.met}
        defined = {(kind, name) for kind, name, type_id in self.named if not self._is_fwd(type_id)}
        kinds = Counter(name for _, name in defined)
        for kind, name, type_id in self.named:
            fwd = self._is_fwd(type_id)
            if type_id in self.met or (kind, name) in rows or (fwd and (kind, name) in defined):
                continue
            text = name if kinds[name] == 1 else f'"{kind} {name}"'
            if fwd:
                reason = "only its name is in the object"
                option = f"{in_c(kind, name)} in C"
            elif (kind, name) in there:
                reason, option = f"the module has another {kind} of that name", ""
            else:
                reason, option = self._reason(type_id, kind, name, f"--type {text}")
            rows[kind, name] = LeftOut(kind, name, reason, option)
        return list(rows.values())

    def _is_fwd(self, type_id: int) -> bool:
        return self.table.kind(type_id) is BTFKind.FWD

    def _reason(self, type_id: int, kind: str, name: str, option: str) -> tuple[str, str]:
        if kind == "struct" and name in KERNEL_OWNED:
            return "the kernel's own: nobody else may touch it", ""
        if view := self.viewed.get(type_id):
            return f"its values are shown as {view}", ""
        if argument := self.arguments.get(type_id):
            return f"{argument} points to it", f"{option}, or --contexts"
        if program := self.core.get(type_id):
            return f"the kernel's: program {program} reads it by CO-RE", option
        if pointer := self.pointers.get(type_id):
            return f"only behind a pointer: {pointer}", option
        if value := self.values.get(type_id):
            return f"only in {value}", option
        return "no map, event or variable has it", option

    def _find_arguments(self, object_spec: ObjectSpec) -> None:
        table, programs = self.table, object_spec.programs
        for name, program in programs.items():
            for argument, target in pointees(table, program_function(table, program)):
                self.arguments.setdefault(target, f"argument {argument} of program {name}")
        others = global_functions(table, programs.values())
        for function in (*others, *struct_ops_functions(table, object_spec.maps.values())):
            for argument, target in pointees(table, function):
                self.arguments.setdefault(target, f"argument {argument} of {function.name}()")

    def _find_users(self) -> None:
        """Who has a type or points to it; what is in the module is told before what is not."""
        owners = sorted(range(1, len(self.table)), key=lambda each: each not in self.met)
        for type_id in owners:
            typ = self.table[type_id]
            match typ:
                case Struct() | Union():
                    if typ.name or type_id in self.typedefs:
                        self._use_members(typ, _Owner(type_id, self._called(typ, type_id)))
                case Var(name=name, target=target):
                    self._use(target, _Owner(type_id, f"variable {name}"))
                case Func(name=name):
                    self._use(typ.target, _Owner(type_id, f"{name}()"))
                case _:
                    pass

    def _called(self, typ: Struct | Union, type_id: int) -> str:
        word = "struct" if isinstance(typ, Struct) else "union"
        return f"{word} {typ.name}" if typ.name else self.typedefs[type_id]

    def _use_members(self, typ: Struct | Union, owner: _Owner) -> None:
        for member in typ.members:
            place = f"{owner.place}.{member.name}" if member.name else owner.place
            self._use(member.target, replace(owner, place=place, depth=owner.depth + 1))

    def _use(self, type_id: int, owner: _Owner) -> None:
        """Note what the type consists of, or points to, under its owner."""
        pointer = False
        resolved = self.table.resolve(type_id)
        typ = self.table[resolved]
        for _ in range(MAX_DEPTH):
            if isinstance(typ, Ptr):
                pointer, resolved = True, self.table.resolve(typ.target)
            elif isinstance(typ, Array):
                resolved = self.table.resolve(typ.element)
            else:
                break
            typ = self.table[resolved]
        match typ:
            case Struct(name="") | Union(name="") if resolved not in self.typedefs:
                if not pointer and self._first_time(resolved, owner):
                    self._use_members(typ, owner)  # its members are those of its owner
            case FuncProto(target=target, params=params):
                if self._first_time(resolved, owner):
                    for each in (target, *(param.target for param in params)):
                        self._use(each, replace(owner, depth=owner.depth + 1))
            case _ if resolved == owner.type_id:
                pass  # a list's next: that tells nothing
            case _ if pointer:
                self.pointers.setdefault(resolved, owner.place)
            case _:
                self.values.setdefault(resolved, owner.place)

    def _first_time(self, type_id: int, owner: _Owner) -> bool:
        """Whether to look into a type without a name; the BTF may be hostile, and huge in effect."""
        first = type_id not in self._looked_into and owner.depth < MAX_DEPTH
        self._looked_into.add(type_id)
        return first


@dataclass(frozen=True, slots=True)
class _Owner:
    """Where a type is used: the named thing, and the C path in it."""

    type_id: int
    place: str
    depth: int = 0
