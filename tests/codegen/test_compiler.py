"""Random C structs: what the compiler lays out, the generated module reads, and packs the same.

Each seed is one C file of initialised variables, compiled for BPF and read back through the whole
build side.  The expected values never pass through BTF.
"""

from __future__ import annotations

import random
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bpf2py.codegen import generate
from bpf2py.elf import read_object_file
from bpf2py.runtime import codec

from ..support.llvm import require_clang
from .source import imported

VARIABLES = 30
PRELUDE = """
typedef unsigned char u8; typedef unsigned short u16; typedef unsigned int u32;
typedef unsigned long long u64; typedef signed char s8; typedef short s16; typedef int s32;
typedef long long s64; typedef _Bool boolean;
enum color { RED, GREEN = 5, BLUE = -7 };
"""
INTEGERS = {"u8": 8, "u16": 16, "u32": 32, "u64": 64, "s8": 8, "s16": 16, "s32": 32, "s64": 64}

#: What a member is to be: the names that lead to it, and its value.
Expected = list[tuple[tuple[str, ...], Any]]


class Maker:
    """Makes struct bodies with their initialisers, and says what each member then is."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.numbers = iter(range(10_000))

    def body(self, path: tuple[str, ...], depth: int) -> tuple[str, str, Expected]:
        """(declarations, initialiser, expected) of a struct's members."""
        declarations: list[str] = []
        values: list[str] = []
        expected: Expected = []
        for _ in range(self.random.randint(1, 7)):
            kind = self.random.choice(KINDS[: None if depth else -3])
            declaration, value, found = kind(self, f"m{next(self.numbers)}", path, depth)
            declarations.append(declaration)
            values.append(value)
            expected += found
        return " ".join(declarations), f"{{ {', '.join(values)} }}", expected

    def number(self, c_type: str, bits: int) -> int:
        low = -(1 << bits - 1) if c_type.startswith("s") else 0
        high = (1 << bits - 1) - 1 if c_type.startswith("s") else (1 << bits) - 1
        return self.random.choice([low, high, 0, min(1, high), self.random.randint(low, high)])

    def literal(self, number: int) -> str:
        return f"{number:#x}ull" if number >= 0 else f"(-{-number - 1}ll - 1)"


def _integer(m: Maker, name: str, path: tuple[str, ...], depth: int) -> tuple[str, str, Expected]:
    c_type, bits = m.random.choice(list(INTEGERS.items()))
    number = m.number(c_type, bits)
    return f"{c_type} {name};", f".{name} = {m.literal(number)}", [((*path, name), number)]


def _bitfield(m: Maker, name: str, path: tuple[str, ...], depth: int) -> tuple[str, str, Expected]:
    c_type, whole = m.random.choice(list(INTEGERS.items()))
    bits = m.random.randint(1, whole)
    number = m.number(c_type, bits)
    text = f"{c_type} {name} : {bits};"
    if not m.random.randrange(4):
        text += m.random.choice([" u32 : 0;", " u8 : 3;"])
    return text, f".{name} = {m.literal(number)}", [((*path, name), number)]


def _boolean(m: Maker, name: str, path: tuple[str, ...], depth: int) -> tuple[str, str, Expected]:
    value = m.random.random() < 0.5
    bits = m.random.choice(["", " : 1"])
    return f"boolean {name}{bits};", f".{name} = {int(value)}", [((*path, name), value)]


def _enum(m: Maker, name: str, path: tuple[str, ...], depth: int) -> tuple[str, str, Expected]:
    number = m.random.choice([0, 5, -7])
    return f"enum color {name};", f".{name} = {number}", [((*path, name), number)]


def _text(m: Maker, name: str, path: tuple[str, ...], depth: int) -> tuple[str, str, Expected]:
    size = m.random.randint(1, 9)
    text = "".join(m.random.choices("abcXYZ_", k=m.random.randint(0, size)))
    return f"char {name}[{size}];", f'.{name} = "{text}"', [((*path, name), text)]


def _bytes(m: Maker, name: str, path: tuple[str, ...], depth: int) -> tuple[str, str, Expected]:
    data = m.random.randbytes(m.random.randint(1, 9))
    values = ", ".join(map(str, data))
    return f"u8 {name}[{len(data)}];", f".{name} = {{ {values} }}", [((*path, name), data)]


