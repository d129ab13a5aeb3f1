"""Completion and hovering over generated modules: the names of the C source, and what it says.

Two engines: pyright's language server, as editors run it, and jedi.
"""

from __future__ import annotations

import enum
import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeAlias

import jedi
import pytest

from bpf2py.elf import read_object_file

from .language_server import LanguageServer

ROOT = Path(__file__).resolve().parents[2]
FIXTURES = ROOT / "generated_fixtures"

Complete: TypeAlias = Callable[[str], list[str]]

MAPS = """
from generated_fixtures.maps_basic_bpf import MapsBasic
spec = MapsBasic.spec()
with spec.load() as loaded, loaded.attach() as links:
    """
GLOBALS = """
from generated_fixtures.globals_bpf import Globals
spec = Globals.spec()
with spec.load() as loaded:
    """
TYPES = """
from generated_fixtures.types_unions_bpf import InAddrAny, Tagged
from generated_fixtures.types_bitfields_bpf import AllKinds, Small
"""

#: What an object and its spec have of their own.
OBJECT = [
    "attach",
    "clone",
    "close",
    "closed",
    "links",
    "load_programs",
    "maps",
    "name",
    "programs",
    "spec",
]
SPEC = ["load", "maps", "object_spec", "prepare", "programs"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LanguageServer]:
    if shutil.which("node") is None:
        pytest.skip("pyright needs node")
    folder = tmp_path_factory.mktemp("use")
    settings = {"extraPaths": [str(ROOT)], "pythonVersion": "3.11"}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings))
    with LanguageServer(folder) as server:
        yield server


@pytest.fixture(scope="module", params=["pyright", "jedi"])
def complete(request: pytest.FixtureRequest) -> Complete:
    """Takes text with the cursor as ``|``, gives the names offered there."""
    if request.param == "pyright":
        server: LanguageServer = request.getfixturevalue("server")
        return server.complete
    project = jedi.Project(ROOT)

    def complete(text: str) -> list[str]:
        before, _, after = text.partition("|")
        line, column = before.count("\n") + 1, len(before.rpartition("\n")[2])
        script = jedi.Script(before + after, path=ROOT / "use.py", project=project)
        return [str(found.name) for found in script.complete(line, column)]

    return complete


def public(names: list[str]) -> list[str]:
    """Without what begins with an underscore: editors list that last."""
    return sorted(name for name in names if not name.startswith("_"))


def single_underscore(names: list[str]) -> set[str]:
    return {name for name in names if name.startswith("_") and not name.startswith("__")}


def c_maps(fixture: str) -> list[str]:
    maps = read_object_file(FIXTURES / f"{fixture}.bpf.o").maps.values()
    return sorted(each.name for each in maps if not each.section)


def c_variables(fixture: str, section: str) -> list[str]:
    return sorted(read_object_file(FIXTURES / f"{fixture}.bpf.o").maps[section].variables)


def c_programs(fixture: str) -> list[str]:
    return sorted(read_object_file(FIXTURES / f"{fixture}.bpf.o").programs)


@pytest.mark.parametrize("typed", ["spec.maps.|", "loaded.maps.|"])
def test_maps_are_completed_with_the_names_of_the_maps_alone(
    complete: Complete, typed: str
) -> None:
    found = complete(MAPS + typed)
    assert public(found) == c_maps("maps_basic")
    assert not single_underscore(found)


@pytest.mark.parametrize("typed", ["spec.programs.|", "loaded.programs.|"])
def test_programs_are_completed_with_the_names_of_the_programs_alone(
    complete: Complete, typed: str
) -> None:
    found = complete(GLOBALS + typed)
    assert public(found) == c_programs("globals")
    assert not single_underscore(found)


@pytest.mark.parametrize("section", ["rodata", "data", "bss"])
@pytest.mark.parametrize("before", ["spec", "loaded"])
def test_variables_are_completed_with_the_names_of_the_variables_alone(
    complete: Complete, before: str, section: str
) -> None:
    found = complete(f"{GLOBALS}{before}.{section}.|")
    assert public(found) == c_variables("globals", f".{section}")
    assert not single_underscore(found)


