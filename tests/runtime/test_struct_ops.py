"""struct_ops for a kernel made up here: what goes where, what is refused, which programs load."""

from __future__ import annotations

import os
import struct
import sys
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bpf2py.btf import TypeTable, decode, encode
from bpf2py.btf import types as t
from bpf2py.runtime import NotSupportedError
from bpf2py.runtime.codec import U32
from bpf2py.runtime.operations import Function, StructOpsSpec, StructOpsSpecs
from bpf2py.runtime.struct_ops import Plan, make_plan
from bpf2py.runtime.syscalls.fd import FD
from bpf2py.runtime.variables import Variable
from bpf2py.spec import MapSpec, ObjectSpec, ProgramSpec
from bpf2py.uapi import MapType, ProgType

INT, PROTO, FUNCTION, U64, POINTER = 1, 2, 3, 4, 5
BASE: tuple[t.Type, ...] = (
    t.Int("int", 4, 32, signed=True),
    t.FuncProto(INT, ()),
    t.Ptr(PROTO),
    t.Int("long", 8, 64),
    t.Ptr(INT),
)
#: The members' type and bits, of the struct as the object has it.
Members = tuple[tuple[str, int, int, int], ...]
LOCAL: Members = (
    ("call", FUNCTION, 0, 0),
    ("flags", INT, 64, 0),
    ("data", POINTER, 128, 0),
    ("extra", U64, 192, 0),
)
#: The kernel has them in another order, has one more, and lacks one.
KERNEL: Members = (
    ("flags", INT, 0, 0),
    ("newer", FUNCTION, 64, 0),
    ("data", POINTER, 128, 0),
    ("call", FUNCTION, 192, 0),
)


def struct_type(name: str, members: Members, size: int = 32) -> t.Struct:
    rows = tuple(t.Member(n, target, at, bits) for n, target, at, bits in members)
    return t.Struct(name, size, rows, kind_flag=any(bits for *_, bits in members))


def local_table(members: Members = LOCAL) -> TypeTable:
    types = [*BASE, struct_type("ops___mine", members)]
    return decode(encode(types, byte_order=sys.byteorder))


def kernel_table(members: Members = KERNEL, *, value: bool = True) -> TypeTable:
    types: list[t.Type] = [*BASE, struct_type("ops", members)]
    if value:
        data = t.Member("data", 6, 64)
        types.append(t.Struct("bpf_struct_ops_ops", 40, (t.Member("common", INT, 0), data)))
    return decode(encode(types, byte_order=sys.byteorder))


def object_spec(**functions: str) -> ObjectSpec:
    def program(name: str, prog_type: ProgType = ProgType.STRUCT_OPS) -> ProgramSpec:
        return ProgramSpec(name=name, section="struct_ops", prog_type=prog_type)

    mine = MapSpec(
        name="mine",
        map_type=MapType.STRUCT_OPS,
        key_size=4,
        value_size=32,
        max_entries=1,
        value_type_id=6,
        data=bytearray(32),
        functions=dict(functions),
    )
    programs = [program("one"), program("two"), program("filter", ProgType.XDP)]
    return ObjectSpec(
        name="t",
        byte_order=sys.byteorder,
        maps={"mine": mine},
        programs={each.name: each for each in programs},
    )


def plan(spec: ObjectSpec, local: TypeTable | None = None, kernel: TypeTable | None = None) -> Plan:
    with ExitStack() as stack:
        return make_plan(spec, local or local_table(), lambda: kernel or kernel_table(), stack)


def set_data(spec: ObjectSpec, offset: int, number: int, format_: str = "=Q") -> None:
    data = spec.maps["mine"].data
    assert data is not None
    struct.pack_into(format_, data, offset, number)


