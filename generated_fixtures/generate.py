"""Write the modules of the checked-in objects, here and in ``examples/``, as ``bpf2py gen`` does.

In: the ``.bpf.o`` files.  Out: a ``_bpf.py`` beside each.  They are checked in: the tests import
them, and a change of the generator is seen as a difference in them.  ``--check`` writes nothing
and fails when one is out of date, or when a module has lost its object.

An object that is there for another compiler, byte order or CPU (``globals.eb.bpf.o``) gets no
module of its own if there is the usual one (``globals.bpf.o``): it says the same.  Those of
``AS_ONE`` are one module together.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from click import ClickException

from bpf2py.cli import gen
from bpf2py.codegen import CodegenError
from bpf2py.elf import ObjectError
from bpf2py.project import modules

HERE = Path(__file__).resolve().parent

#: Objects whose variants are in their module, too.
AS_ONE = frozenset({"variants"})

#: Objects whose modules have their binary part in a file beside them.
SIDECAR = frozenset({"big_program"})

#: Objects that use what is not supported yet.  Once one is, this list is out of date, and fails.
REFUSED: frozenset[str] = frozenset()


def objects() -> list[Path]:
    """The objects that have a module, in the order of their names."""
    found: list[Path] = []
    for path in sorted([*HERE.glob("*.bpf.o"), *HERE.parent.glob("examples/*/*.bpf.o")]):
        usual = path.with_name(f"{path.name.partition('.')[0]}.bpf.o")
        if path == usual or not usual.exists():
            found.append(path)
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description="Generate the checked-in modules.")
    parser.add_argument("--check", action="store_true", help="only say which are out of date")
    check: bool = parser.parse_args().check

    requests: list[gen.Request] = []
    wrong: list[str] = []
    for path in objects():
        if path.name.removesuffix(".bpf.o") in REFUSED:
            wrong += _still_refused(path)
        else:
            requests.append(_request(*_variants(path), name=_together(path)))
    expected = {each.directory / f"{modules.module_name(each.file)}.py" for each in requests}
    for folder in {each.directory for each in requests}:
        for module in sorted(set(folder.glob("*_bpf.py")) - expected):
            wrong.append(f"{module} has no object")
    try:
        beside = [each for each in requests if each.file.name.removesuffix(".bpf.o") in SIDECAR]
        gen.run([each for each in requests if each not in beside], gen.Options(check=check))
        gen.run(beside, gen.Options(check=check, sidecar=True))
    except ClickException as error:
        wrong.append(f"{error.message}: run `make fixtures`")
    for line in wrong:
        print(line, file=sys.stderr)
    return 1 if wrong else 0


def _together(path: Path) -> str:
    """What the variants in the module of *path* are called, empty if it is alone there."""
    name = path.name.removesuffix(".bpf.o")
    return name if name in AS_ONE else ""


def _variants(path: Path) -> list[Path]:
    others = path.parent.glob(f"{_together(path)}.*.bpf.o") if _together(path) else ()
    return [path, *sorted(others)]


def _request(*paths: Path, name: str = "") -> gen.Request:
    files = tuple((path.relative_to(Path.cwd()), "") for path in paths)
    return gen.Request(directory=files[0][0].parent, files=files, name=name)


def _still_refused(path: Path) -> list[str]:
    try:
        gen.run([_request(path)], gen.Options(check=True))
    except (CodegenError, ObjectError):
        return []
    except ClickException:
        pass
    return [f"{path.name} is supported now: take it off REFUSED in {Path(__file__).name}"]


if __name__ == "__main__":
    raise SystemExit(main())
