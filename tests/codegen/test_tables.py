"""The generator's tables name what the runtime provides; it may not import the runtime itself."""

from __future__ import annotations

import itertools

import pytest

from bpf2py import runtime
from bpf2py.codegen.tables import KERNEL_OWNED, MAP_CLASSES, Takes, map_class, program_class
from bpf2py.runtime import programs
from bpf2py.runtime.maps import kinds
from bpf2py.runtime.maps.handle import MapHandle
from bpf2py.runtime.syscalls.fd import FD
from bpf2py.uapi import AttachType, MapType, ProgType


@pytest.mark.parametrize("map_type", MapType)
def test_a_map_type_has_the_class_that_the_runtime_gives_it(map_type: MapType) -> None:
    row = map_class(map_type)
    if map_type in kinds.KEY_VALUE_CLASSES:
        assert (row.name, row.takes) == (
            kinds.KEY_VALUE_CLASSES[map_type].__name__,
            Takes.KEY_VALUE,
        )
    elif map_type in kinds.VALUE_CLASSES:
        assert (row.name, row.takes) == (kinds.VALUE_CLASSES[map_type].__name__, Takes.VALUE)
    else:
        assert map_type in MAP_CLASSES or row.name == "Map"
    with FD(-1) as fd:
        handle = MapHandle(fd, name="m", map_type=map_type, key_size=4, value_size=4, max_entries=1)
        assert type(kinds.untyped(handle)).__name__ == row.name
    assert row.name in runtime.__all__


def test_program_kinds_have_the_classes_that_the_runtime_gives_them() -> None:
    kinds: itertools.product[tuple[int, int | None]] = itertools.product(
        [*ProgType, 999], [None, *AttachType, 999]
    )
    for prog_type, attach_type in kinds:
        name = program_class(prog_type, attach_type)
        assert name == programs.program_class(prog_type, attach_type).__name__
        assert name in runtime.__all__


def test_what_the_kernel_owns_is_spelled_as_the_kernel_spells_it() -> None:
    assert all(name.startswith("bpf_") for name in KERNEL_OWNED)
