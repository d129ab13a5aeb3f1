"""What the loader made of a spec: the owner of every descriptor of a loaded object.

In: descriptors, from the loader.  Out: handles for the typed classes.  Whoever closes a
:class:`Loaded` closes everything in it; nothing else owns these descriptors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ..spec import ObjectSpec

if TYPE_CHECKING:
    from .maps.handle import MapHandle
    from .options import LoadOptions
    from .programs.base import LoadedProgram
    from .syscalls.fd import FD


class Loaded:
    """The maps and programs of one loaded object, by C name."""

    __slots__ = ("btf", "closed", "maps", "options", "programs", "rest", "spec", "undo")

    def __init__(
        self,
        spec: ObjectSpec,
        maps: dict[str, MapHandle],
        programs: dict[str, LoadedProgram],
        btf: FD | None,
    ) -> None:
        self.spec = spec
        self.maps = maps
        self.programs = programs
        #: The object's BTF in the kernel, None if it has none or the kernel refused it.
        self.btf = btf
        #: What it was loaded with, for programs that are loaded later.
        self.options: LoadOptions = {}
        #: Loads the programs of an object that is only prepared, or undoes what that took.
        self.rest: Callable[[], None] | None = None
        self.undo: Callable[[], None] | None = None
        self.closed = False

    def map(self, name: str) -> MapHandle:
        """The map of that C name; :class:`KeyError` names those there are."""
        try:
            return self.maps[name]
        except KeyError:
            raise KeyError(self._missing("map", name, self.maps)) from None

    def program(self, name: str) -> LoadedProgram:
        """The program of that C name; :class:`KeyError` names those there are."""
        try:
            return self.programs[name]
        except KeyError:
            raise KeyError(self._missing("program", name, self.programs)) from None

    def data(self, section: str) -> MapHandle:
        """The map behind a data section (``.bss``); :class:`KeyError` names those there are."""
        return self.map(section)

    def _missing(self, kind: str, name: str, names: Iterable[str]) -> str:
        there = ", ".join(names) or "none"
        return f"object {self.spec.name!r} has no {kind} {name!r}; there are: {there}"

    def close(self) -> None:
        """Close every descriptor; a second call does nothing."""
        if self.closed:
            return
        self.closed = True
        if self.undo is not None:
            self.undo()
        for program in self.programs.values():
            program.close()
        for handle in self.maps.values():
            handle.close()
        if self.btf is not None:
            self.btf.close()
