"""BTF and specs written in Python, and generated modules imported from their text."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from types import ModuleType
from typing import Any

from bpf2py import btf
from bpf2py.btf import types as t
from bpf2py.codegen import generate
from bpf2py.spec import MapSpec, ObjectSpec, ProgramSpec


class Types:
    """A growing list of types; ``add`` gives the id, and common types are there already."""

    def __init__(self) -> None:
        self.types: list[t.Type] = []
        self.u8 = self.add(t.Int("unsigned char", 1, 8))
        self.u16 = self.add(t.Int("unsigned short", 2, 16))
        self.u32 = self.add(t.Int("unsigned int", 4, 32))
        self.u64 = self.add(t.Int("unsigned long long", 8, 64))
        self.s32 = self.add(t.Int("int", 4, 32, signed=True))
        self.char = self.add(t.Int("char", 1, 8, signed=True))
        self.boolean = self.add(t.Int("_Bool", 1, 8, boolean=True))
        self.index = self.add(t.Int("__ARRAY_SIZE_TYPE__", 4, 32))

    def add(self, typ: t.Type) -> int:
        self.types.append(typ)
        return len(self.types)

    def array(self, element: int, length: int) -> int:
        return self.add(t.Array(element, self.index, length))

    def pointer(self, target: int = 0) -> int:
        return self.add(t.Ptr(target))

    def struct(
        self, name: str, size: int, *members: tuple[str, int, float], bits: bool = False
    ) -> int:
        """Members are (name, type, byte offset)."""
        return self.add(t.Struct(name, size, _members(members), bits))

    def bitfields(self, name: str, size: int, *members: tuple[str, int, int, int]) -> int:
        """Members are (name, type, bit offset, bit size)."""
        rows = tuple(t.Member(*member) for member in members)
        return self.add(t.Struct(name, size, rows, True))

    def union(self, name: str, size: int, *members: tuple[str, int, float]) -> int:
        return self.add(t.Union(name, size, _members(members)))

    def enum(self, name: str, **values: int) -> int:
        signed = any(value < 0 for value in values.values())
        rows = tuple(t.Enumerator(key, value) for key, value in values.items())
        return self.add(t.Enum(name, 4, rows, signed))

    def tag(self, text: str, target: int, component: int = -1) -> int:
        """A declaration tag of ours on a type, variable or member."""
        return self.add(t.DeclTag(f"bpf2py:{text}", target, component))

    def table(self) -> btf.TypeTable:
        return btf.decode(btf.encode(self.types, byte_order=sys.byteorder))

    def spec(
        self,
        maps: Iterable[MapSpec] = (),
        programs: Iterable[ProgramSpec] = (),
        name: str = "thing",
    ) -> ObjectSpec:
        return ObjectSpec(
            name=name,
            byte_order=sys.byteorder,
            license="GPL",
            maps={row.name: row for row in maps},
            programs={row.name: row for row in programs},
            btf=btf.encode(self.types, byte_order=sys.byteorder),
            digest="00" * 32,
        )

    def module(
        self,
        *types: str,
        maps: Iterable[MapSpec] = (),
        programs: Iterable[ProgramSpec] = (),
        events: Mapping[str, str] | None = None,
        views: Mapping[str, str] | None = None,
        as_bytes: Sequence[str] = (),
        strip_enum_prefix: bool = False,
    ) -> Any:
        """The imported module with those types."""
        spec = self.spec(maps, programs)
        text = generate(
            spec,
            types=types,
            events=events or {},
            views=views or {},
            as_bytes=as_bytes,
            strip_enum_prefix=strip_enum_prefix,
        )
        return imported(text)


def _members(members: Iterable[tuple[str, int, float]]) -> tuple[t.Member, ...]:
    return tuple(t.Member(name, target, int(offset * 8)) for name, target, offset in members)


def imported(text: str, name: str = "generated_for_a_test") -> Any:
    """The module with that text; dataclasses look their module up, so it is registered."""
    module = ModuleType(name)
    sys.modules[name] = module
    exec(compile(text, f"<{name}>", "exec", dont_inherit=True), module.__dict__)
    return module
