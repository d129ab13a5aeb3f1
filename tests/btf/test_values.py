"""Bytes read by their type: values as C has them, and text as libbpf writes it."""

from __future__ import annotations

import random
import re
import shutil
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from bpf2py.btf import BTFError, TypeTable, decode, encode, values
from bpf2py.btf import types as t
from bpf2py.btf.layout import members, size_of
from bpf2py.btf.values import decode_value, format_value
from bpf2py.elf import read_object_file
from bpf2py.uapi import BTFKind

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"

TYPES: list[t.Type] = [
    t.Int("int", 4, 32, signed=True),
    t.Int("char", 1, 8, signed=True),
    t.Int("unsigned char", 1, 8),
    t.Int("_Bool", 1, 8, boolean=True),
    t.Float("double", 8),
    t.Enum("color", 4, (t.Enumerator("RED", -1), t.Enumerator("BLUE", 7)), signed=True),
    t.Ptr(1),
    t.Array(2, 1, 6),
    t.Array(3, 1, 3),
    t.Array(1, 1, 2),
    t.Struct("", 8, (t.Member("inner", 1, 0), t.Member("other", 1, 32))),
    t.Union("", 4, (t.Member("number", 1, 0), t.Member("bytes", 14, 0))),
    t.Struct(
        "all",
        64,
        (
            t.Member("text", 8, 0),
            t.Member("raw", 9, 48),
            t.Member("yes", 4, 72),
            t.Member("color", 6, 96),
            t.Member("", 11, 128),
            t.Member("either", 12, 192),
            t.Member("low", 1, 224, 3),
            t.Member("high", 1, 227, 5),
            t.Member("real", 5, 256),
            t.Member("pointer", 7, 320),
            t.Member("pair", 10, 384),
            t.Member("shade", 6, 448, 4),
        ),
        kind_flag=True,
    ),
    t.Array(3, 1, 4),
    t.Array(1, 1, 0),
    t.Struct("open", 4, (t.Member("count", 1, 0), t.Member("rest", 15, 32))),
    t.Typedef("all_t", 13),
    t.Const(17),
    t.Var("variable", 18, 1),
    t.Datasec(".data", 64, (t.SectionVar(19, 0, 64),)),
    t.Fwd("nothing"),
    t.Struct("empty", 0, ()),
    t.Array(22, 1, 1_000_000),
]
ALL, OPEN, CONST, VAR, SECTION, FWD, EMPTIES = 13, 16, 18, 19, 20, 21, 23


def table(byte_order: str = sys.byteorder) -> TypeTable:
    assert byte_order in ("little", "big")
    return decode(encode(TYPES, byte_order="little" if byte_order == "little" else "big"))


def everything(byte_order: str) -> bytes:
    mark = "<" if byte_order == "little" else ">"
    # A bitfield is counted from the lowest bit, which a big-endian machine has last.
    bits = 0b00010_101 if byte_order == "little" else 0b101_00010
    shade = 0b1111 if byte_order == "little" else 0b1111_0000
    data = struct.pack(
        f"{mark}6s3s?xxiiiiB3xdQiiB7x",
        b"a\xffb\0zz", b"\1\2\3", True, 7, 10, -11, 0x01020304, bits, 1.5, 0xFFFF8880, 1, -2, shade,
    )  # fmt: skip
    assert len(data) == 64
    return data


@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_values_are_those_of_c_in_either_byte_order(byte_order: str) -> None:
    either = b"\4\3\2\1" if byte_order == "little" else b"\1\2\3\4"
    expected = {
        "text": "a\udcffb",
        "raw": b"\1\2\3",
        "yes": True,
        "color": "BLUE",
        "inner": 10,
        "other": -11,
        "either": {"number": 0x01020304, "bytes": either},
        "low": -3,
        "high": 2,
        "real": 1.5,
        "pointer": 0xFFFF8880,
        "pair": [1, -2],
        "shade": "RED",
    }
    types, data = table(byte_order), everything(byte_order)
    assert decode_value(types, ALL, data) == expected
    assert decode_value(types, CONST, memoryview(data)) == expected
    assert decode_value(types, VAR, data) == expected
    assert decode_value(types, SECTION, data + b"more") == {"variable": expected}


def test_the_text_is_c_with_the_type_of_every_member() -> None:
    text = format_value(table(), SECTION, everything(sys.byteorder), indent="  ")
    assert text.startswith('SEC(".data") const all_t variable = (all_t){\n')
    for line in (
        r'  .text = (char[6])"a\xffb",',
        r'  .raw = (unsigned char[3])"\x01\x02\x03",',
        "  .yes = (_Bool)true,",
        "  .color = (enum color)BLUE,",
        "  (struct){",
        "    .inner = (int)10,",
        "  .either = (union){",
        "  .low = (int)-3,",
        "  .real = (double)1.5,",
        "  .pointer = (int *)0xffff8880,",
        "  .pair = (int[2])[",
        "    -2,",
        "  ],",
        "  .shade = (enum color)RED,",
    ):
        assert line in text.splitlines()
    assert text.endswith("\n};")


def test_numbers_without_an_enumerator_stay_numbers() -> None:
    assert decode_value(table(), 6, struct.pack("=i", 5)) == 5


def test_a_flexible_array_has_what_follows() -> None:
    data = struct.pack("=iiii", 3, 7, 8, 9)
    assert decode_value(table(), OPEN, data + b"\1") == {"count": 3, "rest": [7, 8, 9]}
    assert "\t\t9,\n" in format_value(table(), OPEN, data)
    assert decode_value(table(), OPEN, data[:4]) == {"count": 3, "rest": []}


