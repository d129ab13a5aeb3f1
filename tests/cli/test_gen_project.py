"""``bpf2py gen`` without objects: lines, exit codes, and watching."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bpf2py.cli.main import cli
from tests.project.builds import HAS_COMPILER, ROOT, SOURCE, project, with_object

DEADLINE = 30.0
BOTH = 'sources = ["bpf/*.bpf.c"]\noutput-dir = "out"\n'

needs_compiler = pytest.mark.skipif(
    not HAS_COMPILER, reason="no clang is installed, and no ziglang"
)


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project's folder, as working directory; the cache lies elsewhere."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("CLANG", raising=False)
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def gen(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["gen", *arguments])


@needs_compiler
def test_from_any_folder_below_everything_is_made(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(here, BOTH, one=SOURCE, two=SOURCE)
    monkeypatch.chdir(here / "bpf")
    result = gen()
    assert result.exit_code == 0, result.output
    out = here / "out"
    assert result.stdout == f"{out}/one_bpf.py: written\n{out}/two_bpf.py: written\n"
    monkeypatch.chdir(here)
    (out / "one_bpf.py").unlink()
    assert gen().stdout == "out/one_bpf.py: written\n1 module is unchanged\n"
    assert gen().stdout == "2 modules are unchanged\n"


@needs_compiler
def test_check_is_for_ci(here: Path) -> None:
    project(here, BOTH, one=SOURCE)
    assert gen().exit_code == 0
    result = gen("--check")
    assert (result.exit_code, result.stdout) == (0, "1 module is current\n")
    path = here / "bpf" / "one.bpf.c"
    path.write_text(SOURCE.replace("START 7", "START 8"))
    result = gen("--check")
    assert result.exit_code == 1
    assert "one.bpf.o: the source compiles to another object" in result.stdout
    assert "  variable .rodata start: first value " in result.stdout
    assert "out/one_bpf.py, bpf/one.bpf.o: out of date" in result.stderr
    assert result.stderr.endswith("Hint: run `bpf2py gen`, and check the result in\n")


@needs_compiler
def test_what_does_not_compile_is_shown_with_its_line(here: Path) -> None:
    project(here, BOTH, one=SOURCE.replace("return start", "return stairs"), two=SOURCE)
    result = gen()
    assert result.exit_code == 1
    assert "bpf/one.bpf.c:10:9: error: use of undeclared identifier 'stairs'" in result.stderr
    assert "\nError: bpf/one.bpf.c:10: use of undeclared identifier 'stairs'" in result.stderr
    assert result.stdout == "out/two_bpf.py: written\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--vendor"], "say vendor = … in [tool.bpf2py]"),
        (["-o", "x"], "say output-dir = … in [tool.bpf2py]"),
        (["--bytes", "a.b"], "say bytes = … in [tool.bpf2py]"),
        (["--watch", "--check"], "choose one"),
        (["--watch", "minimal.bpf.o"], "give it no FILE"),
    ],
)
def test_options_that_do_not_fit_are_wrong_usage(
    here: Path, arguments: list[str], message: str
) -> None:
    with_object(here)
    result = gen(*arguments)
    assert result.exit_code == 2
    assert message in result.stderr.replace("\n", " ")


def test_a_wrong_key_is_one_line_and_what_is_allowed(here: Path) -> None:
    with_object(here, "object = []\n")
    result = gen()
    assert result.exit_code == 1
    error, hint = result.stderr.splitlines()
    assert "tool.bpf2py.object is not known (did you mean 'objects'?)" in error
    assert hint.startswith("Hint: allowed: ")


def test_without_a_project_there_is_one_line(here: Path) -> None:
    result = gen()
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: no pyproject.toml with [tool.bpf2py]")


def test_modules_are_type_checked_if_the_file_says_so(here: Path) -> None:
    with_object(here, 'objects = ["*.bpf.o"]\ntypecheck = true\n')
    result = gen()
    assert result.exit_code == 0, result.output
    assert "mypy --strict is content with 1 of them" in result.stdout


def test_on_a_terminal_there_is_a_bar(here: Path) -> None:
    with_object(here)
    leader, follower = os.openpty()
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "bpf2py", "gen"],
            stdin=follower,
            stdout=follower,
            stderr=follower,
            env=os.environ | {"PYTHONPATH": str(ROOT), "TERM": "xterm"},
        ) as process:
            os.close(follower)
            shown = b""
            while chunk := _read(leader):
                shown += chunk
        assert process.returncode == 0
    finally:
        os.close(leader)
    assert b"making modules" in shown
    assert b"minimal_bpf.py: written" in shown


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65536)
    except OSError:  # EIO: the other end is closed
        return b""


class Watching:
    """``bpf2py gen --watch`` as a process; its lines, with a deadline."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self._grown = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._grown:
                self.lines.append(line.rstrip("\n"))
                self._grown.notify()

    def wait_for(self, pattern: str, *, after: int = 0) -> int:
        """Wait for a line with *pattern* from the *after*-th on; how many lines there were."""
        end = time.monotonic() + DEADLINE

        def found() -> bool:
            return any(re.search(pattern, line) for line in self.lines[after:])

        with self._grown:
            assert self._grown.wait_for(found, end - time.monotonic()), (pattern, self.lines)
            return len(self.lines)

    def interrupt(self) -> None:
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(DEADLINE) == 0
        assert not any("Traceback" in line for line in self.lines)


@pytest.fixture
def watching(here: Path) -> Iterator[Watching]:
    project(here, BOTH, one=SOURCE.replace("#ifdef HEADER", "#if 1"), two=SOURCE)
    (here / "bpf" / "mine.h").write_text("/* nothing yet */\n")
    with subprocess.Popen(
        [sys.executable, "-u", "-m", "bpf2py", "gen", "--watch"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    ) as process:
        try:
            yield Watching(process)
        finally:
            process.kill()


@needs_compiler
def test_watch_makes_again_what_a_changed_file_touches(here: Path, watching: Watching) -> None:
    seen = watching.wait_for("watching")
    assert "out/two_bpf.py: written" in watching.lines
    # a header: only the module that includes it
    (here / "bpf" / "mine.h").write_text("#define START 11\n")
    seen = watching.wait_for("1 module is unchanged", after=seen)
    assert watching.lines[-3:-1] == ["bpf/mine.h: changed", "out/one_bpf.py: written"]
    # a mistake is shown, and watching goes on
    two = here / "bpf" / "two.bpf.c"
    two.write_text(SOURCE.replace("return start", "return stairs"))
    seen = watching.wait_for("^Error: bpf/two.bpf.c:10: ", after=seen)
    two.write_text(SOURCE.replace("START 7", "START 8"))
    seen = watching.wait_for("out/two_bpf.py: written", after=seen)
    # a new source
    (here / "bpf" / "three.bpf.c").write_text(SOURCE)
    seen = watching.wait_for("out/three_bpf.py: written", after=seen)
    # the configuration, first wrong, then right
    config = here / "pyproject.toml"
    text = config.read_text()
    config.write_text(text + "cflag = []\n")
    seen = watching.wait_for("tool.bpf2py.cflag is not known", after=seen)
    config.write_text(text + 'cflags = ["-DLOOK"]\n')
    watching.wait_for("out/one_bpf.py: written|unchanged", after=seen)
    watching.interrupt()
