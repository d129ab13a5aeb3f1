"""From a ``MapSpec`` to a map in the kernel, made, or found pinned, or given.

In: specs; the object's BTF; what struct_ops maps are for this kernel.  Out: :class:`MapHandle`.
Names, rounding and what is tried again without what follow bpf_object__create_map() of libbpf.  Not
here: reading and writing elements (maps/), except for the first fill of data sections and arenas;
other maps and programs in them
(filled.py); why a map is refused (map_rules.py).
"""

from __future__ import annotations

import errno
import os

from ..light import TYPE_CHECKING, Any, ExitStack, Mapping, suppress
from ..records import replace
from ..spec import MapSpec, Pinning
from ..uapi import Cmd, MapFlags, MapType
from . import kernel
from .errors import NotSupportedError
from .log import debug
from .maps.handle import MapHandle, NotCreated, ResizedHandle
from .privileges import with_memlock
from .syscalls import bpf as door
from .syscalls.fd import FD, HasFileno
from .syscalls.map import map_create, map_info, object_get

if TYPE_CHECKING:
    from .struct_ops import KernelStruct


_NAME_LENGTH = 15

#: Map types for which map_check_btf() has no answer but refusal.
_WITHOUT_BTF = frozenset(
    (
        MapType.PERF_EVENT_ARRAY,
        MapType.CGROUP_ARRAY,
        MapType.STACK_TRACE,
        MapType.ARRAY_OF_MAPS,
        MapType.HASH_OF_MAPS,
        MapType.DEVMAP,
        MapType.DEVMAP_HASH,
        MapType.CPUMAP,
        MapType.XSKMAP,
        MapType.SOCKMAP,
        MapType.SOCKHASH,
        MapType.QUEUE,
        MapType.STACK,
        MapType.ARENA,
    )
)
_OUTER = frozenset((MapType.ARRAY_OF_MAPS, MapType.HASH_OF_MAPS))
_RINGS = frozenset((MapType.RINGBUF, MapType.USER_RINGBUF))
_PER_CPU_COUNT = frozenset((MapType.PERF_EVENT_ARRAY, MapType.CPUMAP))
_DEVMAPS = frozenset((MapType.DEVMAP, MapType.DEVMAP_HASH))

#: What an old kernel answers to a field, flag or BTF that it does not know.
_UNKNOWN = (errno.EINVAL, errno.E2BIG, errno.EPERM, door.ENOTSUPP, errno.EOPNOTSUPP)


def data_map_name(object_name: str, section: str) -> str:
    """The kernel's name for a data section: ``opensnoo.rodata``; ``.data.custom`` stays alone.

    As libbpf names it (internal_map_name()), so that bpftool shows what people know: seven
    characters are kept for the section even if it needs fewer.
    """
    room = min(max(7, len(section)), _NAME_LENGTH)
    prefix = "" if "." in section[1:] else object_name[: _NAME_LENGTH - room]
    return prefix + section[:room]


def ring_size(size: int, page: int) -> int:
    """*size* bytes rounded up to what the kernel takes for a ring: a power of two of pages."""
    if size <= 0:
        return size
    rounded = page
    while rounded < size and rounded < 1 << 31:
        rounded <<= 1
    return rounded if rounded >= size else size


def completed(spec: MapSpec) -> MapSpec:
    """A copy with what can only be known here: CPU count and page size filled in."""
    max_entries = spec.max_entries
    if spec.map_type in _RINGS:
        max_entries = ring_size(max_entries, kernel.page_size())
    elif spec.map_type in _PER_CPU_COUNT and not max_entries:
        max_entries = kernel.possible_cpus()
    return replace(
        spec,
        max_entries=max_entries,
        inner=completed(spec.inner) if spec.inner else None,
        data=bytearray(spec.data) if spec.data is not None else None,
    )


def _less(wanted: tuple[int, MapFlags, str], made: tuple[int, MapFlags, str]) -> str:
    """What a map was created without, in words."""
    words = ("types", "mmap", "a name")
    less = [word for word, want, got in zip(words, wanted, made, strict=True) if want != got]
    return f" without {' and '.join(less)}, which this kernel refuses" if less else ""


