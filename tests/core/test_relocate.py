"""``Relocator.relocate``: whole programs, what it returns, and what it says when it cannot."""

from __future__ import annotations

import struct

import pytest

from bpf2py.btf import types as t
from bpf2py.btf.core import Record, Relocator, relocate
from bpf2py.btf.core_errors import RelocationError
from bpf2py.btf.header import ByteOrder
from bpf2py.btf.table import TypeTable
from bpf2py.uapi import CoreRelocationKind as Kind

from .tables import INT, access_offset, insn, relocator, struct_of, table, union_of

Types = tuple[t.Type, ...]
OFFSET, EXISTS, VALUE = Kind.FIELD_BYTE_OFFSET, Kind.FIELD_EXISTS, Kind.ENUMVAL_VALUE
MOV, LDXW, LDXDW = 0xB7, 0x61, 0x79

LOCAL: Types = (struct_of("s", 8, ("a", 2, 0), ("b", 2, 4)), INT)


def say(where: int) -> str:
    return f"prog.bpf.c:{10 + where}: x = s->b;"


@pytest.mark.parametrize("order", ["little", "big"])
def test_records_may_be_bytes_in_the_objects_byte_order(order: ByteOrder) -> None:
    target: Types = (INT, struct_of("s", 16, ("b", 1, 12)))
    engine, access = relocator(LOCAL, target, "0:1", order)
    code = insn(MOV, order=order) + insn(LDXW, off=4, order=order)
    raw = struct.pack("<4I" if order == "little" else ">4I", 1, 1, access, OFFSET)
    (outcome,) = engine.relocate(code, raw)
    assert code == insn(MOV, order=order) + insn(LDXW, off=12, order=order)
    assert (outcome.insn, outcome.kind, outcome.poisoned) == (1, OFFSET, False)
    assert repr(outcome) == "<Outcome: instruction 1, FIELD_BYTE_OFFSET: 4 -> 12>"


def test_records_cut_short_are_refused() -> None:
    engine, _ = relocator(LOCAL, LOCAL, "0:1")
    with pytest.raises(RelocationError, match="17 bytes of records are no multiple of 16"):
        engine.relocate(bytearray(8), bytes(17))


def test_one_program_can_be_relocated_without_an_engine() -> None:
    ours = table(*LOCAL, strings=("0:1",))
    access = access_offset(ours, LOCAL, "0:1")
    code = insn(MOV, imm=1)
    record = Record(0, 1, access, EXISTS)
    (outcome,) = relocate(code, [record], ours, table(INT), program="p")
    assert code == insn(MOV, imm=0)
    assert not outcome.poisoned


def test_another_byte_order_is_refused() -> None:
    with pytest.raises(RelocationError, match="object is big endian, the kernel's BTF little"):
        Relocator(table(INT, order="big"), table(INT))


def test_a_candidate_dropped_by_one_record_stays_dropped() -> None:
    """As in libbpf: the type that has ``a`` is the one meant when ``b`` is asked for."""
    both: Types = (INT, struct_of("s", 8, ("a", 1, 0)), struct_of("s", 8, ("b", 1, 4)))
    ours = table(*LOCAL, strings=("0:0", "0:1"))
    first = access_offset(ours, LOCAL, "0:0")
    second = first + 4
    engine = Relocator(ours, table(*both))
    code = insn(LDXW, off=0) + insn(LDXW, off=4)
    records = [Record(0, 1, first, OFFSET), Record(1, 1, second, OFFSET)]
    outcomes = engine.relocate(code, records)
    assert [outcome.poisoned for outcome in outcomes] == [False, True]


# ---- modules ----


