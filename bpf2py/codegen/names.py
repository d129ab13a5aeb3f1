"""C names as Python names: the one rule.

**The rule.**  A C name is kept.  Where Python cannot have it, ``_`` is appended until it can:
``class`` becomes ``class_``, ``None`` becomes ``None_``.

Python cannot have a name that is

* a keyword (``lambda``; not a soft keyword: ``match`` and ``type`` stay);
* in use in that place already: by another C name, by the class itself (``self``; ``name`` and
  ``value`` in an enum), or by the module (``codec``; the name of a generated class);
* inside a class, one that starts with two underscores and does not end with three: Python would
  mangle it or give it a meaning (``__pad`` becomes ``__pad___``); in an enum also ``_x_``.

Names of built-in functions and types are not among these: a member ``list`` stays ``list``, and
the class says ``builtins.list`` where it means the type.

Names that need no change go first, so a C name never loses its own name to an escaped one.
Characters that Python has no place for (``.`` and ``$``) become ``_`` first, and a name that
starts with a digit gets a ``_`` in front.

**Classes.**  The parts of the C name between underscores, each with its first letter in upper
case: ``struct sock_key`` is ``SockKey``, ``enum xdp_action`` is ``XdpAction``.  A name without
any lower-case letter is read as words: ``TCP_STATE`` is ``TcpState``.  Where two different types
come to the same name, the second is ``SockKey_2``, the third ``SockKey_3``, in file order.

**Prefixes of enums** stay, unless the option says otherwise.  Then the members lose the words
(``TCP_``; a word ends behind an underscore) that all their names begin with, or, where they do not
agree, the enum's own name.  Of names that begin with two underscores nothing is asked.  Fewer words
go, down to none, where a member's rest would be in need of an ``_`` by the rule above, or would be
another member's name.

In: C names.  Out: Python identifiers.  Not here: which names meet in which place (describe.py).
"""

from __future__ import annotations

import itertools
import keyword
import unicodedata
from collections.abc import Iterable

from .errors import CodegenError

#: What ``enum.IntEnum`` has of its own, in any Python from 3.11 on.
ENUM_RESERVED = frozenset(
    [
        "as_integer_ratio",
        "bit_count",
        "bit_length",
        "conjugate",
        "denominator",
        "from_bytes",
        "imag",
        "is_integer",
        "mro",
        "name",
        "numerator",
        "real",
        "to_bytes",
        "value",
    ]
)

#: What the body of a generated dataclass or union itself needs.  The built-in names are not here:
#: a struct may well have a member ``bytes``, the class then says ``builtins.bytes``.
STRUCT_RESERVED = frozenset({"self", "builtins", "codec", "typing"})

#: The same of a union, and what its base keeps for itself.
UNION_RESERVED = STRUCT_RESERVED | {"_foreign", "_size", "_storage"}

#: What the body of a class of variables needs.
DATA_RESERVED = frozenset({"codec", "runtime"})

#: What the body of a class of maps or programs needs, and what its base keeps for itself.
CONTAINER_RESERVED = frozenset(
    ["spec"]
    + [f"_Specs__{name}" for name in ("c_name", "kind", "specs")]
    + [f"_Parts__{name}" for name in ("kind", "made", "make", "names")]
)

#: What a module itself binds and uses, apart from the classes.
MODULE_RESERVED = frozenset(
    {"annotations", "builtins", "codec", "enum", "runtime", "spec", "typing", "uapi"}
    | {"bool", "bytes", "bytearray", "classmethod", "float", "hash", "int", "list", "object"}
    | {"range", "str", "super"}
    | {"__name__", "_data", "_layout", "_object_spec", "_variants"}
)

#: Attributes that objects have of their own, before and after loading.
OBJECT_RESERVED = frozenset(
    [
        "attach",
        "close",
        "closed",
        "links",
        "load",
        "maps",
        "name",
        "object_spec",
        "programs",
        "spec",
        "struct_ops",
    ]
)


