"""The object before loading: what generated ``…Spec``, ``…MapSpecs``, ``…ProgramSpecs`` derive from.

In: an ``ObjectSpec``.  Out: typed views of it, to be changed and then loaded.  C names are found as
keys and, where a generated class declares them, as attributes.  ``TypedSpec`` itself declares no
``maps`` and ``programs``: the generated classes do, with their own types, and a checker would not
let them narrow an attribute.
"""

from __future__ import annotations

import os
import sys

from ..light import TYPE_CHECKING, Generic, Iterable, Iterator, Mapping, TypeVar
from ..spec import MapSpec, ObjectSpec, ProgramSpec

if TYPE_CHECKING:
    from typing import ClassVar, Unpack

    from .core_types import KernelTypes
    from .externs.kconfig import Kconfig
    from .loaded import Loaded
    from .object import Object
    from .options import LoadOptions
    from .syscalls.fd import HasFileno
    from .variants import Variants

T = TypeVar("T")
ObjectT = TypeVar("ObjectT", bound="Object")


def missing(kind: str, name: str, names: Iterable[str]) -> str:
    """The sentence for a name that is not there."""
    return f"no {kind} {name!r}; there are: {', '.join(names) or 'none'}"


class _Specs(Generic[T]):
    """C names as attributes and as keys, over one dict of an ``ObjectSpec``."""

    #: Python name to C name, where they differ by more than a trailing underscore.
    __c_names__: ClassVar[Mapping[str, str]] = {}

    __specs: dict[str, T]
    __kind: str

    def __init__(self, specs: dict[str, T], kind: str) -> None:
        object.__setattr__(self, "_Specs__specs", specs)
        object.__setattr__(self, "_Specs__kind", kind)

    def __getitem__(self, name: str) -> T:
        try:
            return self.__specs[name]
        except KeyError:
            raise KeyError(missing(self.__kind, name, iter(self.__specs))) from None

    def __iter__(self) -> Iterator[str]:
        return iter(self.__specs)

    def __len__(self) -> int:
        return len(self.__specs)

    def __contains__(self, name: object) -> bool:
        return name in self.__specs

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self.__specs})

    def __repr__(self) -> str:
        return f"<{type(self).__name__}: {', '.join(self.__specs) or 'none'}>"

    if not TYPE_CHECKING:  # the checkers see the names of the generated subclass, and only those

        def __c_name(self, name: str) -> str:
            c_name = self.__c_names__.get(name, name)
            if c_name not in self.__specs and name.endswith("_"):
                c_name = name[:-1]
            # Python asks for many names like __x__; none of them ends with three underscores.
            special = name.startswith("__") and not name.endswith("___")
            if c_name not in self.__specs or special:
                raise AttributeError(
                    missing(self.__kind, name, iter(self.__specs)), name=name, obj=self
                )
            return c_name

        def __getattr__(self, name: str) -> T:
            if name in ("_Specs__specs", "_Specs__kind"):
                raise AttributeError(name)  # not there yet: it is being copied or unpickled
            return self.__specs[self.__c_name(name)]

        def __setattr__(self, name: str, value: T) -> None:
            self.__specs[self.__c_name(name)] = value


class MapSpecs(_Specs[MapSpec]):
    """The maps of an object before loading; change them freely."""

    def __init__(self, object_spec: ObjectSpec) -> None:
        super().__init__(object_spec.maps, "map")


class ProgramSpecs(_Specs[ProgramSpec]):
    """The programs of an object before loading; change them freely."""

    def __init__(self, object_spec: ObjectSpec) -> None:
        super().__init__(object_spec.programs, "program")


