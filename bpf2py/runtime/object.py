"""The object after loading, and the containers its parts live in.

In: a :class:`Loaded`, what the loader made.  Out: what generated modules derive from, and
:class:`DynamicObject` for whoever has only a spec.  Not here: how things reach the kernel
(loader.py).

Containers whose attributes are C names have no public methods, only dunders, so that no C name
can clash with one; ``container["c_name"]``, ``in``, ``len`` and iteration over C names work on all.
``Object`` itself does not declare ``maps`` and ``programs``: the generated classes do, with their
own types, and a checker would not let them narrow an attribute.
"""

from __future__ import annotations

import os

from ..light import (
    TYPE_CHECKING,
    Any,
    Callable,
    ExitStack,
    Generic,
    Iterable,
    Iterator,
    Mapping,
    TypeVar,
)
from ..records import replace
from ..spec import ObjectSpec
from ..uapi import MapType
from .errors import ClosedError
from .owner import Owner
from .typed_spec import missing

if TYPE_CHECKING:
    from typing import ClassVar, Unpack

    from ..uapi import AttachType, ProgFlags
    from .core_types import KernelTypes
    from .externs.kconfig import Kconfig
    from .links.base import Link
    from .loaded import Loaded
    from .maps.base import AnyMap
    from .options import LoadOptions
    from .programs.base import Program
    from .syscalls.fd import HasFileno

T = TypeVar("T")
P = TypeVar("P", bound="Program")


class _Parts(Generic[T]):
    """C names as attributes and as keys: what a generated subclass made, else what is made here."""

    __kind: str
    __names: tuple[str, ...]
    __make: Callable[[str], T]
    __made: dict[str, T]

    def __init__(self, kind: str, names: Iterable[str], make: Callable[[str], T]) -> None:
        # Past __setattr__ below, which takes every attribute for a map or a program.
        vars(self).update(
            _Parts__kind=kind, _Parts__names=tuple(names), _Parts__make=make, _Parts__made={}
        )

    def __setattr__(self, name: str, value: Any) -> None:
        # A generated subclass sets every typed map or program once; it carries its C name.
        self.__made[value.name] = value
        super().__setattr__(name, value)

    def __getitem__(self, name: str) -> T:
        made = self.__made.get(name)
        if made is None:
            if name not in self.__names:
                raise KeyError(missing(self.__kind, name, iter(self.__names)))
            made = self.__made[name] = self.__make(name)
        return made

    def __iter__(self) -> Iterator[str]:
        return iter(self.__names)

    def __len__(self) -> int:
        return len(self.__names)

    def __contains__(self, name: object) -> bool:
        return name in self.__names

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self.__names) or 'none'}>"

    if not TYPE_CHECKING:  # the checkers see the names of the generated subclass, and only those

        def __getattr__(self, name: str) -> T:
            if name.startswith("_Parts__"):
                raise AttributeError(name)  # a subclass that did not call __init__
            raise AttributeError(
                missing(self.__kind, name, iter(self.__names)), name=name, obj=self
            )


class Maps(_Parts[Any]):
    """The maps of a loaded object.

    A map that a generated class does not type is in the class of its kind, with ``bytes`` for keys
    and values (array maps: an ``int`` index); the checkers cannot know which, hence ``Any``.
    """

    def __init__(self, loaded: Loaded) -> None:
        def make(name: str) -> AnyMap:
            from .maps.kinds import untyped

            return untyped(loaded.map(name))

        super().__init__("map", loaded.maps, make)


class Programs(_Parts["Program"]):
    """The programs of a loaded object, each in the class of its kind."""

    def __init__(self, loaded: Loaded) -> None:
        def make(name: str) -> Program:
            from .programs import program

            return program(loaded.program(name))

        super().__init__("program", loaded.programs, make)


class Links(Owner, Mapping[str, "Link"]):
    """What :meth:`Object.attach` attached, by the C name of the program or struct_ops map.

    Leaving a ``with`` detaches it.
    """

    def __init__(self) -> None:
        self._links: dict[str, Link] = {}

    def __getitem__(self, name: str) -> Link:
        try:
            return self._links[name]
        except KeyError:
            raise KeyError(missing("link of program", name, iter(self._links))) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self._links)

    def __len__(self) -> int:
        return len(self._links)

    def take(self, links: Mapping[str, Link]) -> None:
        """Own these links, too."""
        self._links.update(links)

    def forget_closed(self) -> None:
        """Leave out the links that were closed one by one."""
        self._links = {name: link for name, link in self._links.items() if not link.closed}

    def close(self) -> None:
        """Close every link: programs come off their hooks, except where a link is pinned.

        The others come off even if one of them cannot; that is raised at the end.
        """
        if self._links:
            links, self._links = self._links, {}
            _close_all(links)

    def __repr__(self) -> str:
        return f"<Links: {', '.join(self._links) or 'none'}>"


def _close_all(links: Mapping[str, Link]) -> None:
    """Close them, the newest first, and go on if one cannot be closed."""
    with ExitStack() as stack:
        for link in links.values():
            stack.callback(link.close)


