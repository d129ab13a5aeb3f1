"""Kernel symbols against a kernel whose BTF, modules and addresses are written in Python."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator

import pytest

from bpf2py.asm import Instruction, decode, encode
from bpf2py.asm import opcodes as op
from bpf2py.btf import TypeTable
from bpf2py.btf import decode as decode_btf
from bpf2py.btf import encode as encode_btf
from bpf2py.btf import types as t
from bpf2py.runtime import NotSupportedError
from bpf2py.runtime.externs import ksyms
from bpf2py.runtime.externs.ksyms import Symbols
from bpf2py.runtime.relocate import MISSING_FUNCTION, patch_extern
from bpf2py.runtime.syscalls.fd import FD
from bpf2py.spec import ExternKind, ExternRelocation, ExternSpec, ObjectSpec, ProgramSpec
from bpf2py.uapi import ProgType

pytestmark = pytest.mark.usefixtures("no_open_files")

ORDER = sys.byteorder
F, V, A = ExternKind.FUNCTION, ExternKind.VARIABLE, ExternKind.ADDRESS

#: The object's types: 2 and 3 are prototypes, 4 a struct that need not be complete.
LOCAL: list[t.Type] = [
    t.Int("int", 4, 32, signed=True),
    t.FuncProto(1, (t.Param("a", 1),)),
    t.FuncProto(0, ()),
    t.Struct("rq", 4, (t.Member("cpu", 1, 0),)),
    t.Fwd("rq"),
    t.Ptr(5),
    t.FuncProto(1, (t.Param("dummy_ksym", 6),)),
]
#: The kernel's: functions 4 and 5, variables 7 and 8.
KERNEL: list[t.Type] = [
    t.Int("int", 4, 32, signed=True),
    t.FuncProto(1, (t.Param("number", 1),)),
    t.FuncProto(1, (t.Param("number", 1), t.Param("more", 1))),
    t.Func("twice", 2, 0),
    t.Func("wider", 3, 0),
    t.Struct("rq", 64, ()),
    t.Var("runqueues", 6, 1),
    t.Var("counter", 1, 1),
    t.Ptr(6),
    t.FuncProto(1, (t.Param("rq", 9),)),
    t.Func("takes_rq", 10, 0),
]
#: Modules by name: what they add, from type 12 on.
MODULES: dict[str, list[t.Type]] = {
    "first": [t.Func("in_first", 2, 0), t.Var("first_var", 6, 1), t.Func("in_both", 2, 0)],
    "second": [t.Func("in_second", 2, 0), t.Func("in_both", 2, 0), t.Func("twice", 2, 0)],
}


class Kernel:
    """Counts who asked for modules and addresses."""

    def __init__(self) -> None:
        self.modules_read: list[str] = []
        self.addresses = {"schedule": 0xFFFFFFFF81000020}
        self.asked: list[str] = []
        self.table = decode_btf(encode_btf(KERNEL, byte_order=ORDER))

    def module_tables(
        self, kernel: TypeTable, name: str = ""
    ) -> Iterator[tuple[str, FD, TypeTable]]:
        for module, types in MODULES.items():
            self.modules_read.append(module)
            blob = encode_btf(types, byte_order=ORDER, base=kernel)
            with FD(os.open("/dev/null", os.O_RDONLY), module) as fd:
                yield module, fd, decode_btf(blob, base=kernel)

    def find_addresses(self, names: Iterator[str]) -> dict[str, int]:
        self.asked += names
        return {name: self.addresses[name] for name in self.asked if name in self.addresses}


@pytest.fixture
def kernel(monkeypatch: pytest.MonkeyPatch) -> Kernel:
    fake = Kernel()
    monkeypatch.setattr("bpf2py.runtime.kernel_btf.kernel_btf", lambda: fake.table)
    monkeypatch.setattr("bpf2py.runtime.module_btf.module_tables", fake.module_tables)
    monkeypatch.setattr(ksyms, "find_addresses", fake.find_addresses)
    return fake


def an_object(*externs: tuple[str, ExternKind, int], weak: bool = False) -> ObjectSpec:
    """A program that uses all *externs* (name, kind, type); one that is not loaded uses another."""
    relocations = tuple(ExternRelocation(i, name) for i, (name, _, _) in enumerate(externs))
    program = ProgramSpec(
        name="main", section="tc", prog_type=ProgType.SCHED_CLS, extern_relocations=relocations
    )
    other = ProgramSpec(
        name="other",
        section="?tc",
        prog_type=ProgType.SCHED_CLS,
        autoload=False,
        extern_relocations=(ExternRelocation(0, "not_asked"),),
    )
    specs = [ExternSpec(name=n, kind=k, type_id=i, weak=weak) for n, k, i in externs]
    specs.append(ExternSpec(name="not_asked", kind=F, type_id=2))
    return ObjectSpec(
        name="thing",
        byte_order=ORDER,
        programs={"main": program, "other": other},
        externs={extern.name: extern for extern in specs},
        btf=encode_btf(LOCAL, byte_order=ORDER),
    )


@pytest.fixture
def resolve(kernel: Kernel) -> Iterator[Callable[..., Symbols]]:
    made: list[Symbols] = []

    def resolve(*externs: tuple[str, ExternKind, int], weak: bool = False) -> Symbols:
        made.append(Symbols(an_object(*externs, weak=weak)))
        return made[-1]

    yield resolve
    for symbols in made:
        symbols.close()


Resolve = Callable[..., Symbols]


def test_what_the_kernel_has_is_found_without_looking_into_modules(
    kernel: Kernel, resolve: Resolve
) -> None:
    symbols = resolve(("runqueues", V, 4), ("schedule", A, 0), ("twice", F, 2))
    found = symbols.found
    assert (found["twice"].type_id, found["twice"].module, found["twice"].place) == (4, 0, 0)
    assert found["runqueues"].type_id == 7
    assert found["schedule"].address == kernel.addresses["schedule"]
    assert [symbol.number for symbol in found.values()] == [0, 1, 2]
    assert "not_asked" not in found
    assert not symbols.modules
    assert kernel.modules_read == []


def test_modules_are_read_one_by_one_until_all_is_found(kernel: Kernel, resolve: Resolve) -> None:
    symbols = resolve(("in_first", F, 2), ("in_both", F, 2))
    assert kernel.modules_read == ["first"]
    first, both = symbols.found["in_first"], symbols.found["in_both"]
    assert (first.type_id, both.type_id) == (12, 14)
    assert first.place == both.place == 1
    assert symbols.modules.tolist() == [0, first.module]


def test_each_module_has_its_own_place(kernel: Kernel, resolve: Resolve) -> None:
    symbols = resolve(("in_first", F, 2), ("in_second", F, 2))
    assert [symbols.found[name].place for name in ("in_first", "in_second")] == [1, 2]
    assert len(set(symbols.modules)) == 3
    os.fstat(symbols.modules[1])
    symbols.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(symbols.modules[1])


def test_a_variable_of_a_module_needs_no_place(kernel: Kernel, resolve: Resolve) -> None:
    symbols = resolve(("first_var", V, 4))
    found = symbols.found["first_var"]
    assert found.type_id == 13
    assert found.module > 0
    assert not symbols.modules


@pytest.mark.parametrize("kind", [F, V, A])
def test_a_weak_symbol_may_be_missing(kernel: Kernel, resolve: Resolve, kind: ExternKind) -> None:
    found = resolve(("nowhere", kind, 0 if kind is A else 2), weak=True).found["nowhere"]
    assert found == (0, 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("kind", "what", "where"),
    [
        (F, "kernel function 'nowhere'", "not in the BTF of the kernel or of its loaded modules"),
        (V, "kernel variable 'nowhere'", "not in the BTF of the kernel or of its loaded modules"),
        (A, "kernel symbol 'nowhere'", "not in /proc/kallsyms"),
    ],
)
def test_a_strong_symbol_that_is_missing_is_named_with_who_needs_it(
    kernel: Kernel, resolve: Resolve, kind: ExternKind, what: str, where: str
) -> None:
    with pytest.raises(NotSupportedError) as caught:
        resolve(("nowhere", kind, 0 if kind is A else 2))
    for part in (what, where, "program 'main' of object 'thing'"):
        assert part in str(caught.value)


def test_a_function_of_another_prototype_is_refused_with_both(
    kernel: Kernel, resolve: Resolve
) -> None:
    with pytest.raises(NotSupportedError) as caught:
        resolve(("wider", F, 2))
    for part in ("'int wider(int a)'", "the kernel has 'int wider(int number, int more)'"):
        assert part in str(caught.value)


def test_a_struct_without_a_body_fits_none_and_that_is_said(
    kernel: Kernel, resolve: Resolve
) -> None:
    # As in libbpf.  Both declarations look alike, so the difference is spelled out.
    with pytest.raises(NotSupportedError, match=r"'struct rq' a body") as caught:
        resolve(("takes_rq", F, 7))
    assert "'int takes_rq(struct rq *)'" in str(caught.value)


def test_a_weak_function_of_another_prototype_is_missing(kernel: Kernel, resolve: Resolve) -> None:
    assert not resolve(("wider", F, 2), weak=True).found["wider"].type_id


@pytest.mark.parametrize("weak", [False, True])
def test_a_variable_of_another_kind_of_type_is_refused(
    kernel: Kernel, resolve: Resolve, weak: bool
) -> None:
    with pytest.raises(
        NotSupportedError, match="'struct rq counter', the kernel has 'int counter'"
    ):
        resolve(("counter", V, 4), weak=weak)


def test_of_several_versions_of_a_function_the_fitting_one_is_there(
    kernel: Kernel, resolve: Resolve
) -> None:
    found = resolve(("twice___v1", F, 2), ("twice___v2", F, 3), weak=True).found
    assert (found["twice___v1"].type_id, found["twice___v2"].type_id) == (4, 0)


def test_a_variable_has_no_versions(kernel: Kernel, resolve: Resolve) -> None:
    assert not resolve(("runqueues___v1", V, 4), weak=True).found["runqueues___v1"].type_id


def test_without_the_right_to_read_modules_that_is_said(
    monkeypatch: pytest.MonkeyPatch, kernel: Kernel, resolve: Resolve
) -> None:
    monkeypatch.setattr("bpf2py.runtime.privileges.effective_capabilities", lambda: 1 << 39)
    with pytest.raises(NotSupportedError, match="without CAP_SYS_ADMIN those cannot be"):
        resolve(("nowhere", F, 2))


# ---- instructions ----


def patched(instruction: Instruction, symbols: Symbols, name: str) -> Instruction:
    insns = bytearray(encode([instruction], ORDER))
    patch_extern(insns, ExternRelocation(0, name), "main", symbols.found)
    return decode(insns, ORDER)[0]


CALL = Instruction(op.CALL_INSN)
LOAD = Instruction(op.LD_IMM64, 3, imm64=0)


def test_a_call_carries_the_type_and_the_module(kernel: Kernel, resolve: Resolve) -> None:
    symbols = resolve(("twice", F, 2), ("in_second", F, 2))
    kfunc = op.PSEUDO_KFUNC_CALL
    assert patched(CALL, symbols, "twice") == Instruction(op.CALL_INSN, 0, kfunc, 0, 4)
    assert patched(CALL, symbols, "in_second") == Instruction(op.CALL_INSN, 0, kfunc, 1, 12)


def test_a_call_of_a_missing_function_is_one_that_the_verifier_refuses(
    kernel: Kernel, resolve: Resolve
) -> None:
    symbols = resolve(("twice", F, 2), ("nowhere", F, 2), weak=True)
    assert patched(CALL, symbols, "nowhere") == Instruction(
        op.CALL_INSN, 0, 0, 0, MISSING_FUNCTION + 1
    )


def test_an_address_is_a_type_a_number_or_null(kernel: Kernel, resolve: Resolve) -> None:
    symbols = resolve(
        ("runqueues", V, 4), ("first_var", V, 4), ("schedule", A, 0), ("nowhere", F, 2), weak=True
    )
    fd = symbols.found["first_var"].module
    expected = {
        "runqueues": (op.PSEUDO_BTF_ID, 7),
        "first_var": (op.PSEUDO_BTF_ID, fd << 32 | 13),
        "schedule": (0, kernel.addresses["schedule"]),
        "nowhere": (0, 0),
    }
    for name, (source, value) in expected.items():
        load = patched(LOAD, symbols, name)
        assert (load.dst, load.src, load.imm64) == (3, source, value)


@pytest.mark.parametrize(
    ("instruction", "name", "message"),
    [
        (Instruction(op.EXIT_INSN), "twice", "neither a call nor a 16-byte load"),
        (CALL, "other", "uses extern 'other', which the object does not have; there are: twice"),
    ],
)
def test_a_spec_that_contradicts_itself_is_refused(
    kernel: Kernel, resolve: Resolve, instruction: Instruction, name: str, message: str
) -> None:
    symbols = resolve(("twice", F, 2))
    with pytest.raises(ValueError, match=f"program 'main', instruction 0.*{message}"):
        patched(instruction, symbols, name)