class TypedSpec(Generic[ObjectT]):
    """A typed view of an ``ObjectSpec``: change it, then :meth:`load` it, as often as you like.

    A subclass names its object class as ``TypedSpec["Opensnoop"]``; that name is looked up in the
    subclass's module when the first object is loaded.
    """

    #: The description itself.
    object_spec: ObjectSpec

    def __init__(self, object_spec: ObjectSpec, variants: Variants | None = None) -> None:
        self.object_spec = object_spec
        self.__variants = variants

    def load(
        self,
        *,
        pin_path: str | os.PathLike[str] | None = None,
        kernel_btf: KernelTypes | None = None,
        log_level: int | None = None,
        maps: Mapping[str, HasFileno] | None = None,
        kconfig: Kconfig | None = None,
        targets: Mapping[str, HasFileno] | None = None,
        token: str | os.PathLike[str] | HasFileno | None = None,
    ) -> ObjectT:
        """Create the maps, fill the data, load the programs: all of it or nothing.

        *pin_path* is the directory on a bpf file system for maps that are pinned by name
        (``/sys/fs/bpf`` if not given).  *kernel_btf* is what CO-RE fix-ups ask: a file (raw BTF,
        also compressed, BTFHub's ``.btf.tar.xz``, a vmlinux), the bytes or the types, in the place
        of the running kernel's; or, for kernels without BTF of their own, a folder or archive to
        choose from: BTFHub's, or what ``bpf2py min-btf`` made of it, as a path or as
        ``importlib.resources`` gives it; or a dict of these for modules that do not show their BTF,
        by name (``vmlinux`` is the kernel).  *log_level*, a :class:`LogLevel` or several, is for
        every program: what is in its ``log``.  Not given, it is what each program's spec says.
        *maps* puts open maps in the place of those of that name.  *kconfig* goes before the running
        kernel's configuration for ``extern … __kconfig``: a path (plain or gzip), the text as
        ``bytes``, or a dict such as ``{"CONFIG_HZ": 250, "CONFIG_IPV6": "m", "CONFIG_BPF": True}``.
        *targets* gives, by program name, the BPF programs that ``fentry``, ``fexit`` (5.5) and
        ``freplace`` programs (5.6) are to be attached to; ``attach_to`` is a function in them.
        *token*, a :class:`Token` or the path of a bpf file system, is what lets this process load
        in a user namespace (6.9).  If not given, and the kernel refuses without, it is that of
        ``LIBBPF_BPF_TOKEN_PATH``, else of ``/sys/fs/bpf``; none for the empty text.

        Raises :class:`VerifierError` when the kernel refuses a program's instructions,
        :class:`OSError` for other refusals, :class:`RelocationError`, :class:`NotSupportedError`
        for an extern or a type of map or program that this kernel does not have,
        :class:`ValueError` for a spec that contradicts itself or this machine.

        Of a module with objects for several BPF CPU versions, the newest that this kernel knows
        is loaded, with what was changed here.
        """
        from .loader import load

        loaded = load(
            self._for_kernel(token),
            pin_path=pin_path,
            kernel_btf=kernel_btf,
            log_level=log_level,
            maps=maps,
            kconfig=kconfig,
            targets=targets,
            token=token,
        )
        return self.__object(loaded)

    def prepare(self, **options: Unpack[LoadOptions]) -> ObjectT:
        """Create and fill the maps, but load no program yet; options and errors as in :meth:`load`.

        Maps and variables are as after :meth:`load`; constants are constant already.  To be
        finished by :meth:`Object.load_programs`, or closed: then nothing stays.
        """
        from .loader import prepare

        return self.__object(prepare(self._for_kernel(options.get("token")), **options))

    def _for_kernel(self, token: str | os.PathLike[str] | HasFileno | None) -> ObjectSpec:
        """The description of what this kernel gets, of several."""
        variants, object_spec = self.__variants, self.object_spec
        if variants is None:
            return object_spec
        from .privileges import with_token

        return with_token(token, lambda: variants.for_kernel(object_spec))

    def __object(self, loaded: Loaded) -> ObjectT:
        try:
            return self.__object_class()(loaded)
        except BaseException:
            loaded.close()
            raise

    @classmethod
    def __object_class(cls) -> type[ObjectT]:
        for klass in cls.__mro__:
            for base in klass.__dict__.get("__orig_bases__", ()):
                if getattr(base, "__origin__", None) is not TypedSpec:
                    continue
                (argument,) = base.__args__
                if isinstance(argument, str):
                    argument = getattr(sys.modules[klass.__module__], argument)
                found: type[ObjectT] = argument
                return found
        raise TypeError(f'{cls.__qualname__} does not name its object: TypedSpec["…"]')

    def __repr__(self) -> str:
        spec = self.object_spec
        return (
            f"<{type(self).__name__} of {spec.name!r}, not loaded: {len(spec.maps)} maps, "
            f"{len(spec.programs)} programs>"
        )
