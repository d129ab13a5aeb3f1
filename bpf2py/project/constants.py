"""Macros of a C source as values: BTF has none, so the compiler is asked.

In: a source, a :class:`Compiler`, flags, patterns (``MAX_*``).  Out: name and value of every
object-like macro that matches, that the user's own files define, and that is a constant: an
integer, a floating point number, a string.  The preprocessor lists the macros; a copy of the source
that ends in one variable per macro is compiled, and the variables are read.
"""

from __future__ import annotations

import fnmatch
import re
import struct
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

from ..btf import TypeTable, decode
from ..btf.types import Array, Float, Int
from ..elf import read_object
from .compile import run_compiler
from .compiler import Compiler
from .errors import CompileError

Value: TypeAlias = int | float | str

_MARKER = re.compile(r'# \d+ "((?:[^"\\]|\\.)*)"((?: \d)*)$')
_DEFINE = re.compile(r"#define (\w+)(?: (.*))?$")
_UNDEF = re.compile(r"#undef (\w+)$")
#: A linemarker's flag: what follows comes from a system header.
_SYSTEM = "3"
_VARIABLE = "bpf2py_constant_"
_ERROR = re.compile(r"<constants>:(\d+):\d+: (?:fatal )?error: ")
_BRACKETS = {")": "(", "]": "[", "}": "{"}


def read_constants(
    compiler: Compiler,
    source: Path,
    patterns: Sequence[str],
    *,
    target: str,
    architecture: str,
    extra: tuple[str, ...] = (),
    cwd: Path | None = None,
) -> dict[str, Value]:
    """The constants that match one of *patterns*, in the order in which they are defined.

    :class:`CompileError` for a pattern that no constant matches.
    """
    if not patterns:
        return {}
    source = (cwd or Path()) / source

    def run(text: str, *more: str) -> tuple[str, str, bytes]:
        with tempfile.TemporaryDirectory(prefix="bpf2py-") as scratch:
            result = Path(scratch, "constants.o")
            probe = Path(scratch, "constants.c")
            probe.write_text(text, encoding="utf-8")
            arguments = compiler.arguments(
                probe, result, target=target, architecture=architecture,
                extra=(f"-I{source.parent}", *extra, "-w", *more),
            )  # fmt: skip
            done = run_compiler(arguments, cwd)
            data = result.read_bytes() if result.exists() else b""
            return done.stdout, done.stderr, data

    include = f'#include "{source.absolute()}"\n'
    listed, said, text = run(include, "-E", "-dD")
    macros = own_macros(text.decode("utf-8", "surrogateescape") or listed)
    wanted = {name: body for name, body in macros.items() if _matches(name, patterns)}
    refused = {name for name, body in wanted.items() if not _balanced(body)}
    values: dict[str, Value] = {}
    while names := [name for name in wanted if name not in refused]:
        lines = [f"const __typeof__({name}) {_VARIABLE}{name} = {name};" for name in names]
        probe = f'{include}#line 1 "<constants>"\n' + "\n".join(lines) + "\n"
        _, said, data = run(probe, "-ferror-limit=0", "-fno-caret-diagnostics")
        wrong = {int(found) - 1 for found in _ERROR.findall(said)}
        if not wrong:
            if not data:
                raise CompileError(f"{source}: its constants cannot be read", diagnostics=said)
            values = _values(data, names)
            break
        refused |= {names[number] for number in wrong if number < len(names)}
    for pattern in patterns:
        if not any(_matches(name, [pattern]) for name in values):
            why = (
                "is no constant"
                if pattern in macros
                else "is no macro with a value in the source or its own headers"
            )
            raise CompileError(f"{source}: constants: {pattern} {why}")
    return values


def agreed(values: Mapping[str, Mapping[str, Value]]) -> Mapping[str, Value]:
    """The constants of objects that become one module; :class:`CompileError` where they differ."""
    first, *others = values.items() or [("", {})]
    for name, found in others:
        for each in first[1].keys() | found.keys():
            if first[1].get(each) != found.get(each):
                raise CompileError(
                    f"constants: {each} is {first[1].get(each)!r} in {first[0]} and "
                    f"{found.get(each)!r} in {name}, which become one module"
                )
    return first[1]


def own_macros(preprocessed: str) -> dict[str, str]:
    """Name and body of the object-like macros that no system header defines, from ``-dD``."""
    found: dict[str, str] = {}
    system = True  # what comes before the first file is the compiler's
    for line in preprocessed.splitlines():
        if not line.startswith("#"):
            continue
        if marker := _MARKER.match(line):
            system = _SYSTEM in marker[2].split() or marker[1].startswith("<")
        elif undef := _UNDEF.match(line):
            found.pop(undef[1], None)
        elif not system and (define := _DEFINE.match(line)) and define[2]:
            found.pop(define[1], None)
            found[define[1]] = define[2]
    return found


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _balanced(body: str) -> bool:
    """Whether a macro could be an expression, and does no harm to the lines behind it."""
    body = re.sub(r'"(?:[^"\\]|\\.)*"' + r"|'(?:[^'\\]|\\.)*'", "", body)
    opened: list[str] = []
    for char in body:
        if char in "([{":
            opened.append(char)
        elif char in ")]}" and (not opened or opened.pop() != _BRACKETS[char]):
            return False
    return not opened and not set(";#\"'") & set(body)


def _values(data: bytes, names: Sequence[str]) -> dict[str, Value]:
    spec = read_object(data, name="constants")
    table = decode(spec.btf)
    places = {
        name: (section, variable)
        for section in spec.maps.values()
        for name, variable in section.variables.items()
    }
    found: dict[str, Value] = {}
    for name in names:
        section, variable = places[_VARIABLE + name]
        raw = bytes(section.data or b"")[variable.offset :][: variable.size]
        value = _value(table, variable.type_id, raw.ljust(variable.size, b"\0"))
        if value is not None:
            found[name] = value
    return found


def _value(table: TypeTable, type_id: int, raw: bytes) -> Value | None:
    """The value of a variable; ``None`` for what is no plain constant."""
    typ = table[table.resolve(type_id)]
    match typ:
        case Int():
            number = int.from_bytes(raw, table.byte_order, signed=typ.signed)
            return bool(number) if typ.boolean else number
        case Float(size=4 | 8 as size):
            order = "<" if table.byte_order == "little" else ">"
            (real,) = struct.unpack(order + {4: "f", 8: "d"}[size], raw)
            return float(real)
        case Array(element=element):
            inner = table[table.resolve(element)]
            if isinstance(inner, Int) and inner.size == 1:
                return raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")
            return None
        case _:
            return None
