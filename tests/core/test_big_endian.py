"""Objects for big-endian machines, against a kernel's BTF that was turned around.

No libbpf here can relocate them, so they are compared with their little-endian twins: the same
source gives the same records in the same order, and all but bitfields the same numbers.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from bpf2py.btf import decode, encode
from bpf2py.btf.core import Outcome, Relocator
from bpf2py.btf.core_apply import POISON_HELPER
from bpf2py.btf.table import TypeTable
from bpf2py.elf import read_object_file
from bpf2py.uapi import CoreRelocationKind as Kind

from .trim import FOLDER, ROOT

OBJECTS = ("core_fields", "core_bitfields", "core_types", "core_enums")
KERNELS = sorted(FOLDER.glob("*.btf"))
#: The bits of a byte are counted from the other end.
BITFIELD_KINDS = {
    Kind.FIELD_BYTE_OFFSET,
    Kind.FIELD_BYTE_SIZE,
    Kind.FIELD_LSHIFT_U64,
}


def turned(table: TypeTable) -> TypeTable:
    """The same types in the other byte order."""
    return decode(encode([table[type_id] for type_id in table], byte_order="big"))


def outcomes(name: str, target: TypeTable) -> dict[str, tuple[list[Outcome], bytes]]:
    infix = ".eb" if target.byte_order == "big" else ""
    spec = read_object_file(ROOT / "generated_fixtures" / f"{name}{infix}.bpf.o")
    relocator = Relocator(decode(spec.btf), target)
    found = {}
    for each, program in spec.programs.items():
        insns = bytearray(program.insns)
        done = relocator.relocate(insns, program.core_relocations, program=each)
        found[each] = (done, bytes(insns))
    return found


def answers(outcomes: list[Outcome]) -> dict[str, int | None]:
    """What was asked to what came out; of what depends on the bits' order, only whether."""
    found: dict[str, int | None] = {}
    for outcome in outcomes:
        target = outcome.fixup.target
        if outcome.kind in BITFIELD_KINDS and not outcome.fixup.validate and target is not None:
            target = -1
        if outcome.kind != Kind.TYPE_ID_LOCAL:
            found[outcome.what()] = target
    return found


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda path: path.stem)
@pytest.mark.parametrize("name", OBJECTS)
def test_a_big_endian_object_gets_the_numbers_of_its_little_endian_twin(
    name: str, kernel: Path
) -> None:
    little_table = decode(kernel.read_bytes())
    little, big = outcomes(name, little_table), outcomes(name, turned(little_table))
    assert little.keys() == big.keys()
    compared = 0
    for program in little:
        ours, code = big[program]
        left, right = answers(ours), answers(little[program][0])
        # <bpf_core_read.h> reads bitfields in another way there, so a few records differ.
        both = left.keys() & right.keys()
        assert len(both) > 0.7 * len(right)
        assert {what: left[what] for what in both} == {what: right[what] for what in both}
        compared += len(both)
        for outcome in ours:
            at = 8 * outcome.insn
            if outcome.poisoned:
                assert code[at : at + 8] == b"\x85\0\0\0" + POISON_HELPER.to_bytes(4, "big")
    assert compared > 10


def test_shifts_of_bitfields_are_counted_from_the_other_end() -> None:
    """pkt_type: three bits, which a big-endian compiler lays out from the highest one."""
    little_table = decode(KERNELS[0].read_bytes())
    shifts = {}
    for target in (little_table, turned(little_table)):
        for outcome in outcomes("core_bitfields", target)["measure"][0]:
            if outcome.what() == "left shift for struct sk_buff.pkt_type":
                shifts[target.byte_order] = (outcome.fixup.original, outcome.fixup.target)
    # cloned:1, nohdr:1, then pkt_type:3 in the object; in the kernel pkt_type comes first.
    assert shifts == {"little": (59, 61), "big": (58, 56)}
