"""The 19 kinds of BTF as values: one frozen class each, and ``Type``, their closed union.

A reference to another type is its id in the same table; id 0 is ``void``.  Names and numbers are
those of <linux/btf.h>.  Sizes are bytes, except where a name says bits.
"""

from __future__ import annotations

from ..light import TYPE_CHECKING
from ..records import dataclass
from ..uapi import BTFKind

if TYPE_CHECKING:
    from typing import ClassVar, TypeAlias


@dataclass(slots=True, frozen=True)
class Void:
    """Type id 0."""

    kind: ClassVar[BTFKind] = BTFKind.UNKN
    name: ClassVar[str] = "void"


@dataclass(slots=True, frozen=True)
class Int:
    """An integer; ``bits`` and ``bit_offset`` differ from the whole only in bitfields of old compilers."""

    kind: ClassVar[BTFKind] = BTFKind.INT
    name: str
    size: int
    bits: int
    bit_offset: int = 0
    signed: bool = False
    char: bool = False
    boolean: bool = False


@dataclass(slots=True, frozen=True)
class Ptr:
    """A pointer: 8 bytes in BPF."""

    kind: ClassVar[BTFKind] = BTFKind.PTR
    name: ClassVar[str] = ""
    target: int


@dataclass(slots=True, frozen=True)
class Array:
    """An array of one dimension; more dimensions are arrays of arrays."""

    kind: ClassVar[BTFKind] = BTFKind.ARRAY
    name: ClassVar[str] = ""
    element: int
    index: int
    length: int


@dataclass(slots=True, frozen=True)
class Member:
    """One member of a struct or union; ``bit_size`` is 0 unless the member is a bitfield."""

    name: str
    target: int
    bit_offset: int
    bit_size: int = 0


@dataclass(slots=True, frozen=True)
class Struct:
    """A struct; an anonymous one has an empty name."""

    kind: ClassVar[BTFKind] = BTFKind.STRUCT
    name: str
    size: int
    members: tuple[Member, ...]
    kind_flag: bool = False


@dataclass(slots=True, frozen=True)
class Union:
    """A union; every member lies at offset 0."""

    kind: ClassVar[BTFKind] = BTFKind.UNION
    name: str
    size: int
    members: tuple[Member, ...]
    kind_flag: bool = False


@dataclass(slots=True, frozen=True)
class Enumerator:
    """One named value of an enum; negative only if the enum is signed."""

    name: str
    value: int


@dataclass(slots=True, frozen=True)
class Enum:
    """An enum of up to four bytes."""

    kind: ClassVar[BTFKind] = BTFKind.ENUM
    name: str
    size: int
    values: tuple[Enumerator, ...]
    signed: bool = False


@dataclass(slots=True, frozen=True)
class Fwd:
    """A struct or union that is declared and never defined here."""

    kind: ClassVar[BTFKind] = BTFKind.FWD
    name: str
    is_union: bool = False


@dataclass(slots=True, frozen=True)
class Typedef:
    kind: ClassVar[BTFKind] = BTFKind.TYPEDEF
    name: str
    target: int


@dataclass(slots=True, frozen=True)
class Volatile:
    kind: ClassVar[BTFKind] = BTFKind.VOLATILE
    name: ClassVar[str] = ""
    target: int


@dataclass(slots=True, frozen=True)
class Const:
    kind: ClassVar[BTFKind] = BTFKind.CONST
    name: ClassVar[str] = ""
    target: int


@dataclass(slots=True, frozen=True)
class Restrict:
    kind: ClassVar[BTFKind] = BTFKind.RESTRICT
    name: ClassVar[str] = ""
    target: int


@dataclass(slots=True, frozen=True)
class Func:
    """A function; ``target`` is its FuncProto, ``linkage`` as in ``bpf2py.spec.Linkage``."""

    kind: ClassVar[BTFKind] = BTFKind.FUNC
    name: str
    target: int
    linkage: int = 0


@dataclass(slots=True, frozen=True)
class Param:
    """A parameter; the last one of a variadic function has no name and type 0."""

    name: str
    target: int


@dataclass(slots=True, frozen=True)
class FuncProto:
    """A function's signature; ``target`` is what it returns."""

    kind: ClassVar[BTFKind] = BTFKind.FUNC_PROTO
    name: ClassVar[str] = ""
    target: int
    params: tuple[Param, ...] = ()


@dataclass(slots=True, frozen=True)
class Var:
    kind: ClassVar[BTFKind] = BTFKind.VAR
    name: str
    target: int
    linkage: int = 1


@dataclass(slots=True, frozen=True)
class SectionVar:
    """One entry of a Datasec: ``target`` is a Var, or a Func in ``.ksyms``."""

    target: int
    offset: int
    size: int


@dataclass(slots=True, frozen=True)
class Datasec:
    """A data section; clang leaves size and offsets zero, the ELF reader fills them in."""

    kind: ClassVar[BTFKind] = BTFKind.DATASEC
    name: str
    size: int
    variables: tuple[SectionVar, ...]


@dataclass(slots=True, frozen=True)
class Float:
    kind: ClassVar[BTFKind] = BTFKind.FLOAT
    name: str
    size: int


@dataclass(slots=True, frozen=True)
class DeclTag:
    """``btf_decl_tag("name")`` on ``target``; ``component`` is the member or parameter, -1 the whole."""

    kind: ClassVar[BTFKind] = BTFKind.DECL_TAG
    name: str
    target: int
    component: int = -1
    #: ``__attribute__((name))`` itself and not a tag (kind_flag, since 6.15).
    attribute: bool = False


@dataclass(slots=True, frozen=True)
class TypeTag:
    """``btf_type_tag("name")`` on a pointee."""

    kind: ClassVar[BTFKind] = BTFKind.TYPE_TAG
    name: str
    target: int
    #: ``__attribute__((name))`` itself and not a tag (kind_flag, since 6.15).
    attribute: bool = False


@dataclass(slots=True, frozen=True)
class Enum64:
    """An enum of eight bytes."""

    kind: ClassVar[BTFKind] = BTFKind.ENUM64
    name: str
    size: int
    values: tuple[Enumerator, ...]
    signed: bool = False


Type: TypeAlias = (
    Void
    | Int
    | Ptr
    | Array
    | Struct
    | Union
    | Enum
    | Fwd
    | Typedef
    | Volatile
    | Const
    | Restrict
    | Func
    | FuncProto
    | Var
    | Datasec
    | Float
    | DeclTag
    | TypeTag
    | Enum64
)

#: The kinds that only name or qualify another type.
Modifier: TypeAlias = Typedef | Volatile | Const | Restrict | TypeTag
