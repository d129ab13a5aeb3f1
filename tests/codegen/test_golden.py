"""The checked-in modules: what the generator writes today, importable, with BTF's sizes.

``generated_fixtures/generate.py`` writes them; see there which objects have one.
"""

from __future__ import annotations

import ast
import builtins
import dataclasses
import importlib
import re
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpf2py import btf
from bpf2py.btf import layout
from bpf2py.codegen import names
from bpf2py.elf import read_object_file
from bpf2py.project.modules import ObjectFile, generated
from bpf2py.project.output import is_current
from bpf2py.runtime import codec
from bpf2py.spec import ObjectSpec
from bpf2py.uapi import BTFKind

FIXTURES = Path(__file__).resolve().parents[2] / "generated_fixtures"
MODULES = sorted(FIXTURES.glob("*_bpf.py"))
KINDS = {"struct": BTFKind.STRUCT, "union": BTFKind.UNION}


def objects_of(module: Path) -> list[Path]:
    """The objects a module was made from: its header names the files."""
    text = module.read_text()
    several = re.findall(r"^Object sha256: \w+ \((\S+)\)$", text, re.M)
    match = re.match(r'"""``(\S+\.bpf\.o)`` as Python', text)
    assert match, module
    return [module.with_name(name) for name in several or [match[1]]]


def specs_of(module: Path) -> Iterator[tuple[str, ObjectSpec]]:
    """The functions of a module that describe objects, and what the objects say."""
    for number, path in enumerate(objects_of(module), 1):
        spec = read_object_file(path)
        yield f"_object_spec_{number}" if number > 1 else "_object_spec", spec


def test_there_are_modules_to_compare() -> None:
    assert len(MODULES) >= 25
    assert list(FIXTURES.glob("*_bpf.bin"))


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_the_module_is_what_the_generator_writes(module: Path) -> None:
    objects = objects_of(module)
    name = module.stem.removesuffix("_bpf") if len(objects) > 1 else ""
    made = generated(
        [ObjectFile.at(path) for path in objects],
        module=module,
        name=name,
        sidecar="runtime.sidecar(" in module.read_text(),
    )
    assert is_current(module, made.text), "run `make fixtures`, and read the difference"
    for path, data in made.bytes_beside(module).items():
        assert path.read_bytes() == data


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_the_module_compiles_without_warnings_and_carries_the_objects_spec(module: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compile(module.read_text(), str(module), "exec", dont_inherit=True)
        imported = importlib.import_module(f"generated_fixtures.{module.stem}")
    for function, spec in specs_of(module):
        assert getattr(imported, function)() == spec


@pytest.mark.parametrize("module", MODULES, ids=lambda path: path.stem)
def test_every_class_has_the_size_that_btf_says_and_round_trips_zero(module: Path) -> None:
    imported = importlib.import_module(f"generated_fixtures.{module.stem}")
    table = btf.decode(imported._object_spec().btf)
    for cls in vars(imported).values():
        if not (dataclasses.is_dataclass(cls) or _is_union(cls)) or not isinstance(cls, type):
            continue
        own: codec.Codec[object] = codec.of(cls)
        value = cls()
        data = own.pack(value)
        assert not any(data[: own.size])
        assert own.unpack(bytes(own.size)) == value
        match = re.match(r"``(struct|union) (\w+)``, (\d+) byte", cls.__doc__ or "")
        if match:
            size = int(match[3])
            assert size in {
                layout.size_of(table, type_id)
                for type_id in table.ids_named(match[2])
                if table.kind(type_id) is KINDS[match[1]]
            }
            # before a flexible array there may be padding that no record need have
            assert own.size == size or (own.variable and own.size < size)


def _is_union(cls: object) -> bool:
    return isinstance(cls, type) and issubclass(cls, codec.Union)


def test_what_modules_take_from_python_no_constant_can_be_called() -> None:
    used: set[str] = set()
    for module in MODULES:
        tree = ast.parse(module.read_text())
        classes = {node.name for node in tree.body if isinstance(node, ast.ClassDef)}
        found = [node for node in ast.walk(tree) if isinstance(node, ast.Name)]
        loaded = {node.id for node in found if isinstance(node.ctx, ast.Load)}
        used |= {name for name in loaded - classes if hasattr(builtins, name)}
        used |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    assert {"hash", "range", "_object_spec"} <= used
    assert {re.sub(r"_\d+$", "", name) for name in used} <= names.MODULE_RESERVED
