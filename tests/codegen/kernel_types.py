"""Every type of a kernel through the generator, in slices, each held against a plain reading.

    python -m tests.codegen.kernel_types [BTF] [--every N] [--processes N]

In: a kernel's BTF (``/sys/kernel/btf/vmlinux``).  Out: how many types and leaves agreed, and
which did not.  A slice is a module with one variable per
type, and one ring buffer per struct that ends in a flexible array member.  Each variable's codec
reads random bytes: every leaf (:mod:`tests.codegen.raw_btf`) must have the value that lies there,
and packing must put it there again.
"""

from __future__ import annotations

import argparse
import multiprocessing
import random
import resource
import struct
import sys
import time
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from bpf2py import btf, runtime
from bpf2py.codegen import generate
from bpf2py.codegen.tables import KERNEL_OWNED
from bpf2py.runtime import codec
from bpf2py.spec import MapSpec, ObjectSpec, VariableSpec
from bpf2py.uapi import MapType

from .raw_btf import COMPOSITES, ENUMS, STRUCT, Place, RawBTF
from .source import imported
from .trimmer import Trimmer

KERNEL_BTF = Path("/sys/kernel/btf/vmlinux")
#: Definitions in a module, roughly.
SLICE = 400


class Kernel:
    """One kernel's BTF, read twice."""

    def __init__(self, path: Path = KERNEL_BTF) -> None:
        data = path.read_bytes()
        self.table = btf.decode(data)
        self.raw = RawBTF(data)

    def ids(self) -> list[int]:
        """Every struct, union and enum."""
        kinds = (*COMPOSITES, *ENUMS)
        return [i for i in range(1, len(self.raw.at)) if self.raw.kind(i) in kinds]

    def slices(self, ids: Iterable[int]) -> Iterator[list[int]]:
        """*ids* in groups that make modules of moderate size."""
        group: list[int] = []
        parts: set[int] = set()
        for type_id in ids:
            group.append(type_id)
            parts |= self.raw.parts(type_id)
            if len(parts) >= SLICE:
                yield group
                group, parts = [], set()
        if group:
            yield group

    def spec(self, ids: Iterable[int]) -> ObjectSpec:
        """An object with a variable of each type."""
        seen: set[int] = set()
        for type_id in ids:
            seen |= self.raw.parts(type_id)
        trimmer = Trimmer(self.table, seen)
        variables: dict[str, VariableSpec] = {}
        maps: dict[str, MapSpec] = {}
        offset = 0
        for type_id in ids:
            name, new_id, size = f"t{type_id}", trimmer.keep(type_id), self.raw.size(type_id)
            variables[name] = VariableSpec(name=name, offset=offset, size=size, type_id=new_id)
            offset += -(-size // 16) * 16
            if self.raw.tail(type_id):
                maps[name] = MapSpec(
                    name=name, map_type=MapType.RINGBUF, max_entries=4096, event_type_id=new_id
                )
        maps[".data"] = MapSpec(
            name=".data", map_type=MapType.ARRAY, key_size=4, value_size=offset, max_entries=1,
            section=".data", variables=variables,
        )  # fmt: skip
        blob = btf.encode(trimmer.kept, byte_order="little")
        return ObjectSpec(name="kernel", byte_order="little", maps=maps, btf=blob)

    def text(self, ids: list[int]) -> str:
        """The module of these types."""
        return generate(self.spec(ids))

    def check(self, ids: list[int]) -> int:
        """Generate, import, compare; how many leaves agreed."""
        name = f"kernel_types_{ids[0]}"
        module = imported(self.text(ids), name)
        try:
            return sum(self._check(module, type_id) for type_id in ids)
        finally:
            del sys.modules[name]

    def _check(self, module: Any, type_id: int) -> int:
        size, name = self.raw.size(type_id), f"t{type_id}"
        places = list(self.raw.places(type_id, KERNEL_OWNED))
        owned = self.raw.kind(type_id) == STRUCT and self.raw.name(type_id) in KERNEL_OWNED
        if not size or owned:  # a comment, not a variable
            assert not hasattr(module.KernelDataSpec, name)
            assert owned or places == []
            found = 0
        else:
            layout: codec.Codec[Any] = getattr(module.KernelDataSpec, name).codec
            where = f"{self.raw.name(type_id) or 'anonymous'} (type {type_id})"
            assert layout.size == size, where
            found = _agree(layout, places, random.Random(type_id).randbytes(size), where)
            if self.raw.kind(type_id) in COMPOSITES:
                cls: type[Any] = layout.cls  # type: ignore[attr-defined]
                assert struct.calcsize(runtime.struct_format(cls)) == size, where
                if find_spec("numpy"):
                    self._check_dtype(runtime.numpy_dtype(cls), type_id)
            if self.raw.kind(type_id) in ENUMS and (known := self.raw.enumerators(type_id)):
                members = layout.cls.__members__.values()  # type: ignore[attr-defined]
                assert [member.value for member in members] == known, where
        tail = self.raw.tail(type_id)
        if tail is not None:
            found += self._check_tail(module, type_id, tail)
        return found

    def _check_dtype(self, dtype: Any, type_id: int) -> None:
        assert dtype.itemsize == self.raw.size(type_id)
        fields = dtype.fields or {}
        for name, target, bits, width in self.raw.members(type_id):
            kind = self.raw.kind(self.raw.behind(target))
            if name in fields and not width and kind not in COMPOSITES:
                found, offset = fields[name][:2]
                assert (offset, found.itemsize) == (bits // 8, self.raw.size(target)), name

    def _check_tail(self, module: Any, type_id: int, tail: tuple[str, int, int]) -> int:
        name, offset, element = tail
        each = self.raw.size(element)
        handle = SimpleNamespace(
            name=name, what=name, flags=0, at_close=[], map_type=MapType.RINGBUF
        )
        loaded = SimpleNamespace(map=lambda _: handle, maps={})
        layout = getattr(module.KernelMaps(loaded), f"t{type_id}")._event
        data = random.Random(-type_id).randbytes(offset + 3 * each)
        assert layout.full_size == self.raw.size(type_id)
        if not each:
            return 0
        places = []
        for index in range(3):
            at = 8 * (offset + index * each)
            inner = self.raw.places(element, KERNEL_OWNED, at, (name, index))
            places += list(inner)
        if isinstance(_member(layout.unpack(data), name), str | bytes):
            kind = "text" if isinstance(_member(layout.unpack(data), name), str) else "bytes"
            places = [Place((name,), 8 * offset, 24 * each, kind)]
        return _agree(layout, places, data, f"{self.raw.name(type_id)}.{name}[]")


def _agree(layout: codec.Codec[Any], places: list[Place], data: bytes, where: str) -> int:
    value = layout.unpack(data)
    packed = layout.pack(value)
    for place in places:
        wanted, seen = place.value(data), _read(value, place.path)
        assert type(wanted) is type(seen) or isinstance(seen, int), (where, place)
        assert wanted == seen or wanted != wanted, (where, place, wanted, seen)
        assert wanted == place.value(packed) or wanted != wanted, (where, place)
    again = layout.unpack(packed)
    assert layout.pack(again) == packed, where
    return len(places)


def _read(value: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        value = value[step] if isinstance(step, int) else _member(value, step)
    return value


def _member(value: Any, name: str) -> Any:
    """The attribute for a C name, which may have grown underscores (``names.py``)."""
    for _ in range(4):
        if hasattr(value, name):
            return getattr(value, name)
        name += "_"
    raise AssertionError(f"{type(value).__name__} has no member {name.rstrip('_')}")


_kernel: Kernel


def _work(ids: list[int]) -> tuple[int, list[str], int]:
    """In a process of its own: leaves that agreed, what did not, the peak of memory in KiB."""
    found, wrong = 0, list[str]()
    try:
        found = _kernel.check(ids)
    except Exception:  # which one? a script reports all of them
        for type_id in ids:
            try:
                found += _kernel.check([type_id])
            except Exception as error:
                wrong.append(f"type {type_id}: {type(error).__name__}: {error}")
        wrong = wrong or [f"types {ids} do not go together"]
    return found, wrong, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """The command; see above."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("btf", nargs="?", type=Path, default=KERNEL_BTF)
    parser.add_argument("--every", type=int, default=1)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args()
    global _kernel
    start = time.monotonic()
    _kernel = Kernel(options.btf)
    ids = _kernel.ids()[:: options.every]
    slices = list(_kernel.slices(ids))
    leaves = peak = 0
    wrong: list[str] = []
    context = multiprocessing.get_context("fork")
    with context.Pool(options.processes, maxtasksperchild=8) as pool:
        for number, (found, some, memory) in enumerate(pool.imap_unordered(_work, slices), 1):
            leaves, peak = leaves + found, max(peak, memory)
            wrong += some
            print(f"\r{number} of {len(slices)} modules", end="", file=sys.stderr, flush=True)
    print(
        f"\n{len(ids)} types, {leaves} leaves agree, {len(slices)} modules, "
        f"{time.monotonic() - start:.0f} s, peak {peak // 1024} MiB per process"
    )
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
