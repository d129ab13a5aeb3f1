"""What the documents say exists: commands, options, targets, links, names; and their Python is typed."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from bpf2py.cli.main import COMMANDS, cli
from bpf2py.codegen.tables import MAP_CLASSES, PROGRAM_CLASSES
from bpf2py.uapi import MapType

ROOT = Path(__file__).parents[1]
DOCUMENTS = [
    ROOT / name
    for name in (
        "README.md",
        "CONTRIBUTING.md",
        "ARCHITECTURE.md",
        "CHANGELOG.md",
        "docs/loading.md",
    )
]
README = (ROOT / "README.md").read_text(encoding="utf-8")
#: Whole programs, in what users read.
PYTHON_BLOCKS = [
    block
    for document in (ROOT / "README.md", ROOT / "docs" / "loading.md")
    for block in re.findall(
        r"^```python\n(.*?)^```", document.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
    )
]


def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", text, re.MULTILINE))


def test_the_first_ten_lines_of_the_readme_load_an_object() -> None:
    beginning = "\n".join(README.splitlines()[:10])
    assert "bpf2py gen opensnoop.bpf.o" in beginning
    assert ".load()" in beginning
    assert "from opensnoop_bpf import" in beginning


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_targets_that_are_named_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    named = {
        word
        for line in re.findall(r"(?:^|`|sudo )make ((?:[a-z][a-z-]* ?)+)", text, re.MULTILINE)
        for word in line.split()
    }
    assert named <= make_targets()


def test_every_target_for_people_is_in_make_help() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    helped = set(re.findall(r"@echo 'make ([a-z]+) ", text))
    hidden = {"help", "clean"} | {name for name in make_targets() if name.endswith("-check")}
    assert helped == make_targets() - hidden


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_and_options_that_are_named_exist(document: Path) -> None:
    context = click.Context(cli)
    text = document.read_text(encoding="utf-8")
    for line in re.findall(
        r"bpf2py ((?:gen|build|inspect|link|min-btf|vmlinux|features|generate)\b[^`\n#)]*)", text
    ):
        words = line.split()
        assert words[0] in COMMANDS, line
        command = cli.get_command(context, words[0])
        assert command is not None
        known = {name for parameter in command.params for name in parameter.opts}
        options = {word.partition("=")[0] for word in words if word.startswith("-")}
        assert options <= known, line


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_inside_the_project_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", document.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        place = document.parent / name if name else document
        assert place.exists(), target
        assert not heading or heading in headings(place), target


def headings(document: Path) -> set[str]:
    """What links to parts of *document* may be called, by GitHub's rule."""
    text = document.read_text(encoding="utf-8")
    return {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    }


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_are_named_exist(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    pattern = r"`((?:bpf2py|examples|generated_fixtures|tests|\.ci)/[\w./]+)`"
    for name in re.findall(pattern, text):
        assert (ROOT / name).exists(), name


@pytest.mark.parametrize("number", range(len(PYTHON_BLOCKS)))
def test_the_documents_python_passes_mypy_strict(number: int, tmp_path: Path) -> None:
    (tmp_path / "readme.py").write_text(PYTHON_BLOCKS[number])
    module = ROOT / "examples" / "opensnoop" / "opensnoop_bpf.py"
    (tmp_path / module.name).write_text(module.read_text(encoding="utf-8"))
    mypy = [sys.executable, "-m", "mypy", "--strict", "--config-file=", "readme.py"]
    result = subprocess.run(
        [*mypy, f"--cache-dir={ROOT / '.mypy_cache' / 'readme'}"],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def rows(heading: str) -> list[list[str]]:
    """The cells of the table in the README whose first column is *heading*."""
    table = README.partition(f"| {heading} |")[2].partition("\n\n")[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]
    ]


def test_the_support_matrix_names_every_map_type_with_a_class() -> None:
    shown = {
        name: row[1].strip("`")
        for row in rows("map type")
        for name in re.findall(r"`([A-Z_]+)`", row[0])
    }
    expected = {MapType(number).name: found.name for number, found in MAP_CLASSES.items()}
    assert {name: shown.get(name) for name in expected} == expected
    assert shown.keys() <= {each.name for each in MapType}


def test_the_support_matrix_names_every_program_class() -> None:
    shown = {name for row in rows("program") for name in re.findall(r"`(\w+)`", row[0])}
    assert {name for _, _, name in PROGRAM_CLASSES} <= shown
