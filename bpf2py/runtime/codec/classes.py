"""``@dataclass(slots=True)`` for generated modules, whose methods are made when first used.

The standard one imports ``inspect`` and compiles five functions for each class: most of the time
that importing a module of many structs takes, for classes of which a tool makes a few.  In: a
class with annotations and defaults.  Out: a class with slots, made, compared, printed, hashed,
matched and copied like the standard's, with the same constructor at the same speed; what
``dataclasses.fields``, ``asdict`` and ``replace`` look at appears when they look.
Every attribute of its own has two underscores on both sides: no member of C is called like that.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from operator import attrgetter
from typing import TYPE_CHECKING, Any, TypeVar, dataclass_transform

if TYPE_CHECKING:
    from inspect import Signature

T = TypeVar("T")


class _Factory:
    """The default that is made anew for each instance."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def field(*, default_factory: Callable[[], T]) -> T:
    """A default that is made anew for each instance, as ``dataclasses.field`` says it."""
    return _Factory(default_factory)  # type: ignore[return-value]


class _Layout:
    """What a class was declared with; the standard library's view of it is made when asked for."""

    __slots__ = ("_twin", "cls", "defaults", "names", "values")

    #: The members of an instance, as a tuple.
    values: Callable[[object], tuple[Any, ...]]

    def __init__(self, cls: type, defaults: dict[str, Any]) -> None:
        self.cls = cls
        self.names = tuple(defaults)
        self.defaults = defaults
        self.values = attrgetter(*self.names) if len(defaults) > 1 else self._few
        self._twin: Any = None

    def _few(self, instance: object) -> tuple[Any, ...]:
        return tuple([getattr(instance, name) for name in self.names])

    def make_init(self) -> Callable[..., None]:
        """``__init__``, as the standard's: ``def __init__(self, a=a_default, …): self.a = a …``."""
        names: dict[str, Any] = {"__name__": self.cls.__module__, "__missing__": _MISSING}
        head, body = ["self"], list[str]()
        for place, (name, default) in enumerate(self.defaults.items()):
            names[f"__default_{place}__"] = default
            if isinstance(default, _Factory):
                names[f"__default_{place}__"] = default.make
                head.append(f"{name}=__missing__")
                value = f"__default_{place}__() if {name} is __missing__ else {name}"
            else:
                head.append(f"{name}=__default_{place}__")
                value = name
            body.append(f" self.{name} = {value}\n")
        exec(f"def __init__({', '.join(head)}):\n{''.join(body) or ' pass'}", names)
        init: Callable[..., None] = names["__init__"]
        init.__qualname__ = f"{self.cls.__qualname__}.__init__"
        init.__annotations__ = {**self.cls.__annotations__, "return": None}
        return init

    @property
    def twin(self) -> Any:
        """The class as the standard library would have made it."""
        if self._twin is None:
            import dataclasses

            def standard(default: Any) -> Any:
                if isinstance(default, _Factory):
                    return dataclasses.field(default_factory=default.make)
                return dataclasses.field(default=default)

            annotations = self.cls.__annotations__
            rows = [
                (name, annotations[name], standard(value)) for name, value in self.defaults.items()
            ]
            self._twin = dataclasses.make_dataclass(self.cls.__name__, rows)
        return self._twin


_MISSING = _Factory(object)


def _layout(cls: type) -> _Layout | None:
    """The layout of *cls*, or of the generated class that it was derived from."""
    for base in cls.__mro__:
        found = base.__dict__.get("__layout__")
        if isinstance(found, _Layout):
            return found
    return None


class _Standard:
    """An attribute that the standard library looks at, made by the standard library."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, _: object, cls: type) -> Any:
        layout = _layout(cls)
        if layout is None:  # the base of all
            raise AttributeError(self.name)
        return getattr(layout.twin, self.name)


class _Signature:
    """``inspect.signature`` of a class whose ``__init__`` may not be there yet."""

    def __get__(self, instance: object, cls: type) -> Signature:
        layout = _layout(cls)
        if layout is None or instance is not None or cls is not layout.cls:
            raise AttributeError("__signature__")
        from inspect import signature

        whole = signature(layout.make_init())
        return whole.replace(parameters=list(whole.parameters.values())[1:])


class Dataclass:
    """The base of all classes made by :func:`dataclass`."""

    __slots__ = ()
    if TYPE_CHECKING:
        __layout__: _Layout
    else:  # the checkers know them from the decorator
        __dataclass_fields__ = _Standard("__dataclass_fields__")
        __dataclass_params__ = _Standard("__dataclass_params__")
        __signature__ = _Signature()

    def __init__(self, *args: Any, **values: Any) -> None:
        # Called once for each class: from then on the class has an ``__init__`` of its own.
        layout = self.__layout__
        init = layout.make_init()
        layout.cls.__init__ = init  # type: ignore[misc]
        init(self, *args, **values)

    def __repr__(self) -> str:
        layout = self.__layout__
        pairs = zip(layout.names, layout.values(self), strict=True)
        return f"{type(self).__qualname__}({', '.join(f'{name}={v!r}' for name, v in pairs)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        layout = self.__layout__
        return layout.values(self) == layout.values(other)

    def __hash__(self) -> int:
        return hash(self.__layout__.values(self))

    def __replace__(self, **changes: Any) -> Any:
        import dataclasses

        copied: Any = self
        return dataclasses.replace(copied, **changes)

    def __rich_repr__(self) -> Iterator[tuple[str, Any]]:
        yield from zip(self.__layout__.names, self.__layout__.values(self), strict=True)


@dataclass_transform(field_specifiers=(field,))
def dataclass(*, slots: bool, unsafe_hash: bool = False) -> Callable[[type[T]], type[T]]:
    """As ``dataclasses.dataclass``; *slots* is there to be spelled, and every field has a default."""
    if not slots:
        raise TypeError("classes made here have slots")

    def make(cls: type[T]) -> type[T]:
        body = dict(vars(cls))
        del body["__dict__"], body["__weakref__"]
        defaults = {sys.intern(name): body.pop(name) for name in cls.__annotations__}
        if not unsafe_hash:
            body.setdefault("__hash__", None)
        names = tuple(defaults)
        body.update(__qualname__=cls.__qualname__, __slots__=names, __match_args__=names)
        made: Any = type(cls.__name__, (Dataclass,), body)
        made.__layout__ = _Layout(made, defaults)
        return made  # type: ignore[no-any-return]

    return make
