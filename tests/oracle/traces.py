"""What a recorded loader said to the kernel, read from ``recorder.c``'s lines, and made comparable.

In: the lines of one run.  Out: a :class:`Trace` per object: maps, BTF, programs and what was put
into maps, without what must differ between two runs (descriptors, addresses, ids).  A descriptor
becomes the name of what it leads to, so that two programs which use two maps the other way round
are told apart.  Calls by which a library tries what the kernel can do are left out: their programs
and maps have no name, or one of libbpf's.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bpf2py.uapi import Cmd, MapType

_PROBES = ("libbpf_", "det_arg_ctx", "global_reloc", "stand_in")
#: The one probe map with a name like a user's: of libbpf 1.8, an array of one byte.
_PROBE_MAP = ("arr", 2, 4, 1, 1)
_NAME = slice(28, 44)
_PROG_NAME = slice(48, 64)

#: Fields of MAP_CREATE's attr: name to (offset, format).  Those of later kernels are 0 if left out.
_MAP_FIELDS = {
    "type": (0, "I"),
    "key_size": (4, "I"),
    "value_size": (8, "I"),
    "max_entries": (12, "I"),
    "map_flags": (16, "I"),
    "numa_node": (24, "I"),
    "ifindex": (44, "I"),
    "btf_key_type_id": (52, "I"),
    "btf_value_type_id": (56, "I"),
    "btf_vmlinux_value_type_id": (60, "I"),
    "map_extra": (64, "Q"),
}
_PROG_FIELDS = {
    "type": (0, "I"),
    "log_level": (24, "I"),
    "kern_version": (40, "I"),
    "prog_flags": (44, "I"),
    "ifindex": (64, "I"),
    "expected_attach_type": (68, "I"),
    "func_info_rec_size": (76, "I"),
    "line_info_rec_size": (92, "I"),
    "attach_btf_id": (108, "I"),
}
_INNER_MAP_FD, _MAP_BTF_FD, _VALUE_TYPE_BTF_FD = 20, 48, 72
_PROG_BTF_FD, _ATTACH_FD = 72, 112
_PSEUDO_BTF_ID = 3


@dataclass
class MapTrace:
    """One MAP_CREATE, and what went into the map."""

    name: str
    attr: dict[str, object]
    elements: list[tuple[bytes, Any]] = field(default_factory=list)
    frozen: bool = False
    errno: int = 0


@dataclass
class ProgramTrace:
    """The first PROG_LOAD of one program; *errno* is the kernel's word on it, 0 for loaded."""

    name: str
    attr: dict[str, object]
    insns: bytes
    operands: dict[str, str]
    errno: int = 0


@dataclass
class Trace:
    """One object's way to the kernel."""

    path: str
    #: ``loaded``, ``not-opened`` or ``not-loaded``, and why.
    outcome: str = "crashed"
    reason: str = ""
    maps: list[MapTrace] = field(default_factory=list)
    programs: dict[str, ProgramTrace] = field(default_factory=dict)
    #: Everything the loader said in words: libbpf's messages, our warnings.
    says: list[str] = field(default_factory=list)
    #: The loader's lines by kind: ``map``, ``program``, ``autoload``, ``types``.
    lines: dict[str, list[list[str]]] = field(default_factory=dict)

    @property
    def refused_programs(self) -> dict[str, int]:
        """Programs that the kernel refused, with its errno."""
        return {name: program.errno for name, program in self.programs.items() if program.errno}

    @property
    def refused_maps(self) -> dict[str, int]:
        """Maps that the kernel refused, with its errno, each in the last of several tries."""
        return {
            name: errno for name, errno in {m.name: m.errno for m in self.maps}.items() if errno
        }


@dataclass
class _Call:
    command: int
    result: int
    errno: int
    identity: str
    attr: bytes
    details: list[list[str]] = field(default_factory=list)

    def number(self, offset: int, form: str) -> int:
        size = struct.calcsize(form)
        return int.from_bytes(self.attr[offset : offset + size].ljust(size, b"\0"), "little")

    def text(self, place: slice) -> str:
        return self.attr[place].partition(b"\0")[0].decode("utf-8", "replace")

    def bytes(self, kind: str) -> bytes:
        for word, *rest in self.details:
            if word == kind:
                return unhex(rest[0])
        return b""

    def descriptor(self, offset: int) -> str:
        return next((d[2] for d in self.details if d[:2] == ["descriptor", str(offset)]), "")

    @property
    def made(self) -> str:
        """The identity of what the loader was given: the kernel's, or what replaces that."""
        return next((d[1] for d in self.details if d[0] == "instead"), self.identity)

    def operands(self, kind: str) -> Iterator[tuple[int, str]]:
        return ((int(d[1]), d[2]) for d in self.details if d[0] == kind)


def unhex(text: str) -> bytes:
    """Bytes as the recorder writes them: hexadecimal, or a dash for none."""
    return b"" if text == "-" else bytes.fromhex(text)


def read_traces(lines: Iterable[str]) -> tuple[str, list[Trace]]:
    """The loader's version line (empty if it has none), and a trace per object.

    The last trace is ``crashed`` if the loader did not come to its end.
    """
    version = ""
    traces: list[Trace] = []
    reader: _Reader | None = None
    for line in lines:
        kind, _, rest = line.rstrip("\n").partition(" ")
        if kind == "libbpf":
            version = rest
        elif kind == "object":
            if reader is not None:
                reader.flush()
            traces.append(Trace(rest))
            reader = _Reader(traces[-1])
        elif reader is not None:
            reader.line(kind, rest)
    if reader is not None:
        reader.flush()
    return version, traces


