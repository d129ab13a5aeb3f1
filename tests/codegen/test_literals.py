"""Descriptions as source: evaluated again, they are equal."""

from __future__ import annotations

import enum
import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bpf2py import runtime, spec, uapi
from bpf2py.codegen import CodegenError, literals

TEXT = st.text(string.printable, max_size=12)
SIZES = st.integers(0, 1 << 40)
BYTES = st.binary(max_size=200) | st.integers(0, 300).map(bytes)
MAP_TYPES = st.sampled_from(list(uapi.MapType)) | st.integers(1000, 2000)

VARIABLES = st.builds(
    spec.VariableSpec,
    name=TEXT,
    offset=SIZES,
    size=SIZES,
    linkage=st.sampled_from(list(spec.Linkage)),
)
MAPS = st.builds(
    spec.MapSpec,
    name=TEXT,
    map_type=MAP_TYPES,
    flags=st.integers(0, 1 << 32).map(uapi.MapFlags),
    numa_node=st.none() | SIZES,
    pinning=st.sampled_from(list(spec.Pinning)),
    data=st.none() | BYTES.map(bytearray),
    inner=st.none() | st.builds(spec.MapSpec, name=TEXT, map_type=MAP_TYPES),
    variables=st.dictionaries(TEXT, VARIABLES, max_size=3),
)
PROGRAMS = st.builds(
    spec.ProgramSpec,
    name=TEXT,
    section=TEXT,
    prog_type=st.sampled_from(list(uapi.ProgType)) | st.just(999),
    attach_type=st.none() | st.sampled_from(list(uapi.AttachType)),
    insns=BYTES,
    map_relocations=st.lists(
        st.builds(spec.MapRelocation, insn=SIZES, map=TEXT, offset=st.none() | SIZES), max_size=3
    ).map(tuple),
    autoload=st.booleans(),
)


@given(
    st.builds(
        spec.ObjectSpec,
        name=TEXT,
        byte_order=st.sampled_from(["little", "big"]),
        maps=st.dictionaries(TEXT, MAPS, max_size=2),
        programs=st.dictionaries(TEXT, PROGRAMS, max_size=2),
        btf=BYTES,
        digest=TEXT,
    )
)
def test_a_description_evaluates_to_an_equal_one(value: spec.ObjectSpec) -> None:
    text = literals.expression(value)
    again = eval(text, {"runtime": runtime, "spec": spec, "uapi": uapi})
    assert again == value
    assert literals.expression(again) == text


def test_what_has_its_default_is_left_out_and_flags_are_named() -> None:
    row = spec.MapSpec(
        name="m", map_type=uapi.MapType.HASH, flags=uapi.MapFlags.NO_PREALLOC | 1 << 40
    )
    assert literals.expression(row) == (
        "spec.MapSpec(name='m', map_type=uapi.MapType.HASH, "
        "flags=uapi.MapFlags.NO_PREALLOC | uapi.MapFlags(0x10000000000))"
    )


def test_a_value_that_no_description_has_is_refused() -> None:
    class Foreign(enum.IntEnum):
        A = 1

    for value in (1.5, object(), Foreign.A):
        with pytest.raises(CodegenError, match="has no place in a description"):
            literals.expression(value)
