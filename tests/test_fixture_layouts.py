"""Generated layouts against the compiler's: no kernel needed.

``types_initial.bpf.c`` holds initialised variables, so its data sections are bytes that clang laid
out from the C source.  The generated classes must read those bytes as the constants of
``layout_oracle.py`` and write those constants as exactly those bytes, padding included.
"""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path

import pytest

from bpf2py.elf import read_object
from bpf2py.runtime import codec
from generated_fixtures import types_check_bpf, types_initial_bpf, types_structs_bpf
from tests import layout_oracle

FOLDER = Path(__file__).parents[1] / "generated_fixtures"


def initial_bytes(object_name: str, section: str, variable: str) -> bytes:
    """What the object file holds for a variable."""
    data = (FOLDER / f"{object_name}.bpf.o").read_bytes()
    map_spec = read_object(data, name=object_name).maps[section]
    assert map_spec.data is not None
    place = map_spec.variables[variable]
    return bytes(map_spec.data[place.offset : place.offset + place.size])


OBJECTS = {"little": ["types_initial", "types_initial.clang14"], "big": ["types_initial.eb"]}


@pytest.fixture(params=OBJECTS[sys.byteorder])
def compiled(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.mark.parametrize(("section", "variable"), [(".rodata", "constant"), (".data", "variable")])
def test_bytes_that_the_compiler_laid_out_are_read_member_by_member(
    compiled: str, section: str, variable: str
) -> None:
    data = initial_bytes(compiled, section, variable)
    read = codec.of(types_check_bpf.All).unpack(data)
    wanted = layout_oracle.everything()
    for field in dataclasses.fields(wanted):  # one by one: a failure names the member
        assert getattr(read, field.name) == getattr(wanted, field.name), field.name
    assert read == wanted


def test_a_value_is_written_as_the_very_bytes_of_the_compiler(compiled: str) -> None:
    data = initial_bytes(compiled, ".data", "variable")
    assert codec.of(types_check_bpf.All).pack(layout_oracle.everything()) == data
    key = initial_bytes(compiled, ".data", "key")
    assert codec.of(types_check_bpf.Key).pack(layout_oracle.key()) == key


def test_the_variables_of_a_spec_have_the_values_of_the_source() -> None:
    spec = types_initial_bpf.TypesInitial.spec()
    order = spec.object_spec.byte_order
    wanted = initial_bytes("types_initial", ".data", "variable")
    assert codec.pack(spec.rodata.constant, byte_order=order) == wanted
    assert codec.pack(spec.data.variable, byte_order=order) == wanted
    assert spec.data.key == types_initial_bpf.Key(
        kind=9, name="key", low=0xABC, high=0x12345,
        part=types_initial_bpf.Packed(a=1, b=0x02020202, c=0x0303030303030303, d=0x0404),
    )  # fmt: skip


def test_no_member_shares_bits_with_another() -> None:
    """Each plain member, set to all ones alone, changes bits that no other member changes."""
    pack = codec.of(types_check_bpf.BitsPacked).pack
    values = {"lead": 7, "cross": 2**32 - 1, "over": -1, "full": 2**64 - 1, "rest": 31}
    values["plain"] = 2**16 - 1
    alone = [
        int.from_bytes(pack(types_check_bpf.BitsPacked(**{name: value})), "little")
        for name, value in values.items()
    ]
    together = int.from_bytes(pack(types_check_bpf.BitsPacked(**values)), "little")
    assert sum(alone) == together
    assert [bits.bit_count() for bits in alone] == [3, 32, 40, 64, 5, 16]


@pytest.mark.parametrize("items", [[7], [7, 8, 9]])
def test_a_flexible_array_begins_where_c_says_not_behind_the_padding(items: list[int]) -> None:
    """``sizeof(struct message)`` is 8, ``items`` begins at 6."""
    of_message = codec.of(types_structs_bpf.Message)
    message = types_structs_bpf.Message(length=1, kind=2, items=items)
    data = of_message.pack(message)
    assert len(data) == 6 + 2 * len(items)
    assert of_message.unpack(data) == message
    assert data == b"".join(
        number.to_bytes(size, sys.byteorder)
        for number, size in [(1, 4), (2, 2), *((item, 2) for item in items)]
    )