class MapMaker:
    """Makes the maps of one object; what it did is undone by *stack* unless that is emptied."""

    def __init__(
        self,
        object_name: str,
        btf: FD | None,
        pin_path: str | os.PathLike[str] | None,
        stack: ExitStack,
    ) -> None:
        #: Those that were made here, not found.
        self.new: list[MapHandle] = []
        #: Of the programs that exclusive maps are for, by C name.
        self.digests: Mapping[str, bytes] = {}
        self._object_name = object_name
        self._btf = btf
        self._pin_path = os.fspath(pin_path if pin_path is not None else kernel.BPFFS_PATH)
        self._stack = stack

    def make(
        self, spec: MapSpec, given: HasFileno | None, struct: KernelStruct | None = None
    ) -> MapHandle:
        """The map for *spec*: *given*, or the pinned one of its name, or a new one, filled.

        A struct_ops map has the kernel's *struct* as its value.
        """
        spec = completed(spec)
        if struct is not None:
            spec.value_size = len(struct.value)
        if given is None and not spec.autocreate:
            return _handle(spec, FD(-1, f"map {spec.name!r}"), spec.flags, NotCreated)
        if given is not None:
            import fcntl

            what = f"map {spec.name!r} given to load()"
            number = fcntl.fcntl(given.fileno(), fcntl.F_DUPFD_CLOEXEC, 3)
            return self._found(spec, FD(number, what), what)
        if spec.pinning != Pinning.BY_NAME:
            return self._new(spec, struct)
        # bpffs refuses names with dots.
        path = os.path.join(self._pin_path, spec.name.replace(".", "_"))
        for last_try in (False, True):
            what = f"map {spec.name!r} pinned at {path!r}"
            try:
                found = self._found(spec, object_get(path, what=f"map {spec.name!r}"), what)
                debug("%s: used", what)
                return found
            except FileNotFoundError:
                loaded = self._new(spec, struct)
            try:
                self._pin(loaded, path)
            except FileExistsError:
                # Somebody pinned one between our two looks: take that.
                loaded.close()
                if last_try:
                    raise
                continue
            return loaded
        raise AssertionError("unreachable")

    def _found(self, spec: MapSpec, fd: FD, what: str) -> MapHandle:
        self._stack.callback(fd.close)
        fd.what = f"map {spec.name!r}"
        require_compatible(spec, fd, what)
        return _handle(spec, fd, spec.flags)

    def _new(self, spec: MapSpec, struct: KernelStruct | None) -> MapHandle:
        if spec.map_type == MapType.UNSPEC:
            raise ValueError(f"map {spec.name!r} has no type")
        with ExitStack() as inner_stack:
            inner = inner_stack.enter_context(self._template(spec)) if spec.inner else None
            if spec.map_type in _OUTER and inner is None:
                raise ValueError(
                    f"map {spec.name!r} holds maps but does not say which: give its spec an inner "
                    "map as template (in C: __array(values, struct …))"
                )
            loaded = self._create(spec, inner.fileno() if inner else 0, struct)
        self._stack.callback(loaded.close)
        self._fill(spec, loaded)
        self.new.append(loaded)
        return loaded

    def _template(self, spec: MapSpec) -> FD:
        assert spec.inner is not None
        inner = replace(spec.inner, name=spec.inner.name or f"{spec.name}.inner")
        return self._create(inner, 0).fd

    def _create(
        self, spec: MapSpec, inner_fd: int, struct: KernelStruct | None = None
    ) -> MapHandle:
        """BPF_MAP_CREATE; what an old kernel may not know is left out step by step."""
        name = data_map_name(self._object_name, spec.section) if spec.section else spec.name
        btf = 0
        typed = spec.map_type not in _RINGS and (spec.key_type_id or spec.value_type_id)
        if self._btf is not None and spec.map_type not in _WITHOUT_BTF:
            btf = self._btf.fileno()
        # The kernel wants the object's BTF beside a type of its own, but no type of the object's.
        value_type_id = spec.value_type_id if struct is None else 0

        def create(*, btf: int, flags: MapFlags, name: str) -> MapHandle:
            fd = map_create(
                spec.map_type,
                name=name,
                key_size=spec.key_size,
                value_size=spec.value_size,
                max_entries=spec.max_entries,
                flags=int(flags),
                inner_map_fd=inner_fd,
                numa_node=spec.numa_node,
                btf_fd=btf,
                btf_key_type_id=spec.key_type_id if btf and typed else 0,
                btf_value_type_id=value_type_id if btf and typed else 0,
                map_extra=spec.map_extra,
                ifindex=spec.ifindex,
                btf_vmlinux_value_type_id=struct.type_id if struct else 0,
                value_type_btf_obj_fd=struct.module.fileno() if struct and struct.module else 0,
                exclusive=self.digests[spec.exclusive_program] if spec.exclusive_program else b"",
            )
            fd.what = f"map {spec.name!r}"
            return _handle(spec, fd, flags)

        plain = spec.flags & ~MapFlags.MMAPABLE if spec.section else spec.flags
        tries = [(btf, spec.flags, name)]
        untyped = 0 if typed else btf
        for attempt in (
            (untyped, spec.flags, name),  # BTF: before 4.18, or a type that does not fit this map
            (untyped, plain, name),  # mapping of arrays: before 5.5
            (0, plain, ""),  # names: before 4.15
        ):
            if attempt not in tries:
                tries.append(attempt)
        first: OSError | None = None
        for btf_fd, flags, kernel_name in tries:
            try:
                made = with_memlock(
                    lambda b=btf_fd, f=flags, n=kernel_name: create(  # type: ignore[misc]
                        btf=b, flags=f, name=n
                    )
                )
                debug("map %r: created%s", spec.name, _less(tries[0], (btf_fd, flags, kernel_name)))
                return made
            except OSError as exc:
                first = first or exc
                if struct is not None and exc is first and exc.errno == door.ENOTSUPP:
                    # 5.10 reads its own BTF when the first program is loaded (bpf_check()).
                    from .features import load_smallest_program

                    load_smallest_program()
                    tries[1:] = [(btf, spec.flags, name)]
                    continue
                if exc.errno not in _UNKNOWN or isinstance(exc, PermissionError):
                    break
        assert first is not None
        why = first.strerror
        if spec.exclusive_program and first.errno in _UNKNOWN:
            from .features import has_exclusive_maps

            if not has_exclusive_maps():
                raise NotSupportedError("exclusive maps", "6.18", self._describe(spec)) from first
        if first.errno in (errno.EINVAL, errno.EOPNOTSUPP):
            from .map_rules import broken_rules, not_here

            if broken := broken_rules(spec) or not_here(spec):
                why = f"BPF_MAP_CREATE: {broken}"
            else:
                from .lacking import lacking_map_type

                if lacking := lacking_map_type(spec.map_type, self._describe(spec)):
                    raise lacking from first
        raise OSError(first.errno, why, self._describe(spec)) from None

    def _describe(self, spec: MapSpec) -> str:
        kind = spec.map_type.name if isinstance(spec.map_type, MapType) else spec.map_type
        return (
            f"map {spec.name!r} ({kind}, key {spec.key_size} bytes, value {spec.value_size} "
            f"bytes, {spec.max_entries} entries) of object {self._object_name!r}"
        )

    def _fill(self, spec: MapSpec, loaded: MapHandle) -> None:
        what = loaded.what
        if spec.map_type == MapType.ARENA:
            _fill_arena(spec, loaded)
        elif spec.section and spec.data is not None and any(spec.data):
            if len(spec.data) > spec.value_size:
                raise ValueError(
                    f"{what}: {len(spec.data)} bytes of data for a section of {spec.value_size}"
                )
            value = spec.data.ljust(spec.value_size, b"\0")
            loaded.elem(Cmd.MAP_UPDATE_ELEM, bytearray(4), value)
        if spec.contents:
            from .filled import fill_with_contents

            fill_with_contents(spec, loaded)
        if spec.frozen:
            try:
                loaded.freeze()
            except OSError as exc:
                # Before 5.2 constants stay writable for user space, nothing else changes.
                if exc.errno != errno.EINVAL or spec.freeze:
                    raise

    def _pin(self, loaded: MapHandle, path: str) -> None:
        folder = os.path.dirname(path)
        if not os.path.isdir(folder):
            os.mkdir(folder, 0o700)
            self._stack.callback(_quietly, os.rmdir, folder)
        loaded.pin(path)
        self._stack.callback(_quietly, os.unlink, path)