def test_an_object_and_its_spec_show_their_parts(complete: Complete) -> None:
    spec = read_object_file(FIXTURES / "globals.bpf.o")
    sections = [name.removeprefix(".").replace(".", "_") for name in spec.maps]
    assert public(complete(GLOBALS + "spec.|")) == sorted(SPEC + sections)
    assert public(complete(GLOBALS + "loaded.|")) == sorted(OBJECT + sections)


@pytest.mark.parametrize(
    ("typed", "members"),
    [
        ("for event in loaded.maps.events:\n        event.|", ["args", "comm", "kind", "pid"]),
        ("loaded.maps.start[1].|", ["comm", "cpu", "ts"]),
        ("for start in loaded.maps.start.values():\n        start.|", ["comm", "cpu", "ts"]),
        ("for k, start in loaded.maps.start.items():\n        start.|", ["comm", "cpu", "ts"]),
    ],
)
def test_events_and_values_are_completed_with_their_members_alone(
    complete: Complete, typed: str, members: list[str]
) -> None:
    found = complete(MAPS + typed)
    assert public(found) == members
    assert not single_underscore(found)


@pytest.mark.parametrize(
    ("typed", "members"),
    [
        ("InAddrAny().|", ["local", "v4", "v6"]),
        # the members of anonymous structs and unions, as in C
        (
            "Tagged().|",
            [
                *("half", "inline_named", "integer", "letter", "number", "numbers", "quarter"),
                *("tag", "text", "union_4", "x", "y", "z"),
            ],
        ),
        ("Tagged().number.|", ["d", "p", "raw", "s", "u"]),
    ],
)
def test_unions_are_completed_with_their_members(
    complete: Complete, typed: str, members: list[str]
) -> None:
    assert public(complete(TYPES + typed)) == members


def test_a_struct_inside_a_union_is_completed_with_its_members(complete: Complete) -> None:
    found = set(public(complete(TYPES + "InAddrAny().local.|")))
    # jedi thinks that it may also be the view itself, as it is on the class
    assert found - {"codec", "offset"} == {"name", "port"}


def test_an_enum_is_completed_with_its_members_and_what_every_intenum_has(
    complete: Complete,
) -> None:
    foreign = {"name", "value", *dir(enum.IntEnum), *dir(int), *dir(enum.EnumType), *dir(type)}
    found = {name for name in public(complete(TYPES + "Small.|")) if name not in foreign}
    assert found == {"SMALL_A", "SMALL_B", "SMALL_C"}


def test_keywords_of_a_constructor_are_the_members(complete: Complete) -> None:
    found = complete(TYPES + "Tagged(ta|)")
    assert "tag=" in found


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (
            MAPS + "loaded.maps.st|art",
            ["HashMap[int, Start]", "BPF_MAP_TYPE_HASH", "struct start", "1024 entries"],
        ),
        (MAPS + "loaded.maps.ev|ents", ["RingBuf[Event]", "BPF_MAP_TYPE_RINGBUF"]),
        (MAPS + "spec.maps.st|art", ["MapSpec", "BPF_MAP_TYPE_HASH", "1024 entries"]),
        (GLOBALS + "spec.rodata.target_p|id", ["int", "const volatile __u32 target_pid"]),
        (GLOBALS + "loaded.bss.mat|rix", ["list[list[int]]", "__u32 matrix[2][3]"]),
        (GLOBALS + "loaded.programs.cha|nge", ["SocketFilter", "globals.bpf.c:"]),
        (TYPES + "Tag|ged", ["struct tagged", "__u32 tag;"]),
        (TYPES + "InAddr|Any", ["union in_addr_any", "__u32 v4;", "one storage"]),
        (TYPES + "Sma|ll", ["enum small", "SMALL_A"]),
    ],
)
def test_hovering_says_what_the_c_source_says(
    server: LanguageServer, name: str, shown: list[str]
) -> None:
    text = server.hover(name)
    for each in shown:
        assert each in text
