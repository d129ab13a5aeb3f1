"""What C says about random types against what the generated module says.

In: a plan (``Target.plan()``), the generated module, and the library with the C functions, all
for the machine this runs on.  Out: a sentence for each disagreement.  Only the standard library
and bpf2py's run side are imported, so that this also runs on an emulated machine of the other
byte order: ``python check.py PLAN``.
"""

from __future__ import annotations

import ctypes
import enum
import importlib.util
import json
import math
import operator
import random
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SLOT = 16
_ALL = (1 << 128) - 1
#: Random contents per type.
ROUNDS = 3

Leaf = dict[str, Any]


class Library:
    """The functions of one type, called with aligned memory."""

    def __init__(self, library: Any, name: str, slots: int) -> None:
        self.size = _function(library, f"size_{name}", ctypes.c_uint64)()
        self._read = _function(library, f"read_{name}", None)
        self._write = _function(library, f"write_{name}", None)
        self._slots = ctypes.create_string_buffer(SLOT * slots + SLOT)
        self._room = ctypes.create_string_buffer(self.size + 64)
        self._at = -ctypes.addressof(self._room) % 64
        self._address = ctypes.addressof(self._room) + self._at

    def read(self, data: bytes) -> bytes:
        """Every leaf of the type, in its slots."""
        self._store(data)
        ctypes.memset(self._slots, 0, len(self._slots))
        self._read(ctypes.c_void_p(self._address), self._slots)
        return self._slots.raw

    def write(self, data: bytes, values: list[tuple[int, bytes]]) -> bytes:
        """*data* after C stored *values*: numbers of leaves, and slots."""
        self._store(data)
        for leaf, slots in values:
            self._write(ctypes.c_void_p(self._address), leaf, slots)
        return self._room.raw[self._at : self._at + self.size]

    def _store(self, data: bytes) -> None:
        assert len(data) == self.size
        ctypes.memmove(self._address, data, self.size)


def _function(library: Any, name: str, result: Any) -> Any:
    found = getattr(library, name)
    found.restype = result
    return found


# ---- values --------------------------------------------------------------------------------------


def get(value: Any, path: list[str | int]) -> Any:
    for step in path:
        value = value[step] if isinstance(step, int) else getattr(value, step)
    return value


def put(value: Any, path: list[str | int], new: Any) -> Any:
    """*value* with one leaf set; what is in between is assigned again, as a union wants it."""
    if not path:
        return new
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        value[step] = put(value[step], rest, new)
    else:
        setattr(value, step, put(getattr(value, step), rest, new))
    return value


def initial(leaf: Leaf) -> Any:
    """The Python value for what the initialiser in C says."""
    value = leaf["value"]
    match leaf["kind"]:
        case "text":
            return bytes.fromhex(value).rstrip(b"\0").decode("utf-8", "surrogateescape")
        case "bytes":
            return bytes.fromhex(value)
        case "float":
            return float.fromhex(value)
        case "bool":
            return bool(value)
        case _:
            return value


def _as_bytes(leaf: Leaf, value: Any) -> bytes:
    """What is bytes in Python, or a number: new clangs (22, not 19) give ``_Atomic u32`` a type."""
    return value.to_bytes(leaf["size"], sys.byteorder) if isinstance(value, int) else bytes(value)


