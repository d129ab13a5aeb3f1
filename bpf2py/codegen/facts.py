"""What a module says about its object, as plain facts that can be compared and read by people.

In: a :class:`ModuleModel`.  Out: :data:`Facts`, their digest, and sentences about what two of them
do not agree on.  The same facts are read from the text of a module in ``project/drift.py``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple, TypeAlias

from . import names
from .model import EnumModel, ModuleModel, StructModel, UnionModel


class Place(NamedTuple):
    """Where a member or variable is, in bytes, and its codec."""

    offset: int
    codec: str


class Code(NamedTuple):
    """What is only said to have changed: how much of it there is, in words, and its digest."""

    amount: str
    digest: str


Fact: TypeAlias = "Place | Code | int | str"

#: Per subject (``struct event``, ``map start``, ``variable .bss dropped``) what is said of it.
Facts: TypeAlias = "dict[str, dict[str, Fact]]"


def interface(model: ModuleModel) -> Facts:
    """What of *model* other processes can see: types, keys and values of maps, variables."""
    found: Facts = {}
    for each in model.types:
        said: dict[str, Fact] = dict(_type(each))
        found[subject(each.name, each.doc)] = said
    for row in model.maps:
        found[f"map {row.c_name}"] = {
            "class": row.class_name,
            "codecs": ", ".join(row.arguments[1:]),
            "key_size": row.key_size,
            "value_size": row.value_size,
        }
    for section in model.sections:
        for variable in section.variables:
            place = Place(variable.offset, variable.codec)
            found[f"variable {section.section} {variable.name}"] = {"": place}
    return found


def programs(model: ModuleModel) -> Facts:
    """The programs of *model*, and what kind each is."""
    return {f"program {row.c_name}": {"class": row.class_name} for row in model.programs}


def subject(name: str, doc: str) -> str:
    """What a class called *name* is called in C: the first thing its docstring says."""
    c_name = doc.split("``")[1] if doc.count("``") > 1 else ""
    usual = names.pascal_case(c_name.rpartition(" ")[2]) == name
    return c_name if usual else f"{c_name} ({name})".lstrip()


def digest(facts: Facts) -> str:
    """The sha256 of *facts*, whatever order they were found in."""
    lines = sorted(
        f"{what}\t{key}\t{fact}" for what, said in facts.items() for key, fact in said.items()
    )
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def differences(old: Facts, new: Facts) -> Iterator[str]:
    """A sentence for each thing that *new* says otherwise than *old*, in the order of *old*."""
    for what, before in old.items():
        after = new.get(what)
        if after is None:
            yield f"{what}: dropped"
        elif before != after:
            yield from (f"{what}: {change.lstrip()}" for change in _changes(before, after))
    for what in new:
        if what not in old:
            yield f"{what}: new"


def _type(model: EnumModel | StructModel | UnionModel) -> Iterator[tuple[str, Fact]]:
    if isinstance(model, EnumModel):
        if model.flags:  # no member can be called like that
            yield "class", "enum.IntFlag"
        yield from model.members
        return
    yield "size", model.size
    for name, offset, codec in model.layout:
        yield name, Place(offset, codec)


def _changes(old: Mapping[str, Fact], new: Mapping[str, Fact]) -> Iterator[str]:
    for key in {**old, **new}:
        before, after = old.get(key), new.get(key)
        if before == after:
            continue
        match before, after:
            case Place(offset=was), Place(offset=now):
                if was != now:
                    yield f"{key} moved from offset {was} to {now}"
                if before.codec != after.codec:
                    yield f"{key} was {before.codec}, is {after.codec}"
            case Code(amount=was), Code(amount=now):
                amount = was if was == now else f"{was} → {now}"
                yield f"{key} changed" + (f", {amount}" if amount else "")
            case None, Place(offset=now):
                yield f"{key} added at offset {now}"
            case Place(offset=was), None:
                yield f"{key} dropped, was at offset {was}"
            case None, _:
                yield f"{key} added, {after}"
            case _, None:
                yield f"{key} dropped, was {before}"
            case _:
                yield f"{key} {before} → {after}"