class _Reader:
    """The lines of one object; a call is read when the next one begins."""

    def __init__(self, trace: Trace) -> None:
        self._trace = trace
        self._call: _Call | None = None
        self._maps: dict[str, MapTrace] = {}
        self._names: dict[str, object] = {}
        #: Programs that the loader did not get, so that it may try again.
        self._failed: set[str] = set()
        #: Likewise the map.
        self._refused: MapTrace | None = None

    def line(self, kind: str, rest: str) -> None:
        trace = self._trace
        match kind:
            case "call":
                self.flush()
                command, result, code, identity, attr = rest.split()
                self._call = _Call(int(command), int(result), int(code), identity, unhex(attr))
            case "outcome":
                self.flush()
                trace.outcome, _, trace.reason = rest.partition(" ")
            case "says":
                trace.says.append(rest)
            case "map" | "program" | "autoload" | "types":
                trace.lines.setdefault(kind, []).append(rest.split(" "))
            case _ if self._call is not None:
                self._call.details.append([kind, *rest.split(" ")])

    def flush(self) -> None:
        call, self._call = self._call, None
        if call is None:
            return
        match call.command:
            case Cmd.BTF_LOAD:
                if not call.errno:
                    self._names[call.identity] = call.bytes("btf")
            case Cmd.MAP_CREATE:
                self._map(call)
            case Cmd.PROG_LOAD:
                self._program(call)
            case Cmd.MAP_UPDATE_ELEM:
                self._update(call)
            case Cmd.MAP_FREEZE:
                if call.descriptor(0) in self._maps:
                    self._maps[call.descriptor(0)].frozen = True

    def _named(self, identity: str) -> object:
        """What stands for a descriptor: a map's name, an object's BTF, or the kernel's own id."""
        return self._names.get(identity, identity)

    def _map(self, call: _Call) -> None:
        name = call.text(_NAME)
        # With a dot it is a section's map of an object that is called so.
        if not name or (name.startswith(_PROBES) and "." not in name):
            return
        attr: dict[str, object] = {key: call.number(*place) for key, place in _MAP_FIELDS.items()}
        attr["btf"] = self._named(call.descriptor(_MAP_BTF_FD))
        attr["inner"] = self._named(call.descriptor(_INNER_MAP_FD))
        attr["value_type_btf"] = self._named(call.descriptor(_VALUE_TYPE_BTF_FD))
        if (name, *list(attr.values())[:4]) == _PROBE_MAP:
            return
        made = MapTrace(name, attr, errno=call.errno)
        maps = self._trace.maps
        if maps and maps[-1].name == name and maps[-1] is self._refused:
            maps.pop()  # the same one again, with less
        maps.append(made)
        if call.made == "-":
            self._refused = made
        else:
            same = sum(other.name == name for other in self._maps.values())
            self._maps[call.made] = made
            self._names[call.made] = f"map {name}" + (f" #{same + 1}" if same else "")

    def _program(self, call: _Call) -> None:
        name = call.text(_PROG_NAME)
        if not name or name.startswith(_PROBES):
            return
        insns = bytearray(call.bytes("insns"))
        operands: dict[str, str] = {}
        for insn, identity in call.operands("operand"):
            operands[f"insn {insn}"] = str(self._named(identity))
            # A variable of a module (BTF id) keeps its descriptor in the second half.
            at = 8 * insn + (12 if insns[8 * insn + 1] >> 4 == _PSEUDO_BTF_ID else 4)
            insns[at : at + 4] = bytes(4)
        for index, identity in call.operands("array"):
            operands[f"fd_array {index}"] = str(self._named(identity))
        attr: dict[str, object] = {key: call.number(*place) for key, place in _PROG_FIELDS.items()}
        attr |= {kind: call.bytes(kind) for kind in ("license", "func_info", "line_info")}
        attr["btf"] = self._named(call.descriptor(_PROG_BTF_FD))
        attr["attach"] = self._named(call.descriptor(_ATTACH_FD))
        key = name
        same = 1
        while key in self._trace.programs:
            if key in self._failed and self._trace.programs[key].insns == bytes(insns):
                # The same one again: with a log, or without what the kernel does not know.
                self._names[call.made] = f"program {key}"
                return
            same += 1
            key = f"{name} #{same}"
        if call.made == "-":
            self._failed.add(key)
        self._trace.programs[key] = ProgramTrace(key, attr, bytes(insns), operands, call.errno)
        self._names[call.made] = f"program {key}"

    def _update(self, call: _Call) -> None:
        made = self._maps.get(call.descriptor(0))
        if made is None:
            return
        for _, identity in call.operands("operand"):
            made.elements.append((call.bytes("key"), self._named(identity)))
            return
        value = call.bytes("value")
        if made.attr["type"] == MapType.STRUCT_OPS:
            made.elements.append((call.bytes("key"), self._struct_ops(call, value)))
            return
        # A new map is full of zeros: writing them changes nothing.
        if value.strip(b"\0"):
            made.elements.append((call.bytes("key"), value))

    def _struct_ops(self, call: _Call, value: bytes) -> tuple[bytes, dict[int, str]]:
        """The value without descriptors, and the programs that they lead to, by offset."""
        blank = bytearray(value)
        programs: dict[int, str] = {}
        for at, identity in call.operands("slot"):
            name = str(self._named(identity))
            if name.startswith("program "):
                programs[at] = name.removeprefix("program ")
                blank[at : at + 8] = bytes(8)
        return bytes(blank), programs
