"""Unions: one storage of bytes, a typed view per member.

A union's value keeps the bytes and nothing else, so nothing is lost when a member is read that
was not the one written.  Reading a member unpacks it: a list or struct that comes out is a copy,
and changing the copy changes nothing.  Assigning to the member stores.
"""

from __future__ import annotations

from ...light import TYPE_CHECKING, Any, Generic, Self, TypeVar, overload
from .base import ByteOrder, Codec, Reader, T, Writer
from .record import register

if TYPE_CHECKING:
    from typing import ClassVar


U = TypeVar("U", bound="Union")


class Member(Generic[T]):
    """A union's member as an attribute."""

    __slots__ = ("codec", "name", "offset")

    def __init__(self, codec: Codec[T], offset: int = 0) -> None:
        self.codec = codec
        self.offset = offset
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: Union, owner: type) -> T: ...
    def __get__(self, instance: Union | None, owner: type) -> Self | T:
        if instance is None:
            return self
        return self.codec.unpack(instance._storage, self.offset)

    def __set__(self, instance: Union, value: T) -> None:
        codec = self.codec
        try:
            if codec.variable:
                data = codec.pack(value)
                room = len(instance._storage) - self.offset
                if len(data) > room:
                    raise ValueError(f"{codec.c_name} of {len(data)} bytes, room for {room}")
                instance._storage[self.offset : self.offset + len(data)] = data
            else:
                codec.pack_into(instance._storage, self.offset, value)
        except (ValueError, TypeError):
            codec.check(value, f"{type(instance).__name__}.{self.name}")
            raise


class Forward(Generic[T]):
    """A member of an anonymous union, as an attribute of the struct around it."""

    __slots__ = ("member", "union")

    def __init__(self, union: str, member: Member[T]) -> None:
        self.union = union
        self.member = member

    def __set_name__(self, owner: Any, name: str) -> None:
        owner.__late__ = _set_members

    @overload
    def __get__(self, instance: None, owner: type) -> Self: ...
    @overload
    def __get__(self, instance: object, owner: type) -> T: ...
    def __get__(self, instance: object | None, owner: type) -> Self | T:
        if instance is None:
            return self
        storage: Union = getattr(instance, self.union)
        member = self._theirs(storage) if storage._foreign else self.member
        return member.codec.unpack(storage._storage, member.offset)

    def __set__(self, instance: object, value: T) -> None:
        storage: Union = getattr(instance, self.union)
        member = self._theirs(storage) if storage._foreign else self.member
        member.__set__(storage, value)

    def _theirs(self, storage: Union) -> Member[T]:
        """A union from another machine's bytes has members of its own."""
        member: Member[T] = vars(type(storage))[self.member.name]
        return member


def _set_members(instance: Any, members: dict[str, Any]) -> None:
    """Keyword arguments of a struct that are members of its anonymous unions, in their order.

    They are written into copies of the unions: whoever gave one may go on to use it.
    """
    cls = type(instance)
    for name in members:
        if not isinstance(found := getattr(cls, name, None), Forward):
            raise TypeError(
                f"{cls.__name__}.__init__() got an unexpected keyword argument {name!r}"
            )
        setattr(instance, found.union, getattr(instance, found.union).__copy__())
    for name, value in members.items():
        setattr(instance, name, value)


def member(codec: Codec[T], offset: int = 0) -> Member[T]:
    """A view of a union's storage as *codec*, *offset* bytes into it."""
    return Member(codec, offset)


def forward(union: str, member: Member[T]) -> Forward[T]:
    """Make *member* of the union in attribute *union* reachable from the struct itself.

    ``v4 = codec.forward("union_8", PktUnion8.v4)`` in the struct's class body.
    """
    return Forward(union, member)


class Union:
    """Base of all unions.  Made from its bytes, from one member by keyword, or all zero.

    ``bytes(value)`` gives the storage; two unions are equal when class and bytes are.  Like all
    that is compared by value and changes, they have no hash, but for those that are a map's keys.
    """

    __slots__ = ("_storage",)
    if not TYPE_CHECKING:  # keys of maps have one of their own, which mypy allows over no None
        __hash__ = None

    _size: ClassVar[int] = 0
    #: Whether the bytes are in the other byte order than this machine's.
    _foreign: ClassVar[bool] = False
    _storage: bytearray

    def __init__(self, data: bytes | bytearray | memoryview = b"", /, **member: Any) -> None:
        size = self._size
        if len(data) > size:
            raise ValueError(f"{type(self).__name__} takes {size} bytes, {len(data)} were given")
        if member and (len(member) > 1 or data):
            raise TypeError(f"{type(self).__name__} takes its bytes or one member, not both")
        self._storage = bytearray(data).ljust(size, b"\0")
        for name, value in member.items():
            if not isinstance(getattr(type(self), name, None), Member):
                raise TypeError(f"{type(self).__name__} has no member {name!r}")
            setattr(self, name, value)

    def __bytes__(self) -> bytes:
        return bytes(self._storage)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Union) or type(other) is not type(self):
            return NotImplemented
        return self._storage == other._storage

    def __copy__(self) -> Self:
        return type(self)(self._storage)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({bytes(self._storage)!r})"


class UnionCodec(Codec[U], Generic[U]):
    """The codec of a class made with :func:`union`."""

    def __init__(self, cls: type[U], size: int) -> None:
        self.cls = cls
        self.size = size

    def in_byte_order(self, order: ByteOrder) -> Codec[U]:
        if order == self.order:
            return self
        other = self.__dict__.get("_other")
        if other is None:
            other = UnionCodec(_ordered(self.cls, order), self.size)
            other.order = order
            other._other, self._other = self, other
            register(other.cls, other)
        return other

    @property
    def c_name(self) -> str:
        return self.cls.__name__

    @property
    def root(self) -> str:
        return self.c_name

    def read(self, out: Reader) -> str:
        return f"{out.constant(self.cls)}({out.slot(f'{self.size}s', self.size)})"

    def write(self, out: Writer, value: str) -> None:
        out.slot(f"{self.size}s", self.size, f"{out.constant(self._storage)}({value})")

    def _storage(self, value: Any) -> bytearray:
        if type(value) is not self.cls:
            raise TypeError
        storage: bytearray = value._storage
        return storage

    def check(self, value: Any, path: str) -> None:
        if type(value) is self.cls:
            return
        other = self.__dict__.get("_other")
        if other is not None and type(value) is other.cls:
            raise TypeError(
                f"{path} has {self.order}-endian bytes, this {self.c_name} has {other.order}-endian "
                f"ones: read the union from there, change it, and assign it again"
            )
        raise TypeError(f"{path} takes {self.c_name}, not {type(value).__name__}")


def _ordered(cls: type[U], order: ByteOrder) -> type[U]:
    """A class like *cls* whose members are read in that order."""
    members: dict[str, Any] = {
        name: Member(value.codec.in_byte_order(order), value.offset)
        for name, value in vars(cls).items()
        if isinstance(value, Member)
    }
    names = {
        "__slots__": (),
        "_foreign": True,
        "__module__": cls.__module__,
        "__doc__": cls.__doc__,
    }
    return type(cls.__name__, (cls,), {**names, "__qualname__": cls.__qualname__, **members})


def union(cls: type[U], size: int) -> Codec[U]:
    """Register union class *cls*, *size* bytes of storage."""
    cls._size = size
    for name, value in vars(cls).items():
        if isinstance(value, Member) and value.offset + value.codec.size > size:
            raise ValueError(f"{cls.__name__}.{name} lies outside of the {size} bytes")
    codec = UnionCodec(cls, size)
    register(cls, codec)
    return codec
