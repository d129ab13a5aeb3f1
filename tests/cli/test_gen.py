"""``bpf2py gen``: names, files, checks."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bpf2py.cli import gen
from bpf2py.cli.main import Failure, cli
from bpf2py.project import modules

FIXTURES = Path(__file__).parents[2] / "generated_fixtures"
MINIMAL = FIXTURES / "minimal.bpf.o"
GLOBALS = FIXTURES / "globals.bpf.o"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["gen", *map(str, arguments)])


@pytest.mark.parametrize(
    ("file", "module"),
    [
        ("opensnoop.bpf.o", "opensnoop_bpf"),
        ("opensnoop.o", "opensnoop_bpf"),
        ("open-snoop.v2.bpf.o", "open_snoop_v2_bpf"),
        ("3c59x.bpf.o", "_3c59x_bpf"),
        ("prüfer.bpf.o", "pr_fer_bpf"),
        ("class.bpf.o", "class_bpf"),
        ("plain", "plain_bpf"),
    ],
)
def test_a_module_is_named_after_its_object(file: str, module: str) -> None:
    assert modules.module_name(Path("folder.o", file)) == module


def test_the_module_appears_beside_the_object(tmp_path: Path) -> None:
    shutil.copy(MINIMAL, tmp_path)
    result = run(tmp_path / "minimal.bpf.o")
    assert result.exit_code == 0
    assert result.stdout == f"{tmp_path}/minimal_bpf.py: written\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["minimal.bpf.o", "minimal_bpf.py"]


def test_the_same_object_gives_the_checked_in_module(tmp_path: Path) -> None:
    assert run(MINIMAL, "-o", tmp_path).exit_code == 0
    assert run(MINIMAL, "-o", FIXTURES, "--check").exit_code == 0
    assert run(MINIMAL, "-o", tmp_path).stdout.endswith(": unchanged\n")


def test_check_shows_what_is_out_of_date_and_writes_nothing(tmp_path: Path) -> None:
    module = tmp_path / "minimal_bpf.py"
    missing = run(MINIMAL, "-o", tmp_path, "--check")
    assert missing.exit_code == 1
    assert not module.exists()
    assert run(MINIMAL, "-o", tmp_path).exit_code == 0
    edited = module.read_text().replace("class Minimal(", "class Edited(")
    module.write_text(edited)
    result = run(MINIMAL, "-o", tmp_path, "--check")
    assert result.exit_code == 1
    assert "-class Edited(" in result.stdout
    assert "+class Minimal(" in result.stdout
    assert f"out of date: {module}" in result.stderr
    assert module.read_text() == edited


def test_one_refused_object_leaves_every_file_as_it_was(tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.bpf.o"
    damaged.write_bytes(MINIMAL.read_bytes()[:200])
    result = run(MINIMAL, damaged, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: damaged.bpf.o")
    assert not (tmp_path / "out").exists()


def test_two_objects_of_one_name_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    shutil.copy(MINIMAL, tmp_path / "a")
    result = run(MINIMAL, tmp_path / "a" / "minimal.bpf.o", "-o", tmp_path)
    assert result.exit_code == 1
    assert "both become" in result.stderr
    assert not (tmp_path / "minimal_bpf.py").exists()


def test_a_class_name_is_for_one_object(tmp_path: Path) -> None:
    result = run(MINIMAL, GLOBALS, "-o", tmp_path, "--class", "Tool")
    assert result.exit_code == 2
    assert run(MINIMAL, "-o", tmp_path, "--class", "Tool").exit_code == 0
    assert "class Tool(runtime.Object):" in (tmp_path / "minimal_bpf.py").read_text()


@pytest.mark.parametrize("event", ["events", "=event", "events="])
def test_an_event_is_map_and_type(tmp_path: Path, event: str) -> None:
    result = run(MINIMAL, "-o", tmp_path, "--event", event)
    assert result.exit_code == 2
    assert "MAP=TYPE" in result.stderr


@pytest.mark.parametrize("option", [("--event", "nothing=event"), ("--type", "nothing")])
def test_an_option_that_names_what_is_not_there_is_one_line(
    tmp_path: Path, option: tuple[str, str]
) -> None:
    result = run(MINIMAL, "-o", tmp_path, *option)
    assert result.exit_code == 1
    assert "nothing" in result.stderr
    assert len(result.stderr.splitlines()) <= 2
    assert list(tmp_path.iterdir()) == []


def test_a_type_nothing_refers_to_can_be_asked_for(tmp_path: Path) -> None:
    name = "trace_event_raw_sys_enter"
    opensnoop = FIXTURES.parent / "examples" / "opensnoop" / "opensnoop.bpf.o"
    module = tmp_path / "opensnoop_bpf.py"
    assert run(opensnoop, "-o", tmp_path).exit_code == 0
    assert "class TraceEventRawSysEnter:" not in module.read_text()
    assert run(opensnoop, "-o", tmp_path, "--type", name).exit_code == 0
    assert "class TraceEventRawSysEnter:" in module.read_text()


ARGUMENTS = FIXTURES / "arguments.bpf.o"


def test_what_arguments_point_to_can_be_asked_for(tmp_path: Path) -> None:
    assert run(ARGUMENTS, "-o", tmp_path).exit_code == 0
    assert "class XdpMd:" not in (tmp_path / "arguments_bpf.py").read_text()
    assert run(ARGUMENTS, "-o", tmp_path, "--contexts").exit_code == 0
    assert "class XdpMd:" in (tmp_path / "arguments_bpf.py").read_text()


def test_verbose_says_what_is_left_out_why_and_what_brings_it_in(tmp_path: Path) -> None:
    module = tmp_path / "arguments_bpf.py"
    quiet = run(ARGUMENTS, "-o", tmp_path)
    assert quiet.output == f"{module}: written\n"
    said = run(ARGUMENTS, "-o", tmp_path, "-v").stdout.splitlines()
    assert said[0] == f"{module}: unchanged"
    assert all(line.startswith(f"{module}: left out: ") for line in said[1:])
    assert (
        f"{module}: left out: struct task_struct: the kernel's: program exits reads it by CO-RE "
        "(--type task_struct)"
    ) in said
    with_it = run(ARGUMENTS, "-o", tmp_path, "-v", "--type", "task_struct").stdout
    assert "left out: struct task_struct" not in with_it
    assert "left out: struct limits" in with_it


def test_verbose_says_so_if_nothing_is_left_out(tmp_path: Path) -> None:
    said = run(FIXTURES / "no_programs.bpf.o", "-o", tmp_path, "--verbose")
    assert said.stdout.splitlines()[1:] == [f"{tmp_path}/no_programs_bpf.py: nothing is left out"]


def test_a_type_that_the_object_lacks_comes_with_the_line_of_c_that_puts_it_there(
    tmp_path: Path,
) -> None:
    result = run(ARGUMENTS, "-o", tmp_path, "--event", "events=sample")
    assert result.exit_code == 1
    assert "Error: arguments.bpf.o: there is no type 'sample'; there are: " in result.stderr
    assert "`struct sample *unused_sample;` at file scope" in result.stderr
    result = run(ARGUMENTS, "-o", tmp_path, "--type", "struct behind")
    assert "struct behind is declared, but never defined" in result.stderr
    assert "`struct behind *unused;` at file scope" in result.stderr
    assert not list(tmp_path.iterdir())


def test_a_member_can_stay_bytes(tmp_path: Path) -> None:
    opensnoop = FIXTURES.parent / "examples" / "opensnoop" / "opensnoop.bpf.o"
    assert run(opensnoop, "-o", tmp_path, "--bytes", "event.comm").exit_code == 0
    assert "    comm: bytes = " in (tmp_path / "opensnoop_bpf.py").read_text()


def test_views_are_chosen_by_option(tmp_path: Path) -> None:
    opensnoop = FIXTURES.parent / "examples" / "opensnoop" / "opensnoop.bpf.o"
    options = ("--view", "event.fname=bytes", "--view", "start:key=hex", "--view=target_pid=hex")
    assert run(opensnoop, "-o", tmp_path, *options, "--bytes", "event.comm").exit_code == 0
    text = (tmp_path / "opensnoop_bpf.py").read_text()
    assert "    comm: bytes = " in text
    assert "    fname: bytes = " in text
    assert 'loaded.map("start"), codec.As(codec.Hex, codec.U64)' in text
    assert "target_pid = runtime.Variable(codec.As(codec.Hex, codec.U32), 0)" in text


@pytest.mark.parametrize("view", ["event.comm", "=bytes", "event.comm=", " = "])
def test_a_view_is_place_and_view(tmp_path: Path, view: str) -> None:
    result = run(MINIMAL, "-o", tmp_path, "--view", view)
    assert result.exit_code == 2
    assert "PLACE=VIEW" in result.stderr


@pytest.mark.parametrize(
    ("view", "message"),
    [
        ("event.com=bytes", "nothing in the module is called 'event.com' (did you mean"),
        ("event.comm=ip", "no such view; there are: ipv4"),
        ("event.comm=ipv4", "struct event.comm: view 'ipv4': char[16] is not 4 bytes"),
    ],
)
def test_a_wrong_view_is_one_line(tmp_path: Path, view: str, message: str) -> None:
    opensnoop = FIXTURES.parent / "examples" / "opensnoop" / "opensnoop.bpf.o"
    result = run(opensnoop, "-o", tmp_path, "--view", view)
    assert result.exit_code == 1
    assert message in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_tag_in_c_is_switched_off_by_option(tmp_path: Path) -> None:
    views = FIXTURES / "types_views.bpf.o"
    assert run(views, "-o", tmp_path, "--view", "event.saddr=none").exit_code == 0
    assert "    saddr: int = 0  # __u32, offset 28" in (tmp_path / "types_views_bpf.py").read_text()


@pytest.mark.parametrize("option", ["--strip-enum-prefix", "--strip-prefix"])
def test_members_of_enums_lose_their_prefix_by_option(tmp_path: Path, option: str) -> None:
    assert run(FIXTURES / "types_views.bpf.o", "-o", tmp_path, option).exit_code == 0
    text = (tmp_path / "types_views_bpf.py").read_text()
    assert "    FIN = 1\n    SYN = 2\n    ACK = 16\n" in text
    assert "    DROP = -1\n" in text


def test_generated_modules_pass_the_type_check(tmp_path: Path) -> None:
    result = run(GLOBALS, "-o", tmp_path, "--typecheck")
    assert result.exit_code == 0, result.output
    assert "mypy --strict is content" in result.stdout


def test_findings_of_the_type_check_are_shown(tmp_path: Path) -> None:
    module = tmp_path / "broken_bpf.py"
    module.write_text("from bpf2py import spec\n\nX: int = spec.FORMAT.name\n")
    with pytest.raises(Failure, match="has findings"):
        gen.typecheck([module])


def test_vendored_modules_pass_the_type_check(tmp_path: Path) -> None:
    result = run(MINIMAL, "-o", tmp_path, "--vendor", "--typecheck")
    assert result.exit_code == 0, result.output


def test_the_help_names_what_the_generator_knows() -> None:
    """It is written out there: the generator is not imported for it."""
    from bpf2py.codegen import vendor
    from bpf2py.codegen.views import VIEWS

    shown = " ".join(CliRunner().invoke(cli, ["gen", "--help"]).output.split())
    assert f" {vendor.FOLDER}/" in shown
    names = [name for name in VIEWS if name not in ("enum", "flags")]
    assert f"as {', '.join(names)}, enum:NAME or flags:NAME" in shown


PARTS = Path(__file__).parents[1] / "elf" / "objects"


def test_parts_are_linked_into_one_module(tmp_path: Path) -> None:
    result = run("--link", "tool", PARTS / "moved_one.o", PARTS / "moved_two.o", "-o", tmp_path)
    assert result.exit_code == 0, result.output
    assert [path.name for path in tmp_path.iterdir()] == ["tool_bpf.py"]
    text = (tmp_path / "tool_bpf.py").read_text()
    assert "class Tool(runtime.Object):" in text
    assert "moved_one" in text
    assert "moved_two" in text


def test_parts_for_different_machines_are_not_linked(tmp_path: Path) -> None:
    parts = [f"{arch}={PARTS}/moved_{half}.o" for arch, half in (("x86", "one"), ("arm64", "two"))]
    result = run("--link", "tool", *parts, "-o", tmp_path)
    assert result.exit_code == 1
    assert "parts for arm64 and x86 cannot be linked" in result.output
    assert list(tmp_path.iterdir()) == []


def test_variants_and_parts_are_two_things(tmp_path: Path) -> None:
    result = run("--link", "a", "--as-one", "b", PARTS / "moved_one.o", "-o", tmp_path)
    assert result.exit_code == 2
    assert "--as-one is for variants of one source, --link for parts" in result.output
