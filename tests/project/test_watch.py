"""What is watched, and what counts as a change."""

from __future__ import annotations

import os
import time
from pathlib import Path

from bpf2py.project import build, load
from bpf2py.project.state import State
from bpf2py.project.watch import Watcher, watched
from tests.project.builds import SOURCE, project, with_object


def test_sources_headers_and_the_configuration_are_watched(tmp_path: Path) -> None:
    project(tmp_path, 'sources = ["bpf/*.c"]\nincludes = ["inc"]\n', one=SOURCE)
    (tmp_path / "inc").mkdir()
    for header in ("bpf/a.h", "inc/b.h", "c.h"):
        (tmp_path / header).write_text("")
    config = tmp_path / "pyproject.toml"
    names = {str(path.relative_to(tmp_path)) for path in watched(config)}
    assert names == {"pyproject.toml", "bpf/one.bpf.c", "bpf/a.h", "inc/b.h"}


def test_what_was_included_last_time_is_watched(tmp_path: Path) -> None:
    with_object(tmp_path)
    config = tmp_path / "pyproject.toml"
    state = State.of(config)
    build(load(config), state=state)
    state.record("minimal_bpf.py", "x", {"/usr/include/far.h": "1"}, {})
    state.save(["minimal_bpf.py"])
    assert Path("/usr/include/far.h") in watched(config)


def test_a_wrong_configuration_is_watched_until_it_is_right(tmp_path: Path) -> None:
    project(tmp_path, "nothing = 1\n")
    config = tmp_path / "pyproject.toml"
    assert watched(config) == {config}


def test_changed_new_and_vanished_files_are_named(tmp_path: Path) -> None:
    same, edited, gone = (tmp_path / name for name in ("same", "edited", "gone"))
    for path in (same, edited, gone):
        path.write_text("1")
    watcher = Watcher(lambda: tmp_path.iterdir(), interval=0.01)
    os.utime(edited, ns=(5, 5))
    gone.unlink()
    (tmp_path / "new").write_text("1")
    assert watcher.wait() == [edited, gone, tmp_path / "new"]


def test_an_old_file_that_is_watched_from_now_on_is_no_change(tmp_path: Path) -> None:
    old, edited = tmp_path / "old", tmp_path / "edited"
    for path in (old, edited):
        path.write_text("1")
    time.sleep(0.05)  # longer than a tick of the clock that stamps files
    files = [edited]
    watcher = Watcher(lambda: files, interval=0.01)
    files.append(old)
    edited.write_text("12")
    assert watcher.wait() == [edited]
    old.write_text("12")
    assert watcher.wait() == [old]
