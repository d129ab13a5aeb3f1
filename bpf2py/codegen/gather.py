"""Which types a module needs: those of map keys and values, events, variables, and chosen ones.

In: a spec and :class:`Options`.  Out: a :class:`Gathered`, with a value for each use.  Variables
that are static in a file are there like global ones; those that are static in a function
(``bpf_printk`` makes some) have no name outside of it in C, and none here.
"""

from __future__ import annotations

from collections.abc import Iterable

from .. import btf, spec
from ..btf.errors import UnknownTypeError
from ..btf.kept import kept_types
from ..btf.pick import known_names, pick
from ..records import dataclass, field
from ..uapi import MapType
from .c_text import c_text
from .collect import Collector
from .errors import CodegenError
from .layouts import Number, Raw, Value
from .operations import settings
from .options import Options
from .tables import INDEXED, Takes, map_class
from .views import untyped

_EVENT_MAPS = frozenset({MapType.RINGBUF, MapType.PERF_EVENT_ARRAY, MapType.USER_RINGBUF})
_LISTED = 60
#: What stands for the section of ``__arena`` variables; no section of data is called like that.
ARENA = ".arena"


@dataclass(slots=True)
class Gathered:
    """What :func:`gather` found."""

    collector: Collector
    #: Per map, the values that its class takes codecs for.
    maps: dict[str, tuple[Value, ...]] = field(default_factory=dict)
    #: The same for the inner maps of maps of maps.
    inner: dict[str, tuple[Value, ...]] = field(default_factory=dict)
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
    for name, map_spec in object_spec.maps.items():
        if map_spec.section:
            _gather_variables(gathered, map_spec)
        else:
            gathered.maps[name] = _map_values(gathered, name, map_spec)
            if map_spec.map_type == MapType.ARENA:
                _gather_variables(gathered, map_spec)
            elif map_spec.map_type == MapType.STRUCT_OPS:
                gathered.settings[name] = settings(collector, map_spec)
    for type_id in kept_types(collector.table):
        path = c_text(collector.table, type_id)
        collector.value(type_id, path=path, hint=path, tail=True)
    for type_name in options.types:
        hint = type_name.rpartition(" ")[2]
        collector.value(_find(collector, type_name), path=type_name, hint=hint, tail=True)
    collector.views.require_all_met()
    return gathered


def _set_events(object_spec: spec.ObjectSpec, options: Options, collector: Collector) -> None:
    for name, type_name in options.events.items():
        target = object_spec.maps.get(name)
        if target is None or target.map_type not in _EVENT_MAPS:
            there = [n for n, m in object_spec.maps.items() if m.map_type in _EVENT_MAPS]
            what = "is no ring buffer or perf array" if target else "is not in the object"
            raise CodegenError(f"events: map {name!r} {what}; there are: {_list(there)}")
        target.event_type_id = _find(collector, type_name)


def _find(collector: Collector, name: str) -> int:
    """The id of the type called ``struct event``, or ``event``."""
    try:
        return pick(collector.table, [name])[0]
    except UnknownTypeError:
        there = _list(known_names(collector.table))
        raise CodegenError(f"there is no type {name!r}; there are: {there}") from None


def _map_values(gathered: Gathered, name: str, map_spec: spec.MapSpec) -> tuple[Value, ...]:
    if map_spec.inner is not None:
        gathered.inner[name] = _map_values(gathered, f"{name}_inner", map_spec.inner)
    path = f"map {name}"
    events: tuple[Value, ...] = ()  # without a type, the runtime gives the bytes
    if map_spec.event_type_id:
        views = gathered.collector.views
        event = gathered.collector.value(
            map_spec.event_type_id,
            path=f"{path}: event",
            hint=f"{name}_event",
            tail=True,
            view=views.at(f"{path}: event", views.of_map(name, "value")),
        )
        events = (event,)
    takes = map_class(map_spec.map_type).takes
    if takes is Takes.EVENT:
        return events
    if takes is Takes.NOTHING:
        return ()
    value: Value = Raw(map_spec.value_size)  # a descriptor where no value is asked for
    if takes in (Takes.KEY_VALUE, Takes.VALUE):
        value = _sized(gathered, name, "value", map_spec.value_type_id, map_spec.value_size)
    if takes is Takes.VALUE:
        return (value,)
    key = _sized(gathered, name, "key", map_spec.key_type_id, map_spec.key_size)
    if map_spec.map_type in INDEXED and key == Raw(4):
        key = Number(4)
    gathered.keys.append(key)
    return (key, value) if takes is Takes.KEY_VALUE else (key,)


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


def _gather_variables(gathered: Gathered, map_spec: spec.MapSpec) -> None:
    section, collector = section_name(map_spec), gathered.collector
    size = len(map_spec.data or b"") if section == ARENA else map_spec.value_size
    views = collector.views
    notes = gathered.notes.setdefault(section, [])
    for name, variable in map_spec.variables.items():
        path = f"{section}: {name}"
        if _is_local(name):
            continue
        if variable.offset < 0 or variable.offset + variable.size > size:
            raise CodegenError(f"{path}: lies outside of its section")
        left = collector.kernel_owned(variable.type_id) if variable.type_id else ""
        view = None if left else views.at(path, views.of_variable(section, name))
        if not variable.type_id:
            gathered.variables[section, name] = untyped(view, variable.size, path)
            continue
        value: Value = Raw(0)
        if not left:
            value = collector.value(variable.type_id, path=path, hint=name, view=view)
        if value.size > variable.size:
            raise CodegenError(f"{path}: has {variable.size} bytes, but its type has {value.size}")
        if value.size:
            gathered.variables[section, name] = value
        else:
            text = c_text(collector.table, variable.type_id, name)
            notes.append(f"{text}, offset {variable.offset}: {left or 'has no bytes'}")


def section_name(map_spec: spec.MapSpec) -> str:
    """The section whose variables a map holds: of an arena, one that has no name in C."""
    return ARENA if map_spec.map_type == MapType.ARENA else map_spec.section


def _is_local(name: str) -> bool:
    """Whether a variable is static in a function: ``handler.____fmt``, but not ``counter.2``."""
    return any(not part.isdecimal() for part in name.split(".")[1:])


def _list(there: Iterable[str]) -> str:
    listed = list(there)
    more = [f"and {len(listed) - _LISTED} more"] if len(listed) > _LISTED else []
    return ", ".join(listed[:_LISTED] + more) or "none"
