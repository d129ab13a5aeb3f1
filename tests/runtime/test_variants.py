"""Which object of a module is taken, and what becomes of the changes to its description."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from bpf2py import runtime
from bpf2py.runtime import features, machine, variants
from bpf2py.runtime.variants import carried_over, own_layout
from bpf2py.spec import ByteOrder, MapSpec, ObjectSpec, ProgramSpec, VariableSpec
from bpf2py.uapi import Cmd, MapType, ProgType
from tests.runtime.conftest import FakeKernel

HERE: ByteOrder = sys.byteorder
ELSEWHERE: ByteOrder = "big" if sys.byteorder == "little" else "little"


@pytest.fixture
def on(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Makes this another machine, of the same byte order."""

    def become(name: str) -> None:
        monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=name))

    return become


def description(
    code: bytes = b"old", data: bytes = b"\1\0\0\0\2\0\0\0", **more: str
) -> Callable[[], ObjectSpec]:
    def make() -> ObjectSpec:
        return ObjectSpec(
            name="tool",
            byte_order=HERE,
            arch=more.get("arch", ""),
            digest=code.hex(),
            maps={
                "table": MapSpec(name="table", map_type=MapType.HASH, max_entries=8, key_type_id=3),
                ".data": MapSpec(
                    name=".data",
                    map_type=MapType.ARRAY,
                    section=".data",
                    data=bytearray(data),
                    variables={"x": VariableSpec(name="x", offset=0, size=4)},
                ),
            },
            programs={
                name: ProgramSpec(
                    name=name, section="socket", prog_type=ProgType.SOCKET_FILTER, insns=code
                )
                for name in ("one", "two")
            },
        )

    return make


def variant(
    arch: str = "", cpu: int = 1, *needs: str, order: ByteOrder = HERE, code: bytes = b""
) -> runtime.Variant:
    code = code or f"{order}{arch}{cpu}".encode()
    return runtime.Variant(order, arch, cpu, needs, description(code, arch=arch))


def chosen(*rows: runtime.Variant) -> bytes:
    return runtime.Variants(*rows).object_spec().programs["one"].insns


@pytest.mark.parametrize(
    ("name", "arch"), [("x86_64", "x86"), ("aarch64", "arm64"), ("riscv64", "riscv"), ("vax", "")]
)
def test_architectures_are_called_as_bpf_compilers_call_them(
    on: Callable[[str], None], name: str, arch: str
) -> None:
    on(name)
    assert machine.architecture() == arch


def test_the_byte_order_and_the_architecture_decide(on: Callable[[str], None]) -> None:
    rows = [variant(order=ELSEWHERE), variant("arm64"), variant("x86")]
    on("x86_64")
    assert chosen(*rows) == f"{HERE}x861".encode()
    on("aarch64")
    assert chosen(*rows) == f"{HERE}arm641".encode()


def test_one_for_this_architecture_is_better_than_one_for_any(on: Callable[[str], None]) -> None:
    on("x86_64")
    assert chosen(variant(), variant("x86")) == f"{HERE}x861".encode()
    on("riscv64")
    assert chosen(variant(), variant("x86")) == f"{HERE}1".encode()


def test_until_it_is_loaded_the_description_is_the_one_any_kernel_takes() -> None:
    assert chosen(variant(cpu=2), variant("", 4, "movsx")) == f"{HERE}2".encode()


def test_elsewhere_the_first_can_be_looked_at_and_not_loaded(on: Callable[[str], None]) -> None:
    on("aarch64")
    every = runtime.Variants(variant("x86", 3), variant("s390", 3))
    spec = every.object_spec()
    assert spec.arch == "x86"
    with pytest.raises(ValueError, match=r"'tool' is in this module for .*x86 v3, .*s390 v3") as it:
        every.for_kernel(spec)
    assert f"this one is {HERE}-endian arm64" in str(it.value)


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({"jlt", "jmp32", "movsx"}, b"4"),
        ({"jlt", "jmp32"}, b"3"),
        ({"jlt", "movsx"}, b"1"),
        (set[str](), b"1"),
    ],
)
def test_the_newest_that_the_kernel_knows_all_of_is_loaded(
    monkeypatch: pytest.MonkeyPatch, known: set[str], expected: bytes
) -> None:
    monkeypatch.setattr(features, "knows_instructions", known.__contains__)
    every = runtime.Variants(
        variant("", 1, code=b"1"),
        variant("", 3, "jmp32", code=b"3"),
        variant("", 4, "jmp32", "movsx", code=b"4"),
    )
    assert every.for_kernel(every.object_spec()).programs["one"].insns == expected


