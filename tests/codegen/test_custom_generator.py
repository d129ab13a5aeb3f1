"""A generator of one's own: the one that ARCHITECTURE.md shows, and one that is a template."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest

from bpf2py import codegen, elf

ROOT = Path(__file__).parents[2]
FIXTURES = ROOT / "generated_fixtures"
DOCUMENT = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
SHOWN = DOCUMENT.partition("## A generator of your own")[2]


def shown_generator() -> str:
    found = re.search(r"```python\n(.*?)```", SHOWN, re.DOTALL)
    assert found
    return found[1]


@pytest.fixture
def generator(tmp_path: Path) -> Path:
    path = tmp_path / "event_schema.py"
    path.write_text(shown_generator(), encoding="utf-8")
    return path


def schema_of(generator: Path, file: Path) -> Any:
    done = subprocess.run(
        [sys.executable, generator, file], capture_output=True, text=True, check=True, cwd=ROOT
    )
    return json.loads(done.stdout)


def test_the_generator_that_is_shown_has_thirty_lines() -> None:
    lines = [line for line in shown_generator().splitlines() if line.strip()]
    assert len(lines) <= 30


def test_the_generator_that_is_shown_says_what_the_c_source_says(generator: Path) -> None:
    found = schema_of(generator, ROOT / "examples" / "opensnoop" / "opensnoop.bpf.o")
    assert list(found) == ["events"]
    event = found["events"]
    assert event["title"] == "struct event"
    assert event["properties"]["pid"] == {"type": "integer", "$comment": "__u32, offset 8"}
    assert event["properties"]["comm"]["type"] == "string"
    assert list(event["properties"]) == re.findall(
        r"\w+(?=(?:\[\w+\])?;)", c_source_of("struct event")
    )


def c_source_of(what: str) -> str:
    source = (ROOT / "examples" / "opensnoop" / "opensnoop.bpf.c").read_text(encoding="utf-8")
    body = source.partition(f"{what} {{")[2].partition("};")[0]
    return re.sub(r"/\*.*?\*/|//[^\n]*", "", body, flags=re.DOTALL)


def test_the_generator_that_is_shown_takes_structs_in_structs_lists_and_enums(
    generator: Path,
) -> None:
    found = schema_of(generator, FIXTURES / "arguments.bpf.o")
    assert list(found) == ["reports"]
    properties = found["reports"]["properties"]
    point = properties["path"]["items"]
    assert point["title"] == "struct point"
    assert point["properties"]["y"] == {"type": "integer", "$comment": "__s32, offset 4"}
    assert properties["verdict"]["anyOf"] == [
        {"const": 0, "title": "VERDICT_PASS"},
        {"const": 1, "title": "VERDICT_DROP"},
    ]
    assert properties["last"]["type"] == "boolean"
    assert properties["address"]["contentEncoding"] == "base64"
    assert properties["name"]["type"] == "string"
    assert properties["counts"] == {
        "type": "array",
        "items": {"type": "array", "items": {"type": "integer"}},
        "$comment": "__u32[2][3], offset 36",
    }


def test_the_generator_that_is_shown_passes_mypy_strict(generator: Path) -> None:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "mypy", "--strict", "--config-file="),
            f"--cache-dir={ROOT / '.mypy_cache' / 'readme'}",
            generator,
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stdout


def test_a_template_sees_the_model_and_its_text_is_left_as_it_is() -> None:
    model = codegen.describe(elf.read_object_file(FIXTURES / "arguments.bpf.o"))
    text = codegen.render(
        model,
        template="{% for each in model.programs %}| {{ each.c_name }} | {{ each.section }} |\n"
        "{% endfor %}",
    )
    assert text == "| serve | syscall |\n| watch | xdp |\n| exits | raw_tp/sched_process_exit |\n"


def test_a_name_that_the_model_does_not_have_is_an_error_of_the_template() -> None:
    model = codegen.describe(elf.read_object_file(FIXTURES / "arguments.bpf.o"))
    with pytest.raises(jinja2.UndefinedError, match="no_such"):
        codegen.render(model, template="{{ model.no_such }}")