def _array(m: Maker, name: str, path: tuple[str, ...], depth: int) -> tuple[str, str, Expected]:
    rows, columns = m.random.randint(1, 3), m.random.randint(1, 12)
    table = [[m.number("s16", 16) for _ in range(columns)] for _ in range(rows)]
    values = ", ".join(f"{{ {', '.join(map(str, row))} }}" for row in table)
    return (
        f"s16 {name}[{rows}][{columns}];",
        f".{name} = {{ {values} }}",
        [((*path, name), table)],
    )


def _pointer(m: Maker, name: str, path: tuple[str, ...], depth: int) -> tuple[str, str, Expected]:
    number = m.number("u64", 64)
    return f"void *{name};", f".{name} = (void *){m.literal(number)}", [((*path, name), number)]


def _nested(m: Maker, name: str, path: tuple[str, ...], depth: int) -> tuple[str, str, Expected]:
    body, value, expected = m.body((*path, name), depth - 1)
    packed = m.random.choice(["", "", " __attribute__((packed))"])
    return f"struct {{ {body} }}{packed} {name};", f".{name} = {value}", expected


def _anonymous(m: Maker, name: str, path: tuple[str, ...], depth: int) -> tuple[str, str, Expected]:
    body, value, expected = m.body(path, depth - 1)
    # the initialiser of an anonymous member has no name: its members are named one level up
    return f"struct {{ {body} }};", value[2:-2], expected


def _union(m: Maker, name: str, path: tuple[str, ...], depth: int) -> tuple[str, str, Expected]:
    named = m.random.random() < 0.5
    inner = (*path, name) if named else path
    kinds = m.random.choices((_integer, _text, _bytes, _array, _bitfield), k=3)
    rows = [kind(m, f"{name}u{number}", inner, 0) for number, kind in enumerate(kinds)]
    _, value, expected = m.random.choice(rows)
    body = " ".join(row[0] for row in rows)
    if named:
        return f"union {{ {body} }} {name};", f".{name} = {{ {value} }}", expected
    return f"union {{ {body} }};", value, expected


#: The last three nest.
KINDS = (
    _integer, _integer, _bitfield, _bitfield, _boolean, _enum, _text, _bytes, _array, _pointer,
    _union, _nested, _anonymous,
)  # fmt: skip


def _read(value: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        value = getattr(value, name)
    return value


def _source(maker: Maker) -> Iterator[tuple[str, Expected, str]]:
    for number in range(VARIABLES):
        body, value, expected = maker.body((), 3)
        packed = maker.random.choice(["", "", "__attribute__((packed)) "])
        name = f"v{number}"
        section = '__attribute__((section(".data.x")))'
        text = (
            f"struct {packed}s{number} {{ {body} }};\nstruct s{number} {name} {section} = {value};"
        )
        yield name, expected, text


@pytest.mark.parametrize("seed", range(4))
def test_what_the_compiler_laid_out_is_read_and_packed_the_same(seed: int, tmp_path: Path) -> None:
    rows = list(_source(Maker(seed)))
    source, path = tmp_path / "x.bpf.c", tmp_path / "x.bpf.o"
    source.write_text("\n".join([PRELUDE, *(text for _, _, text in rows)]))
    clang = require_clang(since=15, what="the sign of an enum")  # 14 leaves it out of BTF
    command = [clang, "-g", "-O1", "--target=bpf", "-w", "-c", str(source), "-o", str(path)]
    subprocess.run(command, check=True)
    spec = read_object_file(path)
    module = imported(generate(spec))
    variables = module.X.spec().data_x
    data = spec.maps[".data.x"]
    assert data.data is not None
    for name, expected, text in rows:
        value = getattr(variables, name)
        for place, number in expected:
            assert _read(value, place) == number, (place, text)
        row = data.variables[name]
        raw = bytes(data.data[row.offset : row.offset + row.size])
        layout: codec.Codec[object] = codec.of(type(value))
        assert layout.size == row.size
        assert layout.pack(value) == raw, text