def as_slots(leaf: Leaf, value: Any) -> bytes:
    """A Python value as C takes it."""
    match leaf["kind"]:
        case "text":
            data = value.encode("utf-8", "surrogateescape")
            return bytes(data.ljust(-(-leaf["size"] // SLOT) * SLOT, b"\0"))
        case "bytes" | "raw":
            data = _as_bytes(leaf, value)[: leaf["size"]]
            return data.ljust(-(-leaf["size"] // SLOT) * SLOT, b"\0")
        case "float":
            data = struct.pack("=f" if leaf["size"] == 4 else "=d", value)
            return int.from_bytes(data, sys.byteorder).to_bytes(SLOT, sys.byteorder)
        case _:
            return (operator.index(value) & _ALL).to_bytes(SLOT, sys.byteorder)


def from_slots(leaf: Leaf, slots: bytes) -> Any:
    """What Python shall see for what C read."""
    start = leaf["slot"] * SLOT
    data = slots[start : start + leaf["size"]]
    match leaf["kind"]:
        case "text":
            return data.partition(b"\0")[0].decode("utf-8", "surrogateescape")
        case "bytes" | "raw":
            return data
    number = int.from_bytes(slots[start : start + SLOT], sys.byteorder)
    match leaf["kind"]:
        case "float":
            size = leaf["size"]
            data = number.to_bytes(size, sys.byteorder)
            return struct.unpack("=f" if size == 4 else "=d", data)[0]
        case "bool":
            return bool(number)
        case _:
            signed = leaf["signed"] and number >> 127
            return number - (1 << 128) if signed else number


def same(leaf: Leaf, wanted: Any, seen: Any) -> bool:
    """Whether Python's *seen* is the value *wanted*, and of the type that belongs to the C type."""
    match leaf["kind"]:
        case "float":
            if math.isnan(wanted):
                return math.isnan(seen)
            signs = math.copysign(1, wanted) == math.copysign(1, seen)
            return type(seen) is float and wanted == seen and signs
        case "bool":
            return type(seen) is bool and wanted == seen
        case "enum":
            known = isinstance(seen, enum.IntEnum) or wanted not in leaf["named"]
            return known and isinstance(seen, int) and wanted == seen
        case "raw":
            return _as_bytes(leaf, seen)[: len(wanted)] == bytes(wanted)
        case "text":
            return type(seen) is str and wanted == seen
        case "bytes":
            return type(seen) is bytes and wanted == seen
        case _:
            return type(seen) is int and wanted == seen


def another(leaf: Leaf, numbers: random.Random, old: Any) -> Any:
    """A value that the leaf can hold, where *old* is now."""
    match leaf["kind"]:
        case "text":
            size = numbers.randint(0, leaf["size"])
            data = bytes(numbers.choices(range(1, 256), k=size))
            return data.decode("utf-8", "surrogateescape")
        case "bytes":
            return numbers.randbytes(leaf["size"])
        case "raw":
            data = numbers.randbytes(leaf["size"])
            if isinstance(old, int):
                return int.from_bytes(data, sys.byteorder)
            return data + old[leaf["size"] :]
        case "float":
            return numbers.choice((1.5, -0.0, -(2.0**40), math.inf))
        case "bool":
            return numbers.random() < 0.5
    bits = leaf["width"] or 8 * leaf["size"]
    low = -(1 << bits - 1) if leaf["signed"] else 0
    high = (1 << bits - 1) - 1 if leaf["signed"] else (1 << bits) - 1
    return numbers.choice((low, high, 0, numbers.randint(low, high)))


# ---- the comparison ------------------------------------------------------------------------------


class Subject:
    """One type: its leaves, its codec, and C's functions for it."""

    def __init__(self, row: dict[str, Any], codec: Any, library: Library | None) -> None:
        self.row = row
        self.leaves: list[Leaf] = row["leaves"]
        self.codec = codec
        self.compiled = library

    def problem(self, what: str) -> str:
        return f"{self.row['name']}: {what}\n{self.row['text']}"

    def fresh(self, size: int) -> Any:
        """A value of zeros, made without the codec where it is a class."""
        cls = getattr(self.codec, "cls", None)
        if cls is None or self.row["flexible"] or self.codec.order != sys.byteorder:
            return self.codec.unpack(bytes(size))
        return cls()

    def pack(self, value: Any) -> bytes:
        """The bytes that C looks at: of a flexible array, as many elements as in ``c_source``.

        Python has no fewer than ``sizeof`` bytes, and of text no more than up to its NUL.
        """
        data: bytes = self.codec.pack(value)
        if self.compiled is not None and self.row["flexible"]:
            data = data.ljust(self.compiled.size, b"\0")
            assert not any(data[self.compiled.size :])
            data = data[: self.compiled.size]
        return data

    # -- the bytes that the compiler put into the object ------------------------------------------

    def check_initial(self, data: bytes) -> Iterator[str]:
        """*data* is what C's initialiser became; it is read, and written the same from nothing."""
        if self.codec.full_size != len(data):
            yield self.problem(f"{len(data)} bytes in C, {self.codec.full_size} in Python")
            return
        value = self.codec.unpack(data)
        built = self.fresh(len(data))
        for leaf in self.leaves:
            if not leaf["live"] or leaf["value"] is None:
                continue
            wanted, seen = initial(leaf), get(value, leaf["path"])
            if not same(leaf, wanted, seen):
                yield self.problem(f"{leaf['path']}: {wanted!r} in C, {seen!r} in Python")
            built = put(built, leaf["path"], wanted)
        for name, packed in (("again", value), ("from nothing", built)):
            if (written := self.codec.pack(packed)) != data:
                yield self.problem(f"packed {name}: {written.hex()}, in C {data.hex()}")

    # -- C running -------------------------------------------------------------------------------

    def check_running(self, seed: int) -> Iterator[str]:
        """C reads and writes memory, Python reads and writes the same."""
        assert self.compiled is not None
        size = self.compiled.size
        if not self.row["flexible"] and self.codec.full_size != size:
            yield self.problem(f"{size} bytes in C, {self.codec.full_size} in Python")
            return
        yield from self._check_filling(size)
        numbers = random.Random(seed)
        for _ in range(ROUNDS):
            data = numbers.randbytes(size)
            yield from self._check_reading(data)
            kept = self.pack(self.codec.unpack(data))
            yield from self._check_reading(kept)
            yield from self._check_kept(data, kept)
            for number in range(len(self.leaves)):
                yield from self._check_store(kept, number, numbers)

    def _check_filling(self, size: int) -> Iterator[str]:
        """From zeros, one value after the other."""
        assert self.compiled is not None
        value, stores = self.fresh(size), []
        for number, leaf in enumerate(self.leaves):
            if leaf["live"] and leaf["value"] is not None:
                value = put(value, leaf["path"], initial(leaf))
                stores.append((number, as_slots(leaf, initial(leaf))))
        wanted, packed = self.compiled.write(bytes(size), stores), self.pack(value)
        if packed != wanted:
            yield self.problem(f"filled: {packed.hex()}, in C {wanted.hex()}")

    def _check_reading(self, data: bytes) -> Iterator[str]:
        assert self.compiled is not None
        slots, value = self.compiled.read(data), self.codec.unpack(data)
        for leaf in self.leaves:
            wanted, seen = from_slots(leaf, slots), get(value, leaf["path"])
            if not same(leaf, wanted, seen):
                yield self.problem(
                    f"{leaf['path']} of {data.hex()}: {wanted!r} in C, {seen!r} in Python"
                )

    def _check_kept(self, data: bytes, kept: bytes) -> Iterator[str]:
        """No leaf changes by being read and packed."""
        assert self.compiled is not None
        before, after = self.compiled.read(data), self.compiled.read(kept)
        for leaf in self.leaves:
            wanted, seen = from_slots(leaf, before), from_slots(leaf, after)
            if wanted != seen and wanted == wanted and not leaf["choices"]:
                yield self.problem(f"{leaf['path']}: {wanted!r} became {seen!r}")

    def _check_store(self, data: bytes, number: int, numbers: random.Random) -> Iterator[str]:
        """Setting one leaf leaves the others alone, bit for bit."""
        assert self.compiled is not None
        leaf = self.leaves[number]
        value = self.codec.unpack(data)
        old = get(value, leaf["path"])
        new = another(leaf, numbers, old)
        packed = self.pack(put(value, leaf["path"], new))
        stored = self.compiled.write(data, [(number, as_slots(leaf, new))])
        if leaf["direct"] and leaf["kind"] != "raw":
            if packed != stored:
                yield self.problem(
                    f"{leaf['path']} = {new!r} in {data.hex()}: {packed.hex()}, "
                    f"in C {stored.hex()}"
                )
            return
        # A struct in a union is taken out and put back whole, so what is no part of it changes.
        wanted, seen = self.compiled.read(stored), self.compiled.read(packed)
        for other in self.leaves:
            first, second = from_slots(other, wanted), from_slots(other, seen)
            if first != second and first == first and _together(leaf, other):
                yield self.problem(
                    f"{leaf['path']} = {new!r} in {data.hex()}: {other['path']} is {second!r}, "
                    f"in C {first!r}"
                )


def _together(one: Leaf, other: Leaf) -> bool:
    """Whether no union has them in different members."""
    chosen = dict(map(tuple, one["choices"]))
    return all(chosen.get(name, member) == member for name, member in other["choices"])


def check(plan: dict[str, Any], module: Any, library: Any = None) -> list[str]:
    """Every disagreement, as a sentence with the C text."""
    from bpf2py.runtime import codec

    found: list[str] = []
    spec = module.X.spec()
    order, view = spec.object_spec.byte_order, getattr(spec, "data_x", None)
    section = spec.object_spec.maps.get(plan["section"])
    for number, row in enumerate(plan["types"]):
        name = row["name"]
        functions = Library(library, name, row["slots"]) if library else None
        if row["flexible"]:
            layout = codec.of(getattr(module, name.upper()))
        elif hasattr(type(view), name):
            layout = getattr(type(view), name).codec
        else:  # no bytes at all
            if row["leaves"]:
                found.append(f"{name}: no variable in the module\n{row['text']}")
            continue
        subject = Subject(row, layout.in_byte_order(order), functions)
        try:
            if not row["flexible"]:
                place = section.variables[name]
                data = bytes(section.data[place.offset : place.offset + place.size])
                found += subject.check_initial(data)
                if subject.codec.pack(getattr(view, name)) != data:
                    found.append(subject.problem("another value through the spec"))
            if functions:
                found += subject.check_running(number)
        except Exception as error:
            found.append(subject.problem(f"{type(error).__name__}: {error}"))
    return found


def load(path: Path, name: str) -> Any:
    """The module in that file."""
    made = importlib.util.spec_from_file_location(name, path)
    assert made is not None
    assert made.loader is not None
    module = importlib.util.module_from_spec(made)
    sys.modules[name] = module
    made.loader.exec_module(module)
    return module


def main() -> None:
    """The plan's file names the module and the library beside it."""
    path = Path(sys.argv[1])
    plan = json.loads(path.read_text())
    library = ctypes.CDLL(str(path.with_name(plan["library"])))
    module = load(path.with_name(plan["module"]), "x_bpf")
    problems = check(plan, module, library)
    leaves = sum(len(row["leaves"]) for row in plan["types"])
    print(json.dumps({"order": sys.byteorder, "leaves": leaves, "problems": problems}))


if __name__ == "__main__":
    main()
