"""What ``import bpf2py.runtime`` costs: it is part of the start of every tool made with it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

#: Slow to import, or a sign that the run side does what belongs elsewhere.
FORBIDDEN = frozenset(
    {
        "argparse",
        "ast",
        "asyncio",
        "collections",  # bpf2py.light has what is needed of these
        "contextlib",
        "enum",
        "functools",
        "re",
        "typing",
        "concurrent.futures",
        "ctypes.util",  # looks for compilers
        "dataclasses",  # imports inspect: what every start makes is made by bpf2py.records
        "email",
        "hashlib",
        "http",
        "inspect",
        "json",
        "logging",
        "multiprocessing",
        "pathlib",
        "pickle",
        "platform",
        "random",
        "selectors",
        "shutil",
        "socket",
        "ssl",
        "subprocess",
        "tempfile",
        "unittest",
        "urllib",
        "xml",
    }
)

#: The build side, and what it needs.
BUILD_SIDE = frozenset(
    {
        "black",
        "bpf2py.cli",
        "bpf2py.codegen",
        "bpf2py.elf",
        "click",
        "elftools",
        "jinja2",
        "mypy",
        "rich",
    }
)


def modules_after(statement: str) -> frozenset[str]:
    """The names in ``sys.modules`` of a fresh interpreter after *statement*."""
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); {statement}; print(*sys.modules)"
    # -I -S: neither the user's environment nor site's imports take part
    result = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True
    )
    return frozenset(result.stdout.split())


@pytest.fixture(scope="module")
def imported() -> frozenset[str]:
    return modules_after("import bpf2py.runtime, bpf2py.runtime.codec, bpf2py.spec, bpf2py.uapi")


def test_importing_the_runtime_pulls_in_nothing_heavy(imported: frozenset[str]) -> None:
    assert not imported & FORBIDDEN


def test_loading_pulls_in_nothing_heavy_nor_classes_it_does_not_need() -> None:
    needed = modules_after(
        "import bpf2py.runtime.loader, bpf2py.runtime.kernel_btf, bpf2py.runtime.targets, "
        "bpf2py.runtime.variables, bpf2py.btf, bpf2py.btf.core, bpf2py.asm, "
        "bpf2py.runtime.core_cache, bpf2py.runtime.programs.tracing"
    )
    assert not needed & FORBIDDEN - {"collections"}  # which array imports
    assert not needed & {
        "bpf2py.asm.insn",
        "bpf2py.btf.build",
        "bpf2py.btf.ext_info",
        "bpf2py.btf.types",
        "bpf2py.runtime.maps.base",
        "bpf2py.uapi.rare",
    }


def test_the_second_load_of_a_core_object_pulls_in_neither_btf_nor_anything_heavy() -> None:
    needed = modules_after(
        "import bpf2py.runtime.loader, bpf2py.runtime.core_cache, bpf2py.runtime.variables, "
        "bpf2py.runtime.targets, bpf2py.runtime.kernel_ids, bpf2py.runtime.programs.tracing"
    )
    assert not needed & FORBIDDEN
    assert not [name for name in needed if name.startswith("bpf2py.btf")]


def test_importing_the_runtime_pulls_in_nothing_of_the_build_side(
    imported: frozenset[str],
) -> None:
    assert not imported & BUILD_SIDE


def test_everything_imported_comes_with_python(imported: frozenset[str]) -> None:
    tops = {name.partition(".")[0] for name in imported} - {"bpf2py", "__main__", "sitecustomize"}
    assert tops <= sys.stdlib_module_names


def test_importing_the_package_imports_nothing_else() -> None:
    ours = {name for name in modules_after("import bpf2py") if name.startswith("bpf2py")}
    assert ours == {"bpf2py"}


@pytest.mark.parametrize("part", ["btf", "asm", "spec", "uapi"])
def test_the_contract_does_not_need_the_runtime(part: str) -> None:
    assert "bpf2py.runtime" not in modules_after(f"import bpf2py.{part}")
