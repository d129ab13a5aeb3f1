"""Probes without a kernel, and the numbers of perf events on machines that are not here."""

from __future__ import annotations

import errno
import os
import sys
from types import SimpleNamespace

import pytest

from bpf2py.runtime import NotSupportedError, features
from bpf2py.runtime.links import perf_event as links
from bpf2py.runtime.loader import load
from bpf2py.runtime.syscalls import perf_event
from bpf2py.runtime.syscalls.fd import FD
from bpf2py.spec import ObjectSpec, ProgramSpec
from bpf2py.uapi import AttachType, Cmd, ProgType
from tests.runtime.bpf_code import NOTHING
from tests.runtime.conftest import Attr, FakeKernel

pytestmark = pytest.mark.usefixtures("no_open_files")


@pytest.mark.parametrize("probe", ["has_tcx", "has_perf_event_links"])
@pytest.mark.parametrize(
    ("code", "answer"), [(errno.EBADF, True), (errno.ENODEV, True), (errno.EINVAL, False)]
)
def test_a_probe_looks_at_how_the_kernel_refuses(
    kernel: FakeKernel, probe: str, code: int, answer: bool
) -> None:
    kernel.handlers[Cmd.LINK_CREATE] = lambda _: -code
    for _ in range(2):
        assert getattr(features, probe)() is answer
    assert len(kernel.of(Cmd.LINK_CREATE)) == 1  # yes and no are remembered


def test_a_probe_that_cannot_tell_raises_and_tries_again(kernel: FakeKernel) -> None:
    kernel.handlers[Cmd.PROG_LOAD] = lambda _: -errno.EPERM
    for _ in range(2):
        with pytest.raises(PermissionError):
            features.has_tcx()
    del kernel.handlers[Cmd.PROG_LOAD]
    kernel.handlers[Cmd.LINK_CREATE] = lambda _: -errno.ENODEV
    assert features.has_tcx()


@pytest.mark.parametrize(
    ("for_a_file", "for_a_pid", "answer"),
    [
        (errno.EBADF, errno.EINVAL, True),
        (errno.EBADF, errno.EBADF, False),  # before 6.10 a thread is looked for
        (errno.EINVAL, errno.EINVAL, False),
    ],
)
def test_links_for_many_uprobes_must_tell_processes_from_threads(
    kernel: FakeKernel, for_a_file: int, for_a_pid: int, answer: bool
) -> None:
    def create(attr: Attr) -> int:
        return -for_a_pid if attr.u32(56) else -for_a_file

    kernel.handlers[Cmd.LINK_CREATE] = create
    assert features.has_uprobe_multi() is answer


def test_usdt_programs_are_loaded_for_the_links_that_this_kernel_has(kernel: FakeKernel) -> None:
    program = ProgramSpec(name="p", section="usdt/a:b:c", prog_type=ProgType.KPROBE, insns=NOTHING)
    spec = ObjectSpec(
        name="o", byte_order=sys.byteorder, license="GPL", programs={program.name: program}
    )
    for refusal, expected in ((errno.EINVAL, AttachType.TRACE_UPROBE_MULTI), (errno.EBADF, 0)):
        features.has_uprobe_multi.cache_clear()

        def create(attr: Attr, code: int = refusal) -> int:
            return -code if attr.u32(56) else -errno.EBADF

        kernel.handlers[Cmd.LINK_CREATE] = create
        load(spec).close()
        assert kernel.of(Cmd.PROG_LOAD)[-1].u32(68) == expected


@pytest.mark.parametrize(
    ("machine", "set_bpf", "enable"),
    [
        ("x86_64", 0x40042408, 0x2400),
        ("aarch64", 0x40042408, 0x2400),
        ("ppc64le", 0x80042408, 0x20002400),
        ("mips64", 0x80042408, 0x20002400),
    ],
)
def test_ioctl_numbers_are_those_of_the_machine(
    monkeypatch: pytest.MonkeyPatch, machine: str, set_bpf: int, enable: int
) -> None:
    monkeypatch.setattr(os, "uname", lambda: SimpleNamespace(machine=machine))
    seen: list[tuple[int, int]] = []
    monkeypatch.setattr(
        "fcntl.ioctl", lambda fd, request, argument: seen.append((request, argument))
    )
    perf_event.set_bpf(5, 7, what="event")
    perf_event.enable(5, what="event")
    assert seen == [(set_bpf, 7), (enable, 0)]


def test_a_refused_perf_link_is_no_reason_for_the_old_way_where_links_exist(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.handlers[Cmd.LINK_CREATE] = lambda attr: (
        -errno.EBADF if attr.u32(4) == 0xFFFFFFFF else -errno.EINVAL
    )
    monkeypatch.setattr(
        perf_event, "set_bpf", lambda *_, **__: pytest.fail("the old way was tried")
    )
    with FD(kernel.descriptor()) as event, pytest.raises(OSError, match="this target"):
        links.attach_event(3, event, None, "program 'p'")


def test_without_perf_links_the_program_is_set_on_the_event_itself(
    kernel: FakeKernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    kernel.handlers[Cmd.LINK_CREATE] = lambda _: -errno.EINVAL
    steps: list[str] = []
    monkeypatch.setattr(perf_event, "set_bpf", lambda *_, **__: steps.append("set"))
    monkeypatch.setattr(perf_event, "enable", lambda *_, **__: steps.append("enable"))
    event = FD(kernel.descriptor())
    with links.attach_event(3, event, None, "program 'p'") as link:
        for use in (link.fileno, link.info, link.detach, lambda: link.pin("/sys/fs/bpf/link")):
            with pytest.raises(NotSupportedError, match=r"links for perf events .*5\.15"):
                use()
        assert not event.closed
    assert steps == ["set", "enable"]
    assert event.closed