def _handle(
    spec: MapSpec, fd: FD, flags: MapFlags, kind: type[MapHandle] | None = None
) -> MapHandle:
    kind = kind or _handle_class(spec)
    handle = kind(
        fd,
        name=spec.name,
        map_type=spec.map_type,
        key_size=spec.key_size,
        value_size=spec.value_size,
        max_entries=spec.max_entries,
        flags=int(flags),
    )
    if isinstance(handle, ResizedHandle):
        offset = max(variable.offset for variable in spec.variables.values())
        handle.last_array = offset, spec.array_length or 0
    if spec.map_type == MapType.ARENA and handle.created:
        from .maps.arena import ArenaHandle

        assert isinstance(handle, ArenaHandle)
        handle.wanted_address = spec.map_extra
        handle.data_offset = arena_data_offset(handle.size, len(spec.data or b""))
    return handle


def _handle_class(spec: MapSpec) -> type[MapHandle]:
    if spec.array_length is not None:
        return ResizedHandle
    if spec.map_type == MapType.ARENA:
        from .maps.arena import ArenaHandle

        return ArenaHandle
    if spec.map_type == MapType.STRUCT_OPS:
        from .maps.struct_ops import StructOpsHandle

        return StructOpsHandle
    return MapHandle


def _fill_arena(spec: MapSpec, loaded: MapHandle) -> None:
    """Map a new arena: before that, no program that uses it is taken."""
    from .maps.arena import ArenaHandle

    assert isinstance(loaded, ArenaHandle)
    loaded.fill(bytes(spec.data or b""))


