"""``@dataclass(slots=True)`` for the contract and for generated modules: made when first used.

The standard one imports ``inspect`` and compiles five functions for each class: a quarter of a
small tool's start, and most of what importing a module of many structs costs, for classes of which
a tool makes a few.  In: a class with annotations (as text) and defaults, and nothing
of inheritance and ``__post_init__``.  Out: a class with slots, made, compared, printed, hashed,
matched, copied and pickled like the standard's, with the same constructor at the same speed; what
``dataclasses.fields``, ``asdict`` and ``replace`` look at appears when they look.  A class that has
``__late__`` gives it the keyword arguments that are no fields, once the fields are there.
Every attribute of its own has two underscores on both sides: no member of C is called like that.
"""

from __future__ import annotations

from .light import (
    TYPE_CHECKING,
    Any,
    Callable,
    Iterator,
    NoReturn,
    TypeVar,
    cached_property,
    dataclass_transform,
)

T = TypeVar("T")

#: Instances made by a loop over their fields before compiling ``__init__`` pays.
LOOPS = 32


class _Factory:
    """The default that is made anew for each instance."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make

    def __repr__(self) -> str:
        return "<factory>"  # in signatures, as the standard's


def field(*, default_factory: Callable[[], T]) -> T:
    """A default that is made anew for each instance, as ``dataclasses.field`` says it."""
    return _Factory(default_factory)  # type: ignore[return-value]


def _fields(cls: type) -> dict[str, str]:
    """The annotations of *cls* that are fields of its instances."""
    annotations: dict[str, str] = cls.__annotations__
    return {name: text for name, text in annotations.items() if not text.startswith("ClassVar[")}


class _Layout:
    """What a class was declared with, and what is made of that when asked for."""

    def __init__(self, cls: type, defaults: dict[str, Any], options: dict[str, bool]) -> None:
        self.cls = cls
        self.annotations = _fields(cls)
        self.names = tuple(self.annotations)
        self.defaults = defaults
        self.options = options
        self.loops = LOOPS

    @cached_property
    def values(self) -> Callable[[object], tuple[Any, ...]]:
        """The fields of an instance, as a tuple."""
        from operator import attrgetter

        return attrgetter(*self.names) if len(self.names) > 1 else self._few

    def _few(self, instance: object) -> tuple[Any, ...]:
        return tuple([getattr(instance, name) for name in self.names])

    def pairs(self, instance: object) -> Iterator[tuple[str, Any]]:
        return zip(self.names, self._few(instance), strict=True)

    @cached_property
    def init(self) -> Callable[..., None]:
        """``__init__``, as the standard's: ``def __init__(self, a=a_default, …): self.a = a …``."""
        known: dict[str, Any] = {"__name__": self.cls.__module__, "__set__": object.__setattr__}
        head, body = ["self"], list[str]()
        if self.options["kw_only"] and self.names:
            head.append("*")
        for place, name in enumerate(self.names):
            parameter = value = name
            if name in self.defaults:
                default = f"__default_{place}__"
                known[default] = self.defaults[name]
                parameter = f"{name}={default}"
                if isinstance(known[default], _Factory):
                    make = f"__make_{place}__"
                    known[make] = known[default].make
                    value = f"{make}() if {name} is {default} else {name}"
            head.append(parameter)
            if self.options["frozen"]:
                body.append(f" __set__(self, {name!r}, {value})\n")
            else:
                body.append(f" self.{name} = {value}\n")
        if late := getattr(self.cls, "__late__", None):
            known["__late__"] = late
            head.append("**__late_values__")
            body.append(" if __late_values__: __late__(self, __late_values__)\n")
        exec(f"def __init__({', '.join(head)}):\n{''.join(body) or ' pass'}", known)
        init: Any = known["__init__"]
        init.__qualname__ = f"{self.cls.__qualname__}.__init__"
        init.__annotations__ = {**self.annotations, "return": None}
        if "__init__" not in vars(self.cls):
            self.cls.__init__ = init  # type: ignore[misc]
        return init  # type: ignore[no-any-return]

    @cached_property
    def twin(self) -> type:
        """The class as the standard library would have made it."""
        import dataclasses

        def standard(name: str) -> Any:
            default = self.defaults.get(name, dataclasses.MISSING)
            if isinstance(default, _Factory):
                return dataclasses.field(default_factory=default.make)
            return dataclasses.field(default=default)

        options: dict[str, Any] = {"slots": True, **self.options}
        rows = [(name, self.annotations[name], standard(name)) for name in self.names]
        return dataclasses.make_dataclass(self.cls.__name__, rows, **options)