class Object(Owner):
    """An object in the kernel: its maps, its programs, and the links :meth:`attach` made.

    Close it or leave a ``with``: links, programs and maps go away unless something else (a pin,
    an attached program) holds them.
    """

    #: The digest of the types as C has them; see :func:`layout_digest`.
    __layout_digest__: ClassVar[str] = ""

    #: What :meth:`attach` attached and has not been closed.
    links: Links

    def __init__(self, loaded: Loaded) -> None:
        self._loaded = loaded
        self.links = Links()

    @property
    def name(self) -> str:
        """The object's name, from its file."""
        return self._loaded.spec.name

    def attach(self) -> Links:
        """Attach every program whose section name says where and whose ``autoattach`` is on, and
        register every struct_ops map likewise.

        All of them or none.  A program whose hook is not in its section name (``SEC("xdp")``) is
        left alone: attach it by hand.  Returns :attr:`links`; a ``with`` over it detaches again.
        A program that is attached already stays as it is.  Raises what the programs' ``attach``
        raises.
        """
        from .programs import program

        self._require_open()
        if self._loaded.rest is not None:
            raise ValueError(f"object {self.name!r} is only prepared: call load_programs() first")
        links = self.links
        links.forget_closed()
        fresh: dict[str, Link] = {}
        try:
            for name, loaded in self._loaded.programs.items():
                if name in links or not (loaded.spec.autoload and loaded.spec.autoattach):
                    continue
                link = program(loaded).auto_attach()
                if link is not None:
                    fresh[name] = link
            for name, spec in self._loaded.spec.maps.items():
                if spec.map_type == MapType.STRUCT_OPS and name not in links:
                    handle = self._loaded.map(name)
                    if handle.created and spec.autoattach:
                        from .maps.struct_ops import StructOps

                        fresh[name] = StructOps(handle).attach()
        except BaseException as exc:
            exc.add_note(f"{name!r} of object {self.name!r} was being attached")
            _close_all(fresh)
            raise
        links.take(fresh)
        return links

    def load_programs(self) -> None:
        """Load the programs of an object that was only prepared (:meth:`TypedSpec.prepare`).

        Raises as ``load()``; the object is closed then.  :class:`ValueError` if they are loaded.
        """
        self._require_open()
        rest = self._loaded.rest
        if rest is None:
            raise ValueError(f"the programs of object {self.name!r} are loaded already")
        try:
            rest()
        except BaseException:
            self.close()
            raise
        self._loaded.rest = None

    def clone(
        self,
        program: P,
        *,
        attach_to: str | None = None,
        attach_type: AttachType | int | None = None,
        flags: ProgFlags | int | None = None,
        ifindex: int | None = None,
        log_level: int | None = None,
        target: HasFileno | None = None,
    ) -> P:
        """Load *program*, one of this object, once more, over the same maps and otherwise as said.

        It is of the same class, and yours to close.  *target* is the BPF program that it is to be
        attached to; what is not given is as in its ``spec``.  Raises as ``load()``.
        """
        from ..uapi import ProgFlags
        from .loader import clone
        from .programs.base import is_of, like

        self._require_open()
        spec = program.spec
        if not is_of(program, self._loaded.programs.get(spec.name)):
            raise ValueError(f"{program!r} is none of object {self.name!r}")
        changed = replace(
            spec,
            attach_to=spec.attach_to if attach_to is None else attach_to,
            attach_type=spec.attach_type if attach_type is None else attach_type,
            flags=spec.flags if flags is None else ProgFlags(flags),
            ifindex=spec.ifindex if ifindex is None else ifindex,
            log_level=spec.log_level if log_level is None else log_level,
            autoload=True,
        )
        return like(program, clone(self._loaded, changed, target))

    def _require_open(self) -> None:
        if self._loaded.closed:
            raise ClosedError(f"object {self.name!r} is closed")

    @property
    def closed(self) -> bool:
        """Whether :meth:`close` was called."""
        return self._loaded.closed

    def close(self) -> None:
        """Detach, then close programs and maps; a second call does nothing."""
        try:
            self.links.close()
        finally:
            self._loaded.close()

    def __repr__(self) -> str:
        state = "closed" if self.closed else f"links: {', '.join(self.links) or 'none'}"
        return f"<{type(self).__name__} {self.name!r}, {state}>"


class DynamicObject(Object):
    """A loaded object without a generated class: ``maps["name"]`` in bytes, ``programs["name"]``."""

    maps: Maps
    programs: Programs

    def __init__(self, loaded: Loaded) -> None:
        super().__init__(loaded)
        self.maps = Maps(loaded)
        self.programs = Programs(loaded)


def load(
    object_spec: ObjectSpec,
    *,
    pin_path: str | os.PathLike[str] | None = None,
    kernel_btf: KernelTypes | None = None,
    log_level: int | None = None,
    maps: Mapping[str, HasFileno] | None = None,
    kconfig: Kconfig | None = None,
    targets: Mapping[str, HasFileno] | None = None,
    token: str | os.PathLike[str] | HasFileno | None = None,
) -> DynamicObject:
    """Load a description without a generated module; options as in :meth:`TypedSpec.load`."""
    from . import loader

    return DynamicObject(
        loader.load(
            object_spec,
            pin_path=pin_path,
            kernel_btf=kernel_btf,
            log_level=log_level,
            maps=maps,
            kconfig=kconfig,
            targets=targets,
            token=token,
        )
    )


def prepare(object_spec: ObjectSpec, **options: Unpack[LoadOptions]) -> DynamicObject:
    """Only the maps of a description, as in :meth:`TypedSpec.prepare`."""
    from . import loader

    return DynamicObject(loader.prepare(object_spec, **options))
