"""Macros of a C source become constants: those, and with those values, that the compiler sees."""

from __future__ import annotations

import math
import runpy
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bpf2py import codegen, project
from bpf2py.cli.main import cli
from bpf2py.project import CompileError, ConfigError, compiler
from bpf2py.project.constants import own_macros, read_constants
from bpf2py.spec import ObjectSpec
from tests.project.builds import HAS_COMPILER, SOURCE
from tests.project.builds import project as make_project

needs_compiler = pytest.mark.skipif(
    not HAS_COMPILER, reason="no clang is installed, and no ziglang"
)

MACROS = """\
#include "mine.h"
struct event { int x; char name[12]; };
enum { FIVE = 5 };
#define MAX_LEN (1 << 8)
#define MAX_NAME "a \\"b\\"" " c"
#define MAX_EVENT sizeof(struct event)
#define MAX_NEGATIVE -5
#define MAX_U64 0xffffffffffffffffULL
#define MAX_FLOAT 1.5
#define MAX_CHAR 'x'
#define MAX_BOOL ((_Bool)1)
#define MAX_ENUM (FIVE + 1)
#define MAX_INCLUDED MINE
#define MAX_CHANGED 1
#undef MAX_CHANGED
#define MAX_CHANGED 2
#define MAX_GONE 1
#undef MAX_GONE
#define MAX_BRACE {
#define MAX_STATEMENT return 1;
#define MAX_ATTRIBUTE __attribute__((noinline))
#define MAX_EMPTY
#define MAX_UNKNOWN not_there
#define MAX_VARIABLE start
#define MAX_POINTER ((void *)0)
#define MAX_CALL(x) x
#define OTHER 1
""" + SOURCE

EXPECTED = {
    "MAX_LEN": 256,
    "MAX_NAME": 'a "b" c',
    "MAX_EVENT": 16,
    "MAX_NEGATIVE": -5,
    "MAX_U64": 2**64 - 1,
    "MAX_FLOAT": 1.5,
    "MAX_CHAR": ord("x"),
    "MAX_BOOL": True,
    "MAX_ENUM": 6,
    "MAX_INCLUDED": 77,
    "MAX_CHANGED": 2,
}


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "mine.h").write_text("#define MINE 77\n#define MINE_TOO 78\n")
    path = tmp_path / "macros.bpf.c"
    path.write_text(MACROS)
    return path


def constants(source: Path, *patterns: str, target: str = "bpf", **words: Any) -> dict[str, Any]:
    found = compiler.find_compiler()
    assert found is not None
    return read_constants(found, source, patterns, target=target, architecture="x86", **words)


@needs_compiler
@pytest.mark.parametrize("target", ["bpfel", "bpfeb"])
def test_what_the_compiler_takes_for_a_constant_is_one(source: Path, target: str) -> None:
    found = constants(source, "MAX_*", target=target)
    assert found == EXPECTED
    assert {type(found[name]) for name in ("MAX_BOOL", "MAX_LEN")} == {bool, int}


@needs_compiler
def test_a_star_takes_the_users_macros_and_not_the_compilers(source: Path) -> None:
    found = constants(source, "*")
    assert found.keys() == EXPECTED.keys() | {"OTHER", "MINE", "MINE_TOO", "START"}


@needs_compiler
def test_flags_decide_values(source: Path) -> None:
    assert constants(source, "START")["START"] == 7
    extra = ("-include", str(source.parent / "mine.h"), "-DMAX_OUTSIDE=3")
    assert constants(source, "MINE", extra=extra) == {"MINE": 77}


@needs_compiler
@pytest.mark.parametrize(
    ("name", "why"),
    [("MAX_UNKNOWN", "is no constant"), ("NO_SUCH", "is no macro with a value in the source")],
)
def test_a_name_that_cannot_be_had_is_an_error(source: Path, name: str, why: str) -> None:
    with pytest.raises(CompileError, match=f"constants: {name} {why}"):
        constants(source, name)


def test_without_patterns_no_compiler_is_run(source: Path) -> None:
    nobody = compiler.Compiler(("/nonexistent",))
    assert read_constants(nobody, source, (), target="bpf", architecture="x86") == {}