def arena_data_offset(size: int, data: int) -> int:
    """Where in an arena of *size* bytes the global variables begin, as libbpf places them.

    At the end, where the kernel lets programs reach so far (7.0), else at the start.
    """
    if not data:
        return 0
    from .features import has_large_value_offsets

    page = kernel.page_size()
    return size - (data + page - 1) // page * page if has_large_value_offsets() else 0


def _quietly(remove: Any, path: str) -> None:
    """Undo while another exception is on its way: what cannot be removed must not hide it."""
    with suppress(OSError):
        remove(path)


def require_compatible(spec: MapSpec, fd: FD, what: str) -> None:
    """Refuse an existing map that is not what *spec* says; the error names every difference."""
    info = map_info(fd.fileno(), what=what)
    theirs = info.flags
    if spec.map_type in _DEVMAPS:
        # dev_map_alloc() sets it by itself since 5.2.
        theirs &= ~MapFlags.RDONLY_PROG
    ours = spec.flags | (MapFlags.NUMA_NODE if spec.numa_node is not None else MapFlags(0))
    differences = [
        f"{label} {found} instead of {wanted}"
        for label, found, wanted in (
            ("type", _name(info.map_type), _name(spec.map_type)),
            ("key size", info.key_size, spec.key_size),
            ("value size", info.value_size, spec.value_size),
            ("max_entries", info.max_entries, spec.max_entries),
            ("flags", _name(theirs), _name(ours)),
            ("map_extra", info.map_extra, spec.map_extra),
        )
        if found != wanted
    ]
    if differences:
        raise ValueError(
            f"{what} is not the map the object wants: it has {', '.join(differences)}; remove it, "
            "or give another pin_path"
        )


def _name(value: int) -> str:
    if isinstance(value, MapFlags):
        return str(value.name or int(value)) if value else "none"
    return value.name if isinstance(value, MapType) else str(value)