def test_who_may_not_try_gets_what_every_kernel_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(family: str) -> bool:
        raise PermissionError(family)

    monkeypatch.setattr(features, "knows_instructions", refuse)
    every = runtime.Variants(variant(cpu=1), variant("", 4, "movsx"))
    spec = every.object_spec()
    assert every.for_kernel(spec) is spec


def test_a_description_from_elsewhere_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(features, "knows_instructions", lambda family: True)
    every = runtime.Variants(variant(cpu=1), variant(cpu=4))
    mine = description(b"mine")()
    assert every.for_kernel(mine) is mine


def test_changes_go_along_and_the_rest_is_the_other_objects() -> None:
    was, other = description(b"old")(), description(b"new")()
    other.maps["table"].key_type_id = 9  # its BTF has other numbers
    spec = description(b"old")()
    spec.maps["table"].max_entries = 64
    spec.programs["one"].autoload = False
    del spec.programs["two"]
    spec.maps["mine"] = MapSpec(name="mine", map_type=MapType.QUEUE)
    found: ObjectSpec = carried_over(spec, was, other)
    assert (found.maps["table"].max_entries, found.maps["table"].key_type_id) == (64, 9)
    assert list(found.maps) == ["table", ".data", "mine"]
    assert list(found.programs) == ["one"]
    assert (found.programs["one"].autoload, found.programs["one"].insns) == (False, b"new")


def test_a_program_that_was_replaced_stays_replaced() -> None:
    spec = description(b"old")()
    spec.programs["one"].insns = b"patched"
    found: ObjectSpec = carried_over(spec, description(b"old")(), description(b"new")())
    assert [program.insns for program in found.programs.values()] == [b"patched", b"new"]


def test_a_variable_that_was_set_keeps_its_value_among_other_bytes() -> None:
    was = description(data=b"\1\0\0\0\2\0\0\0")()
    other = description(b"new", data=b"\1\0\0\0\7\0\0\0")()
    spec = description(data=b"\1\0\0\0\2\0\0\0")()
    data = spec.maps[".data"].data
    assert data is not None
    data[0:4] = b"\0\5\0\0"
    found: ObjectSpec = carried_over(spec, was, other)
    assert found.maps[".data"].data == bytearray(b"\0\5\0\0\7\0\0\0")


def test_nothing_changed_gives_the_other_object_as_it_is() -> None:
    found = carried_over(description(b"old")(), description(b"old")(), description(b"new")())
    assert found == description(b"new")()


def test_a_layout_is_found_by_byte_order_or_with_the_architecture(
    on: Callable[[str], None],
) -> None:
    on("x86_64")
    assert own_layout((f"{ELSEWHERE}-endian",), (f"{HERE}-endian",)) == 1
    assert own_layout((f"{HERE}-endian arm64",), (f"{HERE}-endian x86",)) == 1
    on("vax")
    assert own_layout((f"{HERE}-endian arm64",), (f"{HERE}-endian x86",)) == 0


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        (ObjectSpec(name="a", byte_order=ELSEWHERE), [f"for {ELSEWHERE}-endian machines", "bpfe"]),
        (ObjectSpec(name="a", byte_order=HERE, arch="s390"), ["s390 machines", "ARCH_x86"]),
    ],
)
def test_an_object_for_another_machine_is_refused_with_one_sentence(
    kernel: FakeKernel, on: Callable[[str], None], spec: ObjectSpec, words: list[str]
) -> None:
    on("x86_64")
    with pytest.raises(ValueError, match="object 'a' was compiled for") as caught:
        runtime.load(spec)
    for word in words:
        assert word in str(caught.value)
    assert not kernel.of(Cmd.PROG_LOAD)


@pytest.mark.parametrize(
    ("code", "answer"), [(errno.EINVAL, False), (errno.EACCES, False), (524, False), (0, True)]
)
def test_an_instruction_is_known_if_the_smallest_program_with_it_loads(
    kernel: FakeKernel, code: int, answer: bool
) -> None:
    if code:
        kernel.handlers[Cmd.PROG_LOAD] = lambda _: -code
    for _ in range(2):
        assert features.knows_instructions("movsx") is answer
    assert len(kernel.of(Cmd.PROG_LOAD)) == 1


def test_an_instruction_that_cannot_be_tried_is_not_called_unknown(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.PROG_LOAD] = lambda _: -errno.ENOMEM
    with pytest.raises(OSError, match="movsx"):
        features.knows_instructions("movsx")
    assert variants.Variant(HERE, "", 4, ("movsx",), description()).name == f"{HERE}-endian v4"
