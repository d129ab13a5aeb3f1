"""Whatever owns something in the kernel: closed once, by hand or at the end of a ``with``."""

from __future__ import annotations

from ..light import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from types import TracebackType


T = TypeVar("T")  # not Self: jedi, which completes in many editors, does not know that


class Owner:
    """The ``with`` of every class that has a ``close()``."""

    __slots__ = ()

    def close(self) -> None:
        """Give up what is owned; a second call does nothing."""
        raise NotImplementedError

    def __enter__(self: T) -> T:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