def identifier(c_name: str) -> str:
    """*c_name* with only characters of Python identifiers; :class:`CodegenError` if it is empty."""
    if not c_name:
        raise CodegenError("a name is missing where C has one")
    # Python normalises identifiers when it reads source, but not the strings in our tables
    text = unicodedata.normalize("NFKC", c_name)
    text = "".join(char if ("_" + char).isidentifier() else "_" for char in text)
    return text if text.isidentifier() else f"_{text}"


def pascal_case(c_name: str) -> str:
    """The class name for *c_name*, before anything is appended."""
    text = identifier(c_name)
    if text == text.upper():
        text = text.lower()
    joined = "".join(part[0].upper() + part[1:] for part in text.split("_") if part)
    joined = unicodedata.normalize("NFKC", joined)  # the upper case of one letter may be several
    return joined if joined.isidentifier() else f"_{joined}"


def assign(
    c_names: Iterable[str],
    *,
    reserved: Iterable[str] = (),
    where: str,
    enum_class: str | None = None,
) -> dict[str, str]:
    """A Python name for each of *c_names*, which meet in one class; see the rule above.

    ``where`` is the C path for errors.  With ``enum_class`` the rules for members of the enum of
    that (Python) name are added.
    """
    names = list(c_names)
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise CodegenError(f"{where}: two members are called {twice!r}")
    taken = set(reserved)
    if enum_class is not None:
        taken |= ENUM_RESERVED
    result: dict[str, str] = {}

    def usable(name: str) -> bool:
        return name not in taken and not _unusable(name, enum_class)

    later: list[str] = []
    for name in names:
        if identifier(name) == name and usable(name):
            result[name] = name
            taken.add(name)
        else:
            later.append(name)
    for name in later:
        candidate = identifier(name)
        while not usable(candidate):
            candidate += "_"
        result[name] = candidate
        taken.add(candidate)
    return {name: result[name] for name in names}


def without_prefix(c_names: Iterable[str], *, enum_name: str, enum_class: str) -> dict[str, str]:
    """What is left of the name of each member of an enum, its C name and Python name given; see
    the rule above.
    """
    names = list(c_names)
    asked = [name for name in names if not name.startswith("__")]
    prefix = ""
    if len(asked) > 1:  # what the first and the last in order share, all share
        pairs = zip(min(asked), max(asked), strict=False)
        prefix = "".join(a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], pairs))
    prefix = prefix[: prefix.rfind("_") + 1] or f"{enum_name}_"

    def rest(name: str) -> str:
        return name[len(prefix) :] if name.lower().startswith(prefix.lower()) else name

    while prefix.strip("_"):
        short = {name: rest(name) for name in names}
        usable = all(
            left == name or _needs_nothing(left, enum_class) for name, left in short.items()
        )
        if usable and len(set(short.values())) == len(names):
            return short
        prefix = prefix[: prefix.rstrip("_").rfind("_") + 1]
    return {name: name for name in names}


def _needs_nothing(name: str, enum_class: str) -> bool:
    """Whether a member of an enum can have that name as it is, and is not private by it."""
    return (
        name.isidentifier()
        and not name.startswith("_")
        and name not in ENUM_RESERVED
        and not _unusable(name, enum_class)
    )


def assign_classes(wanted: Iterable[str], *, reserved: Iterable[str]) -> list[str]:
    """Class names for types of different layout, in their order; ``wanted`` are natural names."""
    taken = set(reserved)
    result: list[str] = []
    for natural in wanted:
        base = natural
        while is_reserved(base) or base in set(reserved):
            base += "_"
        name, number = base, 1
        while name in taken:
            number += 1
            name = f"{base}_{number}"
        taken.add(name)
        result.append(name)
    return result


def is_reserved(name: str) -> bool:
    """Whether *name* is a keyword (``match`` and ``type``, which are soft ones, are not)."""
    return keyword.iskeyword(name)


def _unusable(name: str, enum_class: str | None) -> bool:
    if keyword.iskeyword(name):
        return True
    if name.startswith("__"):
        return not name.endswith("___")
    if enum_class is None or not name.startswith("_"):
        return False
    sunder = len(name) > 2 and name.endswith("_") and not name.endswith("__")
    private = name.startswith(f"_{enum_class}__") and not name.endswith("__")
    return sunder or private