class _Standard:
    """An attribute that the standard library looks at, made by the standard library."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, _: object, cls: type[Dataclass]) -> Any:
        return getattr(cls.__layout__.twin, self.name)


class _Signature:
    """There is none, but who looks for it looks at ``__init__`` next, which is then there."""

    def __get__(self, _: object, cls: type[Dataclass]) -> NoReturn:
        init = cls.__layout__.init
        raise AttributeError(f"__signature__ is that of {init.__qualname__}")


def replace(record: T, **changes: Any) -> T:
    """As ``dataclasses.replace``, for classes made here."""
    known: Any = record
    layout: _Layout = known.__layout__
    return type(record)(**{**dict(layout.pairs(record)), **changes})


def pairs(record: Dataclass) -> Iterator[tuple[str, Any]]:
    """Name and value of each field of *record*."""
    return record.__layout__.pairs(record)


def changed(record: object) -> Iterator[tuple[str, Any]]:
    """Name and value of each field of *record* that is not what its class says it starts with."""
    known: Any = record
    layout: _Layout = known.__layout__
    for name, value in layout.pairs(record):
        default = layout.defaults.get(name, record)  # none of them is the record itself
        if isinstance(default, _Factory):
            default = default.make()
        if value != default or type(value) is not type(default):
            yield name, value


class Dataclass:
    """The base of all classes made by :func:`dataclass`."""

    __slots__ = ()
    __replace__ = replace
    if TYPE_CHECKING:
        __layout__: _Layout
    else:  # the checkers know them from the decorator
        __dataclass_fields__ = _Standard("__dataclass_fields__")
        __dataclass_params__ = _Standard("__dataclass_params__")
        __signature__ = _Signature()

    def __init__(self, *args: Any, **values: Any) -> None:
        layout = self.__layout__
        whole = {**layout.defaults, **values}
        if args or layout.loops == 0 or whole.keys() != layout.annotations.keys():
            layout.init(self, *args, **values)  # the class's own from now on; it also complains
            return
        layout.loops -= 1
        put = object.__setattr__ if layout.options["frozen"] else setattr
        for name in layout.names:
            value = whole[name]
            put(self, name, value.make() if isinstance(value, _Factory) else value)

    def __repr__(self) -> str:
        pairs = [f"{name}={value!r}" for name, value in self.__layout__.pairs(self)]
        return f"{type(self).__qualname__}({', '.join(pairs)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self.__layout__.values(self) == self.__layout__.values(other)

    def __hash__(self) -> int:
        return hash(self.__layout__.values(self))

    def __rich_repr__(self) -> Iterator[tuple[str, Any]]:
        return self.__layout__.pairs(self)


class _Frozen(Dataclass):
    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> None:
        _refuse(self, "assign to", name)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        _refuse(self, "delete", name)
        super().__delattr__(name)

    def __setstate__(self, state: tuple[dict[str, Any] | None, ...]) -> None:
        for part in state:  # __dict__ of a derived class, slots
            for name, value in (part or {}).items():
                object.__setattr__(self, name, value)


def _refuse(frozen: _Frozen, what: str, name: str) -> None:
    if type(frozen) is frozen.__layout__.cls or name in frozen.__layout__.names:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot {what} field {name!r}")


@dataclass_transform(field_specifiers=(field,))
def dataclass(
    *, slots: bool, frozen: bool = False, kw_only: bool = False, unsafe_hash: bool = False
) -> Callable[[type[T]], type[T]]:
    """As ``dataclasses.dataclass``; *slots* is there to be spelled, and must be true."""
    if not slots:
        raise TypeError("classes made here have slots")
    options = {"frozen": frozen, "kw_only": kw_only, "unsafe_hash": unsafe_hash}

    def make(cls: type[T]) -> type[T]:
        body = dict(vars(cls))
        del body["__dict__"], body["__weakref__"]
        names = tuple(_fields(cls))
        defaults = {name: body.pop(name) for name in names if name in body}
        if not (frozen or unsafe_hash):  # as of all that is compared by value and changes
            body.setdefault("__hash__", None)
        body.update(
            __qualname__=cls.__qualname__,
            __slots__=names,
            __match_args__=() if kw_only else names,
        )
        made: Any = type(cls.__name__, (_Frozen if frozen else Dataclass,), body)
        made.__layout__ = _Layout(made, defaults, options)
        return made  # type: ignore[no-any-return]

    return make
