"""Which types a module needs.

**The rule.**  A module has the structs, unions and enums that can be reached without following a
pointer from

* keys and values of maps (also of the maps inside maps), and the events that they carry;
* global variables.  Of a variable that is a pointer, what it points to: that is how a C source
  names a type that no map mentions (``struct event *unused_event __attribute__((unused));``).
  Not if a program reads it by CO-RE: then it is the kernel's;
* the context of syscall programs, which is handed over by the user;
* ``types``; and with ``contexts`` what the arguments of programs, of global functions and of the
  functions in struct_ops point to.

What an object has beyond that is told by left_out.py.

In: a spec and :class:`Options`.  Out: a :class:`Gathered`, with a value for each use.  Variables
that are static in a file are there like global ones; those that are static in a function
(``bpf_printk`` makes some) have no name outside of it in C, and none here.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from .. import btf, spec
from ..btf.errors import UnknownTypeError
from ..btf.ext_info import decode_core_relocations
from ..btf.kept import kept_types
from ..btf.pick import known_names, pick
from ..btf.pointers import struct_behind
from ..records import dataclass, field
from ..uapi import MapType, ProgType
from .c_text import c_text
from .collect import Collector
from .errors import CodegenError
from .functions import global_functions, pointees, program_function, struct_ops_functions
from .layouts import Number, Raw, Value
from .members import kernel_owned
from .operations import settings
from .options import Options
from .tables import INDEXED, Takes, map_class
from .views import untyped

EVENT_MAPS = frozenset({MapType.RINGBUF, MapType.PERF_EVENT_ARRAY, MapType.USER_RINGBUF})
_LISTED = 60
#: What stands for the section of ``__arena`` variables; no section of data is called like that.
ARENA = ".arena"


@dataclass(frozen=True, slots=True)
class MapValues:
    """What a map has: ``None`` where there is nothing, or nothing is known."""

    key: Value | None = None
    value: Value | None = None
    event: Value | None = None


@dataclass(slots=True)
class Gathered:
    """What :func:`gather` found."""

    collector: Collector
    #: Per map what is known of it; a map inside a map is called ``<name>_inner``.
    maps: dict[str, MapValues] = field(default_factory=dict)
    #: Per syscall program, what its context points to.
    contexts: dict[str, Value] = field(default_factory=dict)
    #: Values that serve as keys.
    keys: list[Value] = field(default_factory=list)
    #: Per section and variable.
    variables: dict[tuple[str, str], Value] = field(default_factory=dict)
    #: Per section, comments about variables that are the kernel's own.
    notes: dict[str, list[str]] = field(default_factory=dict)
    #: Per struct_ops map and member.
    settings: dict[str, dict[str, Value]] = field(default_factory=dict)


def gather(object_spec: spec.ObjectSpec, options: Options) -> Gathered:
    """Find every type that the module needs; ``options.events`` are written into the spec."""
    data = object_spec.btf or btf.encode([], byte_order=object_spec.byte_order)
    collector = Collector(btf.decode(data), views=options.all_views())
    gathered = Gathered(collector)
    _set_events(object_spec, options, collector)
    kernel = read_by_core(collector.table, object_spec)
    for name, map_spec in object_spec.maps.items():
        if map_spec.section:
            _gather_variables(gathered, map_spec, kernel)
        else:
            _gather_map(gathered, name, map_spec)
            if map_spec.map_type == MapType.ARENA:
                _gather_variables(gathered, map_spec, kernel)
            elif map_spec.map_type == MapType.STRUCT_OPS:
                gathered.settings[name] = settings(collector, map_spec)
    for type_id in kept_types(collector.table):
        path = c_text(collector.table, type_id)
        collector.value(type_id, path=path, hint=path, tail=True)
    _gather_contexts(gathered, object_spec, every=options.contexts)
    for type_name in options.types:
        hint = type_name.rpartition(" ")[2]
        collector.value(_find(collector, type_name), path=type_name, hint=hint, tail=True)
    collector.views.require_all_met()
    return gathered


def _set_events(object_spec: spec.ObjectSpec, options: Options, collector: Collector) -> None:
    for name, type_name in options.events.items():
        target = object_spec.maps.get(name)
        if target is None or target.map_type not in EVENT_MAPS:
            there = [n for n, m in object_spec.maps.items() if m.map_type in EVENT_MAPS]
            what = "is no ring buffer or perf array" if target else "is not in the object"
            raise CodegenError(f"events: map {name!r} {what}; there are: {_list(there)}")
        target.event_type_id = _find(collector, type_name)


def _find(collector: Collector, name: str) -> int:
    """The id of the type called ``struct event``, or ``event``."""
    try:
        return pick(collector.table, [name])[0]
    except UnknownTypeError:
        there = _list(known_names(collector.table))
        raise CodegenError(
            f"there is no type {name!r}; there are: {there}",
            hint=f"clang writes no type that only functions use; {in_c('struct', name)} at file "
            "scope puts it into the object",
        ) from None


def _gather_map(gathered: Gathered, name: str, map_spec: spec.MapSpec) -> None:
    if map_spec.inner is not None:
        _gather_map(gathered, f"{name}_inner", map_spec.inner)
    path = f"map {name}"
    key = value = event = None
    if map_spec.event_type_id:  # without a type, the runtime gives the bytes
        views = gathered.collector.views
        event = gathered.collector.value(
            map_spec.event_type_id,
            path=f"{path}: event",
            hint=f"{name}_event",
            tail=True,
            view=views.at(f"{path}: event", views.of_map(name, "value")),
        )
    takes = map_class(map_spec.map_type).takes
    if takes in (Takes.VALUE, Takes.KEY_VALUE):
        value = _sized(gathered, name, "value", map_spec.value_type_id, map_spec.value_size)
    if "key" in takes.value:
        key = _sized(gathered, name, "key", map_spec.key_type_id, map_spec.key_size)
        if map_spec.map_type in INDEXED and key == Raw(4):
            key = Number(4)
        gathered.keys.append(key)
    gathered.maps[name] = MapValues(key, value, event)


def in_c(kind: str, name: str) -> str:
    """The line of C that makes clang write a type: ``struct event *unused_event;``."""
    bare = name.rpartition(" ")[2]
    return f"`{kind} {bare} *unused_{bare};`"


def _sized(gathered: Gathered, name: str, part: str, type_id: int, size: int) -> Value:
    """A map's key or value; plain bytes where BTF says nothing, and no view does."""
    path, views = f"map {name}: {part}", gathered.collector.views
    view = views.at(path, views.of_map(name, part))
    if not type_id:
        return untyped(view, size, path)
    value = gathered.collector.value(type_id, path=path, hint=f"{name}_{part}", view=view)
    if value.size != size:
        raise CodegenError(f"{path}: has {size} bytes, but its type has {value.size}")
    return value