def test_modules_are_asked_only_for_what_vmlinux_does_not_have() -> None:
    base = table(INT, struct_of("s", 16, ("b", 1, 12)))
    asked = []

    def modules() -> list[tuple[str, TypeTable]]:
        from bpf2py.btf import decode, encode

        asked.append(1)
        types: Types = (struct_of("s", 99, ("b", 1, 8)), struct_of("m", 99, ("b", 1, 40)))
        blob = encode(types, byte_order="little", base=base)
        return [("nf_tables", decode(blob, base=base))]

    for name, offset, questions in (("s", 12, 0), ("m", 40, 1)):
        local: Types = (struct_of(name, 8, ("a", 2, 0), ("b", 2, 4)), INT)
        ours = table(*local, strings=("0:1",))
        engine = Relocator(ours, base, modules=modules)
        code = insn(LDXW, off=4)
        access = access_offset(ours, local, "0:1")
        engine.relocate(code, [Record(0, 1, access, OFFSET)])
        assert code == insn(LDXW, off=offset)
        assert len(asked) == questions


# ---- what is said ----


def explain(
    local: Types, target: Types, access: str, kind: Kind = OFFSET, code: bytearray | None = None
) -> str:
    engine, offset = relocator(local, target, access)
    if code is None:
        found = engine.fixup(1, offset, kind)
        code = insn(LDXW if kind == OFFSET else MOV, off=found.original, imm=found.original)
    (outcome,) = engine.relocate(
        code, [Record(0, 1, offset, kind)], program="handle_exec", source=say
    )
    assert outcome.poisoned
    return outcome.describe()


def test_a_missing_member_is_explained_with_the_nearest_names() -> None:
    target: Types = (INT, struct_of("s", 16, ("a", 1, 0), ("bb", 1, 4), ("zz", 1, 8)))
    assert explain(LOCAL, target, "0:1") == (
        "program 'handle_exec', instruction 0: this kernel cannot tell the offset of struct s.b\n"
        "  at prog.bpf.c:10: x = s->b;\n"
        "  the kernel's struct s (type 2 of vmlinux) has no member 'b'; nearest: bb\n"
        "  if the program can do without, guard it with bpf_core_field_exists()"
    )


def test_every_candidate_is_explained() -> None:
    target: Types = (INT, struct_of("s", 16, ("a", 1, 0)), struct_of("s___2", 16, ("c", 1, 0)))
    text = explain(LOCAL, target, "0:1")
    assert "the kernel's struct s (type 2 of vmlinux) has no member 'b'" in text
    assert "the kernel's struct s___2 (type 3 of vmlinux) has no member 'b'" in text


def test_a_member_missing_inside_is_explained_with_the_struct_it_is_missing_in() -> None:
    local: Types = (struct_of("s", 8, ("in", 2, 4)), struct_of("t", 4, ("count", 3, 0)), INT)
    target: Types = (
        struct_of("s", 32, ("in", 2, 16)),
        union_of("other", 8, ("counter", 3), ("x", 3)),
        INT,
    )
    text = explain(local, target, "0:0:0")
    assert "offset of struct s.in.count" in text
    assert "has no member 'count' in union other; nearest: counter" in text


def test_a_member_of_another_kind_is_explained() -> None:
    target: Types = (t.Ptr(0), struct_of("s", 16, ("b", 1, 0)))
    assert (
        "has a member 'b' in struct s, but of another kind of type: a pointer, in the program int"
        in explain(LOCAL, target, "0:1")
    )
    target = (INT, union_of("u", 4, ("x", 1)), struct_of("s", 16, ("b", 2, 0)))
    assert "of another kind of type: union u, in the program int" in explain(LOCAL, target, "0:1")


def test_a_member_that_moved_into_another_is_found_there() -> None:
    target: Types = (
        INT,
        struct_of("deep", 4, ("b", 1, 0)),
        struct_of("in", 8, ("info", 2, 4)),
        struct_of("s", 16, ("a", 1, 0), ("inner", 3, 4), ("bb", 1, 12)),
    )
    text = explain(LOCAL, target, "0:1")
    assert "has no member 'b'; nearest: bb; inside of a member: inner.info.b\n" in text


