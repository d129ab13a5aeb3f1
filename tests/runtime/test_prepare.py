"""Loading in two steps, and twice at once, without a kernel: what happens when the world changes
meanwhile."""

from __future__ import annotations

import errno
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from bpf2py import runtime
from bpf2py.runtime import privileges
from bpf2py.runtime.object import Links
from bpf2py.spec import Pinning
from bpf2py.uapi import Cmd
from tests.runtime.bpf_code import an_object, array, program
from tests.runtime.conftest import Attr, FakeKernel

pytestmark = pytest.mark.usefixtures("no_open_files")


def pins(kernel: FakeKernel) -> None:
    """Nothing is pinned before, and what is pinned is a file."""

    def pin(attr: Attr) -> int:
        Path(attr.text(0)).touch()
        return 0

    kernel.handlers[Cmd.OBJ_GET] = lambda _: -errno.ENOENT
    kernel.handlers[Cmd.OBJ_PIN] = pin


def test_a_token_that_is_gone_before_the_programs_are_loaded_undoes_the_maps(
    kernel: FakeKernel, tmp_path: Path
) -> None:
    pins(kernel)
    spec = an_object(array(), program())
    spec.maps["counts"].pinning = Pinning.BY_NAME
    prepared = runtime.prepare(spec, pin_path=tmp_path / "pins", token=_token(kernel, tmp_path))
    assert (tmp_path / "pins" / "counts").exists()
    kernel.handlers[Cmd.TOKEN_CREATE] = lambda _: -errno.ENOENT
    with pytest.raises(FileNotFoundError, match="delegates nothing") as caught:
        prepared.load_programs()
    assert caught.value.__notes__ == ["object 'tests' was being loaded"]
    assert prepared.closed
    assert not (tmp_path / "pins").exists()


def _token(kernel: FakeKernel, path: Path) -> Path:
    kernel.handlers[Cmd.TOKEN_CREATE] = lambda _: kernel.descriptor()
    return path


def test_a_refusal_is_one_although_a_token_turns_up_between_the_steps(
    kernel: FakeKernel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(privileges, "in_user_namespace", lambda: True)
    monkeypatch.setenv(privileges.TOKEN_PATH, "")
    prepared = runtime.prepare(an_object(array(), program()))
    monkeypatch.setenv(privileges.TOKEN_PATH, str(_token(kernel, tmp_path)))
    kernel.handlers[Cmd.PROG_LOAD] = lambda _: -errno.EPERM
    with pytest.raises(PermissionError):
        prepared.load_programs()
    assert prepared.closed


class _Stuck:
    closed = False

    def __init__(self, stuck: bool) -> None:
        self.stuck = stuck

    def close(self) -> None:
        self.closed = True
        if self.stuck:
            raise PermissionError(errno.EPERM, "stays where it is")


def test_a_link_that_cannot_be_closed_does_not_keep_the_others() -> None:
    there = {name: _Stuck(name == "b") for name in "abc"}
    links = Links()
    links.take(there)  # type: ignore[arg-type]
    with pytest.raises(PermissionError, match="stays"):
        links.close()
    assert all(each.closed for each in there.values())
    assert not links


def test_threads_that_load_at_once_pass_on_each_its_own_token(kernel: FakeKernel) -> None:
    both_are_loading = threading.Barrier(2)

    def create(_: Attr) -> int:
        both_are_loading.wait(60)
        return kernel.descriptor()

    def load(name: str) -> tuple[str, int]:
        with open("/dev/null", "rb") as token:
            runtime.load(an_object(array(name), program(name=name)), token=token).close()
            return name, token.fileno()

    kernel.handlers[Cmd.MAP_CREATE] = create
    with ThreadPoolExecutor(2) as pool:
        given = dict(pool.map(load, ("one", "two"), timeout=60))
    maps = {
        attr.bytes[28:44].rstrip(b"\0").decode(): attr.u32(76) for attr in kernel.of(Cmd.MAP_CREATE)
    }
    programs = {
        attr.bytes[48:64].rstrip(b"\0").decode(): attr.u32(144) for attr in kernel.of(Cmd.PROG_LOAD)
    }
    assert maps == programs == given
    assert len(set(given.values())) == 2
