"""Layouts for other readers: ``struct`` and NumPy see what the generated classes see."""

from __future__ import annotations

import ipaddress
import random
import struct
import sys
from typing import Any

import pytest

from bpf2py import runtime
from bpf2py.runtime import codec
from generated_fixtures import (
    types_check_bpf,
    types_structs_bpf,
    types_unions_bpf,
    types_views_bpf,
)

MODULES = (types_check_bpf, types_structs_bpf, types_unions_bpf, types_views_bpf)
CLASSES = [
    cls
    for module in MODULES
    for cls in vars(module).values()
    if isinstance(cls, type) and cls.__module__ == module.__name__ and cls in codec.record._registry
]


@codec.dataclass(slots=True)
class Inner:
    a: int = 0
    b: bool = False


@codec.dataclass(slots=True)
class Outer:
    low: int = 0
    high: int = 0
    name: str = ""
    raw: bytes = bytes(3)
    inner: list[Inner] = codec.field(default_factory=lambda: [Inner(), Inner()])
    grid: list[list[int]] = codec.field(default_factory=lambda: [[0] * 3, [0] * 3])
    wide: int = 0
    ratio: float = 0.0
    rest: list[int] = codec.field(default_factory=list[int])


codec.struct(Inner, 8, (("a", 0, codec.S32), ("b", 4, codec.BOOL)))
codec.struct(
    Outer,
    88,
    (
        ("low", 0, codec.Bits(0, 4, codec.U8)),
        ("high", 0, codec.Bits(4, 9, codec.U16)),
        ("name", 4, codec.Text(5)),
        ("raw", 9, codec.Bytes(3)),
        ("inner", 12, codec.Array(codec.of(Inner), 2)),
        ("grid", 28, codec.Array(codec.Array(codec.U16, 3), 2)),
        ("wide", 48, codec.Int(16)),
        ("ratio", 64, codec.F64),
        ("rest", 76, codec.Rest(codec.U16)),
    ),
)
DATA = random.Random(5).randbytes(88)


@pytest.fixture(scope="module")
def numpy() -> Any:
    return pytest.importorskip("numpy", reason="NumPy is not installed: pip install numpy")


def test_a_format_has_a_slot_per_member_and_c_s_size() -> None:
    assert runtime.struct_format(Outer) == "=2s2x5s3si?3xi?3x3H3H8x16sd16x"
    assert struct.calcsize(runtime.struct_format(Outer)) == runtime.sizeof(Outer)
    value = runtime.unpack(Outer, DATA)
    found = struct.unpack(runtime.struct_format(Outer), DATA)
    assert found[3:7] == (value.inner[0].a, value.inner[0].b, value.inner[1].a, value.inner[1].b)
    assert list(found[7:13]) == [*value.grid[0], *value.grid[1]]
    assert int.from_bytes(found[13], sys.byteorder) == value.wide


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
def test_format_and_dtype_of_every_class_have_its_size(cls: type[Any], numpy: Any) -> None:
    assert struct.calcsize(runtime.struct_format(cls)) == runtime.sizeof(cls)
    assert runtime.numpy_dtype(cls).itemsize == runtime.sizeof(cls)


def test_there_are_classes_of_all_sorts() -> None:
    assert len(CLASSES) > 30


def test_numpy_reads_the_same_values_at_the_same_offsets(numpy: Any) -> None:
    dtype = runtime.numpy_dtype(Outer)
    assert {name: dtype.fields[name][1] for name in dtype.names} == {
        "bits_0": 0, "name": 4, "raw": 9, "inner": 12, "grid": 28, "wide": 48, "ratio": 64,
    }  # fmt: skip
    rows = numpy.frombuffer(DATA * 3, dtype=dtype)
    value = runtime.unpack(Outer, DATA)
    assert len(rows) == 3
    row = rows[2]
    assert row["inner"]["a"].tolist() == [each.a for each in value.inner]
    assert row["grid"].tolist() == value.grid
    assert row["raw"].tobytes() == value.raw
    assert bytes(row["wide"]) == DATA[48:64]
    assert bytes(row["bits_0"]) == DATA[:2]
    assert row["ratio"] == value.ratio or value.ratio != value.ratio
    text = numpy.frombuffer(codec.of(Outer).pack(Outer(name="abc")).ljust(88, b"\0"), dtype=dtype)
    assert text[0]["name"] == b"abc"


def test_a_union_is_its_bytes(numpy: Any) -> None:
    dtype = runtime.numpy_dtype(types_unions_bpf.Tagged)
    kind, offset = dtype.fields["union_4"][:2]
    assert (kind, offset) == (numpy.dtype("V16"), 4)
    assert runtime.numpy_dtype(types_unions_bpf.TaggedUnion4) == numpy.dtype("V16")
    assert runtime.struct_format(types_unions_bpf.TaggedUnion4) == "=16s"


def test_a_view_is_its_number_or_its_bytes(numpy: Any) -> None:
    flow = types_views_bpf.Flow(
        ipaddress.IPv4Address("10.0.0.1"), 443, "aa:bb:cc:00:01:02", types_views_bpf.TcpFlag(18)
    )
    data = runtime.pack(flow)
    (row,) = numpy.frombuffer(data, runtime.numpy_dtype(types_views_bpf.Flow))
    assert ipaddress.IPv4Address(int(row["saddr"])) == flow.saddr
    assert (row["port"], row["mac"].tobytes().hex(":"), row["flags"]) == (443, flow.mac, 18)
    assert runtime.struct_format(types_views_bpf.Flow) == "=4s2s6sH2x"
    found = struct.unpack(runtime.struct_format(types_views_bpf.Flow), data)
    assert found == (b"\n\0\0\1", b"\x01\xbb", b"\xaa\xbb\xcc\0\1\2", 18)
    event = runtime.numpy_dtype(types_views_bpf.Event)
    assert event["duration"] == numpy.dtype("=u8")
    assert event["verdict"] == numpy.dtype("=i2")
    assert event["hops"] == numpy.dtype((">u4", (3,)))
    assert event["saddr6"] == numpy.dtype(("u1", (16,)))


def test_without_numpy_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)
    with pytest.raises(ModuleNotFoundError, match="dtype of Inner needs NumPy: pip install numpy"):
        runtime.numpy_dtype(Inner)


@pytest.mark.parametrize("ask", [runtime.struct_format, runtime.numpy_dtype])
def test_a_class_of_no_generated_module_is_refused(ask: Any) -> None:
    with pytest.raises(TypeError, match="int has no registered layout"):
        ask(int)
