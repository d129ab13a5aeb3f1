"""``@dataclass`` for the classes that every start of a tool has to make.

The standard one imports ``inspect`` and compiles half a dozen functions for each class: six
milliseconds before the first object is loaded, a quarter of a small tool's start.  This one makes
the same classes from functions that are there already, a little slower to call.  A class that uses
it imports them from ``dataclasses`` for the type checkers and from here at
run time.  Out: classes with slots, compared, printed, hashed and copied as the standard's, taken
by ``dataclasses.fields``, ``replace`` and ``asdict``.  Not here: what no such class needs
(inheritance, ClassVar, ``__post_init__``, and any option that is not below).
"""

from __future__ import annotations

import sys

TYPE_CHECKING = False  # as typing's, which is not needed for it
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn


class _Factory:
    """The default that is made anew for each instance."""

    __slots__ = ("make",)

    def __init__(self, make: Callable[[], Any]) -> None:
        self.make = make


def field(*, default_factory: Callable[[], Any]) -> Any:
    """As ``dataclasses.field``."""
    return _Factory(default_factory)


class _StandardFields:
    """``__dataclass_fields__``, made by the standard library when its functions ask for it."""

    def __get__(self, _: object, cls: type[_Record]) -> dict[str, Any]:
        import dataclasses

        def standard(name: str) -> Any:
            default = cls._defaults.get(name, dataclasses.MISSING)
            if isinstance(default, _Factory):
                return dataclasses.field(default_factory=default.make, kw_only=cls._kw_only)
            return dataclasses.field(default=default, kw_only=cls._kw_only)

        twin = dataclasses.make_dataclass(
            cls.__name__, [(name, cls.__annotations__[name], standard(name)) for name in cls._names]
        )
        return {each.name: each for each in dataclasses.fields(twin)}


class _Record:
    """What all classes made here have in common."""

    __slots__ = ()
    __dataclass_fields__ = _StandardFields()
    _names: tuple[str, ...]
    _defaults: dict[str, Any]
    _kw_only: bool

    def __init__(self, *args: Any, **values: Any) -> None:
        cls = type(self)
        if args:
            if cls._kw_only or len(args) > len(cls._names):
                room = 0 if cls._kw_only else len(cls._names)
                raise TypeError(
                    f"{cls.__name__}() takes {room} positional arguments, {len(args)} were given"
                )
            for name, value in zip(cls._names, args, strict=False):
                if name in values:
                    raise TypeError(f"{cls.__name__}() got two values for {name!r}")
                values[name] = value
        put = object.__setattr__  # a frozen class has forbidden its own
        defaults = cls._defaults
        for name in cls._names:
            if name in values:
                value = values.pop(name)
            elif name in defaults:
                value = defaults[name]
                if isinstance(value, _Factory):
                    value = value.make()
            else:
                raise TypeError(f"{cls.__name__}() lacks the argument {name!r}")
            put(self, name, value)
        if values:
            raise TypeError(f"{cls.__name__}() has no argument {next(iter(values))!r}")

    def _values(self) -> tuple[Any, ...]:
        return tuple([getattr(self, name) for name in self._names])

    def __repr__(self) -> str:
        pairs = zip(self._names, self._values(), strict=True)
        return (
            f"{type(self).__qualname__}({', '.join(f'{name}={value!r}' for name, value in pairs)})"
        )

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return self._values() == other._values()

    def __reduce__(self) -> tuple[Any, ...]:
        return _restore, (type(self), self._values())


class _Frozen(_Record):
    __slots__ = ()

    def __setattr__(self, name: str, value: object) -> NoReturn:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> NoReturn:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __hash__(self) -> int:
        return hash(self._values())


def replace(record: Any, **changes: Any) -> Any:
    """As ``dataclasses.replace``."""
    return type(record)(**{**dict(zip(record._names, record._values(), strict=True)), **changes})


def _restore(cls: type[_Record], values: tuple[Any, ...]) -> _Record:
    """The inverse of ``__reduce__``: copying and pickling."""
    made = object.__new__(cls)
    for name, value in zip(cls._names, values, strict=True):
        object.__setattr__(made, name, value)
    return made


def dataclass(
    *, slots: bool, frozen: bool = False, kw_only: bool = False
) -> Callable[[type], type]:
    """As ``dataclasses.dataclass``; *slots* is there to be spelled, and must be true."""
    if not slots:
        raise TypeError("classes made here have slots")

    def make(cls: type) -> type:
        names = tuple(map(sys.intern, cls.__annotations__))
        namespace = {
            key: value for key, value in vars(cls).items() if key not in ("__dict__", "__weakref__")
        }
        defaults = {name: namespace.pop(name) for name in names if name in namespace}
        if not frozen:
            namespace["__hash__"] = None  # as of all that is compared by value and changes
        namespace.update(
            __qualname__=cls.__qualname__,
            __slots__=names,
            __match_args__=() if kw_only else names,
            _names=names,
            _defaults=defaults,
            _kw_only=kw_only,
        )
        return type(cls.__name__, (_Frozen if frozen else _Record,), namespace)

    return make
