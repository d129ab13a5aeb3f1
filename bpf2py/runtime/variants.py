"""One module, several objects of one source: which of them is for this machine and this kernel.

In: the variants that a generated module lists, for each machine from the oldest BPF CPU version to
the newest.  Out: a description.  The byte order and the architecture decide when a description is
made; the instructions that the kernel knows decide when it is loaded, because until then nothing
asks the kernel.  What the user changed in the description goes along.
"""

from __future__ import annotations

from ..light import TYPE_CHECKING, Any, Callable, NamedTuple
from ..spec import ObjectSpec
from . import machine

if TYPE_CHECKING:
    from ..spec import ByteOrder

#: Descriptions are records of this module.
_CONTRACT = ObjectSpec.__module__


class Variant(NamedTuple):
    """One object: what it was compiled for, and how it is described.

    ``arch`` is empty if it is for any; ``cpu`` is the version, ``needs`` are the families of
    instructions in it that not every kernel knows (:data:`bpf2py.asm.cpu.FAMILIES`).
    """

    byte_order: ByteOrder
    arch: str
    cpu: int
    needs: tuple[str, ...]
    describe: Callable[[], ObjectSpec]

    @property
    def name(self) -> str:
        """``little-endian x86 v3``."""
        return f"{self.byte_order}-endian {self.arch}".rstrip() + f" v{self.cpu}"

    @property
    def fits(self) -> bool:
        """Whether it is for this machine."""
        return machine.fits(self.byte_order, self.arch)


class Variants:
    """The variants of a module."""

    def __init__(self, *variants: Variant) -> None:
        self._all = variants
        own = [variant for variant in variants if variant.fits]
        #: Those for this architecture, or else those for any.
        self._own = [variant for variant in own if variant.arch] or own

    def object_spec(self) -> ObjectSpec:
        """The description for this machine that any kernel takes; the first if there is none.

        The latter can be looked at; loading it is refused.
        """
        return (self._own or self._all)[0].describe()

    def for_kernel(self, spec: ObjectSpec) -> ObjectSpec:
        """What to load for *spec*: the newest variant that this kernel knows every instruction of.

        *spec* is what :meth:`object_spec` gave, perhaps changed since.  A description from
        elsewhere is returned as it is.  :class:`ValueError` if no variant is for this machine.
        """
        if not self._own:
            names = ", ".join(variant.name for variant in self._all)
            raise ValueError(
                f"object {spec.name!r} is in this module for {names} machines, this one is "
                f"{machine.this()}: add a variant for it"
            )
        first, *newer = self._own
        best = next((variant for variant in reversed(newer) if _is_known(variant)), None)
        if best is None:
            return spec
        was = first.describe()
        changed: ObjectSpec = carried_over(spec, was, best.describe())
        return changed if spec.digest == was.digest else spec


def _is_known(variant: Variant) -> bool:
    from .features import knows_instructions

    try:
        return all(knows_instructions(family) for family in variant.needs)
    except PermissionError:
        return not variant.needs  # who may not try may not load: that error says what is missing


def carried_over(spec: Any, was: Any, other: Any) -> Any:
    """*other*, changed where *spec* differs from *was*, which all describe the same thing.

    What is neither a description nor a dict nor bytes is taken whole; bytes are taken one by one,
    so that a variable keeps the value it was given among others that begin with another.
    """
    if type(spec) is not type(other) or spec == was:
        return other if spec == was else spec
    slots: tuple[str, ...] = getattr(type(spec), "__slots__", ())
    if type(spec).__module__ == _CONTRACT and slots:
        for name in slots:
            value = carried_over(getattr(spec, name), getattr(was, name), getattr(other, name))
            setattr(other, name, value)
        return other
    if isinstance(spec, dict):
        changed: dict[str, Any] = spec
        return {
            key: carried_over(value, was[key], other[key]) if key in was and key in other else value
            for key, value in changed.items()
        }
    if isinstance(spec, bytearray) and len(spec) == len(was) == len(other):
        return bytearray(o if s == w else s for s, w, o in zip(spec, was, other, strict=True))
    return spec


def own_layout(*layouts: tuple[str, ...]) -> int:
    """Which of *layouts*, each the names of its machines, is this one's; 0 if none is.

    The last is for modules that are imported elsewhere, to be looked at.
    """
    order, _, arch = machine.this().partition(" ")
    for index, names in enumerate(layouts):
        if order in names or f"{order} {arch}" in names:
            return index
    return 0
