"""Objects of both byte orders on one machine: the same source gives the same values."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from bpf2py.codegen import generate
from bpf2py.elf import read_object_file
from bpf2py.runtime import codec

from .source import imported

FOLDER = Path(__file__).parents[2] / "generated_fixtures"
OTHER: Literal["little", "big"] = "big" if sys.byteorder == "little" else "little"


@pytest.fixture(scope="module")
def little() -> Any:
    return _module("types_initial.bpf.o")


@pytest.fixture(scope="module")
def big() -> Any:
    return _module("types_initial.eb.bpf.o")


def _module(name: str) -> Any:
    return imported(generate(read_object_file(FOLDER / name)), f"made_of_{name}")


@pytest.fixture
def other(little: Any, big: Any) -> Any:
    """The module for the kind of machine that this is not."""
    return big if OTHER == "big" else little


def spec(module: Any) -> Any:
    (name,) = (name for name in vars(module) if name.endswith("Spec") and hasattr(
        getattr(module, name), "load"))  # fmt: skip
    return getattr(module, name.removesuffix("Spec")).spec()


def flat(value: Any) -> Any:
    """Structs as dictionaries; unions left out, since they are bytes."""
    if dataclasses.is_dataclass(value):
        return {field.name: flat(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, list):
        return [flat(item) for item in value]
    return None if isinstance(value, codec.Union) else value


def test_variables_have_the_values_of_the_source_whatever_the_object_was_compiled_for(
    little: Any, big: Any
) -> None:
    one, two = spec(little), spec(big)
    assert one.object_spec.byte_order != two.object_spec.byte_order
    wanted = flat(one.rodata.constant)
    assert wanted["scalars"]["a_u32"] == 0xFEDCBA98
    assert flat(two.rodata.constant) == wanted
    assert flat(two.data.variable) == wanted


def test_members_of_unions_are_read_in_the_objects_byte_order(little: Any, big: Any) -> None:
    for module in (little, big):
        value = spec(module).rodata.constant
        assert value.v4.v4 == 0x7F000001
        assert value.v6.v6.high == 0x20010DB8 << 32
        assert value.v6.named.halves == [0x1111, 0x2222]
        assert value.local.path == "/run/some.sock"
        assert value.arrays.words[1].whole == 0x11223344


def test_what_was_read_and_changed_is_stored_in_the_objects_byte_order(other: Any) -> None:
    typed = spec(other)
    before = bytes(typed.object_spec.maps[".data"].data)
    value = typed.data.variable
    typed.data.variable = value
    assert typed.object_spec.maps[".data"].data == before
    value.v4.v4 = 0x01020304
    value.bits_wide.mid = 5
    typed.data.variable = value
    assert typed.data.variable.v4.v4 == 0x01020304
    assert typed.data.variable.bits_wide.mid == 5
    changed = bytes(typed.object_spec.maps[".data"].data)
    assert (0x01020304).to_bytes(4, OTHER) in changed
    typed.data.variable = typed.rodata.constant
    assert typed.object_spec.maps[".data"].data == before


def test_a_union_made_here_does_not_go_into_an_object_of_the_other_byte_order(other: Any) -> None:
    typed = spec(other)
    value = typed.data.variable
    value.v4.named = other.Word(whole=7)
    with pytest.raises(
        TypeError, match=rf"variable\.v4\.named has {OTHER}-endian bytes, this Word"
    ):
        typed.data.variable = value


def test_bytes_of_another_machine_are_unpacked_and_packed_by_their_byte_order(little: Any) -> None:
    value = little.BitsPacked(lead=5, cross=0x89ABCDEF, plain=0xBEEF)
    data = codec.pack(value, byte_order=OTHER)
    assert data != codec.pack(value)
    assert codec.unpack(little.BitsPacked, data, byte_order=OTHER) == value
    assert codec.unpack(little.BitsPacked, codec.pack(value)) == value
    word = codec.unpack(little.Word, b"\1\2\3\4", byte_order=OTHER)
    assert word.whole == int.from_bytes(b"\1\2\3\4", OTHER)
    assert isinstance(word, little.Word)
    assert codec.pack(word) == b"\1\2\3\4"


def test_arrays_too_long_to_be_written_out_keep_the_byte_order() -> None:
    numbers = list(range(1000, 1100))
    layout = codec.Array(codec.U16, 100).in_byte_order("big")
    assert layout.pack(numbers) == b"".join(number.to_bytes(2, "big") for number in numbers)
    assert layout.unpack(layout.pack(numbers)) == numbers
    rest = codec.Rest(codec.Array(codec.S32, 40)).in_byte_order("big")
    assert rest.unpack(rest.pack([list(range(40))])) == [list(range(40))]
    assert rest.pack([[1] * 40])[:4] == b"\0\0\0\1"
    assert layout.in_byte_order("big") is layout
    assert codec.U16.in_byte_order("big").in_byte_order("little") is codec.U16.in_byte_order(
        "little"
    )