def test_system_headers_and_the_command_line_define_nothing_of_the_users() -> None:
    listed = """\
# 1 "<built-in>" 1
#define BUILT_IN 1
# 1 "probe.c"
# 1 "/usr/include/linux/bpf.h" 1 3 4
#define SYSTEM 1
# 2 "probe.c" 2
#define MINE 1
#define EMPTY
#define FUNCTION(x) x
#define SPACED (1 + 2)
"""
    assert own_macros(listed) == {"MINE": "1", "SPACED": "(1 + 2)"}


@needs_compiler
def test_the_command_writes_them_into_the_module(source: Path, tmp_path: Path) -> None:
    said = CliRunner().invoke(
        cli, ["build", str(source), "--constants", "MAX_*", "--constants=OTHER", "--typecheck"]
    )
    assert said.exit_code == 0, said.output
    module = runpy.run_path(str(tmp_path / "macros_bpf.py"))
    for name, value in {**EXPECTED, "OTHER": 1}.items():
        assert module[name] == value
    assert "MINE" not in module


@needs_compiler
def test_check_says_which_constant_is_another(source: Path) -> None:
    words = ["build", str(source), "--constants", "MINE*"]
    assert CliRunner().invoke(cli, words).exit_code == 0
    (source.parent / "mine.h").write_text("#define MINE 78\n#define MINE_NEW 1\n")
    said = CliRunner().invoke(cli, [*words, "--check"])
    assert said.exit_code == 1
    assert "constant MINE: 77 → 78" in said.stdout
    assert "constant MINE_NEW: new" in said.stdout
    assert "constant MINE_TOO: dropped" in said.stdout


@needs_compiler
def test_machines_that_disagree_about_a_constant_cannot_share_a_module(source: Path) -> None:
    source.write_text("#define BITS (__TARGET_ARCH_x86 + 63)\n" + SOURCE)
    words = ["build", str(source), "--constants", "BITS", "--target", "bpfel", "--target", "bpfeb"]
    assert CliRunner().invoke(cli, [*words, "--arch=x86"]).exit_code == 0
    source.write_text(
        "#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__\n#define ORDER 1\n#else\n"
        "#define ORDER 2\n#endif\n" + SOURCE
    )
    words[3] = "ORDER"
    said = CliRunner().invoke(cli, words)
    assert said.exit_code == 1
    assert "constants: ORDER is 1 in macros.el.bpf.o and 2 in macros.eb.bpf.o" in said.stderr


@needs_compiler
def test_a_project_makes_the_module_again_when_a_header_changes_one(tmp_path: Path) -> None:
    config = 'sources = ["bpf/*.bpf.c"]\nconstants = ["MINE*"]\ncflags = ["-DHEADER"]\n'
    make_project(tmp_path, config, one=SOURCE)
    header = tmp_path / "bpf" / "mine.h"
    for value in (1, 2):
        header.write_text(f"#define MINE {value}\n")
        (outcome,) = project.build(project.load(tmp_path / "pyproject.toml"))
        assert outcome.error is None
        assert runpy.run_path(str(outcome.files[0]))["MINE"] == value


def test_objects_have_no_macros(tmp_path: Path) -> None:
    make_project(tmp_path, 'objects = ["*.o"]\nconstants = ["A"]\n')
    with pytest.raises(ConfigError, match="has constants, but no sources"):
        project.load(tmp_path / "pyproject.toml")


def test_constants_yield_to_what_the_module_needs_and_keep_odd_values() -> None:
    spec = ObjectSpec(name="thing", byte_order="little")
    given: dict[str, int | float | str] = {
        "codec": 1,
        "int": 2,
        "Thing": 3,
        "class": 4,
        "range": 5,
        "hash": 6,
        "TEXT": 'a"\n\\',
        "INF": math.inf,
    }
    model = codegen.describe(spec, codegen.Options(constants=given))
    names = {each.c_name: each.name for each in model.constants}
    assert names == {
        **{name: f"{name}_" for name in list(given)[:6]},
        "TEXT": "TEXT",
        "INF": "INF",
    }
    scope: dict[str, Any] = {}
    exec(codegen.render(model), scope)
    assert {c_name: scope[name] for c_name, name in names.items()} == given
