"""``[tool.bpf2py]`` is read, and what is wrong in it is named with what is allowed."""

from __future__ import annotations

from pathlib import Path

import pytest

from bpf2py.project import ConfigError, Target, find, load, plan
from tests.project.builds import SOURCE, project


def test_one_target_needs_no_list(tmp_path: Path) -> None:
    project(
        tmp_path,
        'sources = ["bpf/*.bpf.c"]\ncflags = ["-DX"]\nevents = { a = "event" }\n'
        'views = { "event.saddr" = "ipv4" }\nstrip-enum-prefix = true\n'
        'bytes = ["event.comm"]\nclass = "Tool"\noutput-dir = "out"\ntypecheck = true\n',
    )
    found = load(tmp_path / "pyproject.toml")
    assert found.typecheck
    assert found.targets == (
        Target(
            sources=("bpf/*.bpf.c",),
            cflags=("-DX",),
            events=(("a", "event"),),
            views=(("event.saddr", "ipv4"),),
            strip_enum_prefix=True,
            as_bytes=("event.comm",),
            class_name="Tool",
            output_dir="out",
        ),
    )


def test_a_target_replaces_what_holds_for_all_and_adds_flags(tmp_path: Path) -> None:
    project(
        tmp_path,
        'target = "bpfel"\ncflags = ["-DALL"]\nvendor = true\n'
        '[[tool.bpf2py.targets]]\nsources = ["a.c"]\ncflags = ["-DONE"]\n'
        '[[tool.bpf2py.targets]]\nobjects = ["b.o"]\ntarget = "bpfeb"\nvendor = false\n',
    )
    one, two = load(tmp_path / "pyproject.toml").targets
    assert (one.target, one.cflags, one.vendor) == (("bpfel",), ("-DALL", "-DONE"), True)
    assert (two.target, two.cflags, two.vendor) == (("bpfeb",), ("-DALL",), False)


@pytest.mark.parametrize(
    ("config", "names"),
    [
        ("cflag = []", ["tool.bpf2py.cflag is not known", "did you mean 'cflags'?"]),
        ("sources = 'a.c'", ["tool.bpf2py.sources must be a list of strings", "'a.c'"]),
        ("sources = ['a.c', 1]", ["tool.bpf2py.sources must be a list of strings"]),
        ("vendor = 'yes'", ["tool.bpf2py.vendor must be true or false"]),
        ("events = ['a']", ["tool.bpf2py.events must be a table of strings"]),
        ("target = 'x86'", ["tool.bpf2py.target is 'x86'"]),
        ("arch = 'amd64'", ["tool.bpf2py.arch is 'amd64'"]),
        ("", ["has neither sources nor objects"]),
        ("sources = ['a.c']\nobjects = ['a.o']", ["has both sources and objects"]),
        ("targets = {}", ["tool.bpf2py.targets must be a list of tables"]),
        ("types = []\n[[tool.bpf2py.targets]]", ["tool.bpf2py.types belongs into one of"]),
        (
            "[[tool.bpf2py.targets]]\nsources = ['a.c']\n[[tool.bpf2py.targets]]\ntypecheck = true",
            ["tool.bpf2py.targets[1].typecheck is not known"],
        ),
        ("[[tool.bpf2py.targets]]", ["tool.bpf2py.targets[0] has neither sources nor objects"]),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, config: str, names: list[str]) -> None:
    project(tmp_path, config)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "pyproject.toml")
    for name in names:
        assert name in str(caught.value)
    assert str(tmp_path / "pyproject.toml") in str(caught.value)


@pytest.mark.parametrize(
    ("config", "allowed"),
    [
        ("cflag = []", ["sources", "cflags", "includes", "typecheck"]),
        ("sources = ['a.c']\ntarget = 'x'", ["bpf, bpfel, bpfeb"]),
        ("sources = ['a.c']\narch = 'x'", ["arm64", "x86"]),
    ],
)
def test_what_is_allowed_is_said(tmp_path: Path, config: str, allowed: list[str]) -> None:
    project(tmp_path, config)
    with pytest.raises(ConfigError) as caught:
        load(tmp_path / "pyproject.toml")
    assert caught.value.hint.startswith("allowed: ")
    for name in allowed:
        assert name in caught.value.hint


def test_what_is_no_toml_is_a_sentence(tmp_path: Path) -> None:
    project(tmp_path, "sources = [")
    with pytest.raises(ConfigError, match=r"pyproject\.toml: "):
        load(tmp_path / "pyproject.toml")


def test_the_nearest_project_upwards_is_found(tmp_path: Path) -> None:
    project(tmp_path, "")
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (tmp_path / "a" / "pyproject.toml").write_text("[project]\nname = 'no-bpf-here'\n")
    assert find(inner) == tmp_path / "pyproject.toml"
    (inner / "pyproject.toml").write_text("[tool.bpf2py]\n")
    assert find(inner) == inner / "pyproject.toml"


def test_without_a_project_the_sentence_says_where_was_looked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=f"no pyproject.toml with .* in {tmp_path}"):
        find(tmp_path)


def test_globs_become_jobs(tmp_path: Path) -> None:
    project(
        tmp_path,
        'sources = ["bpf/b*.c", "bpf/**/*.bpf.c"]\nobject-dir = "o"\noutput-dir = "m"\n',
        b_two=SOURCE,
        a_one=SOURCE,
    )
    jobs = plan(load(tmp_path / "pyproject.toml"))
    assert [(str(*job.sources), list(map(str, job.objects)), str(job.module)) for job in jobs] == [
        ("bpf/b_two.bpf.c", ["o/b_two.bpf.o"], "m/b_two_bpf.py"),
        ("bpf/a_one.bpf.c", ["o/a_one.bpf.o"], "m/a_one_bpf.py"),
    ]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ('sources = ["bpf/*.x"]', r"sources: no file matches 'bpf/\*.x'"),
        ('sources = ["bpf/*.c"]\nclass = "A"', "class names the class of one object"),
        (
            '[[tool.bpf2py.targets]]\nsources = ["bpf/a.bpf.c"]\n'
            '[[tool.bpf2py.targets]]\nsources = ["bpf/a.bpf.c"]\ntarget = "bpfeb"\n',
            "would both become bpf/a.bpf.o",
        ),
    ],
)
def test_what_cannot_be_planned_is_refused(tmp_path: Path, config: str, message: str) -> None:
    project(tmp_path, config, a=SOURCE, b=SOURCE)
    with pytest.raises(ConfigError, match=message):
        plan(load(tmp_path / "pyproject.toml"))
