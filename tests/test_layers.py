"""Who may import whom: the table of ARCHITECTURE.md, held against every module's syntax tree."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "bpf2py"

CONTRACT = frozenset({"enums", "light", "records", "uapi", "btf", "asm", "spec"})
EVERYTHING = CONTRACT | {"runtime", "elf", "codegen", "project", "cli", "__main__", ""}


@dataclass(frozen=True)
class Layer:
    """What a part may import: of bpf2py, from PyPI, and whether it must say so relatively."""

    ours: frozenset[str]
    pypi: frozenset[str] = frozenset()
    vendored: bool = False


LAYERS = {
    "light": Layer(frozenset(), vendored=True),
    "enums": Layer(frozenset(), vendored=True),
    "records": Layer(frozenset({"light"}), vendored=True),
    "uapi": Layer(frozenset({"enums"}), vendored=True),
    "btf": Layer(frozenset({"light", "records", "uapi"}), vendored=True),
    "asm": Layer(frozenset({"light", "records", "uapi"}), vendored=True),
    "spec": Layer(frozenset({"enums", "light", "records", "uapi", "btf", "asm"}), vendored=True),
    "runtime": Layer(CONTRACT, vendored=True),
    "elf": Layer(CONTRACT, frozenset({"pyelftools"})),
    "codegen": Layer(CONTRACT, frozenset({"jinja2", "black", "mypy"})),
    "project": Layer(CONTRACT | {"runtime", "elf", "codegen"}),
    "hooks": Layer(frozenset({"project"}), frozenset({"hatchling", "setuptools"})),
    "cli": Layer(EVERYTHING, frozenset({"click", "rich"})),
    # the package itself holds the version, and the command's entry looks for the build extra
    "": Layer(frozenset()),
    "__main__": Layer(frozenset({"cli"})),
}

#: Single imports beyond the table, with the reason.
EXCEPTIONS = {
    # a vendored copy carries the version it was made from
    ("codegen/vendor.py", ""),
    # what another version made is made again
    ("project/kept.py", ""),
    # the sentence about the build extra
    ("hooks/__init__.py", "__main__"),
}

IMPORTED_AS = {"elftools": "pyelftools"}

MODULES = sorted(PACKAGE.rglob("*.py"))


@dataclass(frozen=True)
class Import:
    """One import as written: ``level`` dots, then ``module``; ``names`` after ``from``."""

    line: int
    level: int
    module: str
    names: tuple[str, ...]


def part_of(path: Path) -> str:
    """The row of the table for a module: its folder or file directly below ``bpf2py``."""
    first = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return "" if first == "__init__" else first


def imports(path: Path) -> Iterator[Import]:
    """Every import of a module, those inside functions and under TYPE_CHECKING included."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"), str(path))):
        match node:
            case ast.Import():
                for alias in node.names:
                    yield Import(node.lineno, 0, alias.name, ())
            case ast.ImportFrom():
                names = tuple(alias.name for alias in node.names)
                yield Import(node.lineno, node.level, node.module or "", names)


def targets(path: Path, found: Import) -> Iterator[str]:
    """The parts of bpf2py that an import reaches; nothing for a foreign one."""
    if found.level:
        package = ["bpf2py", *path.relative_to(PACKAGE).parts[:-1]]
        base = package[: len(package) - found.level + 1]
        assert base, f"{path}:{found.line} imports from above the package"
        full = base + (found.module.split(".") if found.module else [])
    else:
        full = found.module.split(".")
    if full[0] != "bpf2py":
        return
    if len(full) > 1:
        yield full[1]
        return
    for name in found.names or ("",):
        known = (PACKAGE / name).is_dir() or (PACKAGE / f"{name}.py").is_file()
        yield name if name and known else ""


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_layer_may(path: Path) -> None:
    part = part_of(path)
    layer = LAYERS[part]
    relative = path.relative_to(PACKAGE).as_posix()
    for found in imports(path):
        where = f"{relative}:{found.line}"
        ours = set(targets(path, found))
        for target in ours - {part}:
            allowed = target in layer.ours or (relative, target) in EXCEPTIONS
            assert allowed, f"{where}: {part or 'bpf2py'} imports {target or 'bpf2py itself'}"
        if layer.vendored:
            assert not ours or found.level, f"{where}: a vendored part imports by absolute name"
        if ours or found.level:
            continue
        name = found.module.partition(".")[0]
        if name not in sys.stdlib_module_names:
            assert IMPORTED_AS.get(name, name) in layer.pypi, f"{where}: {part} imports {name}"


def test_every_part_of_the_package_has_a_layer() -> None:
    assert {part_of(path) for path in MODULES} <= LAYERS.keys()


def test_architecture_md_shows_the_same_table() -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    section = text.partition("## Who may import whom")[2].partition("\n## ")[0]
    rows = {}
    for line in section.splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 4 and (names := re.findall(r"`([a-z_/.]+)`", cells[0])):
            name = names[0].rstrip("/").removesuffix(".py")
            rows[name] = (_ours(cells[2]), _pypi(cells[3]))
    expected = {
        name: (layer.ours, layer.pypi)
        for name, layer in LAYERS.items()
        if name not in {"", "__main__"}
    }
    assert rows == expected


def _ours(cell: str) -> frozenset[str]:
    match cell:
        case "nothing":
            return frozenset()
        case "the contract" | "the seven above":
            return CONTRACT
        case "everything":
            return EVERYTHING
        case _:
            named = frozenset(re.findall(r"`([a-z]+)`", cell))
            return named | CONTRACT if "the contract" in cell else named


def _pypi(cell: str) -> frozenset[str]:
    return frozenset() if cell == "nothing" else frozenset(cell.split(", "))


def test_generated_modules_import_the_run_side_alone() -> None:
    generated = [*ROOT.glob("generated_fixtures/*_bpf.py"), *ROOT.glob("examples/*/*_bpf.py")]
    assert generated, "no generated module is checked in"
    allowed = {"runtime", "spec", "uapi", "codec"}
    for path in generated:
        for found in imports(path):
            head = found.module.partition(".")[0]
            if head in {"bpf2py", "_bpf2py"} or found.level:
                assert set(found.names) <= allowed, f"{path}:{found.line}"
            else:
                assert head in sys.stdlib_module_names, f"{path}:{found.line} imports {head}"
