"""Modules of several sources, and sections of one's own, as ``[tool.bpf2py]`` and options say it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bpf2py.cli.main import cli
from bpf2py.elf import ObjectError, own_sections, read_object_file
from bpf2py.project import ConfigError, load
from bpf2py.project.plan import plan
from bpf2py.uapi import AttachType, ProgType
from tests.project.builds import HAS_COMPILER, project

needs_compiler = pytest.mark.skipif(
    not HAS_COMPILER, reason="no clang is installed, and no ziglang"
)

CALLS = """\
extern int twice(int number);
__attribute__((section("socket"), used)) int look(void *ctx)
{
	return twice(21);
}
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
"""
CALLED = """\
__attribute__((noinline)) int twice(int number)
{
	return FACTOR * number;
}
"""
OWN = """\
__attribute__((section("my_filter/first"), used)) int one(void *ctx) { return 2; }
__attribute__((section("my_probe/do_exit"), used)) int two(void *ctx) { return 0; }
char LICENSE[] __attribute__((section("license"), used)) = "GPL";
"""
CONFIG = 'sources = ["bpf/*.bpf.c"]\nlink = "tool"\noutput-dir = "out"\ncflags = ["-DFACTOR=2"]\n'
SECTIONS = '[tool.bpf2py.sections]\n"my_filter/" = "xdp"\nmy_probe = "kprobe"\n'


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CLANG", raising=False)
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, list(map(str, arguments)))


def module(path: Path) -> dict[str, object]:
    names: dict[str, object] = {"__name__": path.stem}
    exec(compile(path.read_text(), path, "exec"), names)
    return names


@needs_compiler
def test_sources_of_one_program_become_one_module(here: Path) -> None:
    project(here, CONFIG, calls=CALLS, called=CALLED)
    result = run("gen")
    assert result.exit_code == 0, result.output
    assert result.stdout == "out/tool_bpf.py: written\n"
    assert sorted(path.name for path in (here / "bpf").glob("*.o")) == [
        "called.bpf.o",
        "calls.bpf.o",
    ]
    sys.modules.pop("tool_bpf", None)
    tool = module(here / "out" / "tool_bpf.py")["Tool"]
    spec = tool.spec().object_spec  # type: ignore[attr-defined]
    assert (spec.name, list(spec.programs)) == ("tool", ["look"])
    assert run("gen", "--check").exit_code == 0
    assert run("gen").stdout == "1 module is unchanged\n"
    (here / "bpf" / "called.bpf.c").write_text(CALLED.replace("FACTOR", "3 + FACTOR"))
    assert run("gen").stdout == "out/tool_bpf.py: written\n"


@needs_compiler
def test_objects_of_one_program_become_the_same_module(here: Path) -> None:
    project(here, CONFIG, calls=CALLS, called=CALLED)
    assert run("gen").exit_code == 0
    made = (here / "out" / "tool_bpf.py").read_text()
    project(here, 'objects = ["bpf/*.bpf.o"]\nlink = "tool"\noutput-dir = "again"\n')
    result = run("gen", "--verbose")
    assert result.exit_code == 0, result.output
    assert result.stdout.splitlines()[0] == "again/tool_bpf.py: written"
    assert (here / "again" / "tool_bpf.py").read_text() == made


@needs_compiler
def test_parts_that_do_not_fit_are_an_error_and_nothing_is_written(here: Path) -> None:
    project(here, CONFIG, calls=CALLS, called=CALLED, again=CALLED)
    result = run("gen")
    assert result.exit_code == 1
    assert "twice" in result.stderr
    assert not (here / "out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ('as-one = "x"', "has both link and as-one"),
        ('cpu = ["v2", "v3"]', "has link and several of cpu"),
        ('target = ["bpfel", "bpfeb"]', "has link and several of target"),
    ],
)
def test_variants_and_parts_do_not_mix(here: Path, more: str, message: str) -> None:
    key = "objects" if "as-one" in more else "sources"
    project(here, f'{key} = ["bpf/*"]\nlink = "tool"\n{more}\n', one=CALLS)
    with pytest.raises(ConfigError, match=message):
        load(here / "pyproject.toml")


def test_a_link_is_a_name(here: Path) -> None:
    project(here, 'sources = ["bpf/*"]\nlink = "../tool"\n', one=CALLS)
    with pytest.raises(ConfigError, match=r"tool.bpf2py.link is '../tool', and must be a name"):
        load(here / "pyproject.toml")


def test_a_class_may_be_named_for_what_is_linked(here: Path) -> None:
    project(here, 'sources = ["bpf/*"]\nlink = "tool"\nclass = "Mine"\n', one=CALLS, two=CALLED)
    (job,) = plan(load(here / "pyproject.toml"))
    assert [path.name for path in job.inputs] == ["one.bpf.c", "two.bpf.c"]
    assert (job.linked, job.name, job.module) == (True, "tool", Path("bpf/tool_bpf.py"))


@needs_compiler
def test_sections_of_ones_own_are_known_to_every_command(here: Path) -> None:
    project(here, f'sources = ["bpf/*.bpf.c"]\n{SECTIONS}', own=OWN)
    result = run("gen")
    assert result.exit_code == 0, result.output
    text = (here / "bpf" / "own_bpf.py").read_text()
    assert "runtime.XDP" in text
    given = ("--section", "my_filter/=xdp", "--section", "my_probe=kprobe")
    again = run("gen", "bpf/own.bpf.o", *given, "--check", "-v")
    assert again.exit_code == 0, again.output
    document = json.loads(run("inspect", "--json", "bpf/own.bpf.o", *given).stdout)
    assert [(each["type"], each["attach_to"]) for each in document["programs"]] == [
        ("XDP", "first"),
        ("KPROBE", "do_exit"),
    ]
    without = run("gen", "bpf/own.bpf.o", "-o", here / "other")
    assert without.exit_code == 0
    assert "runtime.XDP" not in (here / "other" / "own_bpf.py").read_text()
    rows = own_sections({"my_filter/": "xdp", "my_probe": "kprobe"})
    spec = read_object_file("bpf/own.bpf.o", sections=rows)
    assert spec.programs["one"].attach_type is AttachType.XDP
    assert spec.programs["two"].prog_type is ProgType.KPROBE
    assert spec.programs["two"].autoattach


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("mine", "'mine' is not NAME=SECTION"),
        ("mine=kprob", "cannot be as 'kprob', .* (did you mean 'kprobe'?)"),
        ("mine=kprobe/do_exit", "cannot be as 'kprobe/do_exit'"),
        ("=xdp", "a section without a name"),
    ],
)
def test_a_wrong_section_is_a_usage_error(here: Path, given: str, message: str) -> None:
    result = run("gen", __file__, "--section", given)
    assert result.exit_code == 2
    said = " ".join(result.stderr.replace("│", " ").split())
    for part in message.split(" .* "):
        assert part in said
    if "=" in given:
        own, known = given.split("=")
        with pytest.raises(ObjectError):
            own_sections({own: known})