def read_by_core(table: btf.TypeTable, object_spec: spec.ObjectSpec) -> dict[int, str]:
    """The structs and unions that CO-RE records begin with, and the first program that has one."""
    found: dict[int, str] = {}
    for program in object_spec.programs.values():
        for record in decode_core_relocations(program.core_relocations, table.byte_order):
            if record.type_id < len(table):
                found.setdefault(table.resolve(record.type_id), program.name)
    return found


def _gather_variables(gathered: Gathered, map_spec: spec.MapSpec, kernel: Collection[int]) -> None:
    section, collector = section_name(map_spec), gathered.collector
    size = len(map_spec.data or b"") if section == ARENA else map_spec.value_size
    views = collector.views
    notes = gathered.notes.setdefault(section, [])
    for name, variable in map_spec.variables.items():
        path = f"{section}: {name}"
        if is_local(name):
            continue
        if variable.offset < 0 or variable.offset + variable.size > size:
            raise CodegenError(f"{path}: lies outside of its section")
        left = kernel_owned(collector.table, variable.type_id) if variable.type_id else ""
        view = None if left else views.at(path, views.of_variable(section, name))
        if not variable.type_id:
            gathered.variables[section, name] = untyped(view, variable.size, path)
            continue
        value: Value = Raw(0)
        if not left:
            value = collector.value(variable.type_id, path=path, hint=name, view=view)
        if value.size > variable.size:
            raise CodegenError(f"{path}: has {variable.size} bytes, but its type has {value.size}")
        target = None if left else struct_behind(collector.table, variable.type_id)
        if target is not None and target not in kernel:
            collector.value(target, path=f"{section}: *{name}", hint=name, tail=True)
        if value.size:
            gathered.variables[section, name] = value
        else:
            text = c_text(collector.table, variable.type_id, name)
            notes.append(f"{text}, offset {variable.offset}: {left or 'has no bytes'}")


def _gather_contexts(gathered: Gathered, object_spec: spec.ObjectSpec, *, every: bool) -> None:
    """What arguments point to: the context of syscall programs, and on request all others."""
    collector, programs = gathered.collector, object_spec.programs
    table = collector.table
    for name, program in programs.items():
        if program.prog_type == ProgType.SYSCALL or every:
            function = program_function(table, program)
            for argument, target in pointees(table, function):
                hint = f"{name}_{argument}"
                value = collector.value(target, path=f"{name}: {argument}", hint=hint, tail=True)
                alone = function is not None and len(function.arguments) == 1
                if program.prog_type == ProgType.SYSCALL and alone:
                    gathered.contexts[name] = value
    if every:
        others = global_functions(table, programs.values())
        for function in (*others, *struct_ops_functions(table, object_spec.maps.values())):
            for argument, target in pointees(table, function):
                path = f"{function.name}: {argument}"
                collector.value(target, path=path, hint=path.replace(": ", "_"), tail=True)


def section_name(map_spec: spec.MapSpec) -> str:
    """The section whose variables a map holds: of an arena, one that has no name in C."""
    return ARENA if map_spec.map_type == MapType.ARENA else map_spec.section


def is_local(name: str) -> bool:
    """Whether a variable is static in a function: ``handler.____fmt``, but not ``counter.2``."""
    return any(not part.isdecimal() for part in name.split(".")[1:])


def _list(there: Iterable[str]) -> str:
    listed = list(there)
    more = [f"and {len(listed) - _LISTED} more"] if len(listed) > _LISTED else []
    return ", ".join(listed[:_LISTED] + more) or "none"
