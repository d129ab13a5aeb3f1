"""What the run side needs of slow modules of the standard library, at a tenth of their price.

``typing`` imports ``re``, ``contextlib`` and ``functools``, and these ``collections`` and ``enum``:
together seven milliseconds of a start, a third of that of a small tool, for names that only type
checkers look at and a few lines of code.  To the checkers every name here is the standard's own; at
run time names for annotations are just there (``ClassVar``, ``Final`` and ``TypeAlias``
pyright wants from ``typing`` itself), and what does something does what the standard's
does, as far as its docstring says.
"""

from __future__ import annotations

#: Not the literal: jedi, which completes in many editors, would believe it.
TYPE_CHECKING = bool()  # noqa: UP018
if TYPE_CHECKING:
    from collections.abc import AsyncIterator as AsyncIterator
    from collections.abc import Callable as Callable
    from collections.abc import Collection as Collection
    from collections.abc import Container as Container
    from collections.abc import ItemsView as ItemsView
    from collections.abc import Iterable as Iterable
    from collections.abc import Iterator as Iterator
    from collections.abc import Mapping as Mapping
    from collections.abc import MutableMapping as MutableMapping
    from collections.abc import Sequence as Sequence
    from collections.abc import ValuesView as ValuesView
    from contextlib import ExitStack as ExitStack
    from contextlib import suppress as suppress
    from functools import cache as cache
    from functools import cached_property as cached_property
    from typing import Any as Any
    from typing import Generic as Generic
    from typing import Literal as Literal
    from typing import NamedTuple as NamedTuple
    from typing import Never as Never
    from typing import NoReturn as NoReturn
    from typing import Protocol as Protocol
    from typing import Self as Self
    from typing import TypeVar as TypeVar
    from typing import dataclass_transform as dataclass_transform
    from typing import overload as overload
