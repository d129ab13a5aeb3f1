"""A BTF type as C writes it, for comments: ``__u32[4]``, ``struct start *``, ``void (*)(int)``.

In: a TypeTable, a type id, perhaps a name.  Out: one line of text that is safe in a comment and
in a docstring.  Not here: definitions with their members (``btf.c_format``).
"""

from __future__ import annotations

from ..btf import TypeTable
from ..btf.types import (
    Array,
    Const,
    Datasec,
    DeclTag,
    Enum,
    Enum64,
    Float,
    Func,
    FuncProto,
    Fwd,
    Int,
    Ptr,
    Restrict,
    Struct,
    Type,
    Typedef,
    TypeTag,
    Union,
    Var,
    Void,
    Volatile,
)
from .errors import CodegenError

#: Deeper than the kernel lets a type nest (``MAX_RESOLVE_DEPTH`` is 32).
MAX_DEPTH = 64
#: Parameters of parameters add up; C that people read stays below this.
MAX_LENGTH = 2000

_TAGS = {"Enum": "enum", "Enum64": "enum", "Struct": "struct", "Union": "union"}
_QUALIFIERS = {"Const": "const", "Volatile": "volatile", "Restrict": "restrict"}


def c_text(table: TypeTable, type_id: int, name: str = "") -> str:
    """The type as C, declaring *name* if one is given; :class:`CodegenError` if it never ends."""
    text = _declare(table, type_id, safe(name) if name else "", 0)
    if len(text) > MAX_LENGTH:
        raise CodegenError(f"type {type_id}: longer than {MAX_LENGTH} characters as C")
    return text


def tagged_name(typ: Struct | Union | Enum | Enum64 | Fwd) -> str:
    """``struct event``; without a name ``struct``."""
    tag = "union" if isinstance(typ, Fwd) and typ.is_union else _TAGS.get(type(typ).__name__)
    return f"{tag or 'struct'} {safe(typ.name)}".rstrip()


def safe(name: str) -> str:
    """*name*, if it can stand in a comment and a docstring: it may come from anybody's object."""
    if not name.isprintable() or '"' in name or "\\" in name:
        raise CodegenError(f"{name!r} is no name that C could have")
    return name


def _declare(table: TypeTable, type_id: int, inner: str, depth: int) -> str:
    if depth > MAX_DEPTH or len(inner) > MAX_LENGTH:
        raise CodegenError(f"type {type_id}: nested too deeply to write as C")
    typ = table[type_id]
    deeper = depth + 1
    match typ:
        case Void():
            return _join("void", inner)
        case Int(name=name) | Float(name=name) | Typedef(name=name):
            return _join(safe(name), inner)
        case Struct() | Union() | Enum() | Enum64() | Fwd():
            return _join(tagged_name(typ), inner)
        case Ptr(target=target):
            return _declare(table, target, _pointer(table, target, inner), deeper)
        case Array(element=element, length=length):
            return _declare(table, element, f"{inner}[{length}]", deeper)
        case Const(target=target) | Volatile(target=target) | Restrict(target=target):
            word = _QUALIFIERS[type(typ).__name__]
            if isinstance(_behind_qualifiers(table, target), Ptr):
                return _declare(table, target, f" {word} {inner}".rstrip(), deeper)
            return f"{word} {_declare(table, target, inner, deeper)}"
        case TypeTag(target=target):
            return _declare(table, target, inner, deeper)
        case FuncProto(target=target, params=params):
            texts = [
                _declare(table, param.target, "", deeper) if param.target or param.name else "..."
                for param in params
            ]
            return _declare(table, target, f"{inner}({', '.join(texts) or 'void'})", deeper)
        case Func() | Var() | Datasec() | DeclTag():
            raise CodegenError(f"type {type_id}: a {typ.kind.name} is no type of a value")


def _pointer(table: TypeTable, target: int, inner: str) -> str:
    grouped = isinstance(_behind_qualifiers(table, target), Array | FuncProto)
    return f"(*{inner})" if grouped else f"*{inner}"


def _behind_qualifiers(table: TypeTable, type_id: int) -> Type:
    """The type behind qualifiers and tags, but not behind typedefs."""
    for _ in range(MAX_DEPTH):
        typ = table[type_id]
        if not isinstance(typ, Const | Volatile | Restrict | TypeTag):
            return typ
        type_id = typ.target
    raise CodegenError(f"type {type_id}: nested too deeply to write as C")


def _join(base: str, inner: str) -> str:
    if not inner:
        return base
    return base + inner if inner[0] in "[ " else f"{base} {inner}"