def test_members_go_where_the_kernel_has_them() -> None:
    spec = object_spec(call="one")
    set_data(spec, 8, 77, "=i")
    found = plan(spec)
    mine = found.structs["mine"]
    assert (mine.type_id, mine.module) == (7, None)
    assert mine.value == struct.pack("=8xi28x", 77)
    assert mine.functions == ((8 + 24, "one"),)
    assert found.targets["one"] == (6, None, 3)  # the fourth member of type 6
    assert found.unused == frozenset()


def test_a_struct_ops_that_is_not_created_asks_the_kernel_nothing() -> None:
    spec = object_spec(call="one")
    spec.maps["mine"].autocreate = False

    def never() -> TypeTable:
        raise AssertionError("the kernel's types were read")

    with ExitStack() as stack:
        found = make_plan(spec, local_table(), never, stack)
    assert (found.structs, found.targets) == ({}, {})
    assert found.unused == {"one"}


def test_a_program_of_two_maps_is_loaded_when_one_is_created() -> None:
    spec = object_spec(call="one")
    spec.maps["other"] = object_spec(call="one").maps["mine"]
    spec.maps["other"].autocreate = False
    assert plan(spec).unused == frozenset()


def test_what_the_kernel_lacks_must_be_zero() -> None:
    spec = object_spec()
    assert plan(spec).structs["mine"].value == bytes(40)
    set_data(spec, 24, 1)
    with pytest.raises(NotSupportedError, match="'extra' is set, and the kernel's struct ops has"):
        plan(spec)


def test_a_function_that_the_kernel_lacks_is_refused() -> None:
    spec = object_spec(call="one")
    lacking = tuple(row for row in KERNEL if row[0] != "call")
    with pytest.raises(NotSupportedError, match="'call' is set"):
        plan(spec, kernel=kernel_table(lacking))


def test_a_pointer_can_only_be_null() -> None:
    spec = object_spec()
    set_data(spec, 16, 0xFFFF)
    with pytest.raises(ValueError, match="pointer 'data' can only be NULL or a program"):
        plan(spec)


def _swapped(name: str, target: int, bits: int = 0) -> Members:
    return tuple((n, target, at, bits) if n == name else (n, x, at, b) for n, x, at, b in KERNEL)


@pytest.mark.parametrize(
    ("members", "complaint"),
    [
        (_swapped("flags", U64), "'flags' has 4 bytes here and 8 in the kernel"),
        (_swapped("flags", POINTER), "'flags' is a INT here and a PTR in the kernel"),
        (_swapped("flags", INT, 3), "'flags' is a bitfield"),
        (_swapped("call", POINTER), "'call' is no function in the kernel"),
    ],
)
def test_a_member_of_another_kind_is_refused(members: Members, complaint: str) -> None:
    with pytest.raises(NotSupportedError, match=complaint):
        plan(object_spec(call="one"), kernel=kernel_table(members))


