"""Symbols of several objects as those of one: which definition each global name has.

In: objects in order, and where their sections went.  Out: a :class:`Merged` per global name, and
for each object which symbol each of its own became.  Not here: types (``merge_btf``).

The rules are libbpf's (linker_append_elf_sym): of two definitions one must be weak, the strong one
wins, of two weak ones the first; a name stays weak only if every file says so; a name that one
file hides is hidden; and all files must agree on its type, to which maps' definitions belong.
What is static in a file stays its own, under whatever name.  Other than there, a strong definition
may lie in another section than the weak one that it replaces.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..btf.ext_info import ExtInfo
from ..btf.table import TypeTable
from ..btf.types import Datasec, Func, Var
from ..records import dataclass, field
from ..spec import Linkage
from .errors import ObjectError
from .maps import map_definition
from .reader import (
    JUMP_TABLES,
    SHN_LORESERVE,
    SHN_UNDEF,
    STB_GLOBAL,
    STB_LOCAL,
    STB_WEAK,
    STT_SECTION,
    STV_HIDDEN,
    ElfObject,
    Symbol,
)
from .same_type import Met, difference
from .writer import OutSection, OutSymbol

#: Where clang lists externs that are neither the kernel's nor its configuration's.
UNANNOTATED = ".extern"
MAPS = ".maps"

#: What two definitions of one map must have in common, besides the types.
_OF_MAPS = (
    "map_type",
    "key_size",
    "value_size",
    "max_entries",
    "flags",
    "numa_node",
    "map_extra",
    "pinning",
)
_TYPES_OF_MAPS = ("key_type_id", "value_type_id", "event_type_id")


@dataclass(slots=True)
class Input:
    """One object to be linked."""

    elf: ElfObject
    table: TypeTable | None
    ext: ExtInfo | None
    #: By section number, where its contents went; none for sections that are left out.
    places: dict[int, tuple[OutSection, int]] = field(
        default_factory=dict[int, tuple[OutSection, int]]
    )
    #: By symbol number, what the symbol became.
    symbols: dict[int, OutSymbol] = field(default_factory=dict[int, OutSymbol])

    __eq__ = object.__eq__
    __hash__ = object.__hash__


@dataclass(slots=True, frozen=True)
class Described:
    """What the BTF of one object says of a global name: its Var or Func, and the DATASEC it is in."""

    type_id: int
    section: str

    @property
    def annotation(self) -> str:
        """The section that the source names for an extern, if any."""
        return "" if self.section == UNANNOTATED else self.section


@dataclass(slots=True)
class Merged:
    """A global name: its symbol, and the object that defines it (or declared it first)."""

    out: OutSymbol
    origin: Input
    described: Described
    defined: bool
    #: Whether the definition cannot be replaced.  The symbol may be strong for a declaration's sake.
    strong: bool

    @property
    def section(self) -> str:
        """The section it lies in or, if it is extern, is said to; empty if that is nobody's."""
        return self.described.annotation if self.out.section is None else self.out.section.name


class SymbolMerger:
    """Adds one object after the other; ``out`` are the symbols, ``names`` the global ones."""

    def __init__(self) -> None:
        self.out: list[OutSymbol] = []
        self.names: dict[str, Merged] = {}
        self._sections: dict[OutSection, OutSymbol] = {}
        #: By two objects, what is known to be the same in both.
        self._met: dict[tuple[Input, Input], Met] = {}

    def add(self, each: Input) -> None:
        """Merge the symbols of *each*, whose sections have their places.

        Raises ``ObjectError``, which names both files where two disagree.
        """
        described = _described(each)
        for symbol in each.elf.symbols[1:]:
            place = each.places.get(symbol.section)
            if place is None and SHN_UNDEF < symbol.section < SHN_LORESERVE:
                continue  # of a section that is left out
            if symbol.bind not in (STB_LOCAL, STB_GLOBAL, STB_WEAK):
                raise each.elf.error(f"{each.elf.describe(symbol)} has binding {symbol.bind}")
            if symbol.visibility not in (0, STV_HIDDEN):
                raise each.elf.error(
                    f"{each.elf.describe(symbol)} has visibility {symbol.visibility}; only hidden"
                    " and default are known"
                )
            if place and symbol.value + symbol.size > each.elf.sections[symbol.section].size:
                raise each.elf.error(f"{each.elf.describe(symbol)} is not within its section")
            in_tables = place is not None and place[0].name == JUMP_TABLES
            if symbol.bind == STB_LOCAL or in_tables:
                # clang calls the tables of every file BPF.JT.0.0 and so on, and makes them global
                each.symbols[symbol.number] = self._local(symbol, place)
            else:
                each.symbols[symbol.number] = self._global(each, symbol, place, described)

    def _local(self, symbol: Symbol, place: tuple[OutSection, int] | None) -> OutSymbol:
        if symbol.kind != STT_SECTION or place is None:
            return self._new(symbol, place, STB_LOCAL)
        section, _ = place
        found = self._sections.get(section)
        if found is None:
            found = self._sections[section] = self._new(symbol, (section, 0), STB_LOCAL)
        return found

    def _new(self, symbol: Symbol, place: tuple[OutSection, int] | None, bind: int) -> OutSymbol:
        section, start = place or (None, 0)
        out = OutSymbol(
            name=symbol.name,
            kind=symbol.kind,
            bind=bind,
            visibility=symbol.visibility,
            value=start + symbol.value,
            size=symbol.size,
            section=section,
            special=symbol.section if section is None else SHN_UNDEF,
        )
        self.out.append(out)
        return out

    def _global(
        self,
        each: Input,
        symbol: Symbol,
        place: tuple[OutSection, int] | None,
        described: Mapping[str, Described],
    ) -> OutSymbol:
        here = described.get(symbol.name)
        if here is None:
            raise each.elf.error(
                f"the BTF does not describe the global symbol {symbol.name!r}, so nobody can tell"
                " whether the files agree on it; compile with -g"
            )
        defined = symbol.section != SHN_UNDEF
        strong = defined and symbol.bind != STB_WEAK
        known = self.names.get(symbol.name)
        if known is None:
            out = self._new(symbol, place, symbol.bind)
            self.names[symbol.name] = Merged(out, each, here, defined, strong)
            return out
        if strong and known.strong:
            raise ObjectError(
                f"{known.origin.elf.name} and {each.elf.name} both define {symbol.name!r}; make"
                " it static in one, or __weak"
            )
        met = self._met.setdefault((known.origin, each), set())
        _require_same(known, each, symbol.name, here, defined, place, met)
        out = known.out
        if symbol.bind == STB_GLOBAL:
            out.bind = STB_GLOBAL
        out.visibility = max(out.visibility, symbol.visibility)
        if strong or (defined and not known.defined):
            section, start = place or (None, 0)
            out.kind, out.size = symbol.kind, symbol.size
            out.section, out.value = section, start + symbol.value
            out.special = symbol.section if section is None else SHN_UNDEF
            known.origin, known.described = each, here
            known.defined, known.strong = True, strong
        return out


