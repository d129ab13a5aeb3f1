"""Global variables: in the spec before loading, in mapped memory and by system call after."""

from __future__ import annotations

import dataclasses
import enum
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from bpf2py.runtime import ClosedError, Constant, Data, DataSpec, Variable, codec
from bpf2py.runtime.maps import MapHandle
from bpf2py.runtime.maps.base import create_handle
from bpf2py.spec import MapSpec
from bpf2py.uapi import MapFlags, MapType
from generated_fixtures.bench_ringbuf_bpf import BenchRingbuf


class Mode(enum.IntEnum):
    OFF = 0
    ON = 1


@dataclasses.dataclass(slots=True)
class Limits:
    low: int = 0
    high: int = 0


LIMITS = codec.struct(Limits, 8, (("low", 0, codec.U32), ("high", 4, codec.S32)))
SIZE = 104


class Before(DataSpec):
    small = Variable(codec.U8, 0)
    crooked = Variable(codec.U32, 1)
    count = Variable(codec.U64, 8)
    balance = Variable(codec.S32, 16)
    mode = Variable(codec.Enum(Mode, 4), 20)
    limits = Variable(LIMITS, 24)
    label = Variable(codec.Text(8), 32)
    on = Variable(codec.BOOL, 40)
    ratio = Variable(codec.F64, 48)
    ports = Variable(codec.Array(codec.U16, 4), 56)
    wide = Variable(codec.Int(16), 64)
    half = Variable(codec.F32, 84)


class After(Data):
    small = Variable(codec.U8, 0)
    crooked = Variable(codec.U32, 1)
    count = Variable(codec.U64, 8)
    balance = Variable(codec.S32, 16)
    mode = Variable(codec.Enum(Mode, 4), 20)
    limits = Variable(LIMITS, 24)
    label = Variable(codec.Text(8), 32)
    on = Variable(codec.BOOL, 40)
    ratio = Variable(codec.F64, 48)
    ports = Variable(codec.Array(codec.U16, 4), 56)
    wide = Variable(codec.Int(16), 64)
    half = Variable(codec.F32, 84)


class Fixed(Data):
    count = Constant(codec.U64, 8)
    limits = Constant(LIMITS, 24)


VALUES: dict[str, Any] = {
    "small": 255,
    "crooked": 2**32 - 1,
    "count": 2**64 - 1,
    "balance": -(2**31),
    "mode": Mode.ON,
    "limits": Limits(1, -2),
    "label": "text",
    "on": True,
    "ratio": -0.1,
    "ports": [1, 2, 3, 65535],
    "wide": 2**127 + 1,
    "half": 0.5,
}
ZEROS: dict[str, Any] = {
    **dict.fromkeys(VALUES, 0),
    "limits": Limits(),
    "label": "",
    "ports": [0] * 4,
}
REFUSED: list[tuple[str, Any, type[Exception], str]] = [
    ("small", 256, ValueError, r"small: 256 does not fit __u8 \(0\.\.255\)"),
    ("small", "1", TypeError, "small: __u8 takes an int, not str"),
    ("balance", 2**31, ValueError, "balance: 2147483648 does not fit __s32"),
    ("mode", -1, ValueError, r"mode: -1 does not fit Mode \(0\.\.4294967295\)"),
    ("limits", Limits(low=-1), ValueError, "limits.low: -1 does not fit __u32"),
    ("limits", 5, TypeError, "limits takes Limits, not int"),
    ("label", "123456789", ValueError, r"label: text of 9 bytes does not fit char\[8\]"),
    ("ports", [1], ValueError, r"ports: __u16\[4\] takes 4 elements, 1 were given"),
    ("ratio", "1", TypeError, "ratio: double takes a float, not str"),
]


@pytest.fixture(name="spec")
def _spec() -> MapSpec:
    return MapSpec(name=".data", map_type=MapType.ARRAY, value_size=SIZE, max_entries=1)


@pytest.fixture(params=["mapped", "copied"], name="handle")
def _handle(request: pytest.FixtureRequest) -> Iterator[MapHandle]:
    """Mapped memory, and the system calls that kernels before 5.5 need."""
    with create_handle(
        MapType.ARRAY,
        ".data",
        key_size=4,
        value_size=SIZE,
        max_entries=1,
        flags=MapFlags.MMAPABLE if request.param == "mapped" else 0,
    ) as handle:
        yield handle


def section(where: str, spec: MapSpec, handle: MapHandle) -> DataSpec | Data:
    return Before(spec) if where == "before" else After(handle)


