"""Syscall programs: they run when user space says so, on a context that user space hands over."""

from __future__ import annotations

from ...light import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar, overload
from ..codec import Codec, RestBytes
from .base import Program

if TYPE_CHECKING:
    from typing import ClassVar

    from .base import LoadedProgram

T = TypeVar("T")


class SyscallResult(NamedTuple, Generic[T]):
    """What a syscall program gave: its ``int``, and the context as it left it."""

    return_value: int
    context: T


class Syscall(Program, Generic[T]):
    """A program of ``SEC("syscall")`` (5.14): ``Syscall(loaded.program("x"), codec.of(Args))``.

    *T* is what its context points to, ``bytes`` without a codec.  There is nothing to attach to.
    """

    kind: ClassVar[str] = "syscall program"

    @overload
    def __init__(self: Syscall[bytes], loaded: LoadedProgram, context: None = None) -> None: ...
    @overload
    def __init__(self, loaded: LoadedProgram, context: Codec[T]) -> None: ...
    def __init__(self, loaded: LoadedProgram, context: Codec[Any] | None = None) -> None:
        super().__init__(loaded)
        self._context: Codec[Any] = RestBytes() if context is None else context

    def call(self, context: T | None = None) -> SyscallResult[T]:
        """Run the program once, now, on *context*; without one, on a context of zeros.

        The program may write into its context: what it left there comes back, *context* stays as
        it is.  Bytes are handed over as they are, at most 65535; left out, there are none.

        Raises :class:`OSError`: EINVAL when the context is shorter than what the program accesses.
        """
        codec = self._context
        done = self.run(ctx=bytes(codec.size) if context is None else codec.pack(context))
        value = done.return_value
        signed = value - (1 << 32) if value >> 31 else value
        return SyscallResult(signed, codec.unpack(done.context))
