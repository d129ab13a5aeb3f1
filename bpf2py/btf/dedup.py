"""Each type once: what several compilations say twice becomes one type.

In: types whose ids start at 1, as of several objects one behind the other.  Out: fewer types in the
same order, and what became of each id.  Not here: variables and data sections, which are places and
not types; each stays.  Not here either: making blobs; names stand once in those anyhow.

Follows the published description of the algorithm of pahole and libbpf (Andrii Nakryiko, "BTF
deduplication and Linux kernel BTF", 2018).  Types that refer to nothing are equal if they say the
same.  Two structs are equal if everything that can be reached from them is: the graphs behind both
are walked side by side, a pair of types that was met before counts as equal, and whether that was
right is known at the end.  A declaration (``struct s;``) is taken for the struct of that name that
stands opposite, for all of its uses at once.  What is left, which cannot lead back to itself
except through a struct, is compared by the ids that its targets have become.

That pairs are remembered, and not one partner for each type, lets also those duplicates go that
stand within one compilation.  How many are looked at is limited; what is not looked at stays twice,
which is no less true.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import NamedTuple, TypeAlias

from . import types as t
from .errors import BTFError
from .references import references, renumbered

_COMPOSITES = (t.Struct, t.Union)
_PLACES = (t.Var, t.Datasec)
_Pair: TypeAlias = tuple[int, int]
#: Two copies of a kernel's BTF need a pair for every second type.  Who writes thousands of structs
#: that differ far from where they begin would keep others busy for minutes.
_PATIENCE, _PATIENCE_PER_TYPE = 500_000, 5
#: Pointers, typedefs and qualifiers that are looked through to tell structs apart.
_NEAR = 4


class Deduplicated(NamedTuple):
    """What ``dedup`` gives."""

    types: list[t.Type]
    ids: list[int]
    """By old id the new one; void, which is 0, stays."""


def dedup(types: Sequence[t.Type]) -> Deduplicated:
    """*types*, whose ids start at 1, without those that are there twice.

    Of equal types the first stays, and a struct before its declaration.  Raises ``BTFError`` for
    ids that are not there, and for types that lead back to themselves without a struct between.
    """
    return _Dedup(types).run()


class _Dedup:
    def __init__(self, types: Sequence[t.Type]) -> None:
        self._types: list[t.Type] = [t.Void(), *types]
        #: What each type has become; itself at first.  ``_found`` follows it to the end.
        self._became = list(range(len(self._types)))
        #: A number for each different ``_said`` of a type, and by type that number.
        self._numbers: dict[Hashable, int] = {}
        self._shapes: list[int] = [-1] * len(self._types)
        #: Pairs known not to be equal: chains of structs would be compared again and again.
        self._different: set[_Pair] = set()
        #: Pairs of types that may still be looked at.
        self._patience = _PATIENCE + _PATIENCE_PER_TYPE * len(types)
        for type_id, each in enumerate(self._types):
            for target in references(each):
                if not 0 <= target < len(self._types):
                    raise BTFError(
                        f"type {type_id} refers to type {target}, the highest id is {len(types)}"
                    )

    def run(self) -> Deduplicated:
        self._merge_leaves()
        self._merge_composites()
        self._resolve_declarations()
        self._merge_references()
        return self._compact()

    def _found(self, type_id: int) -> int:
        became = self._became
        while became[type_id] != type_id:
            became[type_id] = became[became[type_id]]
            type_id = became[type_id]
        return type_id

    def _shape(self, type_id: int) -> int:
        """A number for what the type says besides the types it refers to."""
        number = self._shapes[type_id]
        if number < 0:
            said = _said(self._types[type_id])
            number = self._shapes[type_id] = self._numbers.setdefault(said, len(self._numbers))
        return number

    # ---- types that refer to nothing ----

    def _merge_leaves(self) -> None:
        known: dict[Hashable, int] = {}
        enums: dict[Hashable, int] = {}
        declared: list[int] = []
        for type_id, each in enumerate(self._types):
            if isinstance(each, t.Int | t.Float | t.Fwd | t.Enum | t.Enum64):
                self._became[type_id] = known.setdefault(each, type_id)
            if isinstance(each, t.Enum | t.Enum64):
                if _is_declared(each):
                    declared.append(type_id)
                elif each.name:
                    enums.setdefault((each.name, each.size), type_id)
        for type_id in declared:
            each = self._types[type_id]
            assert isinstance(each, t.Enum | t.Enum64)
            self._became[type_id] = enums.get((each.name, each.size), self._became[type_id])

    # ---- structs and unions, with everything behind them ----

    def _merge_composites(self) -> None:
        known: dict[Hashable, list[int]] = {}
        for type_id, each in enumerate(self._types):
            if not isinstance(each, _COMPOSITES) or self._found(type_id) != type_id:
                continue
            surroundings = [self._seen(target) for target in references(each)]
            alike = known.setdefault((self._shape(type_id), *surroundings), [])
            for candidate in alike if self._patience > 0 else ():
                met = self._same(type_id, candidate)
                if met is not None:
                    self._merge(met)
                    break
            else:
                alike.append(type_id)

    def _seen(self, type_id: int) -> Hashable:
        """What can be told of a type from near by, the same for all that may be equal."""
        steps: list[Hashable] = []
        for _ in range(_NEAR):
            type_id = self._found(type_id)
            each = self._types[type_id]
            if isinstance(each, (*_COMPOSITES, t.Fwd)) and each.name:
                # a declaration may come to be the struct
                steps.append((_is_of_union(each), each.name))
                break
            steps.append(self._shape(type_id))
            targets = references(each)
            if isinstance(each, _COMPOSITES) or len(targets) != 1:
                break
            (type_id,) = targets
        return tuple(steps)

    def _same(self, one: int, other: int) -> list[_Pair] | None:
        """The pairs of types met on the way, if the two are equal."""
        types, found = self._types, self._found
        #: Declarations, and for which composite they stand if all of this is right.
        stands_for: dict[int, int] = {}
        #: By pair the one through which it was met.
        met: dict[_Pair, _Pair | None] = {}
        todo: list[tuple[int, int, _Pair | None]] = [(one, other, None)]
        while todo:
            self._patience -= 1
            a, b, through = todo.pop()
            a, b = found(a), found(b)
            a, b = stands_for.get(a, a), stands_for.get(b, b)
            if a == b or (a, b) in met:
                continue
            mine, theirs = types[a], types[b]
            if isinstance(mine, t.Fwd) or isinstance(theirs, t.Fwd):
                declaration, whole = (a, theirs) if isinstance(mine, t.Fwd) else (b, mine)
                if not _declares(types[declaration], whole):
                    return None
                stands_for[declaration] = b if declaration == a else a
                met[declaration, stands_for[declaration]] = through
            elif (a, b) in self._different or self._shape(a) != self._shape(b):
                # So is what they belong to, unless that hangs on what a declaration stood for.
                while through is not None and not stands_for:
                    self._different.add(through)
                    through = met[through]
                return None
            else:
                met[a, b] = through
                targets = zip(references(mine), references(theirs), strict=True)
                todo += [(x, y, (a, b)) for x, y in targets]
        return list(met)

    def _merge(self, pairs: list[_Pair]) -> None:
        """Make one of each pair of composites, and of a declaration what it stands for."""
        for a, b in pairs:
            a, b = self._found(a), self._found(b)
            mine, theirs = self._types[a], self._types[b]
            if isinstance(mine, t.Fwd) or isinstance(theirs, t.Fwd):
                gone, stays = (a, b) if isinstance(mine, t.Fwd) else (b, a)
                self._became[gone] = stays
            elif isinstance(mine, _COMPOSITES):
                self._became[max(a, b)] = min(a, b)

    # ---- declarations that stood opposite nothing ----

    def _resolve_declarations(self) -> None:
        """A declaration is the one struct of its name, if there is just one."""
        whole: dict[tuple[str, bool], set[int]] = {}
        for type_id, each in enumerate(self._types):
            if isinstance(each, _COMPOSITES) and each.name and self._found(type_id) == type_id:
                whole.setdefault((each.name, isinstance(each, t.Union)), set()).add(type_id)
        for type_id, each in enumerate(self._types):
            if isinstance(each, t.Fwd) and self._found(type_id) == type_id:
                candidates = whole.get((each.name, each.is_union), ())
                if len(candidates) == 1:
                    (self._became[type_id],) = candidates

    # ---- what only refers ----

    def _merge_references(self) -> None:
        """Pointers, qualifiers, arrays, prototypes and the like, targets before what names them."""
        types = self._types
        known: dict[Hashable, int] = {}
        done: set[int] = set()
        open_: set[int] = set()
        for first, each in enumerate(types):
            todo = [] if _stays_apart(each) else [first]
            while todo:
                type_id = todo[-1]
                if type_id in done:
                    todo.pop()
                    continue
                missing = [
                    target
                    for target in references(types[type_id])
                    if target not in done and not _stays_apart(types[target])
                ]
                if missing:
                    if type_id in open_:
                        raise BTFError(f"type {type_id} leads back to itself")
                    open_.add(type_id)
                    todo += missing
                    continue
                todo.pop()
                done.add(type_id)
                key = renumbered(types[type_id], self._found)
                self._became[type_id] = known.setdefault(key, type_id)

    def _compact(self) -> Deduplicated:
        ids = [0] * len(self._types)
        kept = [i for i in range(1, len(self._types)) if self._found(i) == i]
        for new, old in enumerate(kept, 1):
            ids[old] = new
        ids = [ids[self._found(old)] for old in range(len(self._types))]
        get: Callable[[int], int] = ids.__getitem__
        return Deduplicated([renumbered(self._types[old], get) for old in kept], ids)


def _is_declared(each: t.Type) -> bool:
    """Whether *each* is ``enum e;``, of which nothing but the name and size is known."""
    return isinstance(each, t.Enum | t.Enum64) and not each.values and bool(each.name)


def _is_of_union(each: t.Type) -> bool:
    return each.is_union if isinstance(each, t.Fwd) else isinstance(each, t.Union)


def _declares(declaration: t.Type, whole: t.Type) -> bool:
    """Whether *whole* can be what a ``struct s;`` or ``union u;`` speaks of."""
    assert isinstance(declaration, t.Fwd)
    return (
        isinstance(whole, _COMPOSITES)
        and _is_of_union(whole) == declaration.is_union
        and whole.name == declaration.name
    )


def _stays_apart(each: t.Type) -> bool:
    """Whether *each* is done already, or is a place: no target needs to be looked at."""
    if isinstance(each, (_COMPOSITES, _PLACES)):
        return True
    return not references(each)


def _said(each: t.Type) -> Hashable:
    """What *each* says besides the types it refers to; a place is like no other."""
    if isinstance(each, _PLACES):
        return id(each)
    return type(each), renumbered(each, _nothing)


def _nothing(_type_id: int) -> int:
    return 0