def test_too_few_bytes_and_types_without_values_are_refused() -> None:
    with pytest.raises(BTFError, match="struct all needs 64 bytes at 0, and there are 63"):
        decode_value(table(), ALL, bytes(63))
    for type_id in (0, FWD, 999):
        with pytest.raises(BTFError):
            decode_value(table(), type_id, bytes(64))
    assert decode_value(table(), EMPTIES, b"") == []


def test_types_with_more_values_than_anybody_can_read_are_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(values, "_MAX_VALUES", 1000)
    types: list[t.Type] = [t.Int("int", 4, 32)]
    for type_id in range(1, 40):
        types.append(t.Union("", 4, (t.Member("a", type_id, 0), t.Member("b", type_id, 0))))
    deep = decode(encode(types, byte_order=sys.byteorder))
    with pytest.raises(BTFError, match="too many values"):
        decode_value(deep, len(types), bytes(4))
    with pytest.raises(BTFError, match="too many values"):
        format_value(deep, len(types), bytes(4))


def read(kinds: list[t.Type], data: bytes) -> None:
    """The last of *kinds*, in both ways."""
    made = decode(encode(kinds, byte_order=sys.byteorder))
    for how in (decode_value, format_value):
        how(made, len(kinds), data)


def test_bitfields_are_counted_as_values(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(values, "_MAX_VALUES", 1000)
    bits = tuple(t.Member(f"b{i}", 1, i % 8, 1) for i in range(500))
    kinds: list[t.Type] = [t.Int("int", 1, 8), t.Struct("s", 1, bits, True), t.Array(2, 1, 3)]
    with pytest.raises(BTFError, match="too many values"):
        read(kinds, bytes(3))


def test_types_nested_deeper_than_python_recurses_are_refused() -> None:
    nested: list[t.Type] = [t.Int("int", 4, 32)]
    nested += [t.Struct(f"s{i}", 4, (t.Member("m", i, 0),)) for i in range(1, 5000)]
    with pytest.raises(BTFError, match="holds others too deep in each other"):
        read(nested, bytes(4))
    typedefs: list[t.Type] = [t.Int("int", 4, 32)]
    typedefs += [t.Typedef(f"t{i}", i) for i in range(1, 64)]
    read(typedefs, bytes(4))
    with pytest.raises(BTFError, match="through more than 64 typedefs"):
        read([*typedefs, t.Typedef("t64", 64)], bytes(4))


# ---- libbpf ----


@pytest.fixture(scope="module")
def typed_dump(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler: apt-get install gcc")
    program = tmp_path_factory.mktemp("typed_dump") / "typed_dump"
    source = Path(__file__).with_name("typed_dump.c")
    done = subprocess.run(
        [compiler, "-O1", "-o", program, source, "-lbpf"], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no libbpf to ask: apt-get install libbpf-dev ({done.stderr[:200]})")
    return program


def written_alike(table: TypeTable, type_id: int) -> bool:
    """Whether we write values of this type as libbpf does; see the top of ``values.py``."""
    each = table[table.resolve(type_id)]
    match each:
        case t.Int():
            return not each.boolean and each.size <= 8
        case t.Array():
            element = table[table.resolve(each.element)]
            letters = isinstance(element, t.Int) and element.size == 1
            return 0 < each.length < 1000 and not letters and written_alike(table, each.element)
        case t.Struct() | t.Union():
            return all(
                not member.bit_size and written_alike(table, member.type_id)
                for member in members(table, each)
            )
        case t.Ptr() | t.Enum() | t.Enum64():
            return True
        case _:
            return False


def spaced(text: str) -> str:
    """libbpf's text with the spaces that we put, and NULL as a number."""
    return re.sub(r"(?<=\w)\(\*", " (*", text).replace("(nil)", "0x0")


@pytest.mark.parametrize("name", ["types_structs", "types_unions", "types_enums", "types_check"])
def test_the_text_is_what_libbpf_writes(name: str, typed_dump: Path, tmp_path: Path) -> None:
    blob = read_object_file(FIXTURES / f"{name}.bpf.o").btf
    (tmp_path / "btf").write_bytes(blob)
    types = decode(blob)
    seed = random.Random(name)
    asked: list[tuple[int, bytes]] = []
    for type_id in types:
        kinds = (BTFKind.STRUCT, BTFKind.UNION, BTFKind.ENUM, BTFKind.TYPEDEF, BTFKind.ARRAY)
        if types.kind(type_id) in kinds and written_alike(types, type_id):
            size = size_of(types, type_id)
            asked += [(type_id, bytes(size)), (type_id, seed.randbytes(size))]
            asked.append((type_id, bytes(seed.choice((0, 0, 0, 1, 2)) for _ in range(size))))
    assert len(asked) > 10
    done = subprocess.run(
        [typed_dump, tmp_path / "btf"],
        input="".join(f"{type_id} {data.hex()}\n" for type_id, data in asked),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = done.stdout.split("\n\x1e0\n")
    assert len(answers) == len(asked) + 1
    for (type_id, data), theirs in zip(asked, answers, strict=False):
        ours, theirs = format_value(types, type_id, data), spaced(theirs)
        if "enum" in ours:
            # Behind a number without a name, libbpf 1.1 leaves the comma and the line's end out;
            # numbers of 64 bits have a suffix.
            ours, theirs = (re.sub(r"[\s,]|U?LL\b", "", text) for text in (ours, theirs))
        assert ours == theirs