@pytest.mark.parametrize(
    ("functions", "complaint"),
    [
        ({"call": "nobody"}, "'nobody', which is no program of the object; there are: one, two"),
        ({"call": "filter"}, "'filter', which is no program of SEC"),
        ({"flags": "one"}, "member 'flags' is no function"),
        ({"colour": "one"}, "struct ops___mine has no member 'colour'"),
    ],
)
def test_functions_that_make_no_sense_are_refused(
    functions: dict[str, str], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        plan(object_spec(**functions))


def test_a_program_is_loaded_for_one_member_only() -> None:
    both: Members = (("call", FUNCTION, 0, 0), ("newer", FUNCTION, 64, 0))
    spec = object_spec(call="one", newer="one")
    with pytest.raises(ValueError, match="serves another member or another struct already"):
        plan(spec, local_table(both))


def test_a_struct_that_the_kernel_does_not_call_is_refused() -> None:
    def no_modules(*_: object) -> object:
        return iter(())

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("bpf2py.runtime.module_btf.module_tables", no_modules)
        with pytest.raises(FileNotFoundError, match="no 'struct bpf_struct_ops_ops'"):
            plan(object_spec(), kernel=kernel_table(value=False))


def test_a_struct_of_a_module_is_found_there(
    monkeypatch: pytest.MonkeyPatch, no_open_files: None
) -> None:
    def modules(kernel: TypeTable) -> Iterator[tuple[str, FD, TypeTable]]:
        for name, table in (("other", kernel_table(value=False)), ("mine", kernel_table())):
            with FD(os.open("/dev/null", os.O_RDONLY)) as fd:
                yield name, fd, table

    monkeypatch.setattr("bpf2py.runtime.module_btf.module_tables", modules)
    with ExitStack() as stack:
        bare = decode(encode(BASE, byte_order=sys.byteorder))
        found = make_plan(object_spec(call="one"), local_table(), lambda: bare, stack)
        module = found.structs["mine"].module
        assert module is not None
        assert not module.closed
        assert found.targets["one"] == (6, module, 3)
    assert module.closed


def test_data_of_another_size_is_refused() -> None:
    spec = object_spec()
    spec.maps["mine"].data = bytearray(33)
    with pytest.raises(ValueError, match="33 bytes of data for a struct of 32"):
        plan(spec)


# ---- before loading, by attributes ----


class Mine(StructOpsSpec):
    """``mine``."""

    flags = Variable(U32, 8)
    call = Function("call")


class Operations(StructOpsSpecs):
    """Those of the object."""

    def __init__(self, spec: ObjectSpec) -> None:
        super().__init__(spec)
        self.mine = Mine(spec, "mine")


def test_functions_are_set_to_programs_names_or_nothing() -> None:
    spec = object_spec(call="one")
    mine = Operations(spec).mine
    assert mine.call is spec.programs["one"]
    mine.call = spec.programs["two"]
    assert spec.maps["mine"].functions == {"call": "two"}
    assert [spec.programs[name].autoload for name in ("one", "two")] == [False, True]
    mine.call = "one"
    assert [spec.programs[name].autoload for name in ("one", "two")] == [True, False]
    mine.call = None
    assert mine.call is None
    assert spec.maps["mine"].functions == {}
    assert not spec.programs["one"].autoload


def test_a_program_that_another_struct_ops_needs_stays_on() -> None:
    spec = object_spec(call="one")
    spec.maps["other"] = object_spec(call="one").maps["mine"]
    Operations(spec).mine.call = None
    assert spec.programs["one"].autoload


def test_settings_are_variables() -> None:
    spec = object_spec()
    mine = Operations(spec).mine
    mine.flags = 5
    assert (mine.flags, spec.maps["mine"].data[8]) == (5, 5)  # type: ignore[index]
    with pytest.raises(ValueError, match="flags"):
        mine.flags = 1 << 32


@pytest.mark.parametrize(
    ("value", "kind", "complaint"),
    [
        ("filter", ValueError, "call: program 'filter' .* is none of SEC"),
        ("nobody", ValueError, "call: no struct_ops program 'nobody'; there are: one, two"),
        (object_spec().programs["one"], ValueError, "'one' is not of this object's spec"),
        (5, TypeError, "call takes a program or None, not 5"),
    ],
)
def test_what_cannot_stand_behind_a_function_is_refused(
    value: object, kind: type[Exception], complaint: str
) -> None:
    spec = object_spec(call="one")
    with pytest.raises(kind, match=complaint):
        Operations(spec).mine.call = value  # type: ignore[assignment]
    assert spec.maps["mine"].functions == {"call": "one"}


def test_a_typing_error_is_told_what_there_is() -> None:
    operations = Operations(object_spec())
    with pytest.raises(AttributeError, match="no struct_ops map 'yours'; there are: mine"):
        print(operations.yours)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="no variable 'colour'; there are: call, flags"):
        operations.mine.colour = 1  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="'mine' cannot be replaced"):
        operations.mine = None  # type: ignore[assignment]
    assert repr(operations) == "<Operations: mine>"