def _described(each: Input) -> dict[str, Described]:
    """What the BTF of *each* says of global and extern names."""
    table = each.table
    if table is None:
        return {}
    found: dict[str, Described] = {}
    sections: list[Datasec] = []
    for type_id in table:
        this = table[type_id]
        if isinstance(this, Datasec):
            sections.append(this)
        elif isinstance(this, Var | Func) and this.linkage != Linkage.STATIC:
            if this.name in found:
                raise each.elf.error(f"the BTF describes two global things called {this.name!r}")
            found[this.name] = Described(type_id, "")
    for section in sections:
        for row in section.variables:
            this = table[row.target]
            if isinstance(this, Var | Func) and this.linkage != Linkage.STATIC:
                found[this.name] = Described(row.target, section.name)
    return found


def _require_same(
    known: Merged,
    each: Input,
    name: str,
    here: Described,
    defined: bool,
    place: tuple[OutSection, int] | None,
    met: Met,
) -> None:
    """Refuse a name that two files understand differently."""
    files = f"{known.origin.elf.name} and {each.elf.name}"
    mine, theirs = known.origin.table, each.table
    assert mine is not None
    assert theirs is not None  # both are described
    my_section = known.section
    their_section = place[0].name if place else here.annotation
    # A strong definition may replace a weak one elsewhere; a declaration without a section may be
    # of anything.
    both = known.defined and defined
    if my_section and their_section and my_section != their_section and not both:
        raise ObjectError(
            f"{files} disagree about {name!r}: in one it lies in section {my_section!r}, in the"
            f" other in {their_section!r}"
        )
    if MAPS in (my_section, their_section):
        differs = _maps_differ(known, each, name, here, met)
    else:
        differs = difference(mine, known.described.type_id, theirs, here.type_id, met)
    if differs is not None:
        raise ObjectError(f"{files} disagree about {name!r}: {differs}")


def _maps_differ(known: Merged, each: Input, name: str, here: Described, met: Met) -> str | None:
    """How two definitions of one map differ; also an extern one must be complete."""
    mine, theirs = known.origin.table, each.table
    assert mine is not None
    assert theirs is not None
    one = map_definition(known.origin.elf, mine, name, mine.size_or_target(known.described.type_id))
    other = map_definition(each.elf, theirs, name, theirs.size_or_target(here.type_id))
    pairs = [("", one, other)]
    while pairs:
        prefix, a, b = pairs.pop()
        for attribute in _OF_MAPS:
            x, y = getattr(a, attribute), getattr(b, attribute)
            if x != y:
                return f"the map has {prefix}{attribute} {x!r} in one and {y!r} in the other"
        for attribute in _TYPES_OF_MAPS:
            x, y = getattr(a, attribute), getattr(b, attribute)
            what = prefix + attribute.removesuffix("_type_id")
            if bool(x) != bool(y):
                return f"the map has a type of {what} in one only"
            if x and (differs := difference(mine, x, theirs, y, met)) is not None:
                return f"in the type of the map's {what}, {differs}"
        if (a.inner is None) != (b.inner is None):
            return "the map has inner maps in one only"
        if a.inner is not None and b.inner is not None:
            pairs.append(("inner ", a.inner, b.inner))
    return None
