"""A number of random types, drawn, compiled, and compared together.

Starting a compiler and generating a module have a price each, so types go in batches.  When one of
a batch disagrees, ``smallest`` lets hypothesis look for the simplest type that does so alone.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import hypothesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, NoSuchExample

from bpf2py.codegen import generate
from bpf2py.elf import read_object_file

from . import build, check
from .c_source import Target, declaration, target
from .c_types import CType, types

ByteOrder = Literal["little", "big"]
DRAWN = st.tuples(types("v0"), st.integers(0, 1 << 32))


def draw(count: int, seed: int) -> list[Target]:
    """*count* types with values, the same for the same *seed*."""
    found: list[Target] = []

    @hypothesis.seed(seed)
    @settings(
        max_examples=count,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def collect(data: st.DataObject) -> None:
        name = f"v{len(found)}"
        found.append(target(name, data.draw(types(name)), data.draw(st.integers(0, 1 << 32))))

    collect()
    return found[:count]


def compare(
    targets: Sequence[Target],
    folder: Path,
    clang: str,
    byte_order: ByteOrder = "little",
    *,
    running: bool = True,
    emulator: Sequence[str] = (),
) -> list[str]:
    """What disagrees between C and the generated module, of all *targets*.

    With *running*, C code for this machine reads and writes memory, too.  *emulator* begins the
    command line of a Python on an emulated s390x, on which the big-endian side then runs.
    """
    folder = Path(tempfile.mkdtemp(dir=folder))  # a library is known by its path once it is loaded
    path = build.compile_object(clang, targets, folder / "x.bpf.o", byte_order=byte_order)
    text = generate(read_object_file(path), types=[t.alias for t in targets if t.flexible])
    module = folder / "x_bpf.py"
    module.write_text(text)
    plan: dict[str, Any] = {"section": build.SECTION, "types": [t.plan() for t in targets]}
    if byte_order == "big" and emulator:
        build.compile_foreign_library(clang, targets, folder / "x.so")
        return _elsewhere(plan, folder, emulator)
    library = None
    if running:
        library = ctypes.CDLL(str(build.compile_library(clang, targets, folder / "x.so")))
    name = f"x_bpf_{byte_order}"
    return check.check(plan, check.load(module, name), library)


def _elsewhere(plan: dict[str, Any], folder: Path, emulator: Sequence[str]) -> list[str]:
    names = {"library": "x.so", "module": "x_bpf.py"}
    (folder / "plan.json").write_text(json.dumps(plan | names))
    root = Path(__file__).resolve().parents[2]
    program = f"import sys; sys.path.insert(0, {str(root)!r}); " + (
        f"sys.argv = ['check', {str(folder / 'plan.json')!r}]; "
        "from tests.layouts import check; check.main()"
    )
    done = subprocess.run([*emulator, "-S", "-c", program], capture_output=True, text=True)
    if done.returncode:
        return [done.stderr]
    report = json.loads(done.stdout)
    assert report["order"] == "big"
    problems: list[str] = report["problems"]
    return problems


def smallest(disagree: Callable[[list[Target]], object], seconds: float = 60) -> Target | None:
    """The simplest type of which ``disagree(targets)`` is true, for whoever reads the failure.

    What was found after some *seconds*, which is nothing where few types disagree.
    """
    end = time.monotonic() + seconds
    found: list[Target] = []

    def alone(drawn: tuple[CType, int]) -> bool:
        one = target("v0", *drawn)
        wrong = time.monotonic() < end and bool(disagree([one]))
        if wrong:
            found.append(one)
        return wrong

    options = settings(max_examples=300, deadline=None, database=None, derandomize=True)
    with contextlib.suppress(NoSuchExample, Flaky):
        hypothesis.find(DRAWN, alone, settings=options)
    return min(found, key=lambda one: len(declaration(one)), default=None)
