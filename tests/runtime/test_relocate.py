"""Maps put into instructions: descriptors, places in values, and maps that are not there."""

from __future__ import annotations

import struct
import sys
from typing import NoReturn

import pytest

from bpf2py.asm import load_imm64
from bpf2py.runtime.maps.handle import MapHandle, NotCreated
from bpf2py.runtime.relocate import POISON_MAP, relocated
from bpf2py.runtime.syscalls.fd import FD
from bpf2py.runtime.verifier import rejection
from bpf2py.spec import MapRelocation, ProgramSpec
from bpf2py.uapi import MapType, ProgType
from tests.runtime.bpf_code import EXIT, code


class Map(MapHandle):
    """A map that is open as far as relocating is concerned."""

    __slots__ = ("data_offset", "number")

    def __init__(self, number: int, data_offset: int = 0) -> None:
        super().__init__(
            FD(-1), name="m", map_type=MapType.ARRAY, key_size=4, value_size=8, max_entries=1
        )
        self.number = number
        self.data_offset = data_offset

    def fileno(self) -> int:
        return self.number


def absent() -> NotCreated:
    return NotCreated(
        FD(-1), name="m", map_type=MapType.ARRAY, key_size=4, value_size=8, max_entries=1
    )


def never(*_: object) -> NoReturn:
    raise AssertionError("the kernel's types were asked for")


def program(offset: int | None) -> ProgramSpec:
    return ProgramSpec(
        name="p",
        section="socket",
        prog_type=ProgType.SOCKET_FILTER,
        insns=code(load_imm64(3, 0), EXIT),
        map_relocations=(MapRelocation(0, "m", offset),),
    )


def patched(offset: int | None, handle: MapHandle) -> tuple[int, ...]:
    """Opcode, registers and number of the first two instructions."""
    insns, outcomes = relocated(program(offset), {"first": absent(), "m": handle}, {}, never, never)
    assert outcomes == []
    assert insns[16:] == code(EXIT)
    first, second = struct.iter_unpack("=BBxxi", insns[:16])
    return (*first, *second)


REGISTER = 3 if sys.byteorder == "little" else 0x30
FD_, VALUE = (0x10, 0x20) if sys.byteorder == "little" else (1, 2)


@pytest.mark.parametrize(
    ("offset", "data_offset", "expected"),
    [
        (None, 0, (0x18, REGISTER | FD_, 77, 0, 0, 0)),
        (None, 4096, (0x18, REGISTER | FD_, 77, 0, 0, 0)),
        (0, 0, (0x18, REGISTER | VALUE, 77, 0, 0, 0)),
        (40, 0, (0x18, REGISTER | VALUE, 77, 0, 0, 40)),
        (40, 61440, (0x18, REGISTER | VALUE, 77, 0, 0, 61480)),
        # the last page of four gigabytes: the field has 32 bits, and no sign for the kernel
        (8, 0xFFFF_F000, (0x18, REGISTER | VALUE, 77, 0, 0, -4088)),
        (0, 1 << 31, (0x18, REGISTER | VALUE, 77, 0, 0, -(1 << 31))),
    ],
)
def test_a_map_or_a_place_in_it_is_written_into_the_load(
    offset: int | None, data_offset: int, expected: tuple[int, ...]
) -> None:
    assert patched(offset, Map(77, data_offset)) == expected


@pytest.mark.parametrize("offset", [None, 8])
def test_the_load_of_a_map_that_is_not_there_becomes_two_impossible_calls(
    offset: int | None,
) -> None:
    # number 1 of the object's maps; the bytes are those of libbpf's poison_map_ldimm64()
    assert POISON_MAP == 2001000000
    assert patched(offset, absent()) == (0x85, 0, 2001000001) * 2


@pytest.mark.parametrize("insn", [0, 1])
def test_the_verifiers_complaint_names_the_map(insn: int) -> None:
    log = f"{insn}: (85) call unknown#2001000001\ninvalid func unknown#2001000001\n"
    error = rejection(OSError(22, "Invalid argument"), log, program(None))
    assert error.reason == "map 'm' is used here, but was not created"
    assert error.kind == "map-not-created"
    assert "spec.maps['m'].autocreate = True" in str(error)


@pytest.mark.parametrize("number", [2001000000 - 1, 195896080, 2002000000])
def test_other_impossible_calls_are_not_taken_for_a_map(number: int) -> None:
    log = f"0: (85) call unknown#{number}\ninvalid func unknown#{number}\n"
    error = rejection(OSError(22, "Invalid argument"), log, program(None))
    assert error.kind != "map-not-created"
