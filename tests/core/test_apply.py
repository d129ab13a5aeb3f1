"""What a fix-up does to an instruction's bytes."""

from __future__ import annotations

import pytest

from bpf2py.btf.core_apply import POISON_HELPER, apply
from bpf2py.btf.core_errors import Unanswerable
from bpf2py.btf.core_fixup import Fixup
from bpf2py.btf.header import ByteOrder

from .tables import insn, wide_insn

ORDERS: tuple[ByteOrder, ...] = ("little", "big")
MOV, ADD, MOV32, MOV_REG = 0xB7, 0x07, 0xB4, 0xBF
LDXW, LDXDW, LDXB, LDXH, STXW, STDW, LDSXW = 0x61, 0x79, 0x71, 0x69, 0x63, 0x7A, 0x81
CALL, LD_ABS = 0x85, 0x20


def poison(order: ByteOrder) -> bytes:
    return bytes(insn(CALL, regs=0, imm=POISON_HELPER, order=order))


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("opcode", [MOV, ADD, MOV32])
def test_the_number_of_an_arithmetic_instruction_is_replaced(opcode: int, order: ByteOrder) -> None:
    code = insn(opcode, regs=0x05, off=7, imm=12, order=order)
    assert apply(code, 0, Fixup(12, 345), order) == ""
    assert code == insn(opcode, regs=0x05, off=7, imm=345, order=order)


@pytest.mark.parametrize("order", ORDERS)
def test_a_large_number_is_cut_to_32_bits(order: ByteOrder) -> None:
    code = insn(MOV, imm=-1, order=order)
    apply(code, 0, Fixup(2**64 - 1, 2**64 - 2), order)
    assert code == insn(MOV, imm=-2, order=order)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("opcode", [LDXW, LDXDW, LDXB, LDXH, STXW, STDW, LDSXW])
def test_the_offset_of_a_load_or_store_is_replaced(opcode: int, order: ByteOrder) -> None:
    code = insn(opcode, off=4, imm=9, order=order)
    assert apply(code, 0, Fixup(4, 32767), order) == ""
    assert code == insn(opcode, off=32767, imm=9, order=order)


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("before", "after", "old", "new"),
    [
        (LDXW, LDXDW, 4, 8),
        (LDXDW, LDXW, 8, 4),
        (LDXB, LDXH, 1, 2),
        (STXW, 0x73, 4, 1),
        (STDW, 0x62, 8, 4),
    ],
)
def test_the_size_of_an_access_follows_the_field(
    before: int, after: int, old: int, new: int, order: ByteOrder
) -> None:
    code = insn(before, off=4, order=order)
    apply(code, 0, Fixup(4, 16, original_size=old, target_size=new), order)
    assert code == insn(after, off=16, order=order)


@pytest.mark.parametrize("order", ORDERS)
def test_an_access_that_cannot_be_resized_is_poisoned(order: ByteOrder) -> None:
    fixup = Fixup(4, 16, original_size=4, target_size=8, resizable=False)
    code = insn(LDXW, off=4, order=order)
    assert "only pointers and unsigned integers" in apply(code, 0, fixup, order)
    assert code == poison(order)


def test_an_offset_that_is_only_added_needs_no_size() -> None:
    code = insn(ADD, imm=4)
    assert (
        apply(code, 0, Fixup(4, 16, original_size=4, target_size=8, resizable=False), "little")
        == ""
    )
    assert code == insn(ADD, imm=16)


@pytest.mark.parametrize("order", ORDERS)
def test_a_load_of_64_bits_takes_both_halves(order: ByteOrder) -> None:
    code = wide_insn(2**63 + 5, order)
    apply(code, 0, Fixup(2**63 + 5, 2**40 + 3), order)
    assert code == wide_insn(2**40 + 3, order)


@pytest.mark.parametrize("order", ORDERS)
def test_poison_is_the_call_that_libbpf_writes(order: ByteOrder) -> None:
    assert POISON_HELPER == 0xBAD2310
    code = insn(LDXW, off=4, order=order) + insn(MOV, order=order)
    apply(code, 0, Fixup(4, None), order)
    assert code == poison(order) + insn(MOV, order=order)


@pytest.mark.parametrize("order", ORDERS)
def test_both_halves_of_a_load_of_64_bits_are_poisoned(order: ByteOrder) -> None:
    code = insn(MOV, order=order) + wide_insn(7, order) + insn(MOV, order=order)
    apply(code, 1, Fixup(7, None), order)
    assert code == insn(MOV, order=order) + poison(order) * 2 + insn(MOV, order=order)


def test_an_unsigned_enum_stays_as_the_compiler_extended_it() -> None:
    fixup = Fixup(0xFFFFFFFF80000000, 0xFFFFFFFFC0000000, either_sign=True)
    for found, expected in (
        (0x80000000, 0xC0000000),
        (0xFFFFFFFF80000000, 0xFFFFFFFFC0000000),
    ):
        code = wide_insn(found)
        apply(code, 0, fixup, "little")
        assert code == wide_insn(expected)


def test_what_is_not_validated_may_be_anything() -> None:
    code = insn(MOV, imm=99)
    apply(code, 0, Fixup(1, 2, validate=False), "little")
    assert code == insn(MOV, imm=2)


REFUSED: dict[str, tuple[bytearray, int, Fixup, str]] = {
    "another number": (insn(MOV, imm=13), 0, Fixup(12, 3), "has 13 where 12 was expected"),
    "another offset": (insn(LDXW, off=13), 0, Fixup(12, 3), "has 13 where 12 was expected"),
    "another wide number": (wide_insn(13), 0, Fixup(12, 3), "has 13 where 12 was expected"),
    "a register": (insn(MOV_REG), 0, Fixup(0, 3), "takes a register"),
    "an offset too large": (insn(LDXW, off=4), 0, Fixup(4, 32768), "32768 does not fit"),
    "an access of another size": (
        insn(LDXB, off=4),
        0,
        Fixup(4, 8, original_size=4, target_size=8),
        "accesses 1 bytes of a field of 4",
    ),
    "a size no access has": (
        insn(LDXW, off=4),
        0,
        Fixup(4, 8, original_size=4, target_size=12),
        "no instruction accesses 12 bytes",
    ),
    "a call": (insn(CALL), 0, Fixup(0, 3), "opcode 0x85 cannot be relocated"),
    "an old load": (insn(LD_ABS), 0, Fixup(0, 3), "opcode 0x20 cannot be relocated"),
    "a wide load of a map": (
        insn(0x18, regs=0x11) + insn(0, regs=0),
        0,
        Fixup(0, 3),
        "unexpected form",
    ),
    "a wide load whose second half is something": (
        insn(0x18, regs=0x01) + insn(MOV),
        0,
        Fixup(0, 3),
        "unexpected form",
    ),
    "half a wide load": (insn(0x18, regs=0x01), 0, Fixup(0, 3), "second half"),
    "behind the end": (insn(MOV), 1, Fixup(0, 3), "has only 1 instructions"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_an_unexpected_instruction_is_refused_and_stays_as_it_is(case: str) -> None:
    code, at, fixup, message = REFUSED[case]
    before = bytes(code)
    with pytest.raises(Unanswerable, match=message):
        apply(code, at, fixup, "little")
    assert code == before