else:
    _GenericAlias = type(list[int])

    class _Annotation:
        """A name that stands in annotations, with or without something in brackets."""

        def __class_getitem__(cls, _):
            return cls

    class _Generic:
        """A base that takes types in brackets and keeps them in ``__orig_bases__``."""

        __slots__ = ()
        __class_getitem__ = classmethod(_GenericAlias)

    class _Protocol(_Generic):
        """A base like any other: nobody asks ``isinstance``."""

        __slots__ = ()

    class _TypeVar:
        """A name for a type."""

        def __init__(self, name, *constraints, **options):
            self.__name__ = name

        def __repr__(self):
            return f"~{self.__name__}"

        def __or__(self, other):
            return self

        __ror__ = __or__

    def _overload(function):
        return function

    def _dataclass_transform(**options):
        return lambda decorator: decorator

    class _cached_property:
        """An attribute computed when first read."""

        def __init__(self, function):
            self.function = function
            self.__doc__ = function.__doc__

        def __set_name__(self, owner, name):
            self.name = name

        def __get__(self, instance, owner=None):
            if instance is None:
                return self
            value = instance.__dict__[self.name] = self.function(instance)
            return value

    def _cache(function):
        """Remember what a function of positional arguments gave; ``cache_clear`` forgets it."""
        known = {}

        def remembering(*arguments):
            try:
                return known[arguments]
            except KeyError:
                value = known[arguments] = function(*arguments)
                return value

        remembering.__doc__ = function.__doc__
        remembering.__name__ = function.__name__
        remembering.__qualname__ = function.__qualname__
        remembering.__module__ = function.__module__
        remembering.__wrapped__ = function
        remembering.cache_clear = known.clear
        return remembering

    class _suppress:
        """A ``with`` that some exceptions leave without being raised."""

        def __init__(self, *exceptions):
            self.exceptions = exceptions

        def __enter__(self):
            return None

        def __exit__(self, kind, error, traceback):
            return kind is not None and issubclass(kind, self.exceptions)

    class _ExitStack:
        """Callbacks and context managers that are called and left in reverse order, come what may."""

        def __init__(self):
            self._exits = []

        def callback(self, function, /, *arguments, **keywords):
            self._exits.append(lambda *_: function(*arguments, **keywords) and None)
            return function

        def enter_context(self, manager):
            value = manager.__enter__()
            self._exits.append(manager.__exit__)
            return value

        def pop_all(self):
            other = type(self)()
            other._exits, self._exits = self._exits, []
            return other

        def close(self):
            self.__exit__(None, None, None)

        def __enter__(self):
            return self

        def __exit__(self, kind, error, traceback):
            raised = error
            while self._exits:
                try:
                    if self._exits.pop()(kind, error, traceback):
                        kind = error = traceback = None
                except BaseException as another:
                    # Python has put the body's exception below it, which with nested statements
                    # would be what was raised last.
                    lowest = another
                    while lowest.__context__ not in (None, raised, error):
                        lowest = lowest.__context__
                    if another is not error and lowest is not error:
                        lowest.__context__ = error
                    kind, error, traceback = type(another), another, another.__traceback__
            if error is not None and error is not raised:
                context = error.__context__
                try:
                    raise error
                finally:
                    error.__context__ = context
            return raised is not None and error is None

    try:
        from _collections import _tuplegetter as _getter  # as collections.namedtuple does
    except ImportError:
        from operator import itemgetter as _itemgetter

        def _getter(place, doc):
            return property(_itemgetter(place), doc=doc)

    class _Tuples(type):
        """The class of ``NamedTuple`` and of what derives from it."""

        def __new__(meta, name, bases, body):
            if bases != (tuple,):
                names = tuple(body.get("__annotations__", ()))
                defaults = {each: body.pop(each) for each in names if each in body}
                known = {
                    "make": tuple.__new__,
                    "defaults": defaults,
                    "__name__": body["__module__"],
                }
                parameters = [f"{n}=defaults[{n!r}]" if n in defaults else n for n in names]
                head, items = ", ".join(["cls", *parameters]), "".join([f"{n}, " for n in names])
                exec(f"def __new__({head}): return make(cls, ({items}))", known)
                known["__new__"].__qualname__ = f"{body['__qualname__']}.__new__"
                body.update({each: _getter(place, None) for place, each in enumerate(names)})
                body.update(__slots__=(), __new__=known["__new__"], __match_args__=names)
                body.update(_fields=names, _field_defaults=defaults)
            return super().__new__(meta, name, bases, body)

    class _NamedTuple(tuple, metaclass=_Tuples):
        """A tuple whose items have names, made by a class statement."""

        __slots__ = ()

        @classmethod
        def _make(cls, values):
            made = tuple.__new__(cls, values)
            if len(made) != len(cls._fields):
                raise TypeError(f"{cls.__name__} has {len(cls._fields)} fields, not {len(made)}")
            return made

        def _replace(self, /, **changes):
            made = self._make(map(changes.pop, self._fields, self))
            if changes:
                raise ValueError(f"{type(self).__name__} has no fields {list(changes)}")
            return made

        __replace__ = _replace

        def _asdict(self):
            return dict(zip(self._fields, self, strict=True))

        def __repr__(self):
            pairs = [f"{name}={value!r}" for name, value in self._asdict().items()]
            return f"{type(self).__name__}({', '.join(pairs)})"

        def __getnewargs__(self):
            return tuple(self)

    _NAMES = {
        "ExitStack": _ExitStack,
        "Generic": _Generic,
        "NamedTuple": _NamedTuple,
        "Protocol": _Protocol,
        "TypeVar": _TypeVar,
        "cache": _cache,
        "cached_property": _cached_property,
        "dataclass_transform": _dataclass_transform,
        "overload": _overload,
        "suppress": _suppress,
    }
    for _name in ("Any", "Literal", "Never", "NoReturn", "Self"):
        _NAMES[_name] = _Annotation
    # Where collections.abc has them from; os has imported it, and this does not import collections.
    import _collections_abc

    for _name in _collections_abc.__all__:
        _NAMES[_name] = getattr(_collections_abc, _name)
    # In this way jedi sees no second definition of a name.
    globals().update(_NAMES)