def test_a_member_that_moved_out_of_another_is_found_there() -> None:
    local: Types = (struct_of("s", 8, ("in", 2, 4)), struct_of("t", 4, ("count", 3, 0)), INT)
    target: Types = (INT, struct_of("s", 16, ("count", 1, 8)))
    text = explain(local, target, "0:0:0")
    assert "has no member 'in'; it has 'count' itself\n" in text


def test_an_array_too_short_is_explained() -> None:
    local: Types = (struct_of("s", 16, ("a", 2, 0)), t.Array(3, 3, 4), INT)
    target: Types = (struct_of("s", 16, ("a", 2, 0), ("b", 3, 12)), t.Array(3, 3, 3), INT)
    text = explain(local, target, "0:0:3")
    assert "offset of struct s.a[3]" in text
    assert "has an array of 3 elements, element 3 is wanted" in text


def test_a_missing_struct_is_explained_with_what_has_its_name() -> None:
    text = explain(LOCAL, (INT, union_of("s", 4, ("b", 1)), t.Func("s", 0)), "0:1")
    assert "this kernel has no struct s\n  it has UNION s, FUNC s" in text


def test_a_missing_struct_is_explained_with_the_nearest_names() -> None:
    local: Types = (struct_of("task_strukt", 8, ("a", 2, 0)), INT)
    target: Types = (INT, struct_of("task_struct", 4), struct_of("file", 4))
    text = explain(local, target, "0:0")
    assert "this kernel has no struct task_strukt\n  nearest: task_struct\n" in text


def test_a_missing_value_is_explained_with_the_nearest_names() -> None:
    local: Types = (t.Enum("e", 4, (t.Enumerator("BPF_MAP_HASH", 1),)),)
    target: Types = (t.Enum("e", 4, (t.Enumerator("BPF_MAP_TYPE_HASH", 1),)),)
    text = explain(local, target, "0", VALUE)
    assert "value of BPF_MAP_HASH of enum e" in text
    assert "has no value 'BPF_MAP_HASH'; nearest: BPF_MAP_TYPE_HASH" in text
    assert text.endswith("guard it with bpf_core_enum_value_exists()")


def test_an_access_that_cannot_be_resized_is_explained() -> None:
    target: Types = (t.Int("long", 8, 64, signed=True), struct_of("s", 8, ("b", 1, 0)))
    text = explain(LOCAL, target, "0:1")
    assert "the field has 4 bytes here and 8 in the kernel" in text


def test_an_error_names_the_program_the_instruction_and_the_line() -> None:
    engine, access = relocator(LOCAL, LOCAL, "0:1")
    with pytest.raises(RelocationError) as caught:
        engine.relocate(
            insn(LDXW, off=5), [Record(0, 1, access, OFFSET)], program="handle_exec", source=say
        )
    error = caught.value
    assert str(error) == (
        "program 'handle_exec', instruction 0: CO-RE offset of struct s.b: "
        "the instruction has 5 where 4 was expected\n  at prog.bpf.c:10: x = s->b;"
    )
    assert (error.program, error.insn, error.what) == ("handle_exec", 0, "offset of struct s.b")
    assert not isinstance(error, OSError)


@pytest.mark.parametrize(
    ("record", "what"),
    [
        (Record(0, 99, 1, OFFSET), "kind 0 of type 99 at string 1"),
        (Record(0, 1, 2**31, OFFSET), "kind 0 of type 1 at string 2147483648"),
        (Record(0, 1, 1, 77), "kind 77 of type 1 at string 1"),
        (Record(0, 1, 1, OFFSET), "offset of struct s, access string 's'"),
    ],
)
def test_a_broken_record_is_named_by_its_numbers(record: Record, what: str) -> None:
    engine, _ = relocator(LOCAL, LOCAL, "0:1")
    with pytest.raises(RelocationError) as caught:
        engine.relocate(insn(LDXW), [record], program="p")
    assert caught.value.what == what
