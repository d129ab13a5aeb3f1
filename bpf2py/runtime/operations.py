"""struct_ops before loading: settings as attributes, programs behind function pointers.

In: an ``ObjectSpec`` with struct_ops maps.  Out: what generated modules derive from.  What is set
here lands in ``MapSpec.data`` and ``MapSpec.functions``; nothing of it is the kernel's layout.
"""

from __future__ import annotations

from ..light import TYPE_CHECKING, Any, Self, overload
from ..spec import MapSpec, ObjectSpec, ProgramSpec
from ..uapi import MapType, ProgType
from .typed_spec import missing
from .variables import Attribute, DataSpec


class Function(Attribute):
    """A pointer to a function in a struct_ops: the program behind it, or None.

    Given a program of ``SEC("struct_ops/…")`` of the same object, or its C name, or None.  A
    program that no struct_ops refers to any more is not loaded.
    """

    __slots__ = ("member",)

    def __init__(self, member: str) -> None:
        self.member = member
        self.name = ""

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: StructOpsSpec, owner: type) -> ProgramSpec | None: ...
    def __get__(self, instance: StructOpsSpec | None, owner: type) -> Self | ProgramSpec | None:
        if instance is None:
            return self
        name = instance.__map__.functions.get(self.member)
        return instance.__object__.programs[name] if name is not None else None

    def __set__(self, instance: StructOpsSpec, value: ProgramSpec | str | None) -> None:
        spec, functions = instance.__object__, instance.__map__.functions
        name = None if value is None else self._name_of(spec, value)
        before = functions.pop(self.member, None)
        if name is not None:
            functions[self.member] = name
            spec.programs[name].autoload = True
        if before is not None and not any(
            before in each.functions.values() for each in spec.maps.values()
        ):
            spec.programs[before].autoload = False

    def _name_of(self, spec: ObjectSpec, value: ProgramSpec | str) -> str:
        for name, program in spec.programs.items():
            if value is program or value == name:
                if program.prog_type != ProgType.STRUCT_OPS:
                    raise ValueError(
                        f"{self.name}: program {name!r} ({program.section}) is none of "
                        'SEC("struct_ops/…")'
                    )
                return name
        if isinstance(value, ProgramSpec):
            raise ValueError(f"{self.name}: program {value.name!r} is not of this object's spec")
        if isinstance(value, str):
            known = (n for n, p in spec.programs.items() if p.prog_type == ProgType.STRUCT_OPS)
            raise ValueError(f"{self.name}: {missing('struct_ops program', value, known)}")
        raise TypeError(f"{self.name} takes a program or None, not {value!r}")


class StructOpsSpec(DataSpec):
    """One struct_ops map before loading: its settings and functions by their C names."""

    __slots__ = ("__map__", "__object__")

    __map__: MapSpec
    __object__: ObjectSpec

    def __init__(self, object_spec: ObjectSpec, name: str) -> None:
        map_spec = object_spec.maps[name]
        super().__init__(map_spec, object_spec.byte_order)
        object.__setattr__(self, "__map__", map_spec)
        object.__setattr__(self, "__object__", object_spec)


class StructOpsSpecs:
    """The struct_ops maps of an object before loading, by C name."""

    __names: tuple[str, ...]

    def __init__(self, object_spec: ObjectSpec) -> None:
        self.__names = tuple(
            name for name, each in object_spec.maps.items() if each.map_type == MapType.STRUCT_OPS
        )

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self.__names) or 'none'}>"

    if not TYPE_CHECKING:  # the checkers see the names of the generated subclass, and only those

        def __setattr__(self, name: str, value: Any) -> None:
            if not isinstance(value, StructOpsSpec) and not name.startswith("_StructOpsSpecs__"):
                raise AttributeError(
                    f"{name!r} cannot be replaced: set the members of it", name=name, obj=self
                )
            super().__setattr__(name, value)

        def __getattr__(self, name: str) -> StructOpsSpec:
            if name.startswith("_StructOpsSpecs__"):
                raise AttributeError(name)  # a subclass that did not call __init__
            raise AttributeError(
                missing("struct_ops map", name, iter(self.__names)), name=name, obj=self
            )
