"""``enum.IntEnum`` and ``enum.IntFlag`` for the kernel's constants: members made when asked for.

The standard ones cost every start two and a half milliseconds to import, with ``functools`` and
``collections``, and eight microseconds per member, for 300 members of which a load asks for ten.
In: a class statement whose body is names and numbers, and maybe a docstring, properties, methods.
Out: a class that is called, iterated, indexed, printed, pickled and compared like the standard's,
which is what the checkers take it for; ``tests/test_enums.py`` compares the two.  Only who asks
``isinstance(x, enum.Enum)`` is told no: these are ``int``, with ``name`` and ``value``.  Generated
modules have the standard's, for their enums are the user's.
"""

from __future__ import annotations

#: Not the literal: jedi, which completes in many editors, would believe it.
TYPE_CHECKING = bool()  # noqa: UP018
if TYPE_CHECKING:
    from enum import KEEP as KEEP
    from enum import IntEnum as IntEnum
    from enum import IntFlag as IntFlag
else:

    class _Meta(type):
        """The class of such classes: their members are attributes from when they are looked up."""

        def __new__(meta, name, bases, body, boundary=None):
            for base in bases:
                if getattr(base, "__numbers__", None):
                    raise TypeError(f"{name!r} cannot extend {base!r}")
            # Python 3.13 notes in a class at which line it begins: __firstlineno__.
            numbers = {
                each: value
                for each, value in body.items()
                if type(value) is int and not each.startswith("__")
            }
            for each in numbers:
                del body[each]
            body.setdefault("__doc__", None)
            cls = super().__new__(meta, name, bases, body)
            cls.__numbers__ = numbers
            cls.__names__ = None
            cls.__made__ = {}
            return cls

        def __init__(cls, name, bases, body, boundary=None):
            super().__init__(name, bases, body)

        def __getattr__(cls, name):
            number = cls.__numbers__.get(name)
            if number is None:
                raise AttributeError(f"type object {cls.__name__!r} has no attribute {name!r}")
            member = cls(number)
            super().__setattr__(name, member)
            return member

        def __setattr__(cls, name, value):
            if name in cls.__dict__.get("__numbers__", ()):
                raise AttributeError(f"cannot reassign member {name!r}")
            super().__setattr__(name, value)

        def __delattr__(cls, name):
            if name in cls.__numbers__:
                raise AttributeError(f"{cls.__name__!r} cannot delete member {name!r}.")
            super().__delattr__(name)

        def __call__(cls, value):
            try:
                member = cls.__made__.get(value)
            except TypeError:
                raise ValueError(f"{value!r} is not a valid {cls.__qualname__}") from None
            if member is None:
                member = cls.__missing__(value)
            return member

        def _names(cls):
            """The name of each number: the first of several."""
            names = cls.__names__
            if names is None:
                names = cls.__names__ = {}
                for name, number in cls.__numbers__.items():
                    names.setdefault(number, name)
            return names

        def _make(cls, number, name):
            member = int.__new__(cls, number)
            member._name_ = name
            return cls.__made__.setdefault(number, member)  # another thread may have been quicker

        @property
        def __members__(cls):
            return {name: cls(number) for name, number in cls.__numbers__.items()}

        def __getitem__(cls, name):
            return cls(cls.__numbers__[name])

        def __iter__(cls):
            return map(cls, filter(cls._is_listed, cls._names()))

        def __reversed__(cls):
            return reversed(list(cls))

        def __len__(cls):
            return sum(map(cls._is_listed, cls._names()))

        def __bool__(cls):
            return True

        def __contains__(cls, value):
            return isinstance(value, cls) or value in cls._names()

        def __dir__(cls):
            return [*super().__dir__(), *cls.__numbers__]

        def __repr__(cls):
            return f"<{cls.__kind__} {cls.__name__!r}>"

    class _IntEnum(int, metaclass=_Meta):
        """A number with a name."""

        __kind__ = "enum"

        @classmethod
        def __missing__(cls, value):
            name = cls._names().get(value)
            if name is None:
                raise ValueError(f"{value!r} is not a valid {cls.__qualname__}")
            return cls._make(int(value), name)

        @staticmethod
        def _is_listed(number):
            return True

        @property
        def name(self):
            return self._name_

        @property
        def value(self):
            return int(self)

        _value_ = value

        def __repr__(self):
            return f"<{type(self).__name__}.{self._name_}: {int(self)}>"

        __str__ = int.__repr__

        def __reduce_ex__(self, protocol):
            return type(self), (int(self),)

        def __copy__(self):
            return self

        def __deepcopy__(self, memo):
            return self

    class _IntFlag(_IntEnum):
        """Numbers with names, each a bit or several; a bit without a name is kept."""

        __kind__ = "flag"

        @classmethod
        def __missing__(cls, value):
            if not isinstance(value, int):
                raise ValueError(f"{value!r} is not a valid {cls.__qualname__}")
            value = int(value)
            if value < 0:
                bits = max(map(int.bit_length, [value, *cls._names()]))
                value += 1 << bits
                return cls(value)
            name = cls._names().get(value)
            if name is None:
                found = list(cls._bits(value))
                rest = value
                for number in found:
                    rest &= ~number
                parts = [cls._names()[number] for number in found]
                name = "|".join([*parts, str(rest)] if rest else parts) if parts else None
            return cls._make(value, name)

        @staticmethod
        def _is_listed(number):
            return number > 0 and number & (number - 1) == 0

        @classmethod
        def _bits(cls, value):
            """The named bits of *value*, lowest first."""
            names = cls._names()
            while value:
                bit = value & -value
                if bit in names:
                    yield bit
                value ^= bit

        def __iter__(self):
            return map(type(self), self._bits(int(self)))

        def __len__(self):
            return self.bit_count()

        def __contains__(self, other):
            return other & int(self) == other

        def __repr__(self):
            if self._name_ is None:
                return f"<{type(self).__name__}: {int(self)}>"
            return super().__repr__()

        def __or__(self, other):
            if not isinstance(other, int):
                return NotImplemented
            return type(self)(int(self) | int(other))

        def __and__(self, other):
            if not isinstance(other, int):
                return NotImplemented
            return type(self)(int(self) & int(other))

        def __xor__(self, other):
            if not isinstance(other, int):
                return NotImplemented
            return type(self)(int(self) ^ int(other))

        __ror__, __rand__, __rxor__ = __or__, __and__, __xor__

        def __invert__(self):
            return type(self)(~int(self))

    # In this way jedi sees no second definition of a name.  Flags without a name are always kept.
    globals().update(IntEnum=_IntEnum, IntFlag=_IntFlag, KEEP="keep")