@pytest.mark.parametrize("where", ["before", "after"])
def test_what_is_set_is_read_and_nothing_else_changes(
    where: str, spec: MapSpec, handle: MapHandle
) -> None:
    data = section(where, spec, handle)
    want = dict(ZEROS)
    assert {name: getattr(data, name) for name in want} == want
    for name, value in VALUES.items():
        setattr(data, name, value)
        want[name] = value
        assert {each: getattr(data, each) for each in want} == want
    assert data.mode is Mode.ON  # type: ignore[union-attr]
    assert data.on is True  # type: ignore[union-attr]
    number: int = 9
    setattr(data, "mode", number)  # noqa: B010
    assert getattr(data, "mode") == number  # noqa: B009


@pytest.mark.parametrize("where", ["before", "after"])
@pytest.mark.parametrize(("name", "value", "kind", "message"), REFUSED)
def test_a_value_that_does_not_fit_names_the_variable_and_changes_nothing(
    where: str,
    spec: MapSpec,
    handle: MapHandle,
    name: str,
    value: object,
    kind: type[Exception],
    message: str,
) -> None:
    data = section(where, spec, handle)
    with pytest.raises(kind, match=message):
        setattr(data, name, value)
    assert {each: getattr(data, each) for each in ZEROS} == ZEROS


@pytest.mark.parametrize("where", ["before", "after"])
def test_a_typing_error_in_a_name_is_an_error(where: str, spec: MapSpec, handle: MapHandle) -> None:
    data = section(where, spec, handle)
    with pytest.raises(AttributeError, match=r"no variable 'smal'; there are: .*small"):
        data.smal = 1  # type: ignore[union-attr]
    with pytest.raises(AttributeError):
        data.smal  # type: ignore[union-attr]  # noqa: B018
    assert "small" in dir(data)
    assert "small" in repr(data)


def test_the_spec_s_bytes_are_what_the_variables_say(spec: MapSpec) -> None:
    spec.data = bytearray(b"\x05")  # shorter than the section: the rest is zero
    data = Before(spec)
    assert data.small == 5
    data.count = 1
    data.limits = Limits(2, 3)
    assert spec.data is not None
    assert spec.data[8] | spec.data[15] == 1
    assert LIMITS.unpack(spec.data, 24) == Limits(2, 3)


def test_constants_are_read_only_after_loading(handle: MapHandle) -> None:
    After(handle).count = 7
    fixed = Fixed(handle)
    assert fixed.count == 7
    assert fixed.limits == Limits()
    with pytest.raises(AttributeError, match="'count' is a constant once the object is loaded"):
        fixed.count = 8  # type: ignore[assignment]
    with pytest.raises(AttributeError, match="set it on the spec, before load"):
        fixed.limits = Limits()  # type: ignore[assignment]


def test_a_frozen_section_that_is_not_mapped_can_be_read_and_not_written() -> None:
    with create_handle(
        MapType.ARRAY, ".rodata", key_size=4, value_size=SIZE, max_entries=1
    ) as handle:
        data = After(handle)
        data.count = 7
        handle.freeze()
        assert data.count == 7
        with pytest.raises(PermissionError, match="frozen"):
            data.count = 8


def test_a_section_frozen_before_it_is_mapped_is_mapped_for_reading() -> None:
    with create_handle(
        MapType.ARRAY,
        ".rodata",
        key_size=4,
        value_size=SIZE,
        max_entries=1,
        flags=MapFlags.MMAPABLE,
    ) as handle:
        handle.freeze()
        data = After(handle)
        assert data.count == 0
        with pytest.raises(AttributeError, match=r"'count' cannot be set any more: map '\.rodata'"):
            data.count = 1
        with pytest.raises(AttributeError, match="'label' cannot be set any more"):
            data.label = "x"


def test_closed_means_closed(handle: MapHandle) -> None:
    data = After(handle)
    data.count = 1
    handle.close()
    for use in (lambda: data.count, lambda: data.label, lambda: setattr(data, "count", 2)):
        with pytest.raises(ClosedError, match=r"map '\.data' is closed"):
            use()


def test_what_a_program_counts_is_seen_at_once_and_can_be_set() -> None:
    with BenchRingbuf.spec().load() as loaded:
        for turn in range(1, 6):
            loaded.programs.produce.run(bytes(64), repeat=3)
            assert loaded.bss.sequence == 3 * turn
        loaded.bss.sequence = 2**63
        loaded.programs.produce.run(bytes(64))
        assert loaded.bss.sequence == 2**63 + 1
        assert loaded.maps.events.drain()[-1].seq == 2**63


def test_a_number_is_never_half_old_and_half_new() -> None:
    with create_handle(
        MapType.ARRAY, ".bss", key_size=4, value_size=SIZE, max_entries=1, flags=MapFlags.MMAPABLE
    ) as handle:
        one, other = After(handle), After(handle)
        patterns = (0, 2**64 - 1)
        done = threading.Event()

        def write() -> None:
            while not done.is_set():
                for pattern in patterns:
                    one.count = pattern

        writer = threading.Thread(target=write)
        writer.start()
        try:
            assert {other.count for _ in range(50_000)} <= set(patterns)
        finally:
            done.set()
            writer.join(10)
